"""Keeps a batch's lines in Google Cloud Storage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.batch.jobs.google_clients import (
    explained,
    split_address,
    storage_client,
)
from langchain_claude_cloud.platform.base import Platform

if TYPE_CHECKING:
    from google.cloud.storage import Client

SCHEME: Final = "gs://"

_SERVICE: Final = "Cloud Storage"
_UPLOADED_AT_ONCE: Final = 8 * 1024 * 1024
_READ_AT_ONCE: Final = 1024 * 1024
"""Bytes in memory; Google wants multiples of 256 KiB."""


class CloudStorage:
    """Implements `langchain_claude_cloud.batch.jobs.services.ObjectStore`.

    Args:
        platform: Whose identity is used.
        kms_key: A key that files are encrypted with; None for the bucket's own.
    """

    def __init__(self, platform: Platform, kms_key: str | None = None) -> None:
        self._platform, self._kms_key = platform, kms_key

    @cached_property
    def _client(self) -> Client:
        return storage_client(self._platform)

    def check(self, root: str) -> None:
        """Refuse a bucket that is not there or may not be listed."""
        bucket, prefix = _parts(root)
        client = self._client
        with explained(_SERVICE, root, "storage.objects.list"):
            for _ in client.list_blobs(
                bucket, prefix=f"{prefix}/" if prefix else "", max_results=1
            ):
                break

    def join(self, root: str, *names: str) -> str:
        """Return the address of something below a root."""
        return "/".join((root.rstrip("/"), *names))

    def write(self, address: str, path: Path) -> None:
        """Copy a local file there."""
        bucket, name = _parts(address)
        blob = self._client.bucket(bucket).blob(
            name, chunk_size=_UPLOADED_AT_ONCE, kms_key_name=self._kms_key
        )
        with explained(_SERVICE, address, "storage.objects.create and storage.objects.delete"):
            blob.upload_from_filename(str(path), content_type="application/jsonl")

    def lines(self, address: str) -> Iterator[bytes]:
        """Yield the lines of a file."""
        bucket, name = _parts(address)
        blob = self._client.bucket(bucket).blob(name)
        with explained(_SERVICE, address, "storage.objects.get"):
            # The reader gets ranges of the newest version; this fixes one.
            blob.reload()
        reader = io.BufferedReader(blob.open("rb", chunk_size=_READ_AT_ONCE), _READ_AT_ONCE)
        while True:
            with explained(_SERVICE, address, "storage.objects.get"):
                line = reader.readline()
            if not line:
                return
            yield line.rstrip(b"\r\n")

    def list(self, root: str) -> Iterator[str]:
        """Yield the addresses of the files below a root."""
        bucket, prefix = _parts(root)
        with explained(_SERVICE, root, "storage.objects.list"):
            for blob in self._client.list_blobs(bucket, prefix=f"{prefix}/"):
                yield f"{SCHEME}{bucket}/{blob.name}"


def _parts(address: str) -> tuple[str, str]:
    bucket, _, name = split_address(address, SCHEME, "gs://bucket/folder").partition("/")
    return bucket, name
