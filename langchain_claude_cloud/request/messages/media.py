"""Builds the ``source`` of images and documents, and fills in what was fetched from URLs.

Neither cloud fetches URLs ("URL sources are not supported") or files, so a source is base64 or
text. An ``https`` URL stays one until the package has fetched it, which is not done here: this
module does no I/O.
"""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from langchain_claude_cloud.catalogue.media_types import (
    IMAGE_TYPES,
    PDF,
    UNKNOWN,
    FetchedMedia,
    media_type_of,
)
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

LARGEST_IMAGE: Final = 5 * 1024 * 1024
"""Characters of base64 in one image: both clouds count the encoded form, and answer 400
"image exceeds 5 MB maximum: 6405384 bytes > 5242880 bytes" (langchain#21654, measured on
InvokeModel; lobehub#14711)."""

_MEDIA: Final = ("image", "document")
_DOCUMENT_ONLY: Final = frozenset({"citations", "context", "title"})
_URL_SAFE: Final = str.maketrans("-_", "+/")
_TEXT_TYPES: Final = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/x-yaml", UNKNOWN}
)
_TAKES: Final = (
    "Claude takes PNG, JPEG, GIF and WebP images, PDF documents and plain text, as base64, "
    "as text, or by https URL."
)


def _decode(data: object) -> tuple[str, bytes]:
    """Return base64 as the API takes it, in one line of the standard alphabet, and its bytes.

    Args:
        data: Base64 with or without line breaks, of either alphabet, as text or bytes.

    Raises:
        InvalidInputError: It is no base64, such as the bytes of an image itself, or empty: the
            API refuses that too ("Invalid base64 data", "image cannot be empty").
    """
    if isinstance(data, bytes) and data.isascii():
        data = data.decode("ascii")
    if not isinstance(data, str):
        raise InvalidInputError(
            f"base64 data must be text, not {type(data).__name__}: pass "
            "base64.b64encode(data).decode()."
        )
    # Each is a pass over up to 20 MB, which most data does not need.
    plain = "".join(data.split()) if any(blank in data for blank in "\n\r\t ") else data
    plain = plain.translate(_URL_SAFE) if "-" in plain or "_" in plain else plain
    if len(plain) % 4:
        plain = plain.rstrip("=")
        plain += "=" * (-len(plain) % 4)
    try:
        raw, reason = binascii.a2b_base64(plain, strict_mode=True), "it is empty"
    except ValueError as error:
        raw, reason = b"", str(error)
    if not raw:
        raise InvalidInputError(
            f"this base64 data is not valid ({reason}): pass base64.b64encode(data).decode()."
        )
    return plain, raw


def data_source(data: object, media_type: str | None, *, image: bool) -> JsonObject:
    """Return the source of base64, which may be that of a ``data:`` URI.

    Args:
        data: The image or the document.
        media_type: What the caller says it is, if anything; its own signature wins.
        image: Whether only an image will do.

    Returns:
        Base64 for an image or a PDF, also where a document was given that is an image; text for
        text.

    Raises:
        InvalidInputError: It is nothing that Claude takes, or too large an image.
    """
    if isinstance(data, str) and data[:5].lower() == "data:":
        data, declared = _read_data_uri(data)
        media_type = declared or media_type
    plain, raw = _decode(data)
    kind = media_type_of(raw, media_type)
    if image or kind in IMAGE_TYPES:
        _check_image(plain, kind, media_type)
        return {"type": "base64", "media_type": kind, "data": plain}
    if kind == PDF:
        return {"type": "base64", "media_type": PDF, "data": plain}
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        return text_source(_decode_text(raw, media_type))
    raise InvalidInputError(
        f"A file of type {kind} is not something Claude reads. {_TAKES} Convert it first."
    )


def _check_image(data: str, kind: str, said: str | None) -> None:
    if kind not in IMAGE_TYPES:
        given = f" (given as {said})" if said else ""
        raise InvalidInputError(
            f"This image{given} is {'of an unknown type' if kind == UNKNOWN else kind}, which "
            f"Claude does not take as an image. {_TAKES}"
        )
    if len(data) > LARGEST_IMAGE:
        raise InvalidInputError(
            f"This image is {len(data):,} bytes as base64; the clouds take at most "
            f"{LARGEST_IMAGE:,} (about 3.9 MB before encoding). Send a smaller image."
        )


def text_source(text: str) -> JsonObject:
    """Return the source of a plain text document.

    Raises:
        InvalidInputError: It is empty ("document cannot be empty").
    """
    if not text:
        raise InvalidInputError("this document is empty, which Claude does not take. Leave it out.")
    return {"type": "text", "media_type": "text/plain", "data": text}


def located_source(url: str, media_type: str | None, *, image: bool) -> JsonObject:
    """Return the source for a URL: ``data:`` is taken apart, ``https:`` stays a URL.

    Args:
        url: Where the image or document is.
        media_type: What the caller says it is, if anything.
        image: Whether only an image will do.

    Raises:
        InvalidInputError: Another scheme; the message says what to do instead.
    """
    scheme = url[:8].lower()
    if scheme.startswith("data:"):
        return data_source(url, media_type, image=image)
    if scheme == "https://":
        return {"type": "url", "url": url}
    raise InvalidInputError(f"{_shown(url)} cannot be sent: {_remedy(scheme)}")


