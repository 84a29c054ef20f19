"""Schemas become what the API accepts, as the vendor's own client writes them."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
from anthropic import transform_schema as vendors_transform
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from langchain_claude_cloud.request.schema import has_open_object, transform_schema

_KEYWORDS = st.dictionaries(
    st.sampled_from(
        ["default", "minimum", "pattern", "maxLength", "examples", "format", "minItems"]
    ),
    st.sampled_from([0, 1, 3, "email", "date", "x"]),
    max_size=3,
)
_TEXTS = st.dictionaries(st.sampled_from(["title", "description"]), st.just("words"), max_size=2)
_SCALARS = st.one_of(
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(
        lambda kind: {"type": kind}
    ),
    st.just({"$ref": "#/$defs/Node"}),
    st.just({"enum": ["a", 1, None]}),
    st.just({"type": "string", "const": "x"}),
)


def _grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.builds(
        lambda fields, required: {
            "type": "object",
            "properties": fields,
            **({"required": list(fields)} if required else {}),
            "additionalProperties": True,
        },
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.booleans(),
    )
    arrays = inner.map(lambda items: {"type": "array", "items": items})
    unions = st.builds(
        lambda key, parts: {key: parts},
        st.sampled_from(["anyOf", "oneOf", "allOf"]),
        st.lists(inner, min_size=1, max_size=3),
    )
    return st.one_of(objects, arrays, unions)


SCHEMAS = st.builds(
    lambda schema, keywords, texts: {**keywords, **texts, **schema},
    st.recursive(_SCALARS, _grown, max_leaves=8),
    _KEYWORDS,
    _TEXTS,
)


@settings(max_examples=120, deadline=None)
@given(schema=SCHEMAS)
def test_it_is_what_the_vendors_client_sends(schema: dict[str, Any]) -> None:
    """Wherever theirs has an answer; and the given schema stays as it was."""
    before = copy.deepcopy(schema)
    assert transform_schema(schema) == vendors_transform(copy.deepcopy(schema))
    assert schema == before


class Leaf(BaseModel):
    """A leaf."""

    kind: Literal["a", "b"]
    size: int = Field(default=3, ge=0, description="How large")


class Tree(BaseModel):
    """A tree."""

    leaves: list[Leaf] = Field(min_length=2)
    parent: Tree | None = None


def test_models_that_refer_to_themselves_keep_their_references() -> None:
    """The API resolves them."""
    schema = transform_schema(Tree.model_json_schema())
    assert schema == vendors_transform(Tree)
    assert schema["$ref"] == "#/$defs/Tree"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {}),
        ({"properties": {"a": True}}, {
            "type": "object", "properties": {"a": {}}, "additionalProperties": False}),
        ({"items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "string", "format": "color"}, {"type": "string", "description": "{format: color}"}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": ["string", "null"], "maxLength": 3, "title": "T"}, {
            "title": "T",
            "anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}]}),
        ({"type": "object", "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, {
            "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}),
        ({"$ref": "#/definitions/A", "definitions": {"A": {"type": "object"}}}, {
            "$ref": "#/definitions/A",
            "definitions": {"A": {"type": "object", "properties": {}, "additionalProperties": False}}}),
    ],
)  # fmt: skip
def test_schemas_that_the_vendors_client_refuses(schema: Any, expected: Any) -> None:
    """They are common in hand-written schemas and have an obvious meaning."""
    assert transform_schema(schema) == expected


@pytest.mark.parametrize(
    ("schema", "is_open"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, True),
        ({"type": "object", "properties": {"a": {"type": "object"}}}, True),
        ({"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "object"}]}}, True),
        ({"type": "object", "properties": {"type": {"enum": ["object"]}}}, False),
        ({"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False}, True),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "null"}},
            True,
        ),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, False),
        ({"type": "object", "additionalProperties": False}, False),
        ({"type": ["object", "null"]}, True),
        ({"type": ["string", "null"]}, False),
        ({"type": "object", "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, False),
        ({"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, True),
        ({"allOf": [{"$ref": "#/$defs/A"}], "default": None}, False),
        ({"allOf": [{"type": "string"}, {"minLength": 3}]}, False),
        ({"allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {}}}]}, True),
        ({"type": "object", "properties": {"b": {}}, "allOf": [{"$ref": "#/$defs/A"}]}, True),
        ({"properties": {"b": {}}, "allOf": [{"properties": {"a": {}}}]}, True),
        ({"properties": {"a": {}}, "anyOf": [{"required": ["a"]}]}, True),
    ],
)
def test_a_map_is_found_wherever_it_is(schema: Any, is_open: Any) -> None:
    """It has keys that the schema does not name, which structured outputs cannot give."""
    assert has_open_object(schema) is is_open
