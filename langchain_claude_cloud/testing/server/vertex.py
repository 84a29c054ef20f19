"""The Vertex AI side: paths, tokens, beta headers, three shapes of errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.model_rules import ModelRules, rules_for
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_id
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal

_PATH = re.compile(
    r"(?:/v1(?:beta1)?)?/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)"
    r"/publishers/anthropic/models/(?P<model>[^/]+):(?P<method>rawPredict|streamRawPredict)"
)
_MAX_BODY = 30_000_000
_MULTI_REGIONS = frozenset({"global", "us", "eu"})
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
# Names that the header takes there: LiteLLM's table of October 2026, and Claude's own
# documentation of what Google serves.
_BETAS = frozenset(
    {
        "tool-search-tool-2025-10-19",
        "compact-2026-01-12",
        "compact-2026-09-04",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        "interleaved-thinking-2025-05-14",
        "per-turn-control-2026-07-01",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "web-search-2025-03-05",
    }
)
_LOGIN = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(frozen=True, slots=True)
class VertexTarget:
    """What a path names: project, location, model and method."""

    project: str
    region: str
    model: str
    operation: Operation


def target_of(raw_path: str) -> VertexTarget | None:
    """Return what a path names, or None for a path that Vertex does not have."""
    match = _PATH.fullmatch(raw_path)
    if match is None:
        return None
    model = unquote(match["model"])
    operation: Operation = "stream" if match["method"] == "streamRawPredict" else "invoke"
    if model == "count-tokens":
        operation = "count_tokens"
    return VertexTarget(unquote(match["project"]), unquote(match["region"]), model, operation)


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


def call_of(target: VertexTarget, request: Incoming, body: JsonObject) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: Unknown model or location, a body too large, a beta that is not taken.
    """
    if len(request.body) > _MAX_BODY:
        raise Refusal(
            413, "Request payload size exceeds the limit: 30000000 bytes.", kind="", source="cloud"
        )
    betas = _betas(request)
    if target.operation == "count_tokens":
        return _counting_call(target, body, betas)
    rules = _rules(target, target.model)
    operation: Operation = "stream" if body.get("stream") is True else "invoke"
    _check_betas(betas)
    return Call(
        cloud="vertex",
        operation=operation,
        model_id=target.model,
        rules=rules,
        region=target.region,
        body=body,
        betas=betas,
        version=str(body.get("anthropic_version")),
    )


def _counting_call(target: VertexTarget, body: JsonObject, betas: frozenset[str]) -> Call:
    if target.region not in _COUNTING_REGIONS:
        raise _not_found(target, "count-tokens")
    model = body.get("model")
    if not isinstance(model, str):
        raise Refusal(400, "model: Field required")
    if "@" in model:
        raise Refusal(400, f"{model} is not supported for token counting")
    _check_betas(betas - {"web-search-2025-03-05"})
    if "web-search-2025-03-05" in betas:
        raise _unexpected("web-search-2025-03-05")
    return Call(
        cloud="vertex",
        operation="count_tokens",
        model_id=model,
        rules=_known_rules(target, model),
        region=target.region,
        body=body,
        betas=betas,
        version=str(body.get("anthropic_version")),
    )


def _known_rules(target: VertexTarget, model: str) -> ModelRules:
    rules = rules_for(model)
    if rules is None:
        raise _not_found(target, model)
    return rules


def _rules(target: VertexTarget, model: str) -> ModelRules:
    rules = _known_rules(target, model)
    if target.region not in _MULTI_REGIONS and (4, 6) < rules.version < (90, 0):
        raise _not_found(target, model)
    return rules


def _not_found(target: VertexTarget, model: str) -> Refusal:
    name = (
        f"projects/{target.project}/locations/{target.region}/publishers/anthropic/models/{model}"
    )
    return Refusal(
        404,
        f"Publisher Model `{name}` was not found or your project does not have access to it. "
        "Please ensure you are using a valid model version. For more information, see: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        kind="NOT_FOUND",
        source="cloud",
    )


def _betas(request: Incoming) -> frozenset[str]:
    values = [value for name, value in request.headers if name == "anthropic-beta"]
    return frozenset(beta.strip() for beta in ",".join(values).split(",") if beta.strip())


def _check_betas(betas: frozenset[str]) -> None:
    wrong = sorted(betas - _BETAS)
    if wrong:
        raise _unexpected("`, `".join(wrong))


def _unexpected(names: str) -> Refusal:
    return Refusal(
        400,
        f"Unexpected value(s) `{names}` for the `anthropic-beta` header. Please consult our "
        "documentation at docs.anthropic.com or try again without the header.",
    )


def error_response(refusal: Refusal, request: Incoming) -> Outgoing:
    """Return a refusal in Claude's shape, in Google's, or in Google's array."""
    streaming = request.raw_path.endswith(":streamRawPredict")
    body: object = _google_error(refusal)
    if refusal.source == "claude":
        body = {
            "type": "error",
            "error": {"type": refusal.kind, "message": refusal.message},
            "request_id": make_id("req", "vertex", request.body + refusal.message.encode()),
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
