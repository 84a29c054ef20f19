"""`BatchJob`: batch inference of a cloud, from the inputs to the results."""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from langchain_core.runnables import Runnable

from langchain_claude_cloud.batch.identifiers import Identifiers
from langchain_claude_cloud.batch.jobs.clouds import cloud_of
from langchain_claude_cloud.batch.jobs.missing import ask_again
from langchain_claude_cloud.batch.jobs.pipeline import Pipeline, take_apart
from langchain_claude_cloud.batch.jobs.reference import Reference
from langchain_claude_cloud.batch.jobs.results import BatchResult, read_results
from langchain_claude_cloud.batch.jobs.services import (
    ENDED,
    BatchService,
    JobState,
    NoRoomError,
    ObjectStore,
)
from langchain_claude_cloud.batch.outputs import output_opener
from langchain_claude_cloud.batch.report import RunReport
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_FIRST_POLL: Final = 5.0
_LONGEST_POLL: Final = 60.0
_RESULTS_AT_ONCE: Final = 100
_UNDER_WAY: Final[tuple[JobState, ...]] = ("running", "stopping", "queued", "waiting")


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is.

    Attributes:
        state: The state of all its jobs together: ``waiting``, ``queued``, ``running`` or
            ``stopping`` while one is; then ``completed``, ``partial``, ``failed``, ``stopped`` or
            ``expired``.
        total: How many inputs it has.
        succeeded: How many were answered, as far as the cloud says.
        failed: How many failed, as far as the cloud says.
        jobs: The state of each job of the cloud, by its name there or its number.
        messages: What the cloud says about its jobs.
    """

    state: JobState
    total: int
    succeeded: int
    failed: int
    jobs: dict[str, JobState]
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line."""
        parts = [
            f"{self.state}: {self.total:,} inputs",
            f"{self.succeeded:,} answered",
            f"{self.failed:,} failed",
            f"{len(self.jobs)} job{'s' * (len(self.jobs) != 1)}",
        ]
        return ", ".join(parts) + "".join(f"; {message}" for message in self.messages)


StatusOption: TypeAlias = bool | Callable[[BatchStatus], None] | None


