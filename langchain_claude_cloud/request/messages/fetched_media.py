"""Finds the URLs of images and documents in a body, and fills in what was fetched from them."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import convert_block

# What was fetched from a URL, or why it could not be.
Fetched: TypeAlias = FetchedMedia | InvalidInputError


def find_urls(body: JsonObject) -> dict[str, bool]:
    """Return the URLs of the images and documents in a body, in order.

    Returns:
        Of each, whether the user has sent it last, so that a call makes no sense without it.
        What tools returned, and what was said earlier, is not.
    """
    found: dict[str, bool] = {}
    for url, _, _, needed in _places_in(body):
        found[url] = found.get(url, False) or needed
    return found


def inline_sources(body: JsonObject, fetched: Mapping[str, Fetched]) -> JsonObject:
    """Return a body that holds the content of its URLs.

    What cannot be sent becomes a line of text, unless the user has sent it last.

    Args:
        body: A Messages API body; not changed.
        fetched: The data by URL, or why it could not be fetched. Other URLs stay as they are.

    Raises:
        InvalidInputError: Claude does not read the data of a URL there, or it is too large.
    """
    filled = {**body, "messages": copy.deepcopy(body["messages"])}
    for url, content, index, needed in list(_places_in(filled)):
        if url in fetched:
            content[index] = _filled(content[index], fetched[url], needed=needed)
    return filled


_Place = tuple[str, list[JsonObject], int, bool]
"""A URL, the blocks among which it stands, where, and whether the user has sent it last."""


def _places_in(body: JsonObject) -> Iterator[_Place]:
    last = next((each for each in reversed(body["messages"]) if _has_words(each)), None)
    for message in body["messages"]:
        yield from _places(message["content"], needed=message is last)


def _has_words(message: JsonObject) -> bool:
    """Whether a message is a user's, and not of results of tools alone."""
    content = message["content"]
    is_answer = isinstance(content, list) and all(b["type"] == "tool_result" for b in content)
    return message["role"] == "user" and not is_answer


def _places(content: object, *, needed: bool) -> Iterator[_Place]:
    """Yield each URL in the content of a message, a result or a document."""
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        source = block.get("source")
        if block["type"] == "tool_result":
            yield from _places(block.get("content"), needed=False)
        elif block["type"] in ("image", "document") and isinstance(source, dict):
            if source.get("type") == "url":
                yield source["url"], content, index, needed
            elif source.get("type") == "content":
                yield from _places(source.get("content"), needed=needed)


def _filled(block: JsonObject, media: Fetched, *, needed: bool) -> JsonObject:
    """Return a block with its data; if there is none and it is not needed, a line of text."""
    url = block["source"]["url"].partition("?")[0]  # signed ones have their secret in the query
    held = {key: value for key, value in block.items() if key != "source"}
    try:
        if isinstance(media, InvalidInputError):
            raise media
        data = {"base64": base64.b64encode(media.data), "mime_type": media.media_type}
        return convert_block({**held, **data}) or {}
    except InvalidInputError as error:
        told = str(error) if url in str(error) else f"{url}: {error}"
        if needed:
            raise InvalidInputError(told) from error
        return {"type": "text", "text": f"[{block['type']} cannot be shown: {told}]"}
