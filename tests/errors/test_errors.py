"""What clouds answer when they refuse, and the exception that comes of it."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from data import load_recordings, needs_data
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as core

from langchain_claude_cloud import errors
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    ContextOverflowError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
    error_from_event,
    error_from_exception_frame,
    error_from_response,
)

# By hand, from reading each body: file, line -> class, the cloud's name for it, whether a
# retry may help.
RECORDED: dict[tuple[str, int], tuple[type[ClaudeCloudError], str | None, bool]] = {
    ("anthropic", 152): (NotFoundError, "not_found_error", False),
    ("anthropic", 176): (InvalidRequestError, "invalid_request_error", False),
    ("anthropic", 301): (NotFoundError, "not_found_error", False),
    ("anthropic", 388): (OverloadedError, "overloaded_error", True),
    ("anthropic", 389): (OverloadedError, "overloaded_error", True),
    ("anthropic", 390): (OverloadedError, "overloaded_error", True),
    ("anthropic", 391): (RateLimitError, "rate_limit_error", True),
    ("anthropic", 392): (RateLimitError, "rate_limit_error", True),
    ("anthropic", 393): (AuthenticationError, "authentication_error", False),
    ("anthropic", 398): (NotFoundError, "not_found_error", False),
    ("bedrock", 38): (InvalidRequestError, None, False),
    ("bedrock", 40): (InvalidRequestError, None, False),
    ("bedrock", 47): (NotFoundError, None, False),
    ("bedrock", 48): (NotFoundError, None, False),
    ("bedrock", 64): (NotFoundError, None, False),
    ("bedrock", 65): (NotFoundError, None, False),
    ("bedrock", 66): (InvalidRequestError, "ValidationException", False),
    ("bedrock", 67): (RateLimitError, "ThrottlingException", True),
    ("bedrock", 68): (RateLimitError, "ThrottlingException", True),
    ("bedrock", 69): (PermissionDeniedError, "AccessDeniedException", False),
    ("bedrock", 70): (NotFoundError, "ResourceNotFoundException", False),
    ("bedrock", 71): (ServerError, "ServiceUnavailableException", True),
    ("bedrock", 72): (InvalidRequestError, "ValidationException", False),
    ("bedrock", 73): (NotFoundError, "ValidationException", False),
    ("bedrock", 74): (NotFoundError, "ValidationException", False),
    ("bedrock", 85): (NotFoundError, "ValidationException", False),
    ("bedrock", 87): (NotFoundError, "ValidationException", False),
    ("vertex", 10): (RateLimitError, "RESOURCE_EXHAUSTED", True),
    ("vertex", 11): (RateLimitError, "RESOURCE_EXHAUSTED", True),
    ("vertex", 12): (RateLimitError, "RESOURCE_EXHAUSTED", True),
    ("vertex", 13): (PermissionDeniedError, "FAILED_PRECONDITION", False),
    ("vertex", 14): (InvalidRequestError, "invalid_request_error", False),
    ("vertex", 15): (InvalidRequestError, "invalid_request_error", False),
    ("vertex", 16): (ContextOverflowError, "invalid_request_error", False),
    ("vertex", 17): (PermissionDeniedError, "PERMISSION_DENIED", False),
    ("vertex", 18): (PermissionDeniedError, "PERMISSION_DENIED", False),
    ("vertex", 19): (NotFoundError, "NOT_FOUND", False),
    ("vertex", 20): (InvalidRequestError, "INVALID_ARGUMENT", False),
    ("vertex", 21): (InvalidRequestError, "INVALID_ARGUMENT", False),
    ("vertex", 22): (NotFoundError, "NOT_FOUND", False),
}


def vertex(
    status: int,
    body: object,
    headers: dict[str, str] | None = None,
    *,
    region: str = "us-east5",
) -> ClaudeCloudError:
    """Return what Vertex AI's reply becomes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(
        status, headers or {}, raw, platform="vertex", model="claude-x@1", region=region
    )


def bedrock(
    status: int, body: object, headers: dict[str, str] | None = None, *, name: str | None = None
) -> ClaudeCloudError:
    """Return what Bedrock's reply becomes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**(headers or {}), **({"x-amzn-ErrorType": name} if name else {})}
    return error_from_response(
        status,
        sent,
        raw,
        platform="bedrock",
        model="us.anthropic.claude-x-v1:0",
        region="eu-west-1",
    )


def anthropic_body(kind: str, message: str, **more: object) -> dict[str, Any]:
    """Return Claude's own error object."""
    return {"type": "error", "error": {"type": kind, "message": message, **more}}


