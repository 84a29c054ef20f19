"""Submits inputs to a cloud's batch inference."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from langchain_claude_cloud.batch.identifiers import Identifiers
from langchain_claude_cloud.batch.inputs import Column, Input, InputReader, InputRowError, Inputs
from langchain_claude_cloud.batch.jobs.clouds import cloud_of
from langchain_claude_cloud.batch.jobs.job import BatchJob
from langchain_claude_cloud.batch.jobs.pipeline import Pipeline, take_apart
from langchain_claude_cloud.batch.jobs.reference import Reference
from langchain_claude_cloud.batch.jobs.services import BatchOptions
from langchain_claude_cloud.batch.jobs.shards import ShardWriter
from langchain_claude_cloud.batch.outputs import alone
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    RequestTooLargeError,
)
from langchain_claude_cloud.errors.types import Cloud, JsonObject

if TYPE_CHECKING:
    from langchain_claude_cloud.batch.jobs.services import BatchService, ObjectStore
    from langchain_claude_cloud.routing.routes import Route


def submit(
    runnable: Runnable[Any, Any],
    inputs: Inputs,
    *,
    storage: str,
    reference: str | Path | None = None,
    id: Column | None = None,  # noqa: A002 - the name of the column
    input: Column = "input",  # noqa: A002 - the name of the column
    options: BatchOptions | None = None,
    note: JsonObject | None = None,
) -> BatchJob:
    """Have a cloud answer many inputs within a day or so, at half the price.

    All inputs are read and uploaded first; then the jobs begin. The same call again continues: with
    the upload if that was cut off, with jobs that were not created, and, when all have ended, with
    the records that have no answer. What is answered is not asked again.

    Args:
        runnable: The model, bound or with structured output, or a chain that calls it once.
        inputs: An iterable of rows (read one by one), or the path of a .jsonl, .csv or .parquet
            file. A row is a mapping of columns, a string, a message or a list of messages.
        storage: Where files are put: ``s3://bucket/folder`` for Bedrock, ``gs://bucket/folder`` or
            ``bq://project.dataset`` for Vertex AI. Its cloud must be the model's.
        reference: The file with what is known about the batch; `BatchJob.load` reads it.
            Otherwise it is beside a file of inputs, with ``.batch.json`` after its name.
        id: The column of the ids, or a function of the row. Otherwise the column ``id``, or a hash
            of the input.
        input: The column of what the runnable is given, or a function of the row.
        options: The cloud's own options: `BedrockBatch` or `VertexBatch`.
        note: JSON data to keep in the reference.

    Returns:
        The batch. Ask it for its `status`, `wait` for it and read its `results`.

    Raises:
        InputRowError: An input cannot be used; nothing was begun. Mend it, and submit again.
        ConfigurationError: An argument cannot be used, or the reference is another batch's.
        ClaudeCloudError: The cloud refused; the message names the permission.
    """
    path = _reference_path(inputs, reference)
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of the reference {path} is not there: make it.")
    with alone(path):
        reader = InputReader(inputs, id, input)
        return _submit(take_apart(runnable), reader, storage, path, options, note or {})


def _submit(
    pipeline: Pipeline,
    reader: InputReader,
    storage: str,
    path: Path,
    options: BatchOptions | None,
    note: JsonObject,
) -> BatchJob:
    cloud, connect = cloud_of(storage)
    route = pipeline.route(cloud)
    known = Reference.load(path) if path.exists() else None
    if known is not None:
        _check_same(known, storage, route)
    service, store, settings = connect(
        route, options if options is not None or known is None else known.options
    )
    if known is None or not known.is_uploaded:
        service.check()
        store.check(storage)
    batch = known or _new(path, cloud, storage, store, route, settings, note)
    batch.options = settings
    if batch.is_uploaded and reader.is_repeatable:
        _check_same_inputs(batch, reader)
    if not batch.is_uploaded:
        batch.save()
        try:
            with ShardWriter(batch, store, service.limits) as writer:
                _upload(batch, reader, writer, pipeline, service)
        except BaseException:
            if not batch.shards:  # nothing was begun: there is nothing to go on with
                path.unlink()
            raise
        batch.platform = _settings_of(route)
        batch.is_uploaded = True
        batch.save()
    job = BatchJob(batch, pipeline, service, store)
    job.go_on()
    return job


def _new(
    path: Path,
    cloud: Cloud,
    storage: str,
    store: ObjectStore,
    route: Route,
    options: JsonObject,
    note: JsonObject,
) -> Reference:
    name = f"claude-batch-{uuid.uuid4().hex[:12]}"
    return Reference(
        path=path,
        id=name,
        cloud=cloud,
        storage=storage,
        folder=store.join(storage, name),
        model=route.model,
        platform={},
        options=options,
        note=note,
    )


async def asubmit(
    runnable: Runnable[Any, Any],
    inputs: Inputs,
    *,
    storage: str,
    reference: str | Path | None = None,
    id: Column | None = None,  # noqa: A002 - the name of the column
    input: Column = "input",  # noqa: A002 - the name of the column
    options: BatchOptions | None = None,
    note: JsonObject | None = None,
) -> BatchJob:
    """Do what `submit` does, on an event loop, in a thread."""
    submitting = partial(submit, runnable, inputs, storage=storage, reference=reference, id=id)
    return await asyncio.to_thread(submitting, input=input, options=options, note=note)


def _reference_path(inputs: Inputs, reference: str | Path | None) -> Path:
    if reference is not None:
        return Path(reference)
    if isinstance(inputs, str | Path):
        return Path(f"{inputs}.batch.json")
    raise ConfigurationError(
        "Give reference=, the file that the batch is found by again: inputs is not a file that it "
        "could stand beside."
    )


def _check_same(known: Reference, storage: str, route: Route) -> None:
    """Refuse to continue another batch."""
    for what, before, now in (
        ("storage", known.storage, storage),
        ("model", known.model, route.model),
    ):
        if before != now:
            raise ConfigurationError(
                f"{known.path} is of a batch with {what} {before!r}, not {now!r}: name another "
                "reference."
            )


def _upload(
    batch: Reference,
    reader: InputReader,
    writer: ShardWriter,
    pipeline: Pipeline,
    service: BatchService,
) -> None:
    """Upload all records that are not uploaded yet.

    Raises:
        InputRowError: An input cannot be used.
    """
    ids = Identifiers()
    inputs, calls = _checked(reader, ids), pipeline.calls(batch.cloud)
    try:
        _skip_uploaded(batch, inputs)
        number = batch.total
        for one in inputs:
            with _blamed_on(one, reader):
                line = service.line(number, calls.request(pipeline.prompt(one.value)))
            try:
                writer.add(number, one.id, line)
            except InvalidInputError as error:
                raise reader.error(one.row, str(error)) from error
            number += 1
        if number > batch.total or not number:
            writer.finish()
    finally:
        ids.close()


@contextmanager
def _blamed_on(one: Input, reader: InputReader) -> Iterator[None]:
    """Say at which input something failed, if the input is to blame.

    Raises:
        InputRowError: It is.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_input(error):
            raise
        ours = isinstance(error, ClaudeCloudError)
        problem = str(error) if ours else f"{type(error).__name__}: {error}"
        raise reader.error(one.row, problem) from error


