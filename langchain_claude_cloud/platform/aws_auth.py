"""Finds AWS credentials and keeps them fresh, for threads and event loops alike.

They come from explicit keys, a profile, a session, a role, or botocore's chain (environment,
role of a profile, web identity, SSO, process, files, container, instance). botocore is imported
on first use, in `AwsSource.prepare`.
"""

from __future__ import annotations

import copy
import os
import time
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar, cast

from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError
from langchain_claude_cloud.platform.aws_library import (
    WAYS,
    BotoCredentials,
    BotoSession,
    client_config,
    explained,
    make_session,
)
from langchain_claude_cloud.platform.locks import open_in_child, shared_lock
from langchain_claude_cloud.platform.shared_sources import SharedSources, surroundings
from langchain_claude_cloud.platform.sigv4 import AwsKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    import botocore.session
    from botocore.client import BaseClient

T = TypeVar("T")
_MANDATORY_SECONDS = 600
"""botocore's own mandatory refresh window; before it, a failed renewal does no harm."""

_EARLY_RETRY = 30.0


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
    session: object | None = None
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    region: str | None = None


class AwsSource:
    """Frozen AWS keys, renewed by one caller at a time.

    `AWS_SOURCES` has the one of each identity.

    Args:
        identity: Who signs.
        base: Who assumes the identity's role; None where there is no role.
    """

    def __init__(self, identity: AwsIdentity, base: AwsSource | None = None) -> None:
        self._identity = identity
        self._base = base
        self._session: botocore.session.Session | None = None
        self._credentials: BotoCredentials | None = None
        self._frozen = identity.keys if identity.role_arn is None else None
        self._next_attempt = 0.0
        self._failure: ClaudeCloudError | None = None
        self._failures = 0
        self._lock = shared_lock()

    def needs_prepare(self) -> bool:
        """Whether there are no keys, or keys that this caller should renew."""
        if self._frozen is None:
            return True
        if self._credentials is None or not _is_due(self._credentials):
            return False
        return (
            _is_due(self._credentials, _MANDATORY_SECONDS) or time.monotonic() >= self._next_attempt
        )

    def prepare(self) -> None:
        """Find the credentials, and renew them if that is due. Blocks.

        Raises:
            AuthenticationError: There are none, or they cannot be renewed.
            PermissionDeniedError: The role may not be assumed.
            ConfigurationError: The profile does not exist or is incomplete.
            ConnectionFailedError: STS, SSO or the metadata service cannot be reached.
        """
        failures = self._failures
        with self._lock:
            if not self.needs_prepare():
                return
            if self._failure is not None and self._failures > failures:
                raise copy.copy(self._failure)  # of the caller that this one waited for
            try:
                self._load(self._credentials or self._find())
            except ClaudeCloudError as error:
                self._failure, self._failures = copy.copy(error), self._failures + 1
                raise

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
        """Return what must not be shown.

        Raises:
            AuthenticationError: `prepare` was not called.
        """
        return [*astuple(self.keys())]

    def refresh(self, used: AwsKeys) -> bool:
        """Find the credentials anew after the cloud called them expired. Blocks.

        Files and environment variables are read again, a role is assumed again.

        Args:
            used: The keys of the refused request.

        Returns:
            Whether the keys at hand are others now.
        """
        with self._lock:
            if self._credentials is None:
                return False
            if self.keys() == used:
                self._load(self._find(anew=True))
            return self.keys() != used

    def credentials(self, *, anew: bool = False) -> BotoCredentials:
        """Return botocore's credentials, which renew themselves. Blocks.

        Args:
            anew: Whether files and environment variables are read again.
        """
        with self._lock:
            if anew or self._credentials is None:
                return self._load(self._find(anew=anew))
            return self._credentials

    def setting(self, name: str) -> object:
        """Return a variable of the AWS configuration, such as ``region``. Blocks.

        Raises:
            ConfigurationError: The profile does not exist.
        """
        own = getattr(self._identity.session, f"{name}_name", None)
        return self.read(lambda session: session.get_config_variable(name)) if own is None else own

    def read(self, reader: Callable[[botocore.session.Session], T]) -> T:
        """Return what a function reads from the session's configuration. Blocks."""
        if self._base is not None:
            return self._base.read(reader)
        with self._lock, explained():
            return reader(self._get_session())

    def _load(self, credentials: BotoCredentials) -> BotoCredentials:
        self._next_attempt = time.monotonic() + _EARLY_RETRY
        with explained():
            self._frozen = _freeze(credentials)
        self._credentials = credentials
        # botocore holds a lock of its own while it renews them.
        open_in_child(getattr(credentials, "_refresh_lock", None))
        return credentials

    def _find(self, *, anew: bool = False) -> BotoCredentials:
        if anew:
            self._session = None
        with explained():
            if self._base is not None:
                return _assumed(self._identity, self._base, self._base.credentials(anew=anew))
            return self._own_credentials()

    def _own_credentials(self) -> BotoCredentials:
        if self._identity.keys is not None:
            return _as_credentials(self._identity.keys)
        given = self._identity.session
        session = cast("BotoSession", self._get_session() if given is None else given)
        credentials = session.get_credentials()
        if credentials is None:
            raise AuthenticationError(f"No AWS credentials were found. {WAYS}", platform="bedrock")
        return credentials

    def _get_session(self) -> botocore.session.Session:
        given = self._identity.session
        # A boto3 session wraps the botocore session that has the configuration.
        inner = getattr(given, "_session", given)
        if hasattr(inner, "get_config_variable"):
            return cast("botocore.session.Session", inner)
        if self._session is None:
            self._session = make_session(self._identity.profile)
        return self._session