def google_body(code: int, status: str, message: str, *details: object) -> dict[str, Any]:
    """Return Google's error object."""
    return {"error": {"code": code, "message": message, "status": status, "details": [*details]}}


@needs_data
def test_every_recorded_refusal_has_the_class_a_reader_gave_it() -> None:
    """Each recorded body maps as the table says, and the table has no gaps."""
    rows = [row for row in load_recordings() if (row["status"] or 0) >= 400]
    assert {(row["file"], row["line"]) for row in rows} == set(RECORDED)
    for row in rows:
        platform = "bedrock" if row["platform"] == "bedrock" else "vertex"
        error = error_from_response(
            row["status"], row["headers"], row["body"], platform=platform, model="m", region="r"
        )
        expected, error_type, retryable = RECORDED[row["file"], row["line"]]
        where = f"{row['file']} line {row['line']}"
        assert type(error) is expected, where
        assert error.error_type == error_type, where
        assert error.is_retryable is retryable, where
        assert error.status_code == row["status"], where
        payload = json.loads(row["body"])
        payload = payload[0] if isinstance(payload, list) else payload
        said = payload.get("message") or payload["error"]["message"]
        assert said in str(error), where


@pytest.mark.parametrize(
    ("ours", "kind", "retryable"),
    [
        (AuthenticationError, core.ModelAuthenticationError, False),
        (PermissionDeniedError, core.ModelPermissionDeniedError, False),
        (NotFoundError, core.ModelNotFoundError, False),
        (InvalidRequestError, core.ModelInvalidRequestError, False),
        (InvalidInputError, core.ModelInvalidRequestError, False),
        (RequestTooLargeError, core.ModelInvalidRequestError, False),
        (ContextOverflowError, core.ContextOverflowError, False),
        (RateLimitError, core.ModelRateLimitError, True),
        (ServerError, core.ModelAPIError, True),
        (OverloadedError, core.ModelAPIError, True),
        (ConnectionFailedError, core.ModelConnectionError, True),
        (RequestTimeoutError, core.ModelTimeoutError, True),
        (StreamInterruptedError, core.ModelConnectionError, True),
        (ConfigurationError, core.ModelError, False),
    ],
)
def test_each_class_is_langchains_class_too(
    ours: type[ClaudeCloudError], kind: type[Exception], *, retryable: bool
) -> None:
    """Code that catches LangChain's exceptions catches ours; refused input is a ValueError."""
    assert issubclass(ours, ClaudeCloudError)
    assert issubclass(ours, kind)
    assert ours("text").is_retryable is retryable
    assert issubclass(ours, ValueError) is (ours in (InvalidInputError, ConfigurationError))


def test_an_exception_keeps_its_attributes_through_pickle_and_copy() -> None:
    """Everything that was set comes back, the partial message and instance flags too."""
    error = vertex(429, anthropic_body("rate_limit_error", "You have reached your spend limit."))
    error.partial_message = {"content": "half"}
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301  own bytes
        assert type(twin) is RateLimitError
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
        assert twin.is_retryable is False


@pytest.mark.parametrize("wrap", [False, True], ids=["object", "array"])
def test_google_errors_read_the_same_as_object_and_as_array(*, wrap: bool) -> None:
    """The error of streamRawPredict is wrapped in an array; nothing of it is lost."""
    body: object = google_body(404, "NOT_FOUND", "Publisher Model x not found.")
    error = vertex(404, [body] if wrap else body)
    assert type(error) is NotFoundError
    assert error.error_type == "NOT_FOUND"
    assert "Publisher Model x not found." in str(error)


def test_a_vertex_404_names_model_garden_the_region_and_global() -> None:
    """The message says where the model may be missing and where it is served."""
    text = str(vertex(404, google_body(404, "NOT_FOUND", "not found"), region="us-east5"))
    for part in ("Vertex AI", "Model Garden", "us-east5", "global", "claude-x@1"):
        assert part in text


