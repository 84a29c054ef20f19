"""Vertex AI's batchPredictionJobs: created, listed, watched and cancelled as the API has it.

A job works in a thread of its own. What its state is shown as advances with each look at it, from
``JOB_STATE_PENDING`` over ``JOB_STATE_RUNNING`` to the end, so that no test waits for a clock.
https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs

Rows of the output have the columns ``custom_id``, ``request``, ``response`` and ``status``, which
is empty where there is a response
(https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/partner-models/claude/batch).
Google does not show a failed row of Claude's; its words here are those of Gemini's jobs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.model_rules import rules_for
from langchain_claude_cloud.testing.server import google, google_data, vertex, vertex_batch_data
from langchain_claude_cloud.testing.server.batch_jobs import VertexJob, timestamp
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.server.vertex_batch_checks import check_job
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_PATH: Final = re.compile(
    r"(?:/v1(?:beta1)?)?/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)"
    r"/batchPredictionJobs(?:/(?P<job>[^/:]+)(?P<cancel>:cancel)?)?"
)
_FILTER: Final = re.compile(r'\s*(display_name|state|labels\.[\w-]+)\s*=\s*"?([^"]*?)"?\s*')
_PAGE: Final = 100
_JOBS_AT_ONCE: Final = 4
_ENDS: Final = {
    "failed": "JOB_STATE_FAILED",
    "expired": "JOB_STATE_EXPIRED",
    "partly_completed": "JOB_STATE_PARTIALLY_SUCCEEDED",
}


def is_batch(request: Incoming) -> bool:
    """Whether a request is about batch prediction jobs."""
    return _PATH.fullmatch(request.raw_path) is not None


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request about batch prediction jobs.

    Raises:
        Refusal: No credentials or permission, no such job, or a job that cannot be made.
    """
    vertex.check_credentials(state, request)
    found = _PATH.fullmatch(request.raw_path)
    names = (
        {key: unquote(value) for key, value in found.groupdict().items() if value} if found else {}
    )
    action = _action(request.method, names)
    google.check_permission(
        state, f"aiplatform.batchPredictionJobs.{action}", f"project {names['project']}"
    )
    with state.batches.lock:
        answer = _ACTIONS[action](state, request, names)
    if action == "create" and _is_lost(state, answer["name"]):
        return Outgoing(0, {})
    return google_data.answer(answer)


def _is_lost(state: State, name: str) -> bool:
    fault = state.batches.vertex_jobs[name.rpartition("/")[2]].fault
    return fault is not None and fault.kind == "lost_response"


def _action(method: str, names: Mapping[str, str]) -> str:
    kind = "cancel" if "cancel" in names else "job" if "job" in names else "jobs"
    action = {
        ("POST", "jobs"): "create",
        ("GET", "jobs"): "list",
        ("GET", "job"): "get",
        ("DELETE", "job"): "delete",
        ("POST", "cancel"): "cancel",
    }.get((method, kind))
    if action is None:
        raise cloud_refusal(404, "The requested URL was not found on this server.")
    return action


def _create(state: State, request: Incoming, names: Mapping[str, str]) -> JsonObject:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise cloud_refusal(400, "Invalid JSON payload received.") from None
    check_job(state, body)
    model = body["model"].rpartition("/")[2]
    rules = rules_for(model)
    if rules is None:
        raise cloud_refusal(
            404, f"Publisher Model `{body['model']}` was not found in {names['region']}."
        )
    _check_quota(state, rules.name)
    number = str(7_000_000_000_000_000_000 + len(state.batches.vertex_jobs))
    name = f"projects/{names['project']}/locations/{names['region']}/batchPredictionJobs/{number}"
    now = timestamp()
    resource = {**body, "name": name, "state": "JOB_STATE_PENDING", "createTime": now}
    job = VertexJob(
        resource | {"updateTime": now}, names["region"], state.batches.take_fault("vertex")
    )
    state.batches.vertex_jobs[number] = job
    job.thread = threading.Thread(
        target=_work, args=(state, job), daemon=True, name=f"job-{number}"
    )
    job.thread.start()
    return dict(job.resource)


