"""What the credentials of both clouds have in common.

There is one source of credentials for each identity, however many models and calls use it: a
token is fetched, and a role is assumed, once for all of them. The identity is what the user gave,
and what the environment and the clouds' configuration files say at that time.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from pydantic import SecretStr

from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError
from langchain_claude_cloud.errors.explanation import is_local_limit, local_limit
from langchain_claude_cloud.errors.redaction import redact, shown_path
from langchain_claude_cloud.platform.shared_state import ExpiringTable, shared_lock

S = TypeVar("S", bound="CredentialSource")
State = Literal["FRESH", "STALE", "INVALID"]
"""Whether credentials work, are about to expire, or are missing or expired: google-auth's words."""

_STALE_RETRY: Final = 30.0
"""Seconds between attempts to renew credentials that still work. The metadata server hands out its
cached token until about five minutes before it expires."""

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


class CredentialSource:
    """Credentials that one caller at a time renews.

    This class itself has none: it is for requests that a gateway signs.

    The clouds' libraries take no lock, or only some; here 200 cold callers make one request.
    Credentials that are about to expire are renewed by one caller while the others go on with
    them; if that fails, they are used until they have expired.
    """

    def __init__(self) -> None:
        self._lock = shared_lock()
        self._next_attempt = 0.0
        self._failure: ClaudeCloudError | None = None
        self._failures = 0

    def needs_prepare(self) -> bool:
        """Whether there are no credentials, or some that this caller should renew."""
        state = self._state()
        return state == "INVALID" or (state == "STALE" and time.monotonic() >= self._next_attempt)

    def prepare(self) -> None:
        """Find the credentials, and renew them if that is due. Blocks.

        Raises:
            AuthenticationError: There are none, or they cannot be renewed.
            PermissionDeniedError: A role may not be assumed.
            ConfigurationError: What the user or a configuration file says cannot be used.
            ConnectionFailedError: The service that issues them cannot be reached.
        """
        failures = self._failures
        if not self._lock.acquire(blocking=self._state() != "STALE"):
            return
        try:
            if not self.needs_prepare():
                return
            if self._failure is not None and self._failures > failures:
                raise copy.copy(self._failure)  # of the caller that this one waited for
            if self._state() == "STALE":
                self._next_attempt = time.monotonic() + _STALE_RETRY
            try:
                self._renew(anew=False)
            except ClaudeCloudError as error:
                if self._state() == "STALE":
                    return
                self._failure, self._failures = copy.copy(error), self._failures + 1
                # The library's exception, its frames and those here hold the request and the reply.
                error.__context__ = None
                raise error.with_traceback(None) from None
        finally:
            self._lock.release()

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Renew credentials that the cloud refused, unless another caller already did. Blocks.

        Args:
            used: The credential headers of the refused request.

        Returns:
            Whether the credentials at hand are others now.
        """
        with self._lock:
            if self._is_current(used):
                self._renew(anew=True)
            return not self._is_current(used)

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the credentials, where no signature is needed.

        Raises:
            AuthenticationError: `prepare` was not called.
        """
        return {}

    def secrets(self) -> list[str | None]:
        """Return what must not be shown.

        Raises:
            AuthenticationError: `prepare` was not called.
        """
        return [self.headers().get("authorization", "").removeprefix("Bearer ")]

    def _state(self) -> State:
        return "FRESH"

    def _renew(self, *, anew: bool) -> None:
        """Load and renew the credentials; ``anew`` after the cloud called them expired."""

    def _is_current(self, used: Mapping[str, str]) -> bool:
        return self.headers().get("authorization") == used.get("authorization")


class BearerToken(CredentialSource):
    """A token that the user brought: an access token of Google Cloud, or a Bedrock API key.

    Args:
        given: The token, which cannot be renewed, or a function that returns it. The function is
            called before the first request, again after five minutes (the token is used on if that
            fails), and when the cloud refuses the token.
    """

    def __init__(self, given: SecretStr | Callable[[], str]) -> None:
        super().__init__()
        self._provider = None if isinstance(given, SecretStr) else given
        self._token = given if isinstance(given, SecretStr) else None
        self._due = math.inf if self._provider is None else 0.0

    def headers(self) -> dict[str, str]:
        """Return the header that carries the token."""
        if self._token is None:
            raise AuthenticationError("The Bedrock API key is not loaded yet.", platform="bedrock")
        return {"authorization": f"Bearer {self._token.get_secret_value()}"}

    def _state(self) -> State:
        if time.monotonic() < self._due:
            return "FRESH"
        return "INVALID" if self._token is None else "STALE"

    def _renew(self, *, anew: bool) -> None:  # noqa: ARG002  a function is always asked anew
        if self._provider is None:
            return
        try:
            key: object = self._provider()
        except Exception as error:  # noqa: BLE001  the function is the user's
            happened = f"failed ({type(error).__name__})"
        else:
            if isinstance(key, str) and (key := key.strip()) and key.isprintable():
                self._token, self._due = SecretStr(key), time.monotonic() + 300.0
                return
            happened = "returned no key: it must return text, and must not be async"
        text = f"The function given as `api_key` {happened}."
        raise AuthenticationError(text, platform="bedrock")


SOURCES: Final[ExpiringTable[CredentialSource]] = ExpiringTable(256, time.monotonic)
"""The sources of this process, by whose they are."""


def shared_source(
    identity: Hashable,
    make: Callable[[], S],
    *,
    variables: tuple[str, ...] = (),
    files: Iterable[str | None] = (),
) -> S:
    """Return the source of an identity, made on first use. No I/O but for a stat call a file.

    A source is forgotten when nobody asks for it; models that have one keep it.

    Args:
        identity: Says whose it is. An object's ``id`` may be part of it where the source keeps
            the object.
        make: Makes a source, without I/O.
        variables: How the names of the variables begin that decide whose credentials are found.
        files: The files that do; they may be missing.
    """
    found = sorted(item for item in os.environ.items() if item[0].startswith(variables))
    parts = [f"{name}={value}" for name, value in found]
    for path in filter(None, files):
        with suppress(OSError, RuntimeError, ValueError):
            status = Path(path).expanduser().stat()
            parts.append(f"{path}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}")
    surroundings = sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()
    key = identity, surroundings
    return cast("S", SOURCES.update(key, lambda known: known or make(), 3600.0))


def reason_of(error: object) -> str:
    """Return what a cloud's library says of an error, on one line and without credentials."""
    if isinstance(error, OSError) and error.filename is not None:  # a token in place of its path
        shown = shown_path(str(error.filename)) or "what is named looks like no path"
        error = f"{error.strerror}: {shown}"
    return redact(" ".join(str(error).split()))[:500].rstrip(".")


@contextmanager
def explained(explanation: Callable[[Exception], ClaudeCloudError]) -> Iterator[None]:
    """Turn what a cloud's library raises into errors of ours, and keep credentials out of its log.

    An original exception is not chained to ours: it may hold the reply of a credential service.

    Args:
        explanation: Returns the error of ours for an exception.

    Raises:
        ClaudeCloudError: Something was raised.
    """
    try:
        with quiet_libraries():
            yield
    except ClaudeCloudError:
        raise
    except Exception as error:  # noqa: BLE001  what is the user's own may raise anything
        if is_local_limit(error):
            raise local_limit(error, "to find or renew credentials") from None
        raise explanation(error) from None


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


def _drop_credentials(record: logging.LogRecord) -> bool:
    """Drop a library's record about a credential request; of a warning drop only the traceback.

    It is a log filter.
    """
    if not _is_quiet.get():
        return True
    record.exc_info = record.exc_text = None
    return record.levelno >= logging.WARNING
