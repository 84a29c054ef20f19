"""The batch jobs of both clouds that an emulator remembers.

What a job's state is shown as advances with each look at it, so that no test waits for a clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.server.batch_faults import BatchFault

_VERTEX_ENDS: Final = frozenset(
    {"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_FAILED"}
    | {"JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}
)
_BEDROCK_ENDS: Final = frozenset(
    {"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"}
)
_NEXT: Final = {"Submitted": "Validating", "Validating": "Scheduled", "Scheduled": "InProgress"}


def timestamp() -> str:
    """Return the time as both clouds write it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class VertexJob:
    """A batch prediction job of Vertex AI.

    Attributes:
        resource: What the API shows of it.
        region: The location of its path.
        fault: What is to go wrong.
        cancelled: Set when it is to stop.
        thread: Where it works.
        end: The state that it ends in, once its work is done.
        results: What is added to the resource at its end.
    """

    resource: JsonObject
    region: str
    fault: BatchFault | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    end: str | None = None
    results: JsonObject = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it is shown as ended."""
        return self.resource["state"] in _VERTEX_ENDS

    def look(self) -> JsonObject:
        """Return the resource, one state further than at the last look."""
        if self.resource["state"] == "JOB_STATE_PENDING":
            self._enter("JOB_STATE_RUNNING")
        elif not self.is_over and self.end is not None:
            self._enter(self.end)
            self.resource |= self.results
        return self.resource

    def _enter(self, state: str) -> None:
        now = timestamp()
        self.resource |= {"state": state, "updateTime": now}
        if state == "JOB_STATE_RUNNING":
            self.resource["startTime"] = now
        if self.is_over:
            self.resource["endTime"] = now


@dataclass
class BedrockJob:
    """A model invocation job of Amazon Bedrock.

    Attributes:
        described: What the API shows of it.
        region: Where it runs.
        fault: What is to go wrong.
        stopped: Set when it is to stop.
        end: The state that it ends in, once its work is done.
        counts: What is shown of its records at the end.
        message: Why it failed.
    """

    described: JsonObject
    region: str
    fault: BatchFault | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    end: str | None = None
    counts: JsonObject = field(default_factory=dict)
    message: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it is shown as ended."""
        return self.described["status"] in _BEDROCK_ENDS

    def look(self) -> JsonObject:
        """Return what is shown, one state further than at the last look."""
        status = self.described["status"]
        failed_check = self.end == "Failed" and status == "Validating"
        if status in _NEXT and not failed_check:
            self.described["status"] = _NEXT[status]
        elif status not in _BEDROCK_ENDS and self.end is not None:
            self.described |= {"status": self.end, "endTime": timestamp(), **self.counts}
            if self.message:
                self.described["message"] = self.message
        self.described["lastModifiedTime"] = timestamp()
        return dict(self.described)
