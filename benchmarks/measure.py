"""Work in, what it costs out: CPU seconds, wall seconds, memory.

CPU is that of the whole process, threads included, and the best of several goes: whatever
else runs on the machine only ever adds to it.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

Work = Callable[[], object]
Clock = Callable[[], float]


class TimeLimitError(BaseException):
    """The work took too long. No `Exception`, so that nobody's handler swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Break off what takes longer.

    Raises:
        TimeLimitError: It did, in the midst of the work.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(seconds)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def best_of(goes: int, *works: Work, clock: Clock = time.process_time) -> list[float]:
    """Return the least that each work took, in seconds.

    The works take turns, so that a slow minute of the machine is one for all of them.
    """
    return [min(times) for times in zip(*(_round(works, clock) for _ in range(goes)), strict=True)]


def _round(works: tuple[Work, ...], clock: Clock) -> list[float]:
    return [timed(work, clock) for work in works]


def timed(work: Work, clock: Clock = time.process_time) -> float:
    """Return what one go took, in seconds."""
    gc.collect()
    start = clock()
    work()
    return clock() - start


def resident_bytes() -> int:
    """Return how much memory of this process is in RAM."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
