"""Schemas as the clouds judge them: property keys, drafts, how much a grammar may hold."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_client import VERTEX_MODEL, Client, ask

KEYS = "tools.0.custom.input_schema.properties: Property keys should match pattern"
DRAFT = (
    "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12"
)


def _tool(properties: Any, **fields: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, **fields}
    return ask("Hi", tools=[{"name": "f", "input_schema": schema}])


def _strict(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _many(count: int, **schema: Any) -> dict[str, Any]:
    return {f"p{number}": {"type": "string", **schema} for number in range(count)}


NULLABLE = {"type": ["string", "null"]}
WIDE = {
    f"w{n}": {"type": "string", "enum": [f"value {n} {i}" for i in range(20)]} for n in range(24)
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a key with a dollar sign": (_tool({"$filter": {"type": "string"}}), KEYS),
    "a key with brackets": (_tool({"filter[id]": {"type": "string"}}), KEYS),
    "a key with a blank": (_tool({"Account Number": {"type": "string"}}), KEYS),
    "an empty key": (_tool({"": {"type": "string"}}), KEYS),
    "a key of 65 characters": (_tool({"k" * 65: {"type": "string"}}), KEYS),
    "a key with an umlaut": (_tool({"größe": {"type": "string"}}), KEYS),
    "a key in an inner object": (
        _tool({"a": {"type": "object", "properties": {"@id": {"type": "string"}}}}),
        KEYS,
    ),
    "a key in an item": (
        _tool({"a": {"type": "array", "items": {"type": "object", "properties": {"x y": {}}}}}),
        KEYS,
    ),
    "a key in a definition": (_tool({}, **{"$defs": {"A": {"properties": {"a/b": {}}}}}), KEYS),
    "a bound as in draft 4": (
        _tool({"a": {"type": "number", "minimum": 0, "exclusiveMinimum": True}}),
        DRAFT,
    ),
    "items as a list": (_tool({"a": {"type": "array", "items": [{"type": "string"}]}}), DRAFT),
    "required that is null": (_tool({}, required=None), DRAFT),
    "properties that are null": (_tool(None), DRAFT),
    "required as in draft 3": (_tool({"a": {"type": "string", "required": True}}), DRAFT),
    "a type that does not exist": (_tool({"a": {"type": "any"}}), DRAFT),
    "an enum that is no list": (_tool({"a": {"enum": "x"}}), DRAFT),
    "a union at the root": (
        _tool({"a": {}}, anyOf=[{"required": ["a"]}]),
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    "25 optional parameters": (
        ask("Hi", tools=[{"name": "f", "strict": True, "input_schema": _strict(_many(25), [])}]),
        "too many optional parameters (25)",
    ),
    "25 optional parameters in two tools": (
        ask(
            "Hi",
            tools=[
                {"name": "f", "strict": True, "input_schema": _strict(_many(13), [])},
                {"name": "g", "strict": True, "input_schema": _strict(_many(12), [])},
            ],
        ),
        "(limit: 24)",
    ),
    "17 unions": (
        ask(
            "Hi",
            tools=[
                {
                    "name": "f",
                    "strict": True,
                    "input_schema": _strict(_many(17, **NULLABLE), list(_many(17))),
                }
            ],
        ),
        "too many parameters with union types (17 parameters",
    ),
    "a grammar that is too large": (
        ask("Hi", tools=[{"name": "f", "strict": True, "input_schema": _strict(WIDE, list(WIDE))}]),
        "The compiled grammar is too large",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_clouds_refuse(client: Client, name: str) -> None:
    """The whole request is refused, with the index of the tool at most."""
    body, message = REFUSED[name]
    for response in (client.vertex(body), client.bedrock(body)):
        assert response.status_code == 400, response.text
        assert message in response.text


TAKEN: dict[str, dict[str, Any]] = {
    "keys with dots, dashes and underscores": _tool({"a.b-c_D9": {"type": "string"}, "k" * 64: {}}),
    "bounds of today": _tool({"a": {"type": "number", "exclusiveMinimum": 0}}),
    "items one by one": _tool({"a": {"type": "array", "prefixItems": [{"type": "string"}]}}),
    "25 optional parameters of a tool that is not strict": _tool(_many(25)),
    "24 optional parameters": ask(
        "Hi", tools=[{"name": "f", "strict": True, "input_schema": _strict(_many(24), [])}]
    ),
    "keys of an answer": ask(
        "Hi", output_config={"format": {"type": "json_schema", "schema": _strict({"$id": {}}, [])}}
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_both_clouds_take(client: Client, name: str) -> None:
    """What is within the limits."""
    for response in (client.vertex(TAKEN[name]), client.bedrock(TAKEN[name])):
        assert response.status_code == 200, response.text


def test_an_output_schema_has_the_same_limits(client: Client) -> None:
    """Its optional properties count as a strict tool's do."""
    schema = _strict(_many(25), [])
    body = ask("Hi", output_config={"format": {"type": "json_schema", "schema": schema}})
    for response in (client.vertex(body), client.bedrock(body)):
        assert response.status_code == 400
        assert "too many optional parameters (25)" in response.text


def test_a_prompt_and_its_answer_must_fit_into_the_window(client: Client) -> None:
    """Up to Claude 4.5 the longest answer counts; 225,000 tokens are too long by themselves."""
    body = {**ask("word " * 120_000), "max_tokens": 64_000}
    message = "input length and `max_tokens` exceed context limit: 150003 + 64000 > 200000"
    for response in (client.vertex(body), client.bedrock(body)):
        assert response.status_code == 400
        assert message in response.text
    body["max_tokens"] = 49_997
    assert client.vertex(body).status_code == client.bedrock(body).status_code == 200


def test_newer_models_take_a_prompt_whose_longest_answer_does_not_fit(client: Client) -> None:
    """They end such an answer early instead."""
    body = {**ask("word " * 720_000), "max_tokens": 128_000}
    assert client.vertex(body, model="claude-sonnet-4-6").status_code == 200
    body["max_tokens"] = 1
    assert client.vertex(body, model=VERTEX_MODEL).status_code == 413