def _as_credentials(keys: AwsKeys) -> BotoCredentials:
    from botocore.credentials import Credentials  # noqa: PLC0415  costs 110 ms: on first use

    found = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    return cast("BotoCredentials", found)


def _assumed(identity: AwsIdentity, base: AwsSource, source: BotoCredentials) -> BotoCredentials:
    """Return the credentials of a role, which assume it when they are used first."""
    from botocore import credentials as boto  # noqa: PLC0415  costs 110 ms: on first use

    options = {"ExternalId": identity.external_id, "RoleSessionName": identity.role_session_name}
    fetcher = boto.AssumeRoleCredentialFetcher(
        client_creator=_client_creator(base, identity.region),
        source_credentials=source,
        role_arn=str(identity.role_arn),
        extra_args={name: value for name, value in options.items() if value},
    )
    found = boto.DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return cast("BotoCredentials", found)


def _client_creator(base: AwsSource, region: str | None) -> Callable[..., BaseClient]:
    def create(
        service: Literal["sts"],
        *,
        aws_access_key_id: str,
        aws_secret_access_key: str,
        aws_session_token: str | None,
    ) -> BaseClient:
        return base.read(
            lambda session: session.create_client(
                service,
                # Newer regions' STS accepts only its own region; without any, botocore refuses.
                region_name=region or str(session.get_config_variable("region") or "us-east-1"),
                aws_access_key_id=aws_access_key_id,
                aws_secret_access_key=aws_secret_access_key,
                aws_session_token=aws_session_token,
                config=client_config(),
            )
        )

    return create


def _is_due(credentials: BotoCredentials, within: int | None = None) -> bool:
    check: Callable[[int | None], bool] | None = getattr(credentials, "refresh_needed", None)
    return check is not None and check(within)


def _freeze(credentials: BotoCredentials) -> AwsKeys:
    frozen = credentials.get_frozen_credentials()
    if not (frozen and frozen.access_key and frozen.secret_key):
        raise AuthenticationError(
            "The AWS credentials are incomplete: the session or provider gave no access key, or "
            f"one without its secret. {WAYS}",
            platform="bedrock",
        )
    return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or None)


_VARIABLES: Final = ("AWS_", "HOME")
_FILES: Final = (
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
)


class AwsSources(SharedSources[AwsSource]):
    """Sources of AWS credentials by identity."""

    def get(self, identity: AwsIdentity) -> AwsSource:
        """Return the source of an identity, made on first use. No I/O but for two stat calls."""
        if identity.role_arn is None:
            return self._get(replace(identity, region=None), None)
        base = replace(
            identity, role_arn=None, external_id=None, role_session_name=None, region=None
        )
        return self._get(identity, self._get(base, None))

    def _get(self, identity: AwsIdentity, base: AwsSource | None) -> AwsSource:
        # A session may not be hashable. The source keeps it, so its address stays its own.
        files = [os.environ.get(name, default) for name, default in _FILES]
        key = (
            replace(identity, session=None),
            id(identity.session),
            surroundings(_VARIABLES, files),
        )
        return self.share(key, lambda: AwsSource(identity, base))


AWS_SOURCES: Final = AwsSources()
"""The sources of this process."""
