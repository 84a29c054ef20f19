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
from langchain_claude_cloud.platform.base import NOT_COUNTED
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings

_VERSION: Final = "2023-06-01"


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
    guardrail, trace, metadata = settings.guardrail or {}, settings.trace, settings.request_metadata
    if isinstance(trace, bool):
        trace = "ENABLED" if trace else "DISABLED"
    options = {
        "x-amzn-bedrock-guardrailidentifier": guardrail.get("guardrailIdentifier"),
        "x-amzn-bedrock-guardrailversion": guardrail.get("guardrailVersion"),
        "x-amzn-bedrock-trace": trace and trace.upper(),
        SERVICE_TIER_HEADER: settings.service_tier,
        LATENCY_HEADER: settings.latency,
        "x-amzn-bedrock-projectidentifier": settings.project,
        # ASCII by escaping: a header has no other characters.
        "x-amzn-bedrock-request-metadata": metadata
        and json.dumps(dict(metadata), separators=(",", ":")),
    }
    return {name: value for name, value in options.items() if isinstance(value, str) and value}


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
        dropped |= NOT_COUNTED
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
