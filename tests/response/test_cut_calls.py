"""A call that was cut or is malformed never looks valid, whichever way it leaves the stream."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from answers import ORIGIN, chunks, finish, read, start, state_of, text, thinking, tool
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.load import dumpd, load
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from langchain_claude_cloud.response.message import ProtocolEventHandler, build_message
from langchain_claude_cloud.tool_calls import iter_tool_calls

CUT = '{"path": "notes.md", "content": "half a fi'
WHOLE = '{"path": "notes.md", "content": "all of it"}'

STREAMS: dict[str, list[dict[str, Any]]] = {
    "cut by max_tokens, block never ended": [
        start(), *text(0, "I write."), *tool(1, CUT, ended=False), *finish("max_tokens")
    ],
    "cut by max_tokens, block ended": [start(), *tool(0, CUT), *finish("max_tokens")],
    "cut before its arguments": [
        start(), *thinking(0, "hm"), *tool(1, ""), *finish("max_tokens")
    ],
    "cut by a refusal": [start(), *tool(0, CUT, ended=False), *finish("refusal")],
    "cut by the window": [start(), *tool(0, ""), *finish("model_context_window_exceeded")],
    "malformed": [start(), *tool(0, '{"path": "a", "content": "x" "y"}'), *finish("tool_use")],
    "not an object": [start(), *tool(0, '["path"]'), *finish("tool_use")],
    "trailing text": [start(), *tool(0, WHOLE + "}"), *finish("tool_use")],
    "raw control character": [start(), *tool(0, '{"path": "a\nb"}'), *finish("tool_use")],
    "duplicate key": [start(), *tool(0, '{"path": 1, "path": 2}'), *finish("tool_use")],
    "not a number": [start(), *tool(0, '{"path": NaN}'), *finish("tool_use")],
    "nested too deeply": [start(), *tool(0, '{"a":' * 400 + "1" + "}" * 400), *finish("tool_use")],
    "never ended, no reason given": [start(), *tool(0, CUT, ended=False), *finish(None)],
}  # fmt: skip


def _added(parts: list[Any]) -> Any:
    return functools.reduce(operator.add, parts)


def _assert_invalid(message: BaseMessage, *, why: str) -> None:
    assert isinstance(message, AIMessage)
    assert message.tool_calls == [], why
    (call,) = message.invalid_tool_calls
    assert call["name"] == "write_file", why
    assert call["error"], why
    kinds = [block["type"] for block in message.content_blocks]
    assert "tool_call" not in kinds, why
    assert kinds.count("invalid_tool_call") == 1, why
    if isinstance(message.content, list):
        stored = [block["type"] for block in message.content if isinstance(block, dict)]
        assert "tool_use" not in stored, why
        assert "tool_call_chunk" not in stored, why


def _with_empty_chunk(message: BaseMessage) -> BaseMessage:
    """Add an empty chunk of core's, which makes core parse fragments again."""
    if not isinstance(message, AIMessageChunk):
        return message
    merged = message + AIMessageChunk(content="", chunk_position="last")
    return message_chunk_to_message(merged)


def _serde(message: BaseMessage) -> BaseMessage:
    serializer = JsonPlusSerializer()
    loaded: BaseMessage = serializer.loads_typed(serializer.dumps_typed(message))
    return loaded


class _Event(BaseModel):
    chunk: AIMessageChunk


TRIPS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda message: message,
    "conversion": message_chunk_to_message,
    "pickle": lambda message: pickle.loads(pickle.dumps(message)),  # noqa: S301 - own bytes
    "dumpd": lambda message: load(dumpd(message), allowed_objects="core"),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "model_copy": lambda message: message.model_copy(),
    "field of a model, twice": lambda message: _Event(chunk=_Event(chunk=message).chunk).chunk,
    "langgraph": _serde,
    "to dict": lambda message: messages_from_dict(messages_to_dict([message]))[0],
}


@pytest.mark.peer_defect(
    peers="all of them", defect="a call that max_tokens cut is repaired and looks whole"
)
@pytest.mark.filterwarnings("ignore:.*beta.*")
@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("case", STREAMS)
def test_no_round_trip_makes_a_broken_call_valid(case: str, version: str, trip: str) -> None:
    """However a finished chunk travels, its broken call stays invalid, in content too."""
    parts = chunks(STREAMS[case], version)
    for full in (_added(parts), parts[0] + parts[1:]):
        travelled = TRIPS[trip](full)
        _assert_invalid(travelled, why=f"{case} after {trip}")
        _assert_invalid(_with_empty_chunk(travelled), why=f"{case} after {trip}, then merged")


