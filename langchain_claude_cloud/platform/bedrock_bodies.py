"""Bodies and headers of Bedrock's two forms of a request: InvokeModel and the Messages API.

InvokeModel and its siblings on ``bedrock-runtime`` have the model in the URL,
``anthropic_version`` and ``anthropic_beta`` in the body, and what else there is to set in headers.
Bodies, versions and betas of the Messages API (on ``bedrock-runtime``, ``bedrock-mantle`` and
Claude Platform) are those of Anthropic's own API.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html;
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html;
https://docs.aws.amazon.com/claude-platform/latest/userguide/making-requests.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Final

from langchain_claude_cloud.errors.types import (
    LATENCY_HEADER,
    SERVICE_TIER_HEADER,
    JsonObject,
    Operation,
)
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings

_GUARDRAIL_HEADERS: Final = {
    "guardrailIdentifier": "x-amzn-bedrock-guardrailidentifier",
    "guardrailVersion": "x-amzn-bedrock-guardrailversion",
}
_VERSION: Final = "2023-06-01"
_NOT_COUNTED: Final = frozenset(
    {"max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "metadata"}
)


def rewrite_for_invoke_model(
    settings: BedrockSettings,
    body: JsonObject,
    betas: Sequence[str],
    operation: Operation,
) -> tuple[JsonObject, dict[str, str]]:
    """Return InvokeModel's form of a Messages body, and the headers that go with it."""
    rewritten: JsonObject = {"anthropic_version": settings.anthropic_version, **body}
    rewritten.pop("model", None)
    rewritten.pop("stream", None)
    in_body = rewritten.pop("anthropic_beta", None)
    also = in_body if isinstance(in_body, list) else []
    if listed := list(dict.fromkeys([*betas, *also])):
        rewritten["anthropic_beta"] = listed
    headers = {"content-type": "application/json", "accept": "application/json"}
    if operation == "count_tokens":
        return _wrap_for_counting(rewritten), headers
    if settings.guardrail and "tagSuffix" in settings.guardrail:
        suffix = {"tagSuffix": settings.guardrail["tagSuffix"]}
        rewritten.setdefault("amazon-bedrock-guardrailConfig", suffix)
    if operation == "stream":
        headers["accept"] = "application/vnd.amazon.eventstream"
        headers["x-amzn-bedrock-accept"] = "application/json"
    return rewritten, headers | _option_headers(settings)


def _option_headers(settings: BedrockSettings) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, name in _GUARDRAIL_HEADERS.items():
        if settings.guardrail and key in settings.guardrail:
            headers[name] = settings.guardrail[key]
    if settings.trace is not None:
        headers["x-amzn-bedrock-trace"] = _trace(settings.trace)
    if settings.service_tier:
        headers[SERVICE_TIER_HEADER] = settings.service_tier
    if settings.latency:
        headers[LATENCY_HEADER] = settings.latency
    if settings.project:
        headers["x-amzn-bedrock-projectidentifier"] = settings.project
    if settings.request_metadata:
        # ASCII by escaping: a header has no other characters.
        headers["x-amzn-bedrock-request-metadata"] = json.dumps(
            dict(settings.request_metadata), separators=(",", ":")
        )
    return headers


def _trace(value: str | bool) -> str:  # noqa: FBT001  a setting's value, not a switch
    if isinstance(value, bool):
        return "ENABLED" if value else "DISABLED"
    return value.upper()


def _wrap_for_counting(body: JsonObject) -> JsonObject:
    # CountTokens takes a whole InvokeModel body, in which max_tokens is required.
    whole = json.dumps({"max_tokens": 1, **body}, ensure_ascii=False, separators=(",", ":"))
    return {"input": {"invokeModel": {"body": base64.b64encode(whole.encode()).decode()}}}


def rewrite_for_messages(
    settings: BedrockSettings,
    body: JsonObject,
    betas: Sequence[str],
    model_id: str,
    operation: Operation,
) -> tuple[JsonObject, dict[str, str]]:
    """Return a Messages body with its model, and the headers of version and betas."""
    dropped = {"anthropic_version", "stream"}
    if operation == "count_tokens":
        dropped |= _NOT_COUNTED
    rewritten: JsonObject = {
        "model": model_id,
        **{name: value for name, value in body.items() if name not in dropped},
    }
    in_body = rewritten.pop("anthropic_beta", None)
    if operation == "stream":
        rewritten["stream"] = True
    # The default of the settings is one of InvokeModel's bodies.
    is_of_body = settings.anthropic_version.startswith("bedrock-")
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "anthropic-version": _VERSION if is_of_body else settings.anthropic_version,
    }
    names = dict.fromkeys([*betas, *(in_body if isinstance(in_body, list) else [])])
    if joined := ",".join(map(str, names)):
        headers["anthropic-beta"] = joined
    return rewritten, headers
