"""Rows are answered on the workers of Ray, Spark and Dask; what a killed worker had is repeated.

The engines are in an environment of their own: `make test-engines`. ENGINE_PROMPTS says how many
prompts each answers.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch.engines import RowAnswerer, answer_dask
from langchain_claude_cloud.batch.shared_budget import SharedBudget
from langchain_claude_cloud.calls.rate_limit import RateLimit
from langchain_claude_cloud.errors import ConfigurationError, PermissionDeniedError
from langchain_claude_cloud.testing import CloudEmulator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "engines"
PROMPTS = int(os.environ.get("ENGINE_PROMPTS", "2000"))


@pytest.fixture
def llm(emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> ChatClaudeCloud:
    """A model whose copies find their token in the environment."""
    monkeypatch.setenv("VERTEX_ACCESS_TOKEN", emulator.access_token)
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex(), max_tokens=50)


def test_a_pickled_answerer_answers_each_row_in_its_place(llm: ChatClaudeCloud) -> None:
    """From several threads, too; a row without an input has an error of its own."""
    answerer = pickle.loads(pickle.dumps(RowAnswerer(llm, input="question")))  # noqa: S301  # our own
    table = pa.table({"question": ["One?", None, "Three?"], "kept": [1, 2, 3]})
    tables: list[pa.Table] = []
    threads = [Thread(target=lambda: tables.append(answerer(table))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tables) == 2
    for answered in tables:
        rows = answered.to_pylist()
        assert [row["kept"] for row in rows] == [1, 2, 3]
        assert [bool(row["message"]) for row in rows] == [True, False, True]
        assert json.loads(rows[1]["error"])["text"] == "input 1: the input is empty."
        assert json.loads(rows[0]["usage"])["total_tokens"] > 0


def test_a_worker_keeps_its_connections_and_its_limits(
    llm: ChatClaudeCloud, emulator: CloudEmulator
) -> None:
    """From one block to the next."""
    answerer = RowAnswerer(llm, limit=RateLimit(3))
    answerer.answer([{"input": "One?"}, {"input": "Two?"}])
    blocked = Thread(
        target=answerer.answer, args=([{"input": "Three?"}, {"input": "Four?"}],), daemon=True
    )
    blocked.start()
    blocked.join(0.5)
    assert blocked.is_alive()
    assert len(emulator.requests) == 3


def test_what_fails_for_all_rows_fails_the_block(
    llm: ChatClaudeCloud, emulator: CloudEmulator
) -> None:
    """The engine shows the error."""
    emulator.fault(status=403, times=None)
    with pytest.raises(PermissionDeniedError):
        RowAnswerer(llm).answer([{"input": f"Prompt {n}."} for n in range(500)])


def test_bad_arguments_are_refused_before_the_engine_runs(llm: ChatClaudeCloud) -> None:
    """With what would do."""
    table = pa.table({"input": ["Hi"], "error": ["none"]})
    with pytest.raises(ConfigurationError, match="written to: error"):
        RowAnswerer(llm)(table)
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        RowAnswerer(llm, max_in_flight=0)

    class Frame:
        columns = ("input",)

    with pytest.raises(
        ConfigurationError, match="requests_per_minute=5 is less than 1 for each of 6"
    ):
        answer_dask(Frame(), llm, workers=6, requests_per_minute=5)


def test_a_shared_budget_is_not_held_up_by_a_lost_worker() -> None:
    """A request that was refused and never asked again takes no room."""
    budget = SharedBudget(RateLimit(2, 100))
    (first, number), (second, _) = budget.wait(90), budget.wait(20)
    assert first == 0
    assert second > 0
    budget.correct(number, 10, 1)
    assert budget.wait(20)[0] == 0
    assert budget.wait(20)[0] > 0


@pytest.mark.timeout(400)
@pytest.mark.parametrize("engine", ["ray", "pyspark", "dask"])
def test_a_killed_worker_loses_nothing(engine: str) -> None:
    """The example of the engine kills one; each row is answered once in the end."""
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed: make test-engines")
    if engine == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    ended = subprocess.run(  # noqa: S603  # our own example
        [sys.executable, EXAMPLES / f"{engine.removeprefix('py')}_prompts.py"],
        env={**os.environ, "ENGINE_PROMPTS": str(PROMPTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    expected = f"rows: {PROMPTS}, answered: {PROMPTS}, once: {PROMPTS} of {PROMPTS}"
    assert expected in ended.stdout, ended.stdout[-3000:]
    assert "a worker was killed: True" in ended.stdout
