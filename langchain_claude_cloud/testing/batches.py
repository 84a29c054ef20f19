"""The batch jobs of the emulator: their storage, permissions and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_claude_cloud.errors.types import Cloud
from langchain_claude_cloud.testing.server.batch_state import BatchFault, BatchFaultKind
from langchain_claude_cloud.testing.server.state import State

if TYPE_CHECKING:
    from langchain_claude_cloud.testing.server.s3 import S3Server


class EmulatedBatches:
    """The batch jobs of an emulator.

    Args:
        state: What the emulator remembers.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._s3: S3Server | None = None

    def create_bucket(self, name: str) -> None:
        """Create a bucket of Cloud Storage.

        Point google-cloud-storage at it with ``STORAGE_EMULATOR_HOST``, the emulator's URL.

        Raises:
            ImportError: The extra ``emulator`` is not installed.
        """
        from langchain_claude_cloud.testing.server import (  # noqa: PLC0415  an extra
            cloud_storage,
        )

        cloud_storage.buckets_of(self._state).create(name)

    def create_s3_bucket(self, name: str) -> None:
        """Create a bucket of Amazon S3, which moto's server serves at `s3_url`.

        Point boto3 at it with ``AWS_ENDPOINT_URL_S3``.

        Raises:
            ImportError: The extra ``emulator`` is not installed.
        """
        from langchain_claude_cloud.testing.server import s3  # noqa: PLC0415  an extra

        if self._s3 is None:
            self._s3 = s3.S3Server()
            self._state.s3_url = self._s3.url
        with s3.client_of(self._s3.url) as client:
            client.create_bucket(Bucket=name)

    def _stop_s3(self) -> None:
        if self._s3 is not None:
            self._s3.stop()
            self._s3, self._state.s3_url = None, ""

    @property
    def has_s3(self) -> bool:
        """Whether there is an emulated Amazon S3: `create_s3_bucket` starts it."""
        return bool(self._state.s3_url)

    @property
    def s3_url(self) -> str:
        """The address of the emulated Amazon S3.

        Raises:
            RuntimeError: There is none: `create_s3_bucket` starts it.
        """
        if not self._state.s3_url:
            raise RuntimeError("There is no bucket yet: call create_s3_bucket.")
        return self._state.s3_url

    def create_dataset(self, name: str) -> None:
        """Create a dataset of BigQuery in the emulator's project.

        Point google-cloud-bigquery at it with ``BIGQUERY_EMULATOR_HOST``, the emulator's URL.
        """
        self._state.batches.warehouse.datasets.add((self._state.settings.project, name))

    def deny(self, *permissions: str, service_agent: bool = False) -> None:
        """Remove permissions.

        Args:
            permissions: Such as ``storage.objects.create``, ``bigquery.tables.getData``,
                ``aiplatform.batchPredictionJobs.create`` or ``iam.serviceAccounts.actAs``.
            service_agent: Whether the identity of the batch job loses them, in place of the caller.
        """
        prefix = "service_agent:" if service_agent else ""
        self._state.batches.denied |= {f"{prefix}{each}" for each in permissions}

    def allow_all(self) -> None:
        """Restore the permissions that `deny` removed."""
        self._state.batches.denied.clear()

    def batch_fault(
        self, kind: BatchFaultKind, *, platform: Cloud | None = None, answered: int | None = None
    ) -> None:
        """Make the next batch job fail; see `BatchFault`.

        Args:
            kind: What goes wrong.
            platform: Only with a job of this cloud.
            answered: How many records are answered before it; None for half of them.

        Raises:
            ValueError: There is no such kind.
        """
        self._state.batches.faults.append(BatchFault(kind, platform, answered))
