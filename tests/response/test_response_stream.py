"""What is cut, malformed or refused in mid-stream is an error with the partial answer on it."""

from __future__ import annotations

import functools
import json
import operator
from typing import Any

import pytest
from answers import (
    ORIGIN,
    WRITERS,
    chunks,
    delta,
    finish,
    opened,
    read,
    sse,
    start,
    state_of,
    stopped,
    text,
    thinking,
    tool,
)
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, message_chunk_to_message

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    OverloadedError,
    StreamInterruptedError,
)
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import ProtocolEventHandler, build_message
from langchain_claude_cloud.response.stream import ResponseStream

WHOLE = [start(), *text(0, "Hel", "lo"), *tool(1, '{"a": 1}'), *finish("tool_use")]


def _stream(version: str = "v0") -> ResponseStream[Any]:
    writer = WRITERS[version](ORIGIN)
    return ResponseStream("sse", MessageAccumulator(writer), ORIGIN, version=version)  # type: ignore[arg-type]


def _message(events: list[dict[str, Any]], version: str = "v0") -> AIMessage:
    message = message_chunk_to_message(functools.reduce(operator.add, chunks(events, version)))
    assert isinstance(message, AIMessage)
    return message


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="a stream that ends without message_stop is a success"
)
@pytest.mark.parametrize("upto", range(len(WHOLE)))
def test_a_stream_that_ends_early_is_an_error_with_what_had_arrived(upto: int) -> None:
    """Wherever it is cut between events, the end is not clean; nothing is lost."""
    stream = _stream()
    list(stream.feed(sse(WHOLE[:upto])))
    with pytest.raises(StreamInterruptedError, match="before message_stop") as caught:
        list(stream.close())
    partial = caught.value.partial_message
    if upto == 0:
        assert partial is None
        assert "Nothing had arrived" in str(caught.value)
        return
    assert "What had arrived is in partial_message" in str(caught.value)
    assert isinstance(partial, AIMessage)
    assert "Hello".startswith(partial.text)
    assert partial.usage_metadata is not None
    assert partial.usage_metadata["input_tokens"] == 7
    assert bool(partial.tool_calls) is (upto > WHOLE.index(stopped(1)))


def test_an_error_event_is_an_error_of_its_kind() -> None:
    """An overload in mid-stream is an overload, as it would have been before the stream."""
    stream = _stream("v1")
    list(stream.feed(sse(WHOLE[:3])))
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(OverloadedError) as caught:
        list(stream.feed(sse([error])))
    assert caught.value.partial_message.content == [{"type": "text", "text": "Hel"}]


def test_nothing_is_handed_out_before_there_is_content() -> None:
    """Until then an error can be answered by sending the request again."""
    stream = _stream()
    beginning = [start(), {"type": "ping"}, opened(0, {"type": "text", "text": ""})]
    assert list(stream.feed(sse(beginning))) == []
    assert stream.has_emitted is False
    assert len(list(stream.feed(sse(text(0, "x")[1:])))) == 2
    assert stream.has_emitted is True


def test_outputs_before_an_error_are_handed_out_first() -> None:
    """What came in the same packet as the error is not lost."""
    stream = _stream()
    outputs = stream.feed(sse([*WHOLE[:3], {"type": "error", "error": {"type": "api_error"}}]))
    assert next(outputs).message.content == ""
    assert next(outputs).message.content == "Hel"
    with pytest.raises(ClaudeCloudError):
        next(outputs)


@pytest.mark.parametrize(
    "events",
    [
        [delta(0, "text_delta", text="x")],
        [start(), start()],
        [start(), delta(0, "text_delta", text="x")],
        [start(), opened(0, {"type": "text"}), delta(0, "text_delta")],
        [start(), opened(0, {"type": "text"}), delta(0, "text_delta", text=5)],
        [start(), opened(0, {"type": "tool_use", "name": "f", "input": {}})],
        [start(), opened(0, {"type": "tool_use", "id": 1, "name": "f", "input": {}})],
        [start(), {"type": "content_block_start", "index": 0}],
        [start(), *text(0, "whole?"), {"type": "message_stop"}],
        [start(), *text(0, "whole"), delta(0, "text_delta", text="and more")],
        [start(usage={"output_tokens_details": {"thinking_tokens": "many"}})],
        [{"no": "type"}],
        [[1, 2]],
    ],
    ids=str,
)
def test_events_out_of_form_or_order_are_an_error(events: list[Any]) -> None:
    """A stream that breaks the grammar cannot be read on, and says so."""
    stream = _stream()
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    with pytest.raises(StreamInterruptedError):
        list(stream.feed(body))


