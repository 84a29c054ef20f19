"""What tool arguments cost: added up chunk by chunk, large, or malformed."""

from __future__ import annotations

from functools import partial

from langchain_core.runnables import Runnable

from benchmarks.cases import Budget, Case, Context, Measurement
from benchmarks.floors import ChunkFloor
from benchmarks.measure import best_of
from benchmarks.scenarios import Scenario

_LARGE_PIECE = 256
_MALFORMED_BYTES = 45_000


def add_up(model: Runnable, prompt: str) -> object:
    """Do what the documentation tells users to do: ``full += chunk``."""
    full = None
    for chunk in model.stream(prompt):
        full = chunk if full is None else full + chunk
    return full


def _seconds(context: Context, scenario: Scenario) -> float:
    """Return what it takes to read and add up an answer; measured once."""
    if scenario.prompt not in context.memo:
        model = context.bound(context.new_model(), "tool")
        goes = min(2, context.scale.goes) if context.ours else 1
        if context.ours:
            add_up(model, Scenario("tool", 10).prompt)
        (context.memo[scenario.prompt],) = best_of(goes, partial(add_up, model, scenario.prompt))
    return context.memo[scenario.prompt]


def merge(context: Context, *, which: int) -> Measurement:
    """Measure the adding up of 20-byte fragments."""
    scenario = Scenario("tool", context.scale.fragments[which])
    floor = None
    if context.ours and which == 0:
        model = ChunkFloor(kind="tool", pieces=scenario.pieces())
        (floor,) = best_of(1, partial(add_up, model, "x"))
    return Measurement(_seconds(context, scenario), floor)


def growth(context: Context) -> Measurement:
    """Compare one of many fragments with one of few."""
    few, _, many = context.scale.fragments
    per_fragment = [_seconds(context, Scenario("tool", count)) / count for count in (few, many)]
    return Measurement(per_fragment[1] / per_fragment[0])


def large(context: Context, *, kilobytes: int) -> Measurement:
    """Measure one large argument in pieces of 256 bytes, added up."""
    count = kilobytes * 1000 // _LARGE_PIECE if context.scale.goes > 1 else 4
    return Measurement(_seconds(context, Scenario("tool", count, _LARGE_PIECE)))


def malformed(context: Context) -> Measurement:
    """Measure a stream whose arguments have one stray quote near their start."""
    length = _MALFORMED_BYTES if context.scale.goes > 1 else 1000
    scenario = Scenario("malformed", length // _LARGE_PIECE, _LARGE_PIECE)
    model = context.bound(context.new_model(), "tool")
    goes = context.scale.goes if context.ours else 1
    (value,) = best_of(goes, lambda: list(model.stream(scenario.prompt)))
    return Measurement(value)


CASES = {
    "merge-few": Case(
        "`full += chunk`, 1,000 tool fragments", "s", partial(merge, which=0), peer_limit=2.0
    ),
    "merge": Case(
        "`full += chunk`, 5,000 tool fragments",
        "s",
        partial(merge, which=1),
        Budget(0.5),
        peer_limit=2.0,
    ),
    "merge-many": Case(
        "`full += chunk`, 20,000 tool fragments", "s", partial(merge, which=2), peers=False
    ),
    "growth-merge": Case(
        "`full += chunk`, a fragment of 20,000 : of 1,000", "x", growth, Budget(2), peers=False
    ),
    "argument-100": Case(
        "an argument of 100 kB, added up", "s", partial(large, kilobytes=100), peer_limit=3.0
    ),
    "argument-400": Case(
        "an argument of 400 kB, added up", "s", partial(large, kilobytes=400), peers=False
    ),
    "malformed": Case("45 kB of malformed arguments, `stream()`", "s", malformed, peer_limit=2.0),
}
