"""Access tokens of Google Cloud, for threads and event loops alike.

They come from an access token, a google-auth credentials object, a key file's contents, or the
application default credentials: a key file, gcloud's login, workload identity, impersonation, the
metadata server.

Of google-auth's credentials only ``refresh()`` and ``apply()`` are used: ``before_request()``
also starts a thread that asks iamcredentials.googleapis.com for regional access boundaries
(google/auth/credentials.py, 2.62).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, cast

from pydantic import SecretStr

from langchain_claude_cloud.errors import AuthenticationError
from langchain_claude_cloud.platform.credentials import CredentialSource, State, shared_source
from langchain_claude_cloud.platform.google_library import (
    WAYS,
    GoogleCredentials,
    explained,
    load,
    transport,
)

_VARIABLES: Final = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_METADATA_", "HOME", "APPDATA")
"""How the names of the variables begin that say which default credentials are meant."""


def google_source(given: object | None = None, *, needs_project: bool = True) -> GoogleSource:
    """Return the source for what the user gave, shared by all who gave the same. Little I/O.

    Args:
        given: A google-auth credentials object, a key file's contents, or None for the
            application default credentials.
        needs_project: Whether the project must be found too. For workload identity that is
            one more request, to cloudresourcemanager.googleapis.com.

    Returns:
        The source. For application default credentials it is one per process and setting:
        a second instance neither reads the key again (38 ms) nor asks for a token.
    """

    def make() -> GoogleSource:
        return GoogleSource(given, needs_project=needs_project)

    if isinstance(given, SecretStr):
        return shared_source(sha256(given.get_secret_value().encode()).digest(), make)
    if given is not None:
        return shared_source(id(given), make)
    home = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    files = (
        os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"),
        f"{home}/application_default_credentials.json",
    )
    return shared_source(("google", needs_project), make, variables=_VARIABLES, files=files)


class GoogleSource(CredentialSource):
    """Tokens from google-auth credentials.

    Args:
        given: The credentials, a key file's contents, or None for the application default
            credentials.
        needs_project: Whether loading must find the project too.

    Attributes:
        project: The credentials' own project, or None if they have none or are not loaded.
    """

    def __init__(self, given: object | None, *, needs_project: bool = True) -> None:
        super().__init__()
        self.project: str | None = None
        self._given = given
        self._needs_project = needs_project
        self._credentials: GoogleCredentials | None = None

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

    def _state(self) -> State:
        credentials = self._credentials
        if credentials is None:
            return "INVALID"
        with explained():
            return cast("State", credentials.token_state.name)

    def _renew(self, *, anew: bool) -> None:
        with transport() as request, explained():
            if self._credentials is None:
                self._credentials, self.project = load(
                    self._given, request, needs_project=self._needs_project
                )
            # Finding the project may have taken a token already.
            if not anew and self._state() == "FRESH":
                return
            try:
                self._credentials.refresh(request)
            except Exception:
                if self._state() == "INVALID":  # a rotated key file is read again next time
                    self._credentials = None
                raise

    def _is_current(self, used: Mapping[str, str]) -> bool:
        return self._credentials is None or super()._is_current(used)
