"""Tools, choices and response formats of every form become the API's."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple

import pytest
from langchain_core.tools import StructuredTool, Tool, tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.schema import convert_response_format
from langchain_claude_cloud.request.tools import convert_tool, convert_tool_choice


class Weather(BaseModel):
    """Tell the weather."""

    city: str = Field(description="Where")
    days: int = 1


class WeatherV1(BaseModelV1):
    """Tell the weather."""

    city: str


class WeatherDict(TypedDict):
    """Tell the weather."""

    city: Annotated[str, ..., "Where"]


class WeatherTuple(NamedTuple):
    """Tell the weather."""

    city: str


def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: Where
    """
    return city


WEATHER_TOOL = StructuredTool.from_function(weather)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ANTHROPIC = {"name": "weather", "description": "d", "input_schema": SCHEMA}
OPENAI = {
    "type": "function",
    "function": {"name": "weather", "description": "d", "parameters": SCHEMA},
}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (Weather, "Weather"),
        (WeatherV1, "WeatherV1"),
        (WeatherDict, "WeatherDict"),
        (WeatherTuple, "WeatherTuple"),
        (weather, "weather"),
        (WEATHER_TOOL, "weather"),
        (ANTHROPIC, "weather"),
        (OPENAI, "weather"),
        (OPENAI["function"], "weather"),
        ({"type": "function", **OPENAI["function"]}, "weather"),  # type: ignore[dict-item]
        ({"title": "weather", "description": "d", **SCHEMA}, "weather"),
        (
            {"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": SCHEMA}}},
            "weather",
        ),
        ({"name": "weather", "description": "d", "inputSchema": SCHEMA}, "weather"),
        ({"name": "weather", "title": "d", "inputSchema": {"jsonSchema": SCHEMA}}, "weather"),
        (
            {"name": "weather", "description": "d", "input_schema": {"json": json.dumps(SCHEMA)}},
            "weather",
        ),
        ({"toolSpec": {"name": "weather", "description": "d", "inputSchema": SCHEMA}}, "weather"),
        (SimpleNamespace(name="weather", description="d", inputSchema=SCHEMA), "weather"),
    ],
)
@pytest.mark.parametrize("strict", [None, True])
def test_a_tool_of_any_form(given: Any, name: str, *, strict: bool | None) -> None:
    """All of them have a name, a description and an input schema in the end."""
    before = copy.deepcopy(given) if isinstance(given, dict) else None
    wire = convert_tool(given, strict=strict)
    assert wire["name"] == name
    assert wire["description"]
    assert wire["input_schema"]["type"] == "object"
    assert wire["input_schema"]["properties"]["city"]["type"] == "string"
    assert "city" in wire["input_schema"]["required"]
    assert wire.get("strict") is strict
    assert wire["input_schema"].get("additionalProperties") is (False if strict else None)
    assert before is None or given == before
    assert convert_tool(wire) == wire


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ({"auto": {}}, {"type": "auto"}),
        ({"any": {}}, {"type": "any"}),
        ({"tool": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ],
)
def test_a_tool_choice_of_converse(choice: Any, wire: Any) -> None:
    """As it stands in a toolConfig."""
    assert convert_tool_choice(choice, ["weather"]) == wire


def test_a_tool_without_arguments() -> None:
    """Its schema is an empty object."""

    @tool
    def now() -> str:
        """Tell the time."""
        return ""

    assert convert_tool(now)["input_schema"] == {"type": "object", "properties": {}}
    assert convert_tool({"name": "now"})["input_schema"] == {"type": "object", "properties": {}}


def test_a_tool_with_one_string() -> None:
    """LangChain's oldest kind of tool."""
    old = Tool(name="echo", func=str, description="Echo")
    assert list(convert_tool(old)["input_schema"]["properties"]) == ["__arg1"]


def test_a_tool_with_a_json_schema() -> None:
    """As MCP adapters make them; the tool's own schema stays as it was."""
    schema = {
        "type": "object",
        "properties": {"a": {"anyOf": [SCHEMA, {"type": "null"}]}},
        "required": ["a"],
    }
    given = StructuredTool(name="mcp", description="d", args_schema=copy.deepcopy(schema), func=str)
    assert convert_tool(given)["input_schema"] == schema
    strict = convert_tool(given, strict=True)
    assert strict["input_schema"]["properties"]["a"]["anyOf"][0]["additionalProperties"] is False
    assert given.args_schema == schema


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrockConverse",
    defect="extras of a tool, and eager_input_streaming, are dropped",
)
def test_extras_of_a_tool_are_kept() -> None:
    """What a LangChain tool may say about how it is offered."""
    extras = {
        "cache_control": {"type": "ephemeral"},
        "defer_loading": True,
        "eager_input_streaming": False,
        "input_examples": [{"city": "Oslo"}],
        "allowed_callers": ["direct"],
        "strict": True,
        "unrelated": 1,
    }
    wire = convert_tool(StructuredTool.from_function(weather, extras=extras))
    assert {key: wire.get(key) for key in extras} == {**extras, "unrelated": None}
    assert wire["input_schema"]["additionalProperties"] is False
    assert convert_tool(StructuredTool.from_function(weather, extras=extras), strict=False)[
        "strict"
    ]


def test_a_providers_definition_in_extras_wins() -> None:
    """LangChain's way to stand in for one of Anthropic's tools."""
    native = {"type": "memory_20250818", "name": "memory"}
    given = StructuredTool.from_function(weather, extras={"provider_tool_definition": native})
    assert convert_tool(given) == native


