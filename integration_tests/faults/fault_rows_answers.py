"""Faults of what is answered: refusals, HTTP that is wrong, bodies that are no answer."""

from __future__ import annotations

import json
from typing import Any, Final

from fault_row import BEDROCK, EVERYWHERE, VERTEX, Fault, Outcome, Row, Script, Section
from fault_wire import Answer, Break, Endpoint, Steps

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.errors.types import JsonObject

SOON: Final = 0.01
_ONCE_MORE: Final = "Ask again for the whole; what arrived is on the exception."
_LATER: Final = "Sent again by itself; if it lasts, try later or give more platforms."

# What each cloud calls a status, if the emulator is asked for nothing else.
_GOOGLE: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_AWS: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def _status(
    status: int,
    error: type[ClaudeCloudError],
    advice: str,
    says: str = "",
    *,
    retried: bool = False,
    name: str = "",
    title: str = "",
    retry_after: float | None = None,
    **settings: Any,
) -> Row:
    outcome = Outcome(error=error, retried=retried, connection="kept")
    # Claude's own name for it comes over in Claude's own shape, which Bedrock puts into its own.
    google = settings.get("error_type", _GOOGLE.get(status))
    aws = _AWS.get(status, "ModelErrorException" if "error_type" in settings else None)
    known: dict[Endpoint, str | None] = {"vertex": google, "bedrock": aws}
    names = {cloud: name for cloud, name in known.items() if name}
    emulated = {"status": status, "retry_after": retry_after, **settings}
    return Row(
        name=name or f"status-{status}",
        title=title or f"HTTP {status}",
        fault=Fault(emulated=emulated),
        whole=outcome,
        streamed=outcome,
        advice=advice,
        says=says,
        status=status,
        error_type=names,
        retry_after=retry_after,
    )


_CREDENTIALS: Final = "Renew the credentials, or check who is asking."
_RENEWED: Final = "What can be renewed is renewed first, once."

STATUSES: Final = Section(
    "The cloud refuses",
    (
        _status(400, InvalidRequestError, "The text says which field is wrong."),
        _status(401, AuthenticationError, f"{_CREDENTIALS} {_RENEWED}", "credentials"),
        _status(403, PermissionDeniedError, "Grant the permissions that the text names."),
        _status(404, NotFoundError, "Enable the model, or ask in a region that serves it."),
        _status(408, RequestTimeoutError, _LATER, "try again", retried=True),
        _status(409, ServerError, _LATER, "try again", retried=True),
        _status(
            413,
            RequestTooLargeError,
            "Send fewer or smaller files.",
            "smaller",
            message="The request is too large.",
        ),
        _status(422, InvalidRequestError, "The text says what is wrong."),
        _status(424, ServerError, "Ask again; not done by itself: the model failed on it."),
        _status(
            429,
            RateLimitError,
            "Sent again by itself, later and later; raise the quota, or give more platforms.",
            "quotas",
            retried=True,
        ),
        _status(
            429,
            RateLimitError,
            "Sent again by itself, when the cloud says so.",
            "quotas",
            retried=True,
            retry_after=SOON,
            name="status-429-soon",
            title="HTTP 429 with `retry-after`",
        ),
        _status(
            429,
            RateLimitError,
            "More than a minute is not waited for: wait, or give more platforms.",
            "quotas",
            retry_after=3600.0,
            name="status-429-late",
            title="HTTP 429 with a `retry-after` of an hour",
        ),
        _status(
            429,
            RateLimitError,
            "Waiting does not help: raise the limit.",
            "must be raised",
            name="status-429-spent",
            title="HTTP 429, a spending limit is reached",
            error_type="rate_limit_error",
            message="You have reached your spend limit.",
        ),
        _status(500, ServerError, _LATER, "try again", retried=True),
        _status(502, ServerError, _LATER, "try again", retried=True),
        _status(503, ServerError, _LATER, "try again", retried=True),
        _status(504, RequestTimeoutError, _LATER, "try again", retried=True),
        _status(
            529,
            OverloadedError,
            _LATER,
            "fail over",
            retried=True,
            error_type="overloaded_error",
        ),
    ),
)


def _body(
    name: str,
    title: str,
    script: Script,
    outcome: Outcome,
    advice: str,
    *,
    says: str = "",
    streamed: Outcome | None = None,
    status: int | None = None,
    has_id: bool = True,
    clouds: tuple[Endpoint, ...] = EVERYWHERE,
) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[script]),
        whole=outcome,
        streamed=streamed,
        advice=advice,
        says=says,
        status=status,
        has_id=has_id,
        clouds=clouds,
    )


def _plain(status: str, body: bytes, kind: str = "application/json") -> Script:
    return lambda answer: answer.plain(status, body, kind=kind)


_HTML: Final = b"<html><head><title>Sign in</title></head><body>...</body></html>"
_STRANGE: Final = Outcome(error=ServerError, connection="kept")
_NO_STREAM: Final = Outcome(error=StreamInterruptedError, retried=True, connection="closed")
_CHECK: Final = "Look at what answers in the cloud's place: `base_url`, a proxy."

