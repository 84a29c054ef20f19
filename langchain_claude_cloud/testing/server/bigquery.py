"""BigQuery, as far as google-cloud-bigquery asks it to load tables and to read them.

Load jobs with JSON lines (``jobs.insert`` as a multipart or resumable upload, ``jobs.get``),
``tables.get``, ``tables.delete`` and ``tabledata.list`` with pages. No SQL: no emulator of it was
found that can be installed (crucible-emulator and local-bigquery need other Pythons or servers).
https://cloud.google.com/bigquery/docs/reference/rest
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final
from urllib.parse import quote, unquote

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.server import google, vertex
from langchain_claude_cloud.testing.server.batch_state import Table, TableName
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_PATH: Final = re.compile(
    r"/(?P<upload>upload/)?bigquery/v2/projects/(?P<project>[^/]+)/"
    r"(?:jobs(?:/(?P<job>[^/]+))?|datasets/(?P<dataset>[^/]+)(?:(?P<tables>/tables)"
    r"(?:/(?P<table>[^/]+)(?P<data>/data)?)?)?)"
)
_RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_PAGE_BYTES: Final = 10_000_000
"""A page of tabledata.list is no longer than this (documented: 10 MB)."""


def is_bigquery(request: Incoming) -> bool:
    """Whether a request is for BigQuery."""
    return _PATH.fullmatch(request.raw_path) is not None


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request for BigQuery."""
    found = _PATH.fullmatch(request.raw_path)
    names = (
        {key: unquote(value) for key, value in found.groupdict().items() if value} if found else {}
    )
    try:
        vertex.check_credentials(state, request)
        return _route(state, request, names)
    except Refusal as refused:
        return google.error_response(refused)


def _route(state: State, request: Incoming, names: Mapping[str, str]) -> Outgoing:
    if "table" in names:
        return _table_request(state, request, names)
    if "tables" in names and request.method == "GET":
        return google.answer(_tables(state, names))
    if "upload" in names:
        return _upload(state, request, names["project"])
    if "job" in names and request.method == "GET":
        if names["job"] not in state.batches.warehouse.jobs:
            raise cloud_refusal(404, f"Not found: Job {names['project']}:{names['job']}")
        return google.answer(state.batches.warehouse.jobs[names["job"]])
    raise cloud_refusal(404, f"The emulator has no {request.method} {request.raw_path}.")


def find_table(state: State, name: TableName) -> Table:
    """Return a table.

    Raises:
        Refusal: It, or its dataset, does not exist.
    """
    project, dataset, table = name
    _check_dataset(state, project, dataset)
    if name not in state.batches.warehouse.tables:
        raise cloud_refusal(404, f"Not found: Table {project}:{dataset}.{table}")
    return state.batches.warehouse.tables[name]


def _tables(state: State, names: Mapping[str, str]) -> JsonObject:
    project, dataset = names["project"], names["dataset"]
    shown = f"Dataset {project}:{dataset}"
    google.check_permission(state, "bigquery.tables.list", shown)
    _check_dataset(state, project, dataset)
    found = sorted(
        name for name in state.batches.warehouse.tables if name[:2] == (project, dataset)
    )
    tables = [
        {"tableReference": {"projectId": project, "datasetId": dataset, "tableId": name[2]}}
        for name in found
    ]
    return {"kind": "bigquery#tableList", "tables": tables, "totalItems": len(tables)}


def _check_dataset(state: State, project: str, dataset: str) -> None:
    if (project, dataset) not in state.batches.warehouse.datasets:
        raise cloud_refusal(404, f"Not found: Dataset {project}:{dataset}")


def _table_request(state: State, request: Incoming, names: Mapping[str, str]) -> Outgoing:
    name = (names["project"], names["dataset"], names["table"])
    shown = f"Table {name[0]}:{name[1]}.{name[2]}"
    permission = "getData" if "data" in names else "delete" if request.method == "DELETE" else "get"
    google.check_permission(state, f"bigquery.tables.{permission}", shown)
    table = find_table(state, name)
    if request.method == "DELETE":
        del state.batches.warehouse.tables[name]
        return Outgoing(204, {})
    if "data" in names:
        return google.answer(_page(table, google.query_of(request)))
    return google.answer(_described(table, name))


def _described(table: Table, name: TableName) -> JsonObject:
    project, dataset, table_id = name
    reference = {"projectId": project, "datasetId": dataset, "tableId": table_id}
    columns = [{"name": name, "type": kind} for name, kind in table.columns.items()]
    return {
        "kind": "bigquery#table",
        "id": f"{project}:{dataset}.{table_id}",
        "tableReference": reference,
        "schema": {"fields": columns},
        "numRows": str(len(table.rows)),
        "type": "TABLE",
        "location": "US",
    }


def _page(table: Table, query: Mapping[str, str]) -> JsonObject:
    start = int(query.get("pageToken") or query.get("startIndex") or 0)
    most = int(query.get("maxResults") or len(table.rows) or 1)
    wanted = query.get("selectedFields", ",".join(table.columns)).split(",")
    columns = [name for name in table.columns if name in wanted]
    rows: list[JsonObject] = []
    size = 0
    for row in table.rows[start : start + most]:
        cells = [{"v": _cell(row.get(name), table.columns[name])} for name in columns]
        size += sum(len(each["v"] or "") for each in cells)
        if rows and size > _PAGE_BYTES:
            break
        rows.append({"f": cells})
    page: JsonObject = {"kind": "bigquery#tableDataList", "totalRows": str(len(table.rows))}
    end = start + len(rows)
    page |= {"pageToken": str(end)} if end < len(table.rows) else {}
    return page | ({"rows": rows} if rows else {})