@pytest.mark.parametrize(
    "native",
    [
        {"type": "bash_20250124", "name": "bash"},
        {
            "type": "text_editor_20250728",
            "name": "str_replace_based_edit_tool",
            "max_characters": 9,
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"type": "computer_20251124", "name": "computer", "display_width_px": 1},
        {"type": "computer_toolset_20260801"},
        {"type": "mcp_toolset", "mcp_server_name": "wiki"},
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
        {"type": "telepathy_20300101", "anything": {"goes": True}},
    ],
)
def test_anthropics_own_tools_go_as_they_are(native: dict[str, Any]) -> None:
    """Those of the future, too."""
    wire = convert_tool(native, strict=True)
    assert wire == native
    assert wire is not native


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrockConverse",
    defect="extras of a tool, and eager_input_streaming, are dropped",
)
def test_an_anthropic_tool_keeps_all_of_its_keys() -> None:
    """The API grows fields; its own `strict` wins over the call's."""
    given = {**ANTHROPIC, "type": "custom", "brand_new": 1, "strict": False}
    assert convert_tool(given, strict=True) == given


def test_markers_beside_an_openai_tool_are_kept() -> None:
    """They have no place in OpenAI's form, so they stand beside it."""
    wire = convert_tool({**OPENAI, "cache_control": {"type": "ephemeral"}})
    assert wire["cache_control"] == {"type": "ephemeral"}


def unknown_type(place: "Place") -> str:  # type: ignore[name-defined]  # noqa: F821, UP037 - a mistake
    """Go there."""
    return str(place)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (unknown_type, "Place"),
        ({"type": "object", "properties": {}}, "is not a tool"),
        ({"description": "d"}, "is not a tool"),
        (3, "is not a tool"),
        ({**ANTHROPIC, "name": 3}, "its name must be a text"),
        ({**ANTHROPIC, "name": ""}, "its name must be a text"),
        ({"input_schema": SCHEMA}, "its name must be a text"),
    ],
)
def test_what_is_no_tool_is_refused(given: Any, says: str) -> None:
    """With what a tool is."""
    with pytest.raises(InvalidInputError, match=says):
        convert_tool(given)


NAMES = ("f", "g")
ANY, AUTO, NONE, F = (
    {"type": "any"},
    {"type": "auto"},
    {"type": "none"},
    {"type": "tool", "name": "f"},
)


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="tool_choice 'none' and 'required' become names of tools, and True is an error",
)
@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        (False, None),
        ("auto", AUTO),
        ("any", ANY),
        ("required", ANY),
        ("none", NONE),
        (True, ANY),
        ("f", F),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {**AUTO, "disable_parallel_tool_use": True},
        ),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            {**F, "disable_parallel_tool_use": True},
        ),
        ({"type": "function", "function": {"name": "f"}}, F),
        ({"type": "function", "name": "f"}, F),
        ({"name": "f"}, F),
        ({"type": "required"}, ANY),
        ({"type": "future", "x": 1}, {"type": "future", "x": 1}),
    ],
)
def test_choices_of_every_form(choice: Any, wire: Any) -> None:
    """`none` and `required` are choices, not names."""
    assert convert_tool_choice(choice, NAMES) == wire


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="tool_choice 'none' and 'required' become names of tools, and True is an error",
)
def test_true_means_the_only_tool() -> None:
    """As in LangChain's other integrations."""
    only: Any = True
    assert convert_tool_choice(only, ["f"]) == F


def test_a_tool_may_be_called_like_a_choice() -> None:
    """Then the name means the tool."""
    assert convert_tool_choice("any", ["any", "f"]) == {"type": "tool", "name": "any"}


@pytest.mark.parametrize(
    "choice", ["h", {"type": "tool", "name": "h"}, {"function": {"name": "h"}}]
)
def test_a_choice_of_no_tool_is_refused(choice: Any) -> None:
    """The error lists the tools there are."""
    with pytest.raises(InvalidInputError, match=r"'h'.*not among the tools: f, g\."):
        convert_tool_choice(choice, NAMES)
    with pytest.raises(InvalidInputError, match="none are bound"):
        convert_tool_choice(choice, [])


def test_a_choice_of_another_type_is_refused() -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidInputError, match="not 3"):
        convert_tool_choice(3, NAMES)


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": True}},
        {"type": "json_schema", "schema": SCHEMA},
        SCHEMA,
    ],
)
def test_response_formats_of_every_form(given: dict[str, Any]) -> None:
    """OpenAI's, Anthropic's, or the schema alone; none of them is changed."""
    before = copy.deepcopy(given)
    assert convert_response_format(given) == {"type": "json_schema", "schema": SCHEMA}
    assert given == before


@pytest.mark.parametrize("given", [Weather, WeatherV1, WeatherDict])
def test_response_formats_from_classes(given: type) -> None:
    """Their schema."""
    for form in (given, {"type": "json_schema", "schema": given}):
        wire = convert_response_format(form)
        assert wire is not None
        assert wire["schema"]["required"] == ["city"]


@pytest.mark.parametrize("given", [None, {"type": "text"}])
def test_free_text_has_no_format(given: Any) -> None:
    """It is what the model does anyway."""
    assert convert_response_format(given) is None


@pytest.mark.parametrize("given", [5, "json", list[int], int])
def test_a_format_of_another_kind_is_refused(given: Any) -> None:
    """The error does not speak of tools."""
    with pytest.raises(InvalidInputError, match=r"has no JSON schema|an object at its root"):
        convert_response_format(given)


@pytest.mark.parametrize("given", [{"type": "json_object"}, {"type": "json_schema"}])
def test_a_format_without_a_schema_is_refused(given: Any) -> None:
    """Claude has no JSON mode."""
    with pytest.raises(InvalidInputError, match="no JSON mode without one"):
        convert_response_format(given)
