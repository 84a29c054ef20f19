"""All HTTP of the package: pools of connections, sending, streams, fetching media.

httpx is imported by the first call. Before that, only this file of the folder may be imported.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import partial

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.timeouts import in_single_flight, in_thread

_loaded = [False]


async def aload() -> None:
    """Import what sends requests, but not on the event loop."""
    if not _loaded[0]:
        await in_single_flight(("load",), partial(in_thread, _load))


def _load() -> None:
    """Import it, and make the TLS context: 150-250 ms of CPU together."""
    importlib.import_module("langchain_claude_cloud.platform.http.sending")
    importlib.import_module("langchain_claude_cloud.platform.http.async_transport")
    with suppress(ConfigurationError):  # It may not be needed; if it is, that says so.
        from langchain_claude_cloud.platform.http.environment import (  # noqa: PLC0415  httpx
            Certificates,
            tls_context,
        )

        tls_context(Certificates.of_process())
    _loaded[0] = True
