"""Converts tool messages to ``tool_result`` blocks."""

from __future__ import annotations

import json
from typing import Final

from langchain_core.messages import ToolMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import (
    convert_blocks,
    is_blank,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.identifiers import wire_id
from langchain_claude_cloud.request.messages.other_providers import content_of, is_media

_NO_DETAILS: Final = "The tool failed and gave no details."
"""The API refuses an error without content: "tool_result: content cannot be empty if
`is_error` is true" (markform#153, inspect_ai#169)."""


def convert_tool_message(message: ToolMessage) -> list[JsonObject]:
    """Convert the result of a tool.

    Args:
        message: Its content is text, a list of blocks, or a list of native
            ``tool_result`` blocks, which stand for themselves.

    Raises:
        InvalidInputError: No ``tool_call_id``, or a block that a result cannot hold.
    """
    is_error = message.status == "error"
    content = content_of(message)
    if isinstance(content, str):
        return [_build({"tool_use_id": message.tool_call_id}, content, is_error=is_error)]
    if content and all(_is_result(block) for block in content):
        return [
            convert_tool_result({"tool_use_id": message.tool_call_id, **block}, is_error=is_error)
            for block in content
            if isinstance(block, dict)
        ]
    return [_build({"tool_use_id": message.tool_call_id}, content, is_error=is_error)]


def convert_tool_result(block: JsonObject, *, is_error: bool = False) -> JsonObject:
    """Convert a native ``tool_result`` block, with what is nested in it."""
    rest = without_leftovers(block)
    content = rest.pop("content", None)
    is_error = bool(rest.pop("is_error", is_error))
    return _build(rest, content or "", is_error=is_error)


def _build(
    head: JsonObject, content: str | list[str | JsonObject], *, is_error: bool
) -> JsonObject:
    call_id = head.get("tool_use_id")
    if not call_id or not isinstance(call_id, str):
        raise InvalidInputError(
            "a tool result needs the id of its call: set tool_call_id to the 'id' of the entry "
            "in the AIMessage's tool_calls that it answers."
        )
    result = {"type": "tool_result", **head, "tool_use_id": wire_id(call_id)}
    nested = _convert_content(content, result)
    if is_error:
        result["is_error"] = True
        if not nested or (isinstance(nested, str) and is_blank(nested)):
            nested = _NO_DETAILS
    if nested:
        result["content"] = nested
    return result


def _convert_content(
    content: str | list[str | JsonObject], result: JsonObject
) -> str | list[JsonObject]:
    """Convert what a result holds; cache markers in it move to the result itself.

    The API refuses them inside: "cache_control is not supported at
    messages.N.content.M.content.K.cache_control" (langchain#35126).
    """
    if isinstance(content, str):
        return content
    nested = convert_blocks(_typed(item) for item in content)
    for block in nested:
        if "cache_control" in block:
            result["cache_control"] = block.pop("cache_control")
    return nested


def _typed(item: str | JsonObject) -> str | JsonObject:
    """Return data that a tool returned as it is, without the form of a block, as text."""
    is_data = isinstance(item, dict) and not item.keys() & {"type", "text"} and not is_media(item)
    if is_data:
        return json.dumps(item, ensure_ascii=False, default=str)
    return item


def _is_result(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"
