"""Images and documents in every form that LangChain knows, on both clouds, as the API takes them."""

from __future__ import annotations

import base64
import urllib.parse
from typing import Any

import pytest
from clouds import small_pdf, small_png
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.testing import CloudEmulator

PNG = base64.b64encode(small_png()).decode()
PDF = base64.b64encode(small_pdf()).decode()
NOTE = "A note: caf\u00e9."
NOTE_B64 = base64.b64encode(NOTE.encode()).decode()

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
DOCUMENT = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}
TEXT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": NOTE}}

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the API's own image": (IMAGE, IMAGE),
    "v1 image": ({"type": "image", "base64": PNG, "mime_type": "image/png"}, IMAGE),
    "v1 image by URL": ({"type": "image", "url": "https://a.test/p.png"}, IMAGE),
    "v1 image by data URI": ({"type": "image", "url": f"data:image/png;base64,{PNG}"}, IMAGE),
    "v0 image": (
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        IMAGE,
    ),
    "v0 image by URL": (
        {"type": "image", "source_type": "url", "url": "https://a.test/p.png"},
        IMAGE,
    ),
    "OpenAI image": (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        IMAGE,
    ),
    "OpenAI image, a bare string": (
        {"type": "image_url", "image_url": "https://a.test/p.png"},
        IMAGE,
    ),
    "OpenAI image with detail": (
        {"type": "image_url", "image_url": {"url": "https://a.test/p.png", "detail": "high"}},
        IMAGE,
    ),
    "a data URI with parameters": (
        {"type": "image_url", "image_url": {"url": f"data:image/png;name=p.png;base64,{PNG}"}},
        IMAGE,
    ),
    "a data URI in capitals": (
        {"type": "image_url", "image_url": {"url": f"DATA:image/PNG;BASE64,{PNG}"}},
        IMAGE,
    ),
    "a percent-encoded data URI": (
        {"type": "image", "url": "data:image/png," + urllib.parse.quote_from_bytes(small_png())},
        IMAGE,
    ),
    "an image with the wrong type": (
        {"type": "image", "base64": PNG, "mime_type": "image/jpeg"},
        IMAGE,
    ),
    "an image by URL in the API's form": (
        {"type": "image", "source": {"type": "url", "url": "https://a.test/p.png"}},
        IMAGE,
    ),
    "the API's own document": (DOCUMENT, DOCUMENT),
    "a PDF by URL in the API's form": (
        {"type": "document", "source": {"type": "url", "url": "https://a.test/d.pdf"}},
        DOCUMENT,
    ),
    "v1 file": ({"type": "file", "base64": PDF, "mime_type": "application/pdf"}, DOCUMENT),
    "v1 file by URL": ({"type": "file", "url": "https://a.test/d.pdf"}, DOCUMENT),
    "v1 file by data URI": (
        {"type": "file", "url": f"data:application/pdf;base64,{PDF}"},
        DOCUMENT,
    ),
    "v0 file": (
        {
            "type": "file",
            "source_type": "base64",
            "data": PDF,
            "mime_type": "application/pdf",
        },
        DOCUMENT,
    ),
    "OpenAI file": (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
        DOCUMENT,
    ),
    "a text file": ({"type": "file", "base64": NOTE_B64, "mime_type": "text/plain"}, TEXT),
    "a text by data URI": (
        {"type": "file", "url": "data:text/plain;charset=utf-8," + urllib.parse.quote(NOTE)},
        TEXT,
    ),
    "v1 plain text": ({"type": "text-plain", "text": NOTE, "mime_type": "text/plain"}, TEXT),
    "a picture given as a file": ({"type": "file", "base64": PNG, "mime_type": "image/png"}, IMAGE),
}


def _fetch(url: str) -> bytes:
    return small_pdf() if url.endswith(".pdf") else small_png()


def _model(emulator: CloudEmulator, cloud: str) -> ChatClaudeCloud:
    return ChatClaudeCloud(
        model="claude-sonnet-4-6",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        url_fetcher=_fetch,
    )


