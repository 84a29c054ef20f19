"""Bedrock's model invocation jobs: created, listed, watched and stopped as the API has it.

A job works in a thread of its own. What its state is shown as advances with each look at it, from
``Submitted`` over ``Validating``, ``Scheduled`` and ``InProgress`` to the end, so that no test
waits for a clock. Shapes are those of botocore's model of ``bedrock``, 2023-04-20.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, unquote

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing import wire
from langchain_claude_cloud.testing.call import Target
from langchain_claude_cloud.testing.server import bedrock, bedrock_batch_data
from langchain_claude_cloud.testing.server.batch_state import BedrockJob, timestamp
from langchain_claude_cloud.testing.server.bedrock_control import ACCOUNT, answer
from langchain_claude_cloud.testing.server.sigv4 import scope_of
from langchain_claude_cloud.testing.server.state import State

_PATH: Final = re.compile(r"/model-invocation-job(?:/(?P<job>[^/]+)(?P<stop>/stop)?)?")
_LIST: Final = "/model-invocation-jobs"
_NAME: Final = re.compile(r"[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9+.-]){0,63}")
_TOKEN: Final = re.compile(r"[a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256}")
_ROLE: Final = re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")
_LONGEST_NAME: Final = 63
_JOBS_AT_ONCE: Final = 20
_HOURS: Final = range(24, 169)
_FIELDS: Final = frozenset(
    {"jobName", "roleArn", "clientRequestToken", "modelId", "inputDataConfig"}
    | {"outputDataConfig", "vpcConfig", "timeoutDurationInHours", "tags", "modelInvocationType"}
)
_ENDS: Final = {"expired": "Expired", "partly_completed": "PartiallyCompleted"}


def is_batch(request: wire.Incoming) -> bool:
    """Whether a request is about model invocation jobs."""
    return request.raw_path == _LIST or _PATH.fullmatch(request.raw_path) is not None


def serve(state: State, request: wire.Incoming) -> wire.Outgoing:
    """Answer a request about model invocation jobs.

    Raises:
        Refusal: No credentials or permission, no such job, or a job that cannot be made.
    """
    bedrock.check_credentials(state, request)
    found = _PATH.fullmatch(request.raw_path)
    action, identifier = _action(request.method, found)
    _check_permission(state, f"bedrock:{action}")
    with state.batches.lock:
        if action == "CreateModelInvocationJob":
            return _create(state, request)
        if action == "ListModelInvocationJobs":
            return answer(request, _list(state, request))
        job = _job(state, identifier)
        if action == "StopModelInvocationJob":
            _stop(job)
            return answer(request, {})
        return answer(request, job.advance())


def _action(method: str, found: re.Match[str] | None) -> tuple[str, str]:
    if found is None:
        return "ListModelInvocationJobs", ""
    identifier = unquote(found["job"] or "")
    if method == "POST" and found["stop"]:
        return "StopModelInvocationJob", identifier
    if method == "POST" and not identifier:
        return "CreateModelInvocationJob", ""
    if method == "GET" and identifier and not found["stop"]:
        return "GetModelInvocationJob", identifier
    raise wire.cloud_refusal(404, "UnknownOperationException", "UnknownOperationException")


def _check_permission(state: State, permission: str, resource: str = "*") -> None:
    if permission in state.batches.denied:
        raise wire.cloud_refusal(
            403,
            f"User: arn:aws:iam::{ACCOUNT}:user/emulator is not authorized to perform: "
            f"{permission} on resource: {resource}",
            "AccessDeniedException",
        )


def _create(state: State, request: wire.Incoming) -> wire.Outgoing:
    body = _body(request)
    _check_permission(state, "iam:PassRole", body["roleArn"])
    jobs = state.batches.bedrock_jobs
    token = body.get("clientRequestToken")
    for known in jobs.values():
        if token is not None and known.shown.get("clientRequestToken") == token:
            return answer(request, {"jobArn": known.shown["jobArn"]})
    region = scope_of(request)[1] or state.settings.region
    target = Target(cloud="bedrock", operation="invoke", model=body["modelId"], region=region)
    bedrock.rules_of(state, target)
    under_way = [
        job for job in jobs.values() if not job.is_over and job.shown["modelId"] == body["modelId"]
    ]
    most = state.settings.batch_jobs_at_once or _JOBS_AT_ONCE
    if len(under_way) >= most:
        raise wire.cloud_refusal(
            400,
            f"You have reached the quota of {most} in-progress and submitted batch inference jobs "
            "for this model.",
            "ServiceQuotaExceededException",
        )
    identifier = sha256(f"{len(jobs)}{body['jobName']}".encode()).hexdigest()[:12]
    arn = f"arn:aws:bedrock:{region}:{ACCOUNT}:model-invocation-job/{identifier}"
    shown = {"jobArn": arn, "status": "Submitted", "submitTime": timestamp()}
    job = BedrockJob({**body, **shown}, state.batches.take_fault("bedrock"))
    jobs[identifier] = job
    threading.Thread(target=_work, args=(state, job), daemon=True, name=arn).start()
    if job.fault_kind == "lost_response":
        return wire.Outgoing(0, {})
    return answer(request, {"jobArn": arn})


def _body(request: wire.Incoming) -> JsonObject:
    """Return the description of a job.

    Raises:
        Refusal: It is not one.
    """
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise wire.validation_error("The request body is not valid JSON.")
    unknown = body.keys() - _FIELDS
    if unknown:
        raise wire.validation_error(f"Unknown parameter in input: {min(unknown)}")
    _check_text(body, "jobName", _NAME)
    if len(body["jobName"]) > _LONGEST_NAME:
        raise wire.validation_error("Value at 'jobName' failed to satisfy constraint: at most 63")
    _check_text(body, "roleArn", _ROLE)
    _check_text(body, "modelId", re.compile(".+"))
    if "clientRequestToken" in body:
        _check_text(body, "clientRequestToken", _TOKEN)
    _check_place(body, "inputDataConfig", "s3InputDataConfig")
    _check_place(body, "outputDataConfig", "s3OutputDataConfig")
    if body.get("timeoutDurationInHours", _HOURS[0]) not in _HOURS:
        raise wire.validation_error(
            "Value at 'timeoutDurationInHours' failed to satisfy constraint: 24 to 168"
        )
    return body


def _check_text(values: Mapping[str, object], name: str, form: re.Pattern[str]) -> None:
    value = values.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise wire.validation_error(
            f"Value at '{name}' failed to satisfy constraint: {form.pattern}"
        )


def _check_place(body: JsonObject, config: str, kind: str) -> None:
    given = body.get(config)
    if not isinstance(given, dict) or not isinstance(given.get(kind), dict):
        raise wire.validation_error(
            f"Value at '{config}' failed to satisfy constraint: {kind} is required"
        )
    _check_text(given[kind], "s3Uri", re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?"))


def _work(state: State, job: BedrockJob) -> None:
    """Answer the records of a job; runs in the job's thread."""
    end = _ENDS.get(job.fault_kind, "Completed")
    try:
        job.results = bedrock_batch_data.answer_records(state, job)
        if end == "Expired":
            job.results["message"] = "The job timed out before it was finished."
    except wire.Refusal as refused:
        job.results, end = {"message": refused.message}, "Failed"
    except Exception as error:  # noqa: BLE001  the storage is gone, for example
        job.results, end = {"message": f"Internal service error: {error}"}, "Failed"
    job.end = "Stopped" if job.stopped.is_set() and end != "Failed" else end


def _stop(job: BedrockJob) -> None:
    if job.is_over:
        raise wire.cloud_refusal(
            409, f"The job is in status {job.shown['status']}.", "ConflictException"
        )
    job.stopped.set()
    job.shown["status"], job.end = "Stopping", "Stopped"


def _job(state: State, identifier: str) -> BedrockJob:
    job = state.batches.bedrock_jobs.get(identifier.rpartition("/")[2])
    if job is None:
        raise wire.cloud_refusal(
            404, f"The job {identifier} could not be found.", "ResourceNotFoundException"
        )
    return job


def _list(state: State, request: wire.Incoming) -> JsonObject:
    query = dict(parse_qsl(request.query))
    found = [
        dict(job.shown)
        for job in state.batches.bedrock_jobs.values()
        if query.get("nameContains", "") in job.shown["jobName"]
        and query.get("statusEquals", job.shown["status"]) == job.shown["status"]
    ]
    start, size = int(query.get("nextToken", 0)), int(query.get("maxResults", 1000))
    page: JsonObject = {"invocationJobSummaries": found[start : start + size]}
    return page | ({"nextToken": str(start + size)} if start + size < len(found) else {})
