"""Thousands of streams over some tasks, a twentieth of them with a fault, and an account of all."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from soak_server import expected_text

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import ClaudeCloudError

FAULTS = {
    "reset before": "answered",
    "throttled": "answered",
    "overloaded": "answered",
    "refused": "InvalidRequestError",
    "reset": "StreamInterruptedError",
    "cut": "StreamInterruptedError",
    "error event": "OverloadedError",
    "stalled": "RequestTimeoutError",
    "cancelled": "cancelled",
    "left": "left",
}
"""What goes wrong, and what becomes of such a request."""

RETRIED = ("reset before", "throttled", "overloaded")
_FAULT_EVERY = 20


def kind_of(number: int) -> str:
    """Return what is to go wrong with a request: every twentieth in another way."""
    turn, rest = divmod(number, _FAULT_EVERY)
    return "good" if rest else list(FAULTS)[turn % len(FAULTS)]


@dataclass(frozen=True)
class Holdings:
    """What a process holds.

    Attributes:
        descriptors: Open file descriptors.
        threads: Living threads.
        tasks: Tasks of the running loop.
        blocks: Python's allocated blocks of memory.
        resident: Bytes of memory, as the kernel counts.
    """

    descriptors: int
    threads: int
    tasks: int
    blocks: int
    resident: int

    @classmethod
    async def after_closing(cls, llm: ChatClaudeCloud) -> Holdings:
        """Count, after a model's idle connections were closed and garbage collected."""
        await llm.aclose()
        await asyncio.sleep(0.05)  # Abandoned generators are closed by tasks of the loop.
        return cls.now()

    @classmethod
    def now(cls) -> Holdings:
        """Count, on a running loop."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208  a Path a descriptor would be held
            threading.active_count(),
            len(asyncio.all_tasks()),
            sys.getallocatedblocks(),
            pages * os.sysconf("SC_PAGE_SIZE"),
        )


@dataclass
class Soak:
    """A run.

    Attributes:
        llm: The model that all tasks share.
        outcomes: How many requests of each kind came to what.
    """

    llm: ChatClaudeCloud
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def run(self, numbers: range, tasks: int) -> None:
        """Send the requests of these numbers from so many tasks."""
        queue = iter(numbers)
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self._work(queue))

    async def _work(self, queue: Iterator[int]) -> None:
        for number in queue:
            kind = kind_of(number)
            self.outcomes[kind, await self._one(number, kind)] += 1

    async def _one(self, number: int, kind: str) -> str:
        prompt = f"{number} {kind}"
        try:
            if kind == "cancelled":
                return await self._cancel(prompt)
            if kind == "left":
                return await self._leave(prompt)
            if kind == "good" and number % 4 == 0:
                text = (await self.llm.ainvoke(prompt)).text
            else:
                timeout = {"idle": 0.3} if kind == "stalled" else None
                stream = self.llm.astream(prompt, timeout=timeout)
                text = "".join([chunk.text async for chunk in stream])
        except ClaudeCloudError as error:
            return type(error).__name__
        return "answered" if text == expected_text(number) else f"wrong: {text!r}"

    async def _cancel(self, prompt: str) -> str:
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in self.llm.astream(prompt):
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return "cancelled" if task.cancelled() else "not cancelled"

    async def _leave(self, prompt: str) -> str:
        async for _ in self.llm.astream(prompt):
            return "left"
        return "empty"
