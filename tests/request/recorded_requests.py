"""The LangChain messages and options that recorded requests could come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from data import load_recordings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_claude_cloud.request.body import RequestOptions
from langchain_claude_cloud.request.tools import convert_tool

Json = dict[str, Any]
_SETTINGS = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "thinking", "stream")
_TAKEN = {*_SETTINGS, "messages", "model", "system", "tools", "tool_choice", "anthropic_version"}
_TAKEN |= {"cache_control", "context_management"}


def recorded_requests() -> list[Any]:
    """Return the recorded rows whose request is a Messages API body that was accepted."""
    rows = [row for row in load_recordings() if row["status"] == 200]
    return [row for row in rows if _is_messages_body(row["request"])]


def _is_messages_body(body: Any) -> bool:
    # Converse has its own grammar: no max_tokens at the top, content without types.
    return isinstance(body, dict) and "messages" in body and "max_tokens" in body


def names_a_file(value: Any) -> bool:
    """Whether a part of a body names an uploaded file, which neither cloud knows."""
    if isinstance(value, dict):
        return value.get("type") == "file" or any(map(names_a_file, value.values()))
    return isinstance(value, list) and any(map(names_a_file, value))


def answered_by_hand(content: str | list[Json]) -> AIMessage:
    """Return the message of somebody who keeps answers in the API's own form."""
    return AIMessage(content, tool_calls=_calls(content))  # type: ignore[arg-type]


def rebuild(
    body: Json, answered: Callable[[str | list[Json]], AIMessage] = answered_by_hand
) -> tuple[list[BaseMessage], RequestOptions]:
    """Return messages and options that must lead to the body again.

    Args:
        body: The recorded body.
        answered: Makes the message of an assistant turn.
    """
    system = body.get("system")
    messages: list[BaseMessage] = [SystemMessage(system)] if system else []
    for message in body["messages"]:
        messages += _rebuild_message(message["role"], message["content"], answered)
    options = RequestOptions(
        **{name: body[name] for name in _SETTINGS if name in body},
        fine_grained_tool_streaming=False,
        betas=(
            "mcp-client-2025-11-20",
            "advisor-tool-2026-03-01",
            "server-side-fallback-2026-07-01",
        ),
        tools=tuple(convert_tool(tool) for tool in body.get("tools") or ()),
        tool_choice=body.get("tool_choice"),
        cache_control=body.get("cache_control"),
        context_management=body.get("context_management"),
        model_kwargs={name: value for name, value in body.items() if name not in _TAKEN},
    )
    return messages, options


def _rebuild_message(
    role: str, content: str | list[Json], answered: Callable[[str | list[Json]], AIMessage]
) -> list[BaseMessage]:
    if role == "system":
        return [SystemMessage(content)]
    if role == "assistant":
        return [answered(content)]
    if isinstance(content, str):
        return [HumanMessage(content)]
    messages: list[BaseMessage] = []
    for block in content:
        if block.get("type") == "tool_result" and "cache_control" not in block:
            status = "error" if block.get("is_error") else "success"
            messages.append(
                ToolMessage(
                    block.get("content", ""), tool_call_id=block["tool_use_id"], status=status
                )
            )
        else:
            messages.append(HumanMessage([block]))
    return messages


def _calls(content: str | list[Json]) -> list[Json]:
    blocks = content if isinstance(content, list) else []
    return [
        {"name": block["name"], "args": block["input"], "id": block["id"], "type": "tool_call"}
        for block in blocks
        if block.get("type") == "tool_use"
    ]