def _is_of_input(error: Exception) -> bool:
    """Whether one input is to blame: its content, or what the chain makes of it."""
    if isinstance(error, ClaudeCloudError):
        return isinstance(error, InvalidInputError | RequestTooLargeError) and not isinstance(
            error, InputRowError
        )
    return True


def _checked(reader: InputReader, ids: Identifiers) -> Iterator[Input]:
    """Yield the inputs.

    Raises:
        InputRowError: Two have one id.
    """
    for one in reader:
        reader.check_id(one, ids)
        yield one


def _skip_uploaded(batch: Reference, inputs: Iterator[Input]) -> None:
    """Pass over what an earlier call has uploaded.

    Raises:
        ConfigurationError: The inputs are others now.
    """
    for shard in batch.shards:
        if shard.ids is None:  # it asks again for records of the others
            continue
        digest = hashlib.sha256()
        for _ in range(shard.records):
            one = next(inputs, None)
            digest.update(f"{one.id if one else None}\n".encode())
        if digest.hexdigest() != shard.digest:
            raise _other_inputs(batch)


def _check_same_inputs(batch: Reference, reader: InputReader) -> None:
    """Refuse other inputs than those that were uploaded; none at all are no others.

    Raises:
        ConfigurationError: They are others.
    """
    inputs = iter(reader)
    first = next(inputs, None)
    if first is None:
        return
    inputs = itertools.chain([first], inputs)
    _skip_uploaded(batch, inputs)
    if next(inputs, None) is not None:
        raise _other_inputs(batch)


def _other_inputs(batch: Reference) -> ConfigurationError:
    return ConfigurationError(
        f"{batch.path} is of a batch with other inputs: their ids, or their order, are not those "
        "that were uploaded. Name another reference."
    )


def _settings_of(route: Route) -> JsonObject:
    """Return the settings of a platform for another process; of secrets, that there are some."""
    found: JsonObject = route.config.model_dump(mode="json")
    given = {name: value for name, value in found.items() if value is not None}
    return {**given, "region": route.platform.region}
