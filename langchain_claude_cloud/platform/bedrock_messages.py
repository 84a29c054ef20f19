"""The Messages API of Bedrock: on ``bedrock-runtime``, and on ``bedrock-mantle``.

Bodies, versions, betas and streams (server-sent events) are those of Anthropic's own API. The
runtime does not count tokens there; CountTokens beside InvokeModel does.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html; which of the
two signs with which name is the SDK's ``AnthropicBedrockMantle`` for mantle and AWS's page for the
runtime. Neither was called from here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.platform import bedrock_invoke
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockApi, BedrockSettings

_PATH: Final = "/anthropic/v1/messages"
_VERSION: Final = "2023-06-01"
_NOT_COUNTED: Final = frozenset(
    {"max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "metadata"}
)
_DATE_AND_VERSION: Final = re.compile(r"(-\d{8})?(-v\d+(:\d+)?)?$")


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


def _on_runtime(
    settings: BedrockSettings,
    body: JsonObject,
    betas: Sequence[str],
    model_id: str,
    operation: Operation,
) -> tuple[JsonObject, dict[str, str]]:
    if operation == "count_tokens":
        return bedrock_invoke.rewrite(settings, body, betas, model_id, operation)
    return rewrite(settings, body, betas, model_id, operation)


def _on_mantle(
    settings: BedrockSettings,
    body: JsonObject,
    betas: Sequence[str],
    model_id: str,
    operation: Operation,
) -> tuple[JsonObject, dict[str, str]]:
    # Models have short ids there: anthropic.claude-haiku-4-5, without date and version.
    short = _DATE_AND_VERSION.sub("", model_id)
    return rewrite(settings, body, betas, short, operation)


def _version(version: str) -> str:
    """Return the header's version; the default of the settings is one of InvokeModel's body."""
    return _VERSION if version.startswith("bedrock-") else version


MESSAGES: Final = BedrockApi(
    host="bedrock-runtime",
    signing_name="bedrock",
    framing="sse",
    paths={
        "invoke": _PATH,
        "stream": _PATH,
        "count_tokens": bedrock_invoke.INVOKE_MODEL.paths["count_tokens"],
    },
    rewrite=_on_runtime,
)

MANTLE: Final = replace(
    MESSAGES,
    host="bedrock-mantle",
    signing_name="bedrock-mantle",
    paths={"invoke": _PATH, "stream": _PATH, "count_tokens": f"{_PATH}/count_tokens"},
    rewrite=_on_mantle,
    has_dual_stack_only=True,
)
