"""Builds the ``source`` of images and documents from any of LangChain's forms.

Neither cloud fetches URLs or files, so a source is base64 or text. An ``https`` URL is kept for
`request.messages.media`, which replaces it by what was fetched.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES, PDF, media_type_by_signature
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

LARGEST_IMAGE: Final = 5 * 1024 * 1024
"""Characters of base64 in one image: both clouds count the encoded form, and answer 400
"image exceeds 5 MB maximum: 6405384 bytes > 5242880 bytes" (langchain#21654, measured on
InvokeModel; lobehub#14711)."""

_HEAD: Final = 24
"""Characters of base64 that hold the longest signature (WebP's, 12 bytes)."""

_URL_SAFE: Final = str.maketrans("-_", "+/")
_TEXT_TYPES: Final = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/x-yaml"}
)
_TAKES: Final = (
    "Claude takes PNG, JPEG, GIF and WebP images, PDF documents and plain text, as base64, "
    "as text, or by https URL."
)


def plain_base64(data: object) -> str:
    """Return base64 as the API takes it: the standard alphabet, in one line, padded.

    Args:
        data: Base64 with or without line breaks, of either alphabet, as text or bytes.

    Raises:
        InvalidInputError: It is no base64, such as the bytes of an image itself.
    """
    if isinstance(data, bytes) and data.isascii():
        data = data.decode("ascii")
    if not isinstance(data, str):
        raise InvalidInputError(
            f"base64 data must be text, not {type(data).__name__}: pass "
            "base64.b64encode(data).decode()."
        )
    if any(blank in data for blank in "\n\r\t "):
        data = "".join(data.split())
    if "-" in data or "_" in data:
        data = data.translate(_URL_SAFE)
    return data if len(data) % 4 == 0 else data.rstrip("=") + "=" * (-len(data.rstrip("=")) % 4)


def _check_base64(data: str) -> None:
    """Refuse what the API refuses: "Invalid base64 data", "image cannot be empty"."""
    try:
        if binascii.a2b_base64(data, strict_mode=True):
            return
        reason = "it is empty"
    except ValueError as error:
        reason = str(error)
    raise InvalidInputError(
        f"this base64 data is not valid ({reason}): pass base64.b64encode(data).decode()."
    )


def image_source(data: object, media_type: str | None) -> JsonObject:
    """Return the base64 source of an image.

    Args:
        data: The image, base64.
        media_type: What the caller says it is; the image's own signature wins.

    Raises:
        InvalidInputError: It is no image that Claude takes, or too large.
    """
    data = plain_base64(data)
    actual = _sniff(data) or _normal(media_type)
    if actual not in IMAGE_TYPES:
        said = f" (given as {media_type})" if media_type else ""
        raise InvalidInputError(
            f"This image{said} is {actual or 'of an unknown type'}, which Claude does not take "
            f"as an image. {_TAKES}"
        )
    if len(data) > LARGEST_IMAGE:
        raise InvalidInputError(
            f"This image is {len(data):,} bytes as base64; the clouds take at most "
            f"{LARGEST_IMAGE:,} (about 3.9 MB before encoding). Send a smaller image."
        )
    _check_base64(data)
    return {"type": "base64", "media_type": actual, "data": data}


def data_source(data: object, media_type: str | None, *, image: bool) -> JsonObject:
    """Return the source of base64, which may be that of a ``data:`` URI.

    Args:
        data: The image or the document.
        media_type: What the caller says it is, if anything.
        image: Whether only an image will do.

    Raises:
        InvalidInputError: It is nothing that Claude takes.
    """
    if isinstance(data, str) and data[:5].lower() == "data:":
        data, declared = _read_data_uri(data)
        media_type = declared or media_type
    return image_source(data, media_type) if image else document_source(data, media_type)


def document_source(data: object, media_type: str | None) -> JsonObject:
    """Return the source of a document: base64 for a PDF, text for text.

    Args:
        data: The document, base64.
        media_type: What the caller says it is, if anything.

    Returns:
        The source; of type ``base64`` with an image's media type if it is an image.

    Raises:
        InvalidInputError: It is neither PDF, text nor image.
    """
    data = plain_base64(data)
    said, actual = _normal(media_type), _sniff(data)
    if actual in IMAGE_TYPES:
        return image_source(data, actual)
    if PDF in (said, actual):
        _check_base64(data)
        return {"type": "base64", "media_type": PDF, "data": data}
    if said is None or said.startswith("text/") or said in _TEXT_TYPES:
        return text_source(_decode_text(data, said))
    raise InvalidInputError(
        f"A file of type {said} is not something Claude reads. {_TAKES} Convert it first."
    )


def text_source(text: str) -> JsonObject:
    """Return the source of a plain text document."""
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


def refuse_file_id(file_id: object) -> InvalidInputError:
    """Return the error for a reference to an uploaded file."""
    return InvalidInputError(
        f"file id {file_id!r}: there is no Files API on Vertex AI and Amazon Bedrock. Read the "
        "file and pass its content as base64."
    )


def _sniff(data: str) -> str | None:
    head = data[: 2 * _HEAD].lstrip()[:_HEAD]
    try:
        return media_type_by_signature(base64.b64decode(head))
    except (binascii.Error, ValueError):
        return None


def _normal(media_type: str | None) -> str | None:
    """Return a media type without parameters, in lower case; ``image/jpg`` is JPEG."""
    if not media_type:
        return None
    plain = media_type.partition(";")[0].strip().lower()
    return "image/jpeg" if plain == "image/jpg" else plain


def _decode_text(data: str, said: str | None) -> str:
    try:
        return base64.b64decode(data).decode("utf-8")
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
