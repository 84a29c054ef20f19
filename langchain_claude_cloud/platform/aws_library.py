"""Wraps the parts of botocore that load credentials: sessions, exceptions.

botocore is imported on first use. Asking for credentials is bounded in time, is not repeated by
botocore, since the call's own retries do that, and does not read an MFA code where there is no
terminal. An original exception is not chained to ours: it may hold the reply of a credential
service.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn, cast

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    PermissionDeniedError,
)
from langchain_claude_cloud.errors.explanation import clock_hint, is_clock_skew
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.credentials import quiet_libraries, reason_of

if TYPE_CHECKING:
    import botocore.session
    from botocore.config import Config

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 10

WAYS = (
    "Pass `profile`, `access_key_id` and `secret_access_key`, `session`, `role_arn` or "
    "`api_key`; or set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_BEARER_TOKEN_BEDROCK; or run `aws sso login` or `aws configure`; or attach a role to "
    "the instance, container or function."
)
"""What to do about missing AWS credentials."""


def client_config() -> Config:
    """Return the configuration of clients of STS, SSO and the like."""
    from botocore.config import Config  # noqa: PLC0415  costs 110 ms: on first use

    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1},
    )


def make_session(profile: str | None) -> botocore.session.Session:
    """Return a botocore session for a profile; None stands for the environment's.

    Raises:
        botocore.exceptions.ProfileNotFound: There is no such profile.
    """
    import botocore.session  # noqa: PLC0415  costs 110 ms: on first use

    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(client_config())
    if sys.stdin is None or not sys.stdin.isatty():
        provider = session.get_component("credential_provider").get_provider("assume-role")
        setattr(provider, "_prompter", _refuse_to_prompt)  # noqa: B010  botocore has no option
    return session


def _refuse_to_prompt(prompt: str) -> NoReturn:
    raise no_terminal(prompt.removeprefix("Enter MFA code for ").rstrip(": "))


def no_terminal(device: str = "") -> AuthenticationError:
    """Return the error for a profile that needs an MFA code where nobody can be asked for it."""
    of_device = f" of {device}" if device else ""
    return AuthenticationError(
        f"The AWS profile needs an MFA code{of_device} (mfa_serial), and there is no terminal to "
        "ask for it. Get temporary keys first, for example with `aws sts get-session-token "
        "--serial-number ... --token-code ...`, and pass them as `access_key_id`, "
        "`secret_access_key` and `session_token`; or pass a `session` that has them; or use a "
        "profile of `aws sso login`.",
        platform="bedrock",
    )


@contextmanager
def explained() -> Iterator[None]:
    """Turn what botocore raises into errors of ours, and keep it from logging credentials.

    Raises:
        AuthenticationError: Credentials are missing, unusable or refused.
        PermissionDeniedError: The role may not be assumed.
        ConfigurationError: The AWS configuration cannot be used.
        ConnectionFailedError: A credential service cannot be reached, or failed.
    """
    try:
        with quiet_libraries():
            yield
    except ClaudeCloudError:
        raise
    except Exception as error:  # noqa: BLE001  a session of the user's may raise anything
        raise _explanation(error) from None


def _explanation(error: Exception) -> ClaudeCloudError:
    from botocore import exceptions  # noqa: PLC0415  on first use

    kind: type[ClaudeCloudError] = AuthenticationError
    cannot = exceptions.ProfileNotFound, exceptions.PartialCredentialsError
    if isinstance(error, exceptions.ClientError):
        return _refused(cast("JsonObject", error.response), error)
    if isinstance(error, EOFError):  # a session of the user's asks for an MFA code by itself
        return no_terminal()
    if isinstance(error, (*cannot, exceptions.ParamValidationError)):
        kind = ConfigurationError
        text = f"The AWS configuration cannot be used: {reason_of(error)}."
    elif isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        kind = ConnectionFailedError
        text = (
            f"AWS's credential service cannot be reached: {reason_of(error)}. Check the network "
            "and HTTPS_PROXY; if a company's proxy re-signs TLS, set AWS_CA_BUNDLE to its "
            "certificates."
        )
    elif isinstance(error, exceptions.BotoCoreError | RuntimeError | OSError | ValueError):
        text = f"The AWS credentials cannot be used: {reason_of(error)}. {WAYS}"
    else:
        # botocore takes apart what a process or a service answered without looking at it first.
        text = (
            "The AWS credentials cannot be used: their source (credential_process, a container's "
            "or a metadata service, a custom `session`) returned something else "
            f"({type(error).__name__}). {WAYS}"
        )
    return kind(text, platform="bedrock")


def _refused(response: JsonObject, error: Exception) -> ClaudeCloudError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code.startswith("Throttl"):
        kind: type[ClaudeCloudError] = ConnectionFailedError
    else:
        kind = PermissionDeniedError if code.startswith("AccessDenied") else AuthenticationError
    reason = reason_of(error)
    remedy = (
        clock_hint()
        if is_clock_skew(reason)
        else "Check the role, its trust policy (sts:AssumeRole) and `external_id`, or log in "
        "again (aws sso login)."
    )
    return kind(
        f"AWS issued no credentials: {reason}. {remedy}",
        platform="bedrock",
        status_code=status or None,
        error_type=code or None,
    )
