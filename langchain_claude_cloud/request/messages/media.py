"""A body with images and documents by URL in, the URLs out; and the body with their content.

Neither cloud fetches URLs ("URL sources are not supported"), so somebody has to do it in
between. Nothing is fetched here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.sources import (
    IMAGE_TYPES,
    document_source,
    image_source,
)

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
    found = dict.fromkeys(
        block["source"]["url"]
        for message in body.get("messages", ())
        for block in _media_blocks(message.get("content"))
        if _url_of(block)
    )
    return list(found)


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

    def replace(block: JsonObject) -> JsonObject:
        url = _url_of(block)
        return _inlined(block, url, fetched[url]) if url and url in fetched else block

    messages = [_in_content(message, replace) for message in body.get("messages", ())]
    return {**body, "messages": messages}


def _url_of(block: JsonObject) -> str | None:
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "url":
        url = source.get("url")
        return url if isinstance(url, str) else None
    return None


def _media_blocks(content: object) -> Iterator[JsonObject]:
    for block in content if isinstance(content, list) else ():
        kind = block.get("type")
        if kind in _MEDIA:
            yield block
            source = block.get("source")
            if isinstance(source, dict) and source.get("type") == "content":
                yield from _media_blocks(source.get("content"))
        elif kind == "tool_result":
            yield from _media_blocks(block.get("content"))


def _in_content(holder: JsonObject, replace: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Return a dict with the media in its ``content`` replaced; itself if there is none."""
    content = holder.get("content")
    if not isinstance(content, list):
        return holder
    new = [_in_block(block, replace) for block in content]
    changed = any(after is not before for after, before in zip(new, content, strict=True))
    return {**holder, "content": new} if changed else holder


def _in_block(block: JsonObject, replace: Callable[[JsonObject], JsonObject]) -> JsonObject:
    kind = block.get("type")
    if kind == "tool_result":
        return _in_content(block, replace)
    if kind not in _MEDIA:
        return block
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "content":
        inner = _in_content(source, replace)
        return block if inner is source else {**block, "source": inner}
    return replace(block)


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
