"""Threads with tool calls that nobody answered, and histories that end with an answer."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clouds import make_model
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.middleware import DanglingToolCallMiddleware
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

WITHOUT_PREFILL = "claude-sonnet-4-6"


@tool
def send(to: str) -> str:
    """Send a message."""
    return f"Sent to {to}."


def _calls(*ids: str) -> AIMessage:
    calls = [{"name": "send", "args": {"to": each}, "id": each} for each in ids]
    return AIMessage("I send.", tool_calls=calls)


def _results(emulator: CloudEmulator) -> list[tuple[str, bool]]:
    """Return the results in the last request: of which call, and whether it is an error."""
    return [
        (block["tool_use_id"], block.get("is_error", False))
        for turn in emulator.requests[-1].body["messages"]
        for block in (turn["content"] if isinstance(turn["content"], list) else [])
        if block["type"] == "tool_result"
    ]


@pytest.mark.parametrize("answered", [[], ["toolu_a"], ["toolu_b"]])
async def test_unanswered_calls_get_an_error_result(
    emulator: CloudEmulator, cloud: str, answered: list[str]
) -> None:
    """Beside results that are there; the messages of the thread stay as they are."""
    model = make_model(emulator, cloud)
    history: list[Any] = [
        HumanMessage("Send."),
        _calls("toolu_a", "toolu_b"),
        *[ToolMessage("Sent.", tool_call_id=each) for each in answered],
        HumanMessage("Never mind."),
    ]
    with pytest.raises(InvalidInputError, match="toolu"):
        create_agent(model, [send]).invoke({"messages": history})
    agent = create_agent(model, [send], middleware=[DanglingToolCallMiddleware()])
    emulator.reply("Fine.", times=2)
    found = agent.invoke({"messages": history})
    assert sorted(_results(emulator)) == [
        (each, each not in answered) for each in ("toolu_a", "toolu_b")
    ]
    assert len(found["messages"]) == len(history) + 1
    sent = emulator.requests[-1].body
    await agent.ainvoke({"messages": history})
    assert emulator.requests[-1].body == sent


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([_calls("toolu_a"), "Stop.", AIMessage("Fine."), "late a"], [("toolu_a", False)]),
        ([_calls("toolu_a"), "failed a", AIMessage("Oh."), "late a"], [("toolu_a", True)]),
        (
            [_calls("toolu_a"), "failed a", _calls("toolu_a")],
            [("toolu_a", True), ("toolu_a_2", True)],
        ),
        (
            [_calls("toolu_a"), "Stop.", _calls("toolu_b"), "late a", "done b"],
            [("toolu_a", False), ("toolu_b", False)],
        ),
    ],
)
def test_results_that_come_late_go_to_their_call(
    emulator: CloudEmulator, cloud: str, history: list[Any], expected: list[tuple[str, bool]]
) -> None:
    """Behind a later answer the API takes none; a call's first result counts, whatever its id."""
    messages: list[Any] = [HumanMessage("Send.")]
    for each in history:
        kind, _, call = each.partition(" ") if isinstance(each, str) else ("", "", "")
        if call:
            status = "error" if kind == "failed" else "success"
            each = ToolMessage(kind, tool_call_id=f"toolu_{call}", status=status)  # noqa: PLW2901  as it is meant
        messages.append(each)
    emulator.reply("Fine.")
    agent = create_agent(
        make_model(emulator, cloud), [send], middleware=[DanglingToolCallMiddleware()]
    )
    agent.invoke({"messages": [*messages, HumanMessage("And now?")]})
    assert _results(emulator) == expected


def test_a_thread_goes_on_when_an_interrupt_is_answered_by_a_new_message(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The call that waited for a person was never run; the thread works for many turns."""
    approval = HumanInTheLoopMiddleware(interrupt_on={"send": True})
    agent = create_agent(
        make_model(emulator, cloud),
        [send],
        middleware=[approval, DanglingToolCallMiddleware()],
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    emulator.reply(tool_use("send", {"to": "Ann"}))
    assert "__interrupt__" in agent.invoke({"messages": [HumanMessage("Send.")]}, thread)
    for number in range(3):
        emulator.reply(text(f"Fine {number}."))
        question: Any = {"messages": [HumanMessage("Stop, tell me first.")]}
        assert agent.invoke(question, thread)["messages"][-1].text == f"Fine {number}."
        assert [is_error for _, is_error in _results(emulator)] == [True]


def test_a_custom_text_and_answered_histories(emulator: CloudEmulator, cloud: str) -> None:
    """The caller says what the model is told; a history without gaps is sent as it is."""
    middleware = DanglingToolCallMiddleware(message=lambda call: f"no {call['name']}")
    agent = create_agent(make_model(emulator, cloud), [send], middleware=[middleware])
    emulator.reply("Fine.", times=2)
    agent.invoke({"messages": [HumanMessage("Send."), _calls("toolu_a"), HumanMessage("Stop.")]})
    assert "no send" in str(emulator.requests[-1].body["messages"])
    agent.invoke({"messages": [HumanMessage("Hi.")]})
    (turn,) = emulator.requests[-1].body["messages"]
    assert "no send" not in str(turn)


class _Team(TypedDict):
    messages: Annotated[list[AnyMessage], operator.add]


def test_a_worker_answers_after_another_one(emulator: CloudEmulator, cloud: str) -> None:
    """In a graph that hands a worker's answer on, a model without prefill gets a user turn."""
    model = make_model(emulator, cloud, model=WITHOUT_PREFILL)
    middleware = [DanglingToolCallMiddleware()]
    graph = StateGraph(_Team)
    for name in ("worker", "supervisor"):
        agent = create_agent(model, middleware=middleware)
        graph.add_node(
            name,
            lambda state, agent=agent: {
                "messages": agent.invoke(state)["messages"][len(state["messages"]) :]
            },
        )
    graph.add_edge(START, "worker")
    graph.add_edge("worker", "supervisor")
    graph.add_edge("supervisor", END)
    emulator.reply("It is 5.")
    emulator.reply("The answer is 5.")
    found = graph.compile().invoke({"messages": [HumanMessage("What is 2 + 3?")]})
    assert [message.text for message in found["messages"][1:]] == ["It is 5.", "The answer is 5."]
    roles = [turn["role"] for turn in emulator.requests[-1].body["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_an_answer_at_the_end_stays_where_the_model_continues_it(
    emulator: CloudEmulator, cloud: str
) -> None:
    """A prefill is the caller's wish there; without a text, nothing is added either."""
    history: Any = {"messages": [HumanMessage("Write."), AIMessage("Once")]}
    middleware = [DanglingToolCallMiddleware()]
    agent = create_agent(
        make_model(emulator, cloud, model="claude-haiku-4-5"), middleware=middleware
    )
    emulator.reply(" upon a time.")
    agent.invoke(history)
    assert emulator.requests[-1].body["messages"][-1]["role"] == "assistant"
    plain = [DanglingToolCallMiddleware(continuation=None)]
    agent = create_agent(make_model(emulator, cloud, model=WITHOUT_PREFILL), middleware=plain)
    with pytest.raises(InvalidInputError, match="prefill"):
        agent.invoke(history)
