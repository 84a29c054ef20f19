"""Every recorded stream, read in every way, gives the message that a naive reading gives."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from data import load_recordings, needs_data
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, message_chunk_to_message
from reference_fold import check, events_of, fold, fold_message, without_index

from langchain_claude_cloud.response.answer import Answer
from langchain_claude_cloud.response.message import Origin, build_message
from langchain_claude_cloud.response.protocol import ProtocolWriter
from langchain_claude_cloud.response.stream import ResponseStream
from langchain_claude_cloud.response.writers import ProviderChunkWriter, StandardChunkWriter

ORIGIN = Origin(platform="vertex", region="global", model="claude-test")
OPERATIONS = {"messages", "invoke", "rawPredict", "streamRawPredict", "invoke-with-response-stream"}


def _answers() -> list[dict[str, Any]]:
    # claude-v2 answered with text completions, which are no messages.
    return [
        row
        for row in load_recordings()
        if row["op"] in OPERATIONS
        and row["status"] == 200
        and (row["kind"] != "json" or b'"content"' in row["body"])
    ]


STREAMS = [row for row in _answers() if row["kind"] != "json"]
BODIES = [row for row in _answers() if row["kind"] == "json"]


def _name(row: dict[str, Any]) -> str:
    return f"{row['file']}-{row['line']}"


def _outputs(row: dict[str, Any], writer: Any, size: int) -> tuple[Answer, list[Any]]:
    framing = "sse" if row["kind"] == "sse" else "event-stream"
    stream: ResponseStream[Any] = ResponseStream(framing, writer, ORIGIN, cloud="vertex")
    body = row["body"]
    outputs: list[Any] = []
    for start in range(0, len(body), size or len(body)):
        outputs += stream.feed(body[start : start + (size or len(body))])
    outputs += stream.close()
    return stream.answer, outputs


@needs_data
@pytest.mark.parametrize("size", [1, 7, 64, 0])
@pytest.mark.parametrize("row", STREAMS, ids=_name)
def test_a_recorded_stream_reads_the_same_on_every_path(row: dict[str, Any], size: int) -> None:
    """Chunks of both versions, events and the fold agree with an independent reading."""
    expected = fold(events_of(row["kind"], row["body"]))
    for writer, version in ((ProviderChunkWriter, "v0"), (StandardChunkWriter, "v1")):
        answer, chunks = _outputs(row, writer(ORIGIN), size)
        whole = build_message(answer, ORIGIN, version=version)  # type: ignore[arg-type]
        added = message_chunk_to_message(functools.reduce(operator.add, chunks))
        merged = message_chunk_to_message(chunks[0] + chunks[1:])
        assert type(added) is AIMessage
        assert added.model_dump_json() == merged.model_dump_json() == whole.model_dump_json()
        check(added, expected)
    _, events = _outputs(row, ProtocolWriter(ORIGIN), size)
    streamed = ChatModelStream()
    for event in events:
        streamed.dispatch(event)
    assert streamed.output_message is not None
    check(streamed.output_message, expected)
    assert without_index(streamed.output_message.content_blocks) == added.content_blocks
    assert streamed.output_message.response_metadata == added.response_metadata


@needs_data
@pytest.mark.parametrize("row", BODIES, ids=_name)
def test_a_recorded_body_reads_as_a_naive_reading_does(row: dict[str, Any]) -> None:
    """A message that was not streamed has the blocks, calls, usage and stop reason it came with."""
    import json  # noqa: PLC0415

    body = json.loads(row["body"])
    expected = fold_message(body)
    v0, v1 = (
        build_message(Answer.of_message(body), ORIGIN, version=version)  # type: ignore[arg-type]
        for version in ("v0", "v1")
    )
    check(v0, expected)
    check(v1, expected)
    assert v0.content_blocks == v1.content_blocks
