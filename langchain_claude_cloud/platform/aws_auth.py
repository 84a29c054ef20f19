"""Finds AWS credentials and keeps them fresh, for threads and event loops alike, and signs.

They come from explicit keys, a profile, a session, a role, or botocore's chain (environment,
role of a profile, web identity, SSO, process, files, container, instance). botocore is imported
by the first call to Bedrock, in `AwsSource.prepare`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar, cast

from langchain_claude_cloud.errors import AuthenticationError
from langchain_claude_cloud.platform.aws_library import (
    WAYS,
    client_config,
    explained,
    make_session,
)
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.credentials import (
    CredentialSource,
    State,
    quiet_libraries,
    shared_source,
)
from langchain_claude_cloud.platform.shared_state import open_in_child

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.credentials import Credentials
    from botocore.session import Session

T = TypeVar("T")
_MANDATORY_SECONDS = 600
"""botocore's own mandatory refresh window; before it, a failed renewal does no harm."""

_VARIABLES: Final = ("AWS_", "HOME")
_FILES: Final = (
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
)


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """One set of AWS credentials, frozen.

    Attributes:
        access_key_id: The access key's id.
        secret_access_key: The secret; not shown by ``repr``.
        session_token: The token of temporary credentials; not shown by ``repr``.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsIdentity:
    """Who signs: which of botocore's ways to credentials are used.

    Attributes:
        keys: Explicit keys.
        profile: A profile of the AWS configuration files.
        session: A boto3 or botocore session.
        role_arn: A role to assume with the credentials found so far.
        external_id: The role's external id.
        role_session_name: The name of the role's session.
        region: The region for STS; None: the profile's.
    """

    keys: AwsKeys | None = None
    profile: str | None = None
    session: object | None = field(default=None, repr=False)
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    region: str | None = None


def aws_source(identity: AwsIdentity) -> AwsSource:
    """Return the source of an identity, made on first use. No I/O but for two stat calls."""
    base = None
    if identity.role_arn is None:
        identity = replace(identity, region=None)
    else:
        base = aws_source(
            replace(identity, role_arn=None, external_id=None, role_session_name=None)
        )
    # A session may not be hashable. The source keeps it, so its address stays its own.
    key = replace(identity, session=None), id(identity.session)
    files = [os.environ.get(name, default) for name, default in _FILES]
    return shared_source(key, lambda: AwsSource(identity, base), variables=_VARIABLES, files=files)


class AwsSource(CredentialSource):
    """AWS keys; `aws_source` has the one source of each identity.

    Args:
        identity: Who signs.
        base: Who assumes the identity's role; None where there is no role.
    """

    def __init__(self, identity: AwsIdentity, base: AwsSource | None = None) -> None:
        super().__init__()
        self._identity = identity
        self._base = base
        self._session: Session | None = None
        self._credentials: Credentials | None = None
        self._frozen = identity.keys if identity.role_arn is None else None

    def keys(self) -> AwsKeys:
        """Return the current keys; no I/O.

        Raises:
            AuthenticationError: `prepare` was not called.
        """
        if self._credentials is not None and not _is_due(self._credentials):
            return _freeze(self._credentials)
        if self._frozen is None:
            raise AuthenticationError("No AWS credentials are loaded yet.", platform="bedrock")
        return self._frozen

    def secrets(self) -> list[str | None]:
        """Return the keys."""
        return [*astuple(self.keys())]

    def setting(self, name: str) -> object:
        """Return a variable of the AWS configuration, such as ``region``. Blocks.

        Raises:
            ConfigurationError: The profile does not exist.
        """
        own = getattr(self._identity.session, f"{name}_name", None)
        return self.read(lambda session: session.get_config_variable(name)) if own is None else own

    def read(self, reader: Callable[[Session], T]) -> T:
        """Return what a function reads from the session's configuration. Blocks."""
        if self._base is not None:
            return self._base.read(reader)
        with self._lock, explained():
            return reader(self._get_session())

    def credentials(self, *, anew: bool) -> Credentials:
        """Return botocore's credentials, which renew themselves. Blocks.

        Args:
            anew: Whether files and environment variables are read again.
        """
        with self._lock:
            if anew or self._credentials is None:
                self._renew(anew=anew)
            return cast("Credentials", self._credentials)

    def _state(self) -> State:
        if self._credentials is None or not _is_due(self._credentials):
            return "INVALID" if self._frozen is None else "FRESH"
        return "INVALID" if _is_due(self._credentials, _MANDATORY_SECONDS) else "STALE"

    def _is_current(self, used: Mapping[str, str]) -> bool:
        keys = self.keys()
        return (
            f"Credential={keys.access_key_id}/" in used.get("authorization", "")
            and used.get("x-amz-security-token") == keys.session_token
        )

    def _renew(self, *, anew: bool) -> None:
        with explained():
            credentials = self._credentials
            if credentials is None or anew:
                credentials = self._find(anew=anew)
            self._frozen = _freeze(credentials)
        self._credentials = credentials
        # botocore holds a lock of its own while it renews them.
        open_in_child(getattr(credentials, "_refresh_lock", None))

    def _find(self, *, anew: bool) -> Credentials:
        if self._base is not None:
            return _assumed(self._identity, self._base, self._base.credentials(anew=anew))
        if self._identity.keys is not None:
            from botocore import credentials as boto  # noqa: PLC0415  costs 110 ms: on first use

            return boto.Credentials(*astuple(self._identity.keys))
        if anew:
            self._session = None
        session = cast("Session", self._identity.session or self._get_session())
        found = session.get_credentials()
        if found is None:
            raise AuthenticationError(f"No AWS credentials were found. {WAYS}", platform="bedrock")
        return found

    def _get_session(self) -> Session:
        given = self._identity.session
        # A boto3 session wraps the botocore session that has the configuration.
        inner = getattr(given, "_session", given)
        if hasattr(inner, "get_config_variable"):
            return cast("Session", inner)
        if self._session is None:
            self._session = make_session(self._identity.profile)
        return self._session