@pytest.mark.parametrize("region", ["us-east5", "global"])
def test_a_vertex_429_names_quotas_and_the_global_endpoint(region: str) -> None:
    """A throttled caller learns of quotas, and of endpoints with quotas of their own."""
    text = str(vertex(429, anthropic_body("rate_limit_error", "slow down"), region=region))
    assert "quotas" in text
    assert "`global` endpoint" in text


def test_a_bedrock_429_names_quotas_and_the_global_profile() -> None:
    """The same on Bedrock, in Bedrock's words."""
    text = str(bedrock(429, {"message": "Too many requests"}, name="ThrottlingException"))
    assert "Service Quotas" in text
    assert 'inference_profile="global"' in text


def test_on_demand_throughput_names_the_inference_profiles() -> None:
    """The 400 that everybody meets first says which id to use instead."""
    message = "Invocation of model ID anthropic.claude-x-v1:0 with on-demand throughput isn\u2019t supported."
    error = bedrock(400, {"message": message}, name="ValidationException")
    assert type(error) is InvalidRequestError
    assert "global.anthropic.claude-x-v1:0" in str(error)
    assert 'inference_profile="auto"' in str(error)


def test_permission_errors_name_the_permissions() -> None:
    """A 403 says what to grant."""
    google = vertex(403, google_body(403, "PERMISSION_DENIED", "denied"))
    assert "aiplatform.endpoints.predict" in str(google)
    amazon = bedrock(403, {"message": "not authorized"}, name="AccessDeniedException")
    assert "bedrock:InvokeModelWithResponseStream" in str(amazon)
    assert type(google) is type(amazon) is PermissionDeniedError


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("SERVICE_DISABLED", "aiplatform.googleapis.com"),
        ("BILLING_DISABLED", "billing"),
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "auth/cloud-platform"),
        ("CONSUMER_INVALID", "`project`"),
    ],
)
def test_googles_reason_chooses_the_remedy(reason: str, remedy: str) -> None:
    """The machine-readable reason beats the general advice for a 403."""
    body = google_body(403, "PERMISSION_DENIED", "no", {"@type": "ErrorInfo", "reason": reason})
    assert remedy in str(vertex(403, body))


def test_refused_betas_are_named() -> None:
    """Vertex AI names the beta; Bedrock does not, so the field is named."""
    message = "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header."
    google = vertex(400, anthropic_body("invalid_request_error", message))
    assert "Take `effort-2025-11-24` out of `betas`" in str(google)
    for body in (
        anthropic_body("invalid_request_error", "invalid beta flag"),
        {"message": "The model returned the following errors: invalid beta flag"},
    ):
        amazon = bedrock(400, body)
        assert type(amazon) is InvalidRequestError
        assert "`betas`" in str(amazon)


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 212345 tokens > 200000 maximum",
        "Prompt is too long",
        "input length and `max_tokens` exceed context limit: 197000 + 21333 > 200000, decrease it",
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 3 tokens > 2 maximum",
        "input exceeds the model's context window",
        "This request exceeds the maximum context length",
        "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
        "messages: too many total text bytes: 9500000 > 9000000",
    ],
)
@pytest.mark.parametrize("status", [400, 413])
def test_a_prompt_too_long_is_a_context_overflow_on_both_clouds(message: str, status: int) -> None:
    """Whatever the status and the shape, LangChain's own overflow class is raised."""
    for error in (
        vertex(status, anthropic_body("invalid_request_error", message)),
        bedrock(status, {"message": message}, name="ValidationException"),
        bedrock(status, anthropic_body("invalid_request_error", message)),
    ):
        assert type(error) is ContextOverflowError
        assert isinstance(error, core.ContextOverflowError)
        assert error.status_code == status


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (413, "Request exceeds the maximum size", RequestTooLargeError),
        (400, "Request payload size exceeds the limit: 31457280 bytes.", RequestTooLargeError),
        (400, "max_tokens: 8192 > 4096, which is the maximum allowed", InvalidRequestError),
        (400, "image exceeds 5 MB maximum", InvalidRequestError),
        (
            400,
            "data retention mode 'default' is not available for this model",
            PermissionDeniedError,
        ),
        (429, "Too many tokens, please wait before trying again.", RateLimitError),
        (422, "unprocessable", InvalidRequestError),
        (418, "teapot", InvalidRequestError),
        (402, "no credit", PermissionDeniedError),
        (405, "not allowed here", NotFoundError),
        (410, "gone", NotFoundError),
        (421, "another host's", NotFoundError),
        (408, "slow", RequestTimeoutError),
        (504, "slow", RequestTimeoutError),
        (409, "conflict", ServerError),
        (424, "model error", ServerError),
        (500, "broken", ServerError),
        (502, "broken", ServerError),
        (599, "broken", ServerError),
        (529, "busy", OverloadedError),
    ],
)
def test_statuses_without_a_type(
    status: int, message: str, expected: type[ClaudeCloudError]
) -> None:
    """The status decides where the body names no type, but for exact texts."""
    assert type(bedrock(status, {"message": message})) is expected


