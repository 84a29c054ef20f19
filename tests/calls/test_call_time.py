"""What a call does with its time: the queues it waits in, and how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from clock import Clock
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud
from langchain_claude_cloud.calls.answer import ignore_events
from langchain_claude_cloud.calls.driver import CallDriver
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.pacing import Ticket
from langchain_claude_cloud.calls.rate_limit import Reservation
from langchain_claude_cloud.calls.steps import Prepare, Send, Wait
from langchain_claude_cloud.errors import RequestTimeoutError


def test_a_call_without_time_takes_no_turn_in_a_queue() -> None:
    """It would count as sent, and others would wait for it."""
    asked: list[float] = []

    def wait() -> float:
        asked.append(0.0)
        return 0.0

    late: Any = SimpleNamespace(remaining=lambda: 0.0)
    with pytest.raises(RequestTimeoutError, match="no room"):
        next(CallDriver._wait_until(late, wait, "no room"))
    assert not asked


def test_a_wait_ends_with_the_call() -> None:
    """What a queue asks for may be longer."""
    staying = SimpleNamespace(move_on=lambda _: False)
    call: Any = SimpleNamespace(remaining=lambda: 2.0, _attempts=staying)
    assert next(CallDriver._wait_until(call, lambda: 30.0)) == Wait(2.0)


@pytest.mark.parametrize("queue", ["pacing", "minute"])
def test_a_call_that_waits_is_sent_elsewhere_when_its_endpoint_fails(queue: str) -> None:
    """Its place in the queue, and what it had reserved of a minute, are free again."""
    MEMORY.reset(Clock())
    regions = [Bedrock(region=region, api_key="k") for region in ("us-east-1", "us-west-2")]
    llm = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=regions, max_tokens=50, requests_per_minute=1
    )
    call = llm._call([HumanMessage("Hi")], None, {}, stream=False)
    first = call.routes[0]
    pacing, minute = MEMORY.pacing(first.place), MEMORY.minute(first.place, call.limit)
    if queue == "pacing":
        pacing.throttled(Ticket(sent_at=MEMORY.clock()), 0.5)
    else:
        assert not minute.wait(Reservation())
    steps = CallDriver(call, "invoke", ignore_events).steps()
    prepare, wait = next(steps), steps.send(None)
    assert isinstance(prepare, Prepare)
    assert isinstance(wait, Wait)
    assert pacing.issued - pacing.served == (queue == "pacing")
    MEMORY.circuit(first.place).record_failure()
    prepare, send = steps.send(None), steps.send(None)
    assert isinstance(prepare, Prepare)
    assert isinstance(send, Send)
    assert "us-west-2" in send.request.url
    assert pacing.issued == pacing.served
    steps.close()
    assert not any(each.is_waiting for each in minute._queue)
    assert (minute.wait(Reservation()) == 0) == (queue == "pacing")
    MEMORY.reset()


def test_a_call_that_ends_before_it_is_sent_takes_nothing_of_a_minute() -> None:
    """It had reserved its part, and waited for the pace of its endpoint."""
    MEMORY.reset(Clock())
    platform = Bedrock(region="us-east-1", api_key="k")
    llm = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform, max_tokens=50, requests_per_minute=1
    )
    call = llm._call([HumanMessage("Hi")], None, {}, stream=False)
    place = call.routes[0].place
    MEMORY.pacing(place).throttled(Ticket(), 10.0)
    for _ in range(3):
        steps = CallDriver(call, "invoke", ignore_events).steps()
        assert isinstance(next(steps), Prepare)
        assert steps.send(None) == Wait(1.0)
        steps.close()
    assert MEMORY.minute(place, call.limit).wait(Reservation()) == 0
    MEMORY.reset()
