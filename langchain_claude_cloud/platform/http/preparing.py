"""Prepares a call before its request is built: loads the credentials and the HTTP modules.

On an event loop whatever may block runs in a thread, once for all tasks that wait for it. This
module is light, so that a first call on an event loop does not import httpx there.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.base import Platform
from langchain_claude_cloud.platform.http.loops import in_single_flight, run_within
from langchain_claude_cloud.platform.timeouts import Timeouts, finite

T = TypeVar("T")
_NO_LIMIT = Timeouts()
_NEEDED = (
    "langchain_claude_cloud.platform.http.sending",
    "langchain_claude_cloud.platform.http.async_transport",
)
_ISSUERS = {
    "bedrock": "AWS sent no credentials",
    "vertex": "Google sent no credentials",
}
_loaded = [False]


def prepare(platform: Platform, timeouts: Timeouts = _NO_LIMIT) -> None:
    """Load or renew a platform's credentials, as `aprepare` does for tasks.

    Args:
        platform: The platform.
        timeouts: Limits the wait to what is left of the call's whole time.

    Raises:
        ClaudeCloudError: No usable credentials, or not in time.
    """
    if platform.needs_prepare():
        within_call(timeouts, platform.prepare, _ISSUERS[platform.name])


async def aprepare(platform: Platform, timeouts: Timeouts = _NO_LIMIT) -> None:
    """Load or renew a platform's credentials, once for all tasks that wait.

    Args:
        platform: The platform.
        timeouts: Limits the wait to what is left of the call's whole time.

    Raises:
        ClaudeCloudError: No usable credentials, or not in time.
    """
    if not _loaded[0]:
        await in_single_flight(("load",), _load)
    if platform.needs_prepare():
        flight = in_single_flight(("prepare", platform.prepare), platform.prepare)
        await awithin_call(timeouts, flight, _ISSUERS[platform.name])


async def awithin_call(timeouts: Timeouts, work: Awaitable[T], what: str) -> T:
    """Wait for something as long as the call's whole time allows, as `within_call` does.

    Raises:
        RequestTimeoutError: It takes longer.
    """
    try:
        async with asyncio.timeout(finite(timeouts.remaining())):
            return await work
    except TimeoutError:
        late = timeouts.ran_out(what)
    raise late


def within_call(timeouts: Timeouts, work: Callable[[], T], what: str) -> T:
    """Run blocking work, in a thread of its own if the call's whole time is limited.

    Args:
        timeouts: Says how much of it is left.
        work: The work.
        what: What did not happen if it takes too long, as the beginning of a sentence.

    Raises:
        RequestTimeoutError: It takes longer.
    """
    try:
        return run_within(timeouts.remaining(), work)
    except TimeoutError:
        late = timeouts.ran_out(what)
    raise late


def _load() -> None:
    """Import what sends requests, and make the TLS context: 150-250 ms of CPU together."""
    for name in _NEEDED:
        importlib.import_module(name)
    with suppress(ConfigurationError):  # It may not be needed; if it is, that says so.
        from langchain_claude_cloud.platform.http.environment import (  # noqa: PLC0415  httpx
            tls_context,
        )

        tls_context()
    _loaded[0] = True
