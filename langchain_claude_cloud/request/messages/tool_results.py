"""Converts tool messages to ``tool_result`` blocks."""

from __future__ import annotations

import json
from collections import ChainMap
from functools import partial

from langchain_core.messages import ToolMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages import blocks
from langchain_claude_cloud.request.messages.other_providers import native_block
from langchain_claude_cloud.request.tool_names import ToolNames, wire_id


def result_blocks(message: ToolMessage) -> list[JsonObject]:
    """Return what a tool message stands for: ``tool_result`` blocks, not converted yet.

    Args:
        message: Its content is text, a list of blocks, or a list of native ``tool_result``
            blocks, which stand for themselves.
    """
    content = blocks.content_of(message)
    results = [] if isinstance(content, str) else list(map(native_block, content))
    if not results or any(result.get("type") != "tool_result" for result in results):
        results = [{"content": content}]
    head = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    return [{**head, "is_error": message.status == "error", **result} for result in results]


def convert_tool_result(block: JsonObject, names: ToolNames, notices: list[str]) -> JsonObject:
    """Convert a native ``tool_result`` block, with what is nested in it.

    Args:
        block: The block; not changed.
        names: What the tools are called in the request.
        notices: Gets a line for each block that is described instead of sent.

    Raises:
        InvalidInputError: It does not say which call it answers.
    """
    result = blocks.without_leftovers(block)
    content, status = result.pop("content", None) or "", result.pop("status", None)
    is_error = result.pop("is_error", False) or status == "error"  # Converse has a status
    call_id = result.get("tool_use_id")
    if not call_id or not isinstance(call_id, str):
        raise InvalidInputError("a tool result needs the id of its call: set tool_call_id to it.")
    result["tool_use_id"] = wire_id(call_id)
    if not isinstance(content, str):
        nested_in = [content] if isinstance(content, dict) else content
        convert = partial(_convert_nested, names=names, notices=notices)
        content = blocks.convert_blocks(nested_in, convert)
        # The API refuses markers inside: "cache_control is not supported at
        # messages.N.content.M.content.K.cache_control" (langchain#35126).
        for nested in content:
            if "cache_control" in nested:
                result["cache_control"] = nested.pop("cache_control")
    if is_error:
        result["is_error"] = True
        is_blank = not (content.strip() if isinstance(content, str) else content)
        # "tool_result: content cannot be empty if `is_error` is true" (markform#153,
        # inspect_ai#169).
        content = "The tool failed and gave no details." if is_blank else content
    return result | ({"content": content} if content else {})


def _convert_nested(block: JsonObject, names: ToolNames, notices: list[str]) -> JsonObject | None:
    """Convert one block of a result; what Claude cannot read becomes a line of text.

    Nobody can take a result back: an error for it would end the conversation for good.
    """
    try:
        converted = blocks.convert_block(_as_block(block))
    except InvalidInputError as error:
        told = describe(block)
        notices.append(f"in a tool result, {told} is not sent: {error}")
        return {"type": "text", "text": f"[{told} cannot be shown: {error}]"}
    if converted and converted["type"] == "tool_reference" and converted.get("tool_name"):
        converted["tool_name"] = names.wire_name(converted["tool_name"])
    return converted


def _as_block(block: JsonObject) -> JsonObject:
    """Return data that a tool returned, and what its server calls a resource, as a known block."""
    kind, held = block.get("type"), block.get("resource")
    if kind == "resource_link":
        raise InvalidInputError("it is a link that only the server can follow.")
    if kind == "resource" and isinstance(held, dict):
        if isinstance(held.get("text"), str):
            return {"type": "text", "text": held["text"]}
        return {**held, "type": "file", "base64": held.get("blob")}
    if kind == "json" or block.keys() == {"json"}:
        data = block.get("json")
    elif kind == "tool_result":
        data = block.get("content")
    elif _is_record(block, kind):
        data = block
    else:
        return block
    return {"type": "text", "text": json.dumps(data, ensure_ascii=False, default=str)}


def _is_record(block: JsonObject, kind: object) -> bool:
    """Whether a block is a record of a tool's own, which LangChain takes for content by its type.

    A list of files, of the fields of a form, of what a search found.
    """
    if kind == "search_result":
        return not (isinstance(block.get("source"), str) and block.get("content"))
    if kind in blocks.MEDIA:
        is_empty = all(block.get(key) is None for key in blocks.DATA_KEYS)
        return is_empty and not isinstance(block.get("source"), dict) and len(block) > 1
    return (kind is None or kind in blocks.TEXTS) and "text" not in block


def describe(block: JsonObject) -> str:
    """Return what a block is, for somebody who cannot see it."""
    held = (block.get(key) for key in ("resource", "source"))
    found = ChainMap(block, *(each for each in held if isinstance(each, dict)))
    kind = str(found.get("type") or "block").replace("_", " ")
    name = next((found[key] for key in ("name", "title", "filename") if found.get(key)), None)
    told = f"{kind} {name!r}" if name else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if media_type := found.get("mime_type") or found.get("mimeType"):
        told += f" ({media_type})"
    if address := found.get("uri") or found.get("url"):
        told += f" at {address!s:.500}"
    return told
