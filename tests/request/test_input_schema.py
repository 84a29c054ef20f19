"""The schemas of tools become ones that the API takes, whoever wrote them."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from langchain_claude_cloud.request.input_schema import read_input_schema
from langchain_claude_cloud.request.schema import modern_schema
from langchain_claude_cloud.request.schema_keywords import UnfitSchemaError

TEXT = {"type": "string"}


class InputSchema(NamedTuple):
    """What `read_input_schema` returns."""

    schema: Any
    rules: str
    notes: list[str]


def read(schema: Any) -> InputSchema:
    """Return a schema as the API takes it; the one given must stay as it was."""
    before = copy.deepcopy(schema)
    found = InputSchema(*read_input_schema(schema))
    assert schema == before
    Draft202012Validator.check_schema(found.schema)
    assert found.schema["type"] == "object"
    assert not found.schema.keys() & {"anyOf", "oneOf", "allOf"}
    return found


def properties(schema: Any) -> Any:
    """Return the properties of a schema as the API takes it."""
    return read(schema).schema["properties"]


@pytest.mark.parametrize("given", [None, {}, True, [], {"type": "object"}, {"properties": None}])
def test_a_tool_without_arguments(given: Any) -> None:
    """However its server says so."""
    assert read(given).schema == {"type": "object", "properties": {}}


@pytest.mark.parametrize("union", ["anyOf", "oneOf"])
def test_arguments_of_which_one_is_needed(union: str) -> None:
    """The commonest form of servers: it stays in words."""
    found = read(
        {
            "type": "object",
            "properties": {"id": TEXT, "slug": TEXT, "k": TEXT},
            "required": ["k"],
            union: [{"required": ["id"]}, {"required": ["slug", "k"]}],
        }
    )
    assert found.schema["properties"] == {"id": TEXT, "slug": TEXT, "k": TEXT}
    assert found.schema["required"] == ["k"]
    assert "`id` is given" in found.rules
    assert "`slug` is given" in found.rules
    assert ("exactly one" in found.rules) is (union == "oneOf")


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="a tool with alternatives at the root is dropped with a warning"
)
def test_alternatives_of_a_root_become_one_object() -> None:
    """With every property that one of them has; required is what all of them require."""
    found = read(
        {
            "$defs": {"B": {"type": "object", "properties": {"b": TEXT}, "required": ["b", "k"]}},
            "properties": {"k": TEXT},
            "anyOf": [
                {"type": "object", "properties": {"a": TEXT}, "required": ["a", "k"]},
                {"$ref": "#/$defs/B"},
                {"type": "null"},
            ],
        }
    )
    assert found.schema["properties"] == {"k": TEXT, "a": TEXT, "b": TEXT}
    assert "required" not in found.schema


def test_parts_that_must_all_hold_become_one_object() -> None:
    """With all that they require."""
    parts = [
        {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
        {"properties": {"b": TEXT}, "required": ["b"]},
    ]
    found = read({"allOf": parts})
    assert found.schema["required"] == ["a", "b"]
    assert not found.rules


def test_definitions_that_the_root_took_over_are_not_sent_again() -> None:
    """Zod names a schema by a reference at the root; a copy of the tool is sent as the tool is."""
    thing = {"type": "object", "properties": {"a": {"$ref": "#/definitions/A"}}}
    a = {"type": "object", "properties": {"b": {"$ref": "#/definitions/B"}}}
    definitions = {"Thing": thing, "A": a, "B": {"type": "string"}, "C": {"type": "null"}}
    sent = read_input_schema({"$ref": "#/definitions/Thing", "definitions": definitions})[0]
    assert sent["$defs"].keys() == {"A", "B"}
    assert json.dumps(sent) == json.dumps(read_input_schema(sent)[0])
    answer = modern_schema({"$ref": "#/definitions/Thing", "definitions": definitions})
    assert answer["$defs"] == sent["$defs"]
    union = [{"$ref": "#/definitions/Thing"}, {"$ref": "#/definitions/A"}]
    given = {"oneOf": union, "discriminator": {"propertyName": "a"}, "definitions": definitions}
    assert read_input_schema(given)[0].keys() == {"type", "properties", "$defs"}


def test_variants_told_apart_by_a_constant() -> None:
    """The property that tells them apart takes all of their values."""
    variants = [
        {"properties": {"kind": {"const": kind}, kind: TEXT}, "required": ["kind", kind]}
        for kind in ("url", "path")
    ]
    found = read({"oneOf": variants})
    assert found.schema["properties"]["kind"] == {"anyOf": [{"const": "url"}, {"const": "path"}]}
    assert found.schema["required"] == ["kind"]
    assert '`kind` is "url" and `url` is given' in found.rules


def test_conditions_at_the_root_become_words() -> None:
    """Also those in `allOf`, and a property that only a branch has is kept."""
    condition = {
        "if": {"properties": {"mode": {"const": "page"}}},
        "then": {"required": ["size"], "properties": {"size": {"type": "integer"}}},
        "else": {"required": ["cursor"]},
    }
    for schema in (condition, {"allOf": [condition]}):
        found = read({"type": "object", "properties": {"mode": TEXT}, **schema})
        assert found.schema == {
            "type": "object",
            "properties": {"mode": TEXT, "size": {"type": "integer"}},
        }
        assert list(found.schema["properties"]) == ["mode", "size"]  # as declared
        assert 'If `mode` is "page", then `size` is given.' in found.rules
        assert 'Unless `mode` is "page", then `cursor` is given.' in found.rules


@pytest.mark.parametrize(
    ("alternatives", "says"),
    [
        ([{"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"required": ["c"]}],
         "(1) `a` is given and `b` is given; (2) `c` is given."),
        ([{"required": ["a"], "not": {"anyOf": [{"required": ["b"]}, {"required": ["c"]}]}},
          {"required": ["b"]}],
         "(1) `a` is given and not: `b` is given or `c` is given; (2) `b` is given."),
        ([{"properties": {"a": {"const": 1}}, "oneOf": [{"required": ["b"]}, {"required": ["c"]}]},
          {"required": ["c"]}],
         "(1) `a` is 1 and `b` is given or `c` is given; (2) `c` is given."),
        ([{"not": True}, {"required": ["a"]}, {"required": ["b"]}],
         "(1) `a` is given; (2) `b` is given."),
    ],
)  # fmt: skip
def test_alternatives_within_alternatives_are_told_in_place(alternatives: Any, says: str) -> None:
    """Numbers within numbers would be read as one list; nothing of what they ask is lost."""
    assert read({"type": "object", "anyOf": alternatives}).rules.endswith(says)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"minimum": 3, "exclusiveMinimum": True}, {"exclusiveMinimum": 3}),
        ({"maximum": 3, "exclusiveMaximum": False}, {"maximum": 3}),
        ({"exclusiveMinimum": True}, {}),
        ({"type": "string", "required": True}, {"type": "string"}),
        ({"type": "object", "required": None}, {"type": "object"}),
        ({"type": "object", "properties": None}, {"type": "object"}),
        ({"type": "object", "properties": []}, {"type": "object", "properties": {}}),
        ({"required": ["a", "a", 3]}, {"required": ["a"]}),
        ({"items": [TEXT], "additionalItems": False}, {"prefixItems": [TEXT], "items": False}),
        ({"type": "array", "items": "string"}, {"type": "array", "items": TEXT}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "String"}, TEXT),
        ({"type": "any"}, {}),
        ({"type": ["string", "null", "string"]}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"type": "string", "minLength": "3"}, {"type": "string", "minLength": 3}),
        ({"type": "string", "maxLength": -1}, TEXT),
        ({"enum": []}, {}),
        ({"$recursiveRef": "#/$defs/missing"}, {}),
        ({"type": "array", "items": {"not": []}}, {"type": "array", "items": {"not": {}}}),
        (["string", "null"], {"type": ["string", "null"]}),
        ([], {}),
        ({"pattern": "a{0,4294967296}"}, {"description": "Pattern: a{0,4294967296}"}),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
        ({"dependencies": {"a": "b"}}, {"dependentRequired": {"a": ["b"]}}),
        ({"dependentRequired": {"a": "b"}}, {"dependentRequired": {"a": ["b"]}}),
        ({"required": "a"}, {"required": ["a"]}),
        ({"dependencies": {"a": TEXT}}, {"dependentSchemas": {"a": TEXT}}),
        (
            {"dependentRequired": {"a": ["b"]}, "dependencies": {"c": ["d"]}},
            {"dependentRequired": {"a": ["b"], "c": ["d"]}},
        ),
        ({"default": None, "description": None, "const": None}, {"default": None, "const": None}),
        ({"description": 3}, {"description": "3"}),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "id": "x"}, {}),
        ({"x-order": 1, "example": "e"}, {"x-order": 1, "example": "e"}),
        (None, {}),
        (True, {}),
        (False, {"not": {}}),
    ],
)
def test_forms_of_older_drafts_and_of_no_draft(given: Any, expected: Any) -> None:
    """What they mean is kept."""
    assert properties({"properties": {"p": given}}) == {"p": expected}
    assert properties({"properties": {"l": {"items": {"anyOf": [given, TEXT]}}}}) == {
        "l": {"items": {"anyOf": [expected, TEXT]}}
    }


def test_a_property_that_says_that_it_is_required() -> None:
    """As draft 3 has it; the object says it today."""
    found = read({"properties": {"a": {**TEXT, "required": True}, "b": TEXT}})
    assert found.schema["required"] == ["a"]


@pytest.mark.parametrize(
    "reference",
    [
        "#/$defs/T",
        "#/definitions/T",
        "#/properties/first",
        "#anchor",
        "https://x.example/s#/$defs/T",
    ],
)
def test_references_of_every_form_are_followed(reference: str) -> None:
    """They lead to definitions, which are kept."""
    found = read(
        {
            "$id": "https://x.example/s",
            "$defs": {"T": TEXT, "unused": {}, "A": {"$anchor": "anchor", **TEXT}},
            "definitions": {"T": TEXT},
            "properties": {"first": TEXT, "second": {"$ref": reference, "description": "d"}},
        }
    )
    name = found.schema["properties"]["second"]["$ref"].rpartition("/")[2]
    assert found.schema["properties"]["second"]["description"] == "d"
    assert found.schema["$defs"] == {name: TEXT}


def test_a_schema_that_refers_to_itself_keeps_its_type() -> None:
    """At any place, the root included."""
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": TEXT}}
    found = read(node)
    assert found.schema["properties"]["v"] == TEXT
    name = found.schema["properties"]["next"]["$ref"].rpartition("/")[2]
    assert found.schema["$defs"][name]["properties"]["v"] == TEXT
    tree = read({"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"k": {"$ref": "#/$defs/N"}}}}})
    assert tree.schema["properties"] == {"k": {"$ref": "#/$defs/N"}}


@pytest.mark.parametrize("union", ["anyOf", "oneOf", "allOf"])
def test_a_root_that_is_an_alternative_of_itself_is_read_once(union: str) -> None:
    """Twice two alternatives at each of its levels would take hours."""
    itself = [{"$ref": "#"}, {"$ref": "#/$defs/A"}, {"properties": {"b": TEXT}}]
    found = read({"properties": {"a": TEXT}, union: itself, "$defs": {"A": {union: itself}}})
    assert found.schema["properties"] == {"a": TEXT, "b": TEXT}


@pytest.mark.parametrize("union", ["anyOf", "oneOf", "allOf"])
def test_alternatives_with_the_same_alternatives_are_read_to_some_depth(union: str) -> None:
    """Twice two of them at each of thirty levels would take hours."""
    parts = {f"d{n}": {union: [{"$ref": f"#/$defs/d{n + 1}"}, {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}]}]}
             for n in range(30)}  # fmt: skip
    root = {"properties": {"a": TEXT}, union: [{"$ref": "#/$defs/d0"}]}
    found = read({**root, "$defs": {**parts, "d30": {"properties": {"z": TEXT}}}})
    assert found.schema["properties"] == {"a": TEXT, "z": TEXT}


@pytest.mark.parametrize("union", ["anyOf", "oneOf", "allOf"])
def test_alternatives_within_alternatives_are_read_however_deep(union: str) -> None:
    """An object that inherits from others over many levels keeps all that they name."""
    parent: Any = {"properties": {"p0": TEXT}, "required": ["p0"]}
    for n in range(1, 15):
        own = {"properties": {f"p{n}": TEXT}, "required": [f"p{n}"]}
        parent = {"allOf": [{union: [parent]}, own]}
    assert sorted(read(parent).schema["required"]) == sorted(f"p{n}" for n in range(15))
    definitions = {
        f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}, {"properties": {f"p{n}": TEXT}}]}
        for n in range(15)
    }
    found = read({"$ref": "#/$defs/D0", "$defs": {**definitions, "D15": {"properties": {}}}})
    assert len(found.schema["properties"]) == 15


@pytest.mark.parametrize("broken", [5, {"properties": {"x": 5}}, {"properties": "x"}])
def test_a_definition_that_is_no_schema_takes_any_value(broken: Any) -> None:
    """The rest of the tool is as it was, and a note says which."""
    found = read({"properties": {"a": {"$ref": "#/$defs/X"}, "b": TEXT}, "$defs": {"X": broken}})
    assert found.schema["properties"]["b"] == TEXT
    assert found.schema["$defs"] == {"X": {}}
    assert found.notes[0].startswith("X")


def test_references_may_be_followed_without_end() -> None:
    """Only what is written within each other has a limit of depth."""
    parts: Any = {f"d{n}": {"properties": {"v": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(200)}
    found = read({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, "d200": TEXT}})
    assert not found.notes
    assert found.schema["$defs"]["d200"] == TEXT


@pytest.mark.parametrize(
    "loop",
    [
        {"$ref": "#/$defs/A"},
        {"allOf": [{"anyOf": [TEXT, {"$ref": "#/$defs/A"}]}]},
        {"not": {"$ref": "#/properties/a"}},
        {"dependentSchemas": {"x": {"$ref": "#/$defs/A"}}},
    ],
)
def test_a_schema_that_stands_for_itself_takes_any_value(loop: Any) -> None:
    """A check of values by it would never end."""
    found = read({"properties": {"a": {"$ref": "#/$defs/A"}, "b": TEXT}, "$defs": {"A": loop}})
    assert "refers to itself without end" in found.notes[0]
    assert found.schema["properties"]["b"] == TEXT
    assert Draft202012Validator(found.schema).is_valid({"a": {"x": 1}, "b": "t"})


@pytest.mark.parametrize("place", [{}, {"$id": "https://x.example/other"}, {"$id": "other"}])
def test_definitions_of_a_part_are_found(place: Any) -> None:
    """A class's own schema is put into another as it is; bundles have an id for each part."""
    part = {**place, "properties": {"i": {"$ref": "#/$defs/I"}}, "$defs": {"I": {"properties": {
        "v": {"$ref": "#/$defs/V"}}}, "V": TEXT}}  # fmt: skip
    found = read({"$id": "https://x.example/root", "properties": {"a": part}})
    assert not found.notes
    assert found.schema["$defs"] == {"I": {"properties": {"v": {"$ref": "#/$defs/V"}}}, "V": TEXT}


