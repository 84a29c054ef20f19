"""Turns what botocore raises about credentials into errors that say what to do.

The original exception is not chained to them: it may hold the reply of a credential service.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import cast

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    PermissionDeniedError,
)
from langchain_claude_cloud.errors.hints import clock_hint, is_clock_skew
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.aws_sessions import no_terminal
from langchain_claude_cloud.platform.library_logging import quiet_libraries

WAYS = (
    "Pass `profile`, `access_key_id` and `secret_access_key`, `session`, `role_arn` or "
    "`api_key`; or set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_BEARER_TOKEN_BEDROCK; or run `aws sso login` or `aws configure`; or attach a role to "
    "the instance, container or function."
)
"""What to do about missing AWS credentials."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what botocore raises into errors of ours, and keep it from logging credentials.

    Raises:
        AuthenticationError: Credentials are missing, unusable or refused.
        PermissionDeniedError: The role may not be assumed.
        ConfigurationError: The AWS configuration cannot be used.
        ConnectionFailedError: A credential service cannot be reached, or failed.
    """
    from botocore import exceptions  # noqa: PLC0415  on first use

    try:
        with quiet_libraries():
            yield
    except ClaudeCloudError:
        raise
    except (
        exceptions.ProfileNotFound,
        exceptions.PartialCredentialsError,
        exceptions.ParamValidationError,
    ) as error:
        raise ConfigurationError(
            f"The AWS configuration cannot be used: {_reason(error)}.", platform="bedrock"
        ) from None
    except exceptions.ClientError as error:
        raise _refused(cast("JsonObject", error.response), error) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise ConnectionFailedError(
            f"AWS's credential service cannot be reached: {_reason(error)}. Check the network "
            "and HTTPS_PROXY; if a company's proxy re-signs TLS, set AWS_CA_BUNDLE to its "
            "certificates.",
            platform="bedrock",
        ) from None
    except (exceptions.BotoCoreError, RuntimeError, OSError, ValueError) as error:
        raise AuthenticationError(
            f"The AWS credentials cannot be used: {_reason(error)}. {WAYS}", platform="bedrock"
        ) from None
    except EOFError:  # a session of the user's asks for an MFA code by itself
        raise no_terminal() from None
    except Exception as error:  # noqa: BLE001  a session of the user's may raise anything
        # botocore takes apart what a process or a service answered without looking at it first.
        raise AuthenticationError(
            "The AWS credentials cannot be used: their source (credential_process, a "
            "container's or a metadata service, a custom `session`) returned "
            f"something else ({type(error).__name__}). {WAYS}",
            platform="bedrock",
        ) from None


def _refused(response: JsonObject, error: Exception) -> ClaudeCloudError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code.startswith("Throttl"):
        kind: type[ClaudeCloudError] = ConnectionFailedError
    else:
        kind = PermissionDeniedError if code.startswith("AccessDenied") else AuthenticationError
    reason = _reason(error)
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


def _reason(error: Exception) -> str:
    return redact(" ".join(str(error).split()))[:500].rstrip(".")
