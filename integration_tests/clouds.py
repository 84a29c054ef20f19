"""What these tests share: models of both clouds on an emulator, small media files."""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import Any, Final

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.testing import CloudEmulator

MODEL: Final = "claude-sonnet-4-6"
"""Takes a forced tool choice, thinks only when asked to."""

THINKING_MODEL: Final = "claude-sonnet-5-5"
"""Thinks unless told not to, and refuses a forced tool choice."""

BEDROCK_APIS: Final = ("messages", "mantle")
"""Bedrock's other APIs than InvokeModel, named where others name a cloud."""

MESSAGES_APIS: Final = (*BEDROCK_APIS, "claude-platform")
"""These, and Claude Platform on AWS."""

_numbers = itertools.count()


def platform_of(emulator: CloudEmulator, cloud: str, **overrides: Any) -> Vertex | Bedrock:
    """Return a platform of a cloud, by name, that talks to an emulator.

    ``messages``, ``mantle`` and ``claude-platform`` are Bedrock by these of its APIs.
    """
    if cloud == "vertex":
        return emulator.vertex(**overrides)
    if cloud in MESSAGES_APIS:
        overrides = {"api": cloud, **overrides}
    return emulator.bedrock(**overrides)


def make_model(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model on one cloud of an emulator; short answers, no retries by default."""
    given = {"model": MODEL, "max_tokens": 1024, "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=platform_of(emulator, cloud), **given)


def fresh_region(cloud: str) -> str:
    """Return a region, spelled as a cloud does, that no other test of this process has used."""
    dash = "" if cloud == "vertex" else "-"
    return f"us-east{dash}{next(_numbers) + 100}"


def small_png() -> bytes:
    """Return a PNG picture of one pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(b"\x00\x7f\x20\x20")),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def small_pdf() -> bytes:
    """Return a PDF document of one empty page."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
    )
    body = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 4\n" + table + trailer


def fetch_small(url: str, **_: object) -> bytes:
    """Return a small file of the kind that a URL names."""
    return small_pdf() if url.endswith(".pdf") else small_png()
