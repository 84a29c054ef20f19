"""The chat models that are compared, each made to talk to the loopback server.

The imports are inside the functions: each contestant has a process to itself, and its
imports are part of what is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel

NAME = "claude-sonnet-4-5"
_MAX_TOKENS = 1024  # longer answers are streamed internally by some
_BEDROCK_ID = "anthropic.claude-sonnet-4-5-20250929-v1:0"
_KEYS = {"AWS_ACCESS_KEY_ID": "AKIABENCH", "AWS_SECRET_ACCESS_KEY": "secret"}

Factory = Callable[[str], BaseChatModel]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured.

    Attributes:
        title: How the table calls it.
        import_line: What a program must import to use it.
        make: Makes a model from the server's address.
        ours: Whether it is this package.
        streams_alone: Whether only its streams are measured: the rest is as on Bedrock.
    """

    title: str
    import_line: str
    make: Factory
    ours: bool = False
    streams_alone: bool = False


def _vertex(url: str) -> BaseChatModel:
    from langchain_claude_cloud import ChatClaudeCloud, Vertex  # noqa: PLC0415 - see above

    platform = Vertex(project="bench", region="global", access_token="bench", base_url=url)
    return ChatClaudeCloud(model=NAME, platform=platform, max_tokens=_MAX_TOKENS)


def _bedrock(url: str) -> BaseChatModel:
    from langchain_claude_cloud import Bedrock, ChatClaudeCloud  # noqa: PLC0415 - see above

    platform = Bedrock(
        region="us-east-1", access_key_id="AKIABENCH", secret_access_key="secret", base_url=url
    )
    return ChatClaudeCloud(model=NAME, platform=platform, max_tokens=_MAX_TOKENS)


def _other_api(url: str, *, api: Literal["messages", "mantle"]) -> BaseChatModel:
    from langchain_claude_cloud import Bedrock, ChatClaudeCloud  # noqa: PLC0415 - see above

    platform = Bedrock(
        region="us-east-1",
        api=api,
        access_key_id="AKIABENCH",
        secret_access_key="secret",
        base_url=url,
    )
    return ChatClaudeCloud(model=NAME, platform=platform, max_tokens=_MAX_TOKENS)


def _anthropic(url: str) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic  # noqa: PLC0415 - see above

    return ChatAnthropic(model=NAME, api_key="bench", base_url=url, max_tokens=_MAX_TOKENS)


def _anthropic_vertex(url: str) -> BaseChatModel:
    from langchain_google_vertexai.model_garden import (  # noqa: PLC0415 - see above
        ChatAnthropicVertex,
    )

    return ChatAnthropicVertex(
        model_name=f"{NAME}@20250929",
        project="bench",
        location="global",
        access_token="bench",
        api_endpoint=url,
        max_tokens=_MAX_TOKENS,
    )


def _aws(url: str) -> dict[str, Any]:
    os.environ.update(_KEYS)
    shared = {"region_name": "us-east-1", "max_tokens": _MAX_TOKENS}
    return {"model": _BEDROCK_ID, "endpoint_url": url, **shared}


def _chat_bedrock(url: str) -> BaseChatModel:
    from langchain_aws import ChatBedrock  # noqa: PLC0415 - see above

    return ChatBedrock(**_aws(url))


def _converse(url: str) -> BaseChatModel:
    from langchain_aws import ChatBedrockConverse  # noqa: PLC0415 - see above

    return ChatBedrockConverse(**_aws(url))


def _anthropic_bedrock(url: str) -> BaseChatModel:
    from langchain_aws import ChatAnthropicBedrock  # noqa: PLC0415 - see above

    os.environ.update(_KEYS, ANTHROPIC_BEDROCK_BASE_URL=url)
    return ChatAnthropicBedrock(model=_BEDROCK_ID, region_name="us-east-1", max_tokens=_MAX_TOKENS)


CONTESTANTS = {
    "vertex": Contestant(
        "ours, Vertex", "from langchain_claude_cloud import ChatClaudeCloud", _vertex, ours=True
    ),
    "bedrock": Contestant(
        "ours, Bedrock", "from langchain_claude_cloud import ChatClaudeCloud", _bedrock, ours=True
    ),
    "messages": Contestant(
        "ours, messages",
        "from langchain_claude_cloud import ChatClaudeCloud",
        partial(_other_api, api="messages"),
        ours=True,
        streams_alone=True,
    ),
    "mantle": Contestant(
        "ours, mantle",
        "from langchain_claude_cloud import ChatClaudeCloud",
        partial(_other_api, api="mantle"),
        ours=True,
        streams_alone=True,
    ),
    "ChatAnthropic": Contestant(
        "ChatAnthropic", "from langchain_anthropic import ChatAnthropic", _anthropic
    ),
    "ChatAnthropicVertex": Contestant(
        "ChatAnthropicVertex",
        "from langchain_google_vertexai.model_garden import ChatAnthropicVertex",
        _anthropic_vertex,
    ),
    "ChatBedrock": Contestant(
        "ChatBedrock", "from langchain_aws import ChatBedrock", _chat_bedrock
    ),
    "ChatBedrockConverse": Contestant(
        "ChatBedrockConverse", "from langchain_aws import ChatBedrockConverse", _converse
    ),
    "ChatAnthropicBedrock": Contestant(
        "ChatAnthropicBedrock",
        "from langchain_aws import ChatAnthropicBedrock",
        _anthropic_bedrock,
    ),
}
