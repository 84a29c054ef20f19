"""Schemas of every form: lists, unions, references, recursion, generic classes, maps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypeVar

import pytest
from clouds import make_model
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from pydantic import AfterValidator, BaseModel, Field, RootModel
from typing_extensions import TypeAliasType, TypedDict

from langchain_claude_cloud.chat_models.output_schema import OutputSchema
from langchain_claude_cloud.chat_models.structured_output import StructuredOutputError
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

ItemT = TypeVar("ItemT")


class Node(BaseModel):
    """A node of a tree."""

    name: str
    children: list[Node] = []


class Page(BaseModel, Generic[ItemT]):
    """A page of a list."""

    items: list[ItemT]


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str


def _loud(dog: Dog) -> Dog:
    return dog.model_copy(update={"name": dog.name.upper()})


class Pet(RootModel[Cat | Dog]):
    """A pet."""


class Trip(TypedDict):
    """A trip."""

    to: str
    by: NotRequired[str]


class Color(Enum):
    """A colour."""

    RED = "red"


@dataclass
class Chain:
    """A chain."""

    next: Chain | None = None
    tags: list[str] = field(default_factory=list)


class Point(NamedTuple):
    """A point."""

    x: int
    y: int = 0


Score = NewType("Score", int)
Cats = TypeAliasType("Cats", list[Cat])
Several = TypeAliasType("Several", list[ItemT], type_params=(ItemT,))
Numbers = RootModel[list[int]]
Scores = RootModel[dict[str, int]]
TREE = {"name": "a", "children": [{"name": "b", "children": []}]}
UNION = {
    "title": "U",
    "anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
    ],
}
LIST = {"title": "xs", "type": "array", "items": {"type": "integer"}}
BARE = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}

CASES: dict[str, tuple[Any, Any, Any]] = {
    "a recursive class": (Node, TREE, Node.model_validate(TREE)),
    "its JSON schema, a reference at the root": (Node.model_json_schema(), TREE, TREE),
    "a list at the root": (Numbers, {"value": [1, 2]}, Numbers([1, 2])),
    "a JSON schema of a list": (LIST, {"value": [1, 2]}, [1, 2]),
    "a generic class": (Page[int], {"items": [1]}, Page[int](items=[1])),
    "a union of classes": (
        Pet,
        {"value": {"kind": "cat", "lives": 9}},
        Pet(Cat(kind="cat", lives=9)),
    ),
    "a plain union of classes": (
        Cat | Dog,
        {"value": {"kind": "dog", "name": "Rex"}},
        Dog(kind="dog", name="Rex"),
    ),
    "a plain list of classes": (
        list[Cat],
        {"value": [{"kind": "cat", "lives": 9}]},
        [Cat(kind="cat", lives=9)],
    ),
    "a TypedDict with a key that may be missing": (Trip, {"to": "Porto"}, {"to": "Porto"}),
    "a JSON schema of a union": (UNION, {"value": {"b": 1}}, {"b": 1}),
    "a schema without a title": (BARE, {"a": "x"}, {"a": "x"}),
    "OpenAI's form": ({"name": "n", "schema": BARE, "strict": True}, {"a": "x"}, {"a": "x"}),
    "OpenAI's response format": (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": BARE}},
        {"a": "x"},
        {"a": "x"},
    ),
    "a type of values": (Decimal, {"value": "1.5"}, "1.5"),
    "a list of anything": (list, {"value": [1]}, [1]),
    "an enumeration": (Color, {"value": "red"}, "red"),
    "a named tuple": (Point, {"x": 1}, {"x": 1}),
    "a new type": (Score, {"value": 3}, 3),
    "a type alias": (
        Cats,
        {"value": [{"kind": "cat", "lives": 9}]},
        [Cat(kind="cat", lives=9)],
    ),
    "a generic type alias": (Several[int], {"value": ["1"]}, [1]),
    "a class with a check beside it": (
        Annotated[Dog, AfterValidator(_loud)],
        {"kind": "dog", "name": "Rex"},
        Dog(kind="dog", name="REX"),
    ),
    "a dataclass that holds itself": (Chain, {"next": {"next": None}}, {"next": {"next": None}}),
}
MAPS: dict[str, tuple[Any, Any, Any]] = {
    "a map at the root": (Scores, {"a": 1}, Scores({"a": 1})),
    "a JSON schema of a map": (
        {"title": "m", "type": "object", "additionalProperties": {"type": "integer"}},
        {"a": 1},
        {"a": 1},
    ),
}
METHODS = [None, "json_schema", "function_calling", "json_mode"]
RECURSIVE = {
    "a recursive class",
    "a dataclass that holds itself",
    "its JSON schema, a reference at the root",
}
COMBINATIONS = [
    (kind, method)
    for kind in CASES
    for method in METHODS
    if kind not in RECURSIVE or method in (None, "function_calling")
]


def _answer(emulator: CloudEmulator, schema: Any, value: Any, *, by_tool: bool) -> None:
    if by_tool:
        emulator.reply(tool_use(OutputSchema.of(schema).name, value), chunk=3, times=2)
    else:
        emulator.reply(text(json.dumps(value)), chunk=3, times=2)


@pytest.mark.parametrize(("kind", "method"), COMBINATIONS)
def test_a_schema_of_any_form_gives_its_value(
    emulator: CloudEmulator, cloud: str, kind: str, method: Any
) -> None:
    """However it is asked for, at once and as a stream; the cloud takes what is sent."""
    schema, written, expected = CASES[kind]
    model = make_model(emulator, cloud)
    asked = model.with_structured_output(schema, method=method)
    by_tool = method == "function_calling" or kind in RECURSIVE
    _answer(emulator, schema, written, by_tool=by_tool)
    assert asked.invoke("Go.") == expected
    values = list(asked.stream("Go."))
    assert values[-1] == expected
    assert all(isinstance(value, type(expected)) for value in values)


class Described:
    """A class that has no JSON schema."""


class Undescribed(TypedDict):
    """A dict with one."""

    value: Described


@pytest.mark.parametrize(
    "schema",
    [
        *(None, 5, "Node", object(), type, Undescribed),
        *({"parameters": 5, "name": "f"}, {"properties": 5}, {"toolSpec": 3}),
    ],
)
def test_what_is_no_schema_is_refused(emulator: CloudEmulator, schema: Any) -> None:
    """When it is given, with what would be one, said once."""
    with pytest.raises(InvalidInputError, match="Give a pydantic") as caught:
        make_model(emulator, "vertex").with_structured_output(schema)
    assert str(caught.value).count("Give a") == 1


@pytest.mark.parametrize("schema", [Node, Node.model_json_schema()], ids=["class", "dict"])
def test_a_recursive_schema_goes_by_a_tool(
    emulator: CloudEmulator, cloud: str, schema: Any
) -> None:
    """Structured outputs take none; it is never sent as one, and its types are kept."""
    asked = make_model(emulator, cloud).with_structured_output(schema, method="json_schema")
    emulator.reply(tool_use("answer_as_structured_output", TREE))
    found = asked.invoke("Go.")
    assert (found.model_dump() if isinstance(found, Node) else found) == TREE
    (sent,) = [request.body for request in emulator.requests]
    assert "output_config" not in sent
    (tool,) = sent["tools"]
    assert tool["input_schema"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}


@pytest.mark.parametrize("kind", MAPS)
def test_a_map_goes_by_a_tool_or_is_refused_with_the_way_out(
    emulator: CloudEmulator, cloud: str, kind: str
) -> None:
    """Where the API's own way was asked for, nothing is sent."""
    schema, written, expected = MAPS[kind]
    model = make_model(emulator, cloud)
    for method in (None, "function_calling"):
        emulator.reply(tool_use(OutputSchema.of(schema).name, written))
        assert model.with_structured_output(schema, method=method).invoke("Go.") == expected
    sent = len(emulator.requests)
    with pytest.raises(InvalidInputError, match="function_calling"):
        model.with_structured_output(schema, method="json_schema").invoke("Go.")
    assert len(emulator.requests) == sent


