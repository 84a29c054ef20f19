"""The interface that each cloud implements, so that the package can call it.

A platform turns a Messages API body into a request and reads refusals. It knows no LangChain,
HTTP client or event loop: `platform.http` drives it from threads and from event loops alike.
It also has what both clouds share: the checks of an address, and the parsing of refusals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self
from urllib.parse import quote

from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.config.checks import REGION, url_problem
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError, error_from_response
from langchain_claude_cloud.errors.redaction import is_credential
from langchain_claude_cloud.errors.types import Cloud, Framing, JsonObject, Operation

NOT_COUNTED: Final = frozenset(
    {"max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"}
)
"""Fields of a Messages request that token counting does not take."""


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """An HTTP request before it is signed.

    Attributes:
        method: The HTTP method.
        url: The absolute URL, percent-encoded as it goes on the wire.
        headers: Header names, in lower case, to values; without credentials.
        content: The body's bytes.
        signing_name: The AWS service that it is signed for; empty for the platform's own.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = b""
    signing_name: str = ""

    def with_headers(self, headers: Mapping[str, str]) -> OutgoingRequest:
        """Return a copy that carries ``headers`` besides its own."""
        return replace(self, headers={**self.headers, **headers})


class Platform(Protocol):
    """One cloud endpoint: how to address it, sign for it and read its refusals.

    A platform may need files, boto3, google-auth or the network before it can sign:
    that work is `prepare` and `refresh`, which block and which the caller runs off the
    event loop. Everything else is pure and quick.
    """

    @property
    def name(self) -> Cloud:
        """Which cloud this is."""

    @property
    def region(self) -> str:
        """The region, multi-region or ``global`` that answers."""

    @property
    def framing(self) -> Framing:
        """How this cloud frames a stream."""

    @property
    def ca_bundle(self) -> str | None:
        """A file of certificates to trust besides, known after `prepare`; or None."""

    @property
    def max_body_bytes(self) -> int:
        """The largest request body that the cloud accepts."""

    def needs_prepare(self) -> bool:
        """Whether `prepare` has something to do: no credentials yet, or stale ones."""

    def prepare(self) -> None:
        """Load or renew credentials. Blocks; idempotent; one flight for many threads.

        Raises:
            ClaudeCloudError: No usable credentials, with what to do about it.
        """

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Renew credentials that the cloud called expired. Blocks.

        Args:
            used: The credential headers (as `sign` returned them) of the refused request;
                if newer ones are at hand already, nothing is fetched.

        Returns:
            Whether resending has a chance: False for credentials that cannot be renewed.
        """

    def endpoint(self, model_id: str, operation: Operation) -> str:
        """Return the URL for an operation on a model. Call `prepare` first.

        Raises:
            InvalidInputError: The model id would change the path.
        """

    def rewrite(
        self, body: JsonObject, betas: Sequence[str], *, model_id: str, operation: Operation
    ) -> tuple[JsonObject, dict[str, str]]:
        """Turn a Messages API body into this cloud's: body and extra headers.

        The argument is not changed.
        """

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the credential headers for a request, which is final otherwise.

        Does no I/O; call `prepare` first.
        """

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether an error means that the credentials ran out and a refresh may help."""

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> ClaudeCloudError:
        """Turn a refusal into an exception. Header names are in lower case."""


def check_region(region: str, *, platform: Cloud) -> str:
    """Return a region that may become part of a host name.

    Raises:
        ConfigurationError: It is not a DNS label, and would send credentials elsewhere.
    """
    if not REGION.fullmatch(region):
        raise ConfigurationError(
            f"{region!r} is not a region: it must be lower-case letters, digits and hyphens.",
            platform=platform,
            region=region,
        )
    return region


def check_base_url(url: str, *, platform: Cloud) -> str:
    """Return a base URL without its trailing slash.

    Raises:
        ConfigurationError: It is not an https URL (http is for loopback only), or carries
            a user, a query or a fragment.
    """
    problem = url_problem(url)
    if problem is None:
        return url.rstrip("/")
    raise ConfigurationError(f"base_url of {platform} {problem}.", platform=platform)


_SHORTEST_SECRET: Final = 8


class CloudPlatform:
    """What the platforms of both clouds have in common.

    Args:
        name: Which cloud it is.
        extra_headers: What the user's settings add to each request.
    """

    region: str

    def __init__(self, name: Cloud, extra_headers: Mapping[str, str]) -> None:
        self.name: Final = name
        self._extra_headers = {key.lower(): value for key, value in extra_headers.items()}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: settings do not change, and credentials are shared."""
        return self

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> ClaudeCloudError:
        """Turn a refusal into an exception.

        It shows no credentials of the request, which gateways and debugging endpoints may quote.
        They are known, so that no pattern has to guess what one is.
        """
        added = [value for key, value in self._extra_headers.items() if is_credential(key, value)]
        for secret in (*added, *self._secrets()):
            if secret is not None and len(secret) >= _SHORTEST_SECRET:
                for form in {secret, quote(secret, safe=""), secret.replace("/", "\\/")}:
                    body = body.replace(form.encode(), b"[redacted]")
        return error_from_response(
            status,
            headers,
            body,
            platform=self.name,
            model=model,
            region=self.region,
            note_if_not_found=unknown_model_note,
        )

    def _secrets(self) -> list[str | None]:
        """Return the credentials, as far as they are known."""
        raise NotImplementedError
