"""Builds the ``source`` of images and documents.

Neither cloud fetches URLs ("URL sources are not supported") or files, so a source is base64 or
text. An ``https`` URL stays one until the package has fetched it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES, PDF, UNKNOWN, media_type_of
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

LARGEST_IMAGE: Final = 5 * 1024 * 1024
"""Characters of base64 in one image: both clouds count the encoded form, and answer 400
"image exceeds 5 MB maximum: 6405384 bytes > 5242880 bytes" (langchain#21654, measured on
InvokeModel; lobehub#14711)."""

_SPELLINGS: Final = (("\n", ""), ("\r", ""), ("\t", ""), (" ", ""), ("-", "+"), ("_", "/"))
"""What encoders write into base64 and the API does not take: breaks, and the alphabet of URLs."""

_TYPED: Final = ("application/json", "application/xml", "application/yaml", "application/x-yaml")
_TEXT_TYPES: Final = (*_TYPED, UNKNOWN, "csv", "html", "md", "txt")
"""The last are Converse's formats."""

_TAKES: Final = "Claude takes PNG, JPEG, GIF and WebP images, PDF documents and plain text."


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
    raw, reason = b"", f"it is not text, but {type(data).__name__}"
    if isinstance(data, str):
        for spelled, meant in _SPELLINGS:
            data = data.replace(spelled, meant)
        if len(data) % 4:
            data = data.rstrip("=")
            data += "=" * (-len(data) % 4)
        try:
            raw, reason = binascii.a2b_base64(data, strict_mode=True), "it is empty"
        except ValueError as error:
            reason = str(error)
    if not isinstance(data, str) or not raw:
        told = f"this base64 data is not valid ({reason})"
        raise InvalidInputError(f"{told}: pass base64.b64encode(data).decode().")
    return data, raw


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
        _check_image(plain, kind)
    elif kind.startswith("text/") or kind in _TEXT_TYPES:
        try:
            return text_source(raw.decode())
        except UnicodeDecodeError:
            raise InvalidInputError(f"This file is no UTF-8 text. {_TAKES}") from None
    elif kind != PDF:
        raise InvalidInputError(f"Claude does not read {kind} files. {_TAKES} Convert it first.")
    return {"type": "base64", "media_type": kind, "data": plain}


def _check_image(data: str, kind: str) -> None:
    if kind not in IMAGE_TYPES:
        found = "of an unknown type" if kind == UNKNOWN else kind
        raise InvalidInputError(f"This image is {found}, which Claude does not read. {_TAKES}")
    if len(data) > LARGEST_IMAGE:
        told = f"{len(data):,} bytes as base64; the clouds take at most {LARGEST_IMAGE:,}"
        raise InvalidInputError(f"This image is {told}. Send a smaller image.")


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
    scheme = url.partition(":")[0].lower()
    if scheme == "data":
        return data_source(url, media_type, image=image)
    if scheme == "https":
        return {"type": "url", "url": url}
    remedy = "only https URLs are fetched. Use https, or pass base64 or a data: URI."
    if scheme in ("gs", "s3"):
        remedy = "no cloud reads buckets. Download the object: pass base64, or a signed https URL."
    raise InvalidInputError(f"{url!r:.80} cannot be sent: {remedy}")


def _read_data_uri(url: str) -> tuple[str, str | None]:
    """Return the base64 data and the media type of a ``data:`` URI."""
    head, comma, data = url.partition(",")
    if not comma:
        raise InvalidInputError(f"{url!r:.80} is not a data URI: it has no comma.")
    media_type, *parameters = head[len("data:") :].split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    elif "%" in data:
        data = unquote(data)
    return data, media_type or None