def _check_quota(state: State, model: str) -> None:
    running = [each for each in state.batches.vertex_jobs.values() if not each.is_over]
    if len(running) >= (state.settings.batch_jobs_at_once or _JOBS_AT_ONCE):
        raise cloud_refusal(
            429,
            "Quota exceeded for aiplatform.googleapis.com/concurrent_batch_prediction_jobs with "
            f"base model: anthropic-{model}. Please submit a quota increase request.",
        )


def _work(state: State, job: VertexJob) -> None:
    """Answer the records of a job; runs in the job's thread."""
    kind = job.fault.kind if job.fault is not None else None
    try:
        if kind == "failed":
            raise cloud_refusal(500, "Internal error occurred. Please retry.")
        job.results = vertex_batch_data.answer_records(
            state, job.resource, job.fault, job.cancelled
        )
        end = _ENDS.get(kind or "", "JOB_STATE_SUCCEEDED")
        job.end = "JOB_STATE_CANCELLED" if job.cancelled.is_set() else end
        if job.end == "JOB_STATE_EXPIRED":
            job.results["error"] = {"code": 4, "message": "The job did not finish within 24 hours."}
    except Refusal as refused:
        code = {403: 7, 404: 5, 500: 13}.get(refused.status, 3)
        job.results = {"error": {"code": code, "message": refused.message}}
        job.end = "JOB_STATE_FAILED"


def _list(state: State, request: Incoming, names: Mapping[str, str]) -> JsonObject:
    query = google_data.query_of(request)
    start = int(query.get("pageToken") or 0)
    size = min(int(query.get("pageSize") or _PAGE), _PAGE)
    fits = _filter_of(query.get("filter", ""))
    parent = f"projects/{names['project']}/locations/{names['region']}/"
    jobs = [
        each
        for each in state.batches.vertex_jobs.values()
        if each.resource["name"].startswith(parent)
    ]
    looked = [dict(each.look()) for each in reversed(jobs)]
    found = [each for each in looked if fits(each)]
    page: JsonObject = {"batchPredictionJobs": found[start : start + size]} if found else {}
    end = start + size
    return page | ({"nextPageToken": str(end)} if end < len(found) else {})


def _filter_of(text: str) -> Callable[[JsonObject], bool]:
    if not text:
        return lambda _job: True
    match = _FILTER.fullmatch(text)
    if match is None:
        raise cloud_refusal(400, f"Invalid filter: {text}")
    name, wanted = match.groups()
    if name.startswith("labels."):
        label = name.removeprefix("labels.")
        return lambda job: job.get("labels", {}).get(label) == wanted
    key = {"display_name": "displayName"}.get(name, name)
    return lambda job: job.get(key) == wanted


def _job(state: State, names: Mapping[str, str]) -> VertexJob:
    job = state.batches.vertex_jobs.get(names["job"])
    if job is None:
        raise cloud_refusal(
            404,
            f"The BatchPredictionJob does not exist: projects/{names['project']}/locations/"
            f"{names['region']}/batchPredictionJobs/{names['job']}",
        )
    return job


def _get(state: State, _request: Incoming, names: Mapping[str, str]) -> JsonObject:
    return dict(_job(state, names).look())


def _cancel(state: State, _request: Incoming, names: Mapping[str, str]) -> JsonObject:
    job = _job(state, names)
    if job.is_over:
        raise cloud_refusal(400, f"The job is in state {job.resource['state']}.")
    job.cancelled.set()
    job.resource["state"] = "JOB_STATE_CANCELLING"
    job.end = "JOB_STATE_CANCELLED"
    return {}


def _delete(state: State, _request: Incoming, names: Mapping[str, str]) -> JsonObject:
    job = _job(state, names)
    if not job.is_over:
        raise cloud_refusal(400, "The job must be in a terminal state before it is deleted.")
    del state.batches.vertex_jobs[names["job"]]
    return {"name": f"{job.resource['name']}/operations/1", "done": True}


_ACTIONS: Final[Mapping[str, Callable[[State, Incoming, Mapping[str, str]], JsonObject]]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "cancel": _cancel,
    "delete": _delete,
}
