"""Histories with tool calls, in LangChain's form and in the API's."""

from __future__ import annotations

import copy
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from request_models import model_with

from langchain_claude_cloud.request.messages.conversion import Conversation, convert_messages

MODEL = model_with()


def convert(*messages: BaseMessage) -> Conversation:
    """Return a conversation as it goes out; the messages must stay as they were."""
    before = copy.deepcopy(messages)
    conversation = convert_messages(messages, MODEL)
    assert messages == before
    return conversation


def turns(*messages: BaseMessage) -> list[dict[str, Any]]:
    """Return the turns behind the opening question."""
    return convert(HumanMessage("q"), *messages).messages[1:]


def call(call_id: str, name: str = "f", **arguments: Any) -> dict[str, Any]:
    """Return an entry of `AIMessage.tool_calls`."""
    return {"name": name, "args": arguments, "id": call_id, "type": "tool_call"}


def use(call_id: str, name: str = "f", **arguments: Any) -> dict[str, Any]:
    """Return the API's block for a call."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def broken(call_id: str, raw: str, error: str | None = "cut") -> dict[str, Any]:
    """Return an entry of `AIMessage.invalid_tool_calls`."""
    return {"type": "invalid_tool_call", "id": call_id, "name": "f", "args": raw, "error": error}


def result(call_id: str, content: Any = "ok", **more: Any) -> dict[str, Any]:
    """Return the API's block for a result."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}
