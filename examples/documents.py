"""A picture and a PDF in one question.

Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import base64
import struct
import zlib

from langchain_core.messages import HumanMessage
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud


def make_png(red: int, green: int, blue: int, size: int = 32) -> bytes:
    """Return a square picture of one color."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    row = b"\x00" + bytes((red, green, blue)) * size
    data = zlib.compress(row * size)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def make_pdf(text: str) -> bytes:
    """Return a page with one line of text."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def main(llm: ChatClaudeCloud) -> None:
    """Ask about both."""
    picture = base64.b64encode(make_png(200, 30, 30)).decode()
    pdf = base64.b64encode(make_pdf("Rivers of Portugal")).decode()
    message = HumanMessage(
        [
            {"type": "text", "text": "Which color is the picture, and what does the PDF say?"},
            {"type": "image", "base64": picture, "mime_type": "image/png"},
            {"type": "file", "base64": pdf, "mime_type": "application/pdf"},
        ]
    )
    answer = llm.invoke([message])
    print("answer:", answer.text)
    print("tokens in:", answer.usage_metadata["input_tokens"])


if __name__ == "__main__":
    with example_model() as model:
        main(model)
