"""What both clouds' platforms need: safe addresses, and locks that survive a fork.

In: addresses and identifiers from a user or the environment. Out: the same, checked so
that a credential never goes to another host or over plain HTTP.
"""

from __future__ import annotations

import os
import re
import threading
from ipaddress import ip_address
from types import TracebackType
from urllib.parse import urlsplit
from weakref import WeakSet

from langchain_claude_cloud._types import Cloud
from langchain_claude_cloud.errors import ConfigurationError

_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def check_region(region: str, *, platform: Cloud) -> str:
    """Return a region that may become part of a host name.

    Raises:
        ConfigurationError: It is not a DNS label, and would send credentials elsewhere.
    """
    if not _HOST_LABEL.fullmatch(region):
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
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        problem = "credentials go over https only (http is accepted for loopback addresses)"
    elif not host or parts.username or parts.password:
        problem = "it must name a host, without a user"
    elif parts.query or parts.fragment or "\\" in url or not url.isprintable() or " " in url:
        problem = "it must end with its path, without a query or a fragment"
    else:
        return url.rstrip("/")
    raise ConfigurationError(f"base_url of {platform} is refused: {problem}.", platform=platform)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