class BatchJob:
    """Many inputs that a cloud answers by batch inference: one job of the cloud, or several.

    `submit` makes it, and `load` finds it again in any process.
    """

    def __init__(
        self, reference: Reference, pipeline: Pipeline, service: BatchService, store: ObjectStore
    ) -> None:
        self._reference, self._pipeline = reference, pipeline
        self._service, self._store = service, store

    def __repr__(self) -> str:
        return f"BatchJob({str(self.reference)!r})"

    @classmethod
    def load(cls, reference: str | Path, runnable: Runnable[Any, Any] | None = None) -> BatchJob:
        """Return a batch that was submitted earlier.

        Args:
            reference: Its reference file.
            runnable: What was submitted, or an equal one. Without it the results are messages,
                as structured output and parsers are no data, and credentials come from the
                environment.

        Raises:
            ConfigurationError: There is no such file, or the runnable cannot be submitted.
        """
        found = Reference.load(Path(reference))
        pipeline = Pipeline(_model_of(found)) if runnable is None else take_apart(runnable)
        _, connect = cloud_of(found.storage)
        route = pipeline.route(found.cloud)
        service, store, _ = connect(route, found.options)
        return cls(found, pipeline, service, store)

    @property
    def reference(self) -> Path:
        """The reference file."""
        return self._reference.path

    @property
    def model(self) -> ChatClaudeCloud:
        """The model that answers."""
        return self._pipeline.model

    @property
    def note(self) -> JsonObject:
        """What was given to `submit` as ``note``."""
        return self._reference.note

    def go_on(self) -> None:
        """Ask again for what is missing after all jobs have ended, and create jobs that wait.

        Raises:
            ClaudeCloudError: The cloud refused.
        """
        if not self._is_over:
            self.status()
        if self._is_over:
            ask_again(self._reference, self._service, self._store)
        self._create_waiting()
        self._reference.save()

    def status(self) -> BatchStatus:
        """Ask the cloud how far it is. Jobs that waited for room are created if there is some.

        Raises:
            ClaudeCloudError: The cloud refused.
        """
        for shard in self._reference.shards:
            if shard.job is not None and not shard.is_over:
                shard.note(self._service.describe(shard.job))
        self._create_waiting()
        self._reference.save()
        return self._status()

    def wait(
        self,
        *,
        timeout: float | None = None,
        every: float | None = None,
        progress: StatusOption = None,
    ) -> BatchStatus:
        """Wait until it has ended: hours, usually.

        Args:
            every: How many seconds to wait between two questions; None: 5, and later 60.
            timeout: After how many seconds to return in any case.
            progress: None shows the status on stderr when it changes, False does not; a function
                is given it each time the cloud was asked.

        Raises:
            InvalidInputError: Its submission was cut off.
            ClaudeCloudError: The cloud refused.
        """
        self._check_submitted()
        pauses, show = _pauses(timeout, every), _shower(progress)
        show(status := self.status())
        for seconds in pauses:
            if self._is_over:
                break
            time.sleep(seconds)
            show(status := self.status())
        return status

    def results(self) -> Iterator[BatchResult]:
        """Yield what came of each input, in their order and in constant memory.

        Raises:
            InvalidInputError: It has not ended.
            ClaudeCloudError: The storage cannot be read.
        """
        self._check_submitted()
        if not self._is_over:
            self.status()
        if not self._is_over:
            raise InvalidInputError(f"{self.reference} has no results yet: {self._status()}. Wait.")
        return read_results(self._reference, self._pipeline, self._service, self._store)

    def write(self, output: str | Path) -> RunReport:
        """Write the results as `batch.run` writes its records; answers that are there stay.

        Args:
            output: A .jsonl or .sqlite file.

        Returns:
            How many records were written, and how many were there.

        Raises:
            InvalidInputError: It has not ended.
            ClaudeCloudError: The storage cannot be read.
        """
        began = time.monotonic()
        results, file, ids = self.results(), output_opener(output)(), Identifiers()
        answered = failed = skipped = 0
        try:
            for record in file.finished():
                if record.is_answer:
                    ids.finish(record.id)
            for result in results:
                if ids.is_finished(result.id):
                    skipped += 1
                    continue
                file.write(result.record())
                answered += result.error is None
                failed += result.error is not None
        finally:
            ids.close()
            file.close()
        return RunReport(answered, failed, skipped, 0, time.monotonic() - began)

    def cancel(self) -> BatchStatus:
        """Stop it. What was answered stays, and is among the results once it has ended.

        Raises:
            ClaudeCloudError: The cloud refused.
        """
        for shard in self._reference.shards:
            if shard.job is None and not shard.is_over:
                shard.state = "stopped"
            elif shard.job is not None and not shard.is_over:
                self._service.cancel(shard.job)
        return self.status()

    async def astatus(self) -> BatchStatus:
        """Do what `status` does, on an event loop."""
        return await asyncio.to_thread(self.status)

    async def await_(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as `wait` has it
        every: float | None = None,
        progress: StatusOption = None,
    ) -> BatchStatus:
        """Do what `wait` does, on an event loop."""
        self._check_submitted()
        pauses, show = _pauses(timeout, every), _shower(progress)
        show(status := await self.astatus())
        for seconds in pauses:
            if self._is_over:
                break
            await asyncio.sleep(seconds)
            show(status := await self.astatus())
        return status

    async def aresults(self) -> AsyncIterator[BatchResult]:
        """Do what `results` does, on an event loop."""
        results = await asyncio.to_thread(self.results)
        while some := await asyncio.to_thread(list, itertools.islice(results, _RESULTS_AT_ONCE)):
            for result in some:
                yield result

    async def acancel(self) -> BatchStatus:
        """Do what `cancel` does, on an event loop."""
        return await asyncio.to_thread(self.cancel)

    def _check_submitted(self) -> None:
        """Refuse to wait for what has not begun.

        Raises:
            InvalidInputError: Its submission was cut off.
        """
        if not self._reference.is_uploaded:
            raise InvalidInputError(
                f"The submission of {self.reference} was cut off, and no job has begun: submit the "
                "same inputs again."
            )

    @property
    def _is_over(self) -> bool:
        shards = self._reference.shards
        return self._reference.is_uploaded and all(shard.is_over for shard in shards)

    def _create_waiting(self) -> None:
        """Create the jobs that are not there yet, as far as the cloud has room."""
        if not self._reference.is_uploaded:
            return
        for shard in self._reference.shards:
            if shard.job is not None or shard.is_over:
                continue
            try:
                shard.job = self._service.create(self._reference.job_input(shard))
            except NoRoomError as refusal:
                shard.message = str(refusal)
                return
            shard.state, shard.message = "queued", ""
            self._reference.save()

    def _status(self) -> BatchStatus:
        shards = self._reference.shards
        total = self._reference.total
        succeeded = min(total, sum(shard.succeeded for shard in shards))
        failed = min(total - succeeded, sum(shard.failed for shard in shards))
        state = self._state(all_answered=succeeded == total)
        said = [shard.message for shard in shards if shard.message and state != "completed"]
        return BatchStatus(
            state=state,
            total=total,
            succeeded=succeeded,
            failed=failed,
            jobs={shard.job or f"number {shard.number}": shard.state for shard in shards},
            messages=tuple(dict.fromkeys(said)),
        )

    def _state(self, *, all_answered: bool) -> JobState:
        states = {shard.state for shard in self._reference.shards}
        for state in _UNDER_WAY:
            if state in states:
                return "running" if states & ENDED else state
        if not self._reference.is_uploaded:
            return "waiting"
        if all_answered:
            return "completed"
        return states.pop() if len(states) == 1 else "partial"


def _pauses(timeout: float | None, every: float | None) -> Iterator[float]:
    """Return how long to wait before each further question, until no time is left."""
    ends = math.inf if timeout is None else time.monotonic() + timeout

    def pauses() -> Iterator[float]:
        seconds = _FIRST_POLL if every is None else every
        while (left := min(seconds, ends - time.monotonic())) > 0:
            yield left
            if every is None:
                seconds = min(seconds * 1.5, _LONGEST_POLL)

    return pauses()


def _shower(progress: StatusOption) -> Callable[[BatchStatus], None]:
    """Return what shows a status."""
    shown: list[str] = []

    def show(status: BatchStatus) -> None:
        if progress is not False and shown[-1:] != [str(status)]:
            shown[:] = [str(status)]
            sys.stderr.write(f"{status}\n")

    return progress if callable(progress) else show


def _model_of(reference: Reference) -> ChatClaudeCloud:
    kind = Bedrock if reference.cloud == "bedrock" else Vertex
    return ChatClaudeCloud(model=reference.model, platform=kind(**reference.platform))
