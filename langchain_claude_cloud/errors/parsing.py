"""Read what a cloud says when it refuses.

In: a status, headers and body, an ``error`` event, or an exception frame. Out: a
`Refusal`, which is the same record whatever the shape it came in, and its `Kind`.

The shapes, as recorded: Google's object ``{"error": {"code", "message", "status",
"details"}}``; the same in an array, from ``streamRawPredict`` (cline#651); Anthropic's
``{"type": "error", "error": {"type", "message"}, "request_id"}``, from Vertex and, for
Claude 4.7 and later, from Bedrock (claude-code#49648); and AWS's ``{"message"}`` with its
type in the header ``x-amzn-ErrorType``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, TypeAlias

from langchain_claude_cloud.errors import retry_after as _retry_after
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.errors.types import JsonObject

Kind: TypeAlias = Literal[
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
"""Which exception class a refusal becomes."""

BODY_LIMIT = 4_000
"""How many characters of a body an exception keeps."""

MESSAGE_LIMIT = 2_000
"""How many characters of what the cloud said an exception quotes."""

NAME_LIMIT = 200
"""How many characters an error's type, a request's id or a reason has at most."""

_END_OF_STATUSES = 600
_READ_BYTES = 4 * BODY_LIMIT
_MOST_DETAILS = 20
_REQUEST_IDS = ("request-id", "x-amzn-requestid", "x-request-id")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal, whatever the shape it came in.

    Attributes:
        status: The HTTP status, or the one that an in-stream error stands for.
        error_type: Anthropic's ``error.type``, Google's status, or AWS's exception name.
        message: What the cloud said, without credentials.
        request_id: The cloud's id of the request.
        retry_after: Seconds to wait, if the cloud said so.
        body: The bounded body, without credentials.
        reasons: Machine-readable refinements: Google's ``ErrorInfo.reason``, Anthropic's
            ``details.error_code``, a quota's limit as ``quota=<n>``.
        clock_skew: Seconds by which this machine's clock is ahead of the cloud's, if it said.
    """

    status: int | None
    error_type: str | None
    message: str
    request_id: str | None = None
    retry_after: float | None = None
    body: str | None = None
    reasons: frozenset[str] = frozenset()
    clock_skew: float | None = None


