"""Messages as users of other integrations write them: their media, texts and cache markers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from tool_histories import MODEL

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.messages.conversion import Conversation, convert_messages

PNG = b"\x89PNG\r\n\x1a\n and more"
PDF = b"%PDF-1.4"
FIVE: dict[str, Any] = {"type": "ephemeral"}
HOUR: dict[str, Any] = {"type": "ephemeral", "ttl": "1h"}
POINT = {"cachePoint": {"type": "default"}}
CALL = {"type": "tool_call", "id": "toolu_1", "name": "f", "args": {}}


def _base64(media_type: str, data: bytes) -> dict[str, str]:
    encoded = base64.b64encode(data).decode()
    return {"type": "base64", "media_type": media_type, "data": encoded}


def _convert(*messages: BaseMessage) -> Conversation:
    return convert_messages(messages, MODEL)


def _sent(*content: Any) -> Any:
    return _convert(HumanMessage(list(content))).messages[0]["content"]


@pytest.mark.parametrize(
    ("block", "wire"),
    [
        (
            {"image": {"format": "png", "source": {"bytes": PNG}}},
            {"type": "image", "source": _base64("image/png", PNG)},
        ),
        (
            {
                "document": {
                    "format": "pdf",
                    "name": "Report",
                    "source": {"bytes": PDF},
                    "citations": {"enabled": True},
                    "context": "Of May.",
                }
            },
            {
                "type": "document",
                "source": _base64("application/pdf", PDF),
                "title": "Report",
                "context": "Of May.",
                "citations": {"enabled": True},
            },
        ),
        (
            {"document": {"format": "txt", "name": "N", "source": {"text": "words"}}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                "title": "N",
            },
        ),
        (
            {"document": {"format": "md", "source": {"bytes": b"# T"}}, "cache_control": HOUR},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "# T"},
                "cache_control": HOUR,
            },
        ),
        (
            {"type": "media", "mime_type": "image/png", "data": base64.b64encode(PNG).decode()},
            {"type": "image", "source": _base64("image/png", PNG)},
        ),
        ({"type": "input_text", "text": "Hi"}, {"type": "text", "text": "Hi"}),
        (
            {
                "type": "input_image",
                "image_url": "data:image/png;base64," + base64.b64encode(PNG).decode(),
            },
            {"type": "image", "source": _base64("image/png", PNG)},
        ),
        (
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
            },
            {
                "type": "document",
                "source": _base64("application/pdf", PDF),
                "title": "a.pdf",
            },
        ),
    ],
)
def test_blocks_of_converse_google_and_openai_are_taken(block: Any, wire: Any) -> None:
    """What works with ChatBedrockConverse, ChatGoogle and ChatOpenAI works here."""
    assert _sent(block) == [wire]


def test_a_document_in_a_bucket_is_refused_with_what_to_do() -> None:
    """Bedrock's Converse reads S3, InvokeModel does not."""
    source = {"s3Location": {"uri": "s3://a/b.pdf"}}
    with pytest.raises(InvalidInputError, match=r"s3://a/b.pdf.*buckets.*base64"):
        _sent({"document": {"format": "pdf", "name": "b", "source": source}})


def test_a_converse_image_may_be_in_a_result() -> None:
    """Data that only looks a little like one stays data."""
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    sent = _convert(
        HumanMessage("Go."),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage([image, {"image": "a.png"}], tool_call_id="toolu_1"),
    )
    assert sent.messages[2]["content"][0]["content"] == [
        {"type": "image", "source": _base64("image/png", PNG)},
        {"type": "text", "text": '{"image": "a.png"}'},
    ]


