"""Finds the images and documents in a body that are given by URL, and fills in their content.

Neither cloud fetches URLs ("URL sources are not supported"). The package fetches them, but not
here: this module does no I/O.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
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
    """What was fetched from a URL: its bytes, and their MIME type by content."""

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


def needed_urls(body: JsonObject) -> frozenset[str]:
    """Return the URLs of what the user has sent last, without which a call makes no sense.

    Args:
        body: A Messages API body. What tools returned, and what was said earlier, is not in it.
    """
    urls: set[str] = set()

    def collect(block: JsonObject, url: str) -> JsonObject:
        urls.add(url)
        return block

    messages = body.get("messages", ())
    index = _last_of_user(messages)
    if index is not None:
        content = messages[index].get("content")
        blocks = content if isinstance(content, list) else []
        own = [block for block in blocks if block.get("type") != "tool_result"]
        _in_content({"content": own}, collect)
    return frozenset(urls)


def inline_sources(
    body: JsonObject, fetched: Mapping[str, Media | InvalidInputError]
) -> JsonObject:
    """Return a body that holds the content of its URLs.

    What cannot be sent becomes a line of text, unless the user has sent it last.

    Args:
        body: A Messages API body; not changed.
        fetched: The data by URL, or why it could not be fetched. Other URLs stay as they are.

    Returns:
        A body that shares all with the given one but what leads to a replaced block.

    Raises:
        InvalidInputError: Claude does not read the data of a URL there, or it is too large.
    """

    def fill_in(block: JsonObject, url: str) -> JsonObject:
        media = fetched.get(url)
        if isinstance(media, InvalidInputError):
            raise media
        return block if media is None else _inlined(block, url, media)

    messages = body.get("messages", ())
    last = _last_of_user(messages)
    lenient = partial(_or_text, fill_in)
    filled = [
        _in_content(message, fill_in if index == last else lenient)
        for index, message in enumerate(messages)
    ]
    return {**body, "messages": filled}


def _last_of_user(messages: Sequence[JsonObject]) -> int | None:
    """Return where the user's last words are; a turn of tool results alone has none."""
    for index in reversed(range(len(messages))):
        content = messages[index].get("content")
        if messages[index].get("role") != "user":
            continue
        if not isinstance(content, list) or any(
            block.get("type") != "tool_result" for block in content
        ):
            return index
    return None


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
    """Return what takes the place of a block that may be missing: text, if it cannot be sent."""
    try:
        return change(block, url)
    except InvalidInputError as error:
        return {"type": "text", "text": f"[{block['type']} cannot be shown: {error}]"}


def _inlined(block: JsonObject, url: str, media: Media) -> JsonObject:
    data = base64.b64encode(media.data).decode("ascii")
    build = image_source if block["type"] == "image" else document_source
    try:
        source = build(data, media.media_type)
    except InvalidInputError as error:
        # Signed URLs carry their secret in the query.
        raise InvalidInputError(f"{url.partition('?')[0]}: {error}") from error
    if block["type"] == "document" and source.get("media_type") in IMAGE_TYPES:
        rest = {key: value for key, value in block.items() if key not in _DOCUMENT_ONLY}
        return {**rest, "type": "image", "source": source}
    return {**block, "source": source}