@pytest.mark.filterwarnings("ignore:.*beta.*")
@pytest.mark.parametrize("trip", ["conversion", "pickle", "dumpd", "langgraph", "to dict"])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_chunk_that_leaves_the_stream_early_has_its_open_call_as_invalid(
    version: str, trip: str
) -> None:
    """What is serialized or converted in mid-stream can be executed by nobody."""
    parts = chunks(STREAMS["cut by max_tokens, block never ended"], version)
    for upto in range(len(parts) - 2, len(parts)):
        travelled = TRIPS[trip](_added(parts[:upto]))
        _assert_invalid(travelled, why=trip)
        _assert_invalid(_with_empty_chunk(travelled), why=trip)


@pytest.mark.peer_defect(
    peers="all of them", defect="a call that max_tokens cut is repaired and looks whole"
)
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("case", STREAMS)
def test_all_paths_agree_on_a_broken_call(case: str, version: str) -> None:
    """Merged chunks, generations, the fold and protocol events give the same invalid call."""
    events = STREAMS[case]
    parts = chunks(events, version)
    merged = message_chunk_to_message(_added(parts))
    generation = merge_chat_generation_chunks([ChatGenerationChunk(message=p) for p in parts])
    assert generation is not None
    assert message_chunk_to_message(generation.message) == merged
    answer, protocol = read(events, ProtocolEventHandler(ORIGIN))
    assert build_message(answer, ORIGIN, version=version) == merged  # type: ignore[arg-type]
    streamed = ChatModelStream()
    for event in protocol:
        streamed.dispatch(event)
    v3 = streamed.output_message
    assert v3 is not None
    _assert_invalid(v3, why=case)
    assert (
        v3.invalid_tool_calls == merged.invalid_tool_calls
        or not merged.invalid_tool_calls[0]["args"]
    )


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_core_chunk_on_either_side_does_not_repair_a_call(version: str) -> None:
    """Merging with chunks of core's own class goes through ours, from the left as well."""
    parts = chunks(STREAMS["malformed"], version)
    blank = AIMessageChunk(content="")
    _assert_invalid(blank + _added(parts), why="core on the left")
    _assert_invalid(_added([blank, *parts, blank]), why="core on both sides")
    finished = _added(parts)
    by_core = blank + [finished]  # noqa: RUF005 - merging with a list is what is tested
    assert by_core.tool_calls == []


def test_while_a_call_streams_it_shows_its_arguments_so_far() -> None:
    """A merged chunk shows open calls, as parsers and interfaces expect; text only grows."""
    parts = chunks([start(), *tool(0, WHOLE, size=3), *finish("tool_use")])
    full, seen = parts[0], []
    for part in parts[1:]:
        full += part
        if full.tool_calls:
            seen.append(full.tool_calls[0]["args"].get("content", ""))
    assert seen[-1] == "all of it"
    assert len(set(seen)) > 3
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))


def test_chunks_that_are_merged_twice_show_the_same_arguments() -> None:
    """A graph merges a model's chunks in its own thread, while the user merges them in another."""
    parts = chunks([start(), *tool(0, WHOLE, size=1), *finish("tool_use")])
    graph, user = (itertools.accumulate(parts, operator.add) for _ in range(2))
    for one, other in zip(graph, user, strict=True):
        assert one.tool_calls == other.tool_calls
    assert one.tool_calls[0]["args"]["content"] == "all of it"


def test_a_reader_goes_on_with_one_chunk_alone() -> None:
    """Two threads that merge from the same chunk never feed the same reader."""
    head = _added(chunks([start(), *tool(0, CUT), *finish()])[:3])
    (first,), (second,) = ((head + AIMessageChunk("")).readers.values() for _ in range(2))
    assert first is not second


def test_a_call_is_valid_as_soon_as_its_block_ends() -> None:
    """A whole call does not wait for the message, even if that is cut later."""
    events = [start(), *tool(0, WHOLE), *text(1, "and mo"), *finish("max_tokens")]
    parts = chunks(events)
    ended = next(part for part in parts if part.parsed_calls)
    assert ended.tool_calls[0]["args"] == {"path": "notes.md", "content": "all of it"}
    assert _added(parts).invalid_tool_calls == []


