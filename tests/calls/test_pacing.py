"""Calls share a rate after a throttle, and nobody waits without one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clock import Clock

from langchain_claude_cloud.calls.memory import Memory
from langchain_claude_cloud.calls.pacing import Pacing, Ticket

_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that ``python -m benchmarks.pacing`` runs."""
    monkeypatch.syspath_prepend(_ROOT)
    return importlib.import_module("benchmarks.pacing")


def rate_of(pacing: Pacing) -> float | None:
    """Return the requests a second that are sent; None where nobody waits."""
    return pacing.rate


def begin(pacing: Pacing, clock: Clock, count: int) -> list[Ticket]:
    """Send calls one soon after another, as a service does."""
    tickets = [Ticket() for _ in range(count)]
    for ticket in tickets:
        clock.now += 0.003
        assert pacing.wait(ticket) == 0.0
    return tickets


def test_nobody_waits_where_nothing_is_throttled() -> None:
    """However many there are: three hundred a second, for half a minute."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    begin(pacing, clock, 10_000)
    assert rate_of(pacing) is None


def test_a_burst_of_thousands_is_spread_over_seconds() -> None:
    """The refusals of a quota are heard before all are sent; the last waits for no minute."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    tickets = [Ticket() for _ in range(1000)]
    waits = [pacing.wait(ticket) for ticket in tickets]
    assert 1 <= waits.count(0.0) <= 10
    began = clock.now
    left = [ticket for ticket, seconds in zip(tickets, waits, strict=True) if seconds]
    while left:
        clock.now += 0.03
        left = [ticket for ticket in left if pacing.wait(ticket)]
    assert clock.now - began < 10
    assert rate_of(pacing) is None


def test_a_call_that_ends_while_it_waits_holds_nobody_up() -> None:
    """A burst whose calls are cancelled leaves nothing behind."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    for ticket in [Ticket() for _ in range(1000)]:
        pacing.wait(ticket)
        pacing.release(ticket)
    clock.now += 0.1
    assert pacing.wait(Ticket()) == 0.0


def test_a_lone_call_waits_for_its_own_backoff_alone() -> None:
    """There is nobody to share with."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    ticket = Ticket()
    pacing.wait(ticket)
    pacing.throttled(ticket, None)
    clock.now += 0.4
    assert pacing.wait(Ticket(tries=1)) == 0.0


def test_another_endpoint_is_not_slowed() -> None:
    """Nor another model there, or another identity: each has a place of its own."""
    clock = Clock(100.0)
    memory = Memory()
    memory.reset(clock)
    tickets = begin(memory.pacing("place"), clock, 50)
    memory.pacing("place").throttled(tickets[-1], None)
    assert memory.pacing("place").wait(Ticket()) > 0
    assert memory.pacing("another").wait(Ticket()) == 0.0


def test_what_the_endpoint_asks_for_is_waited_for_by_all() -> None:
    """A burst that used a quota up waits until there is some again."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    tickets = begin(pacing, clock, 50)
    pacing.throttled(tickets[0], 20.0)
    clock.now += 19
    assert pacing.wait(Ticket()) > 0
    clock.now += 1.1
    assert pacing.wait(Ticket()) == 0.0


def test_what_no_call_waits_for_is_waited_for_by_none() -> None:
    """After a `retry-after` of an hour the next call hears of it soon, not after a minute."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    ticket = Ticket()
    pacing.wait(ticket)
    pacing.throttled(ticket, 3600.0)
    clock.now += 1.1
    assert pacing.wait(Ticket()) == 0.0


def test_a_minute_without_a_throttle_ends_the_pace() -> None:
    """The endpoint is asked as before."""
    clock = Clock(100.0)
    pacing = Pacing(clock)
    ticket = Ticket()
    pacing.wait(ticket)
    pacing.throttled(ticket, None)
    assert rate_of(pacing) is not None
    clock.now += 120
    begin(pacing, clock, 500)


def test_what_is_known_of_endpoints_is_bounded() -> None:
    """A service with thousands of projects does not grow without end."""
    memory = Memory()
    for number in range(3000):
        memory.pacing(number).wait(Ticket())
    assert len(memory.paces) <= 1000


