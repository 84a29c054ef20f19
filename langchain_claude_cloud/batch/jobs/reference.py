"""The reference file of a batch, with which another process can continue it.

It is JSON, and is replaced as a whole at each step. It holds no secrets: credentials come from the
runnable or the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

from langchain_claude_cloud.batch.jobs.services import ENDED, JobInput, JobState, JobStatus
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud, JsonObject

_FORMAT: Final = 1


@dataclass(slots=True)
class Shard:
    """A part of the inputs: one job of the cloud.

    Attributes:
        number: Its number.
        records: How many records it has.
        files: Its input files.
        folder: Where these are.
        output: Where its output goes.
        ids: The file with the numbers and ids of its records; None if it asks again for records
            of other shards.
        digest: A hash of its ids.
        job: The cloud's name of its job; None until that is created.
        state: How far it is.
        message: What the cloud says about it.
        succeeded: How many of its records were answered, as far as the cloud says.
        failed: How many failed, as far as the cloud says.
    """

    number: int
    records: int
    files: list[str]
    folder: str
    output: str
    ids: str | None = None
    digest: str = ""
    job: str | None = None
    state: JobState = "waiting"
    message: str = ""
    succeeded: int = 0
    failed: int = 0

    @property
    def is_over(self) -> bool:
        """Whether its job has ended."""
        return self.state in ENDED

    def note(self, status: JobStatus) -> None:
        """Take in what the cloud says."""
        self.state, self.message = status.state, status.message
        self.succeeded, self.failed = status.succeeded, status.failed


@dataclass(slots=True, kw_only=True)
class Reference:
    """What the file holds.

    Attributes:
        path: Where it is.
        id: The batch's id: letters, digits and hyphens.
        cloud: The cloud.
        storage: The storage that the user gave.
        folder: Where in it everything of this batch is.
        model: The model, as the user named it.
        platform: The settings of the platform that are no secrets.
        options: The options of the cloud's jobs.
        note: What the caller wants to know again later.
        is_uploaded: Whether all inputs are uploaded.
        shards: The parts.
    """

    path: Path
    id: str
    cloud: Cloud
    storage: str
    folder: str
    model: str
    platform: JsonObject
    options: JsonObject
    note: JsonObject
    is_uploaded: bool = False
    shards: list[Shard] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many inputs are uploaded."""
        return sum(shard.records for shard in self.shards if shard.ids is not None)

    def job_input(self, shard: Shard) -> JobInput:
        """Return what the cloud needs to create a shard's job."""
        return JobInput(
            name=f"{self.id}-{shard.number:05}",
            token=f"{self.id}{shard.number:05}".replace("-", ""),
            folder=shard.folder,
            files=tuple(shard.files),
            output=shard.output,
            records=shard.records,
        )

    def save(self) -> None:
        """Write the file if it would change; at any moment a whole one is there."""
        data = {"format": _FORMAT, **asdict(self)}
        del data["path"]
        text = json.dumps(data, indent=1)
        if self.path.exists() and self.path.read_text(encoding="utf-8") == text:
            return
        copy = self.path.with_name(self.path.name + ".new")
        with copy.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        copy.replace(self.path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigurationError: It is not there, or no reference of a batch.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls._of(path, data)
        except FileNotFoundError:
            raise ConfigurationError(f"The reference {path} is not there.") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigurationError(f"{path} is not the reference of a batch.") from None

    @classmethod
    def _of(cls, path: Path, data: Mapping[str, object]) -> Self:
        given = dict(data)
        if given.pop("format") != _FORMAT:
            raise ConfigurationError(
                f"{path} was written by another version of langchain-claude-cloud."
            )
        shards = given.pop("shards")
        if not isinstance(shards, list):
            raise TypeError("shards")
        return cls(path=path, shards=[Shard(**each) for each in shards], **given)  # type: ignore[arg-type]  # checked by use
