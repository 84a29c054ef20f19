"""`submit` and `BatchJob` on Bedrock: the emulator's control plane, moto's S3, boto3's client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import (
    BatchJob,
    BatchStatus,
    BedrockBatch,
    InputRowError,
    asubmit,
    submit,
)
from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.errors import (
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from langchain_claude_cloud.structured import StructuredOutputError
from langchain_claude_cloud.testing import CloudEmulator, FaultKind, environment_variables, tool_use

ROLE = "arn:aws:iam::123456789012:role/Batch"
STORAGE = "s3://prompts/some/folder"
OPTIONS = BedrockBatch(role=ROLE, records_per_job=8, fewest_records=3)


@pytest.fixture(scope="module")
def emulator_settings() -> dict[str, Any]:
    """Small jobs."""
    return {"batch_records": 8, "batch_fewest_records": 3, "batch_jobs_at_once": 2}


@pytest.fixture(scope="module")
def with_bucket(running_emulator: CloudEmulator) -> CloudEmulator:
    """The module's emulator, with a bucket."""
    running_emulator.create_s3_bucket("prompts")
    return running_emulator


@pytest.fixture
def emulator(with_bucket: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> CloudEmulator:
    """The emulator as at its start, but for its buckets."""
    with_bucket.reset()
    with_bucket.allow_all()
    with_bucket._state.batches.bedrock_jobs.clear()
    with_bucket._state.batches.faults.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", with_bucket.s3_url)
    return with_bucket


@pytest.fixture(scope="module")
def session(running_emulator: CloudEmulator) -> boto3.Session:
    """One session for all tests: botocore reads its descriptions of S3 once."""
    key = running_emulator.aws_key
    return boto3.Session(key.access_key_id, key.secret_access_key)


@pytest.fixture
def llm(emulator: CloudEmulator, session: boto3.Session) -> ChatClaudeCloud:
    """A model on Bedrock."""
    return ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.bedrock(session=session))


def rows(count: int) -> list[dict[str, Any]]:
    """Inputs with ids."""
    return [{"id": f"row {number}", "input": f"Say {number}."} for number in range(count)]


def described(emulator: CloudEmulator) -> list[dict[str, Any]]:
    """What the jobs' creations said, in order."""
    return [job.shown for job in emulator._state.batches.bedrock_jobs.values()]


def ended(job: BatchJob) -> BatchStatus:
    """Wait for the end."""
    return job.wait(every=0.01, timeout=60)


