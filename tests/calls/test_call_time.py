"""What a call does with the time that it has left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from langchain_claude_cloud.calls.driver import CallDriver
from langchain_claude_cloud.calls.steps import Wait
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
    call: Any = SimpleNamespace(remaining=lambda: 2.0)
    assert next(CallDriver._wait_until(call, lambda: 30.0)) == Wait(2.0)
