"""The AWS credentials that the models of a process share.

There is one source of credentials for each identity, however many models and calls use it: a
role is assumed once for all of them. The identity is what the user gave (keys, profile, session,
role, external id, the name of the role's session, the region of STS) and what the environment
and the AWS configuration files say at that time.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsSource
from langchain_claude_cloud.platform.locks import shared_lock

_LIMIT: Final = 256
_IDLE_SECONDS: Final = 3600.0
_FILES: Final = (
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
)


class AwsSources:
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
        self._sources: OrderedDict[Hashable, tuple[AwsSource, float]] = OrderedDict()
        self._lock = shared_lock()

    def get(self, identity: AwsIdentity) -> AwsSource:
        """Return the source of an identity, made on first use. No I/O but for two stat calls."""
        with self._lock:
            self._forget_idle()
            if identity.role_arn is None:
                return self._get(replace(identity, region=None), None)
            base = replace(
                identity, role_arn=None, external_id=None, role_session_name=None, region=None
            )
            return self._get(identity, self._get(base, None))

    def reset(self) -> None:
        """Forget all sources; models that have one keep it."""
        with self._lock:
            self._sources.clear()

    def __len__(self) -> int:
        """Return how many sources there are."""
        return len(self._sources)

    def _get(self, identity: AwsIdentity, base: AwsSource | None) -> AwsSource:
        # A session may not be hashable. The source keeps it, so its address stays its own.
        plain = replace(identity, session=None)
        key = (plain, id(identity.session), _surroundings())
        found = self._sources.pop(key, None)
        source = found[0] if found else AwsSource(identity, base)
        self._sources[key] = (source, self._clock())
        if len(self._sources) > self._limit:
            self._sources.popitem(last=False)
        return source

    def _forget_idle(self) -> None:
        oldest = self._clock() - self._idle
        while self._sources and next(iter(self._sources.values()))[1] < oldest:
            self._sources.popitem(last=False)


AWS_SOURCES: Final = AwsSources()
"""The sources of this process."""


def _surroundings() -> bytes:
    """Return a digest of everything in the environment that decides who signs."""
    names = sorted(name for name in os.environ if name.startswith("AWS_") or name == "HOME")
    parts = [f"{name}={os.environ[name]}" for name in names]
    for name, default in _FILES:
        try:
            status = Path(os.environ.get(name, default)).expanduser().stat()
        except (OSError, RuntimeError):
            continue
        parts.append(f"{name}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}")
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()
