"""Finds AWS credentials and keeps them fresh, for threads and event loops alike.

They come from explicit keys, a profile, a session, a role, or botocore's chain (environment,
role of a profile, web identity, SSO, process, files, container, instance). botocore is imported
by the first call to Bedrock, in `AwsSource.prepare`. Asking for credentials is bounded in time, is
not repeated by botocore, since the call's own retries do that, and does not read an MFA code where
there is no terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from langchain_claude_cloud import errors
from langchain_claude_cloud.errors.explanation import remedy_of_login
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform import credentials as shared
from langchain_claude_cloud.platform.shared_state import open_in_child, shared_lock

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.session import Session

T = TypeVar("T")

WAYS = (
    "Pass `profile`, `access_key_id` and `secret_access_key`, `session`, `role_arn` or "
    "`api_key`; or set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_BEARER_TOKEN_BEDROCK; or run `aws sso login` or `aws configure`; or attach a role to "
    "the instance, container or function."
)
"""What to do about missing AWS credentials."""


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
        plain = replace(identity, role_arn=None, external_id=None, role_session_name=None)
        base = aws_source(plain)
    # A session may not be hashable. The source keeps it, so its address stays its own.
    key = replace(identity, session=None), id(identity.session)
    make = partial(AwsSource, identity, base)
    config = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    keys = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    return shared.shared_source(key, make, variables=("AWS_", "HOME"), files=(config, keys))


class AwsSource(shared.CredentialSource):
    """AWS keys; `aws_source` has the one source of each identity.

    Args:
        identity: Who signs.
        base: Who assumes the identity's role, once for all that do; None where there is no role.
    """

    def __init__(self, identity: AwsIdentity, base: AwsSource | None = None) -> None:
        super().__init__()
        self._identity = identity
        self._base = base
        # Not the lock of who renews: who waited there to read would not share that one's failure.
        self._reading = shared_lock()
        self._session: Session | None = None
        self._credentials: Credentials | None = None
        self._frozen = identity.keys if identity.role_arn is None else None

    def keys(self) -> AwsKeys:
        """Return the current keys; no I/O.

        Raises:
            AuthenticationError: `prepare` was not called, or a session's credentials failed.
        """
        if self._credentials is not None and not _is_due(self._credentials):
            with shared.explained(_explanation):
                return _freeze(self._credentials)
        if self._frozen is None:
            text = "No AWS credentials are loaded yet."
            raise errors.AuthenticationError(text, platform="bedrock")
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
        with self._reading, shared.explained(_explanation):
            return reader(self._get_session())

    def found(self, *, anew: bool) -> Credentials:
        """Return botocore's credentials, which renew themselves. Blocks.

        Args:
            anew: Whether files and environment variables are read again.
        """
        with self._lock:
            if anew or self._credentials is None:
                self._renew(anew=anew)
            return cast("Credentials", self._credentials)

    def _state(self) -> shared.State:
        if self._credentials is None or not _is_due(self._credentials):
            return "INVALID" if self._frozen is None else "FRESH"
        # botocore's own mandatory refresh window; before it, a failed renewal does no harm.
        return "INVALID" if _is_due(self._credentials, 600) else "STALE"

    def _is_current(self, used: Mapping[str, str]) -> bool:
        keys = self.keys()
        return (
            f"Credential={keys.access_key_id}/" in used.get("authorization", "")
            and used.get("x-amz-security-token") == keys.session_token
        )

    def _renew(self, *, anew: bool) -> None:
        with shared.explained(_explanation):
            credentials = self._credentials
            if credentials is None or anew:
                credentials = self._find(anew=anew)
            self._frozen = _freeze(credentials)
        self._credentials = credentials
        # botocore holds a lock of its own while it renews them.
        open_in_child(getattr(credentials, "_refresh_lock", None))

    def _find(self, *, anew: bool) -> Credentials:
        from botocore import credentials as boto  # noqa: PLC0415  costs 110 ms: on first use

        identity = self._identity
        if self._base is not None:
            return self._assumed(self._base, anew=anew)
        if identity.keys is not None:
            return boto.Credentials(*astuple(identity.keys))
        if anew:
            self._session = None
        found = cast("Session", identity.session or self._get_session()).get_credentials()
        if found is None:
            text = f"No AWS credentials were found. {WAYS}"
            raise errors.AuthenticationError(text, platform="bedrock")
        return found

    def _assumed(self, base: AwsSource, *, anew: bool) -> Credentials:
        """Return the credentials of the role, which assume it when they are used first."""
        from botocore import credentials as boto  # noqa: PLC0415  costs 110 ms: on first use

        identity = self._identity
        # Newer regions' STS accepts only its own region; without any, botocore refuses.
        region = identity.region or self.setting("region") or "us-east-1"

        def create(service: str, **keys: str) -> BaseClient:
            options: dict[str, Any] = {"region_name": region, "config": _client_config(), **keys}
            return base.read(lambda session: session.create_client(service, **options))

        named = {"ExternalId": identity.external_id, "RoleSessionName": identity.role_session_name}
        extra = {name: value for name, value in named.items() if value}
        source, role = base.found(anew=anew), str(identity.role_arn)
        fetcher = boto.AssumeRoleCredentialFetcher(create, source, role, extra)
        return boto.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _get_session(self) -> Session:
        given = self._identity.session
        # A boto3 session wraps the botocore session that has the configuration.
        inner = getattr(given, "_session", given)
        if hasattr(inner, "get_config_variable"):
            return cast("Session", inner)
        if self._session is None:
            self._session = _make_session(self._identity.profile)
        return self._session


def _is_due(credentials: Credentials, within: int | None = None) -> bool:
    check: Callable[[int | None], bool] | None = getattr(credentials, "refresh_needed", None)
    return check is not None and check(within)


def _freeze(credentials: Credentials) -> AwsKeys:
    frozen = credentials.get_frozen_credentials()
    if not (frozen.access_key and frozen.secret_key):
        raise ValueError("there is no access key, or one without its secret")
    return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or None)


def _client_config() -> Config:
    """Return the configuration of clients of STS, SSO and the like."""
    from botocore.config import Config  # noqa: PLC0415  costs 110 ms: on first use

    return Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


def _make_session(profile: str | None) -> Session:
    """Return a botocore session for a profile; None stands for the environment's.

    Raises:
        botocore.exceptions.ProfileNotFound: There is no such profile.
    """
    import botocore.session  # noqa: PLC0415  costs 110 ms: on first use

    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(_client_config())
    if sys.stdin is None or not sys.stdin.isatty():
        provider = session.get_component("credential_provider").get_provider("assume-role")
        setattr(provider, "_prompter", _refuse_to_prompt)  # noqa: B010  botocore has no option
    return session


def _refuse_to_prompt(prompt: str) -> NoReturn:
    raise EOFError(prompt.removeprefix("Enter MFA code for ").rstrip(": "))


def _explanation(error: Exception) -> errors.ClaudeCloudError:
    from botocore import exceptions  # noqa: PLC0415  on first use

    kind: type[errors.ClaudeCloudError] = errors.AuthenticationError
    cannot = exceptions.ProfileNotFound, exceptions.PartialCredentialsError
    reason = shared.reason_of(error)
    text = f"The AWS credentials cannot be used: {reason}. {WAYS}"
    if isinstance(error, exceptions.ClientError):
        return _refused(cast("JsonObject", error.response), reason)
    if isinstance(error, EOFError):  # ours, or of a session of the user's that asks by itself
        text = (
            f"The AWS profile needs an MFA code ({reason}), and there is no terminal. Pass keys "
            "and `session_token` (`aws sts get-session-token`), or a profile of `aws sso login`."
        )
    elif isinstance(error, (*cannot, exceptions.ParamValidationError)):
        kind, text = errors.ConfigurationError, f"The AWS configuration cannot be used: {reason}."
    elif isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        kind = errors.ConnectionFailedError
        text = (
            f"AWS's credential service cannot be reached: {reason}. Check the network and "
            "HTTPS_PROXY; behind a proxy that re-signs TLS, set AWS_CA_BUNDLE."
        )
    elif not isinstance(error, exceptions.BotoCoreError | RuntimeError | OSError | ValueError):
        # botocore takes apart what a process or a service answered without looking at it first.
        source = "credential_process, a container's or metadata service, a `session`"
        text = f"The source of the AWS credentials ({source}) returned something else. {WAYS}"
    return kind(text, platform="bedrock")


def _refused(response: JsonObject, reason: str) -> errors.ClaudeCloudError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind: type[errors.ClaudeCloudError] = errors.AuthenticationError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code.startswith("Throttl"):
        kind = errors.ConnectionFailedError
    elif code.startswith("AccessDenied"):
        kind = errors.PermissionDeniedError
    check = "Check the role, its trust policy (sts:AssumeRole), `external_id`, or `aws sso login`."
    text = f"AWS issued no credentials: {reason}. {remedy_of_login(reason, check)}"
    return kind(text, platform="bedrock", status_code=status or None, error_type=code or None)