@pytest.mark.parametrize(
    ("point", "marker"),
    [
        (POINT, FIVE),
        ({"cachePoint": {"type": "default", "ttl": "1h"}}, HOUR),
        ({"cache_point": {"type": "default"}}, FIVE),
        ({"cachePoint": {}}, FIVE),
    ],
)
def test_a_cache_point_marks_the_block_before_it(point: Any, marker: Any) -> None:
    """In the system prompt, in a user's message and in a result, with its ttl."""
    marked = {"type": "text", "text": "a", "cache_control": marker}
    sent = _convert(
        SystemMessage(["a", point, {"type": "text", "text": "b"}]),
        HumanMessage([{"text": "a"}, point, "b"]),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage([{"type": "text", "text": "a"}, point], tool_call_id="toolu_1"),
    )
    assert sent.system == [marked, {"type": "text", "text": "b"}]
    assert sent.messages[0]["content"] == [marked, {"type": "text", "text": "b"}]
    assert sent.messages[2]["content"][0]["cache_control"] == marker


def test_a_cache_point_in_front_of_everything_marks_nothing() -> None:
    """There is nothing to cache."""
    assert _sent(POINT, "a") == [{"type": "text", "text": "a"}]


def test_markers_in_additional_kwargs_are_heeded() -> None:
    """As ChatAnthropicVertex does; one on the block itself wins."""
    more = {"cache_control": HOUR}
    own = {"type": "text", "text": "b", "cache_control": FIVE}
    sent = _convert(
        SystemMessage("s", additional_kwargs=more),
        HumanMessage("a", additional_kwargs=more),
        HumanMessage([own], additional_kwargs=more),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("r", tool_call_id="toolu_1", additional_kwargs=more),
    )
    assert sent.system == [{"type": "text", "text": "s", "cache_control": HOUR}]
    assert sent.messages[0]["content"] == [
        {"type": "text", "text": "a", "cache_control": HOUR},
        own,
    ]
    assert sent.messages[2]["content"][0]["cache_control"] == HOUR


def test_a_marker_on_an_empty_message_marks_what_is_before_it() -> None:
    """The API takes no marker on blank text, nor blank text at all."""
    empty = HumanMessage(" ", additional_kwargs={"cache_control": FIVE})
    assert _convert(HumanMessage("a"), empty).messages == [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": FIVE}]}
    ]


