"""Writes the records of a run to a file, each as soon as its input is finished.

A process may be killed at any moment. The next run reads the complete records, and removes an
incomplete last line.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from langchain_claude_cloud.batch.records import COLUMNS, Record, dump
from langchain_claude_cloud.errors import ConfigurationError, InvalidInputError

_BEGINNING = b'{"id": '


class Finished(NamedTuple):
    """What is known of an input that has a record.

    Attributes:
        id: Its id.
        is_answer: Whether it did not fail.
        input_hash: See `Record`; None in records of older versions.
    """

    id: str
    is_answer: bool
    input_hash: str | None = None


class Output(Protocol):
    """Where records are written."""

    def finished(self) -> Iterator[Finished]:
        """Yield what is known of each record that is there."""

    def write(self, record: Record) -> None:
        """Write a record, in place of an earlier failure with its id."""

    def close(self) -> None:
        """Leave one record for each id, and close the file."""


def output_opener(output: str | Path) -> Callable[[], Output]:
    """Return what opens the output of a run, which may be there from an earlier one.

    Raises:
        ConfigurationError: Its name has another ending, or its folder is missing. When it is
            opened: another run writes it.
    """
    path = Path(output)
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of the output {path} is not there: make it.")
    if path.suffix == ".jsonl":
        return partial(JsonLinesOutput, path)
    if path.suffix == ".sqlite":
        return partial(SqliteOutput, path)
    raise ConfigurationError(f"The output {path} must end in .jsonl or .sqlite.")


class JsonLinesOutput:
    """A file with a line of JSON for each record.

    An input that is answered after it failed has two lines until the file is closed.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] = path.open("a+b")
        self._failed = 0
        try:
            lock(self._file, path)
            _repair(self._file, path)
        except BaseException:
            self._file.close()
            raise

    def finished(self) -> Iterator[Finished]:
        """Yield what is known of each record that is there."""
        for record in self._records(self._file):
            is_answer = record.get("error") is None
            self._failed += not is_answer
            yield Finished(str(record["id"]), is_answer, record.get("input_hash"))

    def write(self, record: Record) -> None:
        """Write a record in one piece, and hand it to the system."""
        self._file.write(dump(record.as_dict()).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Remove the failures that were followed by another record, and close the file."""
        try:
            if self._failed:
                self._remove_superseded()
        finally:
            self._file.close()

    def _records(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                record["id"], record["error"]
            except (ValueError, TypeError, KeyError):
                raise InvalidInputError(
                    f"{self._path}, line {number} is not a record of a run. Name another output."
                ) from None
            yield record

    def _remove_superseded(self) -> None:
        """Write the file anew without them; at any moment one whole file is there."""
        last: dict[str, int] = {}
        for number, record in enumerate(self._records(self._file)):
            if record["error"] is not None or str(record["id"]) in last:
                last[str(record["id"])] = number
        copy = self._path.with_name(self._path.name + ".new")
        self._file.seek(0)
        with copy.open("wb") as file:
            for number, line in enumerate(self._file):
                if last.get(str(json.loads(line)["id"]), number) == number:
                    file.write(line)
            file.flush()
            os.fsync(file.fileno())
        copy.replace(self._path)


def lock(file: IO[bytes], path: Path) -> None:
    """Keep other processes from a file until it is closed, where the system can do that.

    Args:
        file: What is locked.
        path: What it stands for, for the error.

    Raises:
        ConfigurationError: Another process has it.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigurationError(f"Another run is writing {path}: wait for its end.") from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes from what a path stands for, by a locked file beside it.

    Raises:
        ConfigurationError: Another process has it.
    """
    beside = path.with_name(f"{path.name}.lock")
    with beside.open("wb") as file:
        lock(file, path)
        try:
            yield
        finally:
            file.close()  # Windows removes no open file
            beside.unlink(missing_ok=True)


def _repair(file: IO[bytes], path: Path) -> None:
    """End a last line that a killed process has not ended; remove it if it is not whole."""
    start, last = _last_line(file)
    if not last or last.endswith(b"\n"):
        return
    try:
        json.loads(last)
    except ValueError:
        if not last.startswith(_BEGINNING[: len(last)]):
            raise InvalidInputError(
                f"The last line of {path} is not a record of a run. Name another output."
            ) from None
        file.truncate(start)
    else:
        file.write(b"\n")
        file.flush()


def _last_line(file: IO[bytes]) -> tuple[int, bytes]:
    """Return where the last line begins, and the line."""
    start = file.seek(0, os.SEEK_END)
    tail = b""
    while start and b"\n" not in tail[:-1]:
        size = min(65_536, start)
        start = file.seek(start - size)
        tail = file.read(size) + tail
    cut = tail.rfind(b"\n", 0, max(0, len(tail) - 1)) + 1
    return start + cut, tail[cut:]


class SqliteOutput:
    """A database with the table ``records``; its columns beside ``id`` hold JSON.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._resources = ExitStack()
        self._resources.enter_context(alone(path))
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._resources.callback(self._database.close)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._create_table()
        except sqlite3.Error as error:
            self.close()
            raise InvalidInputError(
                f"{path} is not the database of a run ({error}). Name another output."
            ) from error

    def _create_table(self) -> None:
        columns = ", ".join(f"{column} TEXT" for column in (*COLUMNS, "input_hash"))
        self._database.execute(
            f"CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY NOT NULL, {columns})"
        )
        found = self._database.execute("SELECT * FROM records LIMIT 1").description
        names = {column for column, *_ in found}
        if not names >= {"id", *COLUMNS}:
            raise sqlite3.DatabaseError("its table records is another's")
        if "input_hash" not in names:  # it is from an older version
            self._database.execute("ALTER TABLE records ADD COLUMN input_hash TEXT")

    def finished(self) -> Iterator[Finished]:
        """Yield what is known of each record that is there."""
        query = "SELECT id, error IS NULL, input_hash FROM records"
        for identifier, is_answer, input_hash in self._database.execute(query):
            yield Finished(identifier, bool(is_answer), input_hash)

    def write(self, record: Record) -> None:
        """Write a record; an answer that is there stays."""
        self._database.execute(
            "INSERT INTO records (id, message, parsed, usage, error, input_hash) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "message = excluded.message, parsed = excluded.parsed, usage = excluded.usage, "
            "error = excluded.error, input_hash = excluded.input_hash "
            "WHERE records.error IS NOT NULL",
            (str(record.id), *record.as_columns().values(), record.input_hash),
        )

    def close(self) -> None:
        """Close the database."""
        self._resources.close()
