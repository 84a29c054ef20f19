"""Batch prediction jobs, Cloud Storage and BigQuery, with Google's own clients."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from emulator_client import Client, ask
from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.cloud import bigquery, storage
from google.oauth2.credentials import Credentials

from langchain_claude_cloud.testing import CloudEmulator

MODEL = "publishers/anthropic/models/claude-sonnet-4-6"
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"}


@pytest.fixture
def buckets(emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Client]:
    """A client of Cloud Storage, with a bucket named ``data``."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
    emulator.create_bucket("data")
    client = storage.Client(emulator.project, Credentials(emulator.access_token))
    yield client
    client.close()


@pytest.fixture
def tables(emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[bigquery.Client]:
    """A client of BigQuery, with a dataset named ``data``."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
    emulator.create_dataset("data")
    client = bigquery.Client(emulator.project, Credentials(emulator.access_token))
    yield client
    client.close()


def record(identifier: str, **request: object) -> dict[str, object]:
    """Return a record of a job's input."""
    version = {"anthropic_version": "vertex-2023-10-16"}
    return {"custom_id": identifier, "request": ask("Hi") | version | request}


def lines(*records: object) -> bytes:
    """Return records as JSON lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def job_of(**changes: object) -> dict[str, object]:
    """Return the body of a request for a job over Cloud Storage."""
    source = {"uris": ["gs://data/in.jsonl"]}
    return {
        "displayName": "job",
        "model": MODEL,
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": source},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://data/out"},
        },
        **changes,
    }


class Jobs:
    """The control plane of one emulator's jobs."""

    def __init__(self, client: Client, emulator: CloudEmulator) -> None:
        self._client = client
        self._base = f"projects/{emulator.project}/locations/global/batchPredictionJobs"

    def ask(self, method: str, path: str = "", body: object = None) -> Any:
        """Send a request for all jobs, or for the one whose name the path starts with."""
        emulator = self._client.emulator
        path = path if path.startswith("projects/") else f"{self._base}{path}"
        headers = {"authorization": f"Bearer {emulator.access_token}"}
        url = f"{emulator.vertex_url}/{path}"
        return self._client.http.request(method, url, json=body, headers=headers)

    def until_end(self, name: str) -> tuple[list[str], dict[str, Any]]:
        """Look at a job until it ends; return the states seen and the job."""
        seen: list[str] = []
        while not seen or seen[-1] not in ENDED:
            job = self.ask("GET", name).json()
            seen.append(job["state"].removeprefix("JOB_STATE_"))
            time.sleep(0.01)
        return seen, job

    def run(self, **changes: object) -> dict[str, Any]:
        """Create a job and return it at its end."""
        return self.until_end(self.ask("POST", body=job_of(**changes)).json()["name"])[1]


@pytest.fixture
def jobs(client: Client, emulator: CloudEmulator) -> Jobs:
    """The jobs of the emulator."""
    return Jobs(client, emulator)


def rows_of(buckets: storage.Client, job: dict[str, Any]) -> list[str]:
    """Return the lines of a job's output."""
    folder = job["outputInfo"]["gcsOutputDirectory"].removeprefix("gs://data/")
    found = list(buckets.list_blobs("data", prefix=f"{folder}/predictions_"))
    return b"".join(each.download_as_bytes() for each in found).decode().splitlines()


def test_job_over_cloud_storage(jobs: Jobs, buckets: storage.Client) -> None:
    """States advance; every record has a row; a bad request is a row with a status."""
    records = [record(f"r{number}") for number in range(5)] + [record("bad", max_tokens=0)]
    records.append({"custom_id": "text", "request": "no JSON"})
    buckets.bucket("data").blob("in.jsonl").upload_from_string(lines(*records))
    created = jobs.ask("POST", body=job_of(labels={"a": "b"})).json()
    assert created["state"] == "JOB_STATE_PENDING"
    seen, job = jobs.until_end(created["name"])
    assert seen[0] == "RUNNING"
    assert seen[-1] == "SUCCEEDED"
    rows = {row["custom_id"]: row for row in map(json.loads, rows_of(buckets, job))}
    assert len(rows) == len(records)
    assert rows["r1"]["response"]["type"] == "message"
    assert rows["r1"]["status"] == ""
    assert "max_tokens" in rows["bad"]["status"]
    assert "valid dictionary" in rows["text"]["status"]
    assert job["completionStats"] == {
        "successfulCount": "5",
        "failedCount": "2",
        "incompleteCount": "0",
    }


def test_job_over_bigquery(jobs: Jobs, tables: bigquery.Client, emulator: CloudEmulator) -> None:
    """A table is loaded, in pieces too, answered into another, and read page by page."""
    schema = [bigquery.SchemaField("custom_id", "STRING"), bigquery.SchemaField("request", "JSON")]
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", schema=schema)
    name = f"{emulator.project}.data.questions"
    for number, size in ((0, None), (1, True)):
        content = lines(*(record(f"r{number}-{row}") for row in range(10)))
        load = tables.load_table_from_file(
            io.BytesIO(content),
            name,
            job_config=config,
            job_id=f"load-{number}",
            size=size and len(content),
        )
        assert load.result().output_rows == 10
    with pytest.raises(exceptions.Conflict):
        tables.load_table_from_file(io.BytesIO(b"{}"), name, job_config=config, job_id="load-0")
    answers = f"{emulator.project}.data.answers"
    job = jobs.run(
        inputConfig={"instancesFormat": "bigquery", "bigquerySource": {"inputUri": f"bq://{name}"}},
        outputConfig={
            "predictionsFormat": "bigquery",
            "bigqueryDestination": {"outputUri": f"bq://{answers}"},
        },
    )
    assert job["outputInfo"]["bigqueryOutputTable"] == "answers"
    rows = {row["custom_id"]: row for row in tables.list_rows(answers, page_size=3)}
    assert len(rows) == 20
    assert rows["r1-9"]["response"]["role"] == "assistant"


def test_faults(jobs: Jobs, buckets: storage.Client, emulator: CloudEmulator) -> None:
    """A job fails, expires, ends half-way, or writes a line that is no JSON."""
    blob = buckets.bucket("data").blob("in.jsonl")
    blob.upload_from_string(lines(*(record(f"r{number}") for number in range(4))))
    for kind, state, count in (
        ("failed", "FAILED", None),
        ("expired", "EXPIRED", 2),
        ("partly_completed", "PARTIALLY_SUCCEEDED", 2),
        ("corrupt_line", "SUCCEEDED", 4),
    ):
        emulator.batch_fault(kind)  # type: ignore[arg-type]
        job = jobs.run()
        assert job["state"] == f"JOB_STATE_{state}"
        if count is None:
            assert "outputInfo" not in job
            assert job["error"]["message"]
        else:
            assert len(rows_of(buckets, job)) == count
    with pytest.raises(ValueError, match="kind='broken'"):
        emulator.batch_fault("broken")  # type: ignore[arg-type]


def test_what_a_job_cannot_reach(
    jobs: Jobs, buckets: storage.Client, emulator: CloudEmulator
) -> None:
    """A bucket that is missing, a file without records, a permission of the service agent."""
    blob = buckets.bucket("data").blob("in.jsonl")
    for content, problem in (
        (b"{}\n", "Row 1: custom_id None is not valid"),
        (lines(record("a"), record("a")), "Row 2: custom_id 'a' is not unique"),
        (b"no JSON\n", "line 1 is not a JSON object"),
    ):
        blob.upload_from_string(content)
        assert problem in jobs.run()["error"]["message"]
    blob.upload_from_string(lines(record("a")))
    elsewhere = {
        "predictionsFormat": "jsonl",
        "gcsDestination": {"outputUriPrefix": "gs://nowhere/out"},
    }
    assert "gs://nowhere" in jobs.run(outputConfig=elsewhere)["error"]["message"]
    emulator.deny("storage.objects.get", service_agent=True)
    assert "storage.objects.get" in jobs.run()["error"]["message"]
    emulator.allow_all()
    assert jobs.run()["state"] == "JOB_STATE_SUCCEEDED"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"displayName": "x" * 129}, "displayName"),
        ({"model": "claude-sonnet-4-6"}, "model"),
        ({"model": "publishers/anthropic/models/claude-sonet-4-6"}, "was not found"),
        ({"instances": []}, 'Unknown name "instances"'),
        ({"labels": {"A": "b"}}, "Invalid label"),
        ({"encryptionSpec": {"kmsKeyName": "key"}}, "kmsKeyName"),
        ({"serviceAccount": "someone"}, "serviceAccount"),
        ({"inputConfig": {"instancesFormat": "csv"}}, "inputConfig.instancesFormat"),
        ({"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["/x"]}}}, "uris"),
    ],
)
def test_job_that_is_refused(jobs: Jobs, changes: dict[str, object], problem: str) -> None:
    """The refusal names the field."""
    answer = jobs.ask("POST", body=job_of(**changes))
    assert answer.status_code in {400, 404}
    assert problem in answer.json()["error"]["message"]


