"""Which kind of error a cloud's answer is, and whether waiting helps."""

from __future__ import annotations

import re
from http import HTTPStatus

from langchain_claude_cloud.errors.known_errors import (
    ErrorKind,
    KnownError,
    is_error_status,
    known_errors,
)
from langchain_claude_cloud.errors.parsing import ParsedError
from langchain_claude_cloud.errors.types import Cloud

_SPENT = re.compile(
    r"spend(?:ing)?[ _-]limit|usage limits?\b.*regain access|credit balance is too low"
    r"|(?:tokens|requests) per day",
    re.IGNORECASE | re.DOTALL,
)

_FIELD = re.compile(
    r"(?:The model returned the following errors: ?)?"
    r"(?:messages|system|tools|tool_choice|thinking|output_config|output_format|metadata"
    r"|stop_sequences|context_management)(?:\.[\w-]+)*: ?",
    re.IGNORECASE,
)
_ABOUT_ACCOUNT: frozenset[ErrorKind | None] = frozenset(
    ("authentication", "permission", "not_found")
)


def classify(parsed: ParsedError, platform: Cloud) -> tuple[ErrorKind, KnownError | None]:
    """Return the kind of an error, and what is known about its text.

    The error's name and status give the kind; a known text may say that it is another.
    """
    kind = _kind_by_name(parsed)
    for known in known_errors().errors:
        if known.cloud in (None, platform) and kind in known.only and search(known, parsed):
            return known.kind or kind, known
    return kind, None


def search(known: KnownError, parsed: ParsedError) -> re.Match[str] | None:
    """Return where an error says what is known, in its message, its type or its reasons.

    A message that begins with a field of the request may quote what the user wrote. It is about
    that field: a known text counts right behind it only, and not if it is about the account.
    """
    field = _FIELD.match(parsed.message)
    if field:
        found = known.search(parsed.message)
        counts = found and found.start() == field.end() and known.kind not in _ABOUT_ACCOUNT
        return found if counts else None
    texts = (parsed.message, parsed.error_type or "", *sorted(parsed.reasons))
    return next((found for text in texts if (found := known.search(text))), None)


def _kind_by_name(parsed: ParsedError) -> ErrorKind:
    status = parsed.status or 0
    name = known_errors().names.get(parsed.error_type or "")
    if name and (name.is_exact or status == name.status or not is_error_status(status)):
        return name.kind
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return known_errors().statuses.get(status, "invalid" if refused else "server")


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
