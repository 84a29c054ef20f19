"""Which kind of error a cloud's answer is, and whether waiting helps."""

from __future__ import annotations

import re
from http import HTTPStatus

from langchain_claude_cloud.errors.error_types import (
    ERROR_TYPES,
    STATUS_KINDS,
    ErrorKind,
    is_error_status,
)
from langchain_claude_cloud.errors.parsing import ParsedError

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


def classify(parsed: ParsedError) -> ErrorKind:
    """Return the kind of an error: by its text where it is exact, its type, its status."""
    kind = _kind_by_name(parsed)
    if kind in ("invalid", "too_large"):
        return _refine_invalid(parsed.message, kind)
    if kind == "permission" and _IDENTITY.search(parsed.message):
        return "authentication"
    return kind


def _kind_by_name(parsed: ParsedError) -> ErrorKind:
    status = parsed.status or 0
    row = ERROR_TYPES.get(parsed.error_type or "")
    if row is not None and (row[2] or status == row[0] or not is_error_status(status)):
        return row[1]
    if status in STATUS_KINDS:
        return STATUS_KINDS[status]
    return (
        "invalid"
        if is_error_status(status) and status < HTTPStatus.INTERNAL_SERVER_ERROR
        else "server"
    )


def _refine_invalid(message: str, kind: ErrorKind) -> ErrorKind:
    rules: tuple[tuple[re.Pattern[str], ErrorKind], ...] = (
        (_OVERFLOW, "overflow"),
        (_NO_SUCH_MODEL, "not_found"),
        (_NOT_ALLOWED, "permission"),
        (_IDENTITY, "authentication"),
        (_TOO_LARGE, "too_large"),
    )
    return next((refined for pattern, refined in rules if pattern.search(message)), kind)


def is_hopeless(parsed: ParsedError, kind: ErrorKind) -> bool:
    """Whether waiting does not help a throttled request: a quota of zero, a spend limit.

    Google's "Please submit a quota increase request" does not tell: a new project, whose
    quota is zero, gets the same text as one that was throttled for a minute.
    """
    if kind != "rate_limit":
        return False
    if parsed.error_type == "ServiceQuotaExceededException" or "quota=0" in parsed.reasons:
        return True
    spent = any("spend_limit" in reason for reason in parsed.reasons)
    return spent or bool(_SPENT.search(parsed.message))
