"""Write `docs/scale.md` and its plots from the simulation: ``python -m benchmarks.scale_page``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import scale
from benchmarks.scale import QUOTAS, SIZES, WAYS, Outcome, Outcomes

_DOCS = Path(__file__).parent.parent / "docs"
_HOUR, _DAY = 3600.0, 86400.0
_PAGE = """# From a thousand prompts to ten million

What to choose for a table of prompts: single calls from one process (`batch.run`), single calls from an engine's
workers (`batch.engines`), a list of regions (failover), or the cloud's batch jobs (`batch.submit`). The numbers are of
a seeded simulation, made by `make scale`. In it the calls decide by this package's own pacing, limits, circuit breakers
and failover; clouds and clocks are simulated. Nothing here was measured at a cloud.

## What to choose

| you have | choose |
| --- | --- |
| up to some thousand prompts, answers needed now | `batch.run`, with `requests_per_minute` a little below your quota |
| answers needed within a day, a hundred prompts or more | `batch.submit`: half the price, and the quota of calls stays free |
| more than your quota answers in a day | `batch.submit`: its time hardly grows up to {at_once} jobs of {records:,} on Vertex AI, 20 of 50,000 on Bedrock |
| a large quota ({large:,} a minute), answers needed now | an engine: one process ends near {one:.0f} calls a second |
| the table is in Ray, Spark or Dask already | `batch.engines`, with a limit for all workers |
| a small quota, other regions allowed | `batch.run` with a list of platforms: nearly the sum of their quotas |
| agents, or chains that call a model more than once | `batch.run` or an engine: batch jobs take one call an input |

`claude-cloud batch estimate` tells tokens, cost and time for a file of yours.

## Time

![Time by the number of prompts, at three quotas](scale-time.svg)

{time}

## Cost

![Cost by the number of prompts](scale-cost.svg)

{cost}

A refused request costs nothing. A call here has 1,000 tokens in and 250 out, at the list price of claude-sonnet-5-5.

## Refusals

![Refused requests for each 1,000 prompts, at three quotas](scale-refusals.svg)

Requests that were refused with 429, for each 1,000 prompts of {refusal_size:,}; in brackets the calls that used up their
retries, which the next run asks again.

{refusals}

The quota is taken to allow a burst of a minute's worth. With bursts of {short:g} seconds' worth instead, which a cloud
may enforce, the same table is:

{short_refusals}

and the time of {refusal_size:,} prompts is:

{short_time}

A limit of your own is spread evenly over the seconds, but lets ten requests go out at once. That is more than the small
quota takes in a burst: there the limit is of little use, and the pacing of one process by itself does better than many
workers, each with a pacing of its own.

## What is assumed

* Quotas: small {small:,}, medium {medium:,}, large {large:,} requests a minute, for each region. Tokens do not limit.
* An answer takes {low:g} to {high:g} seconds; a refusal 0.1. A process begins a call each {start:g} ms, which is its CPU
  time as measured on loopback, and has at most 500 under way.
* The engine has {workers} workers and takes {engine_start:g} s to start. Limits are set to {limit:.0%} of the quota.
* Jobs have {records:,} records, {at_once} run at once, and each takes {shortest:g} to {longest:g} hours, mostly near
  {frequent:g}; the table has the mean of {draws} draws. **That is a guess**: the clouds promise no time, and may let a job expire.
* The first {least:,} to {simulated:,} prompts are simulated call by call, the more the larger the quota. The others go on
  at the rate of the second half of these.
