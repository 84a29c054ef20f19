"""Keeps a batch's lines in tables of Google BigQuery.

A file of records becomes a table with the columns ``custom_id`` and ``request`` that Vertex AI
reads; any other file one with its lines and their numbers, as a table has no order.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from langchain_claude_cloud.batch.jobs.google_clients import (
    bigquery_client,
    explained,
    split_address,
)
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import Platform

if TYPE_CHECKING:
    from google.cloud import bigquery

SCHEME: Final = "bq://"

_SERVICE: Final = "BigQuery"
_FORM: Final = "bq://project.dataset"
_RECORDS: Final = {"custom_id": "STRING", "request": "JSON"}
_PLAIN: Final = {"number": "INTEGER", "line": "STRING"}
_LOADED_AT_ONCE: Final = 8 * 1024 * 1024
"""Bytes of a load job: google-cloud-bigquery would hold 100 MB of a file in memory."""

_ROWS_AT_ONCE: Final = 500
_LOADING: Final = "bigquery.jobs.create, bigquery.tables.create and bigquery.tables.updateData"
_READING: Final = "bigquery.tables.get and bigquery.tables.getData"


class BigQuery:
    """Implements `langchain_claude_cloud.batch.jobs.services.ObjectStore`.

    Args:
        platform: Whose identity is used.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._clients: dict[str, bigquery.Client] = {}

    def _client(self, project: str) -> bigquery.Client:
        if project not in self._clients:
            self._clients[project] = bigquery_client(self._platform, project)
        return self._clients[project]

    def check(self, root: str) -> None:
        """Refuse a data set that is not there or may not be listed."""
        project, dataset, table = _parts(root)
        if table:
            raise ConfigurationError(f"storage is {root!r}: give {_FORM}.", platform="vertex")
        client = self._client(project)
        with explained(_SERVICE, root, "bigquery.tables.list"):
            for _ in client.list_tables(f"{project}.{dataset}", max_results=1):
                break

    def join(self, root: str, *names: str) -> str:
        """Return the address of a table: names below a root are parts of its name."""
        project, dataset, table = _parts(root)
        parts = [part for part in (table, *names) if part]
        return f"{SCHEME}{project}.{dataset}.{re.sub('[^A-Za-z0-9_]', '_', '_'.join(parts))}"

    def write(self, address: str, path: Path) -> None:
        """Load a local file into a table, in place of the table's rows."""
        replace = True
        with path.open("rb") as file:
            columns = _columns_of(file)
            rows: Iterable[bytes] = file if columns is _RECORDS else _numbered(file)
            for piece in _pieces(rows):
                self._load(address, columns, piece, replace=replace)
                replace = False

    def _load(
        self, address: str, columns: dict[str, str], content: bytes, *, replace: bool
    ) -> None:
        from google.cloud import bigquery  # noqa: PLC0415  an extra

        project, dataset, table = _parts(address)
        config = bigquery.LoadJobConfig(
            source_format="NEWLINE_DELIMITED_JSON",
            schema=[bigquery.SchemaField(name, kind) for name, kind in columns.items()],
            write_disposition="WRITE_TRUNCATE" if replace else "WRITE_APPEND",
        )
        with explained(_SERVICE, address, _LOADING):
            self._client(project).load_table_from_file(
                io.BytesIO(content),
                f"{project}.{dataset}.{table}",
                size=len(content),
                job_config=config,
            ).result()

    def lines(self, address: str) -> Iterator[bytes]:
        """Yield the rows of a table as lines of JSON, or the lines that it was made of."""
        project, dataset, table = _parts(address)
        client = self._client(project)
        with explained(_SERVICE, address, _READING):
            found = client.get_table(f"{project}.{dataset}.{table}")
        names = {field.name for field in found.schema}
        rows = _rows(client, found, address)
        if names == _PLAIN.keys():
            yield from _in_order(rows)
            return
        for row in rows:
            yield json.dumps(row).encode()

    def list(self, root: str) -> Iterator[str]:
        """Yield the addresses of the tables whose names begin with a root's."""
        project, dataset, prefix = _parts(root)
        with explained(_SERVICE, root, "bigquery.tables.list"):
            for each in self._client(project).list_tables(f"{project}.{dataset}"):
                if not prefix or each.table_id == prefix or each.table_id.startswith(f"{prefix}_"):
                    yield f"{SCHEME}{project}.{dataset}.{each.table_id}"


def _parts(address: str) -> tuple[str, str, str]:
    """Return the project, the data set and the table, or the part of its name that is given."""
    project, _, rest = split_address(address, SCHEME, _FORM).partition(".")
    dataset, _, table = rest.partition(".")
    if not project or not dataset or "." in table:
        raise ConfigurationError(f"storage is {address!r}: give {_FORM}.", platform="vertex")
    return project, dataset, table


def _columns_of(file: IO[bytes]) -> dict[str, str]:
    first = json.loads(file.readline() or b"{}")
    file.seek(0)
    return _RECORDS if isinstance(first, dict) and first.keys() == _RECORDS.keys() else _PLAIN


def _numbered(file: IO[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(file):
        row = {"number": number, "line": line.decode().rstrip("\n")}
        yield json.dumps(row).encode() + b"\n"


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    piece, size = [], 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _LOADED_AT_ONCE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _rows(client: bigquery.Client, table: bigquery.Table, address: str) -> Iterator[JsonObject]:
    """Yield the rows of a table, without the requests beside their answers."""
    answered = any(field.name == "response" for field in table.schema)
    wanted = [field for field in table.schema if not (answered and field.name == "request")]
    with explained(_SERVICE, address, _READING):
        for row in client.list_rows(table, selected_fields=wanted, page_size=_ROWS_AT_ONCE):
            yield dict(row)


def _in_order(rows: Iterable[JsonObject]) -> Iterator[bytes]:
    """Yield the lines of rows by their numbers, from a database that spills to the disk."""
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY, line TEXT)")
        database.execute("BEGIN")
        pairs = ((row["number"], row["line"]) for row in rows)
        database.executemany("INSERT INTO lines VALUES (?, ?)", pairs)
        for (line,) in database.execute("SELECT line FROM lines ORDER BY number"):
            yield line.encode()
    finally:
        database.close()
