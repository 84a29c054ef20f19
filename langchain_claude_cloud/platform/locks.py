"""Locks that are released in a forked child process."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

_locks: WeakSet[threading.Lock] = WeakSet()


def shared_lock() -> threading.Lock:
    """Return a lock that a forked child finds open.

    Credentials are shared by all instances of a process; a fork while a thread renews
    them would leave the child's copy of a plain lock closed for ever.
    """
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def open_in_child(lock: object) -> None:
    """Let a forked child find a lock open that is not ours; anything else is left alone."""
    if isinstance(lock, type(threading.Lock())):
        _locks.add(lock)


def _open_locks() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  as the standard library does


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_locks)
