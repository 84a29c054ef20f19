"""Claude Platform on AWS: Anthropic's own API, with AWS's credentials. Experimental.

Paths, bodies and model ids are those of Anthropic's API; requests name a workspace. From the
vendor's SDK (``AnthropicAWS``) alone: no endpoint was called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockApi, BedrockSettings
from langchain_claude_cloud.platform.bedrock_messages import MANTLE, rewrite

_PATH: Final = "/v1/messages"


def _rewrite(
    settings: BedrockSettings,
    body: JsonObject,
    betas: Sequence[str],
    model_id: str,
    operation: Operation,
) -> tuple[JsonObject, dict[str, str]]:
    name = re.sub(r"-v\d+(:\d+)?$", "", model_id.removeprefix("anthropic."))
    rewritten, headers = rewrite(settings, body, betas, name, operation)
    return rewritten, headers | {"anthropic-workspace-id": settings.workspace or ""}


CLAUDE_PLATFORM: Final[BedrockApi] = replace(
    MANTLE,
    host="aws-external-anthropic",
    signing_name="aws-external-anthropic",
    paths={"invoke": _PATH, "stream": _PATH, "count_tokens": f"{_PATH}/count_tokens"},
    rewrite=_rewrite,
)
