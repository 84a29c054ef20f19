"""What one event of a stream costs: text and tool fragments, by every way to read them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import httpx
from httpx_aiohttp import HttpxAiohttpClient
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable

from benchmarks.cases import Budget, Case, Context, Measurement
from benchmarks.floors import ChunkFloor, EventFloor, ReadingFloor, read_raw
from benchmarks.measure import Work, best_of
from benchmarks.scenarios import Kind, Scenario

Way = Literal["stream", "astream", "v3", "hook"]

_PACKET_PAUSE_MS = 1
_WAKE_UP_PAUSE_MS = 10
# To begin a call costs as much as some twenty events (1.5 ms), with a bare client as some eight:
# with short streams these rows would show that, and not an event.
EVENTS_A_STREAM = 150
EVENTS_IN_PACKETS = 300


def consumer(context: Context, model: BaseChatModel, kind: Kind, way: Way, prompt: str) -> Work:
    """Return the work of reading one answer to its end."""
    bound = context.bound(model, kind)
    if way == "astream":
        return lambda: context.runner.run(_aread(bound, prompt))
    if way == "hook":
        return lambda: _exhaust(model._stream_chat_model_events([HumanMessage(prompt)]))
    if way == "v3":
        return lambda: _exhaust(bound.stream_events(prompt, version="v3"))
    return lambda: _exhaust(bound.stream(prompt))


def _exhaust(items: Iterable[object]) -> int:
    count = 0
    for _ in items:
        count += 1
    return count


async def _aread(model: Runnable, prompt: str) -> int:
    count = 0
    async for _ in model.astream(prompt):
        count += 1
    return count


def floor_of(scenario: Scenario, way: Way, context: Context) -> Work:
    """Return the same work on chunks or events made from memory."""
    made = EventFloor if way in ("v3", "hook") else ChunkFloor
    model = made(kind=scenario.kind, pieces=scenario.pieces())
    if way == "astream":
        return lambda: context.runner.run(_aread(model, "x"))
    return consumer(_Unbound(), model, scenario.kind, way, "x")


class _Unbound:
    """Stands in for a context where no tool can be bound."""

    def bound(self, model: BaseChatModel, _kind: str) -> BaseChatModel:
        """Return the model as it is."""
        return model


def batched(context: Context, *, kind: Kind, way: Way) -> Measurement:
    """Measure one event of a stream that comes in pieces of 16 kB."""
    scenario = Scenario(kind, context.scale.events)
    own = consumer(context, context.new_model(), kind, way, scenario.prompt)
    works = [own, floor_of(scenario, way, context)] if context.ours else [own]
    given, *_ = [work() for work in works]
    note = f"gives {given} for {scenario.events} events" if given < scenario.events else ""
    value, *floor = best_of(context.scale.goes, *works)
    return _per_event(scenario.events, value, *floor, note=note)


def packets(context: Context, *, kind: Kind, tls: bool = False) -> Measurement:
    """Measure one event of a stream that comes one event a packet."""
    events = min(context.scale.events, EVENTS_IN_PACKETS)
    scenario = Scenario(kind, events, delivery="paced", delay=_PACKET_PAUSE_MS)
    url = context.address(tls=tls)
    own = consumer(context, context.new_model(url), kind, "stream", scenario.prompt)
    if not context.ours:
        return _per_event(events, *best_of(2, own))
    with httpx.Client() as client:
        floor = consumer(_Unbound(), _reading(client, url, scenario), kind, "stream", "x")
        own()
        value, least = best_of(5, own, floor)
    return _per_event(events, value, least)


def _reading(
    client: httpx.Client | httpx.AsyncClient, url: str, scenario: Scenario
) -> ReadingFloor:
    pieces = scenario.pieces()
    return ReadingFloor(
        kind=scenario.kind, pieces=pieces, client=client, url=url, scenario=scenario
    )


def wake_ups(
    context: Context, *, kind: Kind, tls: bool = False, streams: int | None = None
) -> Measurement:
    """Measure one event of many concurrent streams, each event a wake-up of the loop."""
    count = min(context.scale.events, EVENTS_A_STREAM)
    streams = min(streams or context.scale.streams, 4 * context.scale.streams)
    url = context.address(tls=tls)
    scenario = Scenario(kind, count, delivery="paced", delay=_WAKE_UP_PAUSE_MS)
    bound = context.bound(context.new_model(url), kind)
    own = partial(_all, context, partial(_aread, bound, scenario.prompt), streams)
    events = count * streams
    if not context.ours:
        return _per_event(events, *best_of(2, own))
    client = HttpxAiohttpClient(limits=httpx.Limits(max_connections=1000))
    read = partial(_aread, _reading(client, url, scenario), "x")
    value, least = best_of(3, own, partial(_all, context, read, streams))
    context.runner.run(client.aclose())
    return _per_event(events, value, least)


def _all(context: Context, read: Callable[[], object], streams: int) -> None:
    async def run() -> None:
        await asyncio.gather(*(read() for _ in range(streams)))

    context.runner.run(run())


def growth(context: Context, *, kind: Kind) -> Measurement:
    """Compare one event of a long stream with one of a short stream."""
    few, _, many = context.scale.fragments
    scenarios = [Scenario(kind, count) for count in (few, many)]
    model = context.new_model()
    own = [consumer(context, model, kind, "stream", each.prompt) for each in scenarios]
    floor = [floor_of(each, "stream", context) for each in scenarios]
    own[0]()
    short, long, least_short, least_long = best_of(2, *own, *floor)
    return Measurement(long / short * few / many, least_long / least_short * few / many)


def first_token(context: Context) -> Measurement:
    """Measure from the call to the first text, in wall time."""
    scenario = Scenario("text", 3)
    model = context.new_model()

    def own() -> None:
        stream = model.stream(scenario.prompt)
        next(chunk for chunk in stream if chunk.text)
        _exhaust(stream)

    with httpx.Client() as client:
        raw = partial(read_raw, client, context.url, scenario)
        own(), raw()
        goes = 4 * context.scale.goes
        value, floor = best_of(goes, own, raw, clock=time.perf_counter)
    return Measurement(value, floor)


def _per_event(
    events: int, value: float, floor: float | None = None, *, note: str = ""
) -> Measurement:
    return Measurement(value / events, None if floor is None else floor / events, note)


_STREAM = Budget(1.3, "floor times")
_NATIVE = Budget(8)
_WAKE_UP = Budget(100)


def _row(title: str, kind: Kind, way: Way, budget: Budget | None, *, peers: bool = True) -> Case:
    return Case(title, "us", partial(batched, kind=kind, way=way), budget, peers)


CASES = {
    "stream-text": _row("`stream()`, text", "text", "stream", _STREAM),
    "stream-tool": _row("`stream()`, tool fragment", "tool", "stream", _STREAM),
    "astream-text": _row("`astream()`, text", "text", "astream", _STREAM),
    "astream-tool": _row("`astream()`, tool fragment", "tool", "astream", _STREAM),
    "native-text": _row("native event, text", "text", "hook", _NATIVE, peers=False),
    "native-tool": _row("native event, tool fragment", "tool", "hook", _NATIVE, peers=False),
    "v3-text": _row('`stream_events(version="v3")`, text', "text", "v3", None),
    "v3-tool": _row('`stream_events(version="v3")`, tool fragment', "tool", "v3", None),
    "packet-text": Case(
        "`stream()`, one event a packet, text", "us", partial(packets, kind="text"), _STREAM
    ),
    "packet-tool": Case(
        "`stream()`, one event a packet, tool fragment",
        "us",
        partial(packets, kind="tool"),
        _STREAM,
    ),
    "wake-up-text": Case(
        "`astream()`, 64 streams, one event a wake-up, text",
        "us",
        partial(wake_ups, kind="text"),
        _WAKE_UP,
    ),
    "wake-up-tool": Case(
        "`astream()`, 64 streams, one event a wake-up, tool fragment",
        "us",
        partial(wake_ups, kind="tool"),
        _WAKE_UP,
    ),
    "packet-tls-text": Case(
        "`stream()`, one event a packet, TLS, text",
        "us",
        partial(packets, kind="text", tls=True),
        _STREAM,
    ),
    "packet-tls-tool": Case(
        "`stream()`, one event a packet, TLS, tool fragment",
        "us",
        partial(packets, kind="tool", tls=True),
        _STREAM,
    ),
    "wake-up-tls-tool": Case(
        "`astream()`, 64 streams, one event a wake-up, TLS, tool fragment",
        "us",
        partial(wake_ups, kind="tool", tls=True),
        _STREAM,
    ),
    "wake-up-tls-text": Case(
        "`astream()`, 64 streams, one event a wake-up, TLS, text",
        "us",
        partial(wake_ups, kind="text", tls=True),
        _STREAM,
    ),
    "wake-up-256-text": Case(
        "`astream()`, 256 streams, one event a wake-up, TLS, text",
        "us",
        partial(wake_ups, kind="text", tls=True, streams=256),
        _STREAM,
        peers=False,
    ),
    "growth-stream": Case(
        "`stream()`, a tool fragment of 20,000 : of 1,000",
        "x",
        partial(growth, kind="tool"),
        peers=False,
    ),
    "first-token": Case("call to first text, wall time", "ms", first_token),
}
