"""Records are split as a service wants them, whatever their number and length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.batch.jobs.reference import Reference
from langchain_claude_cloud.batch.jobs.services import Limits
from langchain_claude_cloud.batch.jobs.shards import ShardWriter
from langchain_claude_cloud.errors import InvalidInputError

LIMITS = Limits(
    records_per_file=4,
    bytes_per_file=100,
    records_per_job=9,
    bytes_per_job=250,
    files_per_job=3,
    fewest_records=2,
)


class MemoryStore:
    """Lines by address."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def check(self, root: str) -> None:
        """Every storage is good."""

    def join(self, root: str, *names: str) -> str:
        """Addresses are paths."""
        return "/".join((root, *names))

    def write(self, address: str, path: Path) -> None:
        """Keep a file; none is written twice."""
        assert address not in self.files
        self.files[address] = path.read_bytes()

    def lines(self, address: str) -> Iterator[bytes]:
        """Yield the lines of a file."""
        yield from self.files[address].splitlines()

    def list(self, root: str) -> Iterator[str]:
        """Yield the addresses below a root."""
        return (address for address in sorted(self.files) if address.startswith(root))


def reference(folder: str) -> Reference:
    """A batch without shards."""
    return Reference(
        path=Path(folder) / "reference",
        id="batch",
        cloud="bedrock",
        storage="s3://b",
        folder="s3://b/batch",
        model="m",
        platform={},
        options={},
        note={},
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=40))
def test_no_file_and_no_job_is_beyond_a_limit_and_none_is_lost(lengths: list[int]) -> None:
    """Each record is in one file, in order, and no job has too few."""
    store = MemoryStore()
    with TemporaryDirectory() as folder:
        batch = reference(folder)
        with ShardWriter(batch, store, LIMITS) as writer:
            for number, length in enumerate(lengths):
                writer.add(number, f"id {number}", b"%d" % number + b"x" * length)
            writer.finish()
        assert Reference.load(batch.path) == batch
    written: list[bytes] = []
    for shard in batch.shards:
        sizes = [len(store.files[address]) for address in shard.files]
        counts = [len(list(store.lines(address))) for address in shard.files]
        assert max(sizes) <= LIMITS.bytes_per_file
        assert sum(sizes) <= LIMITS.bytes_per_job
        assert max(counts) <= LIMITS.records_per_file
        assert len(counts) <= LIMITS.files_per_job
        assert LIMITS.fewest_records <= sum(counts) == shard.records <= LIMITS.records_per_job
        assert shard.ids is not None
        ids = [json.loads(line) for line in store.lines(shard.ids)]
        assert ids == [[len(written) + n, f"id {len(written) + n}"] for n in range(sum(counts))]
        written += [line for address in shard.files for line in store.lines(address)]
    assert [line.strip(b"x") for line in written] == [b"%d" % n for n in range(len(lengths))]


def test_a_record_that_no_file_takes_is_refused(tmp_path: Path) -> None:
    """And too few records are."""
    with ShardWriter(reference(str(tmp_path)), MemoryStore(), LIMITS) as writer:
        with pytest.raises(InvalidInputError, match=r"has 100 bytes.*takes 100"):
            writer.add(0, "a", b"x" * 100)
        writer.add(0, "a", b"x")
        with pytest.raises(InvalidInputError, match="1 inputs are too few"):
            writer.finish()
