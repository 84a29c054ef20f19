"""Simulate many calls against one quota, on a clock of its own: ``python -m benchmarks.pacing``.

The calls decide by the package's own pacing and retry policy; the quota, the latency of its
answers and the load are simulated, and seeded. Each line says which part of the calls was lost
(refused once more than ``max_retries`` allows), and how near the rate came to the quota's.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from langchain_claude_cloud.calls.pacing import Pacing, Ticket
from langchain_claude_cloud.calls.retries import delay_before_retry
from langchain_claude_cloud.errors import RateLimitError


class Quota:
    """So many requests in any window of a second, or of another length."""

    def __init__(self, limit: int, seconds: float = 1.0) -> None:
        self._limit = limit
        self._seconds = seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Whether a request is taken."""
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now)
        return True


class Borders:
    """So many requests between two full minutes, or multiples of another length."""

    def __init__(self, limit: int, seconds: float, offset: float = 20.0) -> None:
        self._limit = limit
        self._seconds = seconds
        self._offset = offset
        self._window = -1
        self._taken = 0

    def take(self, now: float) -> bool:
        """Whether a request is taken."""
        window = int((now + self._offset) // self._seconds)
        if window != self._window:
            self._window, self._taken = window, 0
        self._taken += 1
        return self._taken <= self._limit


class Bucket:
    """A bucket of tokens that fills at a rate."""

    def __init__(self, rate: float, size: float) -> None:
        self._rate = rate
        self._size = self._level = size
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether a request is taken."""
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


@dataclass
class Outcome:
    """What became of the calls.

    Attributes:
        answered: How many were answered.
        lost: How many were not.
        refused: How many requests were throttled.
        seconds: How long it took.
        waits: How many times a call asked whether it may go.
    """

    answered: int = 0
    lost: int = 0
    refused: int = 0
    seconds: float = 0.0
    waits: int = 0


@dataclass
class Simulation:
    """Some processes that call one endpoint.

    Attributes:
        quota: Says whether a request is taken.
        calls: How many calls there are in all.
        processes: How many processes make them.
        latency: How many seconds a refusal takes, at least.
        retry_after: What a refusal asks for; None for nothing.
        concurrency: How many calls of a process are under way at most; None for all.
        seed: Of the random numbers.
        is_paced: Whether the calls of a process are paced together.
        sending: How many seconds it takes to send a request.
        stagger: How many seconds a process begins after the one before.
        busy: No process goes on with a call before so many seconds: it begins the others first.
    """

    quota: Quota | Borders | Bucket
    calls: int = 2000
    processes: int = 1
    latency: float = 0.05
    retry_after: float | None = None
    concurrency: int | None = None
    seed: int = 1
    max_retries: int = 2
    is_paced: bool = True
    sending: float = 0.0003
    stagger: float = 0.01
    busy: float = 0.0
    now: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        """Run until each call was answered or is lost."""
        draw = random.Random(self.seed)  # noqa: S311 - a simulation
        pacings = [Pacing(self._clock) for _ in range(self.processes)]
        queue: list[tuple[float, int, Iterator[float]]] = []
        waiting: list[deque[Iterator[float]]] = [deque() for _ in pacings]
        for number in range(self.calls):
            process = number % self.processes
            waiting[process].append(self._call(pacings[process], draw.random, number))
        count = 0
        for process, calls in enumerate(waiting):
            most = self.concurrency or len(calls)
            for position in range(min(most, len(calls))):
                # A process sends one request after another.
                at = position * self.sending + process * self.stagger
                heapq.heappush(queue, (at, count, self._chain(calls)))
                count += 1
        while queue:
            self.now, _, call = heapq.heappop(queue)
            for seconds in call:
                count += 1
                # A loop that is busy sees nothing before it has begun all calls.
                at = max(self.now + seconds, self.busy)
                heapq.heappush(queue, (at, count, call))
                break
        self.outcome.seconds = self.now
        return self.outcome

    def _clock(self) -> float:
        return self.now

    def _chain(self, calls: deque[Iterator[float]]) -> Iterator[float]:
        while calls:
            yield from calls.popleft()

    def _call(self, pacing: Pacing, draw: Callable[[], float], number: int) -> Iterator[float]:
        for attempt in range(1, self.max_retries + 2):
            ticket = Ticket(tries=attempt - 1, is_last=1 < attempt > self.max_retries)
            while self.is_paced and (seconds := pacing.wait(ticket)):
                self.outcome.waits += 1
                yield seconds
            yield self.latency * (0.5 + draw()) / 2
            is_taken = self.quota.take(self.now)
            yield self.latency * (0.5 + draw()) / 2
            if is_taken:
                yield self.latency * (1 + number % 7)
                self.outcome.answered += 1
                return
            self.outcome.refused += 1
            pacing.throttled(ticket, self.retry_after)
            error = RateLimitError("", status_code=429, retry_after=self.retry_after)
            delay = delay_before_retry(error, attempt, self.max_retries, draw)
            if delay is not None:
                yield delay
        self.outcome.lost += 1


def main() -> None:
    """Print what becomes of 2,000 calls under some quotas."""
    cases: dict[str, Callable[[], Simulation]] = {
        "window, each call for itself": lambda: Simulation(Quota(100), is_paced=False),
        "window": lambda: Simulation(Quota(100)),
        "window, retry-after 1": lambda: Simulation(Quota(100), retry_after=1.0),
        "window, a busy process": lambda: Simulation(Quota(100), sending=0.0006, busy=1.5),
        "bucket of 100": lambda: Simulation(Bucket(100, 100)),
        "bucket of 10": lambda: Simulation(Bucket(100, 10)),
        "bucket of 10, retry-after 1": lambda: Simulation(Bucket(100, 10), retry_after=1.0),
        "window, refusals take 0.3 s": lambda: Simulation(Quota(100), latency=0.3),
        "window, 64 at a time": lambda: Simulation(Quota(100), concurrency=64),
        "window, 4 processes": lambda: Simulation(Quota(100), processes=4),
        "window, 4 processes, one a second": lambda: Simulation(
            Quota(100), processes=4, stagger=1.0
        ),
        "window, 8 processes": lambda: Simulation(Quota(100), calls=4000, processes=8),
        "bucket of 10, 4 processes": lambda: Simulation(Bucket(100, 10), processes=4),
        "12 a minute, 30 calls": lambda: Simulation(Quota(12, 60.0), calls=30),
        "12 a minute by the clock, 30 calls": lambda: Simulation(Borders(12, 60.0), calls=30),
        "bucket of 12 a minute, 30 calls": lambda: Simulation(Bucket(0.2, 12), calls=30),
        "60 a minute, 200 calls": lambda: Simulation(Quota(60, 60.0), calls=200),
        "300 a minute, 600 calls": lambda: Simulation(Quota(300, 60.0), calls=600),
    }
    print(f"{'':34}{'lost':>8}{'refused':>9}{'seconds':>9}{'a second':>10}{'waits':>8}")
    for name, make in cases.items():
        found = make().run()
        rate = found.answered / max(found.seconds, 0.001)
        total = found.answered + found.lost
        print(
            f"{name:34}{found.lost / total:8.2%}{found.refused:9}{found.seconds:9.1f}{rate:10.1f}"
            f"{found.waits:8}"
        )


if __name__ == "__main__":
    main()
