"""Very many records through Bedrock's batch inference, by processes that are killed.

Off by default: ``BATCH_RECORDS=100000 pytest integration_tests/batch/test_bedrock_soak.py -s``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

RECORDS = int(os.environ.get("BATCH_RECORDS", "0"))
MOST_MEGABYTES = 200
CODE = """
import json, resource, sys
from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import BatchJob, BedrockBatch, submit

step, inputs = sys.argv[1], sys.argv[2]
if step == "submit":
    options = BedrockBatch(role="arn:aws:iam::123456789012:role/Batch", records_per_job=int(sys.argv[3]))
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform="bedrock")
    submit(llm, inputs, storage="s3://prompts/soak", options=options)
    answered, wrong = 0, 0
else:
    job = BatchJob.load(inputs + ".batch.json")
    job.wait(every=0.5)
    answered, wrong = 0, 0
    for number, result in enumerate(job.results()):
        right = result.message is not None and f"prompt {number} " in result.message.text
        answered += right and result.id == f"row {number}"
        wrong += not right
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"answered": answered, "wrong": wrong, "megabytes": megabytes}))
"""
SERVER = """
import json, sys
from pathlib import Path
from langchain_claude_cloud.testing import CloudEmulator, environment_variables
with CloudEmulator(batch_records=100_000) as emulator:
    emulator.create_s3_bucket("prompts")
    print(json.dumps(environment_variables(emulator, Path(sys.argv[1]))["bedrock"]), flush=True)
    sys.stdin.read()
"""


def _started(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this interpreter, on text of this file
        [sys.executable, "-c", CODE, *arguments], env=environment, text=True
    )


def _run(arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this interpreter, on text of this file
        [sys.executable, "-c", CODE, *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _wait_for(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.1)


@pytest.mark.skipif(not RECORDS, reason="off by default: BATCH_RECORDS=100000")
@pytest.mark.timeout(3600)
def test_very_many_records_take_little_memory_and_survive_kills(tmp_path: Path) -> None:
    """The upload and the waiting process are killed; each input is answered once, in order."""
    path = tmp_path / "prompts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(RECORDS):
            row = {"id": f"row {number}", "input": f"prompt {number} " + "and so on " * 30}
            file.write(json.dumps(row) + "\n")
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - this interpreter, on text of this file
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        environment = {**os.environ, **json.loads(server.stdout.readline())}
        reference = Path(f"{path}.batch.json")
        submitting = ["submit", str(path), str(max(1_000, RECORDS // 3))]
        with _started(submitting, environment) as first:
            _wait_for(lambda: reference.exists() and "ids/00000.jsonl" in reference.read_text())
            first.send_signal(signal.SIGKILL)
        began = time.monotonic()
        figures = {"submit": _run(submitting, environment)}
        figures["submit"]["seconds"] = time.monotonic() - began
        with _started(["results", str(path)], environment) as second:
            time.sleep(3)
            second.send_signal(signal.SIGKILL)
        began = time.monotonic()
        figures["results"] = _run(["results", str(path)], environment)
        figures["results"]["seconds"] = time.monotonic() - began
        server.stdin.close()
    print(json.dumps(figures))
    assert figures["results"]["answered"] == RECORDS
    assert figures["results"]["wrong"] == 0
    assert max(each["megabytes"] for each in figures.values()) < MOST_MEGABYTES
