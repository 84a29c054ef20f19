"""Reads the records of a batch prediction job, answers each, and writes the rows."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Target
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.server import (
    bigquery,
    cloud_storage,
    generation,
    vertex,
)
from langchain_claude_cloud.testing.server.batch_state import Table, TableName, VertexJob, timestamp
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Refusal, cloud_refusal

_CUSTOM_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""As in Claude's own batches: https://platform.claude.com/docs/en/api/creating-message-batches."""

_RECORDS: Final = 100_000
_ROWS_A_FILE: Final = 20_000
_COLUMNS: Final = {"custom_id": "STRING", "request": "JSON", "response": "JSON", "status": "STRING"}


def answer_records(state: State, job: VertexJob) -> JsonObject:
    """Answer a job's records and write what came of them.

    Returns:
        What the job's resource shows of it at the end.

    Raises:
        Refusal: The input cannot be read, or the output cannot be written.
    """
    if job.fault_kind == "failed":
        raise cloud_refusal(500, "Internal error occurred. Please retry.")
    _check_output(state, job.shown["outputConfig"])
    records = list(_records(state, job.shown["inputConfig"]))
    most = state.settings.batch_records or _RECORDS
    if len(records) > most:
        raise cloud_refusal(400, f"The input has {len(records)} records; {most} are allowed.")
    _check_records(records)
    wanted = records[: job.answered_of(len(records))]
    # The service promises no order; a seed keeps a test's the same.
    random.Random(len(wanted)).shuffle(wanted)  # noqa: S311  no secret
    rows = [_row(state, job.shown, each) for each in wanted if not job.stopped.is_set()]
    output = _write(state, job.shown, rows, corrupt=job.fault_kind == "corrupt_line")
    failed = sum(1 for row in rows if row["status"])
    stats = {"successfulCount": str(len(rows) - failed), "failedCount": str(failed)}
    return {
        "outputInfo": output,
        "completionStats": stats | {"incompleteCount": str(len(records) - len(rows))},
    }


def _check_agent(state: State, permission: str, resource: str) -> None:
    """Refuse what the job's own identity may not do."""
    if f"service_agent:{permission}" in state.batches.denied:
        raise cloud_refusal(
            403,
            "service-123456789012@gcp-sa-aiplatform.iam.gserviceaccount.com does not have "
            f"{permission} access to {resource}.",
        )


def _records(state: State, config: JsonObject) -> Iterator[JsonObject]:
    if config["instancesFormat"] == "bigquery":
        uri = config["bigquerySource"]["inputUri"]
        _check_agent(state, "bigquery.tables.getData", uri)
        yield from bigquery.find_table(state, _table_name(uri)).rows
        return
    for uri in config["gcsSource"]["uris"]:
        bucket, name = _split(uri)
        _check_agent(state, "storage.objects.get", uri)
        _check_bucket(state, bucket)
        content = cloud_storage.buckets_of(state).read(bucket, name)
        if len(content) > state.settings.batch_bytes:
            raise cloud_refusal(400, f"{uri} is larger than {state.settings.batch_bytes} B.")
        yield from _lines(uri, content)


def _lines(uri: str, content: bytes) -> Iterator[JsonObject]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise cloud_refusal(400, f"{uri}: line {number} is not a JSON object.")
        yield record


def _check_records(records: Iterable[JsonObject]) -> None:
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        identifier = record.get("custom_id")
        if not isinstance(identifier, str) or not _CUSTOM_ID.fullmatch(identifier):
            raise cloud_refusal(400, f"Row {number}: custom_id {identifier!r} is not valid.")
        if identifier in seen:
            raise cloud_refusal(400, f"Row {number}: custom_id {identifier!r} is not unique.")
        seen.add(identifier)
    if not seen:
        raise cloud_refusal(400, "The input has no records.")


def _check_output(state: State, config: JsonObject) -> None:
    if config["predictionsFormat"] == "bigquery":
        project, dataset, _ = _table_name(config["bigqueryDestination"]["outputUri"])
        _check_agent(state, "bigquery.tables.create", f"dataset {project}.{dataset}")
        if (project, dataset) not in state.batches.warehouse.datasets:
            raise cloud_refusal(404, f"Not found: Dataset {project}:{dataset}")
        return
    prefix = config["gcsDestination"]["outputUriPrefix"]
    _check_agent(state, "storage.objects.create", prefix)
    _check_bucket(state, _split(prefix)[0])


def _check_bucket(state: State, bucket: str) -> None:
    if not cloud_storage.buckets_of(state).has(bucket):
        raise cloud_refusal(404, f"The specified bucket does not exist: gs://{bucket}.")


def _row(state: State, job: JsonObject, record: JsonObject) -> JsonObject:
    request = record.get("request")
    row = {"custom_id": record["custom_id"], "request": request, "response": {}, "status": ""}
    try:
        return row | {"response": _answer(state, job, request)}
    except Refusal as refused:
        error = {"type": refused.kind or "api_error", "message": refused.message}
        said = dumps({"type": "error", "error": error})
        return row | {"status": f"Bad Request: {said}" if refused.status == 400 else said}  # noqa: PLR2004


def _answer(state: State, job: JsonObject, request: object) -> JsonObject:
    if isinstance(request, str):  # a column of strings
        with suppress(ValueError):
            request = json.loads(request)
    if not isinstance(request, dict):
        raise Refusal(400, "request: Input should be a valid dictionary")
    _, project, _, region, *_ = job["name"].split("/")
    target = Target(
        cloud="vertex",
        operation="invoke",
        model=job["model"].rpartition("/")[2],
        region=region,
        project=project,
    )
    incoming = Incoming("POST", f"/{job['name']}", "", (), b"")
    call = vertex.call_of(target, incoming, request)
    return generation.answer_record(state, call, target.received(incoming, request))


def _write(state: State, job: JsonObject, rows: list[JsonObject], *, corrupt: bool) -> JsonObject:
    if job["outputConfig"]["predictionsFormat"] == "bigquery":
        return _write_table(state, job["outputConfig"]["bigqueryDestination"]["outputUri"], rows)
    bucket, prefix = _split(job["outputConfig"]["gcsDestination"]["outputUriPrefix"])
    model = job["model"].rpartition("/")[2]
    folder = f"{prefix.rstrip('/')}/prediction-{model}-{timestamp()}".lstrip("/")
    for number, start in enumerate(range(0, len(rows), _ROWS_A_FILE), 1):
        lines = [dumps(row) for row in rows[start : start + _ROWS_A_FILE]]
        if corrupt:
            lines[0] = lines[0][: len(lines[0]) // 2]
        content = "".join(f"{line}\n" for line in lines).encode()
        name = f"{folder}/predictions_{number:05}.jsonl"
        cloud_storage.buckets_of(state).write(
            bucket, name, content, host=state.url.removeprefix("http://")
        )
    return {"gcsOutputDirectory": f"gs://{bucket}/{folder}"}


def _write_table(state: State, uri: str, rows: list[JsonObject]) -> JsonObject:
    name = _table_name(uri)
    if name in state.batches.warehouse.tables:
        raise cloud_refusal(409, f"Already Exists: Table {':'.join(name[:2])}.{name[2]}")
    state.batches.warehouse.tables[name] = Table(dict(_COLUMNS), rows)
    return {"bigqueryOutputDataset": f"bq://{name[0]}.{name[1]}", "bigqueryOutputTable": name[2]}


def _table_name(uri: str) -> TableName:
    project, dataset, table = uri.removeprefix("bq://").split(".")
    return project, dataset, table


def _split(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name
