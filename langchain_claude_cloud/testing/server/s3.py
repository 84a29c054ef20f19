"""Amazon S3 beside the emulator: moto's server on another port, and what batch jobs do there."""

from __future__ import annotations

import itertools
import logging
import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from langchain_claude_cloud.errors.extras import MissingExtraError
from langchain_claude_cloud.testing.wire import Refusal

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer

_BLOCK: Final = 1_000
_PAGE: Final = 1_000


class S3Server:
    """Moto's server. It needs the extra ``emulator``, and takes any credentials."""

    def __init__(self) -> None:
        try:
            from moto.server import ThreadedMotoServer  # noqa: PLC0415  few tests need it
        except ImportError as error:
            raise MissingExtraError("An emulated Amazon S3", str(error.name), "emulator") from error
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log each request
        self._server: ThreadedMotoServer = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def stop(self) -> None:
        """Stop serving, and forget the buckets."""
        self._server.stop()


@contextmanager
def client_of(url: str) -> Iterator[Any]:
    """Open boto3's client of the server."""
    import boto3  # noqa: PLC0415  few tests need it
    from botocore.config import Config  # noqa: PLC0415  as above

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
        # A job that is at work when the server stops would keep the process for half a minute.
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        yield client
    finally:
        client.close()


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def files_at(client: Any, uri: str) -> list[str]:  # noqa: ANN401  boto3's
    """Return the keys of the JSONL files that an address stands for, with their sizes checked.

    Raises:
        Refusal: The bucket is not there, or has no such file.
    """
    bucket, key = split(uri)
    try:
        page = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=_PAGE)
    except client.exceptions.NoSuchBucket:
        raise Refusal(404, f"The bucket {bucket} does not exist.") from None
    found = [each["Key"] for each in page.get("Contents", []) if each["Key"].endswith(".jsonl")]
    if not found:
        raise Refusal(400, f"No .jsonl file was found at {uri}.")
    return found


def size_of(client: Any, bucket: str, key: str) -> int:  # noqa: ANN401  boto3's
    """Return how long a file is."""
    return int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])


def lines_of(client: Any, bucket: str, key: str) -> Iterator[bytes]:  # noqa: ANN401  boto3's
    """Yield the lines of a file."""
    yield from client.get_object(Bucket=bucket, Key=key)["Body"].iter_lines()


def write_shuffled(
    client: Any,  # noqa: ANN401  boto3's
    bucket: str,
    key: str,
    lines: Iterable[bytes],
    *,
    corrupt: bool,
) -> None:
    """Write lines in another order, a thousand at a time so that their number costs no memory.

    The first one can be cut in half.
    """
    shuffling = random.Random(0)  # noqa: S311  no secret
    rest = iter(lines)
    with tempfile.TemporaryFile() as file:
        while block := list(itertools.islice(rest, _BLOCK)):
            shuffling.shuffle(block)
            if corrupt:
                block[0], corrupt = block[0][: len(block[0]) // 2], False
            file.write(b"".join(line + b"\n" for line in block))
        file.seek(0)
        client.upload_fileobj(file, bucket, key)