"""


def main() -> None:
    """Write the page and the plots."""
    found, short = scale.simulate(), scale.simulate(scale.SHORT_BURST_SECONDS)
    _plot(found)
    shortest, frequent, longest = scale.JOB_HOURS
    size = 100_000
    text = _PAGE.format(
        **QUOTAS,
        one=SIZES[-1] / found["one process", "large", SIZES[-1]].seconds,
        time=_time_table(found),
        cost=_table(
            ["prompts", "single calls", "batch jobs"],
            [
                [f"{prompts:,}", *(_dollars(found[way, "medium", prompts]) for way in _PRICED)]
                for prompts in SIZES
            ],
        ),
        refusal_size=size,
        refusals=_by_quota(found, size, _refusals),
        short=scale.SHORT_BURST_SECONDS,
        short_refusals=_by_quota(short, size, _refusals),
        short_time=_by_quota(short, size, _duration),
        low=scale.LATENCY * 0.5,
        high=scale.LATENCY * 1.5,
        start=scale.START_SECONDS * 1000,
        workers=scale.WORKERS,
        engine_start=scale.ENGINE_START_SECONDS,
        limit=scale.LIMIT,
        records=scale.RECORDS_A_JOB,
        at_once=scale.JOBS_AT_ONCE,
        shortest=shortest,
        frequent=frequent,
        longest=longest,
        draws=scale.DRAWS,
        least=scale.FEWEST_SIMULATED,
        simulated=scale.SIMULATED,
    )
    (_DOCS / "scale.md").write_text(text, encoding="utf-8")


_PRICED = ("one process", "batch jobs")


def _time_table(found: Outcomes) -> str:
    header = ["quota", "prompts", *WAYS]
    rows = [
        [quota, f"{prompts:,}", *(_duration(found[way, quota, prompts]) for way in WAYS)]
        for quota in QUOTAS
        for prompts in SIZES
    ]
    return _table(header, rows)


def _by_quota(found: Outcomes, prompts: int, cell: Callable[[Outcome], str]) -> str:
    rows = [[quota, *(cell(found[way, quota, prompts]) for way in WAYS)] for quota in QUOTAS]
    return _table(["quota", *WAYS], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _duration(outcome: Outcome) -> str:
    seconds = outcome.seconds
    for name, unit in (("d", _DAY), ("h", _HOUR), ("min", 60.0)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.{0 if seconds >= 20 * unit else 1}f} {name}"
    return f"{seconds:.0f} s"


def _dollars(outcome: Outcome) -> str:
    return f"${outcome.dollars:,.2f}"


def _refusals(outcome: Outcome) -> str:
    prompts = outcome.dollars / scale.DOLLARS
    if outcome.refused == 0:
        return "0"
    again = round(outcome.again / prompts * 1000)
    return f"{outcome.refused / prompts * 1000:,.0f}" + (f" ({again:,})" if again else "")


def _plot(found: Outcomes) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - the extra `bench`

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of its output

    plt.rcParams.update({"svg.hashsalt": "scale", "font.size": 9})
    panels = {
        "time": (_hours, "hours"),
        "refusals": (lambda one, prompts: one.refused / prompts * 1000, "429s per 1,000 prompts"),
    }
    for name, (value, label) in panels.items():
        figure, axes = plt.subplots(1, len(QUOTAS), figsize=(10, 3.6), sharey=True)
        for axis, (quota, per_minute) in zip(axes, QUOTAS.items(), strict=True):
            for way in WAYS:
                values = [value(found[way, quota, prompts], prompts) for prompts in SIZES]
                axis.plot(SIZES, values, marker="o", markersize=3, label=way)
            axis.set(title=f"{quota}: {per_minute:,} a minute", xlabel="prompts", xscale="log")
            axis.set_yscale("log" if name == "time" else "symlog")
            axis.grid(alpha=0.3)
        axes[0].set_ylabel(label)
        axes[0].legend(fontsize=7)
        _save(figure, name)
    figure, axis = plt.subplots(figsize=(5, 3.2))
    for way, label in zip(_PRICED, ("single calls", "batch jobs"), strict=True):
        axis.plot(SIZES, [found[way, "medium", size].dollars for size in SIZES], label=label)
    axis.set(xlabel="prompts", ylabel="dollars", xscale="log", yscale="log")
    axis.grid(alpha=0.3)
    axis.legend()
    _save(figure, "cost")


def _hours(outcome: Outcome, _prompts: int) -> float:
    return max(outcome.seconds, 1.0) / _HOUR


def _save(figure: object, name: str) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - the extra `bench`

    if isinstance(figure, Figure):
        figure.tight_layout()
        path = _DOCS / f"scale-{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
