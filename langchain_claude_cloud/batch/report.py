"""The report of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata

    from langchain_claude_cloud.cost import Cost


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of a run, or its progress.

    Attributes:
        answered: Inputs that this run answered.
        failed: Inputs that failed; their records say why. The next run tries them again.
        skipped: Inputs that an earlier run had answered.
        dropped: Inputs that were under way when the run was interrupted; they have no record.
        seconds: How long it took.
        usage: The tokens of all calls, or None if they are not known.
        cost: The price of all calls (extra ``cost``), or None if it is not known.
        interrupted: Whether Ctrl-C or SIGTERM ended the run early.
        total: The number of inputs, or None while it is not known.
        changed: Skipped inputs that are not what an earlier run answered under their ids.
    """

    answered: int
    failed: int
    skipped: int
    dropped: int
    seconds: float
    usage: UsageMetadata | None = None
    cost: Cost | None = None
    interrupted: bool = False
    total: int | None = None
    changed: int = 0

    @property
    def finished(self) -> int:
        """Inputs that this run wrote a record for."""
        return self.answered + self.failed

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.finished / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None if that is not known."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.skipped - self.finished) / self.rate

    def __str__(self) -> str:
        """Return one line."""
        of = f" of {self.total:,}" if self.total is not None else ""
        changed = f" ({self.changed:,} of them changed)" if self.changed else ""
        parts = [
            f"{self.answered + self.failed + self.skipped:,}{of} inputs",
            f"{self.answered:,} answered",
            f"{self.failed:,} failed",
            f"{self.skipped:,} skipped{changed}",
            f"{self.seconds:.1f} s",
            f"{self.rate:.1f} a second",
        ]
        if self.dropped:
            parts.insert(4, f"{self.dropped:,} dropped")
        if self.usage is not None:
            parts.append(f"{self.usage['total_tokens']:,} tokens")
        if self.cost is not None:
            parts.append(str(self.cost))
        return ", ".join(parts) + ("; interrupted" if self.interrupted else "")
