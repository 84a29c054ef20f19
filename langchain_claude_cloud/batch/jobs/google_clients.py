"""Makes Google's storage clients with the platform's identity, and converts their errors.

google-cloud-storage and google-cloud-bigquery are the extra ``batch-vertex``, imported on first
use. Their own variables lead them to an emulator: ``STORAGE_EMULATOR_HOST`` and
``BIGQUERY_EMULATOR_HOST``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.config.checks import from_environment
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from langchain_claude_cloud.errors.extras import MissingExtraError
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import bigquery
    from google.cloud.storage import Client

_KINDS: Final[Mapping[int, type[ClaudeCloudError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}
_SERVER_ERROR: Final = 500
_SHOWN: Final = 500


def storage_client(platform: Platform) -> Client:
    """Return a client of Cloud Storage.

    Raises:
        ImportError: The extra is not installed.
        ConfigurationError: The environment names an address that is not an https URL.
    """
    from_environment("Vertex", "base_url", ["STORAGE_EMULATOR_HOST"])  # tokens go there
    try:
        from google.cloud.storage import Client  # noqa: PLC0415  an extra, 0.4 s
    except ImportError as error:
        what, package = "A batch in gs://", "google-cloud-storage"
        raise MissingExtraError(what, package, "batch-vertex") from error
    # The project is needed to create buckets alone.
    return Client(project="-", credentials=_credentials(platform))


def bigquery_client(platform: Platform, project: str) -> bigquery.Client:
    """Return a client of BigQuery.

    Args:
        platform: Whose identity is used.
        project: Where load jobs run.

    Raises:
        ImportError: The extra is not installed.
        ConfigurationError: The environment names an address that is not an https URL.
    """
    from_environment("Vertex", "base_url", ["BIGQUERY_EMULATOR_HOST"])  # tokens go there
    try:
        from google.cloud import bigquery  # noqa: PLC0415  an extra, 0.8 s
    except ImportError as error:
        what, package = "A batch in bq://", "google-cloud-bigquery"
        raise MissingExtraError(what, package, "batch-vertex") from error
    return bigquery.Client(project=project, credentials=_credentials(platform))


def _credentials(platform: Platform) -> Credentials:
    """Return the platform's identity as google-auth credentials."""
    from google.auth import credentials  # noqa: PLC0415  on first use

    class PlatformCredentials(credentials.Credentials):
        """Has the platform load and renew its token, for all its users at once."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._sent: Mapping[str, str] = {}

        def before_request(
            self, request: object, method: str, url: str, headers: dict[str, str]
        ) -> None:
            """Add the credential headers to a request."""
            del request
            if platform.needs_prepare():
                platform.prepare()
            self._sent = platform.sign(OutgoingRequest(method, url))
            headers.update(self._sent)

        def refresh(self, request: object) -> None:
            """Renew a token that was refused."""
            del request
            platform.refresh(self._sent)

    return PlatformCredentials()


@contextmanager
def explained(service: str, address: str, permission: str) -> Iterator[None]:
    """Turn what a client raises into an error of ours.

    Args:
        service: What it is a client of.
        address: What it was asked about.
        permission: What the identity must be allowed.

    Raises:
        ClaudeCloudError: The service refused, or was not reached.
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415
    from google.auth.exceptions import TransportError  # noqa: PLC0415
    from google.resumable_media import InvalidResponse  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    try:
        yield
    except GoogleAPICallError as error:
        raise _refused(service, address, permission, int(error.code or 0), error.message) from error
    except InvalidResponse as error:
        response = error.response
        raise _refused(service, address, permission, response.status_code, response.text) from error
    except (RequestException, RetryError, TransportError) as error:
        raise ConnectionFailedError(
            f"{service} was not reached for {address}: {clean(str(error), _SHOWN)}. Check the "
            "network and HTTPS_PROXY, and try again.",
            platform="vertex",
        ) from error


def _refused(
    service: str, address: str, permission: str, status: int, said: str
) -> ClaudeCloudError:
    kind = _KINDS.get(status, ServerError if status >= _SERVER_ERROR else InvalidRequestError)
    remedy = {
        401: "The credentials were not accepted.",
        403: f"Allow the identity {permission}.",
        404: f"Create it, or correct the address; {permission} may be missing, too.",
    }.get(status, "")
    return kind(
        f"{service} refused {address} ({status}): {clean(said, _SHOWN).rstrip('. ')}. {remedy}",
        platform="vertex",
        status_code=status,
    )


def split_address(address: str, scheme: str, form: str) -> str:
    """Return an address without its scheme and trailing slashes.

    Raises:
        ConfigurationError: It has nothing behind the scheme.
    """
    rest = address.removeprefix(scheme).strip("/")
    if not address.startswith(scheme) or not rest:
        raise ConfigurationError(f"storage is {address!r}: give {form}.", platform="vertex")
    return rest
