"""Submits the records again that have no answer after all jobs have ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from langchain_claude_cloud.batch.jobs.reference import Reference
from langchain_claude_cloud.batch.jobs.results import Spool, fill
from langchain_claude_cloud.batch.jobs.services import BatchService, ObjectStore
from langchain_claude_cloud.batch.jobs.shards import ShardWriter

logger = logging.getLogger("langchain_claude_cloud")

_PASSING: Final = frozenset({408, 409, 424, 429, 500, 502, 503, 504, 529})
"""Errors of a record that another try may not have."""


def ask_again(reference: Reference, service: BatchService, store: ObjectStore) -> None:
    """Put the records without an answer into new shards.

    A record that the cloud refused for what it is, is not asked again. Where fewer are missing
    than a job has at least, nothing is done.
    """
    spool = Spool()
    try:
        for shard in reference.shards:
            fill(spool, shard, service, store, with_body=False)
        count = sum(1 for _ in _missing(reference, service, store, spool))
        if not count:
            return
        if count < service.limits.fewest_records:
            logger.warning(
                "%d inputs have no answer, and a job has at least %d: answer them with batch.run.",
                count,
                service.limits.fewest_records,
            )
            return
        with ShardWriter(reference, store, service.limits) as writer:
            for number, line in _missing(reference, service, store, spool):
                writer.add(number, None, line)
            writer.finish()
    finally:
        spool.close()


def _missing(
    reference: Reference, service: BatchService, store: ObjectStore, spool: Spool
) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the input line of each record without an answer."""
    for shard in list(reference.shards):
        for address in shard.files if shard.ids is not None else ():
            for line in store.lines(address):
                number = service.number(line)
                answer = spool.get(number)
                if answer is None or answer.status in _PASSING:
                    yield number, line
