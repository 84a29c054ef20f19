"""Every recorded stream, read in every way, gives the message that a naive reading gives."""

from __future__ import annotations

import functools
from typing import Any, Final

import pytest
from answers import message_of, read_recording, state_of
from data import load_recordings, needs_data
from reference_fold import check, events_of, fold, fold_message, without_index

from langchain_claude_cloud.response.message import (
    ChunkHandler,
    ProtocolEventHandler,
    ResponseSource,
    build_message,
)

ORIGIN = ResponseSource(platform="vertex", region="global", model="claude-test")
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


WRITERS: Final[tuple[tuple[Any, str | None], ...]] = (
    (ChunkHandler, "v0"),
    (functools.partial(ChunkHandler, version="v1"), "v1"),
    (ProtocolEventHandler, None),
)
"""What writes chunks of a version, or events."""


def _name(row: dict[str, Any]) -> str:
    return f"{row['file']}-{row['line']}"


@needs_data
@pytest.mark.parametrize("row", STREAMS, ids=_name)
def test_a_recorded_stream_reads_the_same_on_every_path(row: dict[str, Any]) -> None:
    """Chunks of both versions, events and the fold agree with an independent reading."""
    expected = fold(events_of(row["kind"], row["body"]))
    found = []
    for writer, version in WRITERS:
        answer, outputs = read_recording(row, writer(ORIGIN))
        found.append(message_of(outputs))
        check(found[-1], expected)
        if version:
            whole = build_message(answer, ORIGIN, version=version)  # type: ignore[arg-type]
            assert found[-1].model_dump_json() == whole.model_dump_json()
    _, added, streamed = found
    assert without_index(streamed.content_blocks) == added.content_blocks
    assert streamed.response_metadata == added.response_metadata


@needs_data
@pytest.mark.parametrize("row", STREAMS, ids=_name)
def test_the_cut_of_the_bytes_changes_nothing(row: dict[str, Any]) -> None:
    """In pieces of 64, 7 and 1 bytes it gives the very same chunks, events and answer."""
    for writer, version in WRITERS:
        answer, whole = read_recording(row, writer(ORIGIN))
        # The bytes are put together before the writers; the smallest pieces, for the time
        # that they take, go to one of these, and make up the shorter streams.
        is_short = version == "v0" and len(row["body"]) < 20_000
        for size in (64, 7, 1) if is_short else (64, 7):
            cut_answer, outputs = read_recording(row, writer(ORIGIN), size)
            assert outputs == whole
            one, other = (
                build_message(each, ORIGIN, version="v1") for each in (answer, cut_answer)
            )
            assert one.model_dump_json() == other.model_dump_json()


@needs_data
@pytest.mark.parametrize("row", BODIES, ids=_name)
def test_a_recorded_body_reads_as_a_naive_reading_does(row: dict[str, Any]) -> None:
    """A message that was not streamed has the blocks, calls, usage and stop reason it came with."""
    import json  # noqa: PLC0415

    body = json.loads(row["body"])
    expected = fold_message(body)
    v0, v1 = (
        build_message(state_of(body), ORIGIN, version=version)  # type: ignore[arg-type]
        for version in ("v0", "v1")
    )
    check(v0, expected)
    check(v1, expected)
    assert v0.content_blocks == v1.content_blocks
