"""Every fault of the table, on both clouds and each of Bedrock's APIs, in every way to ask, as its row says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_case import Stage, staged
from fault_check import (
    cases_of,
    compare_once,
    compare_place,
    compare_retried,
    play_all,
    problems,
    retrying_cases_of,
)
from fault_page import PAGE, page
from fault_row import Row, Section
from fault_rows import ROWS, SECTIONS
from fault_wire import Endpoint

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Servers and an emulator, for all tests of the module."""
    with staged() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a host that does not exist be looked for here, not by a proxy."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(autouse=True)
def _no_script(stage: Stage) -> Iterator[None]:
    """Forget the good answers that nobody asked for."""
    yield
    stage.emulator.reset()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_has_the_outcome_of_its_row(stage: Stage, row: Row) -> None:
    """The exception and its fields, the requests, the partial answer, the connection.

    And every exception says where it happened: platform, model and region, in its fields and
    in its text.
    """
    played = play_all(stage, cases_of([row]))
    assert {case.cloud for case, _ in played} == set(row.clouds)
    assert problems(played, compare_once) == {}
    assert problems(played, compare_place) == {}


@pytest.mark.parametrize("cloud", ["vertex", "bedrock", "messages"])
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_a_request_is_sent_again_where_its_row_says_so(
    stage: Stage, section: Section, cloud: Endpoint
) -> None:
    """A fault that passes: the second request is answered, or there is none."""
    played = play_all(stage, retrying_cases_of(section.rows, [cloud]))
    assert problems(played, compare_retried) == {}


def test_names_of_rows_are_unique() -> None:
    """A name says which row is meant."""
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)


def test_every_row_says_what_to_do() -> None:
    """Nothing silent: an advice for each row, and a text to find in each exception of ours."""
    assert [row.name for row in ROWS if not row.advice] == []


def test_the_page_has_the_table_of_these_rows() -> None:
    """docs/reliability.md is what `make reliability` would write."""
    assert Path(PAGE).read_text(encoding="utf-8") == page(SECTIONS)
