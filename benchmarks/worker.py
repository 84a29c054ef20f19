"""The process of one contestant: it measures cases and prints a JSON line for each."""

from __future__ import annotations

import argparse
import asyncio
import json
import warnings
from collections.abc import Sequence

from benchmarks import arguments, conversions, footprint, streaming
from benchmarks.cases import FULL, PEERS, QUICK, Case, Context, Scale
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.measure import TimeLimitError, time_limit
from benchmarks.scenarios import Scenario

CASES: dict[str, Case] = {
    **streaming.CASES,
    **arguments.CASES,
    **footprint.CASES,
    **conversions.CASES,
}

OF_STREAMS = [name for name in streaming.CASES if not name.startswith("growth")]
"""The cases that differ by how an API frames its streams."""


def scale_for(contestant: Contestant, *, quick: bool) -> Scale:
    """Return how much work a contestant is given."""
    if quick:
        return QUICK
    return FULL if contestant.ours else PEERS


def measure(case: Case, context: Context) -> dict[str, object]:
    """Run a case; a failure is a result too."""
    limit = context.scale.limit if context.ours else case.peer_limit or context.scale.limit
    try:
        with time_limit(limit):
            result = case.run(context)
    except TimeLimitError:
        return {"limit": limit}
    except Exception as error:  # noqa: BLE001 - whatever a peer raises belongs into the table
        return {"failure": f"{type(error).__name__}: {error}"[:300]}
    return {"value": result.value, "floor": result.floor, "note": result.note}


def run(name: str, url: str, cases: Sequence[str], *, quick: bool) -> None:
    """Run cases and print each result as it comes."""
    contestant = CONTESTANTS[name]
    with asyncio.Runner() as runner:
        context = Context(contestant, url, scale_for(contestant, quick=quick), runner)
        context.new_model().invoke(Scenario().prompt)
        for case in cases:
            print(json.dumps({"case": case, **measure(CASES[case], context)}), flush=True)


def main() -> None:
    """Read the arguments that `benchmarks.__main__` gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant")
    parser.add_argument("url")
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    run(given.contestant, given.url, given.cases, quick=given.quick)


if __name__ == "__main__":
    main()
