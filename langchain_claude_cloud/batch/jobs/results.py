"""Reads the outputs of a batch: in the order of the inputs, in constant memory."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_claude_cloud.batch.jobs.services import Answer, BatchService, ObjectStore
from langchain_claude_cloud.batch.records import Record, record_of_error, record_of_output
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_claude_cloud.batch.jobs.pipeline import Pipeline
    from langchain_claude_cloud.batch.jobs.reference import Reference, Shard
    from langchain_claude_cloud.batch.offline import OfflineCalls

logger = logging.getLogger("langchain_claude_cloud")

_OK = 200


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of one input.

    Attributes:
        id: The input's id.
        output: What the runnable returns for it: a message, or what a parser makes of it; None if
            it failed.
        message: The model's answer; None if there is none.
        error: Why there is no output; None if there is one.
    """

    id: str | int
    output: object = None
    message: AIMessage | None = None
    error: Exception | None = None

    def record(self) -> Record:
        """Return it as `batch.run` writes it."""
        usage = self.message.usage_metadata if self.message is not None else None
        if self.error is not None:
            return record_of_error(self.id, self.error, usage)
        return record_of_output(self.id, self.output, usage)


class Spool:
    """Answers by the number of their record, in a temporary database that spills to the disk."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute(
            "CREATE TABLE answers (number INTEGER PRIMARY KEY, status INT, body TEXT)"
        )
        self._database.execute("BEGIN")

    def add(self, answer: Answer, *, with_body: bool = True) -> None:
        """Take an answer in place of an earlier failure of its record."""
        body = json.dumps(answer.body) if with_body else ""
        self._database.execute(
            "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE SET "
            "status = excluded.status, body = excluded.body WHERE status <> ?",
            (answer.number, answer.status, body, _OK),
        )

    def get(self, number: int) -> Answer | None:
        """Return the answer of a record, if it has one."""
        query = "SELECT number, status, body FROM answers WHERE number = ?"
        found = self._database.execute(query, (number,)).fetchone()
        return None if found is None else Answer(found[0], found[1], json.loads(found[2] or "{}"))

    def close(self) -> None:
        """Delete the database."""
        self._database.close()


def fill(
    spool: Spool,
    shard: Shard,
    service: BatchService,
    store: ObjectStore,
    *,
    with_body: bool = True,
) -> None:
    """Read the output of a shard into a spool. A damaged line is left out, and said in the log."""
    if shard.job is None:
        return
    for address in service.outputs(store, shard.output, shard.job):
        for number, line in enumerate(store.lines(address), start=1):
            if not line.strip():
                continue
            try:
                answer = service.read(line)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                logger.warning("%s, line %d is damaged: its record has no answer.", address, number)
                continue
            spool.add(answer, with_body=with_body)


def read_results(
    reference: Reference, pipeline: Pipeline, service: BatchService, store: ObjectStore
) -> Iterator[BatchResult]:
    """Yield what came of each input, in their order."""
    spool, calls = Spool(), pipeline.calls(reference.cloud)
    try:
        for shard in reference.shards:
            fill(spool, shard, service, store)
        for shard in reference.shards:
            for line in store.lines(shard.ids) if shard.ids is not None else ():
                number, identifier = json.loads(line)
                answer = spool.get(number)
                if answer is None:
                    yield BatchResult(identifier, error=_no_answer(reference, shard))
                else:
                    yield _result(identifier, answer, pipeline, calls)
    finally:
        spool.close()


def _result(
    identifier: str | int, answer: Answer, pipeline: Pipeline, calls: OfflineCalls
) -> BatchResult:
    if answer.status != _OK:
        return BatchResult(identifier, error=calls.error(answer.status, answer.body))
    try:
        message = calls.answer(answer.body)
    except ClaudeCloudError as error:
        return BatchResult(identifier, error=error)
    try:
        return BatchResult(identifier, pipeline.finish(message), message)
    except Exception as error:  # noqa: BLE001 - of any parser; it is the input's result
        return BatchResult(identifier, message=message, error=error)


def _no_answer(reference: Reference, shard: Shard) -> ClaudeCloudError:
    said = f": {shard.message}" if shard.message else ""
    error = ServerError(
        f"The job {shard.job} ended ({shard.state}) without an answer to this input{said}. Submit "
        "the batch again with the same reference: what is missing is asked again.",
        platform=reference.cloud,
        model=reference.model,
    )
    error.is_retryable = True
    return error