def test_list_quota_and_cancelling(
    jobs: Jobs, buckets: storage.Client, emulator: CloudEmulator
) -> None:
    """Jobs are found by name and label; a fifth is refused until one has ended."""
    buckets.bucket("data").blob("in.jsonl").upload_from_string(lines(record("a")))
    made = [
        jobs.ask("POST", body=job_of(displayName=f"job {number}", labels={"n": f"{number}"}))
        for number in range(5)
    ]
    assert [each.status_code for each in made] == [200, 200, 200, 200, 429]
    name = made[2].json()["name"]
    for query in ("display_name%3D%22job%202%22", "labels.n%3D%222%22"):
        found = jobs.ask("GET", f"?filter={query}").json()["batchPredictionJobs"]
        assert [each["name"] for each in found] == [name]
    assert jobs.ask("GET", "?filter=x").status_code == 400
    page = jobs.ask("GET", "?pageSize=3").json()
    rest = jobs.ask("GET", f"?pageSize=3&pageToken={page['nextPageToken']}").json()
    assert len(page["batchPredictionJobs"]) + len(rest["batchPredictionJobs"]) == 4
    created = jobs.until_end(made[0].json()["name"])[1]
    again = jobs.ask("POST", body=job_of()).json()["name"]
    assert jobs.ask("DELETE", again).status_code == 400
    assert jobs.ask("POST", f"{again}:cancel").json() == {}
    assert jobs.until_end(again)[0][-1] == "CANCELLED"
    assert jobs.ask("POST", f"{again}:cancel").status_code == 400
    assert jobs.ask("DELETE", created["name"]).json()["done"]
    assert jobs.ask("GET", created["name"]).status_code == 404
    emulator.deny("aiplatform.batchPredictionJobs.create")
    assert "batchPredictionJobs.create" in jobs.ask("POST", body=job_of()).text


def test_storage_refusals(
    emulator: CloudEmulator, buckets: storage.Client, tables: bigquery.Client
) -> None:
    """Credentials, permissions, buckets, objects, datasets and tables are looked at."""
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        buckets.bucket("nowhere").blob("a").upload_from_string("a")
    with pytest.raises(exceptions.NotFound, match="No such object: data/a"):
        buckets.bucket("data").blob("a").download_as_bytes()
    with pytest.raises(exceptions.NotFound, match="Dataset"):
        tables.get_table(f"{emulator.project}.nothing.a")
    with pytest.raises(exceptions.NotFound, match="Table"):
        tables.get_table(f"{emulator.project}.data.a")
    emulator.deny("storage.objects.create", "bigquery.tables.get")
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.create"):
        buckets.bucket("data").blob("a").upload_from_string("a")
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.tables\.get"):
        tables.get_table(f"{emulator.project}.data.a")
    stranger = storage.Client(emulator.project, Credentials("another"))
    with pytest.raises(RefreshError):  # after the emulator's 401
        list(stranger.list_blobs("data"))
    stranger.close()