@pytest.mark.parametrize("tail", [b'data: {"type":"ping"}', b'data: {"type":"pi', b"data: {}\n\n"])
def test_what_follows_a_whole_message_is_not_read(tail: bytes) -> None:
    """It may be cut off anywhere: the connection is let go of."""
    one_packet, two_packets = _stream(), _stream()
    list(one_packet.feed(sse(WHOLE) + tail))
    list(two_packets.feed(sse(WHOLE)))
    list(two_packets.feed(tail))
    for stream in (one_packet, two_packets):
        (last,) = stream.close()
        assert last.message.chunk_position == "last"


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_block_that_ends_or_starts_twice_loses_nothing(version: str) -> None:
    """Gateways repeat events, and number blocks badly."""
    events = [start(), opened(0, {"type": "text", "text": "One"})]
    events += [opened(0, {"type": "text", "text": "Two"}), stopped(0), stopped(0)]
    events += [*tool(1, '{"q": 1}'), stopped(1), *tool(2, ""), stopped(2), *finish("tool_use")]
    merged = functools.reduce(operator.add, chunks(events, version))
    assert merged.text == "OneTwo"
    assert [call["args"] for call in merged.tool_calls] == [{"q": 1}, {}]
    assert not merged.invalid_tool_calls


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use"])
def test_arguments_that_were_announced_are_in_what_had_arrived(kind: str) -> None:
    """They are handed out when their block ends, which it does not here."""
    call = {"type": kind, "id": "a", "name": "f", "input": {"q": 1}}
    state: MessageAccumulator[Any] = MessageAccumulator()
    state.add(start())
    state.add(opened(0, call))
    block: Any = build_message(state, ORIGIN, version="v0").content[0]
    raw = block["args"] if kind == "tool_use" else json.dumps(block["input"])
    assert raw == '{"q": 1}'


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="blocks of a type not known yet are dropped from streams"
)
def test_what_is_not_known_passes() -> None:
    """Unknown events and deltas break nothing; an unknown block is kept whole."""
    events = [
        start(),
        {"type": "something_new", "index": 0},
        *text(0, "Hi"),
        opened(1, {"type": "new_block", "data": "a", "caller": None}),
        delta(1, "new_delta", data="b"),
        delta(1, "other_delta", more=[1]),
        stopped(1),
        *finish(),
    ]
    kept = {"type": "new_block", "data": "ab", "more": [1]}
    assert _message(events).content == [{"type": "text", "text": "Hi"}, kept]
    assert _message(events, "v1").content_blocks[1] == {"type": "non_standard", "value": kept}


def test_an_unknown_block_with_a_text_is_no_plain_text() -> None:
    """It keeps its type also if it is all there is, on every path."""
    kept = {"type": "new_block", "text": "a"}
    assert _message([start(), opened(0, kept), stopped(0), *finish()]).content == [kept]
    state = state_of({**start()["message"], "content": [kept]})
    assert build_message(state, ORIGIN, version="v0").content == [kept]


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="models that think by default give a mix of text and blocks that loses the answer",
)
def test_a_model_that_thinks_by_default_gives_well_formed_blocks() -> None:
    """Text after thinking is a block of its own; the answer is not lost."""
    events = [start(), *thinking(0, "", signature="s"), *text(1, "An", "swer"), *finish()]
    assert _message(events).content == [
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "text", "text": "Answer"},
    ]
    turned = [start(), *text(0, "First"), *thinking(1, "hm"), *text(2, "then"), *finish()]
    assert [block["type"] for block in _message(turned).content] == ["text", "thinking", "text"]  # type: ignore[index]


def test_text_alone_is_a_string_and_no_content_is_an_empty_one() -> None:
    """As LangChain users expect of an answer that is only text."""
    assert _message([start(), *text(0, "Hello"), *finish()]).content == "Hello"
    assert _message([start(), *finish("refusal")]).content == ""
    assert _message([start(), *text(0), *finish()]).content == ""


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="content in message_start is lost")
def test_content_in_message_start_is_not_lost() -> None:
    """Some servers send the whole message in the first event."""
    block = {"type": "text", "text": "Hello"}
    assert _message([start(content=[block]), *finish()]).content == "Hello"


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatBedrock",
    defect="usage of message_start is lost or added twice; without input tokens at the end it is 0",
)
def test_usage_is_folded_and_given_once() -> None:
    """A later value wins, an absent one keeps the first; two reports are not added up."""
    usage = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}
    first = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}}
    ends = finish(output_tokens=9)
    parts = chunks([start(usage=usage), *text(0, "x"), first, *ends])
    assert [part.usage_metadata for part in parts[:-1]] == [None] * (len(parts) - 1)
    total = parts[-1].usage_metadata
    assert (total["input_tokens"], total["output_tokens"]) == (10, 9)
    assert total["input_token_details"]["cache_read"] == 3


