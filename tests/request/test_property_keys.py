"""Property keys that the API refuses are renamed, and named back however an answer arrives."""

from __future__ import annotations

import json
import re

import pytest

from langchain_claude_cloud.request.tool_names import (
    KeyRenamer,
    rename_keys,
    wire_keys,
    wire_schema,
)

TEXT = {"type": "string"}
CLOSED = {"type": "object", "properties": {"$filter": TEXT, "first name": TEXT, "filter": TEXT}}
OPEN = {
    "type": "object",
    "properties": {"$filter": TEXT, "labels": {"type": "object", "additionalProperties": TEXT}},
}

OWN = {new: key for key, new in wire_keys(OPEN).items()}


def test_new_keys_are_readable_and_nobody_elses() -> None:
    """A hash of the key is at their end, so that no free key is taken for one of them."""
    keys = wire_keys(CLOSED)
    assert all(re.fullmatch(r"(first_name|filter)_[0-9a-f]{8}", key) for key in keys.values())
    assert wire_keys({"properties": {"k" * 80: TEXT}})["k" * 80][:56] == "k" * 55 + "_"
    own = {new: key for key, new in keys.items()}
    arguments = {keys["$filter"]: "1", "any": [{"filter": "kept"}]}
    assert rename_keys(arguments, own) == {"$filter": "1", "any": [{"filter": "kept"}]}


@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_streamed_keys_are_named_back_wherever_the_text_is_cut(space: str) -> None:
    """Values that look like keys stay, and so does everything else."""
    (key,) = OWN
    value = f'a \\"{key}\\": b'
    text = f'{{"{key}"{space}:{space}"{value}","labels":{{"x":"{key}","filter":"{key[:3]}"}}}}'
    expected = json.dumps(
        {"$filter": json.loads(f'"{value}"'), "labels": {"x": key, "filter": key[:3]}}
    )
    for size in range(1, 12):
        renamer = KeyRenamer(OWN)
        parts = [renamer.feed(text[n : n + size]) for n in range(0, len(text), size)]
        assert json.loads("".join(parts) + renamer.close()) == json.loads(expected)


def test_a_value_is_not_held_back() -> None:
    """Only what may be one of the renamed keys waits."""
    renamer = KeyRenamer(OWN)
    assert renamer.feed('{"labels": {"city": "Par') == '{"labels": {"city": "Par'
    assert renamer.feed("is") == "is"


def test_the_schema_says_what_the_tool_itself_calls_a_key() -> None:
    """And names it everywhere alike."""
    schema = {**OPEN, "required": ["$filter"], "dependentRequired": {"labels": ["$filter"]}}
    (key,) = OWN
    sent = wire_schema(schema, wire_keys(schema))
    assert "'$filter'" in sent["properties"][key]["description"]
    assert sent["required"] == sent["dependentRequired"]["labels"] == [key]
    assert "$filter" in schema["properties"]
