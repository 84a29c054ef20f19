"""A lock that a forked child finds open."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from weakref import WeakSet


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
