"""Translates content that was written for other LangChain integrations.

ChatBedrockConverse uses the blocks of Bedrock's Converse API, which have no ``type``, and cache
points, which stand behind the block that they mark. ChatAnthropicVertex takes a cache marker
from ``additional_kwargs``. Stored histories hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.converse import from_converse

Content: TypeAlias = str | list[str | JsonObject]

_CACHE_POINTS: Final = ("cachePoint", "cache_point")


def content_of(message: BaseMessage) -> Content:
    """Return a message's content with its cache markers on the blocks that they mark.

    Args:
        message: Of a user, a tool or the system; not changed.
    """
    content = fold_cache_points(message.content)
    marker = message.additional_kwargs.get("cache_control") if message.additional_kwargs else None
    if not isinstance(marker, dict) or not content:
        return content
    items = [content] if isinstance(content, str) else content
    last = _block(items[-1])
    return [*items[:-1], {**last, "cache_control": last.get("cache_control") or marker}]


def native_block(item: object) -> object:
    """Return a block of Converse's or OpenAI's in a form that `blocks` knows; else the item.

    Args:
        item: What a message's content holds; not changed.

    Raises:
        InvalidInputError: It is an image or a document that holds nothing.
    """
    if not isinstance(item, dict):
        return item
    kind = item.get("type")
    if kind in (None, "function") and isinstance(item.get("function"), dict):
        return _chat_call(item) or item
    translate = _OPENAI_ITEMS.get(kind) if isinstance(kind, str) else None
    return translate(item) if translate else from_converse(item)


def _chat_call(item: JsonObject) -> JsonObject | None:
    """Return a call of OpenAI's chat completions; None if it is anything else."""
    function = item["function"]
    if not item.get("id") or "arguments" not in function:
        return None
    return _call(item["id"], function.get("name"), function["arguments"])


def _response_call(item: JsonObject) -> JsonObject:
    """Return a call of OpenAI's Responses API, whose own id is not that of the call."""
    return _call(item.get("call_id"), item.get("name"), item.get("arguments"))


def _call(call_id: object, name: object, arguments: object) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _response_result(item: JsonObject) -> JsonObject:
    return {
        "type": "tool_result",
        "tool_use_id": item.get("call_id"),
        "content": item.get("output"),
    }


def _output_text(item: JsonObject) -> JsonObject:
    return {"type": "text", "text": item.get("text") or ""}


_OPENAI_ITEMS: Final[Mapping[str, Callable[[JsonObject], JsonObject]]] = {
    "function_call": _response_call,
    "function_call_output": _response_result,
    "custom_tool_call_output": _response_result,
    "output_text": _output_text,
}


def cache_marker(item: object) -> JsonObject | None:
    """Return the cache marker that a cache point stands for; None for anything else."""
    point = _cache_point(item)
    if point is None:
        return None
    return {"type": "ephemeral", **({"ttl": point["ttl"]} if point.get("ttl") else {})}


def _cache_point(item: object) -> JsonObject | None:
    """Return what a Converse cache point says, if an item of content is one."""
    if not isinstance(item, dict) or item.get("type") not in (None, *_CACHE_POINTS):
        return None
    return next((item[name] for name in _CACHE_POINTS if isinstance(item.get(name), dict)), None)


def fold_cache_points(content: Content) -> Content:
    """Return content with cache points as markers of the blocks in front of them."""
    if isinstance(content, str) or not any(_cache_point(item) for item in content):
        return content
    marked: list[str | JsonObject] = []
    for item in content:
        marker = cache_marker(item)
        if marker is None:
            marked.append(item)
        elif marked:
            marked[-1] = {**_block(marked[-1]), "cache_control": marker}
    return marked


def _block(item: str | JsonObject) -> JsonObject:
    return {"type": "text", "text": item} if isinstance(item, str) else item
