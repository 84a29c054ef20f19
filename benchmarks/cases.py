"""What is measured: the rows of the table, each with its unit, its budget and its work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from benchmarks.contestants import Contestant

SECURE_URL = "BENCHMARK_SECURE_URL"
"""The environment variable with the server's address for TLS."""

WRITE_FILE = {
    "title": "write_file",
    "description": "Write a file.",
    "type": "object",
    "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["path", "content"],
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work there is, and how often.

    Attributes:
        events: Deltas of a stream.
        goes: Of how many goes the best counts.
        fragments: The few, the middle and the many fragments that are added up.
        streams: How many streams or calls run at once.
        limit: Seconds after which a case is broken off.
    """

    events: int = 5000
    goes: int = 5
    fragments: tuple[int, int, int] = (1000, 5000, 20000)
    streams: int = 64
    limit: float = 40.0


FULL = Scale()
PEERS = Scale(events=1000, goes=2, limit=20.0)
QUICK = Scale(events=50, goes=1, fragments=(10, 20, 40), streams=4, limit=20.0)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came out, in seconds, bytes or as a count.

    Attributes:
        value: The contestant's.
        floor: The least there is, from the same minute.
        note: What else is to be known.
    """

    value: float
    floor: float | None = None
    note: str = ""


@dataclass(slots=True)
class Context:
    """What a case may use."""

    contestant: Contestant
    url: str
    scale: Scale
    runner: asyncio.Runner
    memo: dict[str, float] = field(default_factory=dict)

    def new_model(self, url: str | None = None) -> BaseChatModel:
        """Make another model, for the plain address unless another is given."""
        return self.contestant.make(url or self.url)

    def address(self, *, tls: bool) -> str:
        """Return the server's address, with TLS or without."""
        return os.environ[SECURE_URL] if tls else self.url

    def bound(self, model: BaseChatModel, kind: str) -> Runnable:
        """Return a model as a scenario of a kind is asked for: with a tool, or without."""
        return model if kind == "text" else model.bind_tools([WRITE_FILE])

    @property
    def ours(self) -> bool:
        """Whether the contestant is this package."""
        return self.contestant.ours


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a row may be.

    Attributes:
        limit: In the unit of the row, or a factor.
        of: What the limit counts from.
    """

    limit: float
    of: str = "zero"

    def allows(self, value: float, floor: float | None) -> bool:
        """Tell whether a value in the unit of the row is within it."""
        return value <= self.most(floor)

    def most(self, floor: float | None) -> float:
        """Return the limit in the unit of the row."""
        if self.of == "zero" or floor is None:
            return self.limit
        return self.limit * floor if self.of == "floor times" else self.limit + floor

    def words(self, unit: str) -> str:
        """Say it in few words."""
        shown = f"{self.limit:g}"
        if self.of == "floor times":
            return f"{shown} x floor"
        return f"floor + {shown} {unit}" if self.of == "floor plus" else f"{shown} {unit}"


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table.

    Attributes:
        title: Its first column.
        unit: What its numbers are in; see `benchmarks.report.UNITS`.
        run: Measures it.
        budget: The most it may be for this package, if the design says.
        peers: Whether peers run it too.
        peer_limit: Seconds after which a peer is broken off, where peers are quadratic.
    """

    title: str
    unit: str
    run: Callable[[Context], Measurement]
    budget: Budget | None = None
    peers: bool = True
    peer_limit: float | None = None