BODIES: Final = Section(
    "What comes is no answer",
    (
        _body(
            "html",
            "A page in HTML, HTTP 200",
            _plain("200 OK", _HTML, "text/html"),
            _STRANGE,
            _CHECK,
            says="not of the documented form",
            status=200,
        ),
        _body(
            "empty-body",
            "An empty body, HTTP 200",
            _plain("200 OK", b""),
            _STRANGE,
            _CHECK,
            says="not of the documented form",
            status=200,
        ),
        _body(
            "other-object",
            "Another JSON object, HTTP 200",
            _plain("200 OK", b'{"status": "ok"}'),
            _STRANGE,
            _CHECK,
            says="not of the documented form",
            status=200,
        ),
        _body(
            "other-service",
            "The refusal of another AWS service, HTTP 200",
            _plain("200 OK", b'{"Output": {"__type": "UnknownOperationException"}}'),
            Outcome(error=NotFoundError, connection="kept"),
            "Check `base_url`: this address does not know the operation.",
            says="unknownoperationexception",
            status=404,
            clouds=BEDROCK,
        ),
        _body(
            "half-utf8",
            "Truncated UTF-8 in the JSON",
            lambda answer: answer.plain("200 OK", answer.json.replace(b"five.", b"fiv\xe2\x82")),
            _STRANGE,
            _CHECK,
            says="not of the documented form",
            status=200,
        ),
        _body(
            "length-too-small",
            "A content-length that is too small",
            lambda answer: [answer.head_with(length=len(answer.json) - 20), 0.1, answer.json],
            Outcome(error=ServerError),
            _CHECK,
            says="not of the documented form",
            status=200,
        ),
    ),
)


_HEADERS_OF_TWO_LENGTHS: Final = Row(
    name="two-lengths",
    title="Two content-lengths that differ",
    fault=Fault(
        wire=[
            lambda answer: [
                answer.head_with("content-length: 3", "content-length: 4") + answer.body()
            ]
        ]
    ),
    whole=Outcome(error=ConnectionFailedError, retried=True),
    streamed=Outcome(error=ConnectionFailedError, retried=True),
    advice="Look at what stands between here and the cloud.",
)
_GARBAGE: Final = Row(
    name="not-http",
    title="Something that is not HTTP",
    fault=Fault(wire=[lambda _: [b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]]),
    whole=Outcome(error=ConnectionFailedError, retried=True),
    streamed=Outcome(error=ConnectionFailedError, retried=True),
    advice="Check `base_url`, and what stands between here and the cloud.",
    says="base_url",
)
_NOT_GZIP: Final = Row(
    name="not-gzip",
    title="A body that is said to be gzip and is not",
    fault=Fault(wire=[lambda answer: [answer.head_with("content-encoding: gzip") + answer.body()]]),
    whole=Outcome(error=StreamInterruptedError, retried=True, connection="either"),
    streamed=Outcome(error=StreamInterruptedError, retried=True, connection="either"),
    advice="Look at what stands between here and the cloud.",
    has_id=True,
)


def _refusal(body: bytes, how: Break) -> Script:
    """Return a script that refuses and breaks in the body, of which only the status counts."""

    def script(answer: Answer) -> Steps:
        head = answer.plain("503 Service Unavailable", b"x" * 4_000)[0]
        return [head[:-4_000] + body, how] if isinstance(head, bytes) else []

    return script


def _broken_refusal(name: str, words: str, how: Break, **fault: Any) -> Row:
    outcome = Outcome(error=ServerError, retried=True)
    return Row(
        name=name,
        title=f"HTTP 503 whose text {words}",
        fault=Fault(wire=[_refusal(b'{"message": "Busy', how)], **fault),
        whole=outcome,
        streamed=outcome,
        advice=_LATER,
        says="try again",
        status=503,
        has_id=True,
    )


def _google_429(
    name: str, title: str, detail: JsonObject, advice: str, says: str, wait: float | None
) -> Row:
    error = {
        "code": 429,
        "message": "Quota exceeded.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [detail],
    }
    body = json.dumps([{"error": error}]).encode()
    outcome = Outcome(error=RateLimitError, retried=wait is not None, connection="kept")
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[_plain("429 Too Many Requests", body)]),
        whole=outcome,
        streamed=outcome,
        advice=advice,
        says=says,
        clouds=VERTEX,
        status=429,
        error_type={"vertex": "RESOURCE_EXHAUSTED"},
        retry_after=wait,
        has_id=True,
    )


_RPC: Final = "type.googleapis.com/google.rpc"
REFUSALS: Final = Section(
    "The cloud refuses, in other ways",
    (
        _google_429(
            "retry-info",
            "HTTP 429 with google.rpc.RetryInfo",
            {"@type": f"{_RPC}.RetryInfo", "retryDelay": f"{SOON}s"},
            "Sent again by itself, when the cloud says so.",
            "quotas",
            SOON,
        ),
        _google_429(
            "quota-of-zero",
            "HTTP 429, the quota is zero",
            {"@type": f"{_RPC}.ErrorInfo", "metadata": {"quota_limit_value": "0"}},
            "Waiting does not help: ask for quota.",
            "must be raised",
            None,
        ),
        _broken_refusal("refusal-reset", "is cut by a reset", Break.RESET),
        _broken_refusal("refusal-closed", "is cut", Break.CLOSE),
        _broken_refusal("refusal-stall", "stalls", Break.STALL, timeout={"idle": 0.5}),
        Row(
            name="refusal-html",
            title="HTTP 502, a page in HTML",
            fault=Fault(wire=[_plain("502 Bad Gateway", _HTML, "text/html")]),
            whole=Outcome(error=ServerError, retried=True, connection="kept"),
            streamed=Outcome(error=ServerError, retried=True, connection="kept"),
            advice=_LATER,
            says="sign in",
            status=502,
            has_id=True,
        ),
    ),
)

NOT_HTTP: Final = Section("The HTTP is wrong", (_GARBAGE, _HEADERS_OF_TWO_LENGTHS, _NOT_GZIP))

ANSWER_SECTIONS: Final = (STATUSES, REFUSALS, NOT_HTTP, BODIES)