def _assumed(identity: AwsIdentity, base: AwsSource, source: Credentials) -> Credentials:
    """Return the credentials of a role, which assume it when they are used first."""
    from botocore import credentials as boto  # noqa: PLC0415  costs 110 ms: on first use

    def create_client(service: str, **keys: str | None) -> BaseClient:
        def create(session: Session) -> BaseClient:
            make: Callable[..., BaseClient] = session.create_client
            # Newer regions' STS accepts only its own region; without any, botocore refuses.
            region = identity.region or session.get_config_variable("region") or "us-east-1"
            return make(service, region_name=region, config=client_config(), **keys)

        return base.read(create)

    options = {"ExternalId": identity.external_id, "RoleSessionName": identity.role_session_name}
    fetcher = boto.AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=source,
        role_arn=str(identity.role_arn),
        extra_args={name: value for name, value in options.items() if value},
    )
    return boto.DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )


def _is_due(credentials: Credentials, within: int | None = None) -> bool:
    check: Callable[[int | None], bool] | None = getattr(credentials, "refresh_needed", None)
    return check is not None and check(within)


def _freeze(credentials: Credentials) -> AwsKeys:
    frozen = credentials.get_frozen_credentials()
    if not (frozen.access_key and frozen.secret_key):
        raise AuthenticationError(
            "The AWS credentials are incomplete: the session or provider gave no access key, or "
            f"one without its secret. {WAYS}",
            platform="bedrock",
        )
    return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or None)


def sign_request(
    request: OutgoingRequest, keys: AwsKeys, region: str, service: str
) -> dict[str, str]:
    """Return the headers that sign a request by Signature Version 4.

    Only ``host``, ``content-type`` and ``x-amz*`` headers are signed: a proxy may change
    the others. Hashing the body takes about 0.8 ms a megabyte.

    Args:
        request: The request, final but for these headers.
        keys: The credentials.
        region: The region of the credential scope.
        service: The service of the credential scope, such as ``bedrock``.

    Returns:
        ``authorization``, ``x-amz-date`` and, for temporary credentials,
        ``x-amz-security-token``.
    """
    from botocore.auth import SigV4Auth  # noqa: PLC0415  costs 110 ms: on first use
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415

    signed = {
        name: value
        for name, value in request.headers.items()
        if name.lower() == "content-type" or name.lower().startswith("x-amz")
    }
    to_sign = AWSRequest(
        method=request.method, url=request.url, headers=signed, data=request.content
    )
    with quiet_libraries():  # botocore logs what it signs, with the session token
        SigV4Auth(ReadOnlyCredentials(*astuple(keys)), service, region).add_auth(to_sign)
    names = ["authorization", "x-amz-date"]
    names += ["x-amz-security-token"] if keys.session_token else []
    return {name: str(to_sign.headers[name]) for name in names}