@pytest.mark.peer_defect(
    peers="all of them",
    defect="a stream's usage does not tell cache writes of five minutes from those of an hour",
)
def test_cache_writes_are_told_apart_by_their_time_to_live() -> None:
    """The split comes only in message_start; it is there when streamed, too."""
    split = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5}
    usage = {
        "input_tokens": 1,
        "cache_creation_input_tokens": 7,
        "cache_creation": split,
        "output_tokens": 1,
        "output_tokens_details": {"thinking_tokens": 3},
    }
    details = _message([start(usage=usage), *text(0, "x"), *finish()]).usage_metadata
    assert details is not None
    assert details["input_tokens"] == 8
    assert details["input_token_details"] == {"cache_read": 0, "cache_creation": 0, **split}
    assert details["output_token_details"] == {"reasoning": 3}


def test_each_key_of_the_metadata_is_on_one_chunk() -> None:
    """Core adds up what it merges, so a key on two chunks would double."""
    parts = chunks(WHOLE)
    keys = [key for part in parts for key in part.response_metadata if key != "model_provider"]
    assert len(keys) == len(set(keys))
    assert {"model_name", "stop_reason", "platform", "region", "request_id", "id", "usage"} <= set(
        keys
    )


def test_a_block_finishes_in_protocol_events_as_soon_as_it_ends() -> None:
    """A tool can start while the model still writes."""
    events = [start(), *tool(0, '{"a": 1}'), *text(1, "more"), *finish("tool_use")]
    _, protocol = read(events, ProtocolEventHandler(ORIGIN))
    order = [(event["event"], event.get("index")) for event in protocol]
    assert order.index(("content-block-finish", 0)) < order.index(("content-block-start", 1))


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_signature_elsewhere_than_in_thinking_changes_nothing(version: str) -> None:
    """Chunks merge to the same message with it as without it."""
    call = tool(0, '{"a": 1}')
    signed = [*call[:-1], delta(0, "signature_delta", signature="s"), call[-1]]
    with_it, without = (
        _message([start(), *events, *finish("tool_use")], version) for events in (signed, call)
    )
    assert with_it == without


def test_a_start_in_protocol_events_leaves_what_is_large_to_the_finish() -> None:
    """A document that a tool fetched is not sent twice."""
    found = {"type": "web_search_tool_result", "tool_use_id": "a", "content": [{"url": "u" * 99}]}
    events = [start(), opened(0, found), stopped(0), *finish()]
    _, written = read(events, ProtocolEventHandler(ORIGIN))
    begun, finished = (str(event["content"]) for event in written if "content" in event)
    assert "uuu" in finished
    assert "uuu" not in begun


@given(st.lists(st.sampled_from([*WHOLE, {"type": "ping"}, {"type": "error"}]), max_size=12))
def test_any_order_of_events_is_a_message_or_one_of_our_errors(
    events: list[dict[str, Any]],
) -> None:
    """No order raises anything else, or ends without a word."""
    stream = _stream()
    try:
        list(stream.feed(sse(events)))
        list(stream.close())
    except ClaudeCloudError:
        return
    assert stream.complete


@given(st.binary(max_size=200))
def test_any_bytes_are_one_of_our_errors(data: bytes) -> None:
    """Bytes that are no stream end in an error, whichever framing they are taken for."""
    for framing in ("sse", "event-stream"):
        stream: ResponseStream[Any] = ResponseStream(
            framing,  # type: ignore[arg-type]
            MessageAccumulator(WRITERS["v0"](ORIGIN)),
            ORIGIN,
        )
        with pytest.raises(ClaudeCloudError):
            _drain(stream, data)


def _drain(stream: ResponseStream[Any], data: bytes) -> list[Any]:
    return [*stream.feed(data), *stream.close()]


def test_a_ping_is_no_start() -> None:
    """A delta that comes behind it alone is out of order."""
    with pytest.raises(StreamInterruptedError, match="came before a start"):
        chunks([{"type": "ping"}, delta(0, "text_delta", text="x")])
