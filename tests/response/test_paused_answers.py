"""An answer that the API pauses, and goes on with when it is sent back, is one message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answers import (
    ORIGIN,
    WRITERS,
    chunks,
    delta,
    finish,
    opened,
    sse,
    start,
    stopped,
    text,
    thinking,
    tool,
    unpacked,
)
from langchain_core.messages import message_chunk_to_message

from langchain_claude_cloud.errors import StreamInterruptedError
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import ProtocolEventHandler, build_message
from langchain_claude_cloud.response.stream import ResponseStream

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
USAGE = {"input_tokens": 10, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}}


def first_part() -> list[dict[str, Any]]:
    """Text, then a search whose result is not there yet."""
    search = [opened(1, SEARCH), delta(1, "input_json_delta", partial_json="{}"), stopped(1)]
    return [
        start(id="msg_1", usage=USAGE),
        *text(0, "Let me ", "see."),
        *search,
        *finish("pause_turn", 20),
    ]


def second_part(stop_reason: str = "end_turn") -> list[dict[str, Any]]:
    """The result, and more text; positions start over."""
    found = [opened(0, FOUND), stopped(0)]
    ending = finish(stop_reason, 7)
    return [start(id="msg_2", usage=USAGE), *found, *text(1, "Found."), *ending]


def whole(events: list[dict[str, Any]], content: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the message of a part as it would come without streaming."""
    usage = {**events[0]["message"]["usage"], **events[-2]["usage"]}
    return {**events[0]["message"], **events[-2]["delta"], "usage": usage, "content": content}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_pause_that_no_message_can_be_made_of_is_an_error(writer: Any) -> None:
    """No writer sees its end, and it would be sent back."""
    events = first_part()
    events[-2]["usage"] = {"output_tokens": "many"}
    stream = ResponseStream("sse", MessageAccumulator(writer(ORIGIN), pauses=3), ORIGIN)
    with pytest.raises(StreamInterruptedError, match="documented form"):
        list(stream.feed(sse(events)))


def read(parts: list[list[dict[str, Any]]], version: str, pauses: int = 3) -> list[Any]:
    """Return the outputs of the parts, each a response of its own to one answer."""
    writer: Any = ProtocolEventHandler(ORIGIN) if version == "v3" else WRITERS[version](ORIGIN)
    answer: MessageAccumulator[Any] = MessageAccumulator(writer, pauses=pauses)
    outputs: list[Any] = []
    for events in parts:
        reader: ResponseStream[Any] = ResponseStream("sse", answer, ORIGIN)
        outputs += reader.feed(sse(events))
        outputs += reader.close()
    return unpacked(outputs)


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_the_parts_are_one_message(version: str) -> None:
    """Its blocks in order, usage added up, the id of the first and the stop reason of the last."""
    made = read([first_part(), second_part()], version)
    merged = message_chunk_to_message(made[0] + made[1:])
    answer: MessageAccumulator[Any] = MessageAccumulator(pauses=3)
    answer.add_message(whole(first_part(), [{"type": "text", "text": "Let me see."}, SEARCH]))
    assert answer.is_paused
    answer.add_message(whole(second_part(), [FOUND, {"type": "text", "text": "Found."}]))
    assert not answer.is_paused
    expected = build_message(answer, ORIGIN, version=version)  # type: ignore[arg-type]  # a literal
    assert merged == expected
    assert [block["type"] for block in merged.content_blocks] == [
        "text", "server_tool_call", "server_tool_result", "text",
    ]  # fmt: skip
    assert merged.response_metadata["id"] == "msg_1"
    assert merged.response_metadata["stop_reason"] == "end_turn"
    assert merged.response_metadata["usage"]["server_tool_use"] == {"web_search_requests": 2}
    assert merged.usage_metadata == {
        "input_tokens": 20, "output_tokens": 27, "total_tokens": 47,
        "input_token_details": {"cache_read": 0, "cache_creation": 0},
    }  # fmt: skip


def test_protocol_events_have_one_start_and_one_finish() -> None:
    """And the blocks of the second part go on counting."""
    events = read([first_part(), second_part()], "v3")
    kinds = [event["event"] for event in events]
    assert kinds.count("message-start") == kinds.count("message-finish") == 1
    assert kinds[0] == "message-start"
    assert kinds[-1] == "message-finish"
    starts = [event["index"] for event in events if event["event"] == "content-block-start"]
    assert starts == [0, 1, 2, 3]
    assert events[-1]["usage"]["output_tokens"] == 27