@pytest.mark.parametrize(("retry_after", "seed"), [(None, 1), (None, 2), (1.0, 3)])
def test_a_burst_against_a_quota_loses_nothing(
    simulation: Any, retry_after: float | None, seed: int
) -> None:
    """2,000 calls, 100 a second, three attempts each: all are answered, near the rate."""
    quota = simulation.Quota(100)
    found = simulation.Simulation(quota, retry_after=retry_after, seed=seed).run()
    assert found.lost == 0
    assert found.refused < 100
    assert found.answered / found.seconds >= 93
    alone = simulation.Simulation(simulation.Quota(100), is_paced=False, seed=seed).run()
    assert alone.lost > 1000


@pytest.mark.parametrize(
    ("quota", "calls", "most"), [((40, 1.0), 200, 16), ((30, 1.0), 200, 32), ((2, 1.0), 40, None)]
)
def test_a_last_try_finds_room(
    simulation: Any, quota: tuple[int, float], calls: int, most: int | None
) -> None:
    """The rate grows up to the next refusal: nothing is sent for a while before a last try."""
    for seed in range(1, 9):
        limit = simulation.Quota(*quota)
        found = simulation.Simulation(limit, calls=calls, seed=seed, concurrency=most).run()
        assert found.lost == 0


@pytest.mark.parametrize("seed", [1, 4])
def test_four_processes_lose_less_than_one_in_a_hundred(simulation: Any, seed: int) -> None:
    """They know nothing of each other; what one leaves when it ends, the others find."""
    found = simulation.Simulation(simulation.Quota(100), processes=4, seed=seed).run()
    assert found.lost < 20
    assert found.answered / found.seconds >= 75


@pytest.mark.parametrize("seed", [1])
def test_a_burst_that_keeps_its_event_loop_busy_is_refused_seldom(
    simulation: Any, seed: int
) -> None:
    """The loop begins all calls before it sees an answer: not all of them are sent by then."""
    busy = {"sending": 0.0006, "busy": 1.5, "seed": seed}
    found = simulation.Simulation(simulation.Quota(100), **busy).run()
    assert found.lost == 0
    assert found.refused < 100
    assert found.answered / (found.seconds - 1.5) >= 90


SMALL_QUOTAS: dict[str, tuple[Callable[[Any], Any], dict[str, Any], float]] = {
    "12 in any minute": (lambda quotas: quotas.Quota(12, 60), {"calls": 30}, 180),
    "the same with a retry-after that is too short": (
        lambda quotas: quotas.Quota(12, 60),
        {"calls": 30, "retry_after": 5.0},
        180,
    ),
    "one more than 12 in any minute": (lambda quotas: quotas.Quota(12, 60), {"calls": 13}, 70),
    "12 a minute by the clock": (lambda quotas: quotas.Borders(12, 60), {"calls": 30}, 180),
    "a bucket of 12 a minute": (lambda quotas: quotas.Bucket(0.2, 12), {"calls": 30}, 180),
    "12 in ten seconds": (lambda quotas: quotas.Quota(12, 10), {"calls": 30}, 120),
    "1 a minute": (lambda quotas: quotas.Quota(1, 60), {"calls": 3}, 130),
    "50 a minute": (lambda quotas: quotas.Quota(50, 60), {"calls": 200}, 300),
}


@pytest.mark.parametrize("name", SMALL_QUOTAS)
def test_a_burst_against_a_small_quota_loses_nothing(simulation: Any, name: str) -> None:
    """Three attempts each are enough, in about the minutes that the quota needs."""
    make, burst, seconds = SMALL_QUOTAS[name]
    found = simulation.Simulation(make(simulation), **burst).run()
    assert found.lost == 0
    assert found.seconds < seconds


def test_what_is_closed_for_two_minutes_is_not_waited_for(simulation: Any) -> None:
    """A quota of a day is used up: a hundred calls hear of it minutes later, not in an hour."""
    found = simulation.Simulation(simulation.Quota(20, 86400), calls=120).run()
    assert found.answered == 20
    assert found.seconds < 200
