"""What the pure stages cost: frames to JSON, and messages to a request."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from zlib import crc32

from jiter import from_json
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from benchmarks.cases import Budget, Case, Context, Measurement
from benchmarks.contestants import NAME
from benchmarks.measure import best_of
from benchmarks.scenarios import Scenario
from benchmarks.wire import stream_bytes

_PIECE = 16 * 1024
_ROUNDS = 100


def frames_ours(context: Context) -> Measurement:
    """Measure one event-stream frame: split, both checksums verified, both layers of JSON."""
    from langchain_claude_cloud.response.framing import (  # noqa: PLC0415 - not in peers' processes
        EventStreamDecoder,
    )

    frames = stream_bytes(Scenario("text", context.scale.events), "invoke")
    pieces = _in_pieces(frames)

    def decode() -> None:
        decoder = EventStreamDecoder()
        for piece in pieces:
            for payload in decoder.feed(piece):
                from_json(payload)

    value, floor = best_of(context.scale.goes, decode, partial(_frames_floor, frames))
    return Measurement(value / len(frames), floor / len(frames))


def _frames_floor(frames: tuple[bytes, ...]) -> None:
    """Do what cannot be left out: two checksums, two layers of JSON, base64."""
    for frame in frames:
        crc32(frame[:8])
        crc32(frame[:-4])
        start = 12 + int.from_bytes(frame[4:8], "big")
        from_json(b64decode(from_json(frame[start:-4])["bytes"]))


def frames_botocore(context: Context) -> Measurement:
    """Measure the same with botocore's decoder, as its users do it."""
    from botocore.eventstream import EventStreamBuffer  # noqa: PLC0415 - a peer's

    frames = stream_bytes(Scenario("text", context.scale.events), "invoke")
    pieces = _in_pieces(frames)

    def decode() -> None:
        buffer = EventStreamBuffer()
        for piece in pieces:
            buffer.add_data(piece)
            for message in buffer:
                payload = message.to_response_dict()["body"]
                json.loads(b64decode(json.loads(payload)["bytes"]))

    (value,) = best_of(context.scale.goes, decode)
    return Measurement(value / len(frames))


def frames(context: Context) -> Measurement:
    """Measure one event-stream frame, by this package or by botocore."""
    return frames_ours(context) if context.ours else frames_botocore(context)


def _in_pieces(frames: tuple[bytes, ...]) -> list[bytes]:
    data = b"".join(frames)
    return [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]


def history(rounds: int = _ROUNDS) -> list[BaseMessage]:
    """Return an agent's history: 100 rounds make 301 messages and 125 kB."""
    messages: list[BaseMessage] = [HumanMessage(Scenario().prompt)]
    for number in range(rounds):
        call = {"name": "write_file", "id": f"toolu_{number}", "args": {"path": "a" * 100}}
        messages += [
            AIMessage("I look into it. " * 12, tool_calls=[{**call, "type": "tool_call"}]),
            ToolMessage("line of output\n" * 35, tool_call_id=call["id"]),
            HumanMessage("Go on. " * 10),
        ]
    return messages


def request_build(context: Context) -> Measurement:
    """Measure the conversion of a long history to a request body."""
    from langchain_claude_cloud.catalogue.resolution import resolve  # noqa: PLC0415 - not in peers' processes
    from langchain_claude_cloud.request.body import (  # noqa: PLC0415 - the same
        RequestOptions,
        build_request,
    )

    cloud = "vertex" if "Vertex" in context.contestant.title else "bedrock"
    model = resolve(NAME, cloud, region="us-east-1")
    options, messages = RequestOptions(max_tokens=1000), history()
    value, floor = best_of(
        2 * context.scale.goes,
        lambda: build_request(messages, options, model),
        lambda: json.dumps([message.content for message in messages]),
    )
    return Measurement(value, floor)


def request_invoke(context: Context, make: Callable[[], list[BaseMessage]]) -> Measurement:
    """Measure what a long or large request adds to a whole call."""
    model = context.bound(context.new_model(), "tool")
    long, short = make(), history(0)
    model.invoke(short)
    goes = max(2, context.scale.goes)
    whole, least = best_of(goes, lambda: model.invoke(long), lambda: model.invoke(short))
    return Measurement(whole - least)


def text_of_a_million_tokens() -> list[BaseMessage]:
    """Return 4 MB of text, which is about a million tokens."""
    return [HumanMessage("A line of forty characters of plain text\n" * 100_000), *history(0)]


def images() -> list[BaseMessage]:
    """Return five images that are 19 MB together as they are sent; Bedrock takes 20."""
    data = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(2_850_000)).decode()
    image = {"type": "image", "base64": data, "mime_type": "image/png"}
    return [HumanMessage([image] * 5), *history(0)]


CASES = {
    "frames": Case("event-stream frame to JSON (peers: botocore)", "us", frames, Budget(3)),
    "request": Case(
        "request of 301 messages, 125 kB: build", "ms", request_build, Budget(3), peers=False
    ),
    "request-invoke": Case(
        "request of 301 messages, 125 kB: `invoke` less that of one message",
        "ms",
        partial(request_invoke, make=history),
    ),
    "request-3001": Case(
        "3,001 messages, 1.25 MB: the same",
        "ms",
        partial(request_invoke, make=partial(history, 1000)),
    ),
    "request-4mb": Case(
        "4 MB of text, a million tokens: the same",
        "ms",
        partial(request_invoke, make=text_of_a_million_tokens),
    ),
    "request-images": Case("19 MB of images: the same", "ms", partial(request_invoke, make=images)),
}
