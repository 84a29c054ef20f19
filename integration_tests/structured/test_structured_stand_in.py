"""A schema that a tool is asked for, where the API's own format is refused, is answered in text.

An agent looks for a tool of its own for each call: one that it does not know is answered with
an error, and the model is asked again, for ever.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.chat_models.structured_output import StructuredOutputError
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL
from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text, thinking, tool_use

SCHEMA = {
    "title": "Sum",
    "type": "object",
    "properties": {"value": {"type": "integer"}, "why": {"type": "string"}},
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "Sum", "schema": SCHEMA}}
REFUSAL = "output_config.format: Extra inputs are not permitted"


class Sum(BaseModel):
    """A sum."""

    value: int


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(params=["vertex", "bedrock"])
def old(request: pytest.FixtureRequest, emulator: CloudEmulator) -> ChatClaudeCloud:
    """Return a model without structured outputs."""
    return ChatClaudeCloud(model="claude-3-haiku", platform=getattr(emulator, request.param)())


def test_an_agent_takes_it_for_its_structured_response(
    emulator: CloudEmulator, old: ChatClaudeCloud
) -> None:
    """The run ends with the value, after the agent's own tool has run."""
    emulator.reply(tool_use("add", {"a": 1, "b": 2}))
    emulator.reply(tool_use(STRUCTURED_OUTPUT_TOOL, {"value": 3}))
    agent = create_agent(old, [add], response_format=ProviderStrategy(Sum))
    ended = agent.invoke({"messages": [HumanMessage("1 + 2?")]}, {"recursion_limit": 10})
    assert ended["structured_response"] == Sum(value=3)
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_an_agent_ends_where_the_format_is_refused_only_now(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The catalogue has it that the model takes the format; the cloud says that it does not."""
    emulator.fault(status=400, message=REFUSAL)
    emulator.reply(tool_use(STRUCTURED_OUTPUT_TOOL, {"value": 3}))
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=getattr(emulator, cloud)())
    agent = create_agent(model, [add], response_format=Sum)
    ended = agent.invoke({"messages": [HumanMessage("1 + 2?")]}, {"recursion_limit": 10})
    assert ended["structured_response"] == Sum(value=3)


def _answers(model: Any) -> list[AIMessage]:
    """Return what one reply is, on each path."""
    streamed: Any = None
    for chunk in model.stream("1 + 2?"):
        streamed = chunk if streamed is None else streamed + chunk
    return [
        model.invoke("1 + 2?"),
        AIMessage(streamed.content, response_metadata=streamed.response_metadata),
        model.stream_events("1 + 2?", version="v3").output,
    ]


@pytest.mark.parametrize("value", [{"value": 3, "why": "é"}, {}])
def test_every_path_gives_its_text(
    emulator: CloudEmulator, old: ChatClaudeCloud, value: dict[str, Any]
) -> None:
    """There is no call, and the stop reason is that of an answer."""
    emulator.reply(tool_use(STRUCTURED_OUTPUT_TOOL, value), times=None)
    for message in _answers(old.bind(response_format=FORMAT)):
        assert message.text == ('{"value": 3, "why": "é"}' if value else "{}")
        assert [block["type"] for block in message.content_blocks] == ["text"]
        assert not message.tool_calls
        assert message.response_metadata["stop_reason"] == "end_turn"


def test_one_that_is_cut_stays_cut(emulator: CloudEmulator, old: ChatClaudeCloud) -> None:
    """Half a value is half a text, and its stop reason says so."""
    cut = raw_tool_use(STRUCTURED_OUTPUT_TOOL, '{"value": 3, "why": "be')
    emulator.reply(cut, stop_reason="max_tokens")
    chunks = list(old.bind(response_format=FORMAT).stream("1 + 2?"))
    assert "".join(chunk.text for chunk in chunks) == '{"value": 3, "why": "be'
    assert chunks[-1].response_metadata["stop_reason"] == "max_tokens"


def test_calls_beside_it_are_calls(emulator: CloudEmulator, old: ChatClaudeCloud) -> None:
    """A model may call the caller's tools at the same time: those are to be run."""
    value = tool_use(STRUCTURED_OUTPUT_TOOL, {"value": 3})
    emulator.reply(tool_use("add", {"a": 1, "b": 2}), value)
    message = old.bind_tools([add], response_format=FORMAT).invoke("1 + 2?")
    assert [call["name"] for call in message.tool_calls] == ["add"]
    assert message.text == '{"value": 3}'
    assert message.response_metadata["stop_reason"] == "tool_use"


def test_the_conversation_goes_on(emulator: CloudEmulator, old: ChatClaudeCloud) -> None:
    """What was a call needs no result in history."""
    emulator.reply(tool_use(STRUCTURED_OUTPUT_TOOL, {"value": 3}))
    model = old.bind(response_format=FORMAT)
    answer = model.invoke("1 + 2?")
    model.invoke([HumanMessage("1 + 2?"), answer, HumanMessage("And 2 + 2?")])
    assert emulator.requests[-1].body["messages"][1]["content"] == '{"value": 3}'


def test_thinking_before_it_stays(emulator: CloudEmulator) -> None:
    """A model that thinks is asked for the tool, too."""
    emulator.fault(status=400, message=REFUSAL)
    emulator.reply(thinking("Hm."), tool_use(STRUCTURED_OUTPUT_TOOL, {"value": 3}))
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex())
    message = model.bind(response_format=FORMAT).invoke("1 + 2?")
    assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]


