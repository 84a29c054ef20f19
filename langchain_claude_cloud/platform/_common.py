"""What both clouds' platforms need: safe addresses, kept secrets, locks that survive a fork.

In: addresses and identifiers from a user or the environment. Out: the same, checked so
that a credential never goes to another host or over plain HTTP.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Final
from urllib.parse import quote
from weakref import WeakSet

from langchain_claude_cloud.config.shapes import REGION, url_problem
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud


def check_region(region: str, *, platform: Cloud) -> str:
    """Return a region that may become part of a host name.

    Raises:
        ConfigurationError: It is not a DNS label, and would send credentials elsewhere.
    """
    if not REGION.fullmatch(region):
        raise ConfigurationError(
            f"{region!r} is not a region: it must be lower-case letters, digits and hyphens.",
            platform=platform,
            region=region,
        )
    return region


def check_base_url(url: str, *, platform: Cloud) -> str:
    """Return a base URL without its trailing slash.

    Raises:
        ConfigurationError: It is not an https URL (http is for loopback only), or carries
            a user, a query or a fragment.
    """
    problem = url_problem(url)
    if problem is None:
        return url.rstrip("/")
    raise ConfigurationError(f"base_url of {platform} {problem}.", platform=platform)


def without_secrets(body: bytes, secrets: Iterable[str | None]) -> bytes:
    """Return a refusal's body without the credentials of the request that it may quote.

    Args:
        body: The body, in which gateways and debugging endpoints may echo a request.
        secrets: The credentials themselves, so that no pattern has to guess what one is.
            What is too short to be one is left alone.
    """
    for secret in secrets:
        if secret is not None and len(secret) >= _SHORTEST_SECRET:
            for form in {secret, quote(secret, safe=""), secret.replace("/", "\\/")}:
                body = body.replace(form.encode(), b"[redacted]")
    return body


_SHORTEST_SECRET: Final = 8

_TALKATIVE: Final = (
    "botocore.auth",  # the canonical request, with the session token
    "botocore.credentials",  # why a role was not assumed, as STS put it
    "botocore.endpoint",  # requests to STS with all headers, a web identity's token
    "botocore.httpsession",  # the proxy's URL, with its password
    "botocore.parsers",  # replies of STS and SSO: the new keys
    "google.auth.transport.requests",  # signed assertions, bearer tokens
)
"""Loggers of the clouds' libraries that write credentials, most of them at DEBUG (botocore
1.44, google-auth 2.62)."""

_is_quiet: ContextVar[bool] = ContextVar("langchain_claude_cloud_is_quiet", default=False)


def _drop_credentials(record: logging.LogRecord) -> bool:
    """Take what a library logs of a credential request out, or out of it: a log filter."""
    if not _is_quiet.get():
        return True
    record.exc_info = record.exc_text = None
    return record.levelno >= logging.WARNING


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the clouds' libraries from logging the credentials that they fetch for us.

    What the same libraries log about anything else, or in another thread, is left as it is.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_drop_credentials)  # adds it once
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


class SharedLock:
    """A mutex that a forked child finds open.

    Credentials are shared by all instances of a process; a fork while a thread renews
    them would leave the child's copy of a plain lock closed for ever.
    """

    def __init__(self) -> None:
        self.renew()
        _LOCKS.add(self)

    def renew(self) -> None:
        """Start over with an open lock."""
        self._lock = threading.Lock()

    def acquire(self, *, blocking: bool) -> bool:
        """Take the lock, or return False if that would wait and ``blocking`` is False."""
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


_LOCKS: WeakSet[SharedLock] = WeakSet()


def _renew_locks() -> None:
    for lock in list(_LOCKS):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
