"""Finds the images and documents in a body that are given by URL, and fills in their content.

Neither cloud fetches URLs ("URL sources are not supported"). The package fetches them, but not
here: this module does no I/O.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol, TypeAlias

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.sources import document_source, image_source

_Change: TypeAlias = Callable[[JsonObject, str], JsonObject]
"""Returns what takes the place of a block with a URL."""

_MEDIA: Final = ("image", "document")
_DOCUMENT_ONLY: Final = frozenset({"citations", "context", "title"})


class Media(Protocol):
    """What a URL gave: its bytes, and their MIME type by content."""

    @property
    def media_type(self) -> str:
        """The MIME type."""

    @property
    def data(self) -> bytes:
        """The bytes."""


def find_url_sources(body: JsonObject) -> list[str]:
    """Return the URLs of a body's images and documents, each once, in order.

    Args:
        body: A Messages API body; media may be nested in tool results and in documents.
    """
    urls: dict[str, None] = {}

    def collect(block: JsonObject, url: str) -> JsonObject:
        urls[url] = None
        return block

    _map_url_blocks(body, collect)
    return list(urls)


def inline_sources(body: JsonObject, fetched: Mapping[str, Media]) -> JsonObject:
    """Return a body that holds the content of its URLs.

    Args:
        body: A Messages API body; not changed.
        fetched: What URLs gave. A URL that is not here stays as it is.

    Returns:
        A body that shares all with the given one but what leads to a replaced block.

    Raises:
        InvalidInputError: What a URL gave is not what Claude takes there, or too large.
    """

    def fill_in(block: JsonObject, url: str) -> JsonObject:
        return _inlined(block, url, fetched[url]) if url in fetched else block

    return {**body, "messages": _map_url_blocks(body, fill_in)}


def _map_url_blocks(body: JsonObject, change: _Change) -> list[JsonObject]:
    """Return a body's messages with each block that has a URL as `change` returns it."""
    return [_in_content(message, change) for message in body.get("messages", ())]


def _url_of(block: JsonObject) -> str | None:
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "url":
        url = source.get("url")
        return url if isinstance(url, str) else None
    return None


def _in_content(holder: JsonObject, change: _Change) -> JsonObject:
    """Return a dict with the media in its ``content`` changed; itself if none is."""
    content = holder.get("content")
    if not isinstance(content, list):
        return holder
    new = [_in_block(block, change) for block in content]
    changed = any(after is not before for after, before in zip(new, content, strict=True))
    return {**holder, "content": new} if changed else holder


def _in_block(block: JsonObject, change: _Change) -> JsonObject:
    kind = block.get("type")
    if kind == "tool_result":
        return _in_content(block, partial(_or_text, change))
    if kind not in _MEDIA:
        return block
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "content":
        inner = _in_content(source, change)
        return block if inner is source else {**block, "source": inner}
    url = _url_of(block)
    return change(block, url) if url else block


def _or_text(change: _Change, block: JsonObject, url: str) -> JsonObject:
    """Return what takes the place of a block in a tool's result: text, if it cannot be sent."""
    try:
        return change(block, url)
    except InvalidInputError as error:
        return {"type": "text", "text": f"[{block['type']} at {url} cannot be shown: {error}]"}


def _inlined(block: JsonObject, url: str, media: Media) -> JsonObject:
    data = base64.b64encode(media.data).decode("ascii")
    build = image_source if block["type"] == "image" else document_source
    try:
        source = build(data, media.media_type)
    except InvalidInputError as error:
        raise InvalidInputError(f"{url}: {error}") from error
    if block["type"] == "document" and source.get("media_type") in IMAGE_TYPES:
        rest = {key: value for key, value in block.items() if key not in _DOCUMENT_ONLY}
        return {**rest, "type": "image", "source": source}
    return {**block, "source": source}
