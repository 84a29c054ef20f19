"""The Vertex AI side: paths, tokens, three shapes of errors."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from secrets import token_bytes
from urllib.parse import unquote

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.testing.call import Call, Target
from langchain_claude_cloud.testing.model_rules import ModelRules, rules_for
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_id
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_PATH = re.compile(
    r"(?:/v1(?:beta1)?)?/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)"
    r"/publishers/anthropic/models/(?P<model>[^/]+):(?P<method>rawPredict|streamRawPredict)"
)
_MAX_BODY = 30_000_000
_MULTI_REGIONS = frozenset({"global", "us", "eu"})
_REGION = re.compile(
    r"(?:africa|asia|australia|europe|me|northamerica|southamerica|us)"
    r"-(?:central|east|west|(?:north|south)(?:east|west)?)\d+"
)
# Where count-tokens answers is its own list, whatever the model (litellm#18665, #20348, #23907).
_COUNTING_REGIONS = frozenset({"us-east5", "europe-west1", "asia-southeast1", "us", "eu"})
_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_LOGIN = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def target_of(request: Incoming, body: object) -> Target | None:
    """Return what a request asks for, or None for a path that Vertex does not have."""
    match = _PATH.fullmatch(request.raw_path)
    if match is None:
        return None
    model = unquote(match["model"])
    operation: Operation = "stream" if match["method"] == "streamRawPredict" else "invoke"
    if model == "count-tokens":
        operation = "count_tokens"
        model = str(body.get("model")) if isinstance(body, dict) else model
    return Target(
        cloud="vertex",
        operation=operation,
        model=model,
        region=unquote(match["region"]),
        project=unquote(match["project"]),
    )


def check_credentials(state: State, request: Incoming) -> None:
    """Refuse a request without a good token.

    Raises:
        Refusal: 401, in Google's shape.
    """
    value = request.header("authorization") or ""
    if not value.startswith("Bearer "):
        raise _unauthenticated(
            f"Request is missing required authentication credential. {_LOGIN}",
            "CREDENTIALS_MISSING",
        )
    if not state.is_good_token(value.removeprefix("Bearer ")):
        raise _unauthenticated(
            f"Request had invalid authentication credentials. {_LOGIN}",
            "ACCESS_TOKEN_EXPIRED",
        )


def _unauthenticated(message: str, reason: str) -> Refusal:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "aiplatform.googleapis.com"},
    }
    return Refusal(401, message, kind="UNAUTHENTICATED", source="cloud", details=(info,))


def call_of(target: Target, request: Incoming, body: JsonObject) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: Unknown model or location, or a body too large.
    """
    if len(request.body) > _MAX_BODY:
        raise cloud_refusal(413, "Request payload size exceeds the limit: 30000000 bytes.")
    if target.operation == "count_tokens":
        _check_counting(target, body)
    else:
        operation: Operation = "stream" if body.get("stream") is True else "invoke"
        target = replace(target, operation=operation)
    rules = _rules(target)
    version = str(body.get("anthropic_version"))
    betas = request.betas
    return Call(**asdict(target), rules=rules, body=body, betas=betas, version=version)


def _check_counting(target: Target, body: JsonObject) -> None:
    if target.region not in _COUNTING_REGIONS:
        raise _not_found(target, "count-tokens")
    model = body.get("model")
    if not isinstance(model, str):
        raise Refusal(400, "model: Field required")
    if "@" in model:
        raise Refusal(400, f"{model} is not supported for token counting")


def _rules(target: Target) -> ModelRules:
    rules = rules_for(target.model)
    if rules is None or rules.is_retired("vertex") or re.search(r"[^@]\d{8}$", target.model):
        raise _not_found(target, target.model)
    is_elsewhere = target.region not in _MULTI_REGIONS and target.operation != "count_tokens"
    is_too_new = (4, 6) < rules.version < (90, 0)
    if is_elsewhere and (is_too_new or not _REGION.fullmatch(target.region or "")):
        raise _not_found(target, target.model)
    return rules


def _not_found(target: Target, model: str) -> Refusal:
    name = (
        f"projects/{target.project}/locations/{target.region}/publishers/anthropic/models/{model}"
    )
    return cloud_refusal(
        404,
        f"Publisher Model `{name}` was not found or your project does not have access to it. "
        "Please ensure you are using a valid model version. For more information, see: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        "NOT_FOUND",
    )


def error_response(refusal: Refusal, request: Incoming) -> Outgoing:
    """Return a refusal in Claude's shape, in Google's, or in Google's array."""
    streaming = request.raw_path.endswith(":streamRawPredict")
    body: object = _google_error(refusal)
    if refusal.source == "claude":
        body = {
            "type": "error",
            "error": {"type": refusal.kind, "message": refusal.message},
            "request_id": make_id("req", "vertex", token_bytes()),
        }
    elif streaming:
        body = [body]
    headers = {"content-type": "application/json; charset=UTF-8", **refusal.headers}
    return Outgoing(refusal.status, headers, dumps(body).encode(), delay=refusal.delay)


def _google_error(refusal: Refusal) -> JsonObject:
    status = refusal.kind or _GOOGLE_STATUS.get(refusal.status, "UNKNOWN")
    error: JsonObject = {
        "code": refusal.status,
        "message": refusal.message,
        "status": status,
    }
    if refusal.details:
        error["details"] = list(refusal.details)
    return {"error": error}
