"""The command ``batch estimate``: what many prompts cost and how long they take."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation

from rich.console import Console
from rich.table import Table

from langchain_claude_cloud.batch.estimate import BATCH_PRICE, Estimate, Prices
from langchain_claude_cloud.batch.progress import duration
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError
from langchain_claude_cloud.cost import format_dollars
from langchain_claude_cloud.request.token_estimation import ESTIMATE_ERROR

_FORM = '{"claude-sonnet-5-5": {"input": 2, "output": 10}}, in dollars per million tokens'


def read_prices(path: str, model: str) -> Prices:
    """Return the prices of a model, from a user's table.

    Args:
        path: A JSON file with ``input``, ``output`` and perhaps ``batch`` for each model.
        model: The model.

    Raises:
        CommandError: The file is no such table, or lacks the model.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # as the user wrote it
            row = json.load(file)[model]
        amounts = (row["input"], row["output"], row.get("batch", BATCH_PRICE))
        return Prices(*(Decimal(str(amount)) for amount in amounts))
    except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise CommandError(
            f"{path} has no prices of {model} ({error!r}). It looks like this: {_FORM}."
        ) from error


def show_estimate(console: Console, found: Estimate, answer_tokens: float) -> None:
    """Print an estimate: single calls beside batch jobs."""
    console.print(
        f"{found.inputs:,} inputs for {found.model} on {CLOUD_NAMES[found.cloud]}: about "
        f"{found.input_tokens:,.0f} tokens in and {found.output_tokens:,.0f} out",
        style="bold",
    )
    table = Table(box=None, pad_edge=False)
    for name in ("", "now (batch run)", "batch jobs (batch submit)"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("dollars", _dollars(found.live_dollars), _dollars(found.batch_dollars))
    time = "unknown" if found.live_seconds is None else duration(found.live_seconds)
    table.add_row("time", time, "mostly within a day, not promised")
    jobs = f"at least {found.fewest} inputs needed" if found.jobs is None else f"{found.jobs:,}"
    table.add_row("jobs", "-", jobs)
    console.print(table)
    console.print(
        f"The tokens of the prompts are estimated from their size, mostly within "
        f"{ESTIMATE_ERROR:.0%}; answers are assumed to have {answer_tokens:,.0f} tokens "
        "(--answer-tokens). Prices are list prices.",
        style="dim",
    )
    if found.live_seconds is None:
        console.print(
            "For the time, give your quota: --requests-per-minute, --tokens-per-minute.",
            style="dim",
        )


def _dollars(amount: Decimal | None) -> str:
    return "unknown: give --prices" if amount is None else format_dollars(amount, 2)
