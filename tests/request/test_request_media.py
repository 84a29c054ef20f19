"""URLs in a body are found wherever they are, and replaced without touching the body."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from request_models import model_with
from test_request_blocks import PDF, PNG, b64

from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import MessagesRequest, RequestOptions, build_request
from langchain_claude_cloud.request.messages.fetched_media import find_urls, inline_sources

BASE = "https://example.org"


PNG_BYTES = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF_BYTES = b"%PDF-1.4 hello world, this is a document"


def request() -> MessagesRequest:
    """Return a request with media by URL at every depth."""
    nested = {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "image", "url": f"{BASE}/deep.png"}]},
    }
    messages = [
        HumanMessage([{"type": "text", "text": "look"}, {"type": "image", "url": f"{BASE}/a.png"}]),
        AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
        ToolMessage([{"type": "file", "url": f"{BASE}/b.pdf", "title": "T"}], tool_call_id="1"),
        HumanMessage([nested, {"type": "image_url", "image_url": {"url": f"{BASE}/a.png"}}]),
        HumanMessage("plain"),
    ]
    return build_request(messages, RequestOptions(), model_with())


def test_urls_are_found_once_each() -> None:
    """In tool results and in documents, too; what a tool returned can be done without."""
    assert request().urls == {
        f"{BASE}/a.png": True,
        f"{BASE}/b.pdf": False,
        f"{BASE}/deep.png": True,
    }


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="images and documents by URL are an error, refused, or fetched without limit on the loop",
)
def test_urls_are_replaced_by_content() -> None:
    """The given body stays as it was."""
    given = request().body
    before = copy.deepcopy(given)
    fetched = {
        f"{BASE}/a.png": FetchedMedia("image/png", PNG_BYTES),
        f"{BASE}/b.pdf": FetchedMedia("application/pdf", PDF_BYTES),
        f"{BASE}/deep.png": FetchedMedia("image/png", PNG_BYTES),
    }
    filled = inline_sources(given, fetched)
    assert given == before
    assert not find_urls(filled)
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert filled["messages"][0]["content"][1] == {"type": "image", "source": image}
    result, document, same, plain = filled["messages"][2]["content"]
    assert result["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "T",
        }
    ]
    assert document["source"]["content"] == [{"type": "image", "source": image}]
    assert same == {"type": "image", "source": image}
    assert plain == {"type": "text", "text": "plain"}


def test_urls_that_were_not_fetched_stay() -> None:
    """Nothing is made up."""
    given = request().body
    given["messages"].append({"role": "assistant", "content": "plain"})
    assert inline_sources(given, {}) == given


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (
            FetchedMedia("text/html", b"<p>hi"),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "<p>hi"},
                "title": "T",
            },
        ),
        (
            FetchedMedia("image/png", PNG_BYTES),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
    ],
)
def test_a_document_is_what_its_content_says(media: FetchedMedia, block: dict[str, Any]) -> None:
    """A URL does not tell what is behind it."""
    given = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "document", "source": {"type": "url", "url": BASE}, "title": "T"}
                ],
            }
        ]
    }
    assert inline_sources(given, {BASE: media})["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("kind", "media"),
    [
        ("image", FetchedMedia("text/html", b"<p>not found")),
        ("image", FetchedMedia("application/pdf", PDF_BYTES)),
        ("image", FetchedMedia("image/png", PNG_BYTES + b"\0" * 4_000_000)),
        ("document", FetchedMedia("application/zip", b"PK\x03\x04" * 9)),
    ],
)
def test_content_that_claude_does_not_take_is_refused(kind: str, media: FetchedMedia) -> None:
    """The error names the URL."""
    block = {"type": kind, "source": {"type": "url", "url": BASE}}
    given = {"messages": [{"role": "user", "content": [block]}]}
    with pytest.raises(InvalidInputError, match=BASE):
        inline_sources(given, {BASE: media})


def test_the_encodings_agree() -> None:
    """The samples here are those of the block tests."""
    assert (b64(PNG_BYTES), b64(PDF_BYTES)) == (PNG, PDF)
