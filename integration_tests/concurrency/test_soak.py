"""Hundreds of streams over 64 tasks, with faults: nothing leaks, nothing is lost.

``SOAK_STREAMS=10000 python -m pytest -n 0 -s integration_tests/concurrency/test_soak.py`` is the long run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from raw_clouds import until
from raw_models import model_on
from soak_client import FAULTS, RETRIED, Holdings, Soak, kind_of

STREAMS = int(os.environ.get("SOAK_STREAMS", "200"))
"""How many streams are counted, on each cloud."""

TASKS = 64
WARM_UP = 200 + STREAMS // 20

# What a leak of one small object a stream would exceed, and what caches of the interpreter
# and of the libraries, which fill in their own time, do not.
BLOCKS_LIMIT = 1_500 + STREAMS // 2
RESIDENT_LIMIT = 16_000_000 + 200 * STREAMS
# In a short run among other tests, what their threads still do is more than a leak would be.
LONG_RUN = 2_000


@dataclass(frozen=True)
class Server:
    """The server's process.

    Attributes:
        url: Its root.
    """

    url: str

    def seen(self) -> dict[str, int]:
        """Return how many requests and prompts came in, and what is still open."""
        with urllib.request.urlopen(f"{self.url}/statistics", timeout=20) as response:  # noqa: S310  loopback
            found: dict[str, int] = json.load(response)
        return found

    def is_quiet(self) -> bool:
        """Whether it answers nothing, and no connection is open."""
        seen = self.seen()
        return (seen["active"], seen["open"]) == (0, 0)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in a process of its own: its sockets and threads do not count."""
    script = Path(__file__).with_name("soak_server.py")
    with subprocess.Popen(  # noqa: S603  our own interpreter and script
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        yield Server(process.stdout.readline().strip())
        process.communicate(timeout=20)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
async def test_many_streams_leave_nothing_behind(server: Server, cloud: str) -> None:
    """Every request is accounted for, on both sides; what the process holds stays the same."""
    soak = Soak(model_on(server, cloud, max_retries=1))
    await soak.run(range(WARM_UP), TASKS)
    before = await Holdings.after_closing(soak.llm)
    assert await until(server.is_quiet)
    seen_before = server.seen()
    soak.outcomes.clear()

    numbers = range(WARM_UP, WARM_UP + STREAMS)
    began = time.monotonic(), time.process_time()
    await soak.run(numbers, TASKS)
    spent = time.monotonic() - began[0], time.process_time() - began[1]
    after = await Holdings.after_closing(soak.llm)
    assert await until(server.is_quiet)
    seen = {name: count - seen_before[name] for name, count in server.seen().items()}
    _report(cloud, soak.outcomes, before, after, spent)

    kinds = Counter(map(kind_of, numbers))
    retried = sum(kinds[kind] for kind in RETRIED)
    assert soak.outcomes == {
        (kind, FAULTS.get(kind, "answered")): count for kind, count in kinds.items()
    }
    assert (seen["prompts"], seen["requests"]) == (STREAMS, STREAMS + retried)
    assert after.descriptors == before.descriptors
    assert after.threads == before.threads
    assert after.tasks == before.tasks
    if STREAMS >= LONG_RUN:
        assert after.blocks - before.blocks < BLOCKS_LIMIT
        assert after.resident - before.resident < RESIDENT_LIMIT


def _report(
    cloud: str,
    outcomes: Counter[tuple[str, str]],
    before: Holdings,
    after: Holdings,
    spent: tuple[float, float],
) -> None:
    """Print what happened; pytest shows it with ``-s``, or where the test fails."""
    print(f"\n{cloud}: {STREAMS} streams in {spent[0]:.1f} s, {spent[1]:.1f} s of CPU")
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"  {kind:>13}: {count:5} {outcome}")
    for name, value in asdict(before).items():
        print(f"  {name:>13}: {value} before, {getattr(after, name)} after")
