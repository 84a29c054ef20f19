"""Estimates the tokens, price, batch jobs and time of many prompts.

Nothing is sent. The tokens of the prompts are estimated from their size; the caller gives the
length of an answer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage

from langchain_claude_cloud.batch.identifiers import ANYTHING, messages_as_data
from langchain_claude_cloud.batch.inputs import Column, InputReader, Inputs
from langchain_claude_cloud.batch.jobs.bedrock import BedrockBatch
from langchain_claude_cloud.batch.jobs.pipeline import take_apart
from langchain_claude_cloud.batch.jobs.vertex import VertexBatch
from langchain_claude_cloud.calls.rate_limit import MINUTE, RateLimit
from langchain_claude_cloud.cost import cost_of
from langchain_claude_cloud.errors.types import Cloud, JsonObject

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

BATCH_PRICE: Final = Decimal("0.5")
"""Of the price of single calls (https://aws.amazon.com/bedrock/pricing/ and
https://cloud.google.com/vertex-ai/generative-ai/pricing, batch prices of Claude models)."""

ANSWER_TOKENS: Final = 500
"""How long an answer is taken to be."""

_MILLION: Final = 1_000_000
_FRAME_BYTES: Final = 150
"""What a record has besides its messages."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a model, in dollars per million tokens.

    Attributes:
        input: The price of prompts.
        output: The price of answers.
        batch: The price of a batch job, as a part of these prices.
    """

    input: Decimal
    output: Decimal
    batch: Decimal = BATCH_PRICE

    def cost(self, input_tokens: float, output_tokens: float) -> Decimal:
        """Return the price of single calls."""
        price = Decimal(input_tokens) * self.input + Decimal(output_tokens) * self.output
        return price / _MILLION


@dataclass(slots=True)
class Estimate:
    """The estimate for many prompts.

    Attributes:
        cloud: Which cloud answers.
        model: What the model is called there.
        inputs: How many prompts there are.
        input_tokens: Their tokens.
        output_tokens: The tokens of the answers.
        quota_tokens: How many tokens of the cloud's quota they take together.
        bytes: How long the input files of batch jobs are.
        live_dollars: The price of single calls, or None if it is not known.
        batch_dollars: The price of batch jobs, or None if it is not known.
        live_seconds: How long single calls take at the given quotas; None without them.
        jobs: How many batch jobs are needed; None if there are too few inputs for one.
        fewest: How many inputs a batch job has at least.
    """

    cloud: Cloud
    model: str
    inputs: int = 0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    quota_tokens: float = 0.0
    bytes: int = 0
    live_dollars: Decimal | None = field(default_factory=Decimal)
    batch_dollars: Decimal | None = None
    live_seconds: float | None = None
    jobs: int | None = None
    fewest: int = 1

    def add(self, input_tokens: float, output_tokens: float, cost: Decimal | None) -> None:
        """Add a call, and what it costs if that is known."""
        self.inputs += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        if self.live_dollars is not None:
            self.live_dollars = None if cost is None else self.live_dollars + cost

    def as_dict(self) -> JsonObject:
        """Return the estimate as JSON data; prices in dollars."""
        return {
            "platform": self.cloud,
            "model": self.model,
            "inputs": self.inputs,
            "input_tokens": round(self.input_tokens),
            "output_tokens": round(self.output_tokens),
            "quota_tokens": round(self.quota_tokens),
            "live": {
                "dollars": None if self.live_dollars is None else float(self.live_dollars),
                "seconds": self.live_seconds,
            },
            "batch": {
                "dollars": None if self.batch_dollars is None else float(self.batch_dollars),
                "jobs": self.jobs,
                "bytes": self.bytes,
                "fewest_inputs": self.fewest,
            },
        }


def estimate(
    runnable: Runnable[Any, Any],
    inputs: Inputs,
    *,
    input: Column = "input",  # noqa: A002 - the name of the column
    answer_tokens: float = ANSWER_TOKENS,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    prices: Prices | None = None,
) -> Estimate:
    """Estimate single calls and batch jobs for some inputs, on the model's first cloud.

    Args:
        runnable: The model, bound or with structured output, or a chain that calls it once.
        inputs: An iterable, or the path of a JSONL, CSV or Parquet file.
        input: The column with the inputs, or a function of the row.
        answer_tokens: How many tokens an answer has on average.
        requests_per_minute: The quota of requests.
        tokens_per_minute: The quota of tokens.
        prices: The model's prices. Default: those of genai-prices (extra ``cost``).

    Raises:
        InputRowError: An input cannot be read.
        ConfigurationError: An argument cannot be used, or the runnable is no such chain.
        ImportError: No prices are given, and the extra ``cost`` is not installed.
    """
    quota = RateLimit(requests_per_minute, tokens_per_minute)
    quota.check()
    pipeline = take_apart(runnable)
    route = pipeline.route()
    region = route.known_region
    resolved = route.resolve_in(region)
    found = Estimate(resolved.cloud, resolved.model_id)
    where = (
        ("platform", resolved.cloud),
        ("model_name", resolved.info.name if resolved.known else resolved.requested),
        ("region", region),
        ("inference_profile", resolved.inference_profile),
    )
    price = partial(_listed, where) if prices is None else prices.cost
    calls = pipeline.calls(resolved.cloud)
    for one in InputReader(inputs, lambda _: 0, input):
        tokens = calls.prompt_tokens(pipeline.prompt(one.value))
        found.bytes += _size(one.value)
        found.add(tokens, answer_tokens, price(round(tokens), round(answer_tokens)))
    weight = resolved.capabilities.output_quota_weight
    found.quota_tokens = found.input_tokens + weight * found.output_tokens
    found.live_seconds = _seconds(found, quota)
    if found.live_dollars is not None:
        found.batch_dollars = found.live_dollars * (prices.batch if prices else BATCH_PRICE)
    _count_jobs(found)
    return found


@lru_cache(maxsize=10_000)
def _listed(
    where: tuple[tuple[str, str | None], ...], input_tokens: int, output_tokens: int
) -> Decimal | None:
    """Return what genai-prices says that a call costs; None if it has no price."""
    cost = cost_of(
        AIMessage(
            "",
            usage_metadata={
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "total_tokens": input_tokens + output_tokens,
            },
            response_metadata=dict(where),
        )
    )
    return None if cost is None else cost.total


def _size(value: object) -> int:
    plain = ANYTHING.dump_python(messages_as_data(value), mode="json")
    return len(json.dumps(plain, ensure_ascii=False).encode()) + _FRAME_BYTES


def _seconds(found: Estimate, quota: RateLimit) -> float | None:
    """Return how long single calls take: as long as the quota that is used up first."""
    taken = zip((found.inputs, found.quota_tokens), quota, strict=True)
    minutes = [amount / most for amount, most in taken if most is not None]
    return max(minutes) * MINUTE if minutes else None


def _count_jobs(found: Estimate) -> None:
    options = BedrockBatch() if found.cloud == "bedrock" else VertexBatch()
    found.fewest = options.fewest_records if isinstance(options, BedrockBatch) else 1
    if found.inputs >= found.fewest:
        found.jobs = max(
            math.ceil(found.inputs / options.records_per_job),
            math.ceil(found.bytes / options.bytes_per_job),
        )
