"""Keeps a batch's lines in Amazon S3."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsKeys, aws_source
from langchain_claude_cloud.platform.credentials import quiet_libraries, reason_of

if TYPE_CHECKING:
    import botocore.session

_ATTEMPTS: Final = 5
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_PART_BYTES: Final = 16_000_000
_LONGEST_PAGE: Final = 1_000


class S3Store:
    """Implements `langchain_claude_cloud.batch.jobs.services.ObjectStore`.

    Args:
        credentials: Those of the model's platform; in place of an API key boto3's chain is used.
        region: The region of the client.
        owner: The account that must own the bucket; None: any.
        kms_key: A key that files are encrypted with; None: the bucket's own encryption.
    """

    def __init__(
        self,
        credentials: object,
        region: Callable[[], str],
        *,
        owner: str | None = None,
        kms_key: str | None = None,
    ) -> None:
        given = credentials if isinstance(credentials, AwsIdentity) else AwsIdentity()
        self._source = aws_source(given)
        self._region = region
        self._owner: Any = {"ExpectedBucketOwner": owner} if owner else {}
        self._encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        )
        self._made: tuple[AwsKeys, Any] | None = None

    def check(self, root: str) -> None:
        """Refuse a bucket that is not there or may not be listed."""
        bucket, key = _split(root)
        with _explained(root, "s3:ListBucket"):
            self._client().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1, **self._owner)

    def join(self, root: str, *names: str) -> str:
        """Return the address of something below a root."""
        return "/".join([root.rstrip("/"), *names])

    def write(self, address: str, path: Path) -> None:
        """Copy a local file there."""
        bucket, key = _split(address)
        with _explained(address, "s3:PutObject"):
            _transfer(self._client()).upload_file(
                str(path), bucket, key, extra_args={**self._encryption, **self._owner}
            )

    def lines(self, address: str) -> Iterator[bytes]:
        """Yield the lines of a file, from a local copy: reading may take longer than S3 waits."""
        bucket, key = _split(address)
        with tempfile.TemporaryDirectory(prefix="claude-batch-") as folder:
            copy = Path(folder) / "lines"
            with _explained(address, "s3:GetObject"):
                _transfer(self._client()).download_file(bucket, key, str(copy), self._owner)
            with copy.open("rb") as file:
                for line in file:
                    yield line.rstrip(b"\r\n")

    def list(self, root: str) -> Iterator[str]:
        """Yield the addresses of the files below a folder."""
        bucket, key = _split(root)
        following: dict[str, Any] = {}
        while True:
            with _explained(root, "s3:ListBucket"):
                page = self._client().list_objects_v2(
                    Bucket=bucket,
                    Prefix=f"{key.rstrip('/')}/",
                    MaxKeys=_LONGEST_PAGE,
                    **following,
                    **self._owner,
                )
            for each in page.get("Contents", []):
                yield f"s3://{bucket}/{each['Key']}"
            token = page.get("NextContinuationToken")
            if not token:
                return
            following = {"ContinuationToken": token}

    def _client(self) -> Any:  # noqa: ANN401 - of a library without types
        """Return a client with the current keys."""
        self._source.prepare()
        keys = self._source.keys()
        if self._made is None or self._made[0] != keys:
            made = self._source.read(lambda session: self._make(session, keys))
            weakref.finalize(self, made.close)  # its connections stay open otherwise
            self._made = (keys, made)
        return self._made[1]

    def _make(self, session: botocore.session.Session, keys: AwsKeys) -> Any:  # noqa: ANN401 - the same
        from botocore.config import Config  # noqa: PLC0415  costs 110 ms: on first use

        return session.create_client(
            "s3",
            region_name=self._region(),
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            ),
        )


def _transfer(client: Any) -> Any:  # noqa: ANN401 - of a library without types
    from boto3.s3.transfer import S3Transfer, TransferConfig  # noqa: PLC0415  on first use

    # Parts that are sent at the same time would be in memory at the same time.
    config: Any = TransferConfig(
        use_threads=False, multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES
    )
    return S3Transfer(client, config)


def _split(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError(f"{address!r} is not an address in S3: give s3://bucket/folder.")
    return bucket, key


@contextmanager
def _explained(address: str, permission: str) -> Iterator[None]:
    """Turn boto3's errors into errors of ours, with the address and the permission."""
    import boto3.exceptions as boto_errors  # noqa: PLC0415  on first use
    from botocore import exceptions  # noqa: PLC0415  on first use

    try:
        with quiet_libraries():
            yield
    except exceptions.ClientError as error:
        raise _refused(address, permission, error.response, str(error)) from None
    except boto_errors.S3UploadFailedError as error:
        cause = error.__context__
        response = cause.response if isinstance(cause, exceptions.ClientError) else {}
        raise _refused(address, permission, response, str(error)) from None
    except (exceptions.BotoCoreError, boto_errors.Boto3Error) as error:
        raise ConnectionFailedError(
            f"Amazon S3 was not reached for {address}: {reason_of(error)}.", platform="bedrock"
        ) from None


def _refused(address: str, permission: str, response: Any, text: str) -> ClaudeCloudError:  # noqa: ANN401 - botocore's
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
    kind, remedy = _remedy(code, status, permission)
    return kind(
        f"Amazon S3 refused {address}: {reason_of(text)}. {remedy}",
        platform="bedrock",
        status_code=status,
        error_type=code or None,
    )


def _remedy(code: str, status: int | None, permission: str) -> tuple[type[ClaudeCloudError], str]:
    if code in ("NoSuchBucket", "NoSuchKey", "404"):
        return NotFoundError, "Make the bucket, or name another storage."
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"):
        return AuthenticationError, "Check the AWS credentials."
    if status in (301, 307, 400):
        return ConfigurationError, "The bucket must be in the region of the model's platform."
    if code in ("AccessDenied", "403") or status in (401, 403):
        return PermissionDeniedError, f"Allow the identity {permission} there."
    return ServerError, "Try again later."
