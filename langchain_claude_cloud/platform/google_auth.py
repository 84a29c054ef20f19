"""Access tokens of Google Cloud, for threads and event loops alike.

They come from a google-auth credentials object, a key file's contents, or the application default
credentials: a key file, gcloud's login, workload identity, impersonation, the metadata server.

Of google-auth's credentials only ``refresh()`` and ``apply()`` are used: ``before_request()``
also starts a thread that asks iamcredentials.googleapis.com for regional access boundaries
(google/auth/credentials.py, 2.62). google-auth is imported on first use. Its transport is
``requests``, which honours HTTPS_PROXY and REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from langchain_claude_cloud import errors
from langchain_claude_cloud.config.checks import is_loopback
from langchain_claude_cloud.errors.explanation import remedy_of_login
from langchain_claude_cloud.errors.redaction import shown_path
from langchain_claude_cloud.platform import credentials as shared
from langchain_claude_cloud.platform.timeouts import run_within

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.transport.requests import Request

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""What service accounts are scoped with."""

_KEY_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"

WAYS = (
    "Run `gcloud auth application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS at "
    "a service account key or a workload identity configuration, or run on Google Cloud with "
    "a service account attached, or pass `credentials`, `credentials_info` or `access_token`."
)
"""What to do about missing Google credentials."""


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
    make = partial(GoogleSource, given, needs_project=needs_project)
    if isinstance(given, SecretStr):
        return shared.shared_source(sha256(given.get_secret_value().encode()).digest(), make)
    if given is not None:
        return shared.shared_source(id(given), make)
    home = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    files = os.environ.get(_KEY_FILE), f"{home}/application_default_credentials.json"
    says = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_METADATA_", "HOME", "APPDATA")
    return shared.shared_source(("google", needs_project), make, variables=says, files=files)


class GoogleSource(shared.CredentialSource):
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
        self._credentials: Credentials | None = None

    def headers(self) -> dict[str, str]:
        """Return the authorization headers of the current token."""
        credentials = self._credentials  # which another thread may forget
        if credentials is None:
            text = f"No Google credentials are loaded, or they were refused. {WAYS}"
            raise errors.AuthenticationError(text, platform="vertex")
        headers: dict[str, str] = {}
        with shared.explained(explanation):
            credentials.apply(headers)  # type: ignore[no-untyped-call]
        return {name.lower(): value for name, value in headers.items()}

    def _state(self) -> shared.State:
        credentials = self._credentials
        if credentials is None:
            return "INVALID"
        with shared.explained(explanation):
            return cast("shared.State", credentials.token_state.name)

    def _renew(self, *, anew: bool) -> None:
        with transport() as request, shared.explained(explanation):
            if self._credentials is None:
                # The project first: other threads see the credentials at once.
                found, self.project = _load(self._given, request, needs_project=self._needs_project)
                self._credentials = found
            # Finding the project may have taken a token already.
            if not anew and self._state() == "FRESH":
                return
            try:
                self._credentials.refresh(request)  # type: ignore[no-untyped-call]
            except Exception:
                if self._state() == "INVALID":  # a rotated key file is read again next time
                    self._credentials = None
                raise

    def _is_current(self, used: Mapping[str, str]) -> bool:
        return self._credentials is None or super()._is_current(used)


def _load(
    given: object | None, request: Request, *, needs_project: bool
) -> tuple[Credentials, str | None]:
    """Return credentials that are good for the cloud's APIs, and their project.

    Args:
        given: A google-auth credentials object, a key file's contents, or None for the
            application default credentials.
        request: The transport for what loading asks of the metadata server.
        needs_project: Whether the project must be found too.

    Raises:
        ConfigurationError: ``given`` is not google-auth's.
    """
    import google.auth  # noqa: PLC0415  costs 33 ms: on first use

    is_named = bool(os.environ.get(_KEY_FILE))
    if given is None and is_named:
        _check_path()
    if given is None and (needs_project or not is_named):
        return google.auth.default(scopes=SCOPES, request=request)
    project: str | None = getattr(given, "project_id", None)
    # What is warned about is a file of unknown origin; this one is the machine's owner's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if isinstance(given, SecretStr):
            given, project = google.auth.load_credentials_from_dict(  # type: ignore[no-untyped-call]
                json.loads(given.get_secret_value()), request=request
            )
        elif given is None:  # default() would look up a workload identity's project in any case
            given, project = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call]
                os.environ[_KEY_FILE], request=request
            )
    return _scoped(given), project


