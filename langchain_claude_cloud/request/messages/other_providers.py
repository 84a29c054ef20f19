"""Gives content blocks of other APIs the types and the keys of those that `blocks` converts.

Bedrock's Converse API tells the kind of a block by its one key instead of a ``type``; stored
histories hold such blocks with a ``type`` beside it, or without. OpenAI's APIs have calls of tools,
and their results, in content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.tools import cache_marker

CACHE_POINT: Final = "cache_point"
"""The type of what stands for a cache point of Converse, which marks the block before it."""

CLIENT_CALL: Final = "client_tool_call"
"""The type of what stands for a call of OpenAI's that the client runs."""

_KEYED: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "function": ("tool_use", {"arguments": "input"}),
    "toolUse": ("tool_use", {"toolUseId": "id"}),
    "toolResult": ("tool_result", {"toolUseId": "tool_use_id"}),
    **dict.fromkeys(("reasoningContent", "reasoning_content"), ("reasoning", {})),
    "citationsContent": ("citations_content", {"content": "content"}),
    "searchResult": ("search_result", {"content": "content"}),
    **dict.fromkeys(("guardContent", "guard_content"), ("guard_content", {})),
    "image": ("image", {"source": "source"}),
    "document": ("document", {"source": "source"}),
    "video": ("video", {}),
    "audio": ("audio", {}),
}
"""By the key that tells the kind of a block: the block's type, and what it must hold under that
key, each with the name that it has here."""

_TELLING: Final = frozenset({*_KEYED, "cachePoint", "cache_point", "call_id", "value"})
"""Keys of which a block has one that is not of Anthropic's or of LangChain's own form."""

_BESIDE: Final = ("cache_control", "id", "index")
"""What may stand beside the one key of a block that has no ``type``; more, and it is data."""

_ARGUMENTS: Final = ("arguments", "input", "action", "operation")
"""What OpenAI's calls have the arguments under; the last two are those of its computer, its shell
and its patches."""


def native_block(item: object) -> JsonObject:
    """Return what a message's content holds as a block of a type that `blocks` knows.

    Args:
        item: A text, or a block of any API's; not changed. What is unknown stays as it is.

    Raises:
        InvalidInputError: It is neither.
    """
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if not isinstance(item, dict):
        raise InvalidInputError(f"a content block is text or a dict, not {type(item).__name__}.")
    kind = item.get("type")
    if _TELLING.isdisjoint(item):  # by far the most common
        return item
    if marker := cache_marker(item):
        return {"type": CACHE_POINT, "cache_control": marker}
    if kind == "non_standard" and isinstance(item.get("value"), dict):
        return native_block(item["value"])
    if item.get("call_id") and isinstance(kind, str):
        return _from_openai(item, kind)
    found = (_from_key(item, key) for key in _KEYED.keys() & item.keys())
    return next(filter(None, found), item)


def _from_openai(item: JsonObject, kind: str) -> JsonObject:
    """Return a call of the Responses API or its result, if it is one that the client runs."""
    call_id = item["call_id"]
    if kind.endswith("_call_output"):
        return {"type": "tool_result", "tool_use_id": call_id, "content": item.get("output")}
    if kind.endswith("_call"):
        name = item.get("name") or kind.removesuffix("_call")
        arguments = next((item[key] for key in _ARGUMENTS if item.get(key)), None)
        return {"type": CLIENT_CALL, "id": call_id, "name": name, "input": arguments}
    return item


def _from_key(item: JsonObject, key: str) -> JsonObject | None:
    """Return a block whose kind a key tells; None if it is something else."""
    kind, names = _KEYED[key]
    held, is_alone = item[key], "type" not in item and item.keys() <= {key, *_BESIDE}
    is_meant = is_alone or item.get("type") in (key, kind)
    if not is_meant or not isinstance(held, dict) or not names.keys() <= held.keys():
        return None
    beside = {name: value for name, value in item.items() if name in _BESIDE}
    renamed = {names.get(name, name): value for name, value in held.items()}
    return {**beside, **renamed, "type": kind}
