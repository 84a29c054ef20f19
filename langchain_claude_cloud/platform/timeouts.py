"""The timeouts of a request: for each phase, and for the whole call."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from langchain_claude_cloud.errors import ConfigurationError, RequestTimeoutError
from langchain_claude_cloud.errors.types import Cloud

# Bedrock sends no pings, so that a model that thinks is silent; Vertex sends them.
_IDLE: dict[Cloud, float] = {"bedrock": 300.0, "vertex": 120.0}
_FIELDS = ("connect", "start", "idle", "total")
# A loop's timers ring by as much too early.
_CLOCK_STEP = 0.01


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on each phase of a request, in seconds.

    Attributes:
        connect: For the connection to be made, TLS included.
        start: For the response's headers to arrive once the request is sent.
        idle: Between two pieces of the response's body.
        total: For a whole call, over all its attempts and the waits between them, until its
            answer is there or, of a stream, until its first content; None: no limit.
        remaining: Says how many seconds of ``total`` are left at the moment. It is asked whenever
            a wait begins, so it may stop to limit a stream that has content.
    """

    connect: float = 5.0
    start: float = 600.0
    idle: float = 120.0
    total: float | None = None
    remaining: Callable[[], float] = field(default=partial(float, "inf"), repr=False, compare=False)

    @classmethod
    def for_cloud(
        cls, cloud: Cloud, timeout: float | Mapping[str, float] | None = None
    ) -> Timeouts:
        """Return the timeouts for a cloud.

        Args:
            cloud: Whose default for ``idle`` applies.
            timeout: None for the defaults; a number of seconds for ``start`` and ``idle``;
                or a mapping of any of ``connect``, ``start``, ``idle`` and ``total`` to seconds.

        Returns:
            The timeouts.

        Raises:
            ConfigurationError: An unknown name, or a value that is not a positive number.
        """
        default = cls(idle=_IDLE[cloud])
        if isinstance(timeout, Mapping):
            return _from_mapping(default, timeout)
        if timeout is None:
            return default
        seconds = _seconds("timeout", timeout)
        return replace(default, start=seconds, idle=seconds)

    def within(self, remaining: Callable[[], float]) -> Timeouts:
        """Return these limits for a call of which so much time is left."""
        return replace(self, remaining=remaining)

    def bounded(self, seconds: float) -> float:
        """Return a limit, or what is left of the call's whole time if that is less.

        Raises:
            TimeoutError: Nothing is left of it.
        """
        left = self.remaining()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)

    def ran_out(self, what: str) -> RequestTimeoutError:
        """Return the error for something that was not done in the call's whole time.

        Args:
            what: What did not happen, as the beginning of a sentence.
        """
        return RequestTimeoutError(
            f"{what} within the rest of the call's {self.total:g} s. Raise "
            "timeout={'total': seconds}."
        )

    @property
    def is_over(self) -> bool:
        """Whether it is the call's whole time that ran out, not one of the limits."""
        return self.remaining() <= _CLOCK_STEP


def finite(seconds: float) -> float | None:
    """Return a time for a timer, which takes None for no limit."""
    return None if math.isinf(seconds) else seconds


def _from_mapping(default: Timeouts, timeout: Mapping[str, float]) -> Timeouts:
    unknown = [str(name) for name in timeout if name not in _FIELDS]
    if unknown:
        raise ConfigurationError(
            f"timeout has no {', '.join(map(repr, unknown))}: give seconds for "
            "'connect', 'start' (until the response begins), 'idle' (between events) or 'total' "
            "(for the whole call, retries included)."
        )
    seconds = {name: _seconds(f"timeout[{name!r}]", value) for name, value in timeout.items()}
    changed: Timeouts = replace(default, **seconds)  # type: ignore[arg-type]  # no `remaining`
    return changed


def _seconds(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, sys.float_info.max))
        if 0 < seconds < sys.float_info.max:
            return seconds
    raise ConfigurationError(
        f"{name} is {value!r}: give a positive number of seconds, or a mapping of "
        "'connect', 'start', 'idle' and 'total' to seconds."
    )
