"""Messages as people really have them: each becomes what the API takes, or a clear error."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from request_building import build, tool
from request_models import model_with

from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.request.messages.fetched_media import inline_sources
from langchain_claude_cloud.request.tools import convert_tools

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 300).decode()
PDF = base64.b64encode(b"%PDF-1.7 " + b"x" * 300).decode()
MARK = {"type": "ephemeral"}


def result_of(content: Any, **more: Any) -> tuple[Any, tuple[str, ...]]:
    """Return what a request holds of a tool's result, and the notices."""
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    history = [HumanMessage("q"), call, ToolMessage(content, tool_call_id="1", **more)]
    request = build(history, tools=(tool(),))
    return request.body["messages"][2]["content"][0].get("content"), request.notices


def sent(content: Any) -> Any:
    """Return the blocks that a request holds of a user's message."""
    return build([HumanMessage(content)]).body["messages"][0]["content"]


UNREADABLE = [
    ({"type": "file", "url": "db://x/7", "mime_type": "application/json"}, "db://x/7"),
    ({"type": "file", "url": "file:///tmp/a.txt", "mime_type": "text/plain"}, "file:///tmp/a.txt"),
    ({"type": "image", "base64": PDF[:40], "mime_type": "image/svg+xml"}, "image/svg+xml"),
    ({"type": "file", "base64": "UEsDBA==", "mime_type": "application/zip"}, "application/zip"),
    ({"type": "file", "file_id": "file_1", "filename": "q.pdf"}, "'q.pdf'"),
    ({"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}, "audio/wav"),
    ({"type": "video", "url": "https://x.example/v.mp4"}, "https://x.example/v.mp4"),
    ({"type": "image", "url": "s3://bucket/key.png"}, "s3://bucket/key.png"),
    (
        {"type": "resource_link", "uri": "db://t", "name": "Table", "mimeType": "text/csv"},
        "resource link 'Table' (text/csv) at db://t",
    ),
    (
        {"type": "resource", "resource": {"uri": "x://z", "mimeType": "application/zip", "blob": "UEsDBA=="}},
        "(application/zip) at x://z",
    ),
]  # fmt: skip


NO_PNG = base64.b64encode(b"<html>404</html>").decode()
UNREADABLE += [
    ({"type": "image", "base64": NO_PNG, "mime_type": "image/png"}, "is text/plain"),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "/w=="}}, "unknown"),
    ({"type": "text-plain", "text": ""}, "this document is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "says"), UNREADABLE)
def test_what_a_tool_returned_and_claude_cannot_read_becomes_a_line(block: Any, says: str) -> None:
    """With a notice: an error would end the conversation for good."""
    before = copy.deepcopy(block)
    content, notices = result_of([{"type": "text", "text": "found"}, block])
    assert [part["type"] for part in content] == ["text", "text"]
    assert says in content[1]["text"]
    assert "\n" not in content[1]["text"]
    assert any(says in notice for notice in notices)
    assert block == before


@pytest.mark.parametrize("block", [block for block, _ in UNREADABLE[:8]])
def test_the_same_is_refused_from_a_human(block: Any) -> None:
    """Who can send something else."""
    with pytest.raises(InvalidInputError):
        sent([block])


@pytest.mark.parametrize(
    "record",
    [
        {"type": "file", "name": "a.txt", "size": 10},
        {"type": "document", "id": "7", "title": "T", "content": "found", "source": "wiki"},
        {"type": "text", "label": "Name", "required": True},
        {"type": "search_result", "url": "https://example.org", "snippet": "found"},
        {"type": "image", "alt": "a cat", "width": 3},
    ],
)
def test_records_that_only_look_like_content_are_text(record: Any) -> None:
    """LangChain takes a list of them for content by their types; what they say must arrive."""
    content, notices = result_of([record])
    assert [json.loads(part["text"]) for part in content] == [record]
    assert not notices


def test_a_native_result_beside_other_blocks_is_kept() -> None:
    """Alone it would stand for itself."""
    content, _ = result_of([{"type": "tool_result", "content": "a"}, {"type": "text", "text": "b"}])
    assert [part["text"] for part in content] == ['"a"', "b"]


def test_the_media_type_may_be_written_as_javascript_does() -> None:
    """A chat page sends it so."""
    with pytest.raises(InvalidInputError, match="does not read application/msword"):
        sent([{"type": "file", "mimeType": "application/msword", "data": "0M8R4AA="}])


def test_native_text_is_plain_text() -> None:
    """The API takes no other type."""
    for source in (
        {"type": "text", "data": "a"},
        {"type": "text", "media_type": "text/csv", "data": "a"},
    ):
        content, _ = result_of([{"type": "document", "source": source}])
        assert content[0]["source"] == {"type": "text", "media_type": "text/plain", "data": "a"}


def test_data_that_a_tool_returned_is_text() -> None:
    """Converse's block of data, with a type or without."""
    for block in ({"type": "json", "json": {"a": "é"}}, {"json": {"a": "é"}}):
        content, notices = result_of([block])
        assert content == [{"type": "text", "text": '{"a": "é"}'}]
        assert not notices


def test_the_text_of_a_resource_is_kept() -> None:
    """A server's resource holds it."""
    resource = {"uri": "x://y", "mimeType": "text/plain", "text": "hello"}
    content, _ = result_of([{"type": "resource", "resource": resource}])
    assert content == [{"type": "text", "text": "hello"}]


def test_what_a_url_in_a_tools_result_gave_may_be_unreadable() -> None:
    """It is told in text then, and refused in a human's message."""
    archive = FetchedMedia("application/zip", b"PK")
    url = "https://x.example/a"
    block = {"type": "document", "source": {"type": "url", "url": url}}
    nested = {"type": "tool_result", "tool_use_id": "1", "content": [block]}
    body = {"messages": [{"role": "user", "content": [nested]}]}
    filled = inline_sources(body, {url: archive})["messages"][0]["content"][0]["content"][0]
    assert filled["type"] == "text"
    assert url in filled["text"]
    with pytest.raises(InvalidInputError):
        inline_sources({"messages": [{"role": "user", "content": [block]}]}, {url: archive})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:300] + "\n" + data[300:],
        lambda data: data[:300] + " " + data[300:],
        lambda data: "\r\n".join(data[i : i + 76] for i in range(0, len(data), 76)),
        lambda data: data.translate(str.maketrans("+/", "-_")),
        lambda data: data.rstrip("="),
        lambda data: data.encode(),
    ],
)
@pytest.mark.parametrize(("data", "kind"), [(PNG, "image"), (PDF, "file")])
def test_base64_of_every_spelling(spoil: Any, data: str, kind: str) -> None:
    """It is sent as the API takes it."""
    (block,) = sent([{"type": kind, "base64": spoil(data), "mime_type": "image/png"}])
    assert block["source"]["data"] == data


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\xff", 5, ["x"]])
def test_base64_that_is_none_is_refused(data: Any) -> None:
    """The error says how to encode it."""
    for block in (
        {"type": "image", "base64": data, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "data": data, "media_type": "image/png"}},
    ):
        with pytest.raises(InvalidInputError, match="b64encode"):
            sent([block])