@pytest.mark.parametrize(
    ("status", "name", "message", "expected"),
    [
        (403, "ExpiredTokenException", "The security token included in the request is expired", AuthenticationError),
        (403, "UnrecognizedClientException", "The security token included in the request is invalid.", AuthenticationError),
        (403, "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z", AuthenticationError),
        (403, "AccessDeniedException", "Bearer Token has expired", AuthenticationError),
        (400, "ValidationException", "The security token included in the request is expired", AuthenticationError),
        (400, "ServiceQuotaExceededException", "quota", RateLimitError),
        (429, "ModelNotReadyException", "loading", RateLimitError),
        (408, "ModelTimeoutException", "slow", RequestTimeoutError),
        (424, "ModelErrorException", "broken", ServerError),
        (500, "InternalServerException", "broken", ServerError),
        (200, "UnknownOperationException", "", NotFoundError),
    ],
)  # fmt: skip
def test_aws_exception_names(
    status: int, name: str, message: str, expected: type[ClaudeCloudError]
) -> None:
    """AWS's names map whether or not a suffix or a namespace is attached."""
    plain = bedrock(status, {"message": message}, name=name)
    suffix = bedrock(
        status, {"message": message}, name=f"{name}:http://internal.amazon.com/coral/x/"
    )
    inside = bedrock(status, {"message": message, "__type": f"com.amazon.coral#{name}"})
    for error in (plain, suffix, inside):
        assert type(error) is expected
        assert error.error_type == name


def test_clock_skew_and_wrong_secrets_get_their_own_remedies() -> None:
    """Two refused signatures, two different things to do."""
    skew = bedrock(
        403,
        {"message": "Signature expired: x is now earlier than y"},
        name="InvalidSignatureException",
    )
    assert "clock" in str(skew)
    wrong = bedrock(
        403,
        {"message": "The request signature we calculated does not match"},
        name="InvalidSignatureException",
    )
    assert "secret access key" in str(wrong)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time"),
        ("InvalidSignatureException", "Signature expired: 1 is now earlier than 2 (3 - 5 min.)"),
        ("InvalidSignatureException", "Signature not yet current: 2 is still later than 1"),
        (None, "Signature expired: 1 is now earlier than 2 (3 - 5 min.)"),
    ],
)
def test_a_wrong_clock_is_an_authentication_error(
    status: int, name: str | None, message: str
) -> None:
    """Neither a missing permission nor a bad request, with whichever status it comes."""
    error = bedrock(status, {"message": message}, name=name)
    assert type(error) is AuthenticationError
    assert "set this machine's clock (NTP)." in str(error)


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_is_a_model_error(status: int) -> None:
    """402, 408, 409, 413 and 422 too; what may pass is retryable, what is refused is not."""
    for error in (vertex(status, b""), bedrock(status, b"")):
        assert isinstance(error, core.ModelError)
        assert type(error) is not ClaudeCloudError
        assert error.status_code == status
        passing = status >= 500 or status in (408, 409, 424, 429, 499)
        assert error.is_retryable is passing


def test_a_json_of_claudes_that_is_long_is_read_inside_bedrocks_message() -> None:
    """Its type decides, however much the model has to say; the text is bounded."""
    inner = anthropic_body("overloaded_error", "busy " * 2000)
    message = f"The model returned the following errors: {json.dumps(inner)}"
    error = bedrock(424, {"message": message}, name="ModelErrorException")
    assert "busy" in str(error)
    assert len(str(error)) < 5000


