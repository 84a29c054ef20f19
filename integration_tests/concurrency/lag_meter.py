"""A heartbeat on an event loop: how long the loop kept it waiting.

It measures by the clock and in CPU time of the loop's own thread. The clock also counts what
other processes take; CPU time is what this loop's callbacks took and nothing else: there are no
collections of garbage meanwhile, as they take longer the more tests have run before.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Self

INTERVAL = 0.002
LAG_LIMIT = 2.0
"""Seconds by the clock, on a busy machine; a loop that is blocked is so for five."""

CPU_LIMIT = 0.5
"""Seconds of CPU in one turn of the loop: several times what is measured on an idle machine."""

_HOLD_LIMIT = 5.0


class Heartbeat:
    """A task that beats every two milliseconds while the loop lets it.

    Attributes:
        beats: How often it has beaten.
        lag: The longest delay of a beat, in seconds.
        cpu: The most CPU time that the loop's thread used between two beats, in seconds.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.lag = 0.0
        self.cpu = 0.0

    async def __aenter__(self) -> Self:
        gc.disable()
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(5 * INTERVAL)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(5 * INTERVAL)
        self._task.cancel()
        gc.enable()

    async def _run(self) -> None:
        clock, cpu = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(INTERVAL)
            now, used = time.monotonic(), time.thread_time()
            self.beats += 1
            self.lag = max(self.lag, now - clock - INTERVAL)
            self.cpu = max(self.cpu, used - cpu)
            clock, cpu = now, used

    def goes_on(self, beats: int = 20) -> Callable[[], bool]:
        """Return a condition: whether it has beaten so often since this call."""
        target = self.beats + beats
        return lambda: self.beats >= target

    def hold(self) -> None:
        """Block a thread until the loop has gone on, or for five seconds if it does not."""
        goes_on = self.goes_on()
        deadline = time.monotonic() + _HOLD_LIMIT
        while not goes_on() and time.monotonic() < deadline:
            time.sleep(INTERVAL)
