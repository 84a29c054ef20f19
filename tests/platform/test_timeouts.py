"""Timeouts: what was configured, and what is refused."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.errors import (
    ConfigurationError,
    LocalLimitError,
)
from langchain_claude_cloud.platform.timeouts import Timeouts, run_within


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
        # What a socket takes: more than 24 days are an OverflowError there.
        ("vertex", sys.maxsize, Timeouts(5.0, 1e6, 1e6)),
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


def test_no_thread_left_is_a_limit_of_this_machine() -> None:
    """A container's limit of threads; here their stacks do not fit into memory."""
    size = threading.stack_size(1 << 46)
    try:
        with pytest.raises(LocalLimitError, match="thread"):
            run_within(5.0, int)
    finally:
        threading.stack_size(size)
