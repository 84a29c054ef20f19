"""Calls stay below the requests and tokens a minute that a model's user allows."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest
from clock import Clock

from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.rate_limit import MinuteWindow, RateLimit, Reservation
from langchain_claude_cloud.errors import ConfigurationError


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


def test_no_minute_has_more_requests_than_allowed(clock: Clock) -> None:
    """Whichever minute one looks at; and no more time goes by than is needed."""
    window = MinuteWindow(RateLimit(requests=30), clock)
    sent: list[float] = []
    waiting = [Reservation() for _ in range(100)]
    begin = clock.now
    while waiting:
        soonest = 60.0
        for one in list(waiting):
            seconds = window.wait(one)
            if seconds:
                soonest = min(soonest, seconds)
            else:
                waiting.remove(one)
                sent.append(clock.now)
        clock.now += soonest
    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[30:], strict=False))
    assert sent[-1] - begin == pytest.approx(180, abs=2)


@pytest.mark.parametrize(("requests", "a_second"), [(60, 10), (600, 10), (6000, 100)])
def test_no_second_has_more_than_its_part(clock: Clock, requests: int, a_second: int) -> None:
    """Ten at once are always taken; a larger limit is spread evenly, and all of it is used."""
    window = MinuteWindow(RateLimit(requests=requests), clock)
    sent: list[float] = []
    waiting = [(clock.now, Reservation()) for _ in range(requests)]
    begin = clock.now
    while waiting:
        clock.now = max(clock.now, min(due for due, _ in waiting))
        later: list[tuple[float, Reservation]] = []
        for due, one in waiting:
            seconds = window.wait(one) if due <= clock.now else due - clock.now
            if seconds:
                later.append((clock.now + seconds, one))
            else:
                sent.append(clock.now)
        waiting = later
    pairs = zip(sent, sent[a_second:], strict=False)
    assert all(later - earlier >= 1 - 1e-6 for earlier, later in pairs)
    assert sent[-1] - begin == pytest.approx(requests / a_second - 1, abs=1)


def test_tokens_that_were_not_used_make_room(clock: Clock) -> None:
    """A long answer is reserved, a short one comes; what came longer than reserved counts, too."""
    window = MinuteWindow(RateLimit(tokens=1000), clock)
    first, second = Reservation(900), Reservation(500)
    assert window.wait(first) == 0
    assert window.wait(second) > 0
    window.correct(first, 100)
    assert window.wait(second) == 0
    window.correct(second, 900)
    third = Reservation(1)
    assert window.wait(third) > 0
    clock.now += 60
    assert window.wait(third) == 0
    assert window.wait(Reservation(999)) == 0


def test_what_is_larger_than_the_limit_is_sent_alone(clock: Clock) -> None:
    """It could never be sent else."""
    window = MinuteWindow(RateLimit(tokens=1000), clock)
    assert window.wait(Reservation(5)) == 0
    large = Reservation(64_000)
    assert window.wait(large) > 0
    clock.now += 60
    assert window.wait(large) == 0
    assert window.wait(Reservation(1)) > 0


def test_small_requests_do_not_starve_a_large_one(clock: Clock) -> None:
    """They pass it only where there is room for both."""
    window = MinuteWindow(RateLimit(tokens=1000), clock)
    for _ in range(8):
        assert window.wait(Reservation(100)) == 0
        clock.now += 5
    large = Reservation(700)
    assert window.wait(large) > 0
    for _ in range(40):
        window.wait(Reservation(100))
        clock.now += 1
        if window.wait(large) == 0:
            break
    assert large.sent_at is not None


def test_a_call_that_ends_while_it_waits_leaves_the_queue(clock: Clock) -> None:
    """The next one is the first then."""
    window = MinuteWindow(RateLimit(requests=1), clock)
    assert window.wait(Reservation()) == 0
    cancelled, following = Reservation(), Reservation()
    assert window.wait(cancelled) > 0
    assert window.wait(following) > 0
    window.release(cancelled)
    clock.now += 60
    assert window.wait(following) == 0


def test_an_input_may_take_several_requests_or_none(clock: Clock) -> None:
    """An agent asks more than once, a cache not at all."""
    window = MinuteWindow(RateLimit(requests=3), clock)
    cached, agent = Reservation(10), Reservation(10)
    assert window.wait(cached) == 0
    window.correct(cached, 0, requests=0)
    assert window.wait(agent) == 0
    window.correct(agent, 50, requests=3)
    assert window.wait(Reservation()) > 0


@pytest.mark.parametrize("seed", range(5))
def test_a_window_adds_up(clock: Clock, seed: int) -> None:
    """After any sequence of calls, corrections and ends nothing is left of an old minute."""
    draw = random.Random(seed)  # noqa: S311 - a test
    window = MinuteWindow(RateLimit(20, 5000), clock)
    open_ones: list[Reservation] = []
    for _ in range(1000):
        one = Reservation(draw.randrange(2000))
        open_ones.append(one)
        for each in open_ones:
            if each.is_waiting:
                window.wait(each)
        finished = open_ones.pop(draw.randrange(len(open_ones)))
        if finished.is_waiting:
            window.release(finished)
        else:
            window.correct(finished, draw.randrange(3000))
        del open_ones[:-20]
        clock.now += draw.random() * 4
        assert len(window._sent) <= 20
    for one in open_ones:
        window.release(one)
    clock.now += 60
    assert window.wait(Reservation(5000)) == 0
    assert (len(window._sent), window._tokens, len(window._queue)) == (1, 5000, 0)


@pytest.fixture
def _fresh() -> Iterator[None]:
    MEMORY.reset()
    yield
    MEMORY.reset()


@pytest.mark.usefixtures("_fresh")
def test_endpoints_and_limits_are_counted_apart() -> None:
    """One model does not slow another that has another limit, or another place."""
    limit = RateLimit(requests=1)
    assert MEMORY.minute("a", limit).wait(Reservation()) == 0
    assert MEMORY.minute("a", limit).wait(Reservation()) > 0
    assert MEMORY.minute("b", limit).wait(Reservation()) == 0
    assert MEMORY.minute("a", RateLimit(requests=2)).wait(Reservation()) == 0
    for number in range(3000):
        MEMORY.minute(number, limit)
    assert len(MEMORY.minutes) <= 1000


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
@pytest.mark.parametrize("value", [0, -1, 0.5, float("nan"), float("inf"), "many"])
def test_what_is_no_limit_is_refused(name: str, value: object) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=name):
        ChatClaudeCloud(model="claude-sonnet-4-6", platform=Vertex(project="p"), **{name: value})  # type: ignore[arg-type]


_FORK = """
import os
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.pacing import Ticket
from langchain_claude_cloud.calls.rate_limit import RateLimit, Reservation

limit = RateLimit(tokens=100)
assert MEMORY.minute("here", limit).wait(Reservation(90)) == 0
assert MEMORY.minute("here", limit).wait(Reservation(90)) > 0
MEMORY.pacing("here").throttled(Ticket(), 30.0)
assert MEMORY.pacing("here").wait(Ticket()) > 0
child = os.fork()
if not child:
    free = MEMORY.minute("here", limit).wait(Reservation(20)), MEMORY.pacing("here").wait(Ticket())
    os._exit(free != (0, 0))
assert os.waitpid(child, 0)[1] == 0
assert MEMORY.minute("here", limit).wait(Reservation(20)) > 0
"""


def test_a_forked_child_does_not_wait_for_its_parents_calls() -> None:
    """They stand in the queues of both, and go on in the parent alone."""
    command = [sys.executable, "-c", _FORK]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603  our own script
    assert done.returncode == 0, done.stderr.decode()
