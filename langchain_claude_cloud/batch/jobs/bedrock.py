"""Batch inference on Amazon Bedrock: model invocation jobs on files in S3.

https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from langchain_claude_cloud.batch.jobs import services
from langchain_claude_cloud.batch.jobs.s3 import S3Store
from langchain_claude_cloud.calls.executors import run
from langchain_claude_cloud.calls.lookup import ask
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane.requests import bedrock_address
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError, NotFoundError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock import credentials_of
from langchain_claude_cloud.routing.routes import Route

_RECORDS: Final = 50_000
_FEWEST: Final = 100
_FILE_BYTES: Final = 1_000_000_000
_JOB_BYTES: Final = 5_000_000_000
"""Default quotas of each Claude model (https://docs.aws.amazon.com/general/latest/gr/bedrock.html:
"Records per input file per batch inference job" 50,000, adjustable; "Minimum number of records per
batch inference job" 100; "Batch inference input file size (in GB)" 1; "Batch inference job size (in
GB)" 5; 20 jobs "in-progress and submitted"). Read in a copy of that table of June 2025, with Claude
3 to 3.5: the table's newer rows were not to be had. Others report 100,000 records of accounts in
2026; half of that is taken by both. An account's own quotas may differ."""

_STATES: Final[Mapping[str, services.JobState]] = {
    "Submitted": "queued",
    "Validating": "queued",
    "Scheduled": "queued",
    "InProgress": "running",
    "Stopping": "stopping",
    "Completed": "completed",
    "PartiallyCompleted": "partial",
    "Failed": "failed",
    "Stopped": "stopped",
    "Expired": "expired",
}
_ROLE: Final = re.compile(r"arn:aws(-[^:]+)?:iam::\d{12}:role/.+")
_HOURS: Final = range(24, 169)
_LINE: Final = re.compile(rb'\{"recordId":"(\d+)"')
_ENDING: Final = ".jsonl.out"
_MANIFEST: Final = "manifest.json.out"
_SETTING_HEADERS: Final = "x-amzn-bedrock-"
_OTHER_APIS: Final = 'Batch inference takes InvokeModel\'s requests: give Bedrock(api="invoke").'
_LOWEST_STATUS, _HIGHEST_STATUS, _SERVER_ERROR = 400, 599, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockBatch:
    """Options of batch inference on Amazon Bedrock.

    Attributes:
        role: Required: the ARN of the service role with which Bedrock reads and writes the bucket.
        kms_key: A KMS key that inputs and outputs are encrypted with.
        bucket_owner: The account that owns the bucket, if it is not the caller's.
        tags: Tags of the jobs.
        subnets: Subnets of a VPC that the jobs' data goes through; with ``security_groups``.
        security_groups: See ``subnets``.
        timeout_hours: After how many hours a job ends, finished or not: 24 to 168.
        records_per_job: A quota of the account, as are the following.
        fewest_records: How many records a job has at least.
        bytes_per_file: How large an input file may be.
        bytes_per_job: How large all input files of a job may be.
    """

    role: str | None = None
    kms_key: str | None = None
    bucket_owner: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    subnets: list[str] = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)
    timeout_hours: int | None = None
    records_per_job: int = _RECORDS
    fewest_records: int = _FEWEST
    bytes_per_file: int = _FILE_BYTES
    bytes_per_job: int = _JOB_BYTES

    def as_dict(self) -> JsonObject:
        """Return the options as JSON data."""
        return asdict(self)


def connect(
    route: Route, options: services.BatchOptions | JsonObject | None
) -> tuple[services.BatchService, services.ObjectStore, JsonObject]:
    """Return Bedrock's service, its store, and the options as JSON data.

    Raises:
        ConfigurationError: The options are another cloud's, or the platform's API has no batches.
    """
    given = BedrockBatch(**options) if isinstance(options, dict) else options or BedrockBatch()
    config = route.config
    if not isinstance(given, BedrockBatch) or not isinstance(config, Bedrock):
        raise ConfigurationError(
            f"options is a {type(given).__name__}: s3:// takes BedrockBatch(...).",
            platform="bedrock",
        )
    if config.api != "invoke":
        raise ConfigurationError(_OTHER_APIS, platform="bedrock", model=route.model)
    store = S3Store(
        credentials_of(config),
        lambda: route.platform.region,
        owner=given.bucket_owner,
        kms_key=given.kms_key,
    )
    return BedrockJobs(route, given, store), store, given.as_dict()


