"""Estimates what calls cost, with the price table of genai-prices (extra ``cost``).

Prices are estimates in US dollars: list prices, without discounts, provisioned throughput or
taxes. The clouds' bills are what counts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages.ai import AIMessage, UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.errors.extras import MissingExtraError

__all__ = ["Cost", "CostCallback", "cost_of"]

_PROVIDERS: Final = {"vertex": "google", "bedrock": "aws"}
_ONLY_IN_THE_US: Final = Decimal("1.1")
"""On Claude Platform on AWS, which has Anthropic's own prices otherwise
(https://docs.aws.amazon.com/claude-platform/latest/userguide/data-residency.md)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate in US dollars.

    Attributes:
        total: The whole price.
        input: The price of the prompt, with cache reads and writes.
        output: The price of the answer, with thinking.
        notes: Sentences about prices that the price table does not have; empty if there are none.
    """

    total: Decimal
    input: Decimal
    output: Decimal
    notes: tuple[str, ...] = ()

    def __add__(self, other: Cost) -> Cost:
        """Return the sum, with the notes of both."""
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        total, given = self.total + other.total, self.input + other.input
        return Cost(total, given, self.output + other.output, notes)

    def __str__(self) -> str:
        """Return the total, as a price."""
        return f"${format_dollars(self.total, 4)}"


_NOTHING: Final = Cost(Decimal(0), Decimal(0), Decimal(0))


def format_dollars(amount: Decimal, digits: int) -> str:
    """Return an amount with some decimals; more for a small amount, until two digits show."""
    return f"{amount:,.{max(digits, 1 - amount.adjusted())}f}"


def cost_of(message: AIMessage) -> Cost | None:
    """Return what an answer cost.

    Args:
        message: An answer of `ChatClaudeCloud`, with its usage and metadata.

    Returns:
        The estimate; None if the message has no usage, or the price table has no price for its
        model on its cloud.

    Raises:
        ImportError: The extra ``cost`` is not installed.
    """
    try:
        import genai_prices  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("A price", "genai-prices", "cost") from error
    metadata: Mapping[str, Any] = message.response_metadata
    provider = _PROVIDERS.get(metadata.get("platform", ""))
    if message.usage_metadata is None or provider is None:
        return None
    is_claude_platform = provider == "aws" and str(metadata.get("model_id")).startswith("claude-")
    provider = "anthropic" if is_claude_platform else provider
    usage = genai_prices.Usage(**_usage(message.usage_metadata))
    try:
        price = genai_prices.calc_price(usage, _reference(metadata, provider), provider_id=provider)
    except LookupError:
        return None
    geography = (metadata.get("usage") or {}).get("inference_geo")
    factor = _ONLY_IN_THE_US if is_claude_platform and geography == "us" else 1
    parts = (price.total_price, price.input_price, price.output_price)
    total, given, answered = (part * factor for part in parts)
    return Cost(total, given, answered, _notes(metadata))


def _reference(metadata: Mapping[str, Any], provider: str) -> str:
    """Return what the price table calls the model: on Bedrock the profile decides the price."""
    name = str(metadata.get("model_name", ""))
    row = find(name)
    if provider != "aws":
        return row.name if row else name
    base = row.bedrock_id if row and row.bedrock_id else name
    profile = metadata.get("inference_profile")
    return f"{profile}.{base}" if profile else base


def _usage(usage: UsageMetadata) -> dict[str, int]:
    details: Mapping[str, Any] = usage.get("input_token_details") or {}
    names = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    unsplit, short, long = (int(details.get(name) or 0) for name in names)
    return {
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "cache_read_tokens": int(details.get("cache_read") or 0),
        "cache_write_tokens": unsplit + short + long,
        "cache_write_1h_tokens": long,
    }


def _notes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    notes = []
    if metadata["platform"] == "vertex" and metadata.get("region") != "global":
        notes.append(
            "Regional and multi-region endpoints of Vertex AI cost 10 % more from Sonnet 4.5 on; "
            "the price table has global prices only."
        )
    tier = metadata.get("service_tier") or (metadata.get("usage") or {}).get("service_tier")
    if tier == "batch":
        notes.append("Batch jobs cost about half the price shown, that of single calls.")
    elif tier not in {None, "standard", "default"}:
        notes.append(f"The price table has no price for service tier {tier!r}, only the standard.")
    return tuple(notes)


class CostCallback(BaseCallbackHandler):
    """Adds up what the calls of a run cost; thread-safe.

    Pass an instance as a callback of a model, a chain or an agent, and read its sum afterwards.

    Attributes:
        cost: The sum so far.
        calls: How many answers were counted.
        unknown: How many answers had no known price.
    """

    def __init__(self) -> None:
        self.cost = _NOTHING
        self.calls = 0
        self.unknown = 0
        self._lock = threading.Lock()

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:  # noqa: ANN401 - core's hook
        """Add the answers of a call."""
        for generation in chain.from_iterable(response.generations):
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                cost = cost_of(generation.message)
                with self._lock:
                    self.calls += 1
                    self.unknown += cost is None
                    self.cost += cost or _NOTHING
