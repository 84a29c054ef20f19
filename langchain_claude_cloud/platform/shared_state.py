"""What threads share: locks that are released in a forked child, and tables that forget."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakSet

V = TypeVar("V")

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


class ExpiringTable(Generic[V]):
    """A bounded table whose entries expire; what was used least recently makes room.

    Args:
        limit: How large it is at most.
        clock: Returns the time in seconds.
        size_of: Returns how large an entry is; each counts 1 otherwise.

    Attributes:
        size: How large its entries are together.
    """

    def __init__(
        self, limit: int, clock: Callable[[], float], size_of: Callable[[V], int] = lambda _: 1
    ) -> None:
        self.size = 0
        self._limit = limit
        self._clock = clock
        self._size_of = size_of
        self._entries: OrderedDict[Hashable, tuple[V, float]] = OrderedDict()
        self._lock = shared_lock()

    def get(self, key: Hashable) -> V | None:
        """Return what is known; None if that is nothing, or it has expired."""
        with self._lock:
            return self._get(key)

    def put(self, key: Hashable, value: V, seconds: float) -> bool:
        """Keep something for some seconds; return whether it is news."""
        with self._lock:
            is_news = self._get(key) != value
            self._keep(key, value, seconds)
            return is_news

    def update(self, key: Hashable, change: Callable[[V | None], V], seconds: float) -> V:
        """Replace what is known by what a function makes of it, and return that."""
        with self._lock:
            value = change(self._get(key))
            self._keep(key, value, seconds)
            return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.size = 0

    def _get(self, key: Hashable) -> V | None:
        entry = self._entries.get(key)
        if entry is None or self._clock() >= entry[1]:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def _keep(self, key: Hashable, value: V, seconds: float) -> None:
        if key in self._entries:
            self.size -= self._size_of(self._entries.pop(key)[0])
        self._entries[key] = (value, self._clock() + seconds)
        self.size += self._size_of(value)
        while self._entries:
            first, (oldest, until) = next(iter(self._entries.items()))
            if self.size <= self._limit and self._clock() < until:
                return
            del self._entries[first]
            self.size -= self._size_of(oldest)

    def __len__(self) -> int:
        """Return how many entries there are, some that have expired included."""
        return len(self._entries)