def test_results_are_in_the_order_of_the_inputs(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Whatever the order of the output, over several jobs, none of which is too small."""
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(20)))
    job = submit(llm, path, storage=STORAGE, options=OPTIONS)
    assert job.reference == tmp_path / "prompts.jsonl.batch.json"
    assert ended(job).state == "completed"
    results = list(job.results())
    assert [result.id for result in results] == [f"row {number}" for number in range(20)]
    for number, result in enumerate(results):
        assert result.message is result.output
        assert result.message is not None
        assert f"Say {number}." in result.message.text
        assert result.message.usage_metadata is not None
        assert result.message.response_metadata["service_tier"] == "batch"
        assert result.message.response_metadata["model_id"].endswith("anthropic.claude-sonnet-5-5")
    assert all(each["totalRecordCount"] >= 3 for each in described(emulator))


def test_everything_of_the_options_reaches_the_service(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Role, keys, tags, VPC and time."""
    options = BedrockBatch(
        role=ROLE,
        kms_key="arn:aws:kms:us-east-1:123456789012:key/k",
        tags={"team": "search"},
        subnets=["subnet-1"],
        security_groups=["sg-1"],
        timeout_hours=48,
        fewest_records=3,
    )
    submit(llm, rows(3), storage=STORAGE, reference=tmp_path / "ref", options=options)
    (job,) = described(emulator)
    assert job["roleArn"] == ROLE
    assert job["timeoutDurationInHours"] == 48
    assert job["tags"] == [{"key": "team", "value": "search"}]
    assert job["vpcConfig"] == {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    target = job["outputDataConfig"]["s3OutputDataConfig"]
    assert target["s3EncryptionKeyId"] == options.kms_key
    assert target["s3Uri"].startswith(f"{STORAGE}/claude-batch-")


class River(BaseModel):
    """A river."""

    name: str
    length: int


def test_structured_output_and_chains(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """The chain's prompt is applied before, its parser after; a cut reply is an error."""
    answers = ['{"name": "Ebro", "length": 930}', '{"name": "Tajo"', '{"name": "Duero"}']
    chain = ChatPromptTemplate.from_template("A river of {country}") | llm.with_structured_output(
        River
    )
    for country, answer in zip(("a", "b", "c"), answers, strict=True):
        emulator.reply(answer, match=f"A river of {country}")
    inputs = [{"id": country, "country": country} for country in ("a", "b", "c")]
    job = submit(
        chain, inputs, storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS, input=dict
    )
    ended(job)
    good, cut, wrong = job.results()
    assert good.output == River(name="Ebro", length=930)
    assert isinstance(cut.error, StructuredOutputError)
    assert isinstance(wrong.error, StructuredOutputError)
    assert wrong.message is not None
    record = good.record().as_dict()
    assert record["parsed"] == {"name": "Ebro", "length": 930}


def test_tools_keep_their_names_and_invalid_calls_stay_invalid(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Answers go through the response stage of a call."""

    def read(path: str) -> str:
        """Read a file."""
        return path

    tool = {"name": "files.read", "description": "Read a file.", "input_schema": {"type": "object"}}
    emulator.fault(
        FaultKind.CUT_TOOL_CALL, tool_use("read", {"path": "a long name"}), match="Say 0."
    )
    emulator.reply(tool_use("files_read", {}), match="Say 1.")
    job = submit(
        llm.bind_tools([read, tool]),
        rows(3),
        storage=STORAGE,
        reference=tmp_path / "ref",
        options=OPTIONS,
    )
    ended(job)
    broken, named, _ = (result.message for result in job.results())
    assert broken is not None
    assert named is not None
    assert [call["name"] for call in broken.invalid_tool_calls] == ["read"]
    assert not broken.tool_calls
    assert [call["name"] for call in named.tool_calls] == ["files.read"]


def test_submitting_again_changes_nothing(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Not while the jobs run, not when all is answered, and not if a response was lost."""
    emulator.batch_fault("lost_response")
    for _ in range(3):
        job = submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
        ended(job)
    assert len(described(emulator)) == 1
    assert job.status().state == "completed"


def test_an_upload_that_was_cut_off_goes_on(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Nothing had begun; what was uploaded is not uploaded again."""

    def cut_off() -> Iterator[dict[str, Any]]:
        yield from rows(16)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(llm, cut_off(), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    assert not described(emulator)
    begun = json.loads((tmp_path / "ref").read_text())
    assert [shard["records"] for shard in begun["shards"]] == [8]
    for ask in (BatchJob.wait, BatchJob.results):
        with pytest.raises(InvalidInputError, match="cut off, and no job has begun: submit"):
            ask(BatchJob.load(tmp_path / "ref", llm))
    job = submit(llm, rows(20), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    ended(job)
    assert [result.id for result in job.results()] == [row["id"] for row in rows(20)]
    (tmp_path / "ref").write_text(json.dumps(begun))
    with pytest.raises(ConfigurationError, match="other inputs"):
        submit(llm, rows(30)[1:], storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)


@pytest.mark.parametrize("kind", ["partly_completed", "failed", "corrupt_line"])
def test_a_job_that_died_goes_on_with_the_missing_records_only(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path, kind: Any
) -> None:
    """What it had answered is kept."""
    options = BedrockBatch(role=ROLE, records_per_job=8, fewest_records=1)
    emulator._state.settings.batch_fewest_records = 1
    emulator.batch_fault(kind, answered=5)
    job = submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref", options=options)
    state = ended(job).state
    missing = {"partly_completed": 3, "failed": 8, "corrupt_line": 1}[kind]
    assert state == {"partly_completed": "partial", "corrupt_line": "completed"}.get(kind, kind)
    errors = [result for result in job.results() if result.error is not None]
    assert len(errors) == missing
    assert all(isinstance(result.error, ServerError) for result in errors)
    again = submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref")
    ended(again)
    assert [each["totalRecordCount"] for each in described(emulator)[1:]] == [missing]
    assert [result.id for result in again.results() if result.error is None] == [
        row["id"] for row in rows(8)
    ]
    emulator._state.settings.batch_fewest_records = 3


def test_a_refused_record_is_an_error_and_is_not_asked_again(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """It has the type that a call would raise."""
    emulator.fault(status=400, message="prompt is bad", match="Say 2.")
    job = submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    assert ended(job).failed == 1
    (bad,) = [result for result in job.results() if result.error is not None]
    assert bad.id == "row 2"
    assert isinstance(bad.error, InvalidRequestError)
    assert "prompt is bad" in str(bad.error)
    submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref")
    assert len(described(emulator)) == 1


def test_a_bad_input_names_its_row_and_begins_nothing(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Mended, the same call goes on."""
    bad = [{"role": "user", "content": [{"type": "image", "base64": "?", "mime_type": "image/x"}]}]
    given = rows(20)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given[:2]))
    with pytest.raises(InvalidInputError, match="2 inputs are too few"):
        submit(llm, path, storage="s3://prompts/elsewhere", options=OPTIONS)
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]
    for number, broken in ((12, {"id": "x", "input": bad}), (15, given[3])):
        changed = [*given[:number], broken, *given[number + 1 :]]
        path.write_text("".join(json.dumps(row) + "\n" for row in changed))
        with pytest.raises(InputRowError, match=f"line {number + 1}"):
            submit(llm, path, storage=STORAGE, options=OPTIONS)
    assert not described(emulator)
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    job = submit(llm, path, storage=STORAGE, options=OPTIONS)
    ended(job)
    assert all(result.error is None for result in job.results())


def test_what_cannot_work_is_refused_first(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """With what is missing in the message, before anything is uploaded."""

    def submitting(runnable: Any = llm, storage: str = STORAGE, **changes: Any) -> None:
        options = BedrockBatch(**{"role": ROLE, "fewest_records": 3, **changes})
        submit(runnable, rows(4), storage=storage, reference=tmp_path / "ref", options=options)

    with pytest.raises(ConfigurationError, match=r"role is None.*BedrockBatch\(role="):
        submitting(role=None)
    with pytest.raises(ConfigurationError, match="24 to 168"):
        submitting(timeout_hours=1)
    with pytest.raises(NotFoundError, match=r"s3://nowhere/x.*bucket"):
        submitting(storage="s3://nowhere/x")
    with pytest.raises(ConfigurationError, match="s3://"):
        submitting(storage="/some/folder")
    with pytest.raises(ConfigurationError, match=r"gs://|Vertex"):
        submitting(storage="gs://bucket")
    with pytest.raises(ConfigurationError, match=r"batch\.run"):
        submitting(RunnableLambda(str))
    with pytest.raises(ConfigurationError, match="reference="):
        submit(llm, rows(4), storage=STORAGE, options=OPTIONS)
    assert not (tmp_path / "ref").exists()
    with pytest.raises(InvalidInputError, match=r"4 inputs are too few.*batch\.run"):
        submitting(fewest_records=10)
    guarded = llm.model_copy(update={"platform": emulator.bedrock(guardrail="g:1")})
    with pytest.raises(ConfigurationError, match="guardrail"):
        submitting(guarded)
    assert not described(emulator)


@pytest.mark.parametrize("permission", ["bedrock:CreateModelInvocationJob", "iam:PassRole"])
def test_a_missing_permission_is_named_and_nothing_is_lost(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path, permission: str
) -> None:
    """The upload stays; the same call again creates the job, with options that were mended."""
    emulator.deny(permission)
    wrong = replace(OPTIONS, role=f"{ROLE}/wrong")
    with pytest.raises(PermissionDeniedError, match=permission):
        submit(llm, rows(4), storage=STORAGE, reference=tmp_path / "ref", options=wrong)
    emulator.allow_all()
    submit(llm, rows(4), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    job = submit(llm, [], storage=STORAGE, reference=tmp_path / "ref")
    ended(job)
    assert len(list(job.results())) == 4
    assert json.loads((tmp_path / "ref").read_text())["options"]["role"] == ROLE


def test_the_role_that_may_not_read_is_told_by_the_status(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """The job fails while it is validated."""
    emulator.deny("s3:GetObject", service_agent=True)
    job = submit(llm, rows(4), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    status = ended(job)
    assert status.state == "failed"
    assert "s3:GetObject" in status.messages[0]


def test_jobs_beyond_the_quota_wait_for_room(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Three jobs, two at once."""
    job = submit(llm, rows(24), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    assert len(described(emulator)) == 2
    waiting = job.status()
    assert list(waiting.jobs.values()).count("waiting") == 1
    assert "quota of 2" in waiting.messages[0]
    seen: list[BatchStatus] = []
    assert job.wait(every=0.01, timeout=60, progress=seen.append).state == "completed"
    assert len(described(emulator)) == 3
    assert seen[-1].succeeded == 24


def test_cancel_stops_all_jobs_and_keeps_what_is_answered(
    emulator: CloudEmulator, llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Also those that had not begun; submitted again, the rest is asked for."""
    job = submit(llm, rows(24), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    with pytest.raises(InvalidInputError, match="no results yet"):
        job.results()
    job.cancel()
    assert ended(job).state == "stopped"
    assert len(described(emulator)) == 2
    assert len(list(job.results())) == 24
    again = submit(llm, rows(24), storage=STORAGE, reference=tmp_path / "ref")
    ended(again)
    assert all(result.error is None for result in again.results())


def test_another_process_goes_on_from_the_reference(
    emulator: CloudEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credentials are those of the environment: the reference holds none."""
    key = emulator.aws_key
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.bedrock())
    submit(llm, rows(8), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    assert key.secret_access_key not in (tmp_path / "ref").read_text()
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        BatchJob.load(tmp_path / "ref").status()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    code = (
        "import sys; from langchain_claude_cloud.batch import BatchJob\n"
        "job = BatchJob.load(sys.argv[1]); job.wait(every=0.01)\n"
        "print([result.id for result in job.results() if result.message])"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter, on text of this file
        [sys.executable, "-c", code, str(tmp_path / "ref")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([row["id"] for row in rows(8)])


def test_a_reference_is_of_one_batch(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """Another storage, other inputs or a file of another kind is refused."""
    submit(llm, rows(4), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    for others in (rows(3), rows(5)):
        with pytest.raises(ConfigurationError, match="other inputs"):
            submit(llm, others, storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    with pytest.raises(ConfigurationError, match="another reference"):
        submit(llm, rows(4), storage="s3://prompts/b", reference=tmp_path / "ref", options=OPTIONS)
    (tmp_path / "other").write_text("[1]")
    with pytest.raises(ConfigurationError, match="not the reference"):
        BatchJob.load(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="not there"):
        BatchJob.load(tmp_path / "nothing")


async def test_async_twins(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """They do the same."""
    job = await asubmit(llm, rows(4), storage=STORAGE, reference=tmp_path / "r", options=OPTIONS)
    assert (await job.astatus()).total == 4
    assert (await job.await_(every=0.01, timeout=60)).state == "completed"
    assert [result.id async for result in job.aresults()] == [row["id"] for row in rows(4)]
    assert (await job.acancel()).state == "completed"


def test_the_commands(
    emulator: CloudEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From a file of prompts to a file of answers that follow a schema."""
    for cloud in environment_variables(emulator, tmp_path).values():
        for name, setting in cloud.items():
            monkeypatch.setenv(name, setting)
    path, schema, output = (tmp_path / name for name in ("in.jsonl", "schema.json", "out.jsonl"))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(4)))
    value: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
    }
    schema.write_text(json.dumps({"title": "Answer", **value}))

    def command(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            run(("batch", *arguments))
        return int(str(end.value.code)), "".join(capsys.readouterr())

    def as_json(*arguments: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(command(*arguments, "--json")[1])
        return said

    code, said = command("status", str(path))
    assert code == 1
    assert "in.jsonl was not submitted" in said
    submitting = ("submit", str(path), "--storage", STORAGE, "--model", "claude-sonnet-5-5")
    options = ("--system", "Be brief.", "--schema", str(schema), "--role", ROLE)
    code, said = command(*submitting, *options, "--option", "colour=1")
    assert code == 1
    assert "fewest_records" in said
    assert command(*submitting, *options, "--platform", "vertex")[0] == 2
    few = ("--platform", "bedrock", "--option", "fewest_records=3")
    code, said = command(*submitting, *options, *few)
    assert code == 0
    assert "in.jsonl.batch.json: queued: 4 inputs" in said
    assert "4 inputs" in command("status", str(path))[1]
    elsewhere = command("submit", str(path), "--storage", "gs://bucket")
    assert (elsewhere[0], "is of a batch with storage" in elsewhere[1]) == (1, True), elsewhere
    assert as_json("status", str(path))["total"] == 4
    assert as_json(*submitting, *options)["reference"] == f"{path}.batch.json"
    assert command("wait", str(path))[0] == 0
    code, said = command("results", str(path), str(output))
    assert code == 0
    assert "4 answered, 0 failed" in said
    assert as_json("results", str(path), str(output))["skipped"] == 4
    assert "completed" in command("cancel", f"{path}.batch.json")[1]
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["id"] for record in records] == [row["id"] for row in rows(4)]
    assert all("a" in record["parsed"] for record in records)


def test_two_processes_do_not_submit_the_same(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """The second is told of the first."""

    def inputs() -> Iterator[dict[str, Any]]:
        with pytest.raises(ConfigurationError, match="wait for its end"):
            submit(llm, rows(4), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
        yield from rows(4)

    submit(llm, inputs(), storage=STORAGE, reference=tmp_path / "ref", options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["ref"]
