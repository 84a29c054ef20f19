"""The names and statuses of errors on both clouds, and the kind of error that each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeAlias

ErrorKind: TypeAlias = Literal[
    "authentication",
    "permission",
    "not_found",
    "invalid",
    "too_large",
    "overflow",
    "rate_limit",
    "server",
    "overloaded",
    "timeout",
]
"""Which exception class an error becomes."""

_END_OF_STATUSES = 600

# AWS's names for an identity that it does not accept, all sent with 403.
_AWS_IDENTITY = (
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"),
    *("RequestTimeTooSkewed", "RequestInTheFuture"),
    *("UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"),
    *("IncompleteSignature", "IncompleteSignatureException"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
)

ERROR_TYPES: Mapping[str, tuple[int, ErrorKind, bool]] = {
    "invalid_request_error": (400, "invalid", False),
    "authentication_error": (401, "authentication", True),
    "billing_error": (402, "permission", True),
    "permission_error": (403, "permission", False),
    "not_found_error": (404, "not_found", True),
    "conflict_error": (409, "server", False),
    "request_too_large": (413, "too_large", True),
    "rate_limit_error": (429, "rate_limit", True),
    "api_error": (500, "server", False),
    "timeout_error": (504, "timeout", True),
    "overloaded_error": (529, "overloaded", True),
    "ValidationException": (400, "invalid", False),
    "ServiceQuotaExceededException": (400, "rate_limit", True),
    **dict.fromkeys(_AWS_IDENTITY, (403, "authentication", True)),
    "AccessDeniedException": (403, "permission", False),
    "OptInRequired": (403, "permission", True),
    "ResourceNotFoundException": (404, "not_found", False),
    # bedrock-runtime answers an unknown route with HTTP 200 and this name.
    "UnknownOperationException": (404, "not_found", True),
    "ModelTimeoutException": (408, "timeout", False),
    "ModelErrorException": (424, "server", False),
    "ModelStreamErrorException": (424, "server", False),
    "ThrottlingException": (429, "rate_limit", True),
    "TooManyRequestsException": (429, "rate_limit", True),
    "ModelNotReadyException": (429, "rate_limit", False),
    "InternalServerException": (500, "server", False),
    "InternalFailure": (500, "server", False),
    "ServiceUnavailableException": (503, "server", False),
    "ServiceUnavailable": (503, "server", False),
    "RESOURCE_EXHAUSTED": (429, "rate_limit", True),
    "UNAUTHENTICATED": (401, "authentication", True),
    # Of the project and its surroundings, not of the request: google.rpc.Code.
    "FAILED_PRECONDITION": (400, "permission", True),
}
"""What an error's own name stands for: a status (for where none came with it, in a stream), a
kind, and whether the name is more exact than the status it comes with. AWS answers an expired
session with 403, Anthropic an overload with 500 or 503 at times."""

STATUS_KINDS: Mapping[int, ErrorKind] = {
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "server",
    413: "too_large",
    424: "server",
    429: "rate_limit",
    504: "timeout",
    529: "overloaded",
}
"""What a status stands for where the error's name does not tell."""


def is_error_status(status: int) -> bool:
    """Whether an HTTP status says that something failed."""
    return HTTPStatus.BAD_REQUEST <= status < _END_OF_STATUSES


def status_of(error_type: str | None) -> int:
    """Return the HTTP status that an error's name stands for."""
    row = ERROR_TYPES.get(error_type or "")
    return row[0] if row else HTTPStatus.INTERNAL_SERVER_ERROR
