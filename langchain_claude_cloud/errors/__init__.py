"""The exceptions of the package, and how a cloud's refusal becomes one of them.

Every class is also the `langchain_core.exceptions.ModelError` of its kind, so that code written
against LangChain catches it. How a refusal is parsed and explained is imported with the first one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from langchain_core import exceptions as core

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.errors.types import Cloud

if TYPE_CHECKING:
    from langchain_claude_cloud.errors import explanation, parsing
else:  # no call that succeeds needs them
    explanation = LazyModule("langchain_claude_cloud.errors.explanation")
    parsing = LazyModule("langchain_claude_cloud.errors.parsing")

__all__ = [
    "AuthenticationError",
    "ClaudeCloudError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContextOverflowError",
    "InvalidInputError",
    "InvalidRequestError",
    "LocalLimitError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "ServerError",
    "StreamInterruptedError",
    "error_from_event",
    "error_from_exception_frame",
    "error_from_response",
]


class ClaudeCloudError(core.ModelError):
    """The base class of all errors of this package.

    Args:
        message: What happened, on which platform, model and region, and what to do.
        platform: ``vertex`` or ``bedrock``.
        model: The model's id on that cloud.
        region: The region, multi-region or ``global`` that was asked.
        status_code: The HTTP status, or for an error inside a stream the status that it stands for.
            None if no cloud answered (a local timeout, a refused argument).
        error_type: The cloud's name for the error: an Anthropic ``error.type``, a Google status
            such as ``NOT_FOUND``, or an AWS exception such as ``ThrottlingException``.
        request_id: The id to quote to the cloud's support.
        retry_after: Seconds the cloud asked to wait.
        body: The body of the response, shortened and without credentials.

    Attributes:
        partial_message: The part of an answer that was received before the failure, or None.
    """

    def __init__(  # noqa: PLR0913  the attributes of one failure; keyword-only
        self,
        message: str | explanation.Explanation,
        *,
        platform: Cloud | None = None,
        model: str | None = None,
        region: str | None = None,
        status_code: int | None = None,
        error_type: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str | None = None,
    ) -> None:
        super().__init__(message)
        self.platform = platform
        self.model = model
        self.region = region
        self.status_code = status_code
        self.error_type = error_type
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body
        self.partial_message: object | None = None


class AuthenticationError(ClaudeCloudError, core.ModelAuthenticationError):
    """Credentials are missing, unusable or expired."""


class PermissionDeniedError(ClaudeCloudError, core.ModelPermissionDeniedError):
    """The identity is known, but may not use this model here."""


class NotFoundError(ClaudeCloudError, core.ModelNotFoundError):
    """The model is not served under this id in this region, or not to this project."""


class InvalidRequestError(ClaudeCloudError, core.ModelInvalidRequestError):
    """The cloud refused the request as invalid."""


class InvalidInputError(InvalidRequestError, ValueError):
    """The package refused the input before anything was sent."""


class RequestTooLargeError(InvalidRequestError):
    """The request's body is larger than the cloud accepts."""


class ContextOverflowError(InvalidRequestError, core.ContextOverflowError):
    """The prompt does not fit into the model's context window."""


class RateLimitError(ClaudeCloudError, core.ModelRateLimitError):
    """A rate limit or quota is exhausted.

    ``is_retryable`` is False if waiting does not help, as with a quota of zero or a spend limit.
    """


class ServerError(ClaudeCloudError, core.ModelAPIError):
    """The cloud failed."""


class OverloadedError(ServerError):
    """The model has no capacity at the moment."""


class ConnectionFailedError(ClaudeCloudError, core.ModelConnectionError):
    """The cloud was not reached: refused, DNS, TLS, or reset before a response."""


class LocalLimitError(ClaudeCloudError, core.ModelConnectionError):
    """This machine has no files, memory or ports left; no endpoint is at fault."""


class RequestTimeoutError(ClaudeCloudError, core.ModelTimeoutError):
    """Time ran out, here (``status_code`` is None) or at the cloud (408, 504)."""


class StreamInterruptedError(ClaudeCloudError, core.ModelConnectionError):
    """A stream broke off before the message was complete."""


class ConfigurationError(ClaudeCloudError, ValueError):
    """The configuration is refused: a constructor argument, or a missing part."""


class Place(TypedDict):
    """Where a request went.

    Attributes:
        platform: The cloud that was asked.
        model: The model's id on that cloud.
        region: The region that was asked.
    """

    platform: Cloud
    model: str | None
    region: str | None


def error_from_response(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    *,
    note_if_not_found: Callable[[str], str] | None = None,
    **place: Unpack[Place],
) -> ClaudeCloudError:
    """Turn a refused HTTP request into an exception.

    Args:
        status: The HTTP status. Where there is none, or it is no error, the one that the body's
            error stands for is taken: Bedrock answers an unknown path with 200, gateways an
            overload.
        headers: The response's headers, names in any case.
        body: The response's bytes: Google's object, the same in an array, Anthropic's
            object, AWS's ``{"message": ...}``, or something that is not JSON.
        note_if_not_found: Says what is known about a model that the cloud does not have.
        **place: What was asked.

    Returns:
        The exception, not raised.
    """
    parsed = parsing.parse_error(status, headers, body)
    return explanation.explained(parsed, place, note_if_not_found)


def error_from_event(payload: object, **place: Unpack[Place]) -> ClaudeCloudError:
    """Turn an ``error`` event inside a stream into an exception.

    Args:
        payload: The event: ``{"type": "error", "error": {"type", "message"}, ...}``, or an error in
            another form that `error_from_response` takes.
        **place: What was asked.

    Returns:
        The exception, not raised; its ``status_code`` is the one that the error stands
        for, since the response's own was 200.
    """
    try:
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        body = b""  # no cloud sent it: it is no JSON
    return error_from_response(None, {}, body, **place)


def error_from_exception_frame(
    exception_type: str, payload: bytes, **place: Unpack[Place]
) -> ClaudeCloudError:
    """Turn an exception frame of a Bedrock stream into an exception.

    Args:
        exception_type: The frame's ``:exception-type`` (or ``:error-code``).
        payload: The frame's payload: ``{"message": ...}``, and for a
            ``modelStreamErrorException`` also ``originalStatusCode`` and
            ``originalMessage``, which are what the model itself said.
        **place: What was asked.

    Returns:
        The exception, not raised.
    """
    return error_from_response(None, {"x-amzn-errortype": exception_type}, payload, **place)
