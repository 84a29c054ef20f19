"""The interfaces that each cloud implements for batch inference: its jobs and its storage.

A cloud implements `BatchService` (its control plane and the form of its lines) and `ObjectStore`
(where lines are kept); `langchain_claude_cloud.batch.jobs.clouds` chooses them by the storage's
scheme. Everything else, such as splitting, the reference file, resubmission and results, is
written once and knows no cloud. Both protocols are synchronous: an event loop calls them in a
thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest

JobState: TypeAlias = Literal[
    "waiting",
    "queued",
    "running",
    "stopping",
    "completed",
    "partial",
    "failed",
    "stopped",
    "expired",
]
"""How far a cloud's job is. ``waiting``: it is not created yet, as too many others are under way;
``partial``: it ended, and some of its records have no output."""

ENDED: Final[frozenset[JobState]] = frozenset(
    {"completed", "partial", "failed", "stopped", "expired"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a cloud's jobs may be.

    Attributes:
        records_per_file: How many records an input file has at most.
        bytes_per_file: How long a file is at most.
        files_per_job: How many files a job has at most.
        records_per_job: How many records a job has at most.
        bytes_per_job: How long all its files are at most.
        fewest_records: How many records a job has at least.
    """

    records_per_file: int
    bytes_per_file: int
    records_per_job: int
    bytes_per_job: int
    files_per_job: int = 1_000
    fewest_records: int = 1


@dataclass(frozen=True, slots=True)
class JobInput:
    """One job of the cloud, before it is created.

    Attributes:
        name: Its name: letters, digits and hyphens, at most 63. The same job always has the same.
        token: Tells the job from others: of two creations with one token, the second returns the
            job of the first. Letters and digits.
        folder: Where its input files are, and nothing else.
        files: Its input files.
        output: Where its output goes, and nothing else.
        records: How many records there are.
    """

    name: str
    token: str
    folder: str
    files: tuple[str, ...]
    output: str
    records: int


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a cloud's job is.

    Attributes:
        state: Its state.
        message: What the cloud says about it, such as why it failed.
        succeeded: How many records were answered, as far as the cloud says.
        failed: How many records failed, as far as the cloud says.
    """

    state: JobState
    message: str = ""
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an output line holds.

    Attributes:
        number: The number of its record.
        status: 200, or the HTTP status that stands for its error.
        body: The response as the Messages API has it; of an error, the body of the refusal.
    """

    number: int
    status: int
    body: JsonObject


class NoRoomError(Exception):
    """The cloud takes no further job now, as too many are under way. The text is the cloud's."""


class BatchService(Protocol):
    """A cloud's batch inference, for one model in one region.

    Its errors are `ClaudeCloudError`s with platform and region; a refusal names the permission
    that is missing.
    """

    @property
    def limits(self) -> Limits:
        """How large its jobs may be."""

    def check(self) -> None:
        """Refuse what cannot work, before anything is uploaded.

        Raises:
            ConfigurationError: Something is missing, such as a role.
        """

    def line(self, number: int, request: OutgoingRequest) -> bytes:
        """Return the input line of a record, without a line end.

        Args:
            number: The number of the record, from 0.
            request: The request as a single call sends it: headers and body.

        Raises:
            ConfigurationError: The request has something that batch inference does not take.
        """

    def number(self, line: bytes) -> int:
        """Return the number of the record in an input line.

        Raises:
            ValueError: It is none.
        """

    def create(self, job: JobInput) -> str:
        """Create a job; return the cloud's name of it.

        If a job with this token was created already, its name is returned.

        Raises:
            NoRoomError: Too many jobs are under way: try again later.
            ClaudeCloudError: The cloud refused.
        """

    def describe(self, name: str) -> JobStatus:
        """Return how far a job is.

        Raises:
            ClaudeCloudError: The cloud refused.
        """

    def cancel(self, name: str) -> None:
        """Stop a job. What it has answered stays. One that ended stays as it is.

        Raises:
            ClaudeCloudError: The cloud refused.
        """

    def outputs(self, store: ObjectStore, output: str, name: str) -> Iterator[str]:
        """Yield the addresses of a job's output files; of none if there are none.

        Args:
            store: Where they are.
            output: The job's `JobInput.output`.
            name: The cloud's name of it.
        """

    def read(self, line: bytes) -> Answer:
        """Return what an output line holds.

        Raises:
            ValueError: The line is damaged.
        """


class ObjectStore(Protocol):
    """Where lines are kept: a bucket, or a data set of tables.

    Its errors are `ClaudeCloudError`s that name the address and the permission.
    """

    def check(self, root: str) -> None:
        """Refuse a storage that is not there or may not be used.

        Raises:
            ClaudeCloudError: Why.
        """

    def join(self, root: str, *names: str) -> str:
        """Return the address of something below a root."""

    def write(self, address: str, path: Path) -> None:
        """Copy a local file of lines there, in place of what is there."""

    def lines(self, address: str) -> Iterator[bytes]:
        """Yield the lines, without their ends; in constant memory."""

    def list(self, root: str) -> Iterator[str]:
        """Yield the addresses of what is below a root, in order."""


class BatchOptions(Protocol):
    """What a user sets for the jobs of one cloud: a dataclass whose values are JSON data."""

    def as_dict(self) -> JsonObject:
        """Return the options as JSON data, for the reference file."""


def record_number(form: re.Pattern[bytes], line: bytes) -> int:
    """Return the number of the record in an input line.

    Args:
        form: What the line begins with; its group is the number.
        line: The line.

    Raises:
        ValueError: The line is not of this form.
    """
    found = form.match(line)
    if found is None:
        raise ValueError(line[:100])
    return int(found[1])
