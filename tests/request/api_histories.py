"""Conversations as the API takes them, drawn at random, in the API's own form."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from hypothesis import strategies as st

from langchain_claude_cloud.testing.reply.signatures import sign_thinking

Json = dict[str, Any]

TEXTS = st.sampled_from(["Hello.", "a  b", " leading", "ü\u2028\U0001f600", "{}", "1\n\n2"])
THOUGHTS = st.sampled_from(["", "Hm.", "Let me see:\n- one"])
INPUTS = st.dictionaries(
    st.sampled_from(["path", "n", "list"]),
    st.one_of(TEXTS, st.integers(-9, 9), st.none(), st.lists(st.booleans(), max_size=2)),
    max_size=3,
)
MARKER = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


def _png() -> str:
    def part(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    rest = part(b"IDAT", zlib.compress(b"\x00\x00")) + part(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + rest).decode()


PNG = {"type": "base64", "media_type": "image/png", "data": _png()}
PDF = {
    "type": "base64",
    "media_type": "application/pdf",
    "data": base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode(),
}
SOURCES = (
    PDF,
    {"type": "text", "media_type": "text/plain", "data": "All about cats."},
    {
        "type": "content",
        "content": [{"type": "text", "text": "One."}, {"type": "image", "source": PNG}],
    },
)
LOCATIONS: tuple[Json, ...] = (
    {"type": "char_location", "document_index": 0, "document_title": "T",
     "start_char_index": 0, "end_char_index": 3},
    {"type": "page_location", "document_index": 1, "document_title": None,
     "start_page_number": 1, "end_page_number": 2},
    {"type": "content_block_location", "document_index": 2, "document_title": "T",
     "start_block_index": 0, "end_block_index": 1},
    {"type": "web_search_result_location", "url": "https://example.com/a", "title": "A",
     "encrypted_index": "Eo8B"},
    {"type": "search_result_location", "search_result_index": 0, "source": "kb://1",
     "title": None, "start_block_index": 0, "end_block_index": 1},
)  # fmt: skip


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


@st.composite
def media(draw: st.DrawFn) -> Json:
    """Draw an image, a document or a search result."""
    cited = {"citations": {"enabled": True}} if draw(st.booleans()) else {}
    named = {"title": "T", "context": "From the archive."} if draw(st.booleans()) else {}
    result = {
        "type": "search_result", "source": "kb://1", "title": "R", "content": [_text("Found.")],
    }  # fmt: skip
    document = {"type": "document", "source": draw(st.sampled_from(SOURCES)), **named, **cited}
    image = {"type": "image", "source": PNG}
    return draw(st.sampled_from([image, document, {**result, **cited}]))


@st.composite
def thoughts(draw: st.DrawFn) -> Json:
    """Draw a thinking block: with text, with its signature only, or redacted."""
    shown = draw(THOUGHTS)
    signed = {"type": "thinking", "thinking": shown, "signature": sign_thinking(shown)}
    return draw(st.sampled_from([signed, signed, {"type": "redacted_thinking", "data": "Rm9v"}]))


@st.composite
def answers(draw: st.DrawFn) -> Json:
    """Draw an answer's text, perhaps with citations of any kind."""
    citations = [
        {**location, "cited_text": draw(TEXTS)}
        for location in draw(st.lists(st.sampled_from(LOCATIONS), max_size=3))
    ]
    return {**_text(draw(TEXTS)), **({"citations": citations} if citations else {})}


@st.composite
def server_rounds(draw: st.DrawFn, number: int) -> list[Json]:
    """Draw a server tool's call and its result, found or failed."""
    call_id = f"srvtoolu_{number}"
    name, results = draw(st.sampled_from(_SERVER_RESULTS))
    use = {"type": "server_tool_use", "id": call_id, "name": name, "input": draw(INPUTS)}
    kind, content = draw(st.sampled_from(results))
    return [use, {"type": kind, "tool_use_id": call_id, "content": content}]


