"""Every recorded answer, served by the emulator over HTTP and read on every path.

The recordings of the first-party API go through both clouds: as server-sent events on
Vertex, as event-stream frames on Bedrock. Those of a cloud go through it byte for byte. All go
through Bedrock's Messages API besides, on both of its hosts.
Whatever the path and the cut of the bytes, the message is the one that a naive reading of
the recording gives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import pytest
from clouds import BEDROCK_APIS, make_model
from data import load_recordings, needs_data
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from reference_fold import check, events_of, fold, fold_message, without_index

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ContextOverflowError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from langchain_claude_cloud.testing import CloudEmulator

pytestmark = [
    needs_data,
    # What events of v3 are called in langchain-core.
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]

OPERATIONS: Final = {
    "messages",
    "invoke",
    "rawPredict",
    "streamRawPredict",
    "invoke-with-response-stream",
}
CLOUDS: Final = {
    "anthropic": ("vertex", "bedrock", *BEDROCK_APIS),
    "vertex": ("vertex", *BEDROCK_APIS),
    "bedrock": ("bedrock", *BEDROCK_APIS),
}
VERSIONS: Final = ("v0", "v1")


def _answers(*, streamed: bool) -> list[Any]:
    """Return each recorded message with each cloud that it is served on."""
    return [
        pytest.param(row, cloud, id=f"{row['file']}-{row['line']}-{cloud}")
        for row in load_recordings()
        if row["op"] in OPERATIONS and row["status"] == 200
        if (row["kind"] != "json") == streamed
        # claude-v2 answered with text completions, which are no messages.
        if streamed or b'"content"' in row["body"]
        # Gone on with, in test_pauses.py.
        if row["stop_reason"] != "pause_turn"
        for cloud in CLOUDS[row["file"]]
    ]


class Paths:
    """The ways to ask a model on one cloud, and the answers to compare."""

    def __init__(
        self, emulator: CloudEmulator, cloud: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._models = {
            (version, internally): make_model(
                emulator,
                cloud,
                output_version=version,
                max_tokens=64_000 if internally else 1024,
            )
            for version in VERSIONS
            for internally in (False, True)
        }
        self._streaming = {
            version: self._models[version, False].model_copy(update={"streaming": True})
            for version in VERSIONS
        }
        self._loop = loop

    def model(self, version: str, *, internally: bool = False) -> ChatClaudeCloud:
        """Return the model; one whose answers are long enough to be streamed internally."""
        return self._models[version, internally]

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the event loop that all tests of the module share."""
        # A Runner asks the signal module for its handler before each run, which describes
        # the last one's task with its whole result: a tenth of the time that all of this takes.
        return self._loop.run_until_complete(coroutine)

    def invoke(self, version: str) -> AIMessage:
        """Invoke; the answer is one response."""
        return self.model(version).invoke("?")

    def ainvoke(self, version: str) -> AIMessage:
        """Do the same on an event loop."""
        return self._message(self.run(self.model(version).ainvoke("?")))

    def stream(self, version: str) -> AIMessage:
        """Stream, and add the chunks up."""
        chunks = list(self.model(version).stream("?"))
        assert len(chunks) > 1
        return _whole(chunks)

    def astream(self, version: str) -> AIMessage:
        """Stream on an event loop, and add the chunks up."""

        async def collect() -> list[AIMessageChunk]:
            return [chunk async for chunk in self.model(version).astream("?")]

        return _whole(self.run(collect()))

    def invoke_streaming(self, version: str) -> AIMessage:
        """Invoke a model that is told to stream; core adds the chunks up."""
        return self._streaming[version].invoke("?")

    def ainvoke_streaming(self, version: str) -> AIMessage:
        """Do the same on an event loop."""
        return self._message(self.run(self._streaming[version].ainvoke("?")))

    def invoke_long(self, version: str) -> AIMessage:
        """Invoke a model whose answer may take too long for one response."""
        return self.model(version, internally=True).invoke("?")

    def ainvoke_long(self, version: str) -> AIMessage:
        """Do the same on an event loop."""
        return self._message(self.run(self.model(version, internally=True).ainvoke("?")))

    def events(self) -> AIMessage:
        """Stream protocol events."""
        stream = self.model("v0").stream_events("?", version="v3")
        assert_valid_event_stream(list(stream))
        return self._message(stream.output)

    def aevents(self) -> AIMessage:
        """Stream protocol events on an event loop."""

        async def collect() -> AIMessage:
            stream = await self.model("v0").astream_events("?", version="v3")
            assert_valid_event_stream([event async for event in stream])
            return self._message(await stream.output)

        return self._message(self.run(collect()))

    def _message(self, found: object) -> AIMessage:
        assert type(found) is AIMessage
        return found


