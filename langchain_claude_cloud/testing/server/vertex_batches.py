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
from langchain_claude_cloud.testing.server import google, vertex, vertex_batch_data
from langchain_claude_cloud.testing.server.batch_state import VertexJob, timestamp
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_PATH: Final = re.compile(
    r"(?:/v1(?:beta1)?)?/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)"
    r"/batchPredictionJobs(?:/(?P<job>[^/:]+)(?P<cancel>:cancel)?)?"
)
_FILTER: Final = re.compile(r'\s*(display_name|state|labels\.[\w-]+)\s*=\s*"?([^"]*?)"?\s*')
_PAGE: Final = 100
_JOBS_AT_ONCE: Final = 4
_FAILED: Final = "JOB_STATE_FAILED"
_ENDS: Final = {
    "expired": "JOB_STATE_EXPIRED",
    "partly_completed": "JOB_STATE_PARTIALLY_SUCCEEDED",
}

_FIELDS: Final = frozenset(
    {"displayName", "model", "inputConfig", "outputConfig", "labels", "encryptionSpec"}
    | {"serviceAccount", "modelParameters"}
)
_MODEL: Final = re.compile(r"publishers/anthropic/models/[a-z0-9.@-]+")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}")
_KEY: Final = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_EMAIL: Final = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+")
_GCS: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]+(/.*)?")
_BIGQUERY: Final = re.compile(r"bq://[^.]+\.[^.]+\.[^.]+")
_LONGEST_NAME: Final = 128
_MOST_LABELS: Final = 64
_Place = tuple[str, str, re.Pattern[str]]
_SOURCES: Final[Mapping[str, _Place]] = {
    "jsonl": ("gcsSource", "uris", _GCS),
    "bigquery": ("bigquerySource", "inputUri", _BIGQUERY),
}
_DESTINATIONS: Final[Mapping[str, _Place]] = {
    "jsonl": ("gcsDestination", "outputUriPrefix", _GCS),
    "bigquery": ("bigqueryDestination", "outputUri", _BIGQUERY),
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
    if action == "create":
        made = state.batches.vertex_jobs[answer["name"].rpartition("/")[2]]
        if made.fault_kind == "lost_response":
            return Outgoing(0, {})
    return google.answer(answer)


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
    _check_job(state, body)
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
    job = VertexJob(resource | {"updateTime": now}, state.batches.take_fault("vertex"))
    state.batches.vertex_jobs[number] = job
    threading.Thread(target=_work, args=(state, job), daemon=True, name=f"job-{number}").start()
    return dict(job.shown)


def _check_job(state: State, body: object) -> None:
    """Refuse a job that the API does not take.

    Raises:
        Refusal: 400, which names the field; 403 for a service account that may not be used.
    """
    if not isinstance(body, dict):
        raise cloud_refusal(400, "Invalid JSON payload received.")
    for name in body:
        if name not in _FIELDS:
            raise cloud_refusal(
                400,
                f'Invalid JSON payload received. Unknown name "{name}" at '
                "'batch_prediction_job': Cannot find field.",
            )
    _check_text(body, "displayName", re.compile(f".{{1,{_LONGEST_NAME}}}", re.DOTALL))
    _check_text(body, "model", _MODEL)
    _check_place(body, "inputConfig", "instancesFormat", _SOURCES)
    _check_place(body, "outputConfig", "predictionsFormat", _DESTINATIONS)
    _check_labels(body.get("labels", {}))
    if "encryptionSpec" in body:
        _check_text(body["encryptionSpec"], "kmsKeyName", _KEY)
    if "serviceAccount" in body:
        _check_text(body, "serviceAccount", _EMAIL)
        google.check_permission(
            state, "iam.serviceAccounts.actAs", f"the service account {body['serviceAccount']}"
        )


def _check_text(values: object, name: str, form: re.Pattern[str]) -> None:
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, str) or not form.fullmatch(value):
        raise cloud_refusal(400, f"Invalid value for {name}: {value!r}.")


def _check_place(
    body: JsonObject, config: str, format_name: str, known: Mapping[str, _Place]
) -> None:
    given = body.get(config)
    if not isinstance(given, dict) or given.get(format_name) not in known:
        raise cloud_refusal(
            400, f"{config}.{format_name} must be one of {sorted(known)} for this model."
        )
    where, name, form = known[given[format_name]]
    if given.keys() != {format_name, where}:
        raise cloud_refusal(400, f"{config} must have {where} for {given[format_name]}.")
    value = given[where].get(name) if isinstance(given[where], dict) else None
    for each in value if isinstance(value, list) and value else [value]:
        _check_text({name: each}, name, form)


def _check_labels(labels: object) -> None:
    if not isinstance(labels, dict) or len(labels) > _MOST_LABELS:
        raise cloud_refusal(400, f"At most {_MOST_LABELS} labels are allowed.")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(str(value)):
            raise cloud_refusal(400, f"Invalid label: {name}: {value}.")


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
    end = _ENDS.get(job.fault_kind, "JOB_STATE_SUCCEEDED")
    try:
        job.results = vertex_batch_data.answer_records(state, job)
        if end == "JOB_STATE_EXPIRED":
            job.results["error"] = {"code": 4, "message": "The job did not finish within 24 hours."}
    except Refusal as refused:
        code = {403: 7, 404: 5, 500: 13}.get(refused.status, 3)
        job.results, end = {"error": {"code": code, "message": refused.message}}, _FAILED
    except Exception as error:  # noqa: BLE001  a job that never ends would be waited for
        job.results, end = {"error": {"code": 13, "message": f"Internal error: {error}"}}, _FAILED
    job.end = "JOB_STATE_CANCELLED" if job.stopped.is_set() and end != _FAILED else end


def _list(state: State, request: Incoming, names: Mapping[str, str]) -> JsonObject:
    query = google.query_of(request)
    start = int(query.get("pageToken") or 0)
    size = min(int(query.get("pageSize") or _PAGE), _PAGE)
    fits = _filter_of(query.get("filter", ""))
    parent = f"projects/{names['project']}/locations/{names['region']}/"
    jobs = [
        each for each in state.batches.vertex_jobs.values() if each.shown["name"].startswith(parent)
    ]
    looked = [each.advance() for each in reversed(jobs)]
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
    return _job(state, names).advance()


def _cancel(state: State, _request: Incoming, names: Mapping[str, str]) -> JsonObject:
    job = _job(state, names)
    if job.is_over:
        raise cloud_refusal(400, f"The job is in state {job.shown['state']}.")
    job.stopped.set()
    job.shown["state"] = "JOB_STATE_CANCELLING"
    job.end = "JOB_STATE_CANCELLED"
    return {}


def _delete(state: State, _request: Incoming, names: Mapping[str, str]) -> JsonObject:
    job = _job(state, names)
    if not job.is_over:
        raise cloud_refusal(400, "The job must be in a terminal state before it is deleted.")
    del state.batches.vertex_jobs[names["job"]]
    return {"name": f"{job.shown['name']}/operations/1", "done": True}


_ACTIONS: Final[Mapping[str, Callable[[State, Incoming, Mapping[str, str]], JsonObject]]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "cancel": _cancel,
    "delete": _delete,
}
