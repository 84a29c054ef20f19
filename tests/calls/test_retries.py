"""Whether and when a failed request is sent again to the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from langchain_claude_cloud.calls.memory import Memory
from langchain_claude_cloud.calls.retries import (
    RETRYABLE_STATUSES,
    delay_before_retry,
    scope_of,
)
from langchain_claude_cloud.config.checks import check_max_retries
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    ContextOverflowError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)


@dataclass(frozen=True)
class Policy:
    """How often a request is sent again, and the luck of it."""

    draw: float = 1.0
    max_retries: int = 10

    def delay(self, error: ClaudeCloudError, attempt: int) -> float | None:
        """Return how long to wait after an attempt."""
        return delay_before_retry(error, attempt, self.max_retries, lambda: self.draw)


@pytest.mark.parametrize("status", [*range(400, 430), *range(500, 530), 599])
def test_only_the_listed_statuses_are_retried(status: int) -> None:
    """The list is what SDKs and clouds agree on; 424 is a model's failure, not the cloud's."""
    delay = Policy().delay(ServerError("", status_code=status), 1)
    assert (delay is not None) == (status in RETRYABLE_STATUSES)


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (ConnectionFailedError(""), True),
        (RequestTimeoutError(""), True),
        (StreamInterruptedError(""), True),
        (OverloadedError("", status_code=529), True),
        (RateLimitError("", status_code=429), True),
        (OverloadedError("by its body", status_code=400), True),
        (RateLimitError("by its body", status_code=403), True),
        (InvalidRequestError("", status_code=400), False),
        (AuthenticationError("", status_code=401), False),
        (ContextOverflowError("", status_code=400), False),
        (ConfigurationError(""), False),
    ],
)
def test_kinds_of_error(error: ClaudeCloudError, is_retried: bool) -> None:  # noqa: FBT001  a table
    """Connections are retried, refusals of what was asked are not."""
    assert (Policy().delay(error, 1) is not None) == is_retried


def test_an_error_may_say_that_waiting_is_useless() -> None:
    """A quota of zero is a 429 too; so is a read timeout that was billed."""
    hopeless = RateLimitError("", status_code=429, retry_after=1.0)
    hopeless.is_retryable = False
    assert Policy().delay(hopeless, 1) is None


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (10, 8.0)]
)
def test_backoff_grows_to_its_cap(attempt: int, ceiling: float) -> None:
    """Half a second, doubled each time, eight at most; jitter takes any part of it."""
    error = ServerError("", status_code=503)
    assert Policy(1.0).delay(error, attempt) == ceiling
    assert Policy(0.25).delay(error, attempt) == ceiling / 4
    assert Policy(0.0).delay(error, attempt) == 0.0


@pytest.mark.parametrize(
    ("asked", "delay"),
    [(0.0, 0.5), (0.2, 0.5), (7.0, 7.0), (60.0, 60.0), (60.1, None), (9e9, None)],
)
def test_the_cloud_may_ask_for_more_time(asked: float, delay: float | None) -> None:
    """Never earlier than asked; a cloud that asks for more than a minute is not waited for."""
    error = RateLimitError("", status_code=429, retry_after=asked)
    assert Policy(1.0).delay(error, 1) == delay


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_attempts_are_counted(max_retries: int, attempts: int) -> None:
    """max_retries=2 means three attempts."""
    policy, error = Policy(max_retries=max_retries), ConnectionFailedError("")
    made = 1
    while policy.delay(error, made) is not None:
        made += 1
    assert made == attempts


def test_the_default_draw_is_random_and_within_bounds() -> None:
    """Two clients that fail together do not come back together."""
    error = ServerError("", status_code=500)
    delays = {delay_before_retry(error, 1, 5, Memory().draw) for _ in range(20)}
    assert len(delays) > 10
    assert all(delay is not None and 0 <= delay < 0.5 for delay in delays)


@pytest.mark.parametrize("max_retries", [-1, True, 1.5, "2", None])
def test_unusable_retries_are_refused(max_retries: Any) -> None:
    """A number of retries is a number."""
    with pytest.raises(ConfigurationError, match="max_retries"):
        check_max_retries(max_retries)


def test_a_limit_of_this_machine_is_told_from_a_failing_endpoint() -> None:
    """However deep in the chain of causes the operating system's error is."""
    full, other = ConnectionFailedError("not reached"), ConnectionFailedError("not reached")
    full.__cause__ = RuntimeError("connect failed")
    full.__cause__.__context__ = OSError(24, "Too many open files")
    other.__cause__ = OSError(111, "Connection refused")
    assert scope_of(full) == "machine"
    assert scope_of(other) == "endpoint"
