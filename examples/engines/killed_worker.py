"""What the examples of the engines share: a model, 2,000 prompts, and a worker that is killed."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator

PROMPTS = int(os.environ.get("ENGINE_PROMPTS", "2000"))
ROWS = [{"id": number, "input": f"Name a river of {number} km."} for number in range(PROMPTS)]


@contextmanager
def chain_on_emulator() -> Iterator[Runnable[Any, Any]]:
    """Open a chain whose worker is killed, once, in the midst of its work.

    A pickled model holds no secrets: the workers have the token from the environment.
    """
    with tempfile.TemporaryDirectory() as folder, CloudEmulator(keep_requests=1) as emulator:
        os.environ["VERTEX_ACCESS_TOKEN"] = emulator.access_token
        llm = ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex(), max_tokens=50)
        marker = Path(folder) / "killed"
        yield RunnableLambda(lambda prompt: die_once(prompt, marker)) | llm
        print("a worker was killed:", marker.exists())


def die_once(prompt: str, marker: Path) -> str:
    """Return the prompt; kill the worker's process at one of them, the first time."""
    if f" {PROMPTS // 3} km" in prompt and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return prompt


def show(rows: Iterable[dict[str, Any]]) -> None:
    """Print how many rows have an answer, and how many of them are there once."""
    found = list(rows)
    counts = Counter(row["id"] for row in found)
    answered = [row for row in found if row["error"] is None and json.loads(row["message"])]
    once = sum(count == 1 for count in counts.values())
    print(f"rows: {len(found)}, answered: {len(answered)}, once: {once} of {PROMPTS}")
