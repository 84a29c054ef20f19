"""Converts tool messages to ``tool_result`` blocks."""

from __future__ import annotations

import json
from typing import Final

from langchain_core.messages import ToolMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import (
    add_block,
    convert_item,
    is_blank,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.other_providers import (
    Content,
    content_of,
    native_block,
)
from langchain_claude_cloud.request.tool_names import wire_id

_LONGEST_ADDRESS: Final = 500
_NO_DETAILS: Final = "The tool failed and gave no details."
"""The API refuses an error without content: "tool_result: content cannot be empty if
`is_error` is true" (markform#153, inspect_ai#169)."""


def convert_tool_message(message: ToolMessage, notices: list[str]) -> list[JsonObject]:
    """Convert the result of a tool.

    Args:
        message: Its content is text, a list of blocks, or a list of native
            ``tool_result`` blocks, which stand for themselves.
        notices: Gets a line for each block that is described instead of sent.

    Raises:
        InvalidInputError: No ``tool_call_id``.
    """
    head = {"tool_use_id": message.tool_call_id, "is_error": message.status == "error"}
    content = content_of(message)
    results = [] if isinstance(content, str) else [_as_result(block) for block in content]
    if not results or None in results:
        results = [{"content": content}]
    return [convert_tool_result({**head, **each}, notices) for each in results if each is not None]


def convert_tool_result(block: JsonObject, notices: list[str]) -> JsonObject:
    """Convert a native ``tool_result`` block, with what is nested in it.

    Args:
        block: The block; not changed.
        notices: Gets a line for each block that is described instead of sent.

    Raises:
        InvalidInputError: It does not say which call it answers.
    """
    result = without_leftovers(block)
    content, is_error = result.pop("content", None) or "", result.pop("is_error", False)
    call_id = result.get("tool_use_id")
    if not call_id or not isinstance(call_id, str):
        raise InvalidInputError(
            "a tool result needs the id of its call: set tool_call_id to the 'id' of the entry "
            "in the AIMessage's tool_calls that it answers."
        )
    result |= {"type": "tool_result", "tool_use_id": wire_id(call_id)}
    nested = _convert_content(content, result, notices)
    if is_error:
        result["is_error"] = True
        if not nested or (isinstance(nested, str) and is_blank(nested)):
            nested = _NO_DETAILS
    if nested:
        result["content"] = nested
    return result


def _convert_content(
    content: Content, result: JsonObject, notices: list[str]
) -> str | list[JsonObject]:
    """Convert what a result holds; cache markers in it move to the result itself.

    The API refuses them inside: "cache_control is not supported at
    messages.N.content.M.content.K.cache_control" (langchain#35126).
    """
    if isinstance(content, str):
        return content
    nested: list[JsonObject] = []
    for item in content:
        add_block(nested, _convert_item(item, notices), item)
    for block in nested:
        if "cache_control" in block:
            result["cache_control"] = block.pop("cache_control")
    return nested


def _convert_item(item: str | JsonObject, notices: list[str]) -> JsonObject | None:
    """Convert one item of a result; what Claude cannot read becomes a line of text.

    Nobody can take a result back: an error for it would end the conversation for good.
    """
    native: object = item
    try:
        native = native_block(item)
        return convert_item(_as_text(native))
    except InvalidInputError as error:
        if not isinstance(native, dict):
            raise
        told = describe(native)
        notices.append(f"in a tool result, {told} is not sent: {error}")
        return {"type": "text", "text": f"[{told} cannot be shown: {error}]"}


def _as_text(item: object) -> object:
    """Return data that a tool returned, and what its server calls a resource, as text."""
    if not isinstance(item, dict):
        return item
    kind = item.get("type")
    if kind == "json" or (kind is None and item.keys() == {"json"}):
        return _dumped(item.get("json"))
    if kind is None and "text" not in item:
        return _dumped(item)
    if kind == "resource_link":
        raise InvalidInputError("it is a link that only the server can follow.")
    held = item.get("resource")
    if kind == "resource" and isinstance(held, dict):
        if isinstance(held.get("text"), str):
            return str(held["text"])
        media_type = held.get("mimeType") or held.get("mime_type")
        return {"type": "file", "base64": held.get("blob"), "mime_type": media_type}
    return item


def _dumped(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        raise InvalidInputError("it is nested too deeply.") from None


def describe(block: JsonObject) -> str:
    """Return what a block is, for somebody who cannot see it."""
    held = block.get("resource") if isinstance(block.get("resource"), dict) else block
    found = {**block, **(held or {})}
    source = found.get("source") if isinstance(found.get("source"), dict) else {}
    kind = str(found.get("type") or "block").replace("_", " ")
    name = next((found[key] for key in ("name", "title", "filename") if found.get(key)), None)
    address = found.get("uri") or found.get("url") or (source or {}).get("url")
    media_type = found.get("mime_type") or found.get("mimeType")
    parts = [
        f"{kind} {name!r}" if name else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}",
        f"({media_type})" if media_type else "",
        f"at {str(address)[:_LONGEST_ADDRESS]}" if address else "",
    ]
    return " ".join(part for part in parts if part)


def _as_result(item: object) -> JsonObject | None:
    """Return a native ``tool_result`` block; None for anything else."""
    try:
        block = native_block(item)
    except InvalidInputError:
        return None  # told in words where it is converted
    if not isinstance(block, dict) or block.get("type") != "tool_result":
        return None
    named = block.get("tool_use_id") is not None
    return block if named else {key: block[key] for key in block if key != "tool_use_id"}
