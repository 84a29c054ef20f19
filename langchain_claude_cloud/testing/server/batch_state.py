"""What an emulator keeps for batch jobs: buckets, tables, jobs, denials, and coming faults.

A job's state advances with each look at it, so that no test waits for a clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, Literal, get_args

from langchain_claude_cloud.errors.types import Cloud, JsonObject

if TYPE_CHECKING:
    from langchain_claude_cloud.testing.server.cloud_storage import Buckets

TableName = tuple[str, str, str]
"""Project, dataset and table."""

BatchFaultKind = Literal["failed", "expired", "partly_completed", "corrupt_line", "lost_response"]

_FAULTS: Final = get_args(BatchFaultKind)
_NEXT: Final = {"Submitted": "Validating", "Validating": "Scheduled", "Scheduled": "InProgress"}


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
        if self.kind not in _FAULTS:
            raise ValueError(f"kind={self.kind!r} is not known. Give one of {', '.join(_FAULTS)}.")


def timestamp() -> str:
    """Return the time as both clouds write it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class BatchJob:
    """A batch job, whose records are answered in a thread of its own.

    Attributes:
        shown: What the API shows of it.
        fault: What is to go wrong.
        stopped: Set when it is to stop.
        end: The state that it ends in, once its work is done.
        results: What is shown besides at its end.
        STATE: The field of what is shown that has the state.
        ENDS: The states that it ends in.
    """

    STATE: ClassVar[str]
    ENDS: ClassVar[frozenset[str]]

    shown: JsonObject
    fault: BatchFault | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    end: str | None = None
    results: JsonObject = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it is shown as ended."""
        return self.shown[self.STATE] in self.ENDS

    @property
    def fault_kind(self) -> BatchFaultKind | Literal[""]:
        """What is to go wrong; empty for nothing."""
        return self.fault.kind if self.fault is not None else ""

    def answered_of(self, total: int) -> int:
        """Return how many of its records are answered."""
        if self.fault is None or self.fault.kind not in {"expired", "partly_completed"}:
            return total
        return total // 2 if self.fault.answered is None else self.fault.answered


@dataclass
class VertexJob(BatchJob):
    """A batch prediction job of Vertex AI."""

    STATE = "state"
    ENDS = frozenset(
        {"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_FAILED"}
        | {"JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}
    )

    def advance(self) -> JsonObject:
        """Return what is shown, one state further than at the last look."""
        if self.shown["state"] == "JOB_STATE_PENDING":
            now = timestamp()
            self.shown |= {"state": "JOB_STATE_RUNNING", "updateTime": now, "startTime": now}
        elif not self.is_over and self.end is not None:
            now = timestamp()
            self.shown |= {"state": self.end, "updateTime": now, "endTime": now, **self.results}
        return dict(self.shown)


@dataclass
class BedrockJob(BatchJob):
    """A model invocation job of Amazon Bedrock."""

    STATE = "status"
    ENDS = frozenset({"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"})

    def advance(self) -> JsonObject:
        """Return what is shown, one state further than at the last look."""
        status = self.shown["status"]
        failed_check = self.end == "Failed" and status == "Validating"
        if status in _NEXT and not failed_check:
            self.shown["status"] = _NEXT[status]
        elif not self.is_over and self.end is not None:
            self.shown |= {"status": self.end, "endTime": timestamp(), **self.results}
        self.shown["lastModifiedTime"] = timestamp()
        return dict(self.shown)


@dataclass
class Table:
    """A table: its columns (name to type) and its rows."""

    columns: dict[str, str]
    rows: list[JsonObject] = field(default_factory=list)


@dataclass
class Warehouse:
    """The datasets of an emulator, in memory.

    Attributes:
        datasets: Those that exist, with their project.
        tables: Those that exist.
        jobs: The load jobs, by id.
        uploads: What has arrived of uploads in pieces, with the job that they are for.
    """

    datasets: set[tuple[str, str]] = field(default_factory=set)
    tables: dict[TableName, Table] = field(default_factory=dict)
    jobs: dict[str, JsonObject] = field(default_factory=dict)
    uploads: dict[str, tuple[JsonObject, bytearray]] = field(default_factory=dict)


@dataclass
class BatchState:
    """Everything that batch jobs and the storage beside them share.

    Attributes:
        denied: The permissions that the caller, or a job itself, does not have.
        faults: What goes wrong with the next jobs.
        buckets: Cloud Storage, once it is used.
        warehouse: BigQuery.
        vertex_jobs: The batch prediction jobs, by number.
        bedrock_jobs: The model invocation jobs, by id.
        lock: Held while a job is looked at or changed.
    """

    denied: set[str] = field(default_factory=set)
    faults: list[BatchFault] = field(default_factory=list)
    buckets: Buckets | None = None
    warehouse: Warehouse = field(default_factory=Warehouse)
    vertex_jobs: dict[str, VertexJob] = field(default_factory=dict)
    bedrock_jobs: dict[str, BedrockJob] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_fault(self, cloud: Cloud) -> BatchFault | None:
        """Return what is to go wrong with a new job, once."""
        for fault in self.faults:
            if fault.platform in {None, cloud}:
                self.faults.remove(fault)
                return fault
        return None
