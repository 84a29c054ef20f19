"""Content blocks of users and tools become the API's, or are refused with what to do."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from langchain_claude_cloud.catalogue.media_types import media_type_by_signature
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.messages.blocks import convert_blocks
from langchain_claude_cloud.request.messages.media import LARGEST_IMAGE


def b64(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


PNG = b64(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
JPEG = b64(b"\xff\xd8\xff\xe0" + b"\0" * 20)
GIF = b64(b"GIF89a" + b"\0" * 20)
WEBP = b64(b"RIFF\x10\0\0\0WEBP" + b"\0" * 20)
PDF = b64(b"%PDF-1.4 hello world, this is a document")
TEXT = b64("Grüße".encode())
EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}

PNG_SOURCE = {"type": "base64", "media_type": "image/png", "data": PNG}
PDF_SOURCE = {"type": "base64", "media_type": "application/pdf", "data": PDF}
URL = "https://example.org/a.png"


def converted(given: Any) -> dict[str, Any] | None:
    """Return what one block becomes."""
    return next(iter(convert_blocks([given])), None)


def text_source(text: str) -> dict[str, Any]:
    """Return the source of a plain text document."""
    return {"type": "text", "media_type": "text/plain", "data": text}


def image(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the API's image block."""
    return {"type": "image", "source": source, **more}


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the API's document block."""
    return {"type": "document", "source": source, **more}


