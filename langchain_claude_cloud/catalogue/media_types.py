"""The kinds of media that Claude reads, and the bytes that they begin with."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PDF: Final = "application/pdf"
UNKNOWN: Final = "application/octet-stream"

_SIGNATURES: Final = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"%PDF-", PDF),
)
_SAYS_NOTHING: Final = {"", UNKNOWN, "binary/octet-stream", PDF, *IMAGE_TYPES, "image/jpg"}
"""What is declared of media of any kind, or of media that their own bytes tell."""


@dataclass(frozen=True, slots=True)
class FetchedMedia:
    """What was fetched from a URL.

    Attributes:
        media_type: The MIME type, by content where the content tells.
        data: The bytes.
    """

    media_type: str
    data: bytes


def media_type_by_signature(head: bytes) -> str | None:
    """Recognize an image or a PDF by its first bytes; None for anything else.

    Args:
        head: The first 12 bytes or more.
    """
    return next((kind for start, kind in _SIGNATURES if re.match(start, head, re.DOTALL)), None)


def media_type_of(data: bytes, declared: str | None) -> str:
    """Return the MIME type of some bytes: by content, where that tells, else as declared.

    Servers and object stores often call an image ``application/octet-stream``, or a PNG a
    JPEG, which the API refuses; and the page of an error what the URL stands for.

    Args:
        data: The bytes.
        declared: The ``Content-Type`` header, or what the caller says, if there is one.

    Returns:
        A MIME type in lower case, without parameters.
    """
    if by_content := media_type_by_signature(data):
        return by_content
    name = (declared or "").split(";", 1)[0].strip().lower()
    if name in _SAYS_NOTHING:
        if b"%PDF-" in data[:1024]:  # PDF readers accept it anywhere in the first kilobyte
            return PDF
        sample = data[:4096]  # which may end within a character
        with suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder("utf-8")().decode(sample)
            return UNKNOWN if b"\x00" in sample else "text/plain"
        return UNKNOWN
    return name