def _decode_text(raw: bytes, said: str | None) -> str:
    try:
        return raw.decode("utf-8")
    except ValueError:
        given = f"given as {said}, but it" if said else "given without a mime_type, and it"
        raise InvalidInputError(f"This file is {given} is no UTF-8 text. {_TAKES}") from None


def _read_data_uri(url: str) -> tuple[str, str | None]:
    """Return the base64 data and the media type of a ``data:`` URI."""
    head, comma, data = url.partition(",")
    if not comma:
        raise InvalidInputError(f"{_shown(url)} is not a data URI: it has no comma.")
    media_type, *parameters = head[len("data:") :].split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    elif "%" in data:
        data = unquote(data)
    return data, media_type or None


def _remedy(scheme: str) -> str:
    if scheme.startswith(("gs://", "s3://")):
        return (
            "neither cloud reads buckets for Claude. Download the object and pass it as base64, "
            "or pass a signed https URL."
        )
    if scheme.startswith("http://"):
        return "only https URLs are fetched. Use https, or pass the data as base64."
    return "pass base64, a data: URI, or an https URL."


def _shown(url: str) -> str:
    return repr(url if len(url) <= 80 else f"{url[:80]}...")  # noqa: PLR2004  one line


def find_urls(body: JsonObject) -> dict[str, bool]:
    """Return the URLs of the images and documents in a body, in order.

    Returns:
        Of each, whether the user has sent it last, so that a call makes no sense without it.
        What tools returned, and what was said earlier, is not.
    """
    last, found = _last_of_user(body), dict[str, bool]()
    for message in body["messages"]:
        for url, _, _, needed in _places(message["content"], needed=message is last):
            found[url] = found.get(url, False) or needed
    return found


def inline_sources(
    body: JsonObject, fetched: Mapping[str, FetchedMedia | InvalidInputError]
) -> JsonObject:
    """Return a body that holds the content of its URLs.

    What cannot be sent becomes a line of text, unless the user has sent it last.

    Args:
        body: A Messages API body; not changed.
        fetched: The data by URL, or why it could not be fetched. Other URLs stay as they are.

    Raises:
        InvalidInputError: Claude does not read the data of a URL there, or it is too large.
    """
    last, messages = _last_of_user(body), []
    for message in body["messages"]:
        new = copy.deepcopy(message) if any(_places(message["content"])) else message
        for url, content, index, needed in list(_places(new["content"], needed=message is last)):
            if url in fetched:
                content[index] = _filled(content[index], fetched[url], needed=needed)
        messages.append(new)
    return {**body, "messages": messages}


def _last_of_user(body: JsonObject) -> JsonObject:
    """Return the message with the user's last words; a turn of tool results alone has none."""
    for message in reversed(body["messages"]):
        content = message["content"]
        kinds = ["text"] if isinstance(content, str) else [block["type"] for block in content]
        if message["role"] == "user" and any(kind != "tool_result" for kind in kinds):
            found: JsonObject = message
            return found
    return {}


def _places(
    content: object, *, needed: bool = False
) -> Iterator[tuple[str, list[JsonObject], int, bool]]:
    """Yield each URL in the content of a message, a result or a document, and where it stands.

    Args:
        content: Text or blocks.
        needed: Whether the user has sent it last.
    """
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        source = block.get("source")
        if block["type"] == "tool_result":
            yield from _places(block.get("content"))
        elif block["type"] in _MEDIA and isinstance(source, dict):
            if source.get("type") == "url":
                yield source["url"], content, index, needed
            elif source.get("type") == "content":
                yield from _places(source.get("content"), needed=needed)


def _filled(
    block: JsonObject, media: FetchedMedia | InvalidInputError, *, needed: bool
) -> JsonObject:
    """Return a block with its data; if there is none and it is not needed, a line of text."""
    try:
        if isinstance(media, InvalidInputError):
            raise media
        return _with_data(block, media)
    except InvalidInputError as error:
        if needed:
            raise
        return {"type": "text", "text": f"[{block['type']} cannot be shown: {error}]"}


def _with_data(block: JsonObject, media: FetchedMedia) -> JsonObject:
    data, url = base64.b64encode(media.data).decode("ascii"), block["source"]["url"]
    try:
        source = data_source(data, media.media_type, image=block["type"] == "image")
    except InvalidInputError as error:
        # Signed URLs carry their secret in the query.
        raise InvalidInputError(f"{url.partition('?')[0]}: {error}") from error
    if block["type"] == "document" and source.get("media_type") in IMAGE_TYPES:
        rest = {key: value for key, value in block.items() if key not in _DOCUMENT_ONLY}
        return {**rest, "type": "image", "source": source}
    return {**block, "source": source}