def _whole(chunks: list[AIMessageChunk]) -> AIMessage:
    message = message_chunk_to_message(chunks[0] + chunks[1:])
    assert type(message) is AIMessage
    return message


Streamed: TypeAlias = tuple[Callable[[Paths, str], AIMessage], ...]
MAINLY_BLOCKING: Final[Streamed] = (Paths.stream, Paths.ainvoke_streaming, Paths.invoke_long)
MAINLY_ON_A_LOOP: Final[Streamed] = (Paths.astream, Paths.invoke_streaming, Paths.ainvoke_long)
EVENTS: Final[tuple[Callable[[Paths], AIMessage], ...]] = (Paths.events, Paths.aevents)


def _ways(row: dict[str, Any], cloud: str) -> dict[str, Streamed]:
    """Return the paths that a recording is read on, by output version.

    What several places serve takes each path with one version on the one and with the other
    version on the other; what was recorded on a cloud takes all of them there.
    """
    if row["file"] == cloud:
        return dict.fromkeys(VERSIONS, MAINLY_BLOCKING + MAINLY_ON_A_LOOP)
    halves = (MAINLY_BLOCKING, MAINLY_ON_A_LOOP)
    first = cloud in ("vertex", "messages")
    return dict(zip(VERSIONS, halves if first else halves[::-1], strict=True))


SMALL_PIECES: Final[tuple[tuple[int, int, tuple[Any, ...]], ...]] = (
    (64, 1 << 30, ((Paths.stream, "v0"), (Paths.aevents,))),
    (7, 2048, ((Paths.astream, "v1"), (Paths.events,))),
    (1, 1024, ((Paths.stream, "v1"), (Paths.astream, "v0"))),
)
"""Sizes of network writes, how large a body may be to be cut that small (for the time it
takes), and the paths that read it."""
MOST_PIECES: Final = 512
"""Into how many pieces a long body is cut."""


@pytest.fixture(scope="module")
def all_paths(running_emulator: CloudEmulator) -> Iterator[dict[str, Paths]]:
    """The paths of each cloud, with one event loop for all tests: connections are reused."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        yield {cloud: Paths(running_emulator, cloud, loop) for cloud in CLOUDS["anthropic"]}


@contextmanager
def on(path: str) -> Iterator[None]:
    """Name the path in a failure; the test's own name is the recording."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"on the path: {path}")
        raise


def as_bytes(message: AIMessage) -> str:
    """Return all of a message but the run's id, which differs from call to call."""
    return message.model_copy(update={"id": None}).model_dump_json()


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="a streamed call's input is text, or empty, where an invoked one's is a dict",
)
@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="tool calls and thinking are not standard blocks"
)
@pytest.mark.parametrize(("row", "cloud"), _answers(streamed=True))
def test_a_recorded_stream_gives_one_message_on_every_path(
    row: dict[str, Any], cloud: str, emulator: CloudEmulator, all_paths: dict[str, Paths]
) -> None:
    """Chunks, whole messages and events, sync and async, agree with each other and the fold."""
    expected = fold(events_of(row["kind"], row["body"]))
    paths = all_paths[cloud]
    ways = _ways(row, cloud)
    emulator.replay(row, times=sum(map(len, ways.values())) + len(EVENTS))
    found: dict[str, AIMessage] = {}
    for version in VERSIONS:
        first = None
        for path in ways[version]:
            with on(f"{path.__name__} {version}"):
                message = path(paths, version)
                check(message, expected)
                first = first or as_bytes(message)
                assert as_bytes(message) == first
                found[version] = message
    with on("events of v3"):
        streamed, astreamed = (path(paths) for path in EVENTS)
        check(streamed, expected)
        assert as_bytes(streamed) == as_bytes(astreamed)
        _check_alike(streamed, found["v1"])
    with on("v0 beside v1"):
        _check_alike(found["v0"], found["v1"])


def _check_alike(one: AIMessage, other: AIMessage) -> None:
    assert without_index(one.content_blocks) == without_index(other.content_blocks)
    assert one.tool_calls == other.tool_calls
    assert one.invalid_tool_calls == other.invalid_tool_calls
    assert one.usage_metadata == other.usage_metadata
    differing = {"output_version"}
    metadata, others = (
        {k: v for k, v in message.response_metadata.items() if k not in differing}
        for message in (one, other)
    )
    assert metadata == others


