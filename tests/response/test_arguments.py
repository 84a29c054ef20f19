"""Strict at the end, forgiving in between: how tool arguments are read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from data import load_vector, needs_data
from hypothesis import given
from hypothesis import strategies as st

from langchain_claude_cloud.response.blocks import ArgumentsError, parse_arguments
from langchain_claude_cloud.response.tool_arguments import PartialJsonReader

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=5)

_DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def _suite() -> dict[str, str]:
    cases = (load_vector("json_test_suite.json") or {}).get("cases", [])
    decoded = {case["name"]: base64.b64decode(case["base64"]) for case in cases}
    return {name: data.decode("utf-8", "surrogateescape") for name, data in decoded.items()}


SUITE = _suite()
VALID = [name for name, raw in SUITE.items() if name[0] == "y" and raw.lstrip()[:1] == "{"]
BROKEN = [name for name, raw in SUITE.items() if name[0] == "n" and raw]


@needs_data
@pytest.mark.parametrize("name", VALID)
def test_every_valid_object_of_the_json_test_suite_is_taken(name: str) -> None:
    """All of them but those with a key twice, of which a tool call cannot mean both."""
    if name in _DUPLICATES:
        with pytest.raises(ArgumentsError, match="uplicate"):
            parse_arguments(SUITE[name])
    else:
        assert parse_arguments(SUITE[name]) == json.loads(SUITE[name])


@needs_data
@pytest.mark.parametrize("name", BROKEN)
def test_nothing_broken_of_the_json_test_suite_is_taken(name: str) -> None:
    """Broken text is refused with a reason, and shows nothing that raises while it streams."""
    with pytest.raises(ArgumentsError):
        parse_arguments(SUITE[name])
    assert isinstance(PartialJsonReader().feed(SUITE[name]), dict)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('{"a": 1', "malformed"),
        ('{"a": 1} x', "trailing"),
        ('{"a": NaN}', "character"),
        ('{"a": 1e400}', "beyond the range"),
        ('{"a": [{"b": -1E+309}]}', "beyond the range"),
        ('{"a": ' + "9" * 400 + ".5}", "beyond the range"),
        ('{"a": "\\ud800"}', "hex escape"),
        ("[1]", "object was expected, not list"),
        (" ", "malformed"),
        ('{"a":' * 500, "ecursion"),
        ('{"ä": "öü" "x"}', "character 12"),
    ],
)
def test_a_refusal_says_what_is_wrong(raw: str, reason: str) -> None:
    """The reason is one that a model or a person can act on."""
    with pytest.raises(ArgumentsError, match=reason):
        parse_arguments(raw)


def test_no_text_is_no_arguments() -> None:
    """A call without arguments streams nothing but an empty fragment."""
    assert parse_arguments("") == {}


@given(OBJECTS)
def test_whole_arguments_come_out_as_they_went_in(value: dict[str, Any]) -> None:
    """Any object survives, escaped or not."""
    assert parse_arguments(json.dumps(value)) == value
    assert parse_arguments(json.dumps(value, ensure_ascii=False)) == value


@given(OBJECTS, st.data())
def test_no_prefix_of_whole_arguments_is_whole(value: dict[str, Any], data: st.DataObject) -> None:
    """A cut at any character is refused; what is shown of it never raises."""
    raw = json.dumps(value)
    cut = data.draw(st.integers(1, len(raw) - 1))
    with pytest.raises(ArgumentsError):
        parse_arguments(raw[:cut])
    assert isinstance(PartialJsonReader().feed(raw[:cut]), dict)


@given(st.text(max_size=60))
def test_any_text_is_arguments_or_a_reason(raw: str) -> None:
    """No text raises anything but the one error."""
    try:
        result: object = parse_arguments(raw)
    except ArgumentsError as error:
        result = str(error)
    assert result == {} or result


def test_an_open_string_is_shown_as_far_as_it_is_written() -> None:
    """That is what lets an interface show a file while the model writes it."""
    assert PartialJsonReader().feed('{"path": "a.md", "content": "half a fi') == {
        "path": "a.md",
        "content": "half a fi",
    }