@pytest.mark.parametrize(
    ("schema", "value", "where"),
    [
        (BARE, {"a": 1}, r"\$\.a"),
        (BARE, {}, "'a' is a required property"),
        (LIST, {"value": [1, "x"]}, r"\$\[1\]"),
        (LIST, {"a": 1}, "'value'"),
        (UNION, {"value": {"c": 1}}, "value|required|valid"),
    ],
)
def test_a_value_that_does_not_fit_a_dict_schema_is_an_error(
    emulator: CloudEmulator, cloud: str, schema: Any, value: Any, where: str
) -> None:
    """Dicts are checked as classes are; the message says where."""
    model = make_model(emulator, cloud)
    emulator.reply(text(json.dumps(value)))
    with pytest.raises(StructuredOutputError, match=where):
        model.with_structured_output(schema, method="json_schema").invoke("Go.")


class Label(BaseModel):
    """A label."""

    label: str
    note: str | None = None


class Labels(BaseModel):
    """Labels."""

    items: list[Label]
    extra: dict[str, list[int]] | None = None
    raw: str = ""


@pytest.mark.parametrize("schema", [Labels, Labels.model_json_schema()], ids=["class", "dict"])
def test_json_in_strings_is_decoded_where_only_lists_and_objects_fit(
    emulator: CloudEmulator, cloud: str, schema: Any
) -> None:
    """Models do that at times; a text that looks like JSON stays a text."""
    written = {
        "items": '[{"label": "[1]"}, "{\\"label\\": \\"b\\"}"]',
        "extra": '{"a": "[1, 2]"}',
        "raw": '["a"]',
    }
    emulator.reply(tool_use("Labels", written))
    asked = make_model(emulator, cloud).with_structured_output(schema, method="function_calling")
    found = asked.invoke("Go.")
    plain = found.model_dump(exclude_unset=True) if isinstance(found, Labels) else found
    assert plain == {
        "items": [{"label": "[1]"}, {"label": "b"}],
        "extra": {"a": [1, 2]},
        "raw": '["a"]',
    }


