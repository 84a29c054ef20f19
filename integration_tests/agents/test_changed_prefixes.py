"""Threads go on after something before their thinking has changed.

Thinking of Claude's 5.5 generation is bound to what stands before it. LangChain has many ways to
change that between two turns of a thread. In each, the cloud refuses the history once, the
package sends it again in a form that is taken, and the thread goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agent_tools import Weather, add, get_weather
from clouds import THINKING_MODEL, make_model
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    ModelRequest,
    SummarizationMiddleware,
    dynamic_prompt,
)
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, trim_messages
from langgraph.checkpoint.memory import InMemorySaver

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use

THREAD: Any = {"configurable": {"thread_id": "1"}}


def thinking_model(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model whose thinking is bound."""
    return make_model(
        emulator, cloud, **{"model": THINKING_MODEL, "thinking": "adaptive", **fields}
    )


def queue_turn(emulator: CloudEmulator) -> None:
    """Let the model think and call a tool, then think and answer."""
    emulator.reply(thinking("Let me look."), tool_use("get_weather", {"location": "Rome"}))
    emulator.reply(thinking("It is sunny."), text("Sunny in Rome."))


def first_turn(emulator: CloudEmulator, model: ChatClaudeCloud, **options: Any) -> list[AnyMessage]:
    """Return the messages of a turn with two thinking blocks."""
    queue_turn(emulator)
    return say(create_agent(model, [get_weather], **options), "The weather in Rome?")


def say(agent: Any, words: str) -> list[AnyMessage]:
    """Return the messages of a thread after its next turn."""
    messages: list[AnyMessage] = agent.invoke({"messages": [HumanMessage(words)]}, THREAD)[
        "messages"
    ]
    return messages


def check_repaired(emulator: CloudEmulator, answer: AnyMessage | AIMessage) -> None:
    """Assert that one request was refused for its thinking, and sent again so that it was taken."""
    assert answer.text == "Still sunny."
    *before, refused, taken = emulator.requests
    assert (refused.status, taken.status) == (400, 200)
    assert [request.status for request in before] == [200] * len(before)
    assert "thinking" in str(refused.body["messages"])
    binding = taken.body["thinking"]["block_binding"]
    assert binding == {"prefix_mismatch_behavior": "drop_block"}


def test_a_dated_system_prompt(emulator: CloudEmulator, cloud: str) -> None:
    """The agent is made anew on the next day, with the thread of the day before."""
    model, saver = thinking_model(emulator, cloud), InMemorySaver()
    first_turn(emulator, model, checkpointer=saver, system_prompt="It is Monday.")
    emulator.reply("Still sunny.")
    agent = create_agent(model, [get_weather], checkpointer=saver, system_prompt="It is Tuesday.")
    check_repaired(emulator, say(agent, "And now?")[-1])


def test_a_dynamic_prompt(emulator: CloudEmulator, cloud: str) -> None:
    """The prompt tells how long the thread is."""

    @dynamic_prompt
    def counting(request: ModelRequest[Any]) -> str:
        turns = [message for message in request.messages if message.type == "human"]
        return f"This is turn {len(turns)}."

    agent = create_agent(
        thinking_model(emulator, cloud),
        [get_weather],
        middleware=[counting],
        checkpointer=InMemorySaver(),
    )
    queue_turn(emulator)
    say(agent, "The weather in Rome?")
    emulator.reply("Still sunny.")
    check_repaired(emulator, say(agent, "And now?")[-1])


def test_trimmed_messages(emulator: CloudEmulator, cloud: str) -> None:
    """The first question is gone."""
    model = thinking_model(emulator, cloud)
    history: list[AnyMessage] = [HumanMessage("Hello."), AIMessage("Hello!")]
    queue_turn(emulator)
    agent = create_agent(model, [get_weather])
    history += [HumanMessage("The weather in Rome?")]
    history = agent.invoke({"messages": history})["messages"]
    history.append(HumanMessage("And now?"))
    kept = trim_messages(
        history, max_tokens=5, token_counter=len, start_on="human", include_system=True
    )
    assert len(kept) == 5
    emulator.reply("Still sunny.")
    check_repaired(emulator, model.bind_tools([get_weather]).invoke(kept))


