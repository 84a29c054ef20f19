"""Runs many inputs through a runnable, on one event loop, and writes a record of each result."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_core.messages.ai import add_usage
from langchain_core.runnables import Runnable

from langchain_claude_cloud.batch.agents import is_agent, state_of
from langchain_claude_cloud.batch.concurrency import (
    Budget,
    ConcurrencyLimit,
    ProcessBudget,
    TokenGuess,
)
from langchain_claude_cloud.batch.identifiers import Identifiers
from langchain_claude_cloud.batch.inputs import Column, Input, InputReader, InputRowError, Inputs
from langchain_claude_cloud.batch.outputs import Output, output_opener
from langchain_claude_cloud.batch.progress import Progress, ProgressOption, make_progress
from langchain_claude_cloud.batch.recorder import CallRecorder, sum_of_costs
from langchain_claude_cloud.batch.records import Record, record_of_error, record_of_output
from langchain_claude_cloud.batch.report import RunReport
from langchain_claude_cloud.batch.signals import interruptible
from langchain_claude_cloud.calls.rate_limit import RateLimit, Reservation
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata

    from langchain_claude_cloud.cost import Cost

GRACE_SECONDS: Final = 5.0
"""How long what is under way may take after Ctrl-C or SIGTERM."""

_HOPELESS_IN_A_ROW: Final = 10
_ROWS_AT_ONCE: Final = 500
_FOR_ALL_INPUTS: Final = (
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    ConfigurationError,
)


def run(  # noqa: PLR0913 - the settings of a run; keyword-only
    runnable: Runnable[Any, Any],
    inputs: Inputs,
    output: str | Path,
    *,
    id: Column | None = None,  # noqa: A002 - the name of the column
    input: Column = "input",  # noqa: A002 - the name of the column
    max_in_flight: int | Literal["auto"] = "auto",
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    retry_failed: bool = True,
    progress: ProgressOption = None,
) -> RunReport:
    """Answer many inputs, and write a record for each as soon as it is answered.

    A second run with the same output continues: it skips answered inputs, and tries failed ones
    again. Ctrl-C and SIGTERM end a run within seconds. Calls that are under way are then finished
    or dropped, and the report says so.

    Args:
        runnable: The model, with bound tools or structured output too, or any Runnable that calls
            it.
        inputs: An iterable, or the path of a JSONL, CSV or Parquet file. Each item is a string,
            a message, a list of messages, or a row with columns.
        output: The path of a ``.jsonl`` or ``.sqlite`` file.
        id: The column with the ids, or a function of the row. Default: the column ``id`` if there
            is one, else a hash of the input.
        input: The column with the inputs, or a function of the row.
        max_in_flight: How many inputs are answered at once, at most; ``"auto"`` adapts the number.
        requests_per_minute: The most requests in any minute.
        tokens_per_minute: The most tokens of prompts and answers in any minute.
        retry_failed: Whether to try the failed inputs of an earlier run again.
        progress: None shows the progress on stderr, False shows none; a function is called with the
            report after each record.

    Returns:
        What the run did.

    Raises:
        InputRowError: An input cannot be read, or two inputs have the same id. Calls that are under
            way are finished first.
        ConfigurationError: An argument or the output cannot be used.
        ClaudeCloudError: Every call fails for the same reason: no credentials, no permission,
            no such model, a quota of zero.
    """
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        raise ConfigurationError("An event loop is running here: use `await arun(...)`.")
    one = Run(
        runnable,
        InputReader(inputs, id, input),
        ConcurrencyLimit(max_in_flight),
        ProcessBudget(RateLimit(requests_per_minute, tokens_per_minute)),
        retry_failed=retry_failed,
    )
    return asyncio.run(one.until_signal(output_opener(output), progress))


async def arun(  # noqa: PLR0913 - the settings of a run; keyword-only
    runnable: Runnable[Any, Any],
    inputs: Inputs,
    output: str | Path,
    *,
    id: Column | None = None,  # noqa: A002 - the name of the column
    input: Column = "input",  # noqa: A002 - the name of the column
    max_in_flight: int | Literal["auto"] = "auto",
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    retry_failed: bool = True,
    progress: ProgressOption = None,
) -> RunReport:
    """Do what `run` does, on the running event loop.

    It does not handle signals. If it is cancelled, calls that are under way are dropped.
    """
    one = Run(
        runnable,
        InputReader(inputs, id, input),
        ConcurrencyLimit(max_in_flight),
        ProcessBudget(RateLimit(requests_per_minute, tokens_per_minute)),
        retry_failed=retry_failed,
    )
    return await one.run(output_opener(output), progress)


class Run:
    """One run.

    Args:
        runnable: What is given the inputs.
        inputs: The inputs.
        limit: How many may be under way.
        budget: When they may be sent.
        retry_failed: Whether to try the failed inputs of an earlier run again.

    Raises:
        ConfigurationError: The runnable is none.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        inputs: InputReader,
        limit: ConcurrencyLimit,
        budget: Budget,
        *,
        retry_failed: bool,
    ) -> None:
        if not isinstance(runnable, Runnable):
            raise ConfigurationError(
                f"runnable is a {type(runnable).__name__}: give the model, or a Runnable that ends "
                "in it."
            )
        self._runnable = runnable
        self._is_agent = is_agent(runnable)
        self._inputs = inputs
        self._limit = limit
        self._budget = budget
        self._guess = TokenGuess()
        self._retry_failed = retry_failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_interrupted = False
        self._hopeless: list[ClaudeCloudError] = []
        self._broken: BaseException | None = None
        self._answered = self._failed = self._skipped = self._dropped = 0
        self._changed_inputs = 0
        self._usage: UsageMetadata | None = None
        self._cost: Cost | None = None
        self._total: int | None = None
        self._began = time.monotonic()
        self._output: Output
        self._progress: Progress = make_progress(False)  # noqa: FBT003 - as users write it

    async def until_signal(
        self, open_output: Callable[[], Output], progress: ProgressOption
    ) -> RunReport:
        """Run until all is done, or Ctrl-C or SIGTERM comes."""
        with interruptible(self._interrupt):
            return await self.run(open_output, progress)

    async def run(self, open_output: Callable[[], Output], progress: ProgressOption) -> RunReport:
        """Run until all is done.

        Args:
            open_output: Opens the output once the inputs were checked, so that inputs that cannot
                be used leave no empty file.
            progress: See `run`.

        Raises:
            InputRowError: An input cannot be used.
            ClaudeCloudError: No call can succeed.
        """
        with closing(Identifiers()) as ids:
            try:
                await self._check_all(ids)
                with closing(open_output()) as self._output:
                    await self._learn_finished(ids)
                    self._progress = make_progress(progress)
                    await self._answer_all(ids)
            except InputRowError as error:
                error.report = self.report()
                raise
        self._raise_what_stopped_it()
        return self.report()

    async def _answer_all(self, ids: Identifiers) -> None:
        try:
            await self._begin_all(ids)
            await self._finish()
        except Exception:  # an input cannot be used, or the iterable of the inputs failed
            await self._finish()
            raise
        finally:
            await self._drop()
            self._progress.close(self.report())

    def report(self) -> RunReport:
        """Return what was done so far."""
        return RunReport(
            answered=self._answered,
            failed=self._failed,
            skipped=self._skipped,
            dropped=self._dropped,
            seconds=time.monotonic() - self._began,
            usage=self._usage,
            cost=self._cost,
            interrupted=self._is_interrupted,
            total=self._total,
            changed=self._changed_inputs,
        )

    async def _learn_finished(self, ids: Identifiers) -> None:
        """Learn what an earlier run has done."""
        for number, record in enumerate(self._output.finished()):
            if record.is_answer or not self._retry_failed:
                ids.finish(record.id, record.input_hash)
            await self._let_others_run(number)

    async def _check_all(self, ids: Identifiers) -> None:
        """Check all inputs before any is sent, if they can be read twice.

        Raises:
            InputRowError: An input cannot be used.
        """
        if not self._inputs.is_repeatable:
            return
        total = 0
        for one in self._inputs:
            self._inputs.check_id(one, ids)
            total += 1
            await self._let_others_run(total)
            if self._stopped.is_set():
                return
        self._total = total

    async def _begin_all(self, ids: Identifiers) -> None:
        """Begin one input after another, each when there is room for it."""
        self._began = time.monotonic()
        for number, one in enumerate(self._inputs):
            await self._let_others_run(number)
            if self._stopped.is_set():
                return
            if self._total is None:
                self._inputs.check_id(one, ids)
            if ids.is_finished(one.id):
                self._skipped += 1
                self._changed_inputs += ids.is_changed(one.id, one.hash())
                continue
            reservation = Reservation(self._guess(one.value))
            await self._wait_for_room(reservation)
            if self._stopped.is_set():
                return
            self._begin(one, reservation)

    async def _let_others_run(self, number: int) -> None:
        if number % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)

    async def _wait_for_room(self, reservation: Reservation) -> None:
        while len(self._tasks) >= self._limit.limit and not self._stopped.is_set():
            self._changed.clear()
            await self._changed.wait()
        while not self._stopped.is_set():
            seconds = await self._budget.wait(reservation)
            if not seconds:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)

    def _begin(self, one: Input, reservation: Reservation) -> None:
        task = asyncio.create_task(self._answer(one, reservation))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if task.cancelled():
            self._dropped += 1
        elif (error := task.exception()) is not None:
            # The record could not be written: the disk is full, for example.
            self._broken = self._broken or error
            self._stopped.set()

    async def _answer(self, one: Input, reservation: Reservation) -> None:
        """Get an answer and write its record."""
        began = time.monotonic()
        recorder = CallRecorder(lambda: self._limit.throttled(began, time.monotonic()))
        try:
            value = state_of(one.value) if self._is_agent else one.value
            output = await self._runnable.ainvoke(value, {"callbacks": [recorder]})
            record = record_of_output(one.id, output, recorder.usage)
        except Exception as error:  # noqa: BLE001 - of any Runnable; it is in the record
            record = record_of_error(one.id, error, recorder.usage)
            self._note_failure(error)
        self._account(recorder, reservation)
        self._write(replace(record, input_hash=one.hash()))

    def _account(self, recorder: CallRecorder, reservation: Reservation) -> None:
        """Add up what an input took, and correct what was guessed."""
        used = recorder.usage["total_tokens"] if recorder.usage else 0
        self._budget.correct(reservation, used, recorder.requests)
        if recorder.usage:
            self._guess.add(used)
            self._usage = add_usage(self._usage, recorder.usage)
        self._cost = sum_of_costs(self._cost, recorder.cost)

    def _write(self, record: Record) -> None:
        self._output.write(record)
        if record.error is None:
            self._answered += 1
            self._hopeless.clear()
            self._limit.answered(len(self._tasks))
        else:
            self._failed += 1
        self._progress.update(self.report())

    def _note_failure(self, error: Exception) -> None:
        """Stop where one input after the other fails for a reason that all have."""
        is_hopeless = isinstance(error, _FOR_ALL_INPUTS) or (
            isinstance(error, RateLimitError) and not error.is_retryable
        )
        if is_hopeless and isinstance(error, ClaudeCloudError):
            self._hopeless.append(error)
        if len(self._hopeless) >= _HOPELESS_IN_A_ROW:
            self._stopped.set()
            self._changed.set()

    async def _finish(self) -> None:
        """Wait for what is under way; not for long once the run was interrupted."""
        while self._tasks and not self._is_interrupted:
            self._changed.clear()
            await self._changed.wait()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)

    async def _drop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _interrupt(self) -> None:
        """End the run soon; at the second time, at once."""
        if self._is_interrupted:
            for task in self._tasks:
                task.cancel()
        self._is_interrupted = True
        self._stopped.set()
        self._changed.set()

    def _raise_what_stopped_it(self) -> None:
        if self._broken is not None:
            raise self._broken
        if len(self._hopeless) >= _HOPELESS_IN_A_ROW:
            error = self._hopeless[0]
            error.add_note(f"One input after another failed so; the run was ended: {self.report()}")
            raise error
