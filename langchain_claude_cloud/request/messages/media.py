"""Finds the images and documents in a body that are given by URL, and fills in their content.

Neither cloud fetches URLs ("URL sources are not supported"). The package fetches them, but not
here: this module does no I/O.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.sources import data_source

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
    contents = [message.get("content") for message in body.get("messages", ())]
    return list(dict.fromkeys(url for content in contents for url in _urls(content)))


def needed_urls(body: JsonObject) -> frozenset[str]:
    """Return the URLs of what the user has sent last, without which a call makes no sense.

    Args:
        body: A Messages API body. What tools returned, and what was said earlier, is not in it.
    """
    messages = body.get("messages", ())
    index = _last_of_user(messages)
    content = messages[index].get("content") if index is not None else None
    blocks = content if isinstance(content, list) else []
    return frozenset(_urls([block for block in blocks if block.get("type") != "tool_result"]))


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
    messages = body.get("messages", ())
    last = _last_of_user(messages)
    filled = [
        _filled(message, fetched, lenient=index != last) for index, message in enumerate(messages)
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


def _urls(content: object) -> Iterator[str]:
    """Yield the URLs of the media in a content, those in tool results and documents included."""
    for block in content if isinstance(content, list) else ():
        if block.get("type") == "tool_result":
            yield from _urls(block.get("content"))
        elif block.get("type") in _MEDIA and isinstance(block.get("source"), dict):
            source = block["source"]
            if source.get("type") == "url":
                yield str(source["url"])
            elif source.get("type") == "content":
                yield from _urls(source.get("content"))


def _filled(
    holder: JsonObject, fetched: Mapping[str, Media | InvalidInputError], *, lenient: bool
) -> JsonObject:
    """Return a dict with the media in its ``content`` filled in; itself if nothing is.

    Args:
        holder: A message, a tool result or the source of a document.
        fetched: The data by URL, or why it could not be fetched.
        lenient: Whether text takes the place of what cannot be sent.
    """
    content = holder.get("content")
    if not isinstance(content, list):
        return holder
    new = [_filled_block(block, fetched, lenient=lenient) for block in content]
    changed = any(after is not before for after, before in zip(new, content, strict=True))
    return {**holder, "content": new} if changed else holder


def _filled_block(
    block: JsonObject, fetched: Mapping[str, Media | InvalidInputError], *, lenient: bool
) -> JsonObject:
    kind, source = block.get("type"), block.get("source")
    if kind == "tool_result":
        return _filled(block, fetched, lenient=True)
    if kind not in _MEDIA or not isinstance(source, dict):
        return block
    if source.get("type") == "content":
        inner = _filled(source, fetched, lenient=lenient)
        return block if inner is source else {**block, "source": inner}
    media = fetched.get(source["url"]) if source.get("type") == "url" else None
    if media is None:
        return block
    try:
        if isinstance(media, InvalidInputError):
            raise media
        return _inlined(block, source["url"], media)
    except InvalidInputError as error:
        if not lenient:
            raise
        return {"type": "text", "text": f"[{kind} cannot be shown: {error}]"}


def _inlined(block: JsonObject, url: str, media: Media) -> JsonObject:
    data = base64.b64encode(media.data).decode("ascii")
    try:
        source = data_source(data, media.media_type, image=block["type"] == "image")
    except InvalidInputError as error:
        # Signed URLs carry their secret in the query.
        raise InvalidInputError(f"{url.partition('?')[0]}: {error}") from error
    if block["type"] == "document" and source.get("media_type") in IMAGE_TYPES:
        rest = {key: value for key, value in block.items() if key not in _DOCUMENT_ONLY}
        return {**rest, "type": "image", "source": source}
    return {**block, "source": source}
