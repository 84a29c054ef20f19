"""The Messages API on AWS: on ``bedrock-runtime``, ``bedrock-mantle`` and Claude Platform.

Bodies, versions, betas and streams (server-sent events) are those of Anthropic's own API.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html;
https://docs.aws.amazon.com/claude-platform/latest/userguide/making-requests.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings

_VERSION: Final = "2023-06-01"
_NOT_COUNTED: Final = frozenset(
    {"max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "metadata"}
)


def rewrite(
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
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "anthropic-version": _version(settings.anthropic_version),
    }
    names = dict.fromkeys([*betas, *(in_body if isinstance(in_body, list) else [])])
    if joined := ",".join(map(str, names)):
        headers["anthropic-beta"] = joined
    return rewritten, headers


def _version(version: str) -> str:
    """Return the header's version; the default of the settings is one of InvokeModel's body."""
    return _VERSION if version.startswith("bedrock-") else version