def _cell(value: object, kind: str) -> str | None:
    if value is None:
        return None
    return json.dumps(value) if kind == "JSON" else str(value)


def _upload(state: State, request: Incoming, project: str) -> Outgoing:
    query = google.query_of(request)
    if "upload_id" in query:
        return _piece(state, request, project, query["upload_id"])
    if query.get("uploadType") == "multipart":
        metadata, content = _parts_of(request)
        return google.answer(_load(state, project, _job_of(metadata), content))
    upload = f"upload-{len(state.batches.warehouse.uploads)}"
    job = _job_of(request.body)
    _check_load(state, project, job)
    state.batches.warehouse.uploads[upload] = (job, bytearray())
    location = f"{state.url}{request.raw_path}?uploadType=resumable&upload_id={quote(upload)}"
    return Outgoing(200, {"location": location})


def _piece(state: State, request: Incoming, project: str, upload: str) -> Outgoing:
    found = _RANGE.fullmatch(request.header("content-range") or "")
    if upload not in state.batches.warehouse.uploads or found is None:
        raise cloud_refusal(404, "Not found: upload")
    job, content = state.batches.warehouse.uploads[upload]
    if found[1] is not None and int(found[1]) != len(content):
        raise cloud_refusal(400, "Invalid request. The range does not follow the last.")
    content += request.body
    if found[3] != str(len(content)):
        return Outgoing(308, {"range": f"bytes=0-{len(content) - 1}"} if content else {})
    del state.batches.warehouse.uploads[upload]
    return google.answer(_load(state, project, job, bytes(content)))


def _job_of(body: bytes) -> JsonObject:
    try:
        job = json.loads(body)
    except ValueError:
        raise cloud_refusal(400, "Invalid JSON payload received.") from None
    if not isinstance(job, dict) or "load" not in job.get("configuration", {}):
        raise cloud_refusal(400, "Required parameter is missing: load")
    return job


def _check_load(state: State, project: str, job: JsonObject) -> TableName:
    """Return the table that a load job fills, if it may be filled."""
    load: JsonObject = job["configuration"]["load"]
    target = load["destinationTable"]
    name = (target["projectId"], target["datasetId"], target["tableId"])
    google.check_permission(state, "bigquery.jobs.create", f"Project {project}")
    _check_dataset(state, name[0], name[1])
    google.check_permission(
        state, "bigquery.tables.updateData", f"Table {name[0]}:{name[1]}.{name[2]}"
    )
    known = state.batches.warehouse.jobs.get(job.get("jobReference", {}).get("jobId", ""))
    if known is not None:
        raise cloud_refusal(409, f"Already Exists: Job {known['id']}")
    return name


def _load(state: State, project: str, job: JsonObject, content: bytes) -> JsonObject:
    name = _check_load(state, project, job)
    load: JsonObject = job["configuration"]["load"]
    identifier = (
        job.get("jobReference", {}).get("jobId") or f"job_{len(state.batches.warehouse.jobs)}"
    )
    problem = None
    try:
        rows = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError as error:
        problem = f"Error while reading data, error message: JSON parsing error: {error}"
    else:
        problem = _fill(state, name, load, rows)
    status: JsonObject = {"state": "DONE"}
    if problem is not None:
        status["errorResult"] = {"reason": "invalid", "message": problem}
        status["errors"] = [status["errorResult"]]
    done = {
        "kind": "bigquery#job",
        "id": f"{project}:US.{identifier}",
        "jobReference": {"projectId": project, "jobId": identifier, "location": "US"},
        "configuration": job["configuration"],
        "status": status,
        "statistics": {"load": {"outputRows": str(0 if problem else len(rows))}},
    }
    state.batches.warehouse.jobs[identifier] = done
    return done


def _fill(state: State, name: TableName, load: JsonObject, rows: list[Any]) -> str | None:
    """Write rows into a table; return why not, if they do not fit."""
    given = {each["name"]: each["type"] for each in load.get("schema", {}).get("fields", ())}
    table = state.batches.warehouse.tables.get(name)
    how = load.get("writeDisposition", "WRITE_APPEND")
    if table is None or how == "WRITE_TRUNCATE":
        table = Table(given)
    elif how == "WRITE_EMPTY" and table.rows:
        return f"Already Exists: Table {name[0]}:{name[1]}.{name[2]}"
    for row in rows:
        for column in row:
            if column not in table.columns:
                return f"Error while reading data, error message: No such field: {column}."
    table.rows.extend(rows)
    state.batches.warehouse.tables[name] = table
    return None


def _parts_of(request: Incoming) -> tuple[bytes, bytes]:
    """Return the two parts of a ``multipart/related`` upload: metadata and content.

    Raises:
        Refusal: The body has not two parts.
    """
    kind = (request.header("content-type") or "").encode()
    message = BytesParser(policy=HTTP).parsebytes(
        b"content-type: " + kind + b"\r\n\r\n" + request.body
    )
    parts = [each.get_payload(decode=True) for each in message.walk() if not each.is_multipart()]
    if len(parts) != 2 or not all(isinstance(each, bytes) for each in parts):  # noqa: PLR2004
        raise cloud_refusal(400, "Multipart must have two parts: metadata and media.")
    return bytes(parts[0]), bytes(parts[1])