CONVERTED: list[tuple[str, Any, Any]] = [
    ("string", "hi", {"type": "text", "text": "hi"}),
    ("text", {"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}),
    (
        "text with a cache marker and leftovers of a stream",
        {"type": "text", "text": "hi", "cache_control": EPHEMERAL, "index": 0, "id": "lc_1"},
        {"type": "text", "text": "hi", "cache_control": EPHEMERAL},
    ),
    (
        "text with a cache marker in its extras",
        {"type": "text", "text": "hi", "extras": {"cache_control": EPHEMERAL}},
        {"type": "text", "text": "hi", "cache_control": EPHEMERAL},
    ),
    (
        "text with null fields of an answer",
        {"type": "text", "text": "hi", "citations": None, "cache_control": None},
        {"type": "text", "text": "hi"},
    ),
    (
        "text with an unknown field",
        {"type": "text", "text": "hi", "mood": "good"},
        {"type": "text", "text": "hi", "mood": "good"},
    ),
    ("text without a type", {"text": "hi"}, {"type": "text", "text": "hi"}),
    ("native image", image(PNG_SOURCE), image(PNG_SOURCE)),
    (
        "native image of the wrong type",
        image({**PNG_SOURCE, "media_type": "image/jpeg"}),
        image(PNG_SOURCE),
    ),
    ("native image by URL", image({"type": "url", "url": URL}), image({"type": "url", "url": URL})),
    (
        "native image by data URI",
        image({"type": "url", "url": f"data:image/png;base64,{PNG}"}),
        image(PNG_SOURCE),
    ),
    (
        "native image with an index",
        {**image(PNG_SOURCE), "index": 3, "cache_control": EPHEMERAL},
        image(PNG_SOURCE, cache_control=EPHEMERAL),
    ),
    (
        "standard image",
        {"type": "image", "base64": PNG, "mime_type": "image/png", "id": "lc_1"},
        image(PNG_SOURCE),
    ),
    ("standard image without a type", {"type": "image", "base64": PNG}, image(PNG_SOURCE)),
    (
        "standard image with extras",
        {"type": "image", "base64": PNG, "extras": {"cache_control": EPHEMERAL}},
        image(PNG_SOURCE, cache_control=EPHEMERAL),
    ),
    ("standard image by URL", {"type": "image", "url": URL}, image({"type": "url", "url": URL})),
    (
        "standard image by data URI",
        {"type": "image", "url": f"data:image/png;base64,{PNG}"},
        image(PNG_SOURCE),
    ),
    (
        "version 0 image",
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        image(PNG_SOURCE),
    ),
    (
        "version 0 image with metadata",
        {
            "type": "image",
            "source_type": "url",
            "url": URL,
            "metadata": {"cache_control": EPHEMERAL},
        },
        image({"type": "url", "url": URL}, cache_control=EPHEMERAL),
    ),
    (
        "OpenAI image",
        {"type": "image_url", "image_url": {"url": URL}},
        image({"type": "url", "url": URL}),
    ),
    (
        "OpenAI image as a string",
        {"type": "image_url", "image_url": URL},
        image({"type": "url", "url": URL}),
    ),
    (
        "OpenAI image with a cache marker",
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"},
            "cache_control": EPHEMERAL,
        },
        image(PNG_SOURCE, cache_control=EPHEMERAL),
    ),
    ("native PDF", document(PDF_SOURCE, title="T"), document(PDF_SOURCE, title="T")),
    (
        "native document of blocks",
        document({"type": "content", "content": [{"type": "text", "text": "a", "index": 1}]}),
        document({"type": "content", "content": [{"type": "text", "text": "a"}]}),
    ),
    (
        "native text document",
        document(text_source("a"), citations={"enabled": True}),
        document(text_source("a"), citations={"enabled": True}),
    ),
    (
        "standard PDF",
        {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
        document(PDF_SOURCE),
    ),
    ("standard file without a type", {"type": "file", "base64": PDF}, document(PDF_SOURCE)),
    (
        "standard PDF with details",
        {
            "type": "file",
            "base64": PDF,
            "title": "T",
            "extras": {"context": "C", "citations": {"enabled": True}},
        },
        document(PDF_SOURCE, title="T", context="C", citations={"enabled": True}),
    ),
    ("file that is an image", {"type": "file", "base64": PNG, "title": "T"}, image(PNG_SOURCE)),
    (
        "file that is text",
        {"type": "file", "base64": TEXT, "mime_type": "text/markdown"},
        document(text_source("Grüße")),
    ),
    (
        "PDF whose type says nothing",
        {"type": "file", "base64": PDF, "mime_type": "application/octet-stream"},
        document(PDF_SOURCE),
    ),
    (
        "text whose type says nothing",
        {"type": "file", "base64": TEXT, "mime_type": "application/octet-stream"},
        document(text_source("Grüße")),
    ),
    (
        "file by URL",
        {"type": "file", "url": "https://example.org/a.pdf"},
        document({"type": "url", "url": "https://example.org/a.pdf"}),
    ),
    (
        "OpenAI file by URL",
        {"type": "input_file", "file_url": "https://example.org/a.pdf", "filename": "a.pdf"},
        document({"type": "url", "url": "https://example.org/a.pdf"}, title="a.pdf"),
    ),
    (
        "Google's file by URI",
        {"type": "media", "mime_type": "application/pdf", "file_uri": "https://example.org/a.pdf"},
        document({"type": "url", "url": "https://example.org/a.pdf"}),
    ),
    (
        "version 0 PDF",
        {"type": "file", "source_type": "base64", "data": PDF, "mime_type": "application/pdf"},
        document(PDF_SOURCE),
    ),
    (
        "version 0 text",
        {"type": "file", "source_type": "text", "text": "a"},
        document(text_source("a")),
    ),
    (
        "OpenAI file",
        {
            "type": "file",
            "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
        },
        document(PDF_SOURCE, title="a.pdf"),
    ),
    (
        "OpenAI file without a data URI",
        {"type": "file", "file": {"file_data": PDF}},
        document(PDF_SOURCE),
    ),
    ("document in standard form", {"type": "document", "base64": PDF}, document(PDF_SOURCE)),
    ("data as bytes", {"type": "file", "base64": PDF.encode()}, document(PDF_SOURCE)),
    (
        "Gemini's media, which holds the file itself",
        {"type": "media", "mime_type": "application/pdf", "data": base64.b64decode(PDF)},
        document(PDF_SOURCE),
    ),
    (
        "base64 that is percent-encoded in a data URI",
        {"type": "file", "url": "data:;base64," + PDF.replace("=", "%3D")},
        document(PDF_SOURCE),
    ),
    (
        "file with its name in extras",
        {"type": "file", "base64": PDF, "extras": {"filename": "a.pdf"}},
        document(PDF_SOURCE, title="a.pdf"),
    ),
    (
        "file with the name that ChatBedrockConverse wants",
        {"type": "file", "base64": PDF, "mime_type": "application/pdf", "name": "Report"},
        document(PDF_SOURCE, title="Report"),
    ),
    (
        "plain text by URL",
        {"type": "text-plain", "url": "https://example.org/a.txt"},
        document({"type": "url", "url": "https://example.org/a.txt"}),
    ),
    (
        "standard plain text",
        {
            "type": "text-plain",
            "text": "a",
            "mime_type": "text/plain",
            "title": "T",
            "context": "C",
        },
        document(text_source("a"), title="T", context="C"),
    ),
    (
        "text in a data URI that is not base64",
        {"type": "file", "url": "data:text/plain,a%20b"},
        document(text_source("a b")),
    ),
    (
        "search result",
        {"type": "search_result", "source": "s", "title": "t", "content": [], "index": 1},
        {"type": "search_result", "source": "s", "title": "t", "content": []},
    ),
    (
        "search result without a title",
        {
            "type": "search_result",
            "source": "s",
            "title": None,
            "content": [{"type": "text", "text": " "}, {"type": "text", "text": "a"}],
        },
        {
            "type": "search_result",
            "source": "s",
            "title": "s",
            "content": [{"type": "text", "text": "a"}],
        },
    ),
    (
        "block in a non-standard one",
        {"type": "non_standard", "value": {"type": "container_upload", "file_id": "f"}},
        {"type": "container_upload", "file_id": "f"},
    ),
    (
        "unknown block",
        {
            "type": "hologram",
            "id": "h",
            "value": None,
            "index": 0,
            "partial_json": "",
            "caller": None,
        },
        {"type": "hologram", "id": "h", "value": None},
    ),
    ("blank string", " \n", None),
    ("blank text", {"type": "text", "text": " ", "cache_control": EPHEMERAL}, None),
    ("reasoning in a user's message", {"type": "reasoning", "reasoning": "hm"}, None),
    ("thinking there", {"type": "thinking", "thinking": "hm", "signature": "s"}, None),
    ("a search there", {"type": "server_tool_use", "id": "s", "name": "w", "input": {}}, None),
    ("its result", {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}, None),
    ("a result to come", {"type": "dream_tool_result", "tool_use_id": "s", "content": []}, None),
    (
        "text that MCP wrote",
        {"type": "text", "text": "a", "annotations": None, "meta": None, "_meta": {"a": 1}},
        {"type": "text", "text": "a"},
    ),
]


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="a PDF as a standard block, or a native document, is an error",
)
@pytest.mark.parametrize(
    ("given", "wire"), [row[1:] for row in CONVERTED], ids=[row[0] for row in CONVERTED]
)
def test_a_block_becomes_the_apis(given: Any, wire: Any) -> None:
    """Each form of a block has one form on the wire, and the caller's dict stays as it was."""
    before = copy.deepcopy(given)
    assert convert_blocks([given]) == ([] if wire is None else [wire])
    assert given == before


REFUSED: list[tuple[str, Any, str]] = [
    ("audio", {"type": "audio", "base64": "AA=="}, "does not take audio blocks"),
    ("OpenAI audio", {"type": "input_audio", "input_audio": {}}, "does not take input_audio"),
    ("a call", {"type": "tool_use", "id": "t", "name": "f", "input": {}}, "into an AIMessage"),
    ("video", {"type": "video", "url": URL}, "does not take video blocks.*transcribe"),
    ("bucket of Google", {"type": "image", "url": "gs://b/a.png"}, "Download the object"),
    (
        "bucket of Amazon",
        {"type": "image_url", "image_url": {"url": "s3://b/a.png"}},
        "signed https",
    ),
    ("plain http", {"type": "image", "url": "http://example.org/a.png"}, "only https"),
    ("path", {"type": "file", "url": "/etc/passwd"}, "pass base64"),
    ("file id", {"type": "image", "file_id": "file_1"}, "no Files API"),
    ("native file id", image({"type": "file", "file_id": "file_1"}), "'file_1'.*as base64"),
    ("file id under id", {"type": "file", "id": "file_1"}, "no Files API"),
    ("OpenAI file id", {"type": "file", "file": {"file_id": "file_1"}}, "no Files API"),
    (
        "image of an unknown type",
        {"type": "image", "base64": b64(b"BM" + b"\0" * 30)},
        "unknown type",
    ),
    ("image that is no base64", {"type": "image", "base64": "a"}, "not valid"),
    (
        "TIFF",
        {"type": "image", "base64": b64(b"II*\0" * 9), "mime_type": "image/tiff"},
        "image/tiff",
    ),
    ("PDF as an image", {"type": "image", "base64": PDF}, "is application/pdf, which"),
    (
        "word file",
        {"type": "file", "base64": b64(b"PK\x03\x04" * 9), "mime_type": "application/msword"},
        "application/msword.*Convert it",
    ),
    (
        "binary without a type",
        {"type": "file", "base64": b64(b"\xff\xfe\0\x80" * 9)},
        "no UTF-8 text",
    ),
    ("no data", {"type": "image"}, "no base64, url or text"),
    ("data URI without a comma", {"type": "image", "url": "data:image/png;base64"}, "no comma"),
    (
        "empty image_url",
        {"type": "image_url", "image_url": {}},
        "image_url block has no base64, url",
    ),
    ("no type", {"cachePoints": {"type": "default"}}, "needs a 'type'.*cache_control"),
    ("type that is no string", {"type": ["text"]}, "needs a 'type'"),
    ("not a dict", 3, "not int"),
    ("text that is no string", {"type": "text", "text": 3}, "must be a string"),
    (
        "no base64",
        {"type": "image", "base64": PNG[:16] + "%%%=", "mime_type": "image/png"},
        "not valid",
    ),
    ("nothing", {"type": "image", "base64": "", "mime_type": "image/png"}, "it is empty"),
    (
        "half a PDF",
        {"type": "file", "base64": PDF[:9], "mime_type": "application/pdf"},
        "not valid",
    ),
    ("non-standard without a value", {"type": "non_standard"}, "must hold a block"),
]


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="a file of an earlier upload is sent in LangChain's form: 400"
)
@pytest.mark.parametrize(
    ("given", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_block_is_refused_with_what_to_do(given: Any, says: str) -> None:
    """What cannot be sent is an error before anything is sent."""
    with pytest.raises(InvalidInputError, match=says):
        converted(given)


def test_images_are_limited_by_their_encoded_size() -> None:
    """The clouds count base64 characters, not the image's bytes."""
    start = PNG[: len(PNG) // 4 * 4 - 4]
    fits = start + "A" * (LARGEST_IMAGE - len(start))
    assert converted({"type": "image", "base64": fits}) is not None
    with pytest.raises(InvalidInputError, match="5,242,884 bytes as base64"):
        converted({"type": "image", "base64": fits + "AAAA"})


def test_line_breaks_in_base64_are_taken_out() -> None:
    """MIME encoders wrap lines; the API wants none."""
    wrapped = base64.encodebytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 200).decode("ascii")
    block = converted({"type": "image", "base64": wrapped})
    assert block is not None
    assert block["source"]["data"] == wrapped.replace("\n", "")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp")],
)
def test_the_signature_of_an_image_wins(data: str, media_type: str) -> None:
    """A caller's MIME type may be wrong; the API refuses a wrong one."""
    given = {"type": "image", "base64": data, "mime_type": "image/jpg"}
    block = converted(given)
    assert block == image({"type": "base64", "media_type": media_type, "data": data})


def test_a_document_is_told_from_an_image() -> None:
    """The first bytes tell; others tell nothing."""
    assert media_type_by_signature(b"%PDF-1.7 and more") == "application/pdf"
    assert media_type_by_signature(b"RIFF____WAVE") is None
