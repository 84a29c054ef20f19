"""langchain's own middleware around this model, on both clouds of the emulator.

Those with tests of their own: `ModelRefusalMiddleware` in `test_refused_agents`,
`ModelFallbackMiddleware` and `ModelRetryMiddleware` in `test_resilience_langchain`.
"""

from __future__ import annotations

from typing import Any

import pytest
from agent_tools import add, get_weather
from clouds import make_model
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    HumanInTheLoopMiddleware,
    LLMToolSelectorMiddleware,
    ProviderToolSearchMiddleware,
    SummarizationMiddleware,
)
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_claude_cloud.testing import CloudEmulator, text, tool_result, tool_use

THREAD: Any = {"configurable": {"thread_id": "1"}}
QUESTION: Any = {"messages": [HumanMessage("The weather in Rome?")]}


def test_summarization(emulator: CloudEmulator, cloud: str) -> None:
    """The first messages are replaced by what the model says of them."""
    model = make_model(emulator, cloud)
    shorten = SummarizationMiddleware(model, trigger=("messages", 4), keep=("messages", 1))
    emulator.reply("They spoke of rivers.", match="extract")
    emulator.reply("Done.", match="Go on.")
    history = [HumanMessage("The Tagus?"), AIMessage("Long."), HumanMessage("The Douro?")]
    history += [AIMessage("Shorter."), HumanMessage("Go on.")]
    agent: Any = create_agent(model, [], middleware=[shorten])
    messages = agent.invoke({"messages": history})["messages"]
    assert [message.type for message in messages] == ["human", "human", "ai"]
    assert "They spoke of rivers." in str(emulator.requests[-1].body["messages"])
    assert "The Douro?" not in str(emulator.requests[-1].body["messages"])


@pytest.mark.parametrize("count", ["approximate", "model"])
def test_context_editing(emulator: CloudEmulator, cloud: str, count: Any) -> None:
    """The oldest result is cleared once the history is too long, whoever counts it."""
    model = make_model(emulator, cloud)
    edit = ClearToolUsesEdit(trigger=60, keep=1)
    clear = ContextEditingMiddleware(edits=[edit], token_count_method=count)
    agent: Any = create_agent(model, [get_weather], middleware=[clear])
    emulator.reply(tool_use("get_weather", {"location": "Rome"}), operation="invoke")
    emulator.reply(tool_use("get_weather", {"location": "Oslo"}), operation="invoke")
    emulator.reply("Sunny.", operation="invoke")
    assert agent.invoke(QUESTION)["messages"][-1].text == "Sunny."
    sent = str(emulator.requests[-1].body["messages"])
    assert "sunny in Oslo" in sent
    assert "sunny in Rome" not in sent


DECISIONS: list[tuple[dict[str, Any], str]] = [
    ({"type": "approve"}, "sunny in Rome"),
    (
        {"type": "edit", "edited_action": {"name": "get_weather", "args": {"location": "Oslo"}}},
        "sunny in Oslo",
    ),
    ({"type": "reject", "message": "Not now."}, "Not now."),
]


@pytest.mark.parametrize(("decision", "seen"), DECISIONS, ids=["approve", "edit", "reject"])
def test_human_in_the_loop(
    emulator: CloudEmulator, cloud: str, decision: dict[str, Any], seen: str
) -> None:
    """The run stops before the tool, and goes on with what the human decided."""
    ask = HumanInTheLoopMiddleware({"get_weather": True})
    agent: Any = create_agent(
        make_model(emulator, cloud), [get_weather], middleware=[ask], checkpointer=InMemorySaver()
    )
    emulator.reply(text("I look."), tool_use("get_weather", {"location": "Rome"}))
    stopped = agent.invoke(QUESTION, THREAD)
    [interrupt] = stopped["__interrupt__"]
    assert interrupt.value["action_requests"][0]["args"] == {"location": "Rome"}
    emulator.reply("Thanks.", match=tool_result(seen))
    found = agent.invoke(Command(resume={"decisions": [decision]}), THREAD)
    assert found["messages"][-1].text == "Thanks."


def test_tool_selection(emulator: CloudEmulator, cloud: str) -> None:
    """A first request chooses the tools that the second one has."""
    model = make_model(emulator, cloud)
    agent: Any = create_agent(
        model, [get_weather, add], middleware=[LLMToolSelectorMiddleware(max_tools=1)]
    )
    emulator.reply('{"tools": ["get_weather"]}')
    emulator.reply("Sunny.")
    assert agent.invoke(QUESTION)["messages"][-1].text == "Sunny."
    chosen, asked = emulator.requests
    assert "get_weather" in str(chosen.body["output_config"])
    assert [each["name"] for each in asked.body["tools"]] == ["get_weather"]


def test_tool_search(emulator: CloudEmulator, cloud: str) -> None:
    """Tools that are searched for are deferred, beside the API's own tool for the search."""
    search = ProviderToolSearchMiddleware(searchable_tools=["add"])
    agent: Any = create_agent(make_model(emulator, cloud), [get_weather, add], middleware=[search])
    emulator.reply(tool_use("add", {"a": 2, "b": 3}))
    emulator.reply("5.")
    assert agent.invoke(QUESTION)["messages"][-1].text == "5."
    tools = {each["name"]: each for each in emulator.requests[0].body["tools"]}
    assert tools["add"]["defer_loading"] is True
    assert not tools["get_weather"].get("defer_loading")
    assert tools["tool_search_tool_bm25"]["type"].startswith("tool_search_tool_bm25")