_SERVER_RESULTS: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = (
    ("web_search", (
        ("web_search_tool_result", [{"type": "web_search_result", "url": "https://example.com/a",
                                     "title": "A", "encrypted_content": "Eo8B", "page_age": None}]),
        ("web_search_tool_result", {"type": "web_search_tool_result_error",
                                    "error_code": "max_uses_exceeded"}),
    )),
    ("tool_search_tool_regex", (
        ("tool_search_tool_result", {"type": "tool_search_tool_search_result",
                                     "tool_references": [{"type": "tool_reference",
                                                          "tool_name": "f"}]}),
        ("tool_search_tool_result", {"type": "tool_search_tool_result_error",
                                     "error_code": "unavailable"}),
    )),
    ("web_fetch", (
        ("web_fetch_tool_result", {"type": "web_fetch_result", "url": "https://example.com/a",
                                   "content": {"type": "document", "source": SOURCES[1]}}),
    )),
    ("bash_code_execution", (
        ("bash_code_execution_tool_result", {"type": "bash_code_execution_result", "content": [],
                                             "stdout": "1", "stderr": "", "return_code": 0}),
    )),
    ("code_execution", (
        ("code_execution_tool_result", {"type": "code_execution_result", "content": [],
                                        "stdout": "", "stderr": "x", "return_code": 1}),
    )),
)  # fmt: skip


@st.composite
def results(draw: st.DrawFn, call_id: str) -> Json:
    """Draw a tool's result: text or blocks, a success or an error."""
    nested = st.lists(
        st.one_of(
            st.builds(_text, TEXTS),
            st.just({"type": "image", "source": PNG}),
            st.just({"type": "tool_reference", "tool_name": "f"}),
            st.sampled_from(SOURCES).map(lambda source: {"type": "document", "source": source}),
        ),
        min_size=1,
        max_size=3,
    )
    failed = {"is_error": True} if draw(st.booleans()) else {}
    content = draw(st.one_of(TEXTS, nested))
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **failed}


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> tuple[list[Json], list[Json]]:
    """Draw an answer, with calls or without, and the results that it asks for."""
    answer: list[Json] = []
    if draw(st.booleans()):
        answer.append(draw(thoughts()))
    for place in range(draw(st.integers(0, 2))):
        either = st.one_of(answers().map(lambda a: [a]), server_rounds(number * 10 + place))
        answer += draw(either)
    calls = [f"toolu_{number}_{each}" for each in range(draw(st.integers(0, 2)))]
    for call_id in calls:
        caller = {"caller": {"type": "direct"}} if draw(st.booleans()) else {}
        name = draw(st.sampled_from(["f", "write_file"]))
        answer.append(
            {"type": "tool_use", "id": call_id, "name": name, "input": draw(INPUTS), **caller}
        )
        if draw(st.integers(0, 4)) == 0:
            answer.append(draw(answers()))
    if not calls:
        answer.append(draw(answers()))
    return answer, [draw(results(call_id)) for call_id in calls]


@st.composite
def api_histories(draw: st.DrawFn) -> list[Json]:
    """Draw the ``messages`` of a request: alternating, calls answered, a user's turn last."""
    user = st.lists(st.one_of(st.builds(_text, TEXTS), media()), min_size=1, max_size=3)
    turns = [{"role": "user", "content": draw(user)}]
    for number in range(draw(st.integers(0, 3))):
        answer, answered = draw(exchanges(number))
        turns.append({"role": "assistant", "content": answer})
        said = draw(user) if not answered or draw(st.booleans()) else []
        turns.append({"role": "user", "content": [*answered, *said]})
    # The API takes four markers at most, and so far there is one a turn at most.
    for turn in draw(st.lists(st.sampled_from(turns[::2]), max_size=3, unique_by=id)):
        turn["content"][-1] = {**turn["content"][-1], **MARKER}
    return turns