@pytest.mark.parametrize("typed", [True, False])
def test_converse_and_openai_blocks_with_a_type_and_without(*, typed: bool) -> None:
    """The forms of users who come from another integration."""
    raw = base64.b64decode(PNG)

    def block(kind: str, held: Any) -> dict[str, Any]:
        return {"type": kind, kind: held} if typed else {kind: held}

    (image,) = sent([block("image", {"format": "png", "source": {"bytes": raw}})])
    assert (image["type"], image["source"]["data"]) == ("image", PNG)
    document = {"format": "pdf", "name": "n", "source": {"bytes": base64.b64decode(PDF)}}
    (found,) = sent([block("document", document)])
    assert (found["type"], found["title"], found["source"]["data"]) == ("document", "n", PDF)
    (image,) = sent([block("image_url", {"url": f"data:image/png;base64,{PNG}"})])
    assert image["source"]["data"] == PNG
    (file,) = sent([block("file", {"filename": "f", "file_data": PDF})])
    assert file["source"]["data"] == PDF
    point = block("cachePoint", {"type": "default"})
    (text,) = sent([{"type": "text", "text": "a"}, point])
    assert text["cache_control"] == MARK


def test_a_cache_point_among_tools() -> None:
    """It marks the tool before it, as Converse means it."""
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    tools = convert_tools([tool("f"), point, tool("g")])
    assert [each.get("cache_control") for each in tools] == [{**MARK, "ttl": "1h"}, None]


def test_of_too_many_breakpoints_the_newest_four_stay() -> None:
    """With a notice; marks in the content of a result count."""
    marked = [{"type": "text", "text": f"t{n}", "cache_control": MARK} for n in range(4)]
    history = [SystemMessage([marked[0]]), HumanMessage(copy.deepcopy(marked))]
    request = build(history, tools=(tool(cache_control=MARK),))
    assert "cache_control" not in request.body["tools"][0]
    assert "cache_control" not in request.body["system"][0]
    assert all("cache_control" in block for block in request.body["messages"][0]["content"])
    assert any("6 cache breakpoints already" in notice for notice in request.notices)


@pytest.mark.parametrize("kind", ["human", "system", "assistant", "tool"])
def test_a_breakpoint_on_blank_text_moves_to_the_block_before(kind: str) -> None:
    """The API refuses both, and the caller meant this place."""
    blocks: list[Any] = [
        {"type": "text", "text": "a"},
        {"type": "text", "text": " ", "cache_control": MARK},
    ]
    if kind == "tool":
        call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
        history: list[BaseMessage] = [
            HumanMessage("q"),
            call,
            ToolMessage(blocks, tool_call_id="1"),
        ]
        result = build(history, tools=(tool(),)).body["messages"][2]["content"][0]
        assert result["cache_control"] == MARK
        return
    message = {"human": HumanMessage, "system": SystemMessage, "assistant": AIMessage}[kind](blocks)
    body = build([message, HumanMessage("q")] if kind != "human" else [message]).body
    content = (
        body["system"] if kind == "system" else body["messages"][kind == "assistant"]["content"]
    )
    assert content[0] == {"type": "text", "text": "a", "cache_control": MARK}


