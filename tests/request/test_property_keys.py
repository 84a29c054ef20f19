"""Property keys that the API refuses are renamed, and named back however an answer arrives."""

from __future__ import annotations

import json

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


def test_names_are_readable_where_nothing_else_can_have_them() -> None:
    """A hash is added only where a name is taken."""
    wire = wire_keys(CLOSED)
    assert wire["first name"] == "first_name"
    assert wire["$filter"].startswith("filter_")


@pytest.mark.parametrize(
    "place", [{}, {"type": "object"}, {"type": "array"}, {"patternProperties": {"^x": TEXT}}]
)
def test_a_key_that_is_free_is_not_taken_for_a_renamed_one(place: dict[str, object]) -> None:
    """Whatever says that any keys may stand there."""
    keys = wire_keys({"type": "object", "properties": {"@id": TEXT, "any": place}})
    arguments = {keys["@id"]: "1", "any": [{"id": "kept"}]}
    own = {new: key for key, new in keys.items()}
    assert rename_keys(arguments, own) == {"@id": "1", "any": [{"id": "kept"}]}


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
