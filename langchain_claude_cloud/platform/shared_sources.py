"""The credentials that the models of a process share.

There is one source of credentials for each identity, however many models and calls use it: a
token is fetched, and a role is assumed, once for all of them. The identity is what the user gave,
and what the environment and the clouds' configuration files say at that time.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, Generic, TypeVar

from langchain_claude_cloud.platform.locks import shared_lock

S = TypeVar("S")
_LIMIT: Final = 256
_IDLE_SECONDS: Final = 3600.0


class SharedSources(Generic[S]):
    """Sources of credentials by identity: bounded, and forgotten when nobody asks for them.

    Args:
        limit: How many there are at most; the one that was asked for least recently goes.
        idle: After how many seconds without being asked for a source is forgotten.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        limit: int = _LIMIT,
        idle: float = _IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._idle, self._clock = limit, idle, clock
        self._sources: OrderedDict[Hashable, tuple[S, float]] = OrderedDict()
        self._lock = shared_lock()

    def share(self, identity: Hashable, make: Callable[[], S]) -> S:
        """Return the source of an identity, made on first use.

        Args:
            identity: Says whose it is. An object's ``id`` may be part of it where the source
                keeps the object.
            make: Makes a source, without I/O.
        """
        with self._lock:
            now = self._clock()
            found = self._sources.pop(identity, None)
            is_idle = found is not None and found[1] < now - self._idle
            source = make() if found is None or is_idle else found[0]
            self._sources[identity] = (source, now)
            while (
                len(self._sources) > self._limit
                or next(iter(self._sources.values()))[1] < now - self._idle
            ):
                self._sources.popitem(last=False)
            return source

    def reset(self) -> None:
        """Forget all sources; models that have one keep it."""
        with self._lock:
            self._sources.clear()

    def __len__(self) -> int:
        """Return how many sources there are."""
        return len(self._sources)


def surroundings(prefixes: tuple[str, ...], files: Iterable[str | None]) -> bytes:
    """Return a digest of everything in the environment that decides whose credentials are found.

    Args:
        prefixes: How the names of the variables begin.
        files: The files that are read; they may be missing.
    """
    variables = sorted(item for item in os.environ.items() if item[0].startswith(prefixes))
    parts = [f"{name}={value}" for name, value in variables]
    for path in filter(None, files):
        with suppress(OSError, RuntimeError, ValueError):
            status = Path(path).expanduser().stat()
            parts.append(f"{path}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}")
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()
