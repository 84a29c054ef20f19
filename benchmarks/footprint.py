"""What the package costs besides events: imports, instances, memory, threads."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from functools import partial
from pathlib import Path

import httpx
from langchain_core.language_models import BaseChatModel

from benchmarks.cases import Budget, Case, Context, Measurement
from benchmarks.floors import ChunkFloor, raw_request
from benchmarks.measure import best_of, resident_bytes, timed
from benchmarks.scenarios import Scenario

_ROOT = Path(__file__).parent.parent
_CORE = "from langchain_core.language_models.chat_models import BaseChatModel"
_HEAVY = ("boto3", "botocore", "google.auth", "httpx", "anthropic")
_IMPORT = """
import json, sys, time
start = time.process_time()
{line}
took = time.process_time() - start
print(json.dumps([took, [name for name in {heavy} if name in sys.modules]]))
"""
_LATENCY_MS = 500


def import_time(context: Context) -> Measurement:
    """Measure the import in fresh processes.

    The ``.pyc`` files are there, as they are where it is used: a first go has written them.
    """
    line = context.contestant.import_line
    _import(line)
    goes = context.scale.goes if context.ours else 1
    taken, floors = [], []
    for _ in range(goes):
        took, heavy = _import(line)
        taken.append(took)
        if context.ours:
            floors.append(_import(_CORE)[0])
    note = f"imports {', '.join(heavy)}" if heavy else ""
    return Measurement(min(taken), min(floors, default=None), note)


def _import(line: str) -> tuple[float, list[str]]:
    code = _IMPORT.format(line=line, heavy=_HEAVY)
    surroundings = {**os.environ}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    output = subprocess.run(  # noqa: S603 - a fixed program
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=_ROOT,
        env=surroundings,
        timeout=60,
    ).stdout
    took, heavy = json.loads(output)
    return took, heavy


def second_instance(context: Context, *, called: bool) -> Measurement:
    """Measure the making of further instances, once one is at work."""
    prompt = Scenario().prompt
    context.new_model().invoke(prompt)

    def make() -> None:
        model = context.new_model()
        if called:
            model.invoke(prompt)

    floor = partial(ChunkFloor, kind="text", pieces=[])
    goes = 4 * context.scale.goes
    works = [make] if called else [make, floor]
    return Measurement(*best_of(goes if context.ours else 5, *works))


def instance_memory(context: Context) -> Measurement:
    """Measure the memory of further instances that have each answered once."""
    prompt = Scenario().prompt
    count = 100 if context.ours else 8
    context.new_model().invoke(prompt)
    kept: list[BaseChatModel] = []
    before = resident_bytes()
    for _ in range(count):
        kept.append(context.new_model())
        kept[-1].invoke(prompt)
    resident = (resident_bytes() - before) / count
    return Measurement(max(resident, _python_memory(context, count // 4)))


def _python_memory(context: Context, count: int) -> float:
    """Return what Python allocates for an instance; pages that were free already count too."""
    tracemalloc.start()
    try:
        kept = [context.new_model() for _ in range(count)]
        for model in kept:
            model.invoke(Scenario().prompt)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def stream_memory(context: Context) -> Measurement:
    """Measure the Python memory of a stream that waits for its next event."""
    scenario = Scenario("text", 3, delivery="hold")
    model = context.new_model()

    async def own(hold: asyncio.Event) -> None:
        stream = model.astream(scenario.prompt)
        await anext(stream)
        hold.set()
        async for _ in stream:
            pass

    value = _memory_each(context, own)
    return Measurement(value, _raw_memory(context, scenario) if context.ours else None)


def _raw_memory(context: Context, scenario: Scenario) -> float:
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))

    async def raw(hold: asyncio.Event) -> None:
        async with client.stream(**raw_request(context.url, scenario)) as response:
            parts = response.aiter_raw()
            await anext(parts)
            hold.set()
            async for _ in parts:
                pass

    try:
        return _memory_each(context, raw)
    finally:
        context.runner.run(client.aclose())


def _memory_each(context: Context, read: object) -> float:
    async def run(count: int) -> float:
        before = tracemalloc.get_traced_memory()[0]
        held = [asyncio.Event() for _ in range(count)]
        tasks = [asyncio.ensure_future(read(event)) for event in held]
        await asyncio.gather(*(event.wait() for event in held))
        grown = tracemalloc.get_traced_memory()[0] - before
        await asyncio.gather(*tasks)
        return grown / count

    tracemalloc.start()
    try:
        context.runner.run(run(2))
        return context.runner.run(run(context.scale.streams))
    finally:
        tracemalloc.stop()


def concurrent_calls(context: Context) -> Measurement:
    """Measure 64 concurrent calls of a server that takes 500 ms, in wall time."""
    scenario = Scenario(delay=_LATENCY_MS)
    model = context.new_model()

    async def run() -> None:
        await asyncio.gather(*(model.ainvoke(scenario.prompt) for _ in range(count)))

    count = 1
    context.runner.run(run())
    count, goes = context.scale.streams, 2 if context.ours else 1
    value = min(timed(lambda: context.runner.run(run()), time.perf_counter) for _ in range(goes))
    return Measurement(value, _LATENCY_MS / 1000)


def threads(context: Context) -> Measurement:
    """Count the threads that those calls need besides the loop's own."""
    scenario = Scenario(delay=_LATENCY_MS)
    model = context.new_model()
    most = 0

    async def run() -> None:
        nonlocal most
        calls = [model.ainvoke(scenario.prompt) for _ in range(context.scale.streams)]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(_LATENCY_MS / 2000)
        most = threading.active_count()
        await asyncio.gather(*tasks)

    with asyncio.Runner() as runner:
        before = threading.active_count()
        runner.run(run())
    return Measurement(1 + most - before)


CASES = {
    "import": Case("import", "ms", import_time, Budget(60, "floor plus")),
    "instance": Case("a second instance", "ms", partial(second_instance, called=False), Budget(1)),
    "instance-called": Case(
        "a second instance and its first call", "ms", partial(second_instance, called=True)
    ),
    "instance-memory": Case("memory of a second instance", "kB", instance_memory, Budget(50)),
    "stream-memory": Case("memory of an open stream", "kB", stream_memory),
    "concurrent": Case(
        "64 concurrent `ainvoke`, server 500 ms, wall time", "s", concurrent_calls, Budget(0.7)
    ),
    "threads": Case("threads of those calls", "threads", threads, Budget(1)),
}