def test_claudes_json_inside_bedrocks_message_is_read() -> None:
    """A body in the body still gives type and text."""
    inner = json.dumps(anthropic_body("overloaded_error", "Overloaded"))
    error = bedrock(424, {"message": f"The model returned the following errors: {inner}"})
    assert type(error) is OverloadedError
    assert error.error_type == "overloaded_error"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-amz-retry-after": "250"}, 0.25),
        ({"retry-after": "7, 9"}, 7.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after_headers(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are understood, nonsense is ignored."""
    assert vertex(429, anthropic_body("rate_limit_error", "x"), headers).retry_after == seconds


def test_retry_after_a_date_in_the_future() -> None:
    """A date counts from now."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    wait = vertex(429, anthropic_body("rate_limit_error", "x"), {"retry-after": date}).retry_after
    assert wait is not None
    assert 50 < wait <= 60


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("33s", 33.0), ("0.25s", 0.25), ({"seconds": 2}, None), ("later", None), (7, None)],
)  # fmt: skip
def test_googles_retry_info(delay: object, seconds: float | None) -> None:
    """google.rpc.RetryInfo stands in for a missing header; asking for quota is no final answer."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    message = "Quota exceeded. Please submit a quota increase request."
    error = vertex(429, google_body(429, "RESOURCE_EXHAUSTED", message, detail))
    assert error.retry_after == seconds
    assert error.is_retryable is True


def test_what_is_exported_is_what_is_defined() -> None:
    """A star import takes the exceptions and what makes them, and no helper."""
    defined = {
        name
        for name, value in vars(errors).items()
        if getattr(value, "__module__", "") == errors.__name__
    }
    assert set(errors.__all__) == defined - {"Place"}


def test_a_nested_retry_delay_is_none() -> None:
    """However deep it is: the throttle is what counts."""
    delay: object = 1
    for _ in range(700):
        delay = {"seconds": delay}
    error = vertex(429, google_body(429, "RESOURCE_EXHAUSTED", "no", {"retryDelay": delay}))
    assert type(error) is RateLimitError
    assert error.retry_after is None


@pytest.mark.parametrize(
    "error",
    [
        vertex(429, google_body(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", {"metadata": {"quota_limit_value": "0"}}), {"retry-after": "1"}),
        vertex(429, anthropic_body("rate_limit_error", "You have reached your spend limit.")),
        vertex(429, anthropic_body("rate_limit_error", "no", details={"error_code": "enforced_spend_limit_reached"})),
        bedrock(429, {"message": "Too many tokens per day, please wait"}, name="ThrottlingException"),
        bedrock(400, {"message": "quota"}, name="ServiceQuotaExceededException"),
        vertex(429, google_body(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", {"metadata": {"quota_limit": "x"}, "reason": "InputTokensPerDayPerProject"})),
        vertex(429, google_body(429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_day.")),
        vertex(429, anthropic_body("rate_limit_error", "Your daily token limit is reached.")),
        vertex(429, {"error": {"type": "budget_exceeded", "message": "Budget has been exceeded! Current cost: 2, Max budget: 1", "code": "429"}}),
        vertex(429, {"error": {"message": "Exceeded budget for provider vertex_ai: 2.0 >= 1.0"}}),
        vertex(429, {"error": {"type": "insufficient_quota", "message": "You exceeded your current quota, please check your plan and billing details."}}),
        vertex(429, {"message": "Your weekly token quota is used up"}),
        bedrock(429, {"message": "Limit Exceeded"}, name="LimitExceededException"),
    ],
)  # fmt: skip
def test_quotas_of_zero_and_spend_limits_are_not_retryable(error: ClaudeCloudError) -> None:
    """Waiting does not help; the class still says rate limit, the instance that it is final."""
    assert type(error) is RateLimitError
    assert error.is_retryable is False
    assert RateLimitError("another").is_retryable is True
    assert "must be raised" in str(error)


def test_request_ids_come_from_the_body_or_the_headers() -> None:
    """Each cloud's id is found."""
    body = {**anthropic_body("api_error", "x"), "request_id": "req_vrtx_1"}
    assert vertex(500, body, {"request-id": "other"}).request_id == "req_vrtx_1"
    assert (
        vertex(500, anthropic_body("api_error", "x"), {"Request-Id": "req_2"}).request_id == "req_2"
    )
    assert bedrock(500, {"message": "x"}, {"x-amzn-RequestId": "r3"}).request_id == "r3"
    assert "r3" in str(bedrock(500, {"message": "x"}, {"x-amzn-RequestId": "r3"}))


