"""Simulate 10^3 to 10^7 prompts against quotas of three sizes: time, cost and refusals.

The calls decide by the package's own code: the limit of what is under way, pacing, limits a
minute, circuit breakers and failover. Clouds, latencies and batch jobs are simulated, on a clock
of their own and with seeded random numbers. Small tables are simulated call by call. Of larger
ones only the beginning is: after that they go on at the rate of its second half.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.pacing import Bucket
from langchain_claude_cloud.batch.concurrency import ConcurrencyLimit
from langchain_claude_cloud.calls.memory import Memory
from langchain_claude_cloud.calls.pacing import Ticket
from langchain_claude_cloud.calls.rate_limit import MinuteWindow, RateLimit, Reservation
from langchain_claude_cloud.calls.retries import Attempts, decide
from langchain_claude_cloud.errors import RateLimitError

SIZES = tuple(10**power for power in range(3, 8))
QUOTAS = {"small": 60, "medium": 1_000, "large": 10_000}
"""Requests a minute."""

DOLLARS = 0.0045
"""Of a call: 1,000 tokens in at $2 and 250 out at $10 a million (the list price of
claude-sonnet-5-5)."""

LATENCY = 5.0
REFUSAL_LATENCY = 0.1
START_SECONDS = 0.004
"""CPU of a call in one process, as measured with `batch.run` on loopback."""

BURST_SECONDS = 60.0
"""The quotas are named by the minute. How large a burst they take is not published."""

SHORT_BURST_SECONDS = 6.0
"""For the case that it is not a whole minute's worth."""

LIMIT = 0.95
WORKERS = 8
REGIONS = 3
ENGINE_START_SECONDS = 30.0
SIMULATED = 60_000
FEWEST_SIMULATED = 2_000
SIMULATED_SECONDS = 900
DRAWS = 200
RECORDS_A_JOB = 100_000
JOBS_AT_ONCE = 4
"""Vertex AI's limit for a project (`batch.jobs.vertex`)."""

JOB_HOURS = (0.5, 2.0, 24.0)
"""The shortest, most frequent and longest time of a job: a guess. The clouds promise none."""


@dataclass(frozen=True)
class Outcome:
    """What it took to answer a table of prompts.

    Attributes:
        seconds: How long.
        refused: How many requests were refused with 429.
        dollars: What it cost.
        again: How many calls were lost and asked again.
    """

    seconds: float
    refused: int
    dollars: float
    again: int = 0


@dataclass
class Process:
    """A process with its own memory of the endpoints, and its limit of what is under way."""

    clock: Callable[[], float]
    draw: Callable[[], float]
    under_way: int = 0
    next_start: float = 0.0
    limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit("auto"))
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.memory.reset(self.clock, self.draw)


@dataclass
class Simulation:
    """Processes that answer a table of prompts.

    Attributes:
        prompts: How many there are.
        rate: The quota of each region, in requests a second.
        processes: How many processes share the prompts.
        regions: How many regions each process fails over between.
        per_minute: The limit that the processes keep together; None for none.
        burst: How many seconds' worth of the quota may be used at once.
        seed: Of the random numbers.
    """

    prompts: int
    rate: float
    processes: int = 1
    regions: int = 1
    per_minute: float | None = None
    burst: float = BURST_SECONDS
    seed: int = 1
    now: float = 0.0
    refused: int = 0
    again: int = 0
    answered: int = 0
    halfway: tuple[float, int, int] = (0.0, 0, 0)

    def run(self) -> Simulation:
        """Run until each prompt was answered."""
        self.draw = random.Random(self.seed).random  # noqa: S311 - a simulation
        size = max(1.0, self.rate * self.burst)
        self.quotas = [Bucket(self.rate, size) for _ in range(self.regions)]
        self.window = MinuteWindow(RateLimit(self.per_minute), self._clock)
        self.pending = self.prompts
        self.queue: list[tuple[float, int, Iterator[float], Process]] = []
        self.count = 0
        processes = [Process(self._clock, self.draw) for _ in range(self.processes)]
        for process in processes:
            self._fill(process)
        while self.queue:
            self.now, _, call, process = heapq.heappop(self.queue)
            seconds = next(call, None)
            if seconds is not None:
                self._push(self.now + seconds, call, process)
                continue
            process.under_way -= 1
            self._fill(process)
        return self

    def _clock(self) -> float:
        return self.now

    def _push(self, at: float, call: Iterator[float], process: Process) -> None:
        self.count += 1
        heapq.heappush(self.queue, (at, self.count, call, process))

    def _fill(self, process: Process) -> None:
        """Begin calls up to the process's limit, one after another."""
        while self.pending and process.under_way < process.limit.limit:
            self.pending -= 1
            process.under_way += 1
            process.next_start = max(self.now, process.next_start) + START_SECONDS
            self._push(process.next_start, self._call(process), process)

    def _call(self, process: Process) -> Iterator[float]:
        reservation = Reservation(1.0)
        while seconds := self.window.wait(reservation):
            yield seconds
        began, memory = self.now, process.memory
        routes: list[Any] = [
            SimpleNamespace(place=number, config=SimpleNamespace(cloud="bedrock"))
            for number in range(self.regions)
        ]
        attempts = Attempts(routes, memory=memory)
        while True:
            place = cast("int", attempts.route.place)
            tries = attempts.current.tries
            ticket = Ticket(tries=tries, is_last=tries >= attempts.max_retries)
            pacing = memory.pacing(place)
            while seconds := pacing.wait(ticket):
                yield seconds
            if self.quotas[place].take(self.now):
                yield LATENCY * (0.5 + self.draw())
                attempts.succeeded()
                process.limit.answered(process.under_way)
                self._note_answer()
                return
            yield REFUSAL_LATENCY
            self.refused += 1
            process.limit.throttled(began, self.now)
            pacing.throttled(ticket, None)
            try:
                yield decide(RateLimitError("", status_code=429), attempts)
            except RateLimitError:
                self.again += 1
                self.pending += 1  # the next run asks again
                return

    def _note_answer(self) -> None:
        self.answered += 1
        if self.answered == self.prompts // 2:
            self.halfway = (self.now, self.refused, self.again)


