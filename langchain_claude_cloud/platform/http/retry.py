"""Whether a failed request is sent again, and when.

In: the error and how often the request was tried. Out: seconds to wait, or None. Nothing
here waits or sends.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError

RETRYABLE_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

_BASE_SECONDS = 0.5
_CAP_SECONDS = 8.0
# A server that asks for more than a minute is not asking for a retry within this call.
_LONGEST_RETRY_AFTER = 60.0
_draw = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full-jitter exponential backoff that honours what the cloud asked for.

    An error is retried if it says of itself that it may be (``is_retryable``, which is
    False on a quota of zero, a spend limit and a read timeout of a non-streaming call) and
    its status, if it has one, is in `RETRYABLE_STATUSES`. That nothing is retried once
    content was handed out is for the caller to see to.

    Attributes:
        max_retries: How often at most a request is sent again.
        draw: Returns a random number in [0, 1).
    """

    max_retries: int = 2
    draw: Callable[[], float] = _draw

    def __post_init__(self) -> None:
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int):
            raise ConfigurationError(f"max_retries is {self.max_retries!r}: give a whole number.")
        if self.max_retries < 0:
            raise ConfigurationError(f"max_retries is {self.max_retries}: give 0 or more.")

    def delay_before_retry(self, error: ClaudeCloudError, attempt: int) -> float | None:
        """Return how long to wait before the request is sent again.

        Args:
            error: Why the last attempt failed.
            attempt: How many attempts were made, the failed one included: 1 or more.

        Returns:
            Seconds, or None to give up.
        """
        if attempt > self.max_retries or not is_worth_retrying(error):
            return None
        asked = error.retry_after or 0.0
        if asked > _LONGEST_RETRY_AFTER:
            return None
        ceiling = min(_CAP_SECONDS, _BASE_SECONDS * 2.0 ** min(attempt - 1, 16))
        return max(asked, self.draw() * ceiling)


def is_worth_retrying(error: ClaudeCloudError) -> bool:
    """Whether the same request, sent again to the same place, may succeed."""
    if not error.is_retryable:
        return False
    return error.status_code is None or error.status_code in RETRYABLE_STATUSES
