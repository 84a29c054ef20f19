"""Batch inference on Vertex AI: batch prediction jobs on files or tables.

https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/partner-models/claude/batch
says what a record is (``custom_id`` and ``request``), that an output row has the columns
``response`` and ``status`` besides, that rows are matched by ``custom_id``, and that a project has
four jobs at once. The other fields and the states are those of
https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlencode

from langchain_claude_cloud.batch.jobs import services
from langchain_claude_cloud.batch.jobs.bigquery import SCHEME as BIGQUERY
from langchain_claude_cloud.batch.jobs.bigquery import BigQuery
from langchain_claude_cloud.batch.jobs.cloud_storage import CloudStorage
from langchain_claude_cloud.batch.jobs.vertex_rows import read_row
from langchain_claude_cloud.calls.executors import run
from langchain_claude_cloud.calls.lookup import ask
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.retries import delay_before_retry
from langchain_claude_cloud.config import Vertex
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
)
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import Route

T = TypeVar("T")

_Questions: TypeAlias = Callable[[Route], Generator[OutgoingRequest, JsonObject, T]]

_RECORDS: Final = 100_000
_BYTES: Final = 256_000_000
"""Google names no limit for Claude but the four jobs at once. These are the limits of Claude's own
batches (https://platform.claude.com/docs/en/api/creating-message-batches), and lie below those of
Gemini's jobs on the same service (200,000 records, 1 GB)."""

_STATES: Final[Mapping[str, services.JobState]] = {
    "JOB_STATE_QUEUED": "queued",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_UPDATING": "running",
    "JOB_STATE_PAUSED": "running",
    "JOB_STATE_CANCELLING": "stopping",
    "JOB_STATE_SUCCEEDED": "completed",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "partial",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_CANCELLED": "stopped",
    "JOB_STATE_EXPIRED": "expired",
}
_LINE: Final = re.compile(rb'\{"custom_id":\s*"record-(\d+)"')
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}")
_KEY: Final = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_OUTPUT: Final = re.compile(r"/(?:predictions|errors)[^/]*\.jsonl$")
_HEADERS: Final = {"accept": "application/json", "content-type": "application/json"}
_COUNTS: Final = frozenset({"successfulCount", "failedCount", "incompleteCount"})
_ATTEMPTS: Final = 3
_JOBS: Final = "aiplatform.batchPredictionJobs"
_HINT: Final = (
    "Vertex AI's service agent, or the job's service account, must be allowed to read the input "
    "and to write the output, too; and the region must serve the model in batches."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexBatch:
    """Options of batch inference on Vertex AI.

    Attributes:
        labels: Labels of the jobs, for billing and search.
        kms_key: A key of Cloud KMS that jobs and files are encrypted with.
        service_account: The account that the jobs run as; None for Vertex AI's service agent.
        records_per_job: How many records a job has at most.
        bytes_per_job: How large its file is at most.
    """

    labels: dict[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    service_account: str | None = None
    records_per_job: int = _RECORDS
    bytes_per_job: int = _BYTES

    def as_dict(self) -> JsonObject:
        """Return the options as JSON data."""
        return asdict(self)


def connect(
    route: Route, options: services.BatchOptions | JsonObject | None, *, scheme: str
) -> tuple[services.BatchService, services.ObjectStore, JsonObject]:
    """Return Vertex AI's service, its store, and the options as JSON data.

    Raises:
        ConfigurationError: The options are another cloud's.
    """
    given = VertexBatch(**options) if isinstance(options, dict) else options or VertexBatch()
    if not isinstance(given, VertexBatch) or not isinstance(route.config, Vertex):
        raise ConfigurationError(
            f"options is a {type(given).__name__}: {scheme}:// takes VertexBatch(...).",
            platform="vertex",
        )
    store: services.ObjectStore = (
        BigQuery(route.platform)
        if f"{scheme}://" == BIGQUERY
        else CloudStorage(route.platform, given.kms_key)
    )
    return VertexJobs(route, given), store, given.as_dict()


class VertexJobs:
    """Implements `langchain_claude_cloud.batch.jobs.services.BatchService`.

    Args:
        route: Whose model and identity are used.
        options: The options.
    """

    def __init__(self, route: Route, options: VertexBatch) -> None:
        self._route, self._options = route, options

    @property
    def limits(self) -> services.Limits:
        """How large jobs may be: each has one file or table."""
        options = self._options
        return services.Limits(
            records_per_file=options.records_per_job,
            bytes_per_file=options.bytes_per_job,
            records_per_job=options.records_per_job,
            bytes_per_job=options.bytes_per_job,
            files_per_job=1,
        )

    def check(self) -> None:
        """Refuse options that Vertex AI would refuse, after everything is uploaded."""
        options, problem = self._options, None
        for name, value in options.labels.items():
            if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
                problem = (
                    f"the label {name!r}: {value!r} is none: lower case letters, digits, _ and -, "
                    "at most 63, the name beginning with a letter"
                )
        if options.kms_key is not None and not _KEY.fullmatch(options.kms_key):
            problem = (
                f"kms_key is {options.kms_key!r}: give projects/.../locations/.../keyRings/.../"
                "cryptoKeys/..."
            )
        if options.service_account is not None and "@" not in options.service_account:
            problem = f"service_account is {options.service_account!r}: give its email address"
        if isinstance(self._route.config, Vertex) and self._route.config.request_type:
            problem = "request_type has no meaning: provisioned throughput serves no batches"
        if problem is not None:
            raise ConfigurationError(f"Batch inference: {problem}.", platform="vertex")

    def line(self, number: int, request: OutgoingRequest) -> bytes:
        """Return the input line of a record."""
        betas = request.headers.get("anthropic-beta")
        if betas:
            raise ConfigurationError(
                f"Batch inference on Vertex AI takes no betas, which travel in a header: {betas}. "
                "Leave out what needs them, or answer with batch.run.",
                platform="vertex",
                model=self._route.model,
            )
        return b'{"custom_id":"record-%d","request":%b}' % (number, request.content)

    def number(self, line: bytes) -> int:
        """Return the number of the record in an input line."""
        return services.record_number(_LINE, line)

    def create(self, job: services.JobInput) -> str:
        """Create a job, if none of its name is there.

        The API has no token against a second job. So a creation whose answer was lost is looked
        for before it is tried again.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._ask(
                    "create", f"the batch job {job.name}", partial(self._find_or_create, job), 0
                )
            except RateLimitError as error:
                raise services.NoRoomError(str(error)) from error
            except ClaudeCloudError as error:
                _say_that_global_may_be_the_reason(error)
                seconds = delay_before_retry(error, attempt, _ATTEMPTS, MEMORY.draw)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _find_or_create(
        self, job: services.JobInput, route: Route
    ) -> Generator[OutgoingRequest, JsonObject, str]:
        jobs = _jobs_url(route)
        described = self._description(job, route)
        query = urlencode({"filter": f'display_name="{job.name}"'})
        found = yield OutgoingRequest("GET", f"{jobs}?{query}", _HEADERS)
        for each in found.get("batchPredictionJobs") or ():
            if each.get("outputConfig") == described["outputConfig"]:
                return str(each["name"])
        content = json.dumps(described).encode()
        made = yield OutgoingRequest("POST", jobs, _HEADERS, content)
        return str(made["name"])

    def describe(self, name: str) -> services.JobStatus:
        """Return how far a job is."""
        answer = self._ask("get", f"the batch job {name}", partial(_of_job, name, ""), 2)
        state = _STATES.get(str(answer.get("state")), "running")
        stats = answer.get("completionStats") or {}
        counts = {key: int(value or 0) for key, value in stats.items() if key in _COUNTS}
        if state == "completed" and counts.get("incompleteCount", 0) > 0:
            state = "partial"
        problems = [answer.get("error"), *(answer.get("partialFailures") or ())]
        said = [str(each.get("message")) for each in problems if isinstance(each, dict)]
        return services.JobStatus(
            state,
            "; ".join(said),
            counts.get("successfulCount", 0),
            max(counts.get("failedCount", 0), 0),
        )

    def cancel(self, name: str) -> None:
        """Stop a job."""
        try:
            self._ask("cancel", f"the batch job {name}", partial(_of_job, name, ":cancel"), 2)
        except InvalidRequestError:
            if self.describe(name).state not in services.ENDED:
                raise

    def outputs(self, store: services.ObjectStore, output: str, name: str) -> Iterator[str]:
        """Yield the addresses of a job's output files, or of its table."""
        del name  # the place is the job's alone
        for address in store.list(output):
            if address.startswith(BIGQUERY) or _OUTPUT.search(address):
                yield address

    def read(self, line: bytes) -> services.Answer:
        """Return what an output row holds."""
        return read_row(line)

    def _description(self, job: services.JobInput, route: Route) -> JsonObject:
        options, source = self._options, job.files[0]
        described: JsonObject = {
            "displayName": job.name,
            "model": f"publishers/anthropic/models/{route.resolved().model_id}",
        }
        kind = "jsonl"
        read: JsonObject = {"gcsSource": {"uris": [source]}}
        written = {"gcsDestination": {"outputUriPrefix": job.output}}
        if source.startswith(BIGQUERY):
            kind, read = "bigquery", {"bigquerySource": {"inputUri": source}}
            written = {"bigqueryDestination": {"outputUri": job.output}}
        described["inputConfig"] = {"instancesFormat": kind, **read}
        described["outputConfig"] = {"predictionsFormat": kind, **written}
        if options.labels:
            described["labels"] = options.labels
        if options.kms_key:
            described["encryptionSpec"] = {"kmsKeyName": options.kms_key}
        if options.service_account:
            described["serviceAccount"] = options.service_account
        return described

    def _ask(self, action: str, subject: str, questions: _Questions[T], retries: int) -> T:
        also = [f"{_JOBS}.list"] if action == "create" else []
        asking = ask(
            self._route,
            questions,
            subject=subject,
            permissions=[f"{_JOBS}.{action}", *also],
            hint=_HINT,
            max_retries=retries,
        )
        return run(asking)


def _say_that_global_may_be_the_reason(error: ClaudeCloudError) -> None:
    """Add advice to a refusal of the region ``global``.

    Google's page asks for a region of the model, and says that a table must be in the job's; of
    Gemini's jobs, that ``global`` takes those with Cloud Storage alone. Others were refused there
    (https://github.com/BerriAI/litellm/issues/35134). For Claude nobody says.
    """
    refused = isinstance(error, InvalidRequestError | NotFoundError)
    if refused and error.region == "global":
        advice = "The region 'global' may not take batches: try Vertex(region='us') or 'eu'."
        error.args = (f"{error} {advice}",)


def _jobs_url(route: Route) -> str:
    """Return the address of a region's jobs; the platform must be prepared."""
    location = route.platform.endpoint("claude", "invoke").partition("/publishers/")[0]
    return f"{location}/batchPredictionJobs"


def _of_job(
    name: str, verb: str, route: Route
) -> Generator[OutgoingRequest, JsonObject, JsonObject]:
    """Look at a job, or have something done with it."""
    url = f"{_jobs_url(route).partition('/projects/')[0]}/{name}{verb}"
    method, body = ("POST", b"{}") if verb else ("GET", b"")
    return (yield OutgoingRequest(method, url, _HEADERS, body))