def test_a_summary(emulator: CloudEmulator, cloud: str) -> None:
    """The middleware puts a summary in the place of the first messages."""
    model, saver = thinking_model(emulator, cloud), InMemorySaver()
    first_turn(emulator, model, checkpointer=saver)
    shorten = SummarizationMiddleware(
        make_model(emulator, cloud), trigger=("messages", 5), keep=("messages", 2)
    )
    emulator.reply("They spoke of Rome.", match="extract")
    emulator.reply("Still sunny.")
    agent = create_agent(model, [get_weather], middleware=[shorten], checkpointer=saver)
    messages = say(agent, "And now?")
    assert "They spoke of Rome." in messages[0].text
    check_repaired(emulator, messages[-1])


def test_results_that_are_cleared(emulator: CloudEmulator, cloud: str) -> None:
    """Context editing clears the result of a tool, before later thinking."""
    model, saver = thinking_model(emulator, cloud), InMemorySaver()
    first_turn(emulator, model, checkpointer=saver)
    clear = ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=1, keep=0)])
    emulator.reply("Still sunny.")
    agent = create_agent(model, [get_weather], middleware=[clear], checkpointer=saver)
    check_repaired(emulator, say(agent, "And now?")[-1])
    assert "It is sunny" not in str(emulator.requests[-1].body["messages"][2])


def test_other_tools(emulator: CloudEmulator, cloud: str) -> None:
    """The agent gets one more."""
    model, saver = thinking_model(emulator, cloud), InMemorySaver()
    first_turn(emulator, model, checkpointer=saver)
    emulator.reply("Still sunny.")
    agent = create_agent(model, [get_weather, add], checkpointer=saver)
    check_repaired(emulator, say(agent, "And now?")[-1])


def test_another_agent(emulator: CloudEmulator, cloud: str) -> None:
    """It has its own prompt and tools, and is handed the messages of the first."""
    model = thinking_model(emulator, cloud)
    history = first_turn(emulator, model, system_prompt="You know the weather.")
    emulator.reply("Still sunny.")
    other = create_agent(model, [add], system_prompt="You know numbers.")
    answer = other.invoke({"messages": [*history, HumanMessage("And now?")]})["messages"][-1]
    check_repaired(emulator, answer)


def test_another_model(emulator: CloudEmulator, cloud: str) -> None:
    """Of the same generation: its thinking is not the first one's."""
    history = first_turn(emulator, thinking_model(emulator, cloud))
    emulator.reply("Still sunny.")
    other = thinking_model(emulator, cloud, model="claude-opus-5-5").bind_tools([get_weather])
    check_repaired(emulator, other.invoke([*history, HumanMessage("And now?")]))


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_after_tools(emulator: CloudEmulator, cloud: str, method: Any) -> None:
    """The schema takes the place of the tools."""
    model = thinking_model(emulator, cloud)
    history = first_turn(emulator, model)
    found = {"location": "Rome", "is_sunny": True}
    if method == "json_schema":
        emulator.reply('{"location": "Rome", "is_sunny": true}')
    else:
        emulator.reply(tool_use("Weather", found))
    reader = model.with_structured_output(Weather, method=method)
    assert reader.invoke([*history, HumanMessage("As data?")]) == Weather(**found)
    assert [request.status for request in emulator.requests] == [200, 200, 400, 200]


@pytest.mark.parametrize("place", [1, 3])
def test_thinking_that_somebody_changed(emulator: CloudEmulator, cloud: str, place: int) -> None:
    """A filter masked a name in it, in the latest answer or before: it is left out."""
    model = thinking_model(emulator, cloud)
    history = first_turn(emulator, model)
    content: Any = history[place].content
    blocks = [{**each, "thinking": "[...]"} if "thinking" in each else each for each in content]
    history[place] = history[place].model_copy(update={"content": blocks})
    emulator.reply("Still sunny.")
    answer = model.bind_tools([get_weather]).invoke([*history, HumanMessage("And now?")])
    assert answer.text == "Still sunny."
    assert "[...]" not in str(emulator.requests[-1].body)


Change = Callable[[CloudEmulator, str], None]


@pytest.mark.parametrize("change", [test_a_dated_system_prompt, test_other_tools])
def test_later_turns_are_sent_right_at_once(
    emulator: CloudEmulator, cloud: str, change: Change
) -> None:
    """What the place taught is remembered: the second thread is not refused."""
    change(emulator, cloud)
    emulator.requests.clear()
    model = thinking_model(emulator, cloud)
    history = first_turn(emulator, model, system_prompt="It is Monday.")
    emulator.reply("Still sunny.")
    agent = create_agent(model, [get_weather], system_prompt="It is Tuesday.")
    agent.invoke({"messages": [*history, HumanMessage("And now?")]})
    assert {request.status for request in emulator.requests} == {200}