class Prices(BaseModel):
    """What things cost."""

    prices: dict[str, int]


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="a map in a schema of structured output is closed, and always empty",
)
@pytest.mark.parametrize(
    "fields",
    [
        {"model": "claude-sonnet-4-6"},
        {"model": "claude-sonnet-4-6", "thinking": 1024},
        {"model": "claude-sonnet-5-5"},
    ],
)
def test_a_map_is_asked_for_by_a_tool(emulator: CloudEmulator, fields: dict[str, Any]) -> None:
    """The API's own format closes every object, so that a map would always be empty."""
    model = ChatClaudeCloud(**fields, platform=emulator.vertex(), max_tokens=2000)
    prices = model.with_structured_output(Prices)
    emulator.reply(tool_use("Prices", {"prices": {"tea": 3}}))
    assert prices.invoke("What does tea cost?") == Prices(prices={"tea": 3})
    body = emulator.requests[-1].body
    assert "format" not in body.get("output_config", {})
    assert body["tools"][0]["input_schema"]["properties"]["prices"]["additionalProperties"]
    assert isinstance(prices.invoke("What does tea cost?"), Prices)  # the stand-in calls it, too
    emulator.reply(text("Three."))
    with pytest.raises(StructuredOutputError, match="did not call a tool"):
        prices.invoke("What does tea cost?")


def test_a_map_that_could_only_be_empty_is_refused(emulator: CloudEmulator) -> None:
    """Before anything is sent, with what to do instead."""
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.vertex())
    top = {"title": "counts", "type": "object", "additionalProperties": {"type": "integer"}}
    for schema, owner in ((Prices, "Prices"), (top, "counts")):
        with pytest.raises(InvalidInputError, match=f"{owner}.*function_calling"):
            model.with_structured_output(schema, method="json_schema")
    with pytest.raises(InvalidInputError, match="strict tool Prices"):
        model.bind_tools([Prices], strict=True)
    anthropic = {"name": "f", "input_schema": {"type": "object", "properties": {"a": top}}}
    with pytest.raises(InvalidInputError, match="strict tool f"):
        model.bind_tools([anthropic], strict=True)
    assert emulator.requests == []


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_json_schema_needs_no_title(emulator: CloudEmulator, method: Any) -> None:
    """Neither way of asking has a use for it."""
    schema = {key: value for key, value in SCHEMA.items() if key != "title"}
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex())
    result = model.with_structured_output(schema, method=method).invoke("1 + 2?")
    assert isinstance(result, dict)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_call_of_another_tool_is_no_value(emulator: CloudEmulator, method: Any) -> None:
    """Tools that the caller bound have arguments of their own, which may fit the schema."""
    emulator.reply(tool_use("add", {"a": 1, "b": 2}))
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex())
    with pytest.raises(StructuredOutputError, match="called add instead"):
        model.with_structured_output(SCHEMA, method=method).invoke("1 + 2?")


def test_the_callers_tools_and_choice_go_along(emulator: CloudEmulator) -> None:
    """They are arguments of the call like any others."""
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex())
    for method in ("json_schema", "function_calling"):
        emulator.reply(
            tool_use("Sum", {"value": 3}) if method == "function_calling" else '{"value": 3}'
        )
        asked = model.with_structured_output(SCHEMA, method=method, tools=[add], tool_choice="auto")
        assert asked.invoke("1 + 2?") == {"value": 3}
        body = emulator.requests[-1].body
        assert "add" in [each["name"] for each in body["tools"]]
        assert body["tool_choice"]["type"] == "auto"


def test_the_value_is_found_among_other_calls(emulator: CloudEmulator) -> None:
    """It need not be the first."""
    emulator.reply(tool_use("add", {"a": 1, "b": 2}), tool_use("Sum", {"value": 3}))
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex())
    structured = model.with_structured_output(SCHEMA, method="function_calling")
    assert structured.invoke("1 + 2?") == {"value": 3}
