"""`batch.submit` on Vertex AI: Cloud Storage and BigQuery, faults, permissions, another process.

BATCH_RECORDS=100000 makes the test with the killed process a long one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import (
    BatchJob,
    BatchResult,
    BatchStatus,
    BedrockBatch,
    InputRowError,
    VertexBatch,
    submit,
)
from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.errors import (
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
)
from langchain_claude_cloud.testing import CloudEmulator, environment_variables, tool_use

RECORDS = int(os.environ.get("BATCH_RECORDS", "300"))
MOST_MEMORY = 200_000  # kB
SEVERAL = VertexBatch(records_per_job=20)
FOLDER = "gs://data/answers"
CHILD = """
import sys
from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.batch import BatchJob, VertexBatch, submit
what, url, token, storage, reference, count = sys.argv[1:]
platform = Vertex(project="emulator-project", region="global", base_url=url, access_token=token)
llm = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_tokens=50)
if what == "submit":
    prompts = ({"id": n, "input": f"Prompt {n}."} for n in range(int(count)))
    options = VertexBatch(records_per_job=max(100, int(count) // 6))
    job = submit(llm, prompts, storage=storage, reference=reference, options=options)
    print("submitted", flush=True)
else:
    job = BatchJob.load(reference, llm)
    job.wait(every=0.1, progress=False)
    number = 0
    for number, result in enumerate(job.results(), start=1):
        assert result.id == number - 1 and f'"Prompt {number - 1}."' in result.message.text, result
    print(number, flush=True)
# Not ru_maxrss, which holds what the parent, the emulator with all records, had when it forked.
status = open("/proc/self/status").read()
print(status.partition("VmHWM:")[2].split()[0], flush=True)
"""


class River(BaseModel):
    """A river."""

    name: str
    length_km: int


@tool
def get_weather(city: str) -> str:
    """Return the weather of a city."""
    return city


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudEmulator]:
    """An emulator with a bucket and a data set, both named ``data``."""
    with CloudEmulator() as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.url)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.url)
        running.create_bucket("data")
        running.create_dataset("data")
        yield running


@pytest.fixture
def llm(emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model on the emulator."""
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex(), max_tokens=50)


@pytest.fixture(params=["gs", "bq"])
def storage(request: pytest.FixtureRequest, emulator: CloudEmulator) -> str:
    """A storage of each kind."""
    return {"gs": FOLDER, "bq": f"bq://{emulator.project}.data"}[request.param]


def prompts(count: int) -> list[dict[str, Any]]:
    """Return rows with ids."""
    return [{"id": f"row-{n}", "input": f"Prompt {n}."} for n in range(count)]


def finished(job: BatchJob) -> tuple[BatchStatus, list[BatchResult]]:
    """Wait for a batch; return its status and results."""
    status = job.wait(every=0.01, progress=False)
    return status, list(job.results())


def test_results_come_in_the_order_of_the_inputs(
    llm: ChatClaudeCloud, storage: str, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Six jobs, four at once: the others wait for room. Another process reads them."""
    options = VertexBatch(records_per_job=20, labels={"team": "a"})
    reference = tmp_path / "batch.json"
    submit(llm, prompts(110), storage=storage, reference=reference, options=options)
    status, results = finished(BatchJob.load(reference, llm))
    assert (status.state, status.succeeded, len(status.jobs)) == ("completed", 110, 6)
    assert [result.id for result in results] == [f"row-{n}" for n in range(110)]
    assert all(f'"Prompt {n}."' in str(results[n].output) for n in range(110))
    assert isinstance(results[0].output, AIMessage)
    assert results[0].message is not None
    assert results[0].message.response_metadata["platform"] == "vertex"
    assert not [each for each in emulator.requests if each.operation == "invoke"]


def test_bound_tools_and_structured_output(
    llm: ChatClaudeCloud, storage: str, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Answers are built as those of a call are; a call that was cut stays invalid."""
    asked = llm.with_structured_output(River)
    job = submit(asked, prompts(3), storage=storage, reference=tmp_path / "rivers.json")
    assert all(isinstance(result.output, River) for result in finished(job)[1])
    emulator.fault(tool_use("get_weather", {"city": "Lyon"}), max_tokens_in_call=True)
    job = submit(
        llm.bind_tools([get_weather]), prompts(2), storage=storage, reference=tmp_path / "t.json"
    )
    messages = [result.message for result in finished(job)[1] if result.message]
    cut = [message for message in messages if message.invalid_tool_calls]
    assert len(cut) == 1
    assert not cut[0].tool_calls


@pytest.mark.parametrize("kind", ["failed", "expired", "partly_completed", "corrupt_line"])
def test_what_is_missing_is_asked_again(
    llm: ChatClaudeCloud, storage: str, tmp_path: Path, emulator: CloudEmulator, kind: Any
) -> None:
    """What a job left out has an error; submitted again, only that is asked."""
    if kind == "corrupt_line" and storage != FOLDER:
        pytest.skip("a table has no lines")
    reference = tmp_path / "batch.json"
    emulator.batch_fault(kind)
    job = submit(llm, prompts(10), storage=storage, reference=reference)
    status, results = finished(job)
    missing = [result for result in results if result.error is not None]
    assert len(missing) == {"failed": 10, "corrupt_line": 1}.get(kind, 5)
    assert status.state != "completed" or kind == "corrupt_line"
    again = submit(llm, prompts(10), storage=storage, reference=reference)
    status, results = finished(again)
    assert [result.error for result in results] == [None] * 10
    job_of_missing = list(status.jobs)[-1].rpartition("/")[2]
    asked = emulator._state.batches.vertex_jobs[job_of_missing].shown["completionStats"]
    assert asked["successfulCount"] == str(len(missing))


def test_a_refused_record_has_the_error_of_a_call(
    llm: ChatClaudeCloud, storage: str, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Its row's status becomes the exception; it is not asked again."""
    emulator.fault(status=400, error_type="invalid_request_error", message="messages: too odd")
    job = submit(llm, prompts(3), storage=storage, reference=tmp_path / "batch.json")
    failed = [result for result in finished(job)[1] if result.error is not None]
    assert len(failed) == 1
    assert "messages: too odd" in str(failed[0].error)
    again = submit(llm, prompts(3), storage=storage, reference=tmp_path / "batch.json")
    assert len(again.status().jobs) == 1


def test_a_creation_whose_answer_was_lost_makes_one_job(
    llm: ChatClaudeCloud, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Also where the process died before it noted the job."""
    emulator.batch_fault("lost_response")
    reference = tmp_path / "batch.json"
    job = submit(llm, prompts(3), storage=FOLDER, reference=reference)
    assert len(emulator._state.batches.vertex_jobs) == 1
    noted = json.loads(reference.read_text())
    noted["shards"][0] |= {"job": None, "state": "waiting"}
    reference.write_text(json.dumps(noted))
    job = submit(llm, prompts(3), storage=FOLDER, reference=reference)
    assert len(emulator._state.batches.vertex_jobs) == 1
    assert finished(job)[0].succeeded == 3


def test_options_reach_the_job(
    llm: ChatClaudeCloud, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Labels, key and service account are in the job; what is no such thing is refused first."""
    key = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    account = "batch@p.iam.gserviceaccount.com"
    options = VertexBatch(labels={"team": "a"}, kms_key=key, service_account=account)
    submit(llm, prompts(1), storage=FOLDER, reference=tmp_path / "a.json", options=options)
    (job,) = emulator._state.batches.vertex_jobs.values()
    assert job.shown["labels"] == {"team": "a"}
    assert job.shown["encryptionSpec"] == {"kmsKeyName": key}
    assert job.shown["serviceAccount"] == account
    for wrong, problem in (
        (VertexBatch(labels={"Team": "a"}), "label 'Team'"),
        (VertexBatch(kms_key="k"), "kms_key is 'k'"),
        (VertexBatch(service_account="me"), "service_account is 'me'"),
        (BedrockBatch(), "takes VertexBatch"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            submit(llm, prompts(1), storage=FOLDER, reference=tmp_path / "b.json", options=wrong)
    assert not (tmp_path / "b.json").exists()


def test_what_batches_do_not_take_is_refused(
    llm: ChatClaudeCloud, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """Betas, provisioned throughput, storages that are none."""
    beta = llm.model_copy(update={"betas": ["context-1m-2025-08-07"]})
    dedicated = llm.model_copy(
        update={"platform": emulator.vertex(request_type="dedicated", region="us-east5")}
    )
    for model, storage, problem in (
        (beta, FOLDER, "takes no betas"),
        (dedicated, FOLDER, "request_type"),
        (llm, "gs://", "give gs://bucket/folder"),
        (llm, "bq://project", "give bq://project.dataset"),
        (llm, "bq://p.d.t", "give bq://project.dataset"),
        (llm, "az://container", "give s3://... or gs://... or bq://..."),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            submit(model, prompts(1), storage=storage, reference=tmp_path / f"{time.time()}.json")


@pytest.mark.parametrize(
    ("storage", "permission"),
    [
        (FOLDER, "storage.objects.list"),
        (FOLDER, "storage.objects.create"),
        (FOLDER, "aiplatform.batchPredictionJobs.create"),
        ("bq://emulator-project.data", "bigquery.tables.list"),
        ("bq://emulator-project.data", "bigquery.jobs.create"),
        ("bq://emulator-project.data", "bigquery.tables.updateData"),
    ],
)
def test_a_missing_permission_is_named_and_nothing_is_lost(
    llm: ChatClaudeCloud, tmp_path: Path, emulator: CloudEmulator, storage: str, permission: str
) -> None:
    """With the permission, the same call goes on."""
    emulator.deny(permission)
    with pytest.raises(PermissionDeniedError, match=permission.replace(".", r"\.")):
        submit(llm, prompts(2), storage=storage, reference=tmp_path / "batch.json")
    emulator.allow_all()
    job = submit(llm, prompts(2), storage=storage, reference=tmp_path / "batch.json")
    assert finished(job)[0].succeeded == 2


def test_a_refusal_of_global_advises_another_region_and_nothing_is_uploaded_anew(
    llm: ChatClaudeCloud, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """The same reference goes on in the region."""
    emulator.fault(status=400, message="Location global is not supported.", operation="control")
    with pytest.raises(NotFoundError, match=r"not supported\. .*region='us'"):
        submit(llm, prompts(2), storage=FOLDER, reference=tmp_path / "batch.json")
    emulator.deny("storage.objects.create")
    regional = llm.model_copy(update={"platform": emulator.vertex(region="us")})
    job = submit(regional, prompts(2), storage=FOLDER, reference=tmp_path / "batch.json")
    assert finished(job)[0].succeeded == 2
    assert "/locations/us/" in next(iter(job.status().jobs))


def test_the_jobs_own_permission_is_named(
    llm: ChatClaudeCloud, storage: str, tmp_path: Path, emulator: CloudEmulator
) -> None:
    """A job that may not read its input fails; the status and each result say why."""
    permission = "storage.objects.get" if storage == FOLDER else "bigquery.tables.getData"
    emulator.deny(permission, service_agent=True)
    job = submit(llm, prompts(2), storage=storage, reference=tmp_path / "batch.json")
    status, results = finished(job)
    assert status.state == "failed"
    assert permission in str(status)
    assert permission in str(results[1].error)


def test_a_storage_that_is_not_there(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """It is said before anything is read."""
    for storage in ("gs://nowhere", "bq://emulator-project.nowhere"):
        with pytest.raises(NotFoundError, match="nowhere"):
            submit(llm, iter(()), storage=storage, reference=tmp_path / "batch.json")


def test_bad_input_names_the_row(llm: ChatClaudeCloud, storage: str, tmp_path: Path) -> None:
    """Nothing was begun; mended, the same call goes on."""
    inputs = tmp_path / "inputs.jsonl"
    rows = [json.dumps(row) for row in prompts(30)]
    inputs.write_text("\n".join([*rows[:25], "no JSON", *rows[25:]]))
    with pytest.raises(InputRowError, match="26"):
        submit(llm, inputs, storage=storage, options=SEVERAL)
    inputs.write_text("\n".join(rows))
    assert finished(submit(llm, inputs, storage=storage, options=SEVERAL))[0].succeeded == 30


def test_cancelling(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """Jobs that were not created are not; the others stop."""
    job = submit(
        llm, prompts(110), storage=FOLDER, reference=tmp_path / "batch.json", options=SEVERAL
    )
    job.cancel()
    status = job.wait(every=0.01, progress=False)
    assert "waiting" not in status.jobs.values()
    assert len(list(job.results())) == 110


def command(*arguments: str) -> None:
    """Run a command that ends well."""
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 0


def test_the_commands(
    storage: str, tmp_path: Path, emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is submitted, waited for and written; options of the cloud are taken."""
    for name, value in environment_variables(emulator, tmp_path)["vertex"].items():
        monkeypatch.setenv(name, value)
    inputs, answers = tmp_path / "inputs.jsonl", tmp_path / "answers.jsonl"
    inputs.write_text("\n".join(json.dumps(row) for row in prompts(3)))
    submitting = ["submit", str(inputs), "--storage", storage, "--model", "claude-sonnet-4-6"]
    command("batch", *submitting, "--option", 'labels={"team": "a"}')
    (job,) = emulator._state.batches.vertex_jobs.values()
    assert job.shown["labels"] == {"team": "a"}
    while job.shown["state"] != "JOB_STATE_SUCCEEDED":
        command("batch", "status", str(inputs))
    command("batch", "wait", str(inputs))
    command("batch", "results", str(inputs), str(answers))
    written = [json.loads(line)["id"] for line in answers.read_text().splitlines()]
    assert written == ["row-0", "row-1", "row-2"]


async def test_on_an_event_loop(llm: ChatClaudeCloud, storage: str, tmp_path: Path) -> None:
    """The twins do the same."""
    submitted = submit(llm, prompts(3), storage=storage, reference=tmp_path / "batch.json")
    assert (await submitted.await_(every=0.01, progress=False)).state == "completed"
    assert [result.id async for result in submitted.aresults()] == ["row-0", "row-1", "row-2"]


def child(
    emulator: CloudEmulator, what: str, storage: str, reference: Path
) -> subprocess.Popen[str]:
    """Start a process that submits, or waits for the results."""
    arguments = [what, emulator.vertex_url, emulator.access_token, storage, reference, RECORDS]
    variables = {"STORAGE_EMULATOR_HOST": emulator.url, "BIGQUERY_EMULATOR_HOST": emulator.url}
    return subprocess.Popen(  # noqa: S603  this interpreter
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(1800 if RECORDS > 1000 else 120)
def test_killed_and_loaded_again_in_another_process(
    emulator: CloudEmulator, storage: str, tmp_path: Path
) -> None:
    """Killed in mid-upload, submitted again, read by a third process; little memory is used."""
    if RECORDS <= 1000 and storage != FOLDER:
        pytest.skip("the long run has both")
    reference = tmp_path / "batch.json"
    first = child(emulator, "submit", storage, reference)
    while not reference.exists() or not json.loads(reference.read_text())["shards"]:
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert first.stdout is not None
    first.stdout.close()
    for what in ("submit", "load"):
        said, _ = child(emulator, what, storage, reference).communicate()
        counted, memory = said.split()
        assert counted == {"submit": "submitted", "load": str(RECORDS)}[what]
        print(what, RECORDS, storage, f"{memory} kB", flush=True)
        assert int(memory) < MOST_MEMORY
    assert len(emulator._state.batches.vertex_jobs) <= 7
