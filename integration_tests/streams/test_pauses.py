"""A turn that the API pauses is gone on with, on both clouds, whichever way it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from clouds import fresh_region, make_model
from data import load_recordings, needs_data
from langchain_core.messages import AIMessage, message_chunk_to_message
from reference_fold import Expected, check, events_of, fold, fold_message

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.calls.answer import MAX_PAUSES
from langchain_claude_cloud.errors import (
    InvalidRequestError,
    OverloadedError,
    StreamInterruptedError,
)
from langchain_claude_cloud.testing import CloudEmulator, server_tool_use, text

# What events of v3 are called in langchain-core.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

SEARCH: Final = server_tool_use("tool_search_tool_regex", {"query": "files"}, id="srvtoolu_01")
FOUND: Final = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_01",
    "content": {"type": "tool_search_tool_search_result", "tool_references": []},
}
LONG: Final = {"max_tokens": 64_000}
"""Makes `invoke` stream internally."""


def _invoke(model: ChatClaudeCloud) -> AIMessage:
    return model.invoke("?")


def _ainvoke(model: ChatClaudeCloud) -> AIMessage:
    return asyncio.run(model.ainvoke("?"))


def _stream(model: ChatClaudeCloud) -> AIMessage:
    chunks = list(model.stream("?"))
    return message_chunk_to_message(chunks[0] + chunks[1:])  # type: ignore[return-value,operator]  # as core does


def _astream(model: ChatClaudeCloud) -> AIMessage:
    async def collect() -> list[Any]:
        return [chunk async for chunk in model.astream("?")]

    chunks = asyncio.run(collect())
    return message_chunk_to_message(chunks[0] + chunks[1:])  # type: ignore[return-value]  # an AIMessage


def _events(model: ChatClaudeCloud) -> AIMessage:
    stream = model.stream_events("?", version="v3")
    kinds = [event["event"] for event in stream]
    assert kinds.count("message-start") == kinds.count("message-finish") == 1
    return stream.output


def _aevents(model: ChatClaudeCloud) -> AIMessage:
    async def collect() -> AIMessage:
        return await (await model.astream_events("?", version="v3"))

    return asyncio.run(collect())


WAYS: Final[dict[str, tuple[Callable[[ChatClaudeCloud], AIMessage], dict[str, Any]]]] = {
    "invoke": (_invoke, {}),
    "ainvoke": (_ainvoke, {}),
    "invoke, streamed internally": (_invoke, LONG),
    "ainvoke, streamed internally": (_ainvoke, LONG),
    "stream": (_stream, {}),
    "astream": (_astream, {}),
    "stream, v1": (_stream, {"output_version": "v1"}),
    "events": (_events, {}),
    "aevents": (_aevents, {}),
}


def pause(emulator: CloudEmulator, **settings: Any) -> None:
    """Queue an answer that is paused before its search has a result."""
    emulator.reply(text("Let me see."), SEARCH, stop_reason="pause_turn", **settings)


@pytest.mark.peer_defect(peers="all of them", defect="an answer that the API paused ends there")
@pytest.mark.parametrize("way", WAYS)
def test_a_paused_turn_is_one_message(way: str, cloud: str, emulator: CloudEmulator) -> None:
    """What was said is sent back as it was, at the end of the history, and gone on with."""
    read, fields = WAYS[way]
    pause(emulator)
    emulator.reply(FOUND, text("There are none."))
    message = read(make_model(emulator, cloud, **fields))
    assert [block["type"] for block in message.content_blocks] == [
        "text", "server_tool_call", "server_tool_result", "text",
    ]  # fmt: skip
    assert message.text == "Let me see.There are none."
    assert message.response_metadata["stop_reason"] == "end_turn"
    first, second = emulator.requests
    assert second.path == first.path
    assert second.body["messages"] == [
        *first.body["messages"],
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, SEARCH.payload]},
    ]
    same = ("max_tokens", "anthropic_version", "tools", "system")
    assert all(second.body.get(key) == first.body.get(key) for key in same)


@pytest.mark.parametrize("way", WAYS)
def test_each_part_is_counted(way: str, cloud: str, emulator: CloudEmulator) -> None:
    """Each is a request and billed as one."""
    read, fields = WAYS[way]
    usage = {"input_tokens": 10, "output_tokens": 3}
    pause(emulator, usage=usage)
    pause(emulator, usage=usage)
    emulator.reply(FOUND, text("None."), usage=usage)
    message = read(make_model(emulator, cloud, **fields))
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] == 30
    assert message.usage_metadata["output_tokens"] == 9
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("way", WAYS)
def test_pauses_without_end_are_not_gone_on_with_for_ever(
    way: str, cloud: str, emulator: CloudEmulator
) -> None:
    """The message says that it is paused; as the last of a history it is gone on with."""
    read, fields = WAYS[way]
    for number in range(MAX_PAUSES + 1):
        search = server_tool_use("tool_search_tool_regex", id=f"srvtoolu_{number}")
        emulator.reply(search, stop_reason="pause_turn")
    model = make_model(emulator, cloud, **fields)
    message = read(model)
    assert message.response_metadata["stop_reason"] == "pause_turn"
    assert len(emulator.requests) == MAX_PAUSES + 1
    emulator.reply(text("Done."))
    assert model.invoke([("user", "?"), message]).text == "Done."
    assert len(emulator.requests) == MAX_PAUSES + 2


@pytest.mark.parametrize("way", WAYS)
def test_a_continuation_is_tried_again(way: str, cloud: str, emulator: CloudEmulator) -> None:
    """Its own content was not handed out: an overload before it loses nothing."""
    read, fields = WAYS[way]
    pause(emulator)
    emulator.fault(status=529, error_type="overloaded_error", retry_after=0)
    emulator.reply(FOUND, text("None."))
    message = read(make_model(emulator, cloud, max_retries=1, **fields))
    assert message.text == "Let me see.None."
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_refused_continuation_carries_what_was_said(
    way: str, cloud: str, emulator: CloudEmulator
) -> None:
    """The exception is that of the continuation, the partial message that of the whole turn."""
    read, fields = WAYS[way]
    pause(emulator)
    emulator.fault(status=400, error_type="invalid_request_error", message="No more.")
    with pytest.raises(InvalidRequestError, match="No more") as caught:
        read(make_model(emulator, cloud, **fields))
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.text == "Let me see."
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("way", [way for way in WAYS if "invoke" not in way])
def test_a_continuation_that_breaks_off_carries_all_that_was_said(
    way: str, cloud: str, emulator: CloudEmulator
) -> None:
    """And after its own content it is not asked for again."""
    read, fields = WAYS[way]
    pause(emulator)
    emulator.fault(text("There are none, as far as I can see."), cut_after_events=6)
    with pytest.raises(StreamInterruptedError) as caught:
        read(make_model(emulator, cloud, max_retries=2, **fields))
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.text.startswith("Let me see.There")
    assert len(emulator.requests) == 2


def test_a_continuation_goes_where_the_turn_began(emulator: CloudEmulator) -> None:
    """Not to another platform, which knows nothing of the tools at work there."""
    first, other = (emulator.vertex(region=fresh_region("vertex")) for _ in range(2))
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=[first, other], max_tokens=1024, max_retries=0
    )
    pause(emulator)
    emulator.fault(status=529, error_type="overloaded_error")
    with pytest.raises(OverloadedError):
        model.invoke("?")
    assert {request.path for request in emulator.requests} == {emulator.requests[0].path}


def test_a_time_for_the_whole_call_holds_over_its_parts(emulator: CloudEmulator) -> None:
    """The second part has what the first has left of it."""
    model = make_model(emulator, "vertex", timeout={"total": 0.5})
    pause(emulator, delay=0.0)
    emulator.fault(text("Late."), delay_start=5.0)
    with pytest.raises(Exception, match="total") as caught:
        model.invoke("?")
    assert caught.value.partial_message.text == "Let me see."  # type: ignore[attr-defined]  # ours


RECORDED = {"sse": (251, 252), "json": (253, 254)}


def _together(parts: list[Expected]) -> Expected:
    one, other = parts
    usage = {**other.usage}
    for key, value in one.usage.items():
        if isinstance(value, int):
            usage[key] = value + (other.usage.get(key) or 0)
        elif isinstance(value, dict):
            more = other.usage.get(key) or {}
            usage[key] = {k: v + (more.get(k) or 0) for k, v in value.items()}
    return Expected(one.content + other.content, other.stop_reason, usage)


@needs_data
@pytest.mark.parametrize("way", WAYS)
def test_a_recorded_pause_is_gone_on_with_as_recorded(
    way: str, cloud: str, emulator: CloudEmulator
) -> None:
    """The request that goes on is the recorded one, the message has both parts."""
    read, fields = WAYS[way]
    is_whole = read in (_invoke, _ainvoke) and fields is not LONG
    rows = load_recordings("anthropic")
    parts = [rows[line] for line in RECORDED["json" if is_whole else "sse"]]
    for row in parts:
        emulator.replay(row)
    message = read(make_model(emulator, cloud, **fields))
    if is_whole:
        folds = [fold_message(json.loads(row["body"])) for row in parts]
    else:
        folds = [fold(events_of(row["kind"], row["body"])) for row in parts]
    check(message, _together(folds))
    said = emulator.requests[1].body["messages"][-1]
    recorded = parts[1]["request"]["messages"][-1]
    assert said["role"] == recorded["role"] == "assistant"
    assert _as_recorded(said["content"]) == _as_recorded(recorded["content"])


_PLAIN: Final = str.maketrans("\u2013\u2019", "-'")


def _as_recorded(value: Any) -> Any:
    """Do what the recording did.

    Its client drops nulls and callers of results, the file has plain dashes and quotes.
    """
    if isinstance(value, str):
        return value.translate(_PLAIN)
    if isinstance(value, list):
        return [_as_recorded(each) for each in value]
    if not isinstance(value, dict):
        return value
    dropped = {"caller"} if value.get("type") == "web_search_tool_result" else set()
    return {
        key: _as_recorded(each)
        for key, each in value.items()
        if each is not None and key not in dropped
    }
