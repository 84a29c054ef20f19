"""How long to wait for each phase of a request, and for all of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from langchain_claude_cloud.errors import ConfigurationError, RequestTimeoutError
from langchain_claude_cloud.errors.types import Cloud

# Bedrock sends no pings, so that a model that thinks is silent; Vertex sends them.
_IDLE: dict[Cloud, float] = {"bedrock": 300.0, "vertex": 120.0}
_FIELDS = ("connect", "start", "idle", "total")
# A timeout of 0 means "none" to some of those who take it.
_AT_ONCE = 0.001
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
            Whoever makes the attempts sees to it, by `within`.
    """

    connect: float = 5.0
    start: float = 600.0
    idle: float = 120.0
    total: float | None = None

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
        values: dict[str, float] = {"idle": _IDLE[cloud]}
        if isinstance(timeout, Mapping):
            values.update(_from_mapping(timeout))
        elif timeout is not None:
            seconds = _seconds("timeout", timeout)
            values.update(start=seconds, idle=seconds)
        return cls(**values)

    def within(self, remaining: Callable[[], float]) -> Timeouts:
        """Return these limits, none of which reaches beyond what is left of a call's time.

        Args:
            remaining: Says how many seconds are left at the moment. It is asked whenever a
                wait begins, so it may stop to limit a stream that has content.
        """
        return _TimeoutsWithin(self, remaining)

    @property
    def limits(self) -> Timeouts:
        """The limits as they were set."""
        return self

    @property
    def remaining(self) -> float:
        """How many seconds are left of the call's whole time; infinite without ``total``."""
        return math.inf

    def check(self) -> None:
        """Refuse to read on once the call's whole time is over, however fast pieces come.

        Raises:
            TimeoutError: It is over.
        """
        if self.remaining <= 0:
            raise TimeoutError

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
        return False


class _TimeoutsWithin(Timeouts):
    """Limits that shrink with the time that is left."""

    __slots__ = ("_limits", "_remaining")

    def __init__(self, limits: Timeouts, remaining: Callable[[], float]) -> None:
        # The base is frozen, and its fields are read through here.
        object.__setattr__(self, "total", limits.total)
        object.__setattr__(self, "_limits", limits)
        object.__setattr__(self, "_remaining", remaining)

    _limits: Timeouts
    _remaining: Callable[[], float]

    @property
    def connect(self) -> float:
        return self._bounded(self._limits.connect)

    @property
    def start(self) -> float:
        return self._bounded(self._limits.start)

    @property
    def idle(self) -> float:
        return self._bounded(self._limits.idle)

    @property
    def limits(self) -> Timeouts:
        return self._limits

    @property
    def remaining(self) -> float:
        return self._remaining()

    @property
    def is_over(self) -> bool:
        return self._remaining() <= _CLOCK_STEP

    def _bounded(self, seconds: float) -> float:
        return max(_AT_ONCE, min(seconds, self._remaining()))


def finite(seconds: float) -> float | None:
    """Return a time for a timer, which takes None for no limit."""
    return None if math.isinf(seconds) else seconds


def _from_mapping(timeout: Mapping[str, float]) -> dict[str, float]:
    unknown = [str(name) for name in timeout if name not in _FIELDS]
    if unknown:
        raise ConfigurationError(
            f"timeout has no {', '.join(map(repr, unknown))}: give seconds for "
            "'connect', 'start' (until the response begins), 'idle' (between events) or 'total' "
            "(for the whole call, retries included)."
        )
    return {name: _seconds(f"timeout[{name!r}]", value) for name, value in timeout.items()}


def _seconds(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, sys.float_info.max))
        if 0 < seconds < sys.float_info.max:
            return seconds
    raise ConfigurationError(
        f"{name} is {value!r}: give a positive number of seconds, or a mapping of "
        "'connect', 'start', 'idle' and 'total' to seconds."
    )