@pytest.mark.parametrize(
    ("row", "cloud"),
    # Bedrock's Messages API has Vertex's framing.
    [each for each in _answers(streamed=True) if each.values[1] not in BEDROCK_APIS],
)
def test_the_cut_of_the_bytes_changes_nothing(
    row: dict[str, Any], cloud: str, emulator: CloudEmulator, all_paths: dict[str, Paths]
) -> None:
    """Written in small pieces, down to single bytes, a stream gives the same message."""
    expected = fold(events_of(row["kind"], row["body"]))
    paths = all_paths[cloud]
    for size, limit, ways in SMALL_PIECES:
        if len(row["body"]) > limit:
            continue
        piece = max(size, len(row["body"]) // MOST_PIECES)
        emulator.replay(row, times=len(ways), piece=piece)
        for path, *version in ways:
            with on(f"{path.__name__} {version}, pieces of {piece} bytes"):
                check(path(paths, *version), expected)


@pytest.mark.parametrize(("row", "cloud"), _answers(streamed=False))
def test_a_recorded_body_gives_one_message_on_every_path(
    row: dict[str, Any], cloud: str, emulator: CloudEmulator, all_paths: dict[str, Paths]
) -> None:
    """An answer that was not streamed reads as a naive reading does, sync and async."""
    expected = fold_message(json.loads(row["body"]))
    paths = all_paths[cloud]
    ways = _ways_of_a_body(row, cloud)
    emulator.replay(row, times=len(ways))
    found: dict[str, AIMessage] = {}
    for path, version in ways:
        with on(f"{path.__name__} {version}"):
            message = path(paths, version)
            check(message, expected)
            assert as_bytes(message) == as_bytes(found.setdefault(version, message))
    with on("v0 beside v1"):
        _check_alike(found["v0"], found["v1"])


def _ways_of_a_body(
    row: dict[str, Any], cloud: str
) -> list[tuple[Callable[[Paths, str], AIMessage], str]]:
    """Return the paths of an answer that is not streamed, as `_ways` does."""
    ways = [(path, version) for version in VERSIONS for path in (Paths.invoke, Paths.ainvoke)]
    if row["file"] == cloud:
        return ways
    return [ways[0], ways[3]] if cloud in ("vertex", "messages") else [ways[1], ways[2]]


BY_STATUS: Final[dict[int, type[ClaudeCloudError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: ContextOverflowError,
    429: RateLimitError,
    503: ServerError,
    529: OverloadedError,
}
BY_TEXT: Final[dict[bytes, type[ClaudeCloudError]]] = {
    b"The provided model identifier is invalid.": NotFoundError,
    b"is not allowed to use Publisher Model": PermissionDeniedError,
}
"""Errors that a cloud reports as a 400, and what they are."""


def _errors() -> list[Any]:
    return [
        pytest.param(row, cloud, id=f"{row['file']}-{row['line']}-{row['status']}-{cloud}")
        for row in load_recordings()
        if row["status"] >= 400
        # What Google's front end says, Bedrock does not.
        for cloud in (("vertex",) if row["file"] == "vertex" else CLOUDS[row["file"]])
    ]


def _expected_error(row: dict[str, Any]) -> type[ClaudeCloudError]:
    by_text = (kind for text, kind in BY_TEXT.items() if text in row["body"])
    return next(by_text, BY_STATUS[row["status"]])


async def _drain(model: ChatClaudeCloud) -> None:
    async for _ in model.astream("?"):
        pass


@pytest.mark.parametrize(("row", "cloud"), _errors())
def test_a_recorded_refusal_is_the_right_exception(
    row: dict[str, Any], cloud: str, emulator: CloudEmulator, all_paths: dict[str, Paths]
) -> None:
    """A refused request raises the class of its status, or of what its text says it is."""
    model = all_paths[cloud].model("v0")
    ways: dict[str, Callable[[], object]] = {
        "invoke": lambda: model.invoke("?"),
        "stream": lambda: list(model.stream("?")),
        "ainvoke": lambda: all_paths[cloud].run(model.ainvoke("?")),
        "astream": lambda: all_paths[cloud].run(_drain(model)),
        "events": lambda: model.stream_events("?", version="v3").output,
    }
    emulator.replay(row, times=len(ways))
    for name, way in ways.items():
        MEMORY.reset()  # a throttle would make the next call wait
        with on(name):
            with pytest.raises(ClaudeCloudError) as caught:
                way()
            assert type(caught.value) is _expected_error(row)
            assert caught.value.status_code == row["status"]
            assert caught.value.platform == ("vertex" if cloud == "vertex" else "bedrock")
            assert caught.value.partial_message is None
            assert json.loads(row["body"]) == json.loads(caught.value.body or "")