@pytest.mark.parametrize(
    "reference",
    ["#/$defs/missing", "#/$defs/null", "https://x.example/other.json", "file.json"],
)
def test_a_reference_that_leads_nowhere_takes_any_value(reference: str) -> None:
    """With a note that names it."""
    definitions = {"null": None}
    found = read({"$defs": definitions, "properties": {"a": {"$ref": reference}, "b": TEXT}})
    assert found.schema["properties"] == {"a": {}, "b": TEXT}
    assert reference in found.notes[0]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "array"}, "no object.*into a property"),
        ({"type": ["string", "null"]}, "into a property"),
        ({"anyOf": [TEXT]}, "no object.*into a property"),
        ({"properties": {"a": {"properties": [1]}}}, r"input_schema\.properties\.a\.properties"),
        ({"properties": {"a": 3}}, r"input_schema\.properties\.a is 3"),
        ("string", "no object"),
        (3, "no JSON schema"),
    ],
)
def test_what_cannot_be_sent_says_where(schema: Any, says: str) -> None:
    """The path names the key."""
    with pytest.raises(UnfitSchemaError, match=says):
        read_input_schema(schema)


def test_a_schema_that_is_nested_without_end_is_refused() -> None:
    """By a limit of ours, far below Python's."""
    schema: Any = {}
    for _ in range(5_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(UnfitSchemaError, match="levels deep"):
        read_input_schema({"properties": {"a": schema}})
    values: tuple[Any, ...] = (schema, {"a": [[[{}]] * 2] * 2})
    for value in values:  # only hints: one too deep is left out
        found = InputSchema(*read_input_schema({"properties": {"a": {**TEXT, "default": value}}}))
        assert ("default" in found.schema["properties"]["a"]) is (value is not schema)