def test_what_another_model_said_is_kept() -> None:
    """A refusal is part of the conversation, too."""
    said = AIMessage(
        [{"type": "output_text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}],
        response_metadata={"model_provider": "openai"},
    )
    assert _convert(HumanMessage("a"), said, HumanMessage("b")).messages[1]["content"] == [
        {"type": "text", "text": "Hm."},
        {"type": "text", "text": "No."},
    ]


def _result(*content: Any, **more: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": "toolu_1", "content": list(content), **more}}


_GPT = {"model_provider": "openai", "model_name": "gpt-5"}
_USE = {"toolUse": {"toolUseId": "toolu_1", "name": "f", "input": {"a": 1}}}
_SENT_USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
_TEXT_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}


@pytest.mark.parametrize(
    "block",
    [
        _USE,
        {"type": "toolUse", **_USE},
        {"type": "tool_use", **_USE},
        {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "toolu_1", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"type": "function_call", "call_id": "toolu_1", "name": "f", "arguments": '{"a": 1}'},
    ],
)
@pytest.mark.parametrize(
    "result",
    [
        HumanMessage([_result({"text": "found"})]),
        HumanMessage([{"type": "toolResult", **_result({"text": "found"})}]),
        HumanMessage([{"type": "tool_result", **_result({"text": "found"})}]),
        ToolMessage([_result({"text": "found"})], tool_call_id="toolu_1"),
        HumanMessage([{"type": "function_call_output", "call_id": "toolu_1", "output": "found"}]),
    ],
)
def test_calls_and_results_of_converse_and_openai(block: Any, result: BaseMessage) -> None:
    """With a type or without, as histories that were written by hand hold them."""
    reasoning = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}
    answer = AIMessage([reasoning, {"text": "Wait."}, block])
    sent = _convert(HumanMessage([{"text": "Go."}]), answer, result).messages
    assert sent[1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Wait."},
        _SENT_USE,
    ]
    (told,) = sent[2]["content"]
    content = told.pop("content")
    assert told == {"type": "tool_result", "tool_use_id": "toolu_1"}
    assert content in ("found", [{"type": "text", "text": "found"}])


@pytest.mark.parametrize(
    "call",
    [
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "x"},
        {"type": "computer_call", "call_id": "c1", "action": {"type": "click"}},
        {"type": "local_shell_call", "call_id": "c1", "action": {"command": ["ls"]}},
    ],
)
def test_calls_of_openai_in_users_turns_and_results_are_left_out(call: Any) -> None:
    """The content of one agent's answer often becomes a message for another."""
    assert _sent("a", call) == [{"type": "text", "text": "a"}]
    result = ToolMessage(["a", call], tool_call_id="toolu_1")
    sent = _convert(HumanMessage("Go."), AIMessage([_USE]), result).messages
    assert sent[-1]["content"][0]["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_results_of_server_tools_as_javascript_has_them_are_left_out(version: str) -> None:
    """LangChain for JavaScript keeps nothing of them by which the API would take them back."""
    answer = AIMessage(
        [
            {"type": "server_tool_call", "id": "s1", "name": "web_search", "args": {"query": "q"}},
            {"type": "server_tool_call_result", "toolCallId": "s1", "status": "success"},
            {"type": "text", "text": "a"},
        ],
        response_metadata={"model_provider": "anthropic", "output_version": version},
    )
    sent = _convert(HumanMessage("q"), answer, HumanMessage("n")).messages
    assert sent[1]["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize("wrapped", [False, True])
def test_calls_of_openais_own_tools_have_their_results(*, wrapped: bool) -> None:
    """They are in no list of calls; one that nobody answered is left out."""
    click = {"type": "computer_call", "call_id": "c1", "action": {"type": "click"}}
    patch = {"type": "apply_patch_call", "call_id": "c2", "operation": {"path": "a"}}
    blocks: Any = [click, {"type": "web_search_call", "id": "w"}, patch]
    if wrapped:
        blocks = [{"type": "non_standard", "value": block} for block in blocks]
    answer = AIMessage([*blocks, {"type": "text", "text": "a"}], response_metadata=_GPT)
    result = ToolMessage("done", tool_call_id="c1")
    sent = _convert(HumanMessage("q"), answer, result, HumanMessage("n")).messages
    assert sent[1]["content"] == [
        {"type": "tool_use", "id": "c1", "name": "computer", "input": {"type": "click"}},
        {"type": "text", "text": "a"},
    ]
    assert sent[2]["content"][0]["tool_use_id"] == "c1"


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        ({"json": {"a": [1]}}, {"type": "text", "text": '{"a": [1]}'}),
        (
            {"image": {"format": "png", "source": {"bytes": PNG}}},
            {"type": "image", "source": _base64("image/png", PNG)},
        ),
        (
            {"document": {"format": "txt", "name": "N", "source": {"content": [{"text": "t"}]}}},
            {
                "type": "document",
                "source": {"type": "content", "content": [{"type": "text", "text": "t"}]},
                "title": "N",
            },
        ),
        (
            {"searchResult": {"source": "s", "title": "t", "content": [{"text": "found"}]}},
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [{"type": "text", "text": "found"}],
            },
        ),
        ({"guardContent": {"text": {"text": "m"}}}, {"type": "text", "text": "m"}),
        (
            {"image": {"format": "png", "source": {}}},
            {
                "type": "text",
                "text": "[an image cannot be shown: this image block has no base64, url or text.]",
            },
        ),
        (
            {"toolUse": {"what": "a tool's own data"}},
            {"type": "text", "text": '{"toolUse": {"what": "a tool\'s own data"}}'},
        ),
    ],
)
def test_what_a_result_of_converse_holds(item: Any, wire: Any) -> None:
    """Each kind of block there, and data that only resembles one."""
    messages = (HumanMessage("Go."), AIMessage([_USE]))
    for result in (
        HumanMessage([_result(item, status="error")]),
        ToolMessage([item], tool_call_id="toolu_1", status="error"),
    ):
        sent = _convert(*messages, result).messages
        assert sent[2]["content"] == [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [wire],
                "is_error": True,
            }
        ]