def test_a_call_without_arguments_is_valid_when_the_model_stopped_by_itself() -> None:
    """Only an empty fragment arrives for it; its arguments are an empty object."""
    full = _added(chunks([start(), *tool(0, ""), *finish("tool_use")]))
    assert full.tool_calls[0]["args"] == {}
    assert full.invalid_tool_calls == []


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="arguments of interleaved calls are lost")
def test_a_call_without_arguments_is_whole_if_another_block_follows() -> None:
    """What cuts an answer cuts its last block; the calls keep their order, also in events."""
    events = [start(), *tool(0, ""), *tool(1, WHOLE), *tool(2, ""), *finish("max_tokens")]
    stream = ChatModelStream()
    for event in read(events, ProtocolEventHandler(ORIGIN, message_id="lc_run--1"))[1]:
        stream.dispatch(event)
    content = [
        {"type": "tool_use", "id": f"toolu_{index}", "name": "f", "input": {}} for index in (0, 2)
    ]
    whole = {**start()["message"], "content": content, "stop_reason": "max_tokens"}
    for message, ids in (
        (stream.output_message, ["toolu_0", "toolu_1"]),
        (_added(chunks(events)), ["toolu_0", "toolu_1"]),
        (build_message(state_of(whole), ORIGIN, version="v0"), ["toolu_0"]),
    ):
        assert message is not None
        assert [call["id"] for call in message.tool_calls] == ids
        assert [call["id"] for call in message.invalid_tool_calls] == ["toolu_2"]


def test_interleaved_calls_keep_their_own_arguments() -> None:
    """Fragments find their call by the block's index, not by what started last."""
    first, second = tool(0, '{"a": 1}'), tool(1, '{"b": 2}')
    mixed = [start(), first[0], second[0], *first[1:-1], *second[1:-1], second[-1], first[-1]]
    full = _added(chunks([*mixed, *finish("tool_use")]))
    assert [call["args"] for call in full.tool_calls] == [{"a": 1}, {"b": 2}]


def test_one_broken_call_does_not_take_a_sound_one_along() -> None:
    """Of two calls in a message, the sound one stays valid and in place."""
    events = [start(), *tool(0, WHOLE), *tool(1, CUT, ended=False), *finish("max_tokens")]
    message = message_chunk_to_message(_added(chunks(events)))
    assert isinstance(message, AIMessage)
    assert [call["id"] for call in message.tool_calls] == ["toolu_0"]
    assert [call["id"] for call in message.invalid_tool_calls] == ["toolu_1"]
    assert [block["type"] for block in message.content_blocks] == ["tool_call", "invalid_tool_call"]
    assert message.invalid_tool_calls[0]["args"] == CUT
    sent = _Event(chunk=_added(chunks(events))).chunk
    assert message_chunk_to_message(sent) == message
    assert sent.model_dump(exclude={"type"}) == message.model_dump(exclude={"type"})


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_chunks_that_were_fields_of_models_merge_as_others(version: str) -> None:
    """A server that sends each chunk as a model of its own may add them up, too."""
    events = [
        start(),
        *tool(0, WHOLE),
        *tool(1, ""),
        *text(2, "Hi"),
        *tool(3, CUT),
        *finish("max_tokens"),
    ]
    sent = [_Event(chunk=part).chunk for part in chunks(events, version)]
    for full in (_added(sent), sent[0] + sent[1:]):
        assert message_chunk_to_message(full) == message_chunk_to_message(
            _added(chunks(events, version))
        )
    assert list(iter_tool_calls(sent)) == list(iter_tool_calls(chunks(events, version)))


@pytest.mark.peer_defect(peers="all of them", defect="an invalid call has no error")
def test_the_error_says_where_malformed_arguments_broke() -> None:
    """The reason names the character, so that a model or a person can find it."""
    full = _added(chunks(STREAMS["malformed"]))
    assert "character 30" in full.invalid_tool_calls[0]["error"]


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal", "model_context_window_exceeded"])
def test_the_last_call_of_a_cut_answer_that_was_not_streamed_is_invalid(stop_reason: str) -> None:
    """The API closes what it cut, so the last input may be half of one: it is given as text."""
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": "write_file", "input": {"n": n}}
        for n in range(2)
    ]
    body = {**start()["message"], "content": calls, "stop_reason": stop_reason}
    message = build_message(state_of(body), ORIGIN, version="v0")
    assert [call["id"] for call in message.tool_calls] == ["toolu_0"]
    (broken,) = message.invalid_tool_calls
    assert (broken["id"], broken["args"]) == ("toolu_1", '{"n": 1}')