def test_an_agent_gets_a_recursive_response(emulator: CloudEmulator, cloud: str) -> None:
    """`create_agent` asks for the schema natively; it goes by a tool, and comes back as text."""
    agent = create_agent(make_model(emulator, cloud), response_format=Node)
    emulator.reply(tool_use("answer_as_structured_output", TREE))
    found = agent.invoke({"messages": [("human", "Go.")]})
    assert found["structured_response"] == Node.model_validate(TREE)


class Priced(BaseModel):
    """Prices by name."""

    prices: dict[str, int] = Field(alias="$prices")
    box: tuple[int, str]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Priced, {"$prices": {"tea": 3}, "box": [1, "a"]}),
        (Pet, {"kind": "cat", "lives": 9}),
        (UNION, {"b": 1}),
        ({**BARE, "title": "Either", "anyOf": [{"required": ["a"]}]}, {"a": "x"}),
    ],
    ids=["map", "alternatives", "dict", "alternatives beside properties"],
)
def test_an_agents_schema_goes_by_a_tool_where_the_format_cannot_give_it(
    emulator: CloudEmulator, cloud: str, schema: Any, value: Any
) -> None:
    """The tool has the schema as it is; the answer comes back under the schema's own keys."""
    model = make_model(emulator, cloud)
    agent = create_agent(model, response_format=ProviderStrategy(schema))
    is_dict = isinstance(schema, dict)
    as_dict = schema if is_dict else schema.model_json_schema()
    asked = {"type": "json_schema", "json_schema": {"schema": as_dict}}
    model.invoke("Go.", response_format=asked)
    (tool,) = emulator.requests[-1].body["tools"]
    properties = tool["input_schema"]["properties"]
    wire = dict(value)
    if schema is Priced:
        (key,) = properties.keys() - {"box"}
        wire[key] = wire.pop("$prices")
        assert properties[key]["additionalProperties"] == {"type": "integer"}
        assert properties["box"]["prefixItems"]
    emulator.reply(tool_use("answer_as_structured_output", wire))
    found = agent.invoke({"messages": [("human", "Go.")]})["structured_response"]
    assert (found if is_dict else found.model_dump(by_alias=True, mode="json")) == value
    emulator.reply(tool_use("answer_as_structured_output", wire))
    chunks = list(model.stream("Go.", response_format=asked))
    assert json.loads("".join(chunk.text for chunk in chunks)) == value


@pytest.mark.parametrize("schema", [Page[int]])
def test_an_agent_gets_an_instance_of_a_generic_class(
    emulator: CloudEmulator, cloud: str, schema: Any
) -> None:
    """Its name has brackets, which a tool's name may not have."""
    agent = create_agent(make_model(emulator, cloud), response_format=schema)
    emulator.reply(text('{"items": [1, 2]}'))
    found = agent.invoke({"messages": [("human", "Go.")]})
    assert found["structured_response"] == Page[int](items=[1, 2])


