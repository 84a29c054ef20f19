"""How long to wait for what.

In: what the user gave as ``timeout``. Out: a `Timeouts`, validated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from langchain_claude_cloud._types import Cloud
from langchain_claude_cloud.errors import ConfigurationError

# Bedrock sends no pings, so that a model that thinks is silent; Vertex sends them.
_IDLE: dict[Cloud, float] = {"bedrock": 300.0, "vertex": 120.0}
_FIELDS = ("connect", "start", "idle")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on each phase of a request, in seconds; none of them limits the whole.

    Attributes:
        connect: For the connection to be made, TLS included.
        start: For the response's headers to arrive once the request is sent.
        idle: Between two pieces of the response's body.
    """

    connect: float = 5.0
    start: float = 600.0
    idle: float = 120.0

    @classmethod
    def for_cloud(
        cls, cloud: Cloud, timeout: float | Mapping[str, float] | None = None
    ) -> Timeouts:
        """Return the timeouts for a cloud.

        Args:
            cloud: Whose default for ``idle`` applies.
            timeout: None for the defaults; a number of seconds for ``start`` and ``idle``;
                or a mapping of any of ``connect``, ``start`` and ``idle`` to seconds.

        Returns:
            The timeouts.

        Raises:
            ConfigurationError: An unknown name, or a value that is not a positive number.
        """
        values = {"idle": _IDLE[cloud]}
        if isinstance(timeout, Mapping):
            values.update(_from_mapping(timeout))
        elif timeout is not None:
            seconds = _seconds("timeout", timeout)
            values.update(start=seconds, idle=seconds)
        return cls(**values)


def _from_mapping(timeout: Mapping[str, float]) -> dict[str, float]:
    unknown = [str(name) for name in timeout if name not in _FIELDS]
    if unknown:
        raise ConfigurationError(
            f"timeout has no {', '.join(map(repr, unknown))}: give seconds for "
            "'connect', 'start' (until the response begins) or 'idle' (between events)."
        )
    return {name: _seconds(f"timeout[{name!r}]", value) for name, value in timeout.items()}


def _seconds(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    raise ConfigurationError(
        f"{name} is {value!r}: give a positive number of seconds, or a mapping of "
        "'connect', 'start' and 'idle' to seconds."
    )