def _scoped(credentials: object) -> Credentials:
    from google.auth import credentials as google  # noqa: PLC0415  on first use

    if not isinstance(credentials, google.Credentials):
        wanted = "a google.auth.credentials.Credentials; a bare token goes into `access_token`"
        text = f"`credentials` is a {type(credentials).__name__}, not {wanted}."
        raise errors.ConfigurationError(text, platform="vertex")
    scoped: Credentials = google.with_scopes_if_required(credentials, SCOPES)  # type: ignore[no-untyped-call]
    return scoped


def _check_path() -> None:
    """Refuse what is no file, and show it only if it looks like a path.

    google-auth's own text would quote the whole value, which at times is the key itself. It is
    kept out of this frame, too: error trackers store what frames hold.
    """
    with suppress(OSError, ValueError):
        if Path(os.environ[_KEY_FILE]).is_file():
            return
    shown = shown_path(os.environ[_KEY_FILE])
    text = (
        f"No usable Google credentials: {_KEY_FILE} names {shown}, which is no file. {WAYS}"
        if shown
        else f"{_KEY_FILE} must be the path of a key file, and seems to hold its contents. Write "
        "them to a file, or pass them as Vertex(credentials_info=...)."
    )
    raise errors.AuthenticationError(text, platform="vertex")


@contextmanager
def transport(seconds: float = 10.0) -> Iterator[Request]:
    """Give google-auth's transport for a renewal.

    Args:
        seconds: How long one request may take as a whole, however slowly the answer trickles;
            google-auth's own default is 120.
    """
    import requests  # noqa: PLC0415  with the next line 190 ms: on first use
    from google.auth.exceptions import TransportError  # noqa: PLC0415
    from google.auth.transport.requests import Request as Transport  # noqa: PLC0415

    def ask(url: str, *args: object, **options: object) -> object:
        # No proxy leads to this machine, where the emulator issues tokens.
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        options.setdefault("timeout", seconds)
        try:
            return run_within(seconds, partial(given, url, *args, **options))
        except TimeoutError:
            late = TransportError(f"no answer within {seconds:g} s")  # type: ignore[no-untyped-call]
        raise late

    # A session a renewal: tokens last an hour, the token endpoint's connections do not.
    with requests.Session() as session:
        given = Transport(session)
        yield cast("Request", ask)


def explanation(error: Exception) -> errors.ClaudeCloudError:
    """Return the error of ours for what google-auth, or a user's own credentials, raised."""
    from google.auth import exceptions  # noqa: PLC0415  on first use

    # google-auth puts the endpoint's whole reply into args[1]; its text is in args[0].
    said = error if isinstance(error, OSError) else next(iter(error.args), type(error).__name__)
    reason = shared.reason_of(said)
    kind: type[errors.ClaudeCloudError] = errors.AuthenticationError
    text = f"The Google credentials failed: {type(error).__name__}: {reason}."
    if isinstance(error, exceptions.TransportError):
        kind = errors.ConnectionFailedError
        remedy = "Check the network, HTTPS_PROXY and REQUESTS_CA_BUNDLE."
        if "SOCKS" in reason:  # google-auth's library for HTTP needs another one for those
            kind = errors.ConfigurationError
            remedy = "In place of a SOCKS proxy set HTTPS_PROXY, or NO_PROXY=oauth2.googleapis.com."
        text = f"Google's token endpoint cannot be reached: {reason}. {remedy}"
    elif isinstance(error, exceptions.DefaultCredentialsError | OSError):
        text = f"No usable Google credentials: {reason}. {WAYS}"
    elif getattr(error, "retryable", False):
        kind = errors.ConnectionFailedError
        text = f"Google's token endpoint failed: {reason}. Try again."
    elif isinstance(error, exceptions.GoogleAuthError | ValueError):
        text = f"Google refused to issue a token: {reason}. {remedy_of_login(reason, WAYS)}"
    elif isinstance(error, TypeError | LookupError | AttributeError):
        # google-auth takes apart what the endpoint answered without looking at it first.
        said = "answered with something that is not a token, perhaps a proxy in its place"
        text = f"Google's token endpoint {said}. Check HTTPS_PROXY. {WAYS}"
    return kind(text, platform="vertex")
