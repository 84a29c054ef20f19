"""Counts the calls of one input: their number, tokens, cost and throttles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import add_usage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_claude_cloud.cost import cost_of
from langchain_claude_cloud.errors import OverloadedError, RateLimitError

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata

    from langchain_claude_cloud.cost import Cost


class CallRecorder(AsyncCallbackHandler):
    """Adds up the calls of one input.

    Attributes:
        requests: How many requests were sent.
        usage: Their tokens; None if no answer said how many.
        cost: What they cost; None if that is not known of any.

    Args:
        on_throttle: Is called when the cloud refuses a request for its quota.
    """

    def __init__(self, on_throttle: Callable[[], None]) -> None:
        self.requests = 0
        self.usage: UsageMetadata | None = None
        self.cost: Cost | None = None
        self._on_throttle = on_throttle

    async def on_chat_model_start(self, *_: object, **__: object) -> None:
        """Count a request."""
        self.requests += 1

    async def on_retry(self, retry_state: Any, **_: Any) -> None:  # noqa: ANN401 - core's hook
        """Count a request that is sent again, and say so if it was throttled."""
        self.requests += 1
        self.failed(retry_state.outcome.exception())

    async def on_llm_error(self, error: BaseException, **_: Any) -> None:  # noqa: ANN401 - core's hook
        """Say so if it was throttled."""
        self.failed(error)

    def failed(self, error: BaseException | None) -> None:
        """Say so if a request was throttled."""
        if isinstance(error, RateLimitError | OverloadedError):
            self._on_throttle()

    async def on_llm_end(self, response: LLMResult, **_: Any) -> None:  # noqa: ANN401 - core's hook
        """Add the tokens and the cost of an answer."""
        for generations in response.generations:
            for generation in generations:
                if isinstance(generation, ChatGeneration) and isinstance(
                    generation.message, AIMessage
                ):
                    self._add(generation.message)

    def _add(self, message: AIMessage) -> None:
        if message.usage_metadata is not None:
            self.usage = add_usage(self.usage, message.usage_metadata)
        self.cost = sum_of_costs(self.cost, _known_cost(message))


def sum_of_costs(one: Cost | None, other: Cost | None) -> Cost | None:
    """Return what is known of two costs together."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _known_cost(message: AIMessage) -> Cost | None:
    try:
        return cost_of(message)
    except ImportError:  # the extra is not installed
        return None
