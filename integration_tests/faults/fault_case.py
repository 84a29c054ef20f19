"""Makes one fault happen to a real `ChatClaudeCloud`, and says what came of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from clouds import MODEL, platform_of
from fault_credentials import fields_of_identity
from fault_row import Connection, Row
from fault_servers import Handler, Heard, Listener, Relay, Reply, Servers, nobody, tls_of_nobody
from fault_wire import TEXT, Answer, Break, Endpoint
from langchain_core.messages import AIMessage, BaseMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.testing import CloudEmulator

Mode: TypeAlias = Literal["whole", "long", "streamed"]
"""How an answer is had: in one response, whole but streamed internally, or streamed."""

_LONG: Final = 64_000
_TIMEOUT: Final = {"connect": 10.0, "start": 10.0, "idle": 10.0}
_regions = itertools.count(100)


@dataclass
class Said:
    """What a caller got of an answer.

    Attributes:
        handed_out: The text of the pieces that came.
        message: The whole answer, if it came to that.
    """

    handed_out: str = ""
    message: BaseMessage | None = None


@dataclass(frozen=True)
class Way:
    """A way to ask.

    Attributes:
        name: The method's name.
        mode: How the answer is had.
        ask: Asks and closes, in this thread.
    """

    name: str
    mode: Mode
    ask: Callable[[ChatClaudeCloud, Said], Any]
    is_async: bool = False


def _invoke(model: ChatClaudeCloud, said: Said) -> None:
    said.message = model.invoke("Count.")


async def _ainvoke(model: ChatClaudeCloud, said: Said) -> None:
    said.message = await model.ainvoke("Count.")


def _invoke_long(model: ChatClaudeCloud, said: Said) -> None:
    said.message = model.invoke("Count.", max_tokens=_LONG)


async def _ainvoke_long(model: ChatClaudeCloud, said: Said) -> None:
    said.message = await model.ainvoke("Count.", max_tokens=_LONG)


def _stream(model: ChatClaudeCloud, said: Said) -> None:
    chunks = []
    for chunk in model.stream("Count."):
        said.handed_out += chunk.text
        chunks.append(chunk)
    said.message = chunks[0] + chunks[1:]  # type: ignore[assignment]  # a chunk is a message


async def _astream(model: ChatClaudeCloud, said: Said) -> None:
    chunks = []
    async for chunk in model.astream("Count."):
        said.handed_out += chunk.text
        chunks.append(chunk)
    said.message = chunks[0] + chunks[1:]  # type: ignore[assignment]  # a chunk is a message


def _events(model: ChatClaudeCloud, said: Said) -> None:
    stream = model.stream_events("Count.", version="v3")
    for piece in stream.text:
        said.handed_out += piece
    said.message = stream.output


async def _aevents(model: ChatClaudeCloud, said: Said) -> None:
    stream = await model.astream_events("Count.", version="v3")
    async for piece in stream.text:
        said.handed_out += piece
    said.message = await stream


WAYS: Final = (
    Way("invoke", "whole", _invoke),
    Way("ainvoke", "whole", _ainvoke, is_async=True),
    Way("invoke-long", "long", _invoke_long),
    Way("ainvoke-long", "long", _ainvoke_long, is_async=True),
    Way("stream", "streamed", _stream),
    Way("astream", "streamed", _astream, is_async=True),
    Way("events", "streamed", _events),
    Way("aevents", "streamed", _aevents, is_async=True),
)


@dataclass(kw_only=True)
class Seen:
    """What came of one case.

    Attributes:
        error: The exception, if there was one.
        said: What the caller got.
        requests: How many requests the server read.
        attempts: How many connections or requests were tried, whichever is more.
        connection: What became of the connection.
        again: Why a further call on the same model failed, if it did.
        left_open: How many connections are open once the model is closed.
        strayed: How many connections came to a server that nobody should ask.
    """

    error: Exception | None = None
    said: Said = field(default_factory=Said)
    requests: int = 0
    attempts: int = 0
    connection: Connection = "none"
    again: Exception | None = None
    left_open: int = 0
    strayed: int = 0


@dataclass
class Stage:
    """Where cases are played.

    Attributes:
        servers: What runs listeners.
        emulator: A running emulator.
        elsewhere: A running server that nobody should ever ask.
    """

    servers: Servers
    emulator: CloudEmulator
    elsewhere: Listener


@contextmanager
def staged() -> Iterator[Stage]:
    """Start what cases are played with."""
    with Servers() as servers, CloudEmulator() as emulator:
        elsewhere = servers.start(Listener(lambda _: [Break.CLOSE]))
        try:
            yield Stage(servers, emulator, elsewhere)
        finally:
            servers.stop(elsewhere)


@dataclass
class Scene:
    """One case on the stage.

    Attributes:
        model: The model that is asked.
        listener: The server that it reaches, if there is one.
    """

    model: ChatClaudeCloud
    listener: Listener | None


def play(stage: Stage, row: Row, cloud: Endpoint, way: Way, *, max_retries: int = 0) -> Seen:
    """Make a fault happen, and say what came of it.

    Args:
        stage: The servers.
        row: The fault.
        cloud: Who has it.
        way: How the model is asked.
        max_retries: The model's field; without any, a further call follows, which shows
            whether the connection is used again.
    """
    with _scene(stage, row, cloud, way, max_retries=max_retries) as scene:
        seen = Seen()
        if way.is_async:
            asyncio.run(_aplay(scene, way, seen, follow_up=not max_retries))
        else:
            _play(scene, way, seen, follow_up=not max_retries)
        if scene.listener is not None:
            seen.left_open = scene.listener.wait_until_open(0)
        seen.strayed = stage.elsewhere.opened
        return seen


def _play(scene: Scene, way: Way, seen: Seen, *, follow_up: bool) -> None:
    seen.error = _outcome(way, scene.model, seen.said)
    opened = _note(scene, seen)
    if follow_up and scene.listener is not None and scene.listener.requests:
        seen.again = _outcome(way, scene.model, Said())
        _compare(scene.listener, seen, opened)
    scene.model.close()


async def _aplay(scene: Scene, way: Way, seen: Seen, *, follow_up: bool) -> None:
    seen.error = await _aoutcome(way, scene.model, seen.said)
    opened = _note(scene, seen)
    if follow_up and scene.listener is not None and scene.listener.requests:
        seen.again = await _aoutcome(way, scene.model, Said())
        _compare(scene.listener, seen, opened)
    await scene.model.aclose()


def _outcome(way: Way, model: ChatClaudeCloud, said: Said) -> Exception | None:
    try:
        way.ask(model, said)
    except Exception as error:  # noqa: BLE001  whatever it is, the caller judges it
        return error
    return None


async def _aoutcome(way: Way, model: ChatClaudeCloud, said: Said) -> Exception | None:
    try:
        await way.ask(model, said)
    except Exception as error:  # noqa: BLE001  whatever it is, the caller judges it
        return error
    return None


def _note(scene: Scene, seen: Seen) -> int:
    """Count what the server has seen; return how many connections it accepted."""
    listener = scene.listener
    if listener is None:
        return 0
    seen.requests = len(listener.requests)
    seen.attempts = max(listener.opened, seen.requests)
    seen.connection = "closed" if listener.opened else "none"
    return listener.opened


def _compare(listener: Listener, seen: Seen, opened: int) -> None:
    """Tell by a further call whether the connection was kept; a lost one must be closed."""
    if listener.opened == opened:
        seen.connection = "kept"
    elif listener.wait_until_open(1) != 1:
        seen.connection = "none"  # neither kept nor closed: lost


@contextmanager
def _scene(
    stage: Stage, row: Row, cloud: Endpoint, way: Way, *, max_retries: int
) -> Iterator[Scene]:
    region = f"us-east{'-' * (cloud != 'vertex')}{next(_regions)}"
    listener = _listener(stage, row, cloud, way, region)
    try:
        with (
            nobody() as port,
            fields_of_identity(stage.servers, row.fault, cloud, stage.emulator) as identity,
        ):
            address = f"http://127.0.0.1:{port}" if listener is None else listener.origin
            address = _ADDRESSES.get(row.fault.place or "", lambda given: given)(address)
            platform = _platform(stage.emulator, cloud, address, region, identity)
            model = ChatClaudeCloud(
                model=MODEL,
                platform=platform,
                max_tokens=512,
                max_retries=max_retries,
                timeout={**_TIMEOUT, **(row.fault.timeout or {})},
            )
            yield Scene(model, listener)
    finally:
        if listener is not None:
            stage.servers.stop(listener)


def _listener(stage: Stage, row: Row, cloud: Endpoint, way: Way, region: str) -> Listener | None:
    place = row.fault.place
    if place in ("nobody", "no-host"):
        return None
    answer = Answer(cloud, way.mode != "whole", stage.elsewhere.origin)
    handler = _handler(stage.emulator, row, answer, region)
    if place == "untrusted":
        return stage.servers.start(Listener(handler, tls=tls_of_nobody()))
    greeting = _GREETINGS.get(place or "")
    return stage.servers.start(Listener(handler, greeting=greeting))


_GREETINGS: Final[dict[str, Sequence[bytes | Break]]] = {
    "plain-text": [b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", Break.CLOSE],
    "handshake-reset": [Break.RESET],
    "handshake-stall": [Break.STALL],
}


def _handler(emulator: CloudEmulator, row: Row, answer: Answer, region: str) -> Handler:
    if row.fault.emulated is not None:
        if row.fault.emulated:
            emulator.fault(**row.fault.emulated, region=region)
        emulator.reply(TEXT, region=region, times=2)
        return lambda _: Relay(emulator.url)
    scripts = row.fault.wire

    def handle(heard: Heard) -> Reply:
        if heard.number > len(scripts):
            return answer.good()
        return scripts[heard.number - 1](answer)

    return handle


def _as_tls(address: str) -> str:
    return address.replace("http:", "https:")


_ADDRESSES: Final[dict[str, Callable[[str], str]]] = {
    "no-host": lambda _: "https://no-such-host.invalid",
    "plain-text": _as_tls,
    "handshake-reset": _as_tls,
    "handshake-stall": _as_tls,
}


def _platform(
    emulator: CloudEmulator, cloud: Endpoint, address: str, region: str, identity: dict[str, Any]
) -> Vertex | Bedrock:
    if cloud == "vertex":
        return emulator.vertex(base_url=f"{address}/v1", region=region, **identity)
    return platform_of(emulator, cloud, base_url=address, region=region, **identity)


def partial_text(error: BaseException | None) -> str | None:
    """Return the text of the partial answer on an exception; None if there is none."""
    partial = error.partial_message if isinstance(error, ClaudeCloudError) else None
    return partial.text if isinstance(partial, AIMessage) else None
