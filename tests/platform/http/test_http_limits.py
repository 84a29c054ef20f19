"""Timeouts and retries: pure functions of what was configured and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts
from langchain_claude_cloud.platform.http.retry import RETRYABLE_STATUSES


@pytest.mark.parametrize(
    ("cloud", "timeout", "expected"),
    [
        ("bedrock", None, Timeouts(5.0, 600.0, 300.0)),
        ("vertex", None, Timeouts(5.0, 600.0, 120.0)),
        ("bedrock", 30, Timeouts(5.0, 30.0, 30.0)),
        ("vertex", 0.5, Timeouts(5.0, 0.5, 0.5)),
        ("vertex", {}, Timeouts(5.0, 600.0, 120.0)),
        ("vertex", {"connect": 1}, Timeouts(1.0, 600.0, 120.0)),
        ("bedrock", {"start": 9, "idle": 8.0}, Timeouts(5.0, 9.0, 8.0)),
    ],
)
def test_timeouts_of_a_cloud(cloud: Any, timeout: Any, expected: Timeouts) -> None:
    """A number sets start and idle, a mapping sets each, and clouds differ in silence."""
    assert Timeouts.for_cloud(cloud, timeout) == expected


@pytest.mark.parametrize(
    "timeout",
    [0, -1, math.inf, math.nan, True, "5", b"5", [1, 2], {"read": 5}, {"start": 0}, {"idle": None}],
)
def test_unusable_timeouts_are_refused(timeout: Any) -> None:
    """A timeout that is no time is refused with the names that there are."""
    with pytest.raises(ConfigurationError, match="idle"):
        Timeouts.for_cloud("vertex", timeout)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["connect", "start", "idle"]), st.floats(0.001, 1e6)))
def test_any_mapping_of_times_is_taken_over(timeout: Mapping[str, float]) -> None:
    """What the mapping names is set, and nothing else."""
    timeouts = Timeouts.for_cloud("vertex", timeout)
    default = Timeouts.for_cloud("vertex", None)
    for name in ("connect", "start", "idle"):
        assert getattr(timeouts, name) == timeout.get(name, getattr(default, name))


def _policy(draw: float = 1.0, max_retries: int = 10) -> RetryPolicy:
    return RetryPolicy(max_retries=max_retries, draw=lambda: draw)


@pytest.mark.parametrize("status", [*range(400, 430), *range(500, 530), 599])
def test_only_the_listed_statuses_are_retried(status: int) -> None:
    """The list is what SDKs and clouds agree on; 424 is a model's failure, not the cloud's."""
    delay = _policy().delay_before_retry(ServerError("", status_code=status), 1)
    assert (delay is not None) == (status in RETRYABLE_STATUSES)


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (ConnectionFailedError(""), True),
        (RequestTimeoutError(""), True),
        (StreamInterruptedError(""), True),
        (OverloadedError("", status_code=529), True),
        (RateLimitError("", status_code=429), True),
        (InvalidRequestError("", status_code=400), False),
        (AuthenticationError("", status_code=401), False),
        (ContextOverflowError("", status_code=400), False),
        (ConfigurationError(""), False),
    ],
)
def test_kinds_of_error(error: ClaudeCloudError, is_retried: bool) -> None:  # noqa: FBT001  a table
    """Connections are retried, refusals of what was asked are not."""
    assert (_policy().delay_before_retry(error, 1) is not None) == is_retried


def test_an_error_may_say_that_waiting_is_useless() -> None:
    """A quota of zero is a 429 too; so is a read timeout that was billed."""
    hopeless = RateLimitError("", status_code=429, retry_after=1.0)
    hopeless.is_retryable = False
    assert _policy().delay_before_retry(hopeless, 1) is None


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (10, 8.0)]
)
def test_backoff_grows_to_its_cap(attempt: int, ceiling: float) -> None:
    """Half a second, doubled each time, eight at most; jitter takes any part of it."""
    error = ServerError("", status_code=503)
    assert _policy(1.0).delay_before_retry(error, attempt) == ceiling
    assert _policy(0.25).delay_before_retry(error, attempt) == ceiling / 4
    assert _policy(0.0).delay_before_retry(error, attempt) == 0.0


@pytest.mark.parametrize(
    ("asked", "delay"),
    [(0.0, 0.5), (0.2, 0.5), (7.0, 7.0), (60.0, 60.0), (60.1, None), (9e9, None)],
)
def test_the_cloud_may_ask_for_more_time(asked: float, delay: float | None) -> None:
    """Never earlier than asked; a cloud that asks for more than a minute is not waited for."""
    error = RateLimitError("", status_code=429, retry_after=asked)
    assert _policy(1.0).delay_before_retry(error, 1) == delay


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_attempts_are_counted(max_retries: int, attempts: int) -> None:
    """max_retries=2 means three attempts."""
    policy, error = _policy(max_retries=max_retries), ConnectionFailedError("")
    made = 1
    while policy.delay_before_retry(error, made) is not None:
        made += 1
    assert made == attempts


def test_the_default_draw_is_random_and_within_bounds() -> None:
    """Two clients that fail together do not come back together."""
    error = ServerError("", status_code=500)
    delays = {RetryPolicy(max_retries=5).delay_before_retry(error, 1) for _ in range(20)}
    assert len(delays) > 10
    assert all(delay is not None and 0 <= delay < 0.5 for delay in delays)


@pytest.mark.parametrize("max_retries", [-1, True, 1.5, "2", None])
def test_unusable_retries_are_refused(max_retries: Any) -> None:
    """A number of retries is a number."""
    with pytest.raises(ConfigurationError, match="max_retries"):
        RetryPolicy(max_retries=max_retries)
