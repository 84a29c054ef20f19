"""Thinking that is bound to another conversation can be dropped by the API, or left out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from request_building import build, tool
from request_models import model_with

BETA = "thinking-binding-controls-2026-08-01"
DROP = {"prefix_mismatch_behavior": "drop_block"}
THOUGHT = {"type": "thinking", "thinking": "t", "signature": "s"}
HISTORY: list[BaseMessage] = [
    HumanMessage("q"),
    AIMessage([THOUGHT, {"type": "text", "text": "a"}]),
    HumanMessage("r"),
    AIMessage([{"type": "redacted_thinking", "data": "d"}]),
    HumanMessage("s"),
    AIMessage([THOUGHT], tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
    ToolMessage("done", tool_call_id="1"),
]


def kinds(body: Any) -> list[str]:
    """Return the types of an assistant's blocks."""
    return [
        block["type"]
        for message in body["messages"]
        if message["role"] == "assistant" and isinstance(message["content"], list)
        for block in message["content"]
    ]


def test_it_is_left_out() -> None:
    """Of every kind; a turn that was nothing else goes, and roles still alternate."""
    body = build(HISTORY, tools=(tool(),), bound_thinking="leave_out").body
    assert kinds(body) == ["text", "tool_use"]
    roles = [message["role"] for message in body["messages"]]
    assert all(one != other for one, other in itertools.pairwise(roles))
    assert "thinking" in kinds(build(HISTORY, tools=(tool(),)).body)


def test_a_budget_of_thinking_goes_with_it_in_a_running_turn() -> None:
    """The API wants such a turn to begin with thinking."""
    body = build(HISTORY, tools=(tool(),), thinking=2000, bound_thinking="leave_out").body
    assert "thinking" not in body


@pytest.mark.parametrize("asked", ["adaptive", {"type": "adaptive", "display": "omitted"}])
def test_the_api_is_asked_to_drop_it(asked: Any) -> None:
    """With the beta for it; what was asked for stays."""
    request = build(HISTORY, tools=(tool(),), thinking=asked, bound_thinking="drop_block")
    given = asked if isinstance(asked, dict) else {"type": asked}
    assert request.body["thinking"] == {**given, "block_binding": DROP}
    assert BETA in request.betas
    assert "thinking" in kinds(request.body)


def test_the_callers_own_binding_wins() -> None:
    """The API's own object is sent as given."""
    own = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}
    assert build(thinking=own, bound_thinking="drop_block").body["thinking"] == own


def test_models_that_think_by_default_are_asked_too() -> None:
    """Those that do not, and those told not to, are left alone."""
    thinks = model_with(thinking_default="on")
    body = build(model=thinks, bound_thinking="drop_block").body
    assert body["thinking"] == {"type": "adaptive", "block_binding": DROP}
    assert "thinking" not in build(bound_thinking="drop_block").body
    assert build(model=thinks, thinking="disabled", bound_thinking="drop_block").body[
        "thinking"
    ] == {"type": "disabled"}
    assert "thinking" not in build(model=thinks).body


def test_tools_are_the_same_with_and_without_streaming() -> None:
    """Thinking may be bound to them."""
    bodies = [build(tools=(tool(),), stream=stream).body for stream in (True, False)]
    assert bodies[0]["tools"] == bodies[1]["tools"]
