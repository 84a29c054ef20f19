"""Checks images and documents: source, base64, what the bytes really are, size."""

from __future__ import annotations

import base64
import binascii

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.validation.fields import (
    Field,
    anything,
    one_of,
    string,
    tagged,
)
from langchain_claude_cloud.testing.wire import Refusal, invalid

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MAX_IMAGE = 5 * 1024 * 1024
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
# Neither cloud fetches: only base64 is taken (platform.claude.com, features overview).
_IMAGE_SOURCES = {
    "base64": {
        "media_type": Field(one_of(*_IMAGE_TYPES), required=True),
        "data": Field(string, required=True),
    }
}
_DOCUMENT_SOURCES = {
    "base64": {
        "media_type": Field(one_of("application/pdf"), required=True),
        "data": Field(string, required=True),
    },
    "text": {
        "media_type": Field(one_of("text/plain"), required=True),
        "data": Field(string, required=True),
    },
    "content": {"content": Field(anything, required=True)},
}


def check_image_source(path: str, value: object) -> None:
    """Check the source of an image."""
    source = tagged(path, value, _IMAGE_SOURCES)
    data = _decoded(f"{path}.base64.data", str(source["data"]))
    if len(source["data"]) > _MAX_IMAGE:
        size = len(source["data"])
        raise invalid(
            f"{path}.base64", f"image exceeds 5 MB maximum: {size} bytes > {_MAX_IMAGE} bytes"
        )
    actual = _image_type(data)
    if actual is None:
        raise Refusal(400, "Could not process image")
    if actual != source["media_type"]:
        raise invalid(
            path,
            f"The image was specified using the {source['media_type']} media type, but the image "
            f"appears to be a {actual} image",
        )


def _image_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def check_document_source(path: str, value: object) -> None:
    """Check the source of a document."""
    source = tagged(path, value, _DOCUMENT_SOURCES)
    kind = source["type"]
    if kind == "content":
        return
    data = str(source["data"])
    if not data:
        raise invalid(f"{path}.{kind}.data", "document cannot be empty")
    if kind == "base64" and b"%PDF-" not in _decoded(f"{path}.base64.data", data)[:1024]:
        raise Refusal(400, f"{path}.base64.data: The PDF specified was not valid.")


def _decoded(path: str, data: str) -> bytes:
    if not data:
        raise invalid(path, "image cannot be empty")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, "Invalid base64 data") from None


def content_of_source(document: JsonObject) -> object:
    """Return the nested content of a document with a ``content`` source, or None."""
    source = document.get("source")
    return source.get("content") if isinstance(source, dict) else None