class BedrockJobs:
    """Implements `langchain_claude_cloud.batch.jobs.services.BatchService`.

    Args:
        route: Whose model and identity are used.
        options: The options.
        store: Where output is.
    """

    def __init__(self, route: Route, options: BedrockBatch, store: services.ObjectStore) -> None:
        self._route, self._options, self._store = route, options, store

    @property
    def limits(self) -> services.Limits:
        """The account's quotas."""
        options = self._options
        return services.Limits(
            records_per_file=options.records_per_job,
            bytes_per_file=options.bytes_per_file,
            records_per_job=options.records_per_job,
            bytes_per_job=options.bytes_per_job,
            fewest_records=options.fewest_records,
        )

    def check(self) -> None:
        """Refuse options that Bedrock would refuse, after everything is uploaded."""
        options, problem = self._options, None
        if options.role is None or not _ROLE.fullmatch(options.role):
            problem = (
                f"role is {options.role!r}: give the ARN of a service role that Bedrock may assume "
                "and that may read and write the bucket, options=BedrockBatch(role='arn:aws:iam::"
                "...:role/...'), or --role on the command line"
            )
        elif options.timeout_hours is not None and options.timeout_hours not in _HOURS:
            problem = f"timeout_hours is {options.timeout_hours}: give 24 to 168"
        elif bool(options.subnets) != bool(options.security_groups):
            problem = "subnets and security_groups go together"
        elif options.fewest_records < 1 or options.records_per_job < 2 * options.fewest_records:
            problem = "fewest_records is 1 or more, and at most half of records_per_job"
        if problem is not None:
            raise ConfigurationError(f"Batch inference: {problem}.", platform="bedrock")

    def line(self, number: int, request: OutgoingRequest) -> bytes:
        """Return the input line of a record."""
        settings = [name for name in request.headers if name.startswith(_SETTING_HEADERS)]
        if settings:
            names = ", ".join(name.removeprefix(_SETTING_HEADERS) for name in settings)
            raise ConfigurationError(
                f"Batch inference on Bedrock takes no such setting of the platform: {names}. Leave "
                "it out of Bedrock(...).",
                platform="bedrock",
                model=self._route.model,
            )
        return b'{"recordId":"%011d","modelInput":%b}' % (number, request.content)

    def number(self, line: bytes) -> int:
        """Return the number of the record in an input line."""
        return services.record_number(_LINE, line)

    def create(self, job: services.JobInput) -> str:
        """Create a job."""
        try:
            answer = self._ask(
                "bedrock:CreateModelInvocationJob",
                f"the batch job {job.name}",
                "POST",
                "/model-invocation-job",
                body=self._description(job),
                hint=f"It must be allowed iam:PassRole on {self._options.role}, too.",
            )
        except ClaudeCloudError as error:
            if error.error_type == "ServiceQuotaExceededException":
                raise services.NoRoomError(str(error)) from error
            if error.error_type != "ConflictException":
                raise
            answer = {}
        # Of a token that was used before, AWS says no more than that it is no error.
        return str(answer.get("jobArn") or self._find(job.name))

    def describe(self, name: str) -> services.JobStatus:
        """Return how far a job is."""
        answer = self._ask(
            "bedrock:GetModelInvocationJob",
            f"the batch job {name}",
            "GET",
            f"/model-invocation-job/{quote(name, safe='')}",
        )
        said = str(answer.get("status"))
        state = _STATES.get(said, "running")
        counts = answer
        if state in services.ENDED and "successRecordCount" not in answer:
            counts = self._manifest(answer, name)
        return services.JobStatus(
            state,
            str(answer.get("message") or ""),
            int(counts.get("successRecordCount") or 0),
            int(counts.get("errorRecordCount") or 0),
        )

    def cancel(self, name: str) -> None:
        """Stop a job."""
        try:
            self._ask(
                "bedrock:StopModelInvocationJob",
                f"the batch job {name}",
                "POST",
                f"/model-invocation-job/{quote(name, safe='')}/stop",
            )
        except ClaudeCloudError as error:
            if error.error_type != "ConflictException":  # it has ended
                raise

    def outputs(self, store: services.ObjectStore, output: str, name: str) -> Iterator[str]:
        """Yield the addresses of a job's output files."""
        del name  # the folder is the job's alone
        for address in store.list(output):
            if address.endswith(_ENDING):
                yield address

    def read(self, line: bytes) -> services.Answer:
        """Return what an output line holds."""
        record = json.loads(line)
        number = int(record["recordId"])
        if isinstance(record.get("modelOutput"), dict):
            return services.Answer(number, 200, record["modelOutput"])
        error = record["error"]
        code = error.get("errorCode")
        valid = isinstance(code, int) and _LOWEST_STATUS <= code <= _HIGHEST_STATUS
        status = code if valid else _SERVER_ERROR
        return services.Answer(number, status, {"message": str(error.get("errorMessage") or error)})

    def _description(self, job: services.JobInput) -> JsonObject:
        options = self._options
        owner = {"s3BucketOwner": options.bucket_owner} if options.bucket_owner else {}
        key = {"s3EncryptionKeyId": options.kms_key} if options.kms_key else {}
        place = job.files[0] if len(job.files) == 1 else f"{job.folder}/"
        source = {"s3Uri": place, "s3InputFormat": "JSONL", **owner}
        target = {"s3Uri": f"{job.output}/", **key, **owner}
        described: JsonObject = {
            "jobName": job.name,
            "roleArn": options.role,
            "clientRequestToken": job.token,
            "inputDataConfig": {"s3InputDataConfig": source},
            "outputDataConfig": {"s3OutputDataConfig": target},
        }
        if options.timeout_hours is not None:
            described["timeoutDurationInHours"] = options.timeout_hours
        if options.tags:
            described["tags"] = [{"key": k, "value": v} for k, v in options.tags.items()]
        if options.subnets:
            described["vpcConfig"] = {
                "subnetIds": options.subnets,
                "securityGroupIds": options.security_groups,
            }
        return described

    def _find(self, job_name: str) -> str:
        """Return the ARN of a job by its name."""
        answer = self._ask(
            "bedrock:ListModelInvocationJobs",
            f"the batch job {job_name}",
            "GET",
            "/model-invocation-jobs",
            query={"nameContains": job_name},
        )
        for each in answer.get("invocationJobSummaries") or ():
            if each.get("jobName") == job_name:
                return str(each["jobArn"])
        raise NotFoundError(
            f"Bedrock says that the batch job {job_name} exists, and does not list it.",
            platform="bedrock",
            region=self._route.platform.region,
        )

    def _manifest(self, answer: JsonObject, name: str) -> JsonObject:
        """Return the counts in the manifest of a job's output; nothing if there is none."""
        target = (answer.get("outputDataConfig") or {}).get("s3OutputDataConfig") or {}
        if not target.get("s3Uri"):
            return {}
        address = self._store.join(str(target["s3Uri"]), name.rpartition("/")[2], _MANIFEST)
        try:
            found = json.loads(b"".join(self._store.lines(address)))
        except (ClaudeCloudError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _ask(
        self,
        permission: str,
        subject: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        hint: str = "",
    ) -> JsonObject:
        def questions(route: Route) -> Generator[OutgoingRequest, JsonObject, JsonObject]:
            url = bedrock_address(route) + path
            url += f"?{urlencode(query, quote_via=quote, safe='')}" if query else ""
            whole = None if body is None else {**body, "modelId": route.resolved().model_id}
            content = b"" if whole is None else json.dumps(whole).encode()
            headers = {"accept": "application/json", "content-type": "application/json"}
            return (yield OutgoingRequest(method, url, headers, content))

        found: Any = run(
            ask(self._route, questions, subject=subject, permissions=[permission], hint=hint)
        )
        return dict(found)
