"""Writes the results as a table for the terminal and as a page for the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.contestants import CONTESTANTS

UNITS = {"us": 1e6, "ms": 1e3, "s": 1.0, "kB": 1e-3, "x": 1.0, "threads": 1.0}
"""How many of a unit are in a second, a byte, or one."""

Result = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Result]]

_OURS = [name for name, who in CONTESTANTS.items() if who.ours]
_PEERS = [name for name, who in CONTESTANTS.items() if not who.ours]
_OUR_COLUMNS = [CONTESTANTS[name].title.removeprefix("ours, ").capitalize() for name in _OURS]
_HEADER = ["", "unit", *_OUR_COLUMNS, "floor", "ratio", "budget", "met", *_PEERS]
_PACKAGES = (
    "langchain-core",
    "langchain-claude-cloud",
    "langchain-anthropic",
    "langchain-aws",
    "langchain-google-vertexai",
    "anthropic",
    "botocore",
    "httpx",
)
_PAGE = """# Performance

What this package costs beside its peers and beside langchain-core's own floor. Made by
`make bench` on {date}; every number is from that one run.

{machine}

{picture}{table}

How to read it:

* **Vertex** and **Bedrock** are this package on the two clouds; **Messages** and **Mantle** are
  Bedrock by these APIs, of which only streams are measured. The other columns on the right
  are the chat models of langchain-anthropic, langchain-google-vertexai and langchain-aws. All
  read from a loopback server that runs in a process of its own, so its work does not count.
* A number is the best of several goes, as whatever else runs on the machine only adds to it.
  It is CPU time of the whole process, threads included, unless the row says wall time.
* The **floor** is measured in turns with this package: for streams a chat model that makes one
  chunk, with the fields that a chunk of Claude's has, or one protocol event, per event from
  memory and nothing else; with one event a packet or a wake-up, such a chunk for each piece that
  a raw read of the same bytes brings, in one loop, with the library used (httpx; on event loops
  httpx over aiohttp); for imports langchain-core alone; for memory and first text a raw httpx
  request; for frames and requests the checksums and JSON that cannot be left out. **Ratio** is
  this package's worse figure to its floor.
* Events carry 20 characters; streams come in pieces of 16 kB unless the row says otherwise.
  Peers read streams of {peer_events} events, this package of {events}; of one event a packet, all
  read {packets}, and of one event a wake-up {wake_ups}. To begin a call, 64 at once over TLS, took this package
  1.5 ms and a bare client 0.5 ms: short streams would show that, and not what an event costs. What
  takes a peer too long is broken off, shown as `>` and after how long. A dash: not measured.

Where an event goes that comes alone over TLS (sync, layer by layer, 2026-11-27, on a machine that
was busy): a bare TLS socket takes 38 us, httpcore and h11 47 us more, httpx 7 us, this package's
byte stream 6 us, and decoding, the chunk and langchain-core 65 us; woken up for each event, nothing
of it is in the processor's caches. Reading the socket without httpcore's layer (its public network
backend) changed nothing: 151 us against 149.

What the import is: 30 % the five pydantic classes, 19 % regular expressions, 14 % dataclasses, the
rest some forty modules (cProfile with a CPU clock, the same day).

{notes}
"""


_SHOWN = """![Bars of some rows of the table: this package in blue, its peers in grey, the floor \
dotted.](performance.svg)

"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        cells: Its texts, in the order of the header.
        missed: Whether it has a budget that this package does not keep.
    """

    cells: list[str]
    missed: bool


def rows(results: Results, cases: Mapping[str, Case]) -> list[Row]:
    """Return a row for each case that anyone ran."""
    return [_row(cases[name], found) for name, found in results.items() if found]


def _row(case: Case, found: Mapping[str, Result]) -> Row:
    scale = UNITS[case.unit]
    measured = [
        (result["value"] * scale, _scaled(result["floor"], scale))
        for name in _OURS
        if "value" in (result := found.get(name, {}))
    ]
    floor = measured[0][1] if measured else None
    ratios = [value / least for value, least in measured if least]
    budget = case.budget
    met = budget is None or (
        len(measured) > 0 and all(budget.allows(value, least) for value, least in measured)
    )
    cells = [
        case.title,
        case.unit,
        *(_cell(found.get(name), scale) for name in _OURS),
        "-" if floor is None else _number(floor),
        f"{max(ratios):.2f}" if ratios else "-",
        budget.words(case.unit) if budget else "-",
        ("yes" if met else "NO") if budget else "-",
        *(_cell(found.get(name), scale) for name in _PEERS),
    ]
    return Row(cells, missed=not met)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _cell(result: Result | None, scale: float) -> str:
    if result is None:
        return "-"
    if "limit" in result:
        return f"> {result['limit']:g} s"
    return "fails" if "failure" in result else _number(result["value"] * scale)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.2g}"


def notes(results: Results, cases: Mapping[str, Case]) -> list[str]:
    """Return what else is to be known: failures, and remarks of the cases."""
    return [
        f"{cases[case].title}, {CONTESTANTS[name].title}: {said}"
        for case, found in results.items()
        for name, result in found.items()
        if (said := result.get("failure") or result.get("note"))
    ]


def text_table(table: Sequence[Row]) -> str:
    """Lay the rows out for a terminal."""
    lines = [_HEADER, *(row.cells for row in table)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(table: Sequence[Row]) -> str:
    """Lay the rows out for Markdown."""
    lines = [_HEADER, ["---", "---"] + ["---:"] * (len(_HEADER) - 2)]
    lines += [row.cells for row in table]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Say what the numbers were measured on, and with what."""
    versions = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{os.cpu_count()} x {_processor()}, {platform.system()}, "
        f"Python {platform.python_version()}, load {load}. {', '.join(versions)}."
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def page(
    table: Sequence[Row], remarks: Sequence[str], sizes: Mapping[str, int], *, drawn: bool = False
) -> str:
    """Return the page for the documentation.

    Args:
        table: The rows.
        remarks: What `notes` returns.
        sizes: ``events``, ``peer_events``, ``packets`` and ``wake_ups``.
        drawn: Whether there is a picture beside it.
    """
    shown = "\n".join(f"* {remark}" for remark in remarks)
    return (
        _PAGE.format(
            date=datetime.now(UTC).date(),
            machine=machine(),
            picture=_SHOWN if drawn else "",
            table=markdown_table(table),
            notes=f"Remarks:\n\n{shown}" if shown else "",
            **sizes,
        ).rstrip("\n")
        + "\n"
    )
