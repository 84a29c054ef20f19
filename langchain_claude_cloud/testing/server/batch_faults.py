"""The faults that a test can cause in the next batch job of a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from langchain_claude_cloud.errors.types import Cloud

BatchFaultKind = Literal["failed", "expired", "partly_completed", "corrupt_line", "lost_response"]

KINDS: Final = get_args(BatchFaultKind)


@dataclass(frozen=True, slots=True)
class BatchFault:
    """Something that goes wrong with a batch job.

    Attributes:
        kind: ``failed`` (no output at all), ``expired`` and ``partly_completed`` (output for the
            first records alone), ``corrupt_line`` (a line of the output that is no JSON),
            ``lost_response`` (the job is made, and its creation not answered).
        platform: Only for jobs of this cloud.
        answered: How many records are answered before it goes wrong; None for half of them.
    """

    kind: BatchFaultKind
    platform: Cloud | None = None
    answered: int | None = None

    def __post_init__(self) -> None:
        """Check the kind.

        Raises:
            ValueError: It is not known.
        """
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is not known. Give one of {', '.join(KINDS)}.")
