"""Answers the rows of a Ray dataset, or of a Spark or Dask data frame, on the engine's workers.

The engine holds the rows, starts the workers, and repeats the unfinished work of a lost worker.
Each row gets the columns ``message``, ``parsed``, ``usage`` and ``error`` of a run's record, as
JSON texts. Explicit secrets are not sent to the workers, which read them from their environment.
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from langchain_claude_cloud.batch.concurrency import Budget, ConcurrencyLimit, ProcessBudget
from langchain_claude_cloud.batch.inputs import Column, InputReader, InputRowError
from langchain_claude_cloud.batch.outputs import Finished
from langchain_claude_cloud.batch.records import COLUMNS, Record, record_of_error
from langchain_claude_cloud.batch.runner import Run
from langchain_claude_cloud.batch.shared_budget import RayBudget, SharedBudget
from langchain_claude_cloud.calls.rate_limit import RateLimit
from langchain_claude_cloud.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from langchain_core.runnables import Runnable

__all__ = ["RowAnswerer", "answer_dask", "answer_ray", "answer_spark"]

Frame: TypeAlias = Any
"""A Ray dataset, or a Spark or Dask data frame; the engines are not imported here."""

MaxInFlight: TypeAlias = int | Literal["auto"]

_ROWS_AT_ONCE: Final = 200
"""What a lost worker had under way is asked again: it should be little."""

_MOST_ANSWERERS: Final = 8


class RowAnswerer:
    """Answers blocks of rows in a worker of any engine; it can be pickled.

    A worker keeps its connections, and its share of the limits, from one block to the next.

    Args:
        runnable: The model, with bound tools or structured output too, or any Runnable that calls
            it.
        input: The column with the inputs, or a function of the row.
        max_in_flight: How many inputs of a block are answered at once, at most; ``"auto"`` adapts
            the number.
        limit: How much this worker's process may send in any minute.
        budget: Decides when a request may be sent, in place of ``limit``.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        *,
        input: Column = "input",  # noqa: A002 - the name of the column
        max_in_flight: MaxInFlight = "auto",
        limit: RateLimit = RateLimit(),  # noqa: B008 - it cannot be changed
        budget: Budget | None = None,
    ) -> None:
        ConcurrencyLimit(max_in_flight)
        limit.check()
        self._runnable = runnable
        self._column = input
        self._settings = (uuid.uuid4().hex, max_in_flight, limit)
        self._budget = budget

    def answer(self, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Return the record of each row, in their order; its id is the row's position.

        Raises:
            ClaudeCloudError: Every call fails for the same reason: no permission, for example.
        """
        records, readable = _Records(), []
        for number, row in enumerate(rows):
            try:
                (one,) = InputReader([row], lambda _, number=number: number, self._column)
            except InputRowError as error:
                records.write(record_of_error(number, error, None))
            else:
                readable.append((one.id, one.value))
        if readable:
            asyncio.run_coroutine_threadsafe(self._run(readable, records), _loop()).result()
        return [records.found[number] for number in sorted(records.found)]

    def __call__(self, block: pa.Table) -> pa.Table:
        """Return an Arrow table with the columns of the records.

        Raises:
            ConfigurationError: The table has such a column already.
            ClaudeCloudError: Every call fails for the same reason.
        """
        import pyarrow as pa  # noqa: PLC0415 - an extra

        _refuse_columns(block.column_names)
        records = [record.as_columns() for record in self.answer(block.to_pylist())]
        for name in COLUMNS:
            column = pa.array([record[name] for record in records], pa.string())
            block = block.append_column(name, column)
        return block

    def answer_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Do what a call does for a pandas data frame.

        Raises:
            ConfigurationError: The frame has such a column already.
            ClaudeCloudError: Every call fails for the same reason.
        """
        import pyarrow as pa  # noqa: PLC0415 - an extra

        _refuse_columns(list(frame.columns))
        rows = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
        records = [record.as_columns() for record in self.answer(rows)]
        return frame.assign(**{name: [each[name] for each in records] for name in COLUMNS})

    def answer_frames(self, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Do so for one frame after another, a part of a frame at a time."""
        for frame in frames:
            for start in range(0, len(frame), _ROWS_AT_ONCE):
                yield self.answer_frame(frame.iloc[start : start + _ROWS_AT_ONCE])

    async def _run(self, inputs: list[tuple[str | int, Any]], records: _Records) -> None:
        limit, own_budget = _limits(*self._settings)
        reader = InputReader(inputs, lambda pair: pair[0], lambda pair: pair[1])
        run = Run(self._runnable, reader, limit, self._budget or own_budget, retry_failed=True)
        await run.run(lambda: records, progress=False)


def answer_ray(
    dataset: Frame,
    runnable: Runnable[Any, Any],
    *,
    input: Column = "input",  # noqa: A002 - the name of the column
    workers: int = 2,
    max_in_flight: MaxInFlight = "auto",
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> Frame:
    """Answer the rows of a Ray dataset with a pool of actors.

    Args:
        dataset: The rows.
        runnable: The model, with bound tools or structured output too, or any Runnable that calls
            it.
        input: The column with the inputs, or a function of the row.
        workers: How many actors there are.
        max_in_flight: How many inputs an actor answers at once, at most.
        requests_per_minute: The most requests of all actors in any minute; a separate actor
            distributes them.
        tokens_per_minute: The most tokens of all actors in any minute.

    Returns:
        The dataset with the columns of the records; it is computed lazily.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    import ray  # noqa: PLC0415 - an extra

    limit, budget = RateLimit(requests_per_minute, tokens_per_minute), None
    limit.check()
    if any(limit):
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        budget = RayBudget(ray.remote(SharedBudget).options(**options).remote(limit))
    return dataset.map_batches(
        RowAnswerer,
        fn_constructor_args=(runnable,),
        fn_constructor_kwargs={"input": input, "max_in_flight": max_in_flight, "budget": budget},
        batch_size=_ROWS_AT_ONCE,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
    )


def answer_spark(
    frame: Frame,
    runnable: Runnable[Any, Any],
    *,
    input: Column = "input",  # noqa: A002 - the name of the column
    workers: int | None = None,
    max_in_flight: MaxInFlight = "auto",
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> Frame:
    """Answer the rows of a Spark data frame with ``mapInPandas``.

    Args:
        frame: The rows.
        runnable: The model, with bound tools or structured output too, or any Runnable that calls
            it.
        input: The column with the inputs, or a function of the row.
        workers: How many tasks run at once, which share the limits evenly; by default Spark's
            ``defaultParallelism``.
        max_in_flight: How many inputs a task answers at once, at most.
        requests_per_minute: The most requests of all tasks in any minute.
        tokens_per_minute: The most tokens of all tasks in any minute.

    Returns:
        The frame with the columns of the records. It is computed lazily, and again for each action:
        write or cache it first.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    from pyspark.sql.types import StringType, StructType  # noqa: PLC0415 - an extra

    _refuse_columns(frame.columns)
    schema = StructType(list(frame.schema.fields))
    for name in COLUMNS:
        schema.add(name, StringType())
    limit = RateLimit(requests_per_minute, tokens_per_minute)
    if any(limit) and workers is None:
        workers = frame.sparkSession.sparkContext.defaultParallelism
    part = _part(limit, workers or 1)
    answerer = RowAnswerer(runnable, input=input, max_in_flight=max_in_flight, limit=part)
    return frame.mapInPandas(answerer.answer_frames, schema)


def answer_dask(
    frame: Frame,
    runnable: Runnable[Any, Any],
    *,
    input: Column = "input",  # noqa: A002 - the name of the column
    workers: int = 1,
    max_in_flight: MaxInFlight = "auto",
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> Frame:
    """Answer the rows of a Dask data frame, one partition after another.

    Args:
        frame: The rows.
        runnable: The model, with bound tools or structured output too, or any Runnable that calls
            it.
        input: The column with the inputs, or a function of the row.
        workers: How many processes there are, which share the limits evenly.
        max_in_flight: How many inputs of a partition are answered at once, at most.
        requests_per_minute: The most requests of all workers in any minute.
        tokens_per_minute: The most tokens of all workers in any minute.

    Returns:
        The frame with the columns of the records; it is computed lazily.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    _refuse_columns(list(frame.columns))
    part = _part(RateLimit(requests_per_minute, tokens_per_minute), workers)
    answerer = RowAnswerer(runnable, input=input, max_in_flight=max_in_flight, limit=part)
    meta = frame._meta.assign(**dict.fromkeys(COLUMNS, ""))  # noqa: SLF001 - Dask's own way
    return frame.map_partitions(answerer.answer_frame, meta=meta)


class _Records:
    """The records of a block, in memory."""

    def __init__(self) -> None:
        self.found: dict[str | int, Record] = {}

    def finished(self) -> Iterator[Finished]:
        return iter(())

    def write(self, record: Record) -> None:
        self.found[record.id] = record

    def close(self) -> None:
        pass


_LOCK = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop on which a worker's process sends its requests.

    It outlives the blocks, and so do the connections that belong to it.
    """
    with _LOCK:
        return _loop_of(os.getpid())


@lru_cache(maxsize=1)
def _loop_of(_process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="claude-cloud-batch", daemon=True).start()
    return loop


def _limits(
    key: str, max_in_flight: MaxInFlight, limit: RateLimit
) -> tuple[ConcurrencyLimit, ProcessBudget]:
    """Return the limits of one `RowAnswerer` in this process, the same for all its blocks."""
    with _LOCK:
        return _limits_of(os.getpid(), key, max_in_flight, limit)


@lru_cache(maxsize=_MOST_ANSWERERS)
def _limits_of(
    _process: int, _key: str, max_in_flight: MaxInFlight, limit: RateLimit
) -> tuple[ConcurrencyLimit, ProcessBudget]:
    return ConcurrencyLimit(max_in_flight), ProcessBudget(limit)


def _part(limit: RateLimit, workers: int) -> RateLimit:
    """Return the part of a limit that each worker gets."""
    limit.check()
    if workers < 1:
        raise ConfigurationError(f"workers is {workers}: give 1 or more.")
    part = RateLimit(*(None if each is None else each / workers for each in limit))
    if any(each is not None and each < 1 for each in part):
        raise ConfigurationError(
            f"{limit} is less than 1 for each of {workers} workers: use fewer workers."
        )
    return part


def _refuse_columns(columns: Iterable[str]) -> None:
    taken = ", ".join(name for name in COLUMNS if name in columns)
    if taken:
        raise ConfigurationError(
            f"The rows have columns that the answers are written to: {taken}. Rename them."
        )
