"""What an emulator keeps for batch jobs: buckets, tables, jobs, denials, and coming faults."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.testing.server.batch_faults import BatchFault
from langchain_claude_cloud.testing.server.batch_jobs import BedrockJob, VertexJob

if TYPE_CHECKING:
    from langchain_claude_cloud.testing.server.buckets import Buckets

TableName = tuple[str, str, str]
"""Project, dataset and table."""


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