def test_halves_of_characters_are_replaced() -> None:
    """Wherever they stand, keys included; two that belong together are joined."""
    call = {"name": "f", "args": {"k\udc80": ["a\ud83d"]}, "id": "1"}
    history = [
        SystemMessage("s\udcff"),
        HumanMessage("\ud83d\ude00 é"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("r\ud800", tool_call_id="1"),
    ]
    request = build(history, tools=(tool(description="d\udc00"),))
    text = json.dumps(request.body, ensure_ascii=False)
    text.encode()
    assert "\U0001f600 é" in text
    assert request.body["messages"][1]["content"][0]["input"] == {"k\ufffd": ["a\ufffd"]}
    assert sum("U+FFFD" in notice for notice in request.notices) == 1
    assert not build([HumanMessage("é 😀")]).notices


def test_the_content_of_an_agents_answer_may_be_a_result_or_a_question() -> None:
    """Its thinking and searches stay out; a call is told, or refused where people can mend it."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    said = {"type": "text", "text": "a"}
    history = [AIMessage("", tool_calls=[{"name": "ask", "args": {}, "id": "1"}])]
    result = ToolMessage([signed, said, use], tool_call_id="1")
    cited = {**said, "citations": [{"type": "char_location", "cited_text": "c"}]}
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    question = HumanMessage([signed, searched, cited])
    messages = build([question, *history, result]).body["messages"]
    assert messages[0]["content"] == [said]
    answered, told = messages[2]["content"][0]["content"]
    assert answered == said
    assert "tool use 'f' cannot be shown" in told["text"]


def test_a_call_with_a_number_that_json_has_not_goes_back_as_text() -> None:
    """Other integrations parse such calls of other models; the thread must go on."""
    args = [{"a": [{"b": float("inf")}]}, {"a": 1e300}, {"a": float("nan")}]
    calls = [{"name": "f", "args": each, "id": str(n)} for n, each in enumerate(args)]
    results = [ToolMessage("r", tool_call_id=str(n)) for n in range(3)]
    request = build([HumanMessage("q"), AIMessage("", tool_calls=calls), *results])
    assert [block["input"] for block in request.body["messages"][1]["content"]] == [
        {"INVALID_JSON": '{"a": [{"b": Infinity}]}'},
        {"a": 1e300},
        {"INVALID_JSON": '{"a": NaN}'},
    ]
    assert "infinity" in request.notices[0]


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [300, 1_500, 100_000])
@pytest.mark.parametrize("place", ["arguments", "result", "raw"])
def test_what_is_nested_too_deeply_is_refused(depth: int, place: str) -> None:
    """By a limit far below Python's own, which differs from version to version."""
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    call.tool_calls[0]["args"] = {"a": nested(depth if place == "arguments" else 3)}
    answer: Any = ToolMessage("r", tool_call_id="1")
    if place == "result":
        answer.content = [{"type": "of_tomorrow", "content": nested(depth)}]
    given: dict[str, Any] = {"model_kwargs": {"x": nested(depth)}} if place == "raw" else {}
    given["tools"] = ({"name": "f", "input_schema": {}},)
    with pytest.raises(InvalidInputError, match="nested"):
        _build_uncompared([HumanMessage("q"), call, answer], **given)


def _build_uncompared(history: list[Any], **given: Any) -> Any:
    return build_request(history, RequestOptions(**given), model_with())


def test_blocks_that_are_nested_too_deeply_are_refused() -> None:
    """Each level is one of the package's own functions."""
    wrapped: Any = {"type": "text", "text": "x"}
    document = wrapped
    for _ in range(1_500):
        wrapped = {"type": "non_standard", "value": wrapped}
        document = {"type": "document", "source": {"type": "content", "content": [document]}}
    for block in (wrapped, document):
        with pytest.raises(InvalidInputError, match=r"messages\[0\].*cannot be read"):
            _build_uncompared([HumanMessage([block])])


@pytest.mark.parametrize("stops", [5, [5], [None], {"a": 1}])
def test_stop_sequences_that_are_no_texts_are_refused(stops: Any) -> None:
    """The error shows what was given."""
    with pytest.raises(InvalidInputError, match="stop_sequences is a list of texts"):
        build(stop_sequences=stops)


def test_sonnet_5_gets_no_system_message_in_the_conversation() -> None:
    """Vertex AI takes it there and ignores it, so it goes into the system prompt."""
    history = [
        HumanMessage("a"),
        AIMessage("b"),
        HumanMessage("c"),
        SystemMessage("now"),
        AIMessage("d"),
        HumanMessage("e"),
    ]
    for cloud in ("vertex", "bedrock"):
        request = build(history, model=resolve("claude-sonnet-5", cloud))  # type: ignore[arg-type]
        assert "now" in json.dumps(request.body["system"])
        assert {message["role"] for message in request.body["messages"]} == {"user", "assistant"}