def test_an_agents_list_at_the_root_is_refused_with_the_way_out(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The agent cannot take a list out of an object again, so nothing is sent."""
    agent = create_agent(make_model(emulator, cloud), response_format=Numbers)
    with pytest.raises(InvalidInputError, match="property of an object"):
        agent.invoke({"messages": [("human", "Go.")]})
    assert emulator.requests == []


TEXT: dict[str, Any] = {"type": "string"}
FOREIGN_FORMS: dict[str, Any] = {
    "alternatives that require": {
        "type": "object",
        "properties": {"a": TEXT, "b": TEXT},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "parts of an object": {
        "type": "object",
        "properties": {"a": TEXT},
        "required": ["a"],
        "allOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
    },
    "a list of types": {"type": ["object", "null"], "properties": {"a": {"type": ["string"]}}},
    "names of draft 4": {
        "type": "object",
        "properties": {"a": {"$ref": "#text"}, "b": {"type": "number", "maximum": 3}},
        "required": ["a", "b"],
        "definitions": {"Text": {"id": "#text", "type": "string"}},
    },
    "escaped references": {
        "$ref": "#/definitions/a~1b",
        "definitions": {
            "a/b": {
                "type": "object",
                "properties": {"x": {"$ref": "#/definitions/c%20d"}},
                "required": ["x"],
            },
            "c d": {"type": "boolean"},
        },
    },
    "places of a list": {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": [TEXT, {"type": "integer"}], "additionalItems": TEXT}
        },
        "required": ["a"],
    },
    "null for nothing": {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": None, "pattern": None}},
        "required": None,
    },
    "a pattern of JavaScript": {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^\\p{L}+(?<n>x)?"}},
        "required": ["a"],
    },
    "a key that is required and not described": {
        "type": "object",
        "properties": {"a": TEXT},
        "required": ["a", "b"],
    },
    "keys of any spelling": {
        "type": "object",
        "properties": dict.fromkeys(("first name", "$top", "größe", "k" * 80), TEXT),
        "required": ["first name", "$top", "größe", "k" * 80],
    },
}


SEVERAL_SCHEMAS = ("alternatives that require", "parts of an object")
"""Forms of an object that structured outputs cannot give."""


@pytest.mark.parametrize("form", FOREIGN_FORMS)
def test_a_schema_of_another_draft_or_habit_gives_its_value(
    emulator: CloudEmulator, cloud: str, form: str
) -> None:
    """By text, or refused, and by a tool, streamed and not: nothing is lost, no dict is changed."""
    schema = {"title": "Form", **FOREIGN_FORMS[form]}
    before = json.dumps(schema)
    model = make_model(emulator, cloud)
    for method in ("json_schema", "function_calling"):
        if method == "json_schema" and "not described" in form:
            continue
        if method == "json_schema" and form in SEVERAL_SCHEMAS:
            with pytest.raises(InvalidInputError, match=r"several schemas.*function_calling"):
                model.with_structured_output(schema, method=method)
            continue
        if method == "function_calling" and "not described" in form:
            emulator.reply(tool_use("Form", {"a": "1", "b": 2}))
            emulator.reply(tool_use("Form", {"a": "1", "b": 2}))
        asked = model.with_structured_output(schema, method=method)
        value = asked.invoke("Fill it in.")
        assert isinstance(value, dict)
        assert set(value) >= set(schema.get("required") or ())
        assert list(asked.stream("Fill it in."))[-1] == value
    assert json.dumps(schema) == before


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"$ref": "https://example.com/other.json"}, "leads nowhere"),
        ({"type": "Date"}, "is no type"),
        (3, "is no JSON schema"),
        ({"$ref": "#/properties/a"}, "without end"),
    ],
)
def test_a_schema_that_would_be_emptied_is_refused(
    emulator: CloudEmulator, part: Any, words: str
) -> None:
    """Before anything is sent."""
    schema = {"title": "T", "type": "object", "properties": {"a": part}}
    with pytest.raises(InvalidInputError, match=words):
        make_model(emulator, "vertex").with_structured_output(schema)
    assert not emulator.requests
