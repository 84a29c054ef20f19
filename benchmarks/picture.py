"""Draws some rows of the table as bars, into the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.contestants import CONTESTANTS

_PANELS = (
    ("stream-text", "A text event, stream()"),
    ("stream-tool", "A tool fragment, stream()"),
    ("packet-tls-text", "A text event a packet, over TLS, stream()"),
    ("wake-up-tls-text", "The same on 64 streams, astream()"),
    ("request-3001", "3,001 messages, what they add to invoke()"),
    ("import", "Import, as a process of its own"),
)
_OURS, _PEERS, _FLOOR = "#1f6f8b", "#b8bfc6", "#333333"


def draw(
    results: Mapping[str, Mapping[str, Mapping[str, Any]]],
    cases: Mapping[str, Case],
    units: Mapping[str, float],
    path: Path,
) -> bool:
    """Write the picture, as SVG.

    Args:
        results: What came out, by case and contestant.
        cases: The cases.
        units: How many of a unit are in a second, a byte, or one.
        path: Where it goes.

    Returns:
        Whether there is one: not without matplotlib, nor without a figure to show.
    """
    panels = [(case, title) for case, title in _PANELS if _values(results.get(case, {}))]
    if not panels or find_spec("matplotlib") is None:
        return False
    import matplotlib as mpl  # noqa: PLC0415 - in the environment of the benchmarks alone

    mpl.use("svg")
    # The text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "performance"})
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    rows = (len(panels) + 1) // 2
    figure, grid = plt.subplots(rows, 2, figsize=(11, 2.6 * rows), squeeze=False)
    for axes, (case, title) in zip(grid.flat, panels, strict=False):
        _panel(axes, results[case], title, cases[case].unit, units[cases[case].unit])
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return True


def _values(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, float]]:
    return [(name, result["value"]) for name, result in found.items() if "value" in result]


def _panel(
    axes: Any, found: Mapping[str, Mapping[str, Any]], title: str, unit: str, scale: float
) -> None:
    shown = _values(found)[::-1]
    names = [CONTESTANTS[name].title for name, _ in shown]
    colors = [_OURS if CONTESTANTS[name].ours else _PEERS for name, _ in shown]
    values = [value * scale for _, value in shown]
    bars = axes.barh(names, values, color=colors)
    axes.bar_label(bars, labels=[_label(value) for value in values], padding=3, fontsize=8)
    floors: Sequence[float] = [result["floor"] for result in found.values() if result.get("floor")]
    if floors:
        axes.axvline(min(floors) * scale, color=_FLOOR, linewidth=1, linestyle=":")
    axes.set_title(f"{title}: {unit}, less is better", fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
