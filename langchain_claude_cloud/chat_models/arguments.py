"""The arguments of `ChatClaudeCloud` as type checkers and editors see them.

At run time pydantic checks the fields. It accepts more, such as the effort levels of future models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from langchain_core.caches import BaseCache
from langchain_core.callbacks import Callbacks
from langchain_core.language_models import ModelProfile
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import SecretStr

from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors.types import JsonObject

Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]
"""How much work a model puts into an answer; not every model has every level."""

PlatformLike: TypeAlias = Vertex | Bedrock | Literal["vertex", "bedrock"]
"""A value of ``platform``; a name takes all settings from the environment."""


class TimeoutLimits(TypedDict, total=False):
    """The limits of a call, in seconds.

    Attributes:
        connect: For the connection to be made, TLS included.
        start: Until the response begins.
        idle: Between two parts of it.
        total: For the whole call, retries included.
    """

    connect: float
    start: float
    idle: float
    total: float


class ModelArguments(TypedDict, total=False):
    """The arguments of `ChatClaudeCloud`, which documents them."""

    model: str
    model_name: str
    platform: PlatformLike | Sequence[PlatformLike] | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    stop: list[str] | None
    stop_sequences: list[str] | None
    thinking: Literal["adaptive", "between_tools", "disabled", "enabled"] | int | JsonObject | None
    effort: Effort | None
    betas: list[str] | None
    fine_grained_tool_streaming: bool
    context_1m: bool | None
    context_management: JsonObject | None
    prompt_caching: bool | Literal["5m", "1h"] | None
    residency: str | None
    streaming: bool | None
    stream_usage: bool
    timeout: float | TimeoutLimits | None
    max_retries: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    default_headers: Mapping[str, str] | None
    user_id: str | None
    model_kwargs: JsonObject
    http_client: Any
    http_async_client: Any
    url_fetcher: Callable[[str], bytes] | None
    api_key: SecretStr | str | None
    base_url: str | None
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None