@pytest.mark.parametrize("source", [{"bytes": b"x"}, {"s3Location": {"uri": "s3://a/v.mp4"}}])
def test_a_video_of_converse(source: Any) -> None:
    """Refused where the user sends it, told in words where a tool returned it."""
    video = {"video": {"format": "mp4", "source": source}}
    with pytest.raises(InvalidInputError, match="does not take video blocks"):
        _sent(video)
    sent = _convert(HumanMessage("Go."), AIMessage([_USE]), HumanMessage([_result(video)]))
    (told,) = sent.messages[2]["content"][0]["content"]
    assert told["text"].startswith("[a video")


def test_a_cache_point_behind_calls_and_results_marks_them() -> None:
    """In a history of Converse's, as it is."""
    sent = _convert(
        HumanMessage([{"text": "Go."}]),
        AIMessage([{"text": "Wait."}, _USE, POINT]),
        HumanMessage([_result({"text": "found"}), POINT]),
    ).messages
    assert sent[1]["content"][1] == {**_SENT_USE, "cache_control": FIVE}
    assert sent[2]["content"][0]["cache_control"] == FIVE


def test_cache_points_within_results_and_behind_blocks_of_other_apis() -> None:
    """Wherever they stand, they mark what is before them."""
    wrapped = {"type": "non_standard", "value": {"type": "text", "text": "b"}}
    said: list[str | dict[Any, Any]] = [{"type": "output_text", "text": "a"}, POINT, wrapped]
    sent = _convert(
        HumanMessage([*said, POINT]),
        AIMessage([_USE]),
        HumanMessage([_result({"text": "found"}, POINT)]),
    ).messages
    assert [block["cache_control"] for block in sent[0]["content"]] == [FIVE, FIVE]
    (told,) = sent[2]["content"]
    assert told["content"] == [{"type": "text", "text": "found"}]
    assert told["cache_control"] == FIVE


def test_the_text_of_a_cited_answer_of_converse_stays() -> None:
    """Its citations point at places that nobody knows here."""
    cited = {
        "citationsContent": {"content": [{"text": "It is "}, {"text": "so."}], "citations": []}
    }
    sent = _convert(HumanMessage("Go."), AIMessage([cited]), HumanMessage("Why?")).messages
    assert sent[1]["content"] == [{"type": "text", "text": "It is so."}]


def test_an_empty_document_of_converse_is_called_a_document() -> None:
    """Whoever reads the error looks for one."""
    empty = {"document": {"format": "pdf", "name": "a", "source": {"bytes": b""}}}
    with pytest.raises(InvalidInputError, match="this document block has no"):
        _convert(HumanMessage([empty]))


@pytest.mark.parametrize(
    ("call", "name", "arguments"),
    [
        ({"type": "shell_call", "action": {"commands": ["ls"]}}, "shell", {"commands": ["ls"]}),
        ({"type": "custom_tool_call", "name": "f", "input": '{"a": 1}'}, "f", {"a": 1}),
        ({"type": "function_call", "name": "f", "arguments": ""}, "f", {}),
    ],
)
def test_every_call_of_openai_that_the_client_runs_is_read(
    call: Any, name: str, arguments: Any
) -> None:
    """Its id is that of the call, not that of the item; its result has the same."""
    answer = AIMessage([{**call, "id": "item_1", "call_id": "c1"}])
    output = {"type": f"{call['type']}_output", "call_id": "c1", "output": "done"}
    sent = _convert(HumanMessage("Go."), answer, HumanMessage([output])).messages
    assert sent[1]["content"] == [
        {"type": "tool_use", "id": "c1", "name": name, "input": arguments}
    ]
    assert sent[2]["content"] == [{"type": "tool_result", "tool_use_id": "c1", "content": "done"}]
