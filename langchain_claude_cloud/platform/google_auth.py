"""Access tokens of Google Cloud, for threads and event loops alike.

They come from an access token, a google-auth credentials object, a key file's contents, or the
application default credentials: a key file, gcloud's login, workload identity, impersonation, the
metadata server.

Of google-auth's credentials only ``refresh()`` and ``apply()`` are used: ``before_request()``
also starts a thread that asks iamcredentials.googleapis.com for regional access boundaries
(google/auth/credentials.py, 2.62).
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import SecretStr

from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError
from langchain_claude_cloud.platform.google_library import (
    WAYS,
    GoogleCredentials,
    explained,
    load_default,
    load_info,
    scoped,
    transport,
)
from langchain_claude_cloud.platform.locks import shared_lock
from langchain_claude_cloud.platform.shared_sources import SharedSources, surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.transport.requests import Request

_VARIABLES: Final = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_METADATA_", "HOME", "APPDATA")
"""How the names of the variables begin that say which default credentials are meant."""

_STALE_RETRY = 30.0
"""Seconds between attempts to renew a token that still works. The metadata server hands
out its cached token until about five minutes before it expires."""


def token_source(
    credentials: object | None = None,
    access_token: SecretStr | None = None,
    *,
    credentials_info: SecretStr | None = None,
    needs_project: bool = True,
) -> TokenSource:
    """Return the source for what the user gave, shared by all who gave the same.

    Args:
        credentials: A google-auth credentials object.
        access_token: A token, which is used as it is and cannot be renewed.
        credentials_info: The contents of a key file, as JSON.
        needs_project: Whether the project must be found too. For workload identity that is
            one more request, to cloudresourcemanager.googleapis.com.

    Returns:
        The source. For application default credentials it is one per process and setting:
        a second instance neither reads the key again (38 ms) nor asks for a token.
    """
    if access_token is not None:
        return StaticToken(access_token)
    identity: tuple[object, ...]
    if credentials is not None:
        identity = ("object", id(credentials))
    elif credentials_info is not None:
        digest = hashlib.sha256(credentials_info.get_secret_value().encode()).digest()
        identity = ("info", digest)
    else:
        home = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
        files = (
            os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"),
            f"{home}/application_default_credentials.json",
        )
        identity = ("default", needs_project, surroundings(_VARIABLES, files))
    given = credentials if credentials is not None else credentials_info
    return GOOGLE_SOURCES.share(
        identity, lambda: CredentialsSource(given, needs_project=needs_project)
    )


class StaticToken:
    """A token that the user brought."""

    project: str | None = None

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def needs_prepare(self) -> bool:
        """Return False: there is nothing to load."""
        return False

    def prepare(self) -> None:
        """Do nothing."""

    def headers(self) -> dict[str, str]:
        """Return the authorization header."""
        return {"authorization": f"Bearer {self._token.get_secret_value()}"}

    def refresh(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002  the protocol's name
        """Return False: only its owner can renew the token."""
        return False


class CredentialsSource:
    """Tokens from google-auth credentials, renewed by one caller at a time.

    google-auth's ``refresh()`` takes no lock; here 200 cold callers make one token request.
    A token that is about to expire is renewed by one caller while the others go on with
    it; if that fails, it is used until it has expired.

    Args:
        credentials: The credentials, a key file's contents, or None for the application default
            credentials.
        needs_project: Whether loading must find the project too.
    """

    def __init__(self, credentials: object | None, *, needs_project: bool = True) -> None:
        self._given = credentials
        self._needs_project = needs_project
        self._credentials: GoogleCredentials | None = None
        self._project: str | None = None
        self._next_attempt = 0.0
        self._lock = shared_lock()

    @property
    def project(self) -> str | None:
        """The credentials' own project, or None if they have none or are not loaded."""
        return self._project

    def needs_prepare(self) -> bool:
        """Whether there is no token, or one that should be renewed by this caller."""
        state = self._state()
        if state == "STALE":
            return time.monotonic() >= self._next_attempt
        return state != "FRESH"

    def prepare(self) -> None:
        """Load the credentials and fetch a token. Blocks.

        Raises:
            AuthenticationError: There are no credentials, or they are refused.
            ConnectionFailedError: The token endpoint cannot be reached.
            ConfigurationError: ``credentials`` is not a google-auth object.
        """
        if self._state() == "STALE":
            self._renew_early()
            return
        with self._lock:
            if self._state() not in ("FRESH", "STALE"):
                self._renew()

    def headers(self) -> dict[str, str]:
        """Return the authorization headers of the current token."""
        credentials = self._credentials  # which another thread may forget
        if credentials is None:
            raise AuthenticationError(
                f"No Google credentials are loaded, or they were refused. {WAYS}",
                platform="vertex",
            )
        headers: dict[str, str] = {}
        with explained():
            credentials.apply(headers)
        return {name.lower(): value for name, value in headers.items()}

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Renew a token that was refused, unless another caller already did.

        Args:
            used: The headers of the refused request.

        Returns:
            Whether the token at hand is another one now.
        """
        with self._lock:
            if not self._is_current(used):
                return True
            self._renew(force=True)
            return not self._is_current(used)

    def _is_current(self, used: Mapping[str, str]) -> bool:
        if self._credentials is None:
            return True
        return self.headers().get("authorization") == used.get("authorization")

    def _state(self) -> str:
        credentials = self._credentials
        if credentials is None:
            return "INVALID"
        with explained():
            return credentials.token_state.name

    def _renew_early(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self.needs_prepare():
                self._next_attempt = time.monotonic() + _STALE_RETRY
                self._renew()
        except ClaudeCloudError:
            if self._state() == "INVALID":
                raise
        finally:
            self._lock.release()

    def _renew(self, *, force: bool = False) -> None:
        with transport() as request:
            if self._credentials is None:
                self._credentials, self._project = self._load(request)
            if not force and self._state() == "FRESH":
                return  # finding the project took a token already
            try:
                with explained():
                    self._credentials.refresh(request)
            except AuthenticationError:
                self._forget()
                raise

    def _forget(self) -> None:
        # A rotated key file is read again next time; a working token is kept.
        if self._given is None and self._state() == "INVALID":
            self._credentials = None

    def _load(self, request: Request) -> tuple[GoogleCredentials, str | None]:
        if self._given is None:
            with explained():
                return load_default(request, needs_project=self._needs_project)
        if isinstance(self._given, SecretStr):
            with explained():
                return load_info(self._given, request)
        return scoped(self._given), getattr(self._given, "project_id", None)


TokenSource: TypeAlias = StaticToken | CredentialsSource
"""Where the authorization of requests comes from."""

GOOGLE_SOURCES: Final[SharedSources[CredentialsSource]] = SharedSources()
"""The sources of this process."""