def test_a_bound_on_pauses_ends_the_answer_with_the_pause() -> None:
    """The caller sees the stop reason and may send the message back."""
    made = read([first_part()], "v0", pauses=0)
    merged = made[0] + made[1:]
    assert merged.chunk_position == "last"
    assert merged.response_metadata["stop_reason"] == "pause_turn"


def test_a_part_that_breaks_off_is_forgotten_when_it_is_asked_for_again() -> None:
    """Nothing of the first try is left, not even its usage."""
    answer: MessageAccumulator[Any] = MessageAccumulator(WRITERS["v0"](ORIGIN), pauses=3)
    for events in (first_part(), second_part()[:-3], second_part()):
        reader: ResponseStream[Any] = ResponseStream("sse", answer, ORIGIN)
        list(reader.feed(sse(events)))
        if events[-1]["type"] == "message_stop":
            list(reader.close())
            continue
        with pytest.raises(StreamInterruptedError) as caught:
            list(reader.close())
        assert [block["type"] for block in caught.value.partial_message.content] == [
            "text", "server_tool_use", "web_search_tool_result", "text",
        ]  # fmt: skip
    message = build_message(answer, ORIGIN, version="v0")
    assert [block["type"] for block in message.content] == [  # type: ignore[index]  # blocks
        "text", "server_tool_use", "web_search_tool_result", "text",
    ]  # fmt: skip
    assert message.usage_metadata is not None
    assert message.usage_metadata["total_tokens"] == 47


def test_an_answer_that_calls_a_tool_is_not_gone_on_with() -> None:
    """Its caller has to answer the call first: the answer ends with the pause."""
    made = read([[start(), *tool(0, '{"a": 1}'), *finish("pause_turn")]], "v0")
    merged = message_chunk_to_message(made[0] + made[1:])
    assert [call["args"] for call in merged.tool_calls] == [{"a": 1}]
    assert merged.response_metadata["stop_reason"] == "pause_turn"


def test_a_call_cut_in_a_later_part_is_invalid() -> None:
    """Each part is judged by its own end."""
    cut = [start(), *tool(0, '{"b": ', ended=False), *finish("max_tokens")]
    made = read([first_part(), cut], "v0")
    merged = message_chunk_to_message(made[0] + made[1:])
    assert not merged.tool_calls
    assert [call["args"] for call in merged.invalid_tool_calls] == ['{"b": ']


@pytest.mark.parametrize("version", ["v0", "v3"])
def test_a_block_that_a_paused_part_left_open_ends_with_it(version: str) -> None:
    """What a writer says only at the end of a block is not lost, and is said once."""
    left_open = [start(), *thinking(0, "Hm.")[:-1], *finish("pause_turn")]
    said = json.dumps([str(output) for output in read([left_open, second_part()], version)])
    assert said.count("'signature': 'sig'") == 1


def test_a_continuation_needs_a_start_of_its_own() -> None:
    """A stream that has none, or ends at once, is an error and not the end of the answer."""
    for events in ([], second_part()[1:]):
        with pytest.raises(StreamInterruptedError):
            read([first_part(), events], "v0")


def test_text_alone_stays_a_string_until_a_block_joins_it() -> None:
    """Also across parts: what is merged is well-formed."""
    paused = [start(), *text(0, "One. "), *finish("pause_turn")]
    made = read([paused, [start(), *text(0, "Two."), *finish()]], "v0")
    merged = message_chunk_to_message(made[0] + made[1:])
    answer: MessageAccumulator[Any] = MessageAccumulator(pauses=1)
    answer.add_message(whole(paused, [{"type": "text", "text": "One. "}]))
    answer.add_message(whole([start(), *finish()], [{"type": "text", "text": "Two."}]))
    assert merged.content == build_message(answer, ORIGIN, version="v0").content
    assert merged.text == "One. Two."


def test_chunks_of_an_unpaused_answer_are_as_ever() -> None:
    """The default folds one message."""
    assert read([second_part()], "v0") == chunks(second_part())
