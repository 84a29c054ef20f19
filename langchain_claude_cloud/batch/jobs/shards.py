"""Splits records into files and jobs that a cloud accepts, and uploads them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from langchain_claude_cloud.batch.jobs.reference import Reference, Shard
from langchain_claude_cloud.errors import InvalidInputError

if TYPE_CHECKING:
    from typing import Self

    from langchain_claude_cloud.batch.jobs.services import Limits, ObjectStore


class ShardWriter:
    """Takes record after record. Each shard that is full is uploaded and noted in the reference.

    The newest records are kept back, as many as a job has at least: so the last job has enough.
    Use it as a context manager: it has a temporary folder.

    Args:
        reference: Where shards are noted.
        store: Where files go.
        limits: How large they may be.
    """

    def __init__(self, reference: Reference, store: ObjectStore, limits: Limits) -> None:
        self._reference, self._store, self._limits = reference, store, limits
        self._folder = tempfile.TemporaryDirectory(prefix="claude-batch-")
        self._newest: deque[tuple[int, str | int | None, bytes]] = deque()
        self._shard: _OpenShard | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shard is not None:
            self._shard.close()
        self._folder.cleanup()

    def add(self, number: int, identifier: str | int | None, line: bytes) -> None:
        """Take a record.

        Args:
            number: Its number.
            identifier: Its id; None if it is asked for again.
            line: Its input line.

        Raises:
            InvalidInputError: It is too long.
        """
        most = min(self._limits.bytes_per_file, self._limits.bytes_per_job)
        if len(line) + 1 > most:
            raise InvalidInputError(
                f"the request has {len(line):,} bytes; a batch's file takes {most:,}."
            )
        self._newest.append((number, identifier, line))
        if len(self._newest) > self._limits.fewest_records:
            self._write(self._newest.popleft())

    def finish(self) -> None:
        """Upload the rest.

        Raises:
            InvalidInputError: There are fewer records than a job has at least.
        """
        fewest = self._limits.fewest_records
        if len(self._newest) < fewest:
            raise InvalidInputError(
                f"{len(self._newest)} inputs are too few: a job has at least {fewest}. Answer them "
                "now, with batch.run (claude-cloud batch run). If your account allows smaller "
                "jobs, set fewest_records (--option fewest_records=N)."
            )
        sizes = [len(line) + 1 for _, _, line in self._newest]
        if self._shard is not None and not self._shard.has_room(sizes):
            self._end_shard()
        while self._newest:
            self._write(self._newest.popleft())
        self._end_shard()

    def _write(self, record: tuple[int, str | int | None, bytes]) -> None:
        if self._shard is not None and not self._shard.has_room([len(record[2]) + 1]):
            self._end_shard()
        if self._shard is None:
            folder = Path(self._folder.name)
            self._shard = _OpenShard(self._reference, self._store, self._limits, folder)
        self._shard.write(*record)

    def _end_shard(self) -> None:
        if self._shard is not None:
            self._reference.shards.append(self._shard.end())
            self._reference.save()
            self._shard = None


class _OpenShard:
    """The shard that is being written."""

    def __init__(
        self, reference: Reference, store: ObjectStore, limits: Limits, local: Path
    ) -> None:
        number = len(reference.shards)
        self._store, self._limits, self._local = store, limits, local
        self._name = f"{number:05}"
        self.shard = Shard(
            number=number,
            records=0,
            files=[],
            folder=store.join(reference.folder, "input", self._name),
            output=store.join(reference.folder, "output", self._name),
        )
        self._ids_address = store.join(reference.folder, "ids", f"{self._name}.jsonl")
        self._file: IO[bytes] = (local / "part.jsonl").open("wb")
        self._ids: IO[bytes] = (local / "ids.jsonl").open("wb")
        self._digest = hashlib.sha256()
        self._in_file = self._bytes_in_file = self._bytes = 0

    def has_room(self, sizes: Iterable[int]) -> bool:
        """Whether records of these sizes fit in, each in its turn."""
        limits, files = self._limits, len(self.shard.files) + 1
        records, in_file, bytes_in_file = self.shard.records, self._in_file, self._bytes_in_file
        whole = self._bytes
        for size in sizes:
            if self._is_full(in_file, bytes_in_file + size):
                files, in_file, bytes_in_file = files + 1, 0, 0
            records, in_file = records + 1, in_file + 1
            whole, bytes_in_file = whole + size, bytes_in_file + size
        return (
            records <= limits.records_per_job
            and whole <= limits.bytes_per_job
            and files <= limits.files_per_job
        )

    def _is_full(self, records: int, size: int) -> bool:
        """Whether a file with so many records takes no other, with which it had that size."""
        limits = self._limits
        return records > 0 and (records >= limits.records_per_file or size > limits.bytes_per_file)

    def write(self, number: int, identifier: str | int | None, line: bytes) -> None:
        """Write a record, for which there is room."""
        size = len(line) + 1
        if self._is_full(self._in_file, self._bytes_in_file + size):
            self._end_file()
        self._file.write(line + b"\n")
        self.shard.records += 1
        self._in_file += 1
        self._bytes_in_file += size
        self._bytes += size
        if identifier is not None:
            self._ids.write(json.dumps([number, identifier]).encode() + b"\n")
            self._digest.update(f"{identifier}\n".encode())

    def _end_file(self) -> None:
        self._file.close()
        name = f"{self._name}-{len(self.shard.files):05}.jsonl"
        address = self._store.join(self.shard.folder, name)
        self._store.write(address, self._local / "part.jsonl")
        self.shard.files.append(address)
        self._file = (self._local / "part.jsonl").open("wb")
        self._in_file = self._bytes_in_file = 0

    def end(self) -> Shard:
        """Upload what is left, and return the shard."""
        self._end_file()
        if self._ids.tell():
            self._ids.close()
            self._store.write(self._ids_address, self._local / "ids.jsonl")
            self.shard.ids = self._ids_address
            self.shard.digest = self._digest.hexdigest()
        self.close()
        return self.shard

    def close(self) -> None:
        """Close the local files."""
        self._file.close()
        self._ids.close()
