"""Reads the records of a model invocation job in S3, answers each, and writes the output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Target
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.server import bedrock, generation, s3
from langchain_claude_cloud.testing.server.batch_state import BedrockJob
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Refusal

_FILE_BYTES: Final = 1_000_000_000
_RECORDS: Final = 50_000


@dataclass
class _Counts:
    succeeded: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


def answer_records(state: State, job: BedrockJob) -> JsonObject:
    """Answer a job's records and write what came of them.

    Returns:
        What is shown of its records at the end.

    Raises:
        Refusal: The input cannot be read, or the output cannot be written.
    """
    if job.fault_kind == "failed":
        raise Refusal(500, "Internal service error. Try again.")
    if not state.s3_url:
        raise Refusal(500, "The emulator has no Amazon S3: call create_s3_bucket.")
    with s3.client_of(state.s3_url) as client:
        return _answer_files(state, client, job)


def _answer_files(state: State, client: Any, job: BedrockJob) -> JsonObject:  # noqa: ANN401  boto3's
    source = job.shown["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]
    target = job.shown["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].rstrip("/")
    for permission, uri in (("s3:GetObject", source), ("s3:PutObject", target)):
        if f"service_agent:{permission}" in state.batches.denied:
            raise Refusal(403, f"The role {job.shown['roleArn']} may not {permission} on {uri}.")
    bucket = s3.split(source)[0]
    files = s3.files_at(client, source)
    total = _check(state, client, bucket, files)
    wanted = job.answered_of(total)
    counts, left = _Counts(), wanted
    output_bucket, prefix = s3.split(f"{target}/{job.shown['jobArn'].rpartition('/')[2]}")
    for key in files:
        lines = _answers(state, job, s3.lines_of(client, bucket, key), counts, left)
        name = f"{prefix}/{key.rpartition('/')[2]}.out"
        corrupt = job.fault_kind == "corrupt_line"
        s3.write_shuffled(client, output_bucket, name, lines, corrupt=corrupt)
        left = wanted - counts.succeeded - counts.failed
    shown: JsonObject = {
        "totalRecordCount": total,
        "processedRecordCount": counts.succeeded + counts.failed,
        "successRecordCount": counts.succeeded,
        "errorRecordCount": counts.failed,
    }
    tokens = {"inputTokenCount": counts.tokens_in, "outputTokenCount": counts.tokens_out}
    manifest = dumps({**shown, **tokens}).encode()
    client.put_object(Bucket=output_bucket, Key=f"{prefix}/manifest.json.out", Body=manifest)
    return shown


def _check(state: State, client: Any, bucket: str, files: list[str]) -> int:  # noqa: ANN401  boto3's
    """Return how many records there are.

    Raises:
        Refusal: Files, records or their number are not what Bedrock takes.
    """
    total, seen = 0, set()
    for key in files:
        if s3.size_of(client, bucket, key) > _FILE_BYTES:
            raise Refusal(400, f"The file {key} is larger than {_FILE_BYTES} bytes.")
        for number, line in enumerate(s3.lines_of(client, bucket, key), 1):
            identifier = _record(key, number, line)["recordId"]
            if identifier in seen:
                raise Refusal(400, f"{key}, line {number}: recordId {identifier} is not unique.")
            seen.add(identifier)
            total += 1
    fewest, most = state.settings.batch_fewest_records, state.settings.batch_records or _RECORDS
    if not fewest <= total <= most:
        raise Refusal(400, f"The job has {total} records; {fewest} to {most} are allowed.")
    return total


def _record(key: str, number: int, line: bytes) -> JsonObject:
    try:
        record: JsonObject = json.loads(line)
        identifier, body = record["recordId"], record["modelInput"]
    except (ValueError, TypeError, KeyError):
        raise Refusal(400, f"{key}, line {number}: this is no record.") from None
    if not (isinstance(identifier, str) and identifier.isalnum() and isinstance(body, dict)):
        raise Refusal(400, f"{key}, line {number}: recordId or modelInput is not valid.")
    return record


def _answers(
    state: State, job: BedrockJob, lines: Iterator[bytes], counts: _Counts, most: int
) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if job.stopped.is_set() or number >= most:
            return
        record = json.loads(line)
        try:
            message = _answer(state, job.shown, record["modelInput"])
        except Refusal as refused:
            counts.failed += 1
            record["error"] = {"errorCode": refused.status, "errorMessage": refused.message}
        else:
            counts.succeeded += 1
            counts.tokens_in += message["usage"]["input_tokens"]
            counts.tokens_out += message["usage"]["output_tokens"]
            record["modelOutput"] = message
        yield dumps(record).encode()


def _answer(state: State, job: JsonObject, body: JsonObject) -> JsonObject:
    region = job["jobArn"].split(":")[3]
    target = Target(cloud="bedrock", operation="invoke", model=job["modelId"], region=region)
    request = Incoming("POST", "/model-invocation-job", "", (), dumps(body).encode())
    call = bedrock.call_of(state, target, request, body)
    return generation.answer_record(state, call, target.received(request, body))
