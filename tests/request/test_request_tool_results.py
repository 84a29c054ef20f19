"""Tool results of every form become the API's."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from tool_histories import call, result, turns

RESULTS: list[tuple[str, Any, dict[str, Any]]] = [
    ("text", "ok", {"content": "ok"}),
    ("empty", "", {}),
    ("empty list", [], {}),
    ("list of text", ["a", {"type": "text", "text": "b"}], {"content": [
        {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
    ("cache marker inside", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}], {
        "content": [{"type": "text", "text": "a"}], "cache_control": {"type": "ephemeral"}}),
    ("reference to a tool", [{"type": "tool_reference", "tool_name": "g"}], {
        "content": [{"type": "tool_reference", "tool_name": "g"}]}),
    ("data", [{"temperature": 3}], {"content": [{"type": "text", "text": '{"temperature": 3}'}]}),
    ("document", [{"type": "text-plain", "text": "a"}], {"content": [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}]}),
    ("native result", [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "n"}]}], {
        "content": [{"type": "text", "text": "n"}]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "expected"), [row[1:] for row in RESULTS], ids=[r[0] for r in RESULTS]
)
def test_results_of_every_form(content: Any, expected: dict[str, Any]) -> None:
    """A result may be text, blocks, or nothing; its artifact stays here."""
    message = ToolMessage(content, tool_call_id="a", artifact={"secret": object})
    _, user = turns(AIMessage("", tool_calls=[call("a")]), message)
    assert user["content"] == [{"type": "tool_result", "tool_use_id": "a", **expected}]


@pytest.mark.parametrize("content", ["", " ", [], [{"type": "text", "text": ""}]])
def test_an_error_has_content(content: Any) -> None:
    """The API refuses an error that says nothing."""
    message = ToolMessage(content, tool_call_id="a", status="error")
    _, user = turns(AIMessage("", tool_calls=[call("a")]), message)
    assert user["content"] == [result("a", "The tool failed and gave no details.", is_error=True)]


def test_native_error_results_stay_errors() -> None:
    """The flag may stand on the block or on the message around it."""
    native = {"type": "tool_result", "content": "no"}
    for message in (
        HumanMessage([{**native, "tool_use_id": "a", "is_error": True}]),
        ToolMessage([native], tool_call_id="a", status="error"),
    ):
        _, user = turns(AIMessage("", tool_calls=[call("a")]), message)
        assert user["content"] == [result("a", "no", is_error=True)]
