"""Shows how far a run is: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from langchain_claude_cloud.batch.report import RunReport

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

ProgressOption: TypeAlias = bool | Callable[[RunReport], None] | None

_LINE_SECONDS: Final = 10.0
_BAR_SECONDS: Final = 0.2


class Progress(Protocol):
    """Shows reports."""

    def update(self, report: RunReport) -> None:
        """Take in how far the run is."""

    def close(self, report: RunReport) -> None:
        """Show how it ended."""


def make_progress(option: ProgressOption) -> Progress:
    """Return what shows the progress.

    Args:
        option: None or True to show it on stderr, False not to, or a function of the report
            that is called after each record.
    """
    if option is False:
        return _Calls(lambda _: None)
    if callable(option):
        return _Calls(option)
    if sys.stderr.isatty():
        try:
            return _Bar()
        except ImportError:  # the extra is not installed
            pass
    return _Lines()


class _Calls:
    def __init__(self, function: Callable[[RunReport], None]) -> None:
        self.update = function

    def close(self, report: RunReport) -> None:
        self.update(report)


class _Lines:
    def __init__(self) -> None:
        self._due = time.monotonic() + _LINE_SECONDS

    def update(self, report: RunReport) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _LINE_SECONDS
            self.close(report)

    def close(self, report: RunReport) -> None:
        sys.stderr.write(f"{_told(report)}\n")
        sys.stderr.flush()


class _Bar:
    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - an extra
        from rich.table import Column  # noqa: PLC0415 - an extra

        self._progress: RichProgress = Progress(
            BarColumn(bar_width=20),
            # In a narrow terminal it goes on in a second line: the time left is at its end.
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=False)),
            console=Console(stderr=True),
            expand=True,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=None)
        self._progress.start()
        self._due = 0.0

    def update(self, report: RunReport) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _BAR_SECONDS
            self._show(report)

    def close(self, report: RunReport) -> None:
        self._show(report)
        self._progress.stop()

    def _show(self, report: RunReport) -> None:
        self._progress.update(
            self._task,
            total=report.total,
            completed=report.finished + report.skipped,
            description=_told(report),
            refresh=True,
        )


def _told(report: RunReport) -> str:
    left = report.seconds_left
    return f"{report}, {duration(left)} left" if left else str(report)


def duration(seconds: float) -> str:
    """Return a time in days, hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours}:{minutes:02}:{rest:02}"
