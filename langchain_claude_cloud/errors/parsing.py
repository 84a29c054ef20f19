"""Parse what a cloud answers when it refuses, whatever the shape it comes in.

The shapes, as recorded: Google's object ``{"error": {"code", "message", "status",
"details"}}``; the same in an array, from ``streamRawPredict`` (cline#651); Anthropic's
``{"type": "error", "error": {"type", "message"}, "request_id"}``, from Vertex and, for
Claude 4.7 and later, from Bedrock (claude-code#49648); and AWS's ``{"message"}`` with its
type in the header ``x-amzn-ErrorType``.
"""

from __future__ import annotations

import ast
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from http import HTTPStatus
from typing import Final

from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS, JsonObject

BODY_LIMIT: Final = 4_000
"""How many characters of a body an exception keeps."""

NAME_LIMIT: Final = 200
"""How many characters an error's type, a request's id or a reason has at most."""

_STATUSES: Final = {str(status): status for status in range(400, 600)}
_MOST_DETAILS: Final = 20
# What a length of time or a date takes, and far less than Python is slow to read.
_LONGEST_NUMBER: Final = 64
# Where the clouds, gateways and frameworks put what they say: the most telling first.
_TEXTS: Final = (
    *("originalMessage", "message", "Message", "error_description", "errorMessage", "faultstring"),
    *("detail", "msg", "text", "title", "error", "errors", "fault"),
)
_SIGNS: Final = ("__type", "message", "Message", "detail")
# Bedrock: "... errors: {...}"; LiteLLM: "litellm.X: YException - {...}. Received Model Group=...",
# or with b'{...}', as Python shows bytes (litellm#9733).
_INNER_JSON: Final = re.compile(
    r"\s*(?:[^{}\[\]]{0,200}"
    r"(?:(?:errors?|failed|response|returned)\s*:|(?:Exception|Error)(?: \w+)? -)\s*)?"
    r"([\[{].*?|b'.*'|b\".*\")(?:\.?\s?Received Model Group=.*)?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ParsedError:
    """An error as the cloud told it.

    Attributes:
        status: The HTTP status, or the one that an error inside a body or a stream tells.
        error_type: Anthropic's ``error.type``, Google's status, or AWS's exception name.
        message: What the cloud said, without credentials.
        request_id: The cloud's id of the request.
        retry_after: Seconds to wait, if the cloud said so.
        body: The bounded body, without credentials.
        reasons: Machine-readable refinements: Google's ``ErrorInfo.reason``, Anthropic's
            ``details.error_code``, a quota's limit as ``quota=<n>``.
    """

    status: int | None
    error_type: str | None
    message: str
    request_id: str | None = None
    retry_after: float | None = None
    body: str | None = None
    reasons: frozenset[str] = frozenset()


def parse_error(status: int | None, headers: Mapping[str, str], body: bytes) -> ParsedError:
    """Parse what a cloud answers: a refused request, or an error inside of a stream.

    Args:
        status: The HTTP status; None for an error inside of a stream.
        headers: The headers, names in any case.
        body: The bytes that say what is wrong.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    text = body[: 4 * BODY_LIMIT].decode("utf-8", "replace")
    payload = load_json(body)
    parsed = _read(payload, text)
    ids = (parsed.request_id, *(_text(lower.get(name)) for name in REQUEST_ID_HEADERS))
    wait = _retry_after(lower)
    # FastAPI, which gateways are made with, has its own form.
    is_foreign = payload is None or (isinstance(payload, dict) and set(payload) == {"detail"})
    # With FAILED_DEPENDENCY, Bedrock says that the model refused; the body says with what.
    is_own = str(status) in _STATUSES and (
        status != HTTPStatus.FAILED_DEPENDENCY or not parsed.status
    )
    return replace(
        parsed,
        status=status if is_own else parsed.status,
        error_type=_aws_name(lower.get("x-amzn-errortype")) or parsed.error_type,
        message=parsed.message or "it gave no explanation",
        request_id=next(filter(None, ids), None),
        retry_after=parsed.retry_after if wait is None else wait,
        body=clean(text, BODY_LIMIT),
        reasons=parsed.reasons
        | ({"not JSON"} if status and is_foreign and text.strip() else set()),
    )


def holds_error(body: object) -> bool:
    """Whether JSON is an error, in the form of any of the clouds and in spite of its status."""
    found = _object(body)
    # A message, and a batch job of Google or AWS, may tell of an error of their own.
    if found is None or not {"content", "state", "jobArn"}.isdisjoint(found):
        return False
    forms = (("error", str | dict), ("Output", dict), *((name, str) for name in _SIGNS))
    return found.get("type") == "error" or any(isinstance(found.get(k), form) for k, form in forms)


def load_json(body: bytes | str) -> object:
    """Return the value of JSON; None for what is none."""
    with suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


def _object(payload: object) -> JsonObject | None:
    """Return an object, or the first one of an array."""
    first = payload[0] if isinstance(payload, list) and payload else payload
    return first if isinstance(first, dict) else None


def _read(payload: object, text: str) -> ParsedError:
    told = _object(payload)
    if told is None:
        # A proxy's HTML page says most in its title.
        title = re.search(r"<title[^>]{0,99}>([^<]{0,999})", text, re.IGNORECASE)
        shown = title[1] if title else re.sub("<[^<>]*>", " ", text)
        return ParsedError(None, None, clean(" ".join(shown.split()), 300))
    output = told.get("Output")  # with status 200: {"Output": {"__type": ...}, "Version": "1.0"}
    if isinstance(output, dict) and "__type" in output:
        told = output
    error = told.get("error")
    if isinstance(error, dict):  # Google's or Anthropic's
        name = _text(error.get("type")) or _text(error.get("status"))
        status = error.get("code")
    else:
        error, status = told, told.get("originalStatusCode")
        name = _aws_name(told.get("__type")) or _aws_name(told.get("code"))
    said = _find_text(error)
    reasons, wait = _read_details(error.get("details"))
    message, request_id = _text(said, 2_000) or "", _text(told.get("request_id"))
    known = _STATUSES.get(str(status))
    return _unwrap(ParsedError(known, name, message, request_id, wait, reasons=reasons), said)


def _find_text(value: object, depth: int = 4) -> str:
    """Return what an error says, wherever it is: `{"errors": [{"message": ...}]}`, for example."""
    if isinstance(value, str) or not depth:
        return value if isinstance(value, str) else ""
    inside: Sequence[object] = ()
    if isinstance(value, dict):
        where, said = value.get("loc"), value.get("msg")
        if isinstance(where, list) and isinstance(said, str):  # FastAPI's
            return ".".join(str(part) for part in where if part != "body") + f": {said}"
        inside = [value[key] for key in _TEXTS if key in value]
    elif isinstance(value, list):
        inside = value[:_MOST_DETAILS]
    return next(filter(None, (_find_text(each, depth - 1) for each in inside)), "")


def _unwrap(parsed: ParsedError, said: str) -> ParsedError:
    """Read an error in JSON that a message consists of, or ends with after "... errors:".

    Bedrock passes on what Claude answered, a gateway what the cloud answered.
    """
    wrapped = _INNER_JSON.fullmatch(said.rstrip(" \n-"))
    text: bytes | str = wrapped[1] if wrapped else ""
    with suppress(ValueError, SyntaxError, MemoryError):
        text = ast.literal_eval(str(text)) if text[:1] == "b" else str(text).encode()
    inside = _object(load_json(text)) or {}
    if not isinstance(inside.get("error", inside.get("message")), dict | str):
        return parsed
    nested = _read(inside, "")
    told = ("error_type", "message", "request_id", "retry_after")
    more = {name: value for name in told if (value := getattr(nested, name)) not in (None, "")}
    return replace(parsed, reasons=parsed.reasons | nested.reasons, **more)


def _read_details(given: object) -> tuple[frozenset[str], float | None]:
    reasons: set[str | None] = set()
    wait: float | None = None
    details = given[:_MOST_DETAILS] if isinstance(given, list) else [given]
    for detail in (each for each in details if isinstance(each, dict)):
        reasons |= {_text(detail.get("reason")), _text(detail.get("error_code"))}
        limit = (_object(detail.get("metadata")) or {}).get("quota_limit_value")
        # A number, written as a string by those who keep to protobuf's JSON.
        reasons.add(f"quota={limit}"[:NAME_LIMIT] if isinstance(limit, str | int) else None)
        if isinstance(delay := detail.get("retryDelay"), str):
            wait = _seconds(delay)
    return frozenset(filter(None, reasons)), wait


def _aws_name(raw: object) -> str | None:
    if not isinstance(raw, str):
        return None
    # A header may append ":http://internal.amazon.com/coral/...", a body may prepend
    # "com.amazon...#", and a frame spells the name with a small first letter.
    name = _text(raw.split(":", 1)[0].rsplit("#", 1)[-1].strip())
    return name and name[0].upper() + name[1:]


def _text(value: object, limit: int = NAME_LIMIT) -> str | None:
    return clean(value, limit) if isinstance(value, str) and value else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that headers ask to wait; their names are in lower case."""
    for name in ("retry-after-ms", "x-amz-retry-after"):
        if (milliseconds := _seconds(headers.get(name))) is not None:
            return milliseconds / 1000
    plain = headers.get("retry-after", "")
    # A gateway may have added a second one; a date begins with the day and a comma.
    if (seconds := _seconds(plain.partition(",")[0])) is not None:
        return seconds
    with suppress(ValueError, TypeError, IndexError, OverflowError):  # for odd dates
        if date := parsedate_tz(plain[:_LONGEST_NUMBER]):
            return max(0.0, mktime_tz((*date[:9], date[9] or 0)) - time.time())
    return None


def _seconds(text: str | None) -> float | None:
    """Return a length of time: of a header, or a ``google.protobuf.Duration`` such as ``"33s"``."""
    number = math.nan
    if text and len(text) <= _LONGEST_NUMBER:
        with suppress(ValueError):
            number = float(text.removesuffix("s"))
    return number if 0 <= number < math.inf else None
