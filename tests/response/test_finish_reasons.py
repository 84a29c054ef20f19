"""The reason why an answer ended, under the names that langchain-core 1.8.4 reads."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.version import Version

from langchain_claude_cloud.response.message import HAS_FINISH_FIELDS, finish_fields


@pytest.mark.parametrize(
    ("stop_reason", "normalized"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("tool_use", "tool_call"), ("refusal",) * 2],
)
def test_a_reason_that_core_knows_is_normalized(stop_reason: str, normalized: str) -> None:
    """Claude's own word stays beside it."""
    expected = {"finish_reason": stop_reason, "normalized_finish_reason": normalized}
    assert finish_fields(stop_reason) == expected


def test_another_reason_is_passed_on_as_it_is() -> None:
    """No name is guessed for it; without a reason there is nothing."""
    assert finish_fields("max_tokens") == {"finish_reason": "max_tokens"}
    assert finish_fields(None) == {}


def test_the_fields_are_there_where_core_reads_them() -> None:
    """From 1.8.4 on; an older core shows them to nobody."""
    installed = Version(metadata.version("langchain-core"))
    assert (installed >= Version("1.8.4")) == HAS_FINISH_FIELDS
