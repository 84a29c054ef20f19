"""Translates content that was written for other LangChain integrations.

ChatBedrockConverse uses the blocks of Bedrock's Converse API, which have no ``type``, and cache
points, which stand behind the block that they mark. ChatAnthropicVertex takes a cache marker
from ``additional_kwargs``. Stored histories hold both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

Content: TypeAlias = str | list[str | JsonObject]

_CACHE_POINTS: Final = ("cachePoint", "cache_point")
_MEDIA: Final = ("image", "document")
_MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    **dict.fromkeys(("csv", "html", "md", "txt"), "text/plain"),
    **{kind: f"image/{kind}" for kind in ("gif", "jpeg", "png", "webp")},
}


def content_of(message: BaseMessage) -> Content:
    """Return a message's content with its cache markers on the blocks that they mark.

    Args:
        message: Of a user, a tool or the system; not changed.
    """
    content = message.content
    if not isinstance(content, str) and any(_cache_point(item) for item in content):
        content = _folded(content)
    marker = message.additional_kwargs.get("cache_control") if message.additional_kwargs else None
    if not isinstance(marker, dict) or not content:
        return content
    items = [content] if isinstance(content, str) else content
    last = _block(items[-1])
    return [*items[:-1], {**last, "cache_control": last.get("cache_control") or marker}]


def is_media(block: JsonObject) -> bool:
    """Whether a block is an image or a document of Converse's, with a ``type`` or without."""
    names = _MEDIA if block.get("type") is None else (block["type"],)
    return any(name in _MEDIA and _holds_source(block.get(name)) for name in names)


def convert_media(block: JsonObject) -> JsonObject:
    """Return an image or a document of Converse's as LangChain's standard block.

    Args:
        block: One that `is_media`.

    Raises:
        InvalidInputError: It is in a bucket.
    """
    kind = next(name for name in _MEDIA if _holds_source(block.get(name)))
    given, source = block[kind], block[kind]["source"]
    details = {key: given[key] for key in ("citations", "context") if given.get(key)}
    details |= {key: block[key] for key in ("cache_control",) if key in block}
    if given.get("name"):
        details["title"] = given["name"]
    if isinstance(source.get("text"), str):
        return {"type": "text-plain", "text": source["text"], **details}
    data = source.get("bytes")
    if not data:
        raise InvalidInputError(
            f"this {kind} holds no bytes and no text: neither cloud reads buckets for Claude. "
            "Download it and pass it as base64."
        )
    encoded = base64.b64encode(data).decode("ascii") if isinstance(data, bytes) else data
    media_type = _MEDIA_TYPES.get(str(given.get("format")), given.get("format"))
    standard = "image" if kind == "image" else "file"
    return {"type": standard, "base64": encoded, "mime_type": media_type, **details}


def _holds_source(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("source"), dict)


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


def _folded(content: Sequence[str | JsonObject]) -> list[str | JsonObject]:
    """Return content with cache points as markers of the blocks in front of them."""
    folded: list[str | JsonObject] = []
    for item in content:
        marker = cache_marker(item)
        if marker is None:
            folded.append(item)
        elif folded:
            folded[-1] = {**_block(folded[-1]), "cache_control": marker}
    return folded


def _block(item: str | JsonObject) -> JsonObject:
    return {"type": "text", "text": item} if isinstance(item, str) else item