def test_bodies_are_bounded_and_without_credentials() -> None:
    """AWS quotes the signed request in its refusal, session token and all."""
    secret = "FwoGZXIvYXdzEXAMPLETOKEN//////////"
    message = (
        "The request signature we calculated does not match. The Canonical String for this request "
        f"should have been\n'POST\n/model/x/invoke\n\nhost:h\nx-amz-security-token:{secret}\n\nhost'"
        " Authorization=Bearer abcdef012345, and ya29.a0AfB_token"
    )
    error = bedrock(
        403, {"message": message, "pad": "x" * 20_000}, name="InvalidSignatureException"
    )
    for text in (str(error), repr(error), error.body or "", repr(vars(error))):
        assert secret not in text
        assert "abcdef012345" not in text
        assert "a0AfB_token" not in text
    assert len(error.body or "") <= 4000


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>502 Bad Gateway</title></html>", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"error": "invalid_grant"}', b'{"error": null}', b'[{"error": []}]']
)  # fmt: skip
def test_bodies_of_other_shapes_still_make_an_error(body: bytes) -> None:
    """A proxy's page or an empty reply maps by status."""
    assert type(vertex(502, body)) is ServerError
    assert type(bedrock(403, body)) is PermissionDeniedError


@pytest.mark.parametrize(
    "body",
    [
        {"fault": {"faultstring": "The quota is used up", "detail": {"errorcode": "policies.x"}}},
        {"success": False, "errors": [{"code": 1000, "message": "The quota is used up"}]},
        {"detail": [{"loc": ["body"], "msg": "The quota is used up", "type": "missing"}]},
        {"type": "https://example.com/x", "title": "The quota is used up", "status": 429},
        {"errorMessage": "The quota is used up", "errorType": "Sandbox.Timedout"},
        {"error": {"error": {"message": "The quota is used up"}}},
        {"message": ["The quota is used up"], "error": "Bad Request"},
    ],
    ids=["Apigee", "Cloudflare", "FastAPI", "RFC 9457", "Lambda", "nested", "NestJS"],
)
def test_what_gateways_say_is_quoted_wherever_they_put_it(body: dict[str, Any]) -> None:
    """Each has a form of its own."""
    for error in (vertex(429, body), bedrock(429, body)):
        assert ": The quota is used up." in str(error)


def test_fastapi_tells_which_field_it_refuses() -> None:
    """By its place apart from the text."""
    field = {"loc": ["body", "tools", 0, "strict"], "msg": "Extra inputs are not permitted"}
    assert ": tools.0.strict: Extra inputs are not permitted." in str(
        vertex(422, {"detail": [field]})
    )


def test_an_address_at_the_end_of_a_text_stays_a_link() -> None:
    """What to do stands apart from it, without a full stop that would belong to the address."""
    text = str(vertex(429, {"message": "See https://example.com/limits"}))
    assert "See https://example.com/limits - See the project's quotas" in text
    alone = vertex(400, {"message": "See https://example.com/limits"})
    assert str(alone).endswith("https://example.com/limits")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("INVALID_ARGUMENT", InvalidRequestError),
        ("PERMISSION_DENIED", PermissionDeniedError),
        ("NOT_FOUND", NotFoundError),
        ("UNAVAILABLE", ServerError),
        ("DEADLINE_EXCEEDED", RequestTimeoutError),
    ],
)
def test_googles_names_tell_inside_of_a_stream(name: str, expected: type[ClaudeCloudError]) -> None:
    """Where no code came with them."""
    payload = {"error": {"status": name, "message": "no"}}
    error = error_from_event(payload, platform="vertex", model="m", region="r")
    assert type(error) is expected


def test_a_proxys_page_is_quoted_by_its_title() -> None:
    """HTML is not poured into the message."""
    bare = vertex(503, b"<html><body><h1>503 Service Unavailable</h1>\nNo server\n</body></html>")
    assert ": 503 Service Unavailable No server." in str(bare)
    text = str(
        vertex(502, b"<html><head><title>502 Bad\n Gateway</title></head><body>...</body></html>")
    )
    assert "502 Bad Gateway" in text
    assert "<" not in text


