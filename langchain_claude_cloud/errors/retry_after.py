"""How long a cloud asks to wait, by a response's headers or Google's ``RetryInfo``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MILLISECONDS = ("retry-after-ms", "x-amz-retry-after")
# What a length of time or a date takes, and far less than Python is slow to read.
_LONGEST_TEXT = 64


def from_headers(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that headers ask to wait; their names are in lower case."""
    for name in _MILLISECONDS:
        if (milliseconds := _number(headers.get(name, ""))) is not None:
            return milliseconds / 1000
    plain = headers.get("retry-after", "")
    seconds = _number(plain)
    return _seconds_until(plain) if seconds is None else seconds


def from_duration(value: object) -> float | None:
    """Return the seconds of a ``google.protobuf.Duration``.

    It is ``"33s"`` or ``"0.5s"`` in JSON, an object where a proxy re-encodes.
    """
    if isinstance(value, dict):
        seconds, nanos = (_number(value.get(key, 0)) for key in ("seconds", "nanos"))
        return None if seconds is None or nanos is None else seconds + nanos / 1e9
    return _number(value.removesuffix("s")) if isinstance(value, str) else None


def clock_skew(headers: Mapping[str, str]) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the one that answered.

    Negative where it is behind; None without a usable ``date`` header. Header names are in
    lower case.
    """
    moment = _moment(headers.get("date", ""))
    return None if moment is None else (datetime.now(UTC) - moment).total_seconds()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds_until(date: str) -> float | None:
    moment = _moment(date)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date[:_LONGEST_TEXT])
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # the parser's ways to say that this is no date