@lru_cache
def _simulated(
    prompts: int, rate: float, processes: int, regions: int, per_minute: float | None, burst: float
) -> Simulation:
    return Simulation(prompts, rate, processes, regions, per_minute, burst).run()


def _answer_now(prompts: int, quota: int, burst: float, **options: Any) -> Outcome:
    """Return what single calls take; of many prompts, only the first are simulated."""
    settings = {"processes": 1, "regions": 1, "per_minute": None, **options}
    rate = quota / 60
    throughput = rate * settings["regions"]
    most = max(FEWEST_SIMULATED, min(SIMULATED, int(throughput * SIMULATED_SECONDS)))
    first = _simulated(min(prompts, most), rate, burst=burst, **settings)
    seconds, refused, again = first.now, first.refused, first.again
    if prompts > most:
        times = (prompts - most) / (most - most // 2)
        seconds += times * (seconds - first.halfway[0])
        refused += round(times * (refused - first.halfway[1]))
        again += round(times * (again - first.halfway[2]))
    return Outcome(seconds, refused, prompts * DOLLARS, again)


def one_process(prompts: int, per_minute: int, burst: float = BURST_SECONDS) -> Outcome:
    """Return what `batch.run` takes."""
    return _answer_now(prompts, per_minute, burst)


def with_limit(prompts: int, per_minute: int, burst: float = BURST_SECONDS) -> Outcome:
    """Return what `batch.run` takes with ``requests_per_minute`` at 95 % of the quota."""
    return _answer_now(prompts, per_minute, burst, per_minute=LIMIT * per_minute)


def engine(prompts: int, per_minute: int, burst: float = BURST_SECONDS) -> Outcome:
    """Return what an engine takes whose workers keep to 95 % of the quota together."""
    found = _answer_now(
        prompts, per_minute, burst, processes=WORKERS, per_minute=LIMIT * per_minute
    )
    return replace(found, seconds=found.seconds + ENGINE_START_SECONDS)


def failover(prompts: int, per_minute: int, burst: float = BURST_SECONDS) -> Outcome:
    """Return what `batch.run` takes with regions that each have the quota."""
    return _answer_now(prompts, per_minute, burst, regions=REGIONS)


def batch(prompts: int, _per_minute: int, _burst: float = BURST_SECONDS) -> Outcome:
    """Return what batch jobs take, some at a time; the quota of calls does not count."""
    jobs = math.ceil(prompts / RECORDS_A_JOB)
    draw = random.Random(1)  # noqa: S311 - a simulation
    seconds = sum(_seconds_of_jobs(jobs, draw) for _ in range(DRAWS)) / DRAWS
    return Outcome(seconds, 0, prompts * DOLLARS / 2)


def _seconds_of_jobs(jobs: int, draw: random.Random) -> float:
    shortest, frequent, longest = JOB_HOURS
    running: list[float] = []
    for number in range(jobs):
        begins = heapq.heappop(running) if number >= JOBS_AT_ONCE else 0.0
        heapq.heappush(running, begins + draw.triangular(shortest, longest, frequent) * 3600)
    return max(running)


WAYS = {
    "one process": one_process,
    "one process, limit set": with_limit,
    "engine, limit set": engine,
    "failover, 3 regions": failover,
    "batch jobs": batch,
}

Outcomes = dict[tuple[str, str, int], Outcome]


def simulate(burst: float = BURST_SECONDS) -> Outcomes:
    """Return the outcome of each way, quota and number of prompts."""
    return {
        (way, quota, prompts): function(prompts, per_minute, burst)
        for way, function in WAYS.items()
        for quota, per_minute in QUOTAS.items()
        for prompts in SIZES
    }
