"""The command ``cost``: what a model's tokens cost, and what a prompt and its answer would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from langchain_core.messages import AIMessage
from rich.console import Console
from rich.table import Table

from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.cli.common import CommandError, Target
from langchain_claude_cloud.cli.count import count_file
from langchain_claude_cloud.config.checks import expand_alias
from langchain_claude_cloud.cost import cost_of, format_dollars

_MILLION: Final = 1_000_000
_SHORT: Final = 1_000
"""Tokens by which prices per million are found: long prompts may have higher ones."""
_LONG: Final = 900_000
_KINDS: Final = {
    "input": None,
    "cache read": "cache_read",
    "cache write 5 min": "ephemeral_5m_input_tokens",
    "write 1 h": "ephemeral_1h_input_tokens",
}
"""The kinds of input that have prices, and how LangChain's usage metadata calls them."""
_JSON_KEYS: Final = {
    "cache read": "cache_read",
    "cache write 5 min": "cache_write_5m",
    "write 1 h": "cache_write_1h",
}
_LIMITS: Final = (
    "List prices in US dollars, by the table of genai-prices; the cloud's bill is what counts. The "
    "table does not know discounts, provisioned throughput, batch jobs (about half the price on "
    "both clouds), and Vertex AI's regional and multi-region endpoints (10 % more from Sonnet 4.5 "
    "on)."
)

Row = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Offer:
    """A model in a place that has prices of its own.

    Attributes:
        name: What the place is called.
        platform: The cloud.
        profile: Bedrock's inference profile.
    """

    name: str
    platform: str
    profile: str | None = None

    def price(self, model: str, input_tokens: int, output_tokens: int, kind: str = "input") -> Row:
        """Return the prices of a prompt and its answer; empty if the table has none.

        Args:
            model: The model.
            input_tokens: The length of the prompt.
            output_tokens: The length of the answer.
            kind: What kind of input the prompt is; see `_KINDS`.
        """
        detail = _KINDS[kind]
        message = AIMessage(
            "",
            usage_metadata={
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "total_tokens": input_tokens + output_tokens,
                "input_token_details": {detail: input_tokens} if detail else {},
            },
            response_metadata={
                "platform": self.platform,
                "model_name": model,
                "region": "global",
                "inference_profile": self.profile,
            },
        )
        cost = cost_of(message)
        return {} if cost is None else {kind: cost.input, "output": cost.output}

    def per_million(self, model: str) -> Row:
        """Return the price of a million tokens of each kind; empty if the table has none."""
        prices: Row = {}
        for kind in _KINDS:
            prices |= self.price(model, _SHORT, _SHORT, kind)
        return {kind: price * _MILLION / _SHORT for kind, price in prices.items()}

    def grows(self, model: str) -> bool:
        """Whether a token of a long prompt costs more than one of a short prompt."""
        short, long = (self.price(model, tokens, 0) for tokens in (_SHORT, _LONG))
        return bool(short) and long["input"] * _SHORT > short["input"] * _LONG


_OFFERS: Final = (
    Offer("Vertex AI, global", "vertex"),
    Offer("Bedrock, global", "bedrock", "global"),
    Offer("Bedrock, regional", "bedrock", "us"),
)


def run_cost(
    console: Console,
    target: Target,
    *,
    path: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    as_json: bool = False,
) -> None:
    """Print a model's prices per million tokens; or those of a prompt and its answer.

    Args:
        console: Where to.
        target: The model; the cloud, or None for both.
        path: A file with the prompt, whose tokens the cloud counts; ``-`` for stdin.
        input_tokens: The length of the prompt, where it is known.
        output_tokens: The length of the answer.
        as_json: Whether to print JSON.

    Raises:
        CommandError: The price table does not have the model.
        ImportError: It is not installed.
        ClaudeCloudError: The cloud did not count.
    """
    if path is not None:
        input_tokens = int(count_file(target, path))
    found = find(expand_alias(target.model_name))
    model = found.name if found else target.model_name
    offers = [each for each in _OFFERS if target.platform in (None, each.platform)]
    lengths = None
    if input_tokens is not None or output_tokens is not None:
        lengths = (input_tokens or 0, output_tokens or 0)
    rows = {each.name: _prices(each, model, lengths) for each in offers}
    grows = lengths is None and any(each.grows(model) for each in offers)
    rows = {name: prices for name, prices in rows.items() if prices}
    if not rows:
        note = unknown_model_note(model)
        raise CommandError(f"The price table of genai-prices does not have {model}. {note}".strip())
    if as_json:
        console.out(json.dumps(_as_json(model, rows, lengths, grows=grows), indent=2))
        return
    what = "dollars per million tokens"
    if lengths:
        what = f"dollars for {lengths[0]:,} tokens in, {lengths[1]:,} out"
    console.print(f"{model}: {what}", style="bold")
    console.print(_table(rows, digits=4 if lengths else 2))
    if grows:
        console.print("Long prompts cost more: try --input-tokens.")
    console.print(_LIMITS, style="dim")


def _as_json(
    model: str, rows: Mapping[str, Row], lengths: tuple[int, int] | None, *, grows: bool
) -> dict[str, object]:
    """Return the prices as JSON data, in dollars."""
    places = {each.name: each for each in _OFFERS}
    prices = [
        {
            "platform": places[name].platform,
            "inference_profile": places[name].profile,
            "dollars": {_JSON_KEYS.get(kind, kind): float(price) for kind, price in row.items()},
        }
        for name, row in rows.items()
    ]
    asked = dict(zip(("input_tokens", "output_tokens"), lengths, strict=True)) if lengths else {}
    per = {} if lengths else {"per_tokens": _MILLION, "long_prompts_cost_more": grows}
    return {"model": model, **asked, **per, "prices": prices, "limits": _LIMITS}


def _prices(offer: Offer, model: str, lengths: tuple[int, int] | None) -> Row:
    if lengths is None:
        return offer.per_million(model)
    prices = offer.price(model, *lengths)
    return {**prices, "total": sum(prices.values(), Decimal(0))} if prices else {}


def _table(rows: Mapping[str, Row], digits: int) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    kinds = list(dict.fromkeys(kind for row in rows.values() for kind in row))
    for kind in kinds:
        table.add_column(kind, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(format_dollars(row[kind], digits) for kind in kinds))
    return table
