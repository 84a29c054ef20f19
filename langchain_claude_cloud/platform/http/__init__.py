"""All HTTP of the package: pools of connections, sending, streams, fetching media.

httpx is imported by the first call. Before that, only this file of the folder may be imported.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import lru_cache, partial

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.timeouts import in_single_flight, in_thread


async def aload() -> None:
    """Import what sends requests, but not on the event loop."""
    if not _load.cache_info().currsize:
        await in_single_flight(("load",), partial(in_thread, _load))


@lru_cache(1)
def _load() -> None:
    """Import it, and make the TLS context: 150-250 ms of CPU together."""
    importlib.import_module("langchain_claude_cloud.platform.http.sending")
    importlib.import_module("langchain_claude_cloud.platform.http.async_transport")
    with suppress(ConfigurationError):  # It may not be needed; if it is, that says so.
        from langchain_claude_cloud.platform.http import environment  # noqa: PLC0415  imports httpx

        environment.tls_context(environment.Certificates.of_process())