@given(
    st.integers(100, 999),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["error", "errors", "fault", "message", "details", "type", "status", "code", "metadata", "retryDelay", "reason", "originalStatusCode"]),
            inner,
        ),
    ),
)  # fmt: skip
def test_no_body_breaks_the_mapping(status: int, body: object) -> None:
    """Whatever a body holds, the result is an exception of the tree with a message."""
    for error in (vertex(status, body), bedrock(status, body)):
        assert isinstance(error, ClaudeCloudError)
        assert str(error)


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("overloaded_error", 529, OverloadedError),
        ("rate_limit_error", 429, RateLimitError),
        ("api_error", 500, ServerError),
        ("invalid_request_error", 400, InvalidRequestError),
        ("authentication_error", 401, AuthenticationError),
        ("permission_error", 403, PermissionDeniedError),
        ("not_found_error", 404, NotFoundError),
        ("request_too_large", 413, RequestTooLargeError),
        ("timeout_error", 504, RequestTimeoutError),
        ("brand_new_error", 500, ServerError),
    ],
)
def test_error_events_inside_a_stream(
    kind: str, status: int, expected: type[ClaudeCloudError]
) -> None:
    """The response said 200; the exception says what the error stands for."""
    payload = {**anthropic_body(kind, "went wrong"), "request_id": "req_1"}
    error = error_from_event(payload, platform="vertex", model="m", region="r")
    assert type(error) is expected
    assert error.status_code == status
    assert error.request_id == "req_1"
    assert "went wrong" in str(error)


def test_an_error_event_does_not_change_its_payload() -> None:
    """The payload is read, not kept."""
    payload = anthropic_body("api_error", "x")
    before = copy.deepcopy(payload)
    error_from_event(payload, platform="vertex", model=None, region=None)
    assert payload == before


@pytest.mark.parametrize("name", ["{0}", "{0}:http://internal.amazon.com/"])
@pytest.mark.parametrize(
    ("exception_type", "status", "expected"),
    [
        ("throttlingException", 429, RateLimitError),
        ("internalServerException", 500, ServerError),
        ("validationException", 400, InvalidRequestError),
        ("modelTimeoutException", 408, RequestTimeoutError),
        ("serviceUnavailableException", 503, ServerError),
        ("modelStreamErrorException", 424, ServerError),
        ("somethingNewException", 500, ServerError),
    ],
)
def test_exception_frames(
    name: str, exception_type: str, status: int, expected: type[ClaudeCloudError]
) -> None:
    """A frame is a 400 to botocore, whichever it is; the frame's type says more."""
    error = error_from_exception_frame(
        name.format(exception_type),
        b'{"message": "broke"}',
        platform="bedrock",
        model="m",
        region="r",
    )
    assert type(error) is expected
    assert error.status_code == status
    assert error.error_type == exception_type[0].upper() + exception_type[1:]
    assert "broke" in str(error)


@pytest.mark.parametrize(
    ("original", "expected"),
    [(429, RateLimitError), (529, OverloadedError), (400, InvalidRequestError), (500, ServerError), ("x", ServerError), (7, ServerError)],
)  # fmt: skip
def test_the_models_own_status_inside_a_stream_error(
    original: object, expected: type[ClaudeCloudError]
) -> None:
    """What originalStatusCode and originalMessage say is preferred."""
    payload = {"message": "outer", "originalStatusCode": original, "originalMessage": "inner"}
    error = error_from_exception_frame(
        "modelStreamErrorException",
        json.dumps(payload).encode(),
        platform="bedrock",
        model="m",
        region="r",
    )
    assert type(error) is expected
    assert error.status_code == (original if original in (429, 529, 400, 500) else 424)
    assert "inner" in str(error)


def test_a_frame_that_is_not_json_is_quoted() -> None:
    """An unmodelled error frame has plain text."""
    error = error_from_exception_frame(
        "InternalFailure", b"plain words", platform="bedrock", model=None, region=None
    )
    assert type(error) is ServerError
    assert "plain words" in str(error)


def test_the_module_has_the_documented_names() -> None:
    """The tree and its three functions are importable by name."""
    for name in (
        "ClaudeCloudError",
        "error_from_response",
        "error_from_event",
        "error_from_exception_frame",
    ):
        assert hasattr(errors, name)
