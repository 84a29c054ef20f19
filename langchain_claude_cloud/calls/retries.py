"""Whether a failed request is sent again to the same place, and after how long.

Exponential backoff with full jitter, which honours what the cloud asked for.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError

RETRYABLE_STATUSES: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

_BASE_SECONDS: Final = 0.5
_CAP_SECONDS: Final = 8.0
# A server that asks for more than a minute is not asking for a retry within this call.
_LONGEST_RETRY_AFTER: Final = 60.0
_LOCAL_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


def check_max_retries(max_retries: object) -> None:
    """Refuse what is no number of retries.

    Raises:
        ConfigurationError: It is not a whole number of 0 or more.
    """
    if isinstance(max_retries, bool) or not isinstance(max_retries, int):
        raise ConfigurationError(f"max_retries is {max_retries!r}: give a whole number.")
    if max_retries < 0:
        raise ConfigurationError(f"max_retries is {max_retries}: give 0 or more.")


def delay_before_retry(
    error: ClaudeCloudError, attempt: int, max_retries: int, draw: Callable[[], float]
) -> float | None:
    """Return how many seconds to wait before the request is sent again; None to give up.

    Args:
        error: Why the last attempt failed.
        attempt: How many attempts were made, the failed one included: 1 or more.
        max_retries: How often a request is sent again at most.
        draw: Returns a random number in [0, 1).
    """
    if attempt > max_retries or not is_worth_retrying(error):
        return None
    asked = error.retry_after or 0.0
    if asked > _LONGEST_RETRY_AFTER:
        return None
    ceiling = min(_CAP_SECONDS, _BASE_SECONDS * 2.0 ** min(attempt - 1, 16))
    return max(asked, draw() * ceiling)


def is_worth_retrying(error: ClaudeCloudError) -> bool:
    """Whether the same request, sent again to the same place, may succeed.

    An error says of itself that it may be retried (``is_retryable``, which is False on a quota
    of zero, a spend limit and a read timeout of a request that is not streamed).
    """
    if not error.is_retryable:
        return False
    return error.status_code is None or error.status_code in RETRYABLE_STATUSES


def is_local_limit(error: ClaudeCloudError) -> bool:
    """Whether a limit of this machine is the reason, such as that of open files."""
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, OSError) and cause.errno in _LOCAL_LIMITS:
            return True
        cause = cause and (cause.__cause__ or cause.__context__)
    return False