# AWS's names for an identity that it does not accept, all sent with 403.
_AWS_IDENTITY = (
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"),
    *("RequestTimeTooSkewed", "RequestInTheFuture"),
    *("UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"),
    *("IncompleteSignature", "IncompleteSignatureException"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
)

# What an error's own name stands for where no status came with it, in a stream; and which
# names are more exact than the status they come with (the third column): AWS answers an
# expired session with 403, Anthropic an overload with 500 or 503 at times.
_TYPES: Mapping[str, tuple[int, Kind, bool]] = {
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
}

_STATUSES: Mapping[int, Kind] = {
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

_OVERFLOW = re.compile(
    r"prompt is too long"
    r"|input length and `?max_tokens`? exceed context limit"
    r"|input is too long"
    r"|too many total text bytes"
    r"|number of input tokens exceeds"
    # One way only to match each word: two would take time by the fourth power.
    r"|exceed(?:s|ed|ing)? (?:[\w'\N{RIGHT SINGLE QUOTATION MARK}]+ ){0,4}"
    r"context (?:limit|window|length)"
    r"|maximum context length",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"(?:payload|body|request) (?:size|is too large)", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(
    r"model identifier is invalid|Could not resolve the foundation model", re.IGNORECASE
)
# Google answers 400 FAILED_PRECONDITION where the project has not enabled the model:
# for the caller this is a missing permission, which another route may not have.
_NOT_ALLOWED = re.compile(r"is not allowed to use Publisher Model", re.IGNORECASE)
_IDENTITY = re.compile(
    r"security token .*\b(?:expired|invalid)\b|token has expired|API key is (?:not )?valid"
    r"|Signature expired|Signature not yet current",
    re.IGNORECASE,
)

_SPENT = re.compile(
    r"spend(?:ing)?[ _-]limit|usage limits?\b.*regain access|credit balance is too low"
    r"|(?:tokens|requests) per day",
    re.IGNORECASE | re.DOTALL,
)


def classify(refusal: Refusal) -> Kind:
    """Return the kind of a refusal: by its text where it is exact, its type, its status."""
    kind = _kind_by_name(refusal)
    if kind in ("invalid", "too_large"):
        return _refine_invalid(refusal.message, kind)
    if kind == "permission" and _IDENTITY.search(refusal.message):
        return "authentication"
    return kind


def _kind_by_name(refusal: Refusal) -> Kind:
    status = refusal.status or 0
    row = _TYPES.get(refusal.error_type or "")
    if row is not None and (row[2] or status == row[0] or not _is_refusal(status)):
        return row[1]
    if status in _STATUSES:
        return _STATUSES[status]
    return (
        "invalid" if _is_refusal(status) and status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    )


def _is_refusal(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < _END_OF_STATUSES


def _refine_invalid(message: str, kind: Kind) -> Kind:
    rules: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_OVERFLOW, "overflow"),
        (_NO_SUCH_MODEL, "not_found"),
        (_NOT_ALLOWED, "permission"),
        (_IDENTITY, "authentication"),
        (_TOO_LARGE, "too_large"),
    )
    return next((refined for pattern, refined in rules if pattern.search(message)), kind)


def is_hopeless(refusal: Refusal, kind: Kind) -> bool:
    """Whether waiting does not help a throttled request: a quota of zero, a spend limit.

    Google's "Please submit a quota increase request" does not tell: a new project, whose
    quota is zero, gets the same text as one that was throttled for a minute.
    """
    if kind != "rate_limit":
        return False
    if refusal.error_type == "ServiceQuotaExceededException" or "quota=0" in refusal.reasons:
        return True
    spent = any("spend_limit" in reason for reason in refusal.reasons)
    return spent or bool(_SPENT.search(refusal.message))


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Read a refused HTTP request."""
    lower = {name.lower(): value for name, value in headers.items()}
    text = body[:_READ_BYTES].decode("utf-8", "replace")
    refusal = _read_body(_parse(body), text)
    named = _exception_name(lower.get("x-amzn-errortype", ""))
    wait = _retry_after.from_headers(lower)
    ids = [_name(lower.get(name)) for name in _REQUEST_IDS]
    return replace(
        refusal,
        status=_effective_status(refusal, status),
        error_type=refusal.error_type if named is None else named,
        message=refusal.message or f"HTTP {status} without an explanation",
        request_id=refusal.request_id or next(filter(None, ids), None),
        retry_after=refusal.retry_after if wait is None else wait,
        body=clean(text, BODY_LIMIT),
        clock_skew=_retry_after.clock_skew(lower),
    )


def from_event(payload: JsonObject) -> Refusal:
    """Read an ``error`` event; the status is the one its type stands for."""
    refusal = _read_body(payload, "")
    try:
        text = json.dumps(payload, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = refusal.message  # nested too deeply to be written
    return _inside_stream(refusal, text)


def from_exception_frame(exception_type: str, payload: bytes) -> Refusal:
    """Read an exception frame: its type is the frame's, its text the model's own."""
    text = payload[:_READ_BYTES].decode("utf-8", "replace")
    refusal = _read_body(_parse(payload), text)
    name = _exception_name(exception_type) or refusal.error_type
    return _inside_stream(replace(refusal, error_type=name), text)


def _inside_stream(refusal: Refusal, body: str) -> Refusal:
    meant = _TYPES.get(refusal.error_type or "", (500, "server", False))[0]
    return replace(
        refusal,
        status=meant if refusal.status is None else refusal.status,
        message=refusal.message or "the stream reported an error without an explanation",
        body=clean(body, BODY_LIMIT),
    )


def _effective_status(refusal: Refusal, status: int) -> int:
    # A 424 is Bedrock saying that the model refused; the body says with what.
    if status == HTTPStatus.FAILED_DEPENDENCY and refusal.status is not None:
        return refusal.status
    return status


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _read_body(payload: object, text: str) -> Refusal:
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return Refusal(None, None, _plain_text(text))
    error = payload.get("error")
    if isinstance(error, dict):
        return _read_error_object(payload, error)
    return _read_aws(payload, error)


def _read_error_object(payload: JsonObject, error: JsonObject) -> Refusal:
    details = error.get("details")
    reasons, wait = _read_details(details if isinstance(details, list) else [details])
    return Refusal(
        status=None,
        error_type=_name(error.get("type")) or _name(error.get("status")),
        message=_text(error.get("message")) or "",
        request_id=_name(payload.get("request_id")),
        retry_after=wait,
        reasons=reasons,
    )


def _read_aws(payload: JsonObject, error: object) -> Refusal:
    keys = ("originalMessage", "message", "Message", "error_description")
    texts = [value for value in (*map(payload.get, keys), error) if isinstance(value, str)]
    message = next(filter(None, texts), "")
    original = payload.get("originalStatusCode")
    refusal = Refusal(
        status=original if isinstance(original, int) and _is_refusal(original) else None,
        error_type=_exception_name(
            _name(payload.get("__type")) or _name(payload.get("code")) or ""
        ),
        message=_text(message) or "",
    )
    return _unwrap_model_error(refusal, message)


def _unwrap_model_error(refusal: Refusal, message: str) -> Refusal:
    # "The model returned the following errors: " is Bedrock's; after it comes Claude's own
    # text or, at times, Claude's own JSON.
    _, found, inner = message.partition("The model returned the following errors:")
    parsed = _parse(inner.encode("utf-8", "replace")) if found else None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("error"), dict):
        return refusal
    nested = _read_error_object(parsed, parsed["error"])
    return replace(nested, status=refusal.status, message=nested.message or refusal.message)


def _read_details(details: list[object]) -> tuple[frozenset[str], float | None]:
    reasons: set[str] = set()
    wait: float | None = None
    for detail in details[:_MOST_DETAILS]:
        if not isinstance(detail, dict):
            continue
        metadata = detail.get("metadata")
        limit = metadata.get("quota_limit_value") if isinstance(metadata, dict) else None
        reasons.update(name for key in ("reason", "error_code") if (name := _name(detail.get(key))))
        # A number, written as a string by those who keep to protobuf's JSON.
        reasons.update([f"quota={limit}"[:NAME_LIMIT]] if isinstance(limit, str | int) else [])
        delay = _retry_after.from_duration(detail.get("retryDelay"))
        wait = delay if delay is not None else wait
    return frozenset(reasons), wait


def _exception_name(raw: str) -> str | None:
    # A header may append ":http://internal.amazon.com/coral/...", a body may prepend
    # "com.amazon...#", and a frame spells the name with a small first letter.
    name = _name(raw.split(":", 1)[0].rsplit("#", 1)[-1].strip())
    return name[0].upper() + name[1:] if name else None


def _name(value: object) -> str | None:
    return clean(value, NAME_LIMIT) if isinstance(value, str) and value else None


def _text(value: object) -> str | None:
    return clean(value, MESSAGE_LIMIT) if isinstance(value, str) and value else None


def _plain_text(text: str) -> str:
    # A proxy's HTML page says most in its title.
    title = re.search(r"<title[^>]{0,99}>([^<]{0,999})", text, re.IGNORECASE)
    return clean(" ".join((title.group(1) if title else text).split()), 300)
