"""What a call needs before its request can be built: credentials, and this stage's modules.

In: a platform. Out: the same, ready to sign. On an event loop whatever may block runs in a
thread, once for all tasks that wait for it. This module is light, so that a first call on
an event loop does not import httpx there.
"""

from __future__ import annotations

import importlib
from contextlib import suppress

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.base import Platform
from langchain_claude_cloud.platform.http.loops import in_single_flight

# httpcore takes its locks from anyio, which imports its side of asyncio with the first one.
_NEEDED = ("langchain_claude_cloud.platform.http.sending", "anyio._backends._asyncio")
_loaded = [False]


def prepare(platform: Platform) -> None:
    """Load or renew a platform's credentials, as `aprepare` does for tasks.

    Raises:
        ClaudeCloudError: No usable credentials.
    """
    if platform.needs_prepare():
        platform.prepare()


async def aprepare(platform: Platform) -> None:
    """Load or renew a platform's credentials, once for all tasks that wait.

    Raises:
        ClaudeCloudError: No usable credentials.
    """
    if not _loaded[0]:
        await in_single_flight(("load",), _load)
    if platform.needs_prepare():
        await in_single_flight(("prepare", id(platform)), platform.prepare)


def _load() -> None:
    """Import what sends requests, and make the TLS context: 150-250 ms of CPU together."""
    for name in _NEEDED:
        with suppress(ImportError):
            importlib.import_module(name)
    with suppress(ConfigurationError):  # It may not be needed; if it is, that says so.
        from langchain_claude_cloud.platform.http.environment import (  # noqa: PLC0415  httpx
            tls_context,
        )

        tls_context()
    _loaded[0] = True