def _without_names(block: dict[str, Any]) -> dict[str, Any]:
    return {key: block[key] for key in block if key not in ("title", "context")}


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="images and documents by URL are an error, refused, or fetched without limit on the loop",
)
@pytest.mark.parametrize("form", FORMS)
async def test_every_form_becomes_the_apis(emulator: CloudEmulator, cloud: str, form: str) -> None:
    """In a question and in a tool's result, sync and async; the strict emulator takes it."""
    given, expected = FORMS[form]
    model = _model(emulator, cloud)
    question = HumanMessage([{"type": "text", "text": "What is it?"}, given])
    model.invoke([question])
    call = ToolCall(name="f", args={}, id="t1")
    history: list[BaseMessage] = [
        HumanMessage("Look."),
        AIMessage("", tool_calls=[call]),
        ToolMessage([given], tool_call_id="t1"),
    ]
    await model.ainvoke(history)
    first, second = emulator.requests
    assert first.status == second.status == 200
    assert _without_names(first.body["messages"][0]["content"][1]) == expected
    (result,) = second.body["messages"][-1]["content"]
    assert [_without_names(block) for block in result["content"]] == [expected]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a file id": ({"type": "file", "file_id": "file_1"}, "no Files API.*base64"),
    "an image's file id": ({"type": "image", "file_id": "file_1"}, "no Files API"),
    "the API's file source": (
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        "no Files API",
    ),
    "an OpenAI file id": ({"type": "file", "file": {"file_id": "file_1"}}, "no Files API"),
    "http": ({"type": "image", "url": "http://a.test/p.png"}, "only https"),
    "gs": ({"type": "image", "url": "gs://bucket/p.png"}, "signed https URL"),
    "s3": ({"type": "file", "url": "s3://bucket/d.pdf"}, "signed https URL"),
    "ftp": ({"type": "image", "url": "ftp://a.test/p.png"}, "https URL"),
    "a data URI without a comma": ({"type": "image", "url": "data:image/png;base64"}, "comma"),
    "no image": (
        {"type": "image", "base64": NOTE_B64, "mime_type": "image/bmp"},
        "PNG, JPEG, GIF and WebP",
    ),
    "a PDF as an image": (
        {"type": "image", "base64": PDF, "mime_type": "image/png"},
        "application/pdf",
    ),
    "a spreadsheet": (
        {"type": "file", "base64": NOTE_B64, "mime_type": "application/vnd.ms-excel"},
        "Convert it first",
    ),
    "no UTF-8": (
        {"type": "file", "base64": "/////w==", "mime_type": "text/plain"},
        "no UTF-8 text",
    ),
    "audio": ({"type": "audio", "base64": NOTE_B64, "mime_type": "audio/wav"}, "audio"),
    "video": ({"type": "video", "base64": NOTE_B64, "mime_type": "video/mp4"}, "video"),
    "too large": (
        {
            "type": "image",
            "base64": PNG + "A" * (5 * 1024 * 1024),
            "mime_type": "image/png",
        },
        "at most 5,242,880",
    ),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_sent_says_why_and_what_to_do(
    emulator: CloudEmulator, cloud: str, form: str
) -> None:
    """Before anything is sent, in an error of reasonable length."""
    given, says = REFUSED[form]
    with pytest.raises(InvalidInputError, match=says) as caught:
        _model(emulator, cloud).invoke([HumanMessage([given])])
    assert len(str(caught.value)) < 700
    assert emulator.requests == []


def test_what_a_url_gives_is_told_by_its_content(emulator: CloudEmulator, cloud: str) -> None:
    """Whatever its address ends with; what is no image is refused with its address."""
    model = _model(emulator, cloud)
    model.invoke([HumanMessage([{"type": "file", "url": "https://a.test/page?id=3"}])])
    assert emulator.requests[0].body["messages"][0]["content"] == [IMAGE]
    with pytest.raises(InvalidInputError, match=r"https://a\.test/d\.pdf.*application/pdf"):
        model.invoke([HumanMessage([{"type": "image", "url": "https://a.test/d.pdf"}])])
    assert len(emulator.requests) == 1


def test_each_address_is_fetched_once(emulator: CloudEmulator, cloud: str) -> None:
    """However often it is in the conversation."""
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return small_png()

    model = _model(emulator, cloud).model_copy(update={"url_fetcher": fetch})
    picture = {"type": "image", "url": "https://a.test/p.png"}
    other = {"type": "image_url", "image_url": {"url": "https://a.test/q.png"}}
    list(model.stream([HumanMessage([picture, other, picture])]))
    assert sorted(fetched) == ["https://a.test/p.png", "https://a.test/q.png"]
