"""The class that each cloud extends, so that the package can call it.

A platform turns a Messages API body into a request and reads refusals. It knows no LangChain,
HTTP client or event loop: `platform.http` drives it from threads and from event loops alike.
It also has what both clouds share: the checks of an address and of a request, and the parsing of
refusals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import ClassVar, Final, Self
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

import langchain_claude_cloud
from langchain_claude_cloud import errors
from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.config.checks import HEADER_NAME, check_headers, url_problem
from langchain_claude_cloud.errors import types
from langchain_claude_cloud.platform.credentials import CredentialSource
from langchain_claude_cloud.platform.timeouts import Timeouts


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """An HTTP request before it is signed.

    Attributes:
        method: The HTTP method.
        url: The absolute URL, percent-encoded as it goes on the wire.
        headers: Header names, in lower case, to values, credentials as `SecretStr`; without the
            platform's own credentials.
        content: The body's bytes.
        signing_name: The AWS service that it is signed for; empty for the platform's own.
    """

    method: str
    url: str
    headers: types.Headers = field(default_factory=dict, repr=False)
    content: bytes = b""
    signing_name: str = ""

    def with_headers(self, headers: Mapping[str, str]) -> OutgoingRequest:
        """Return a copy that carries ``headers`` besides its own."""
        return replace(self, headers={**self.headers, **headers})


_SHORTEST_SECRET: Final = 8


class Platform(ABC):
    """One cloud endpoint: how to address it, sign for it and read its refusals.

    A platform may need files, boto3, google-auth or the network before it can sign:
    that work is `prepare` and `refresh`, which block and which the caller runs off the
    event loop. Everything else is pure and quick.

    Args:
        config: What the user set.
        extra_headers: Headers to send besides the platform's own.

    Attributes:
        name: Which cloud this is.
        region: The region, multi-region or ``global`` that answers.
        framing: How this cloud frames a stream.
        ca_bundle: A file of certificates to trust besides, known after `prepare`; or None.
        max_body_bytes: The largest request body that the cloud accepts.
    """

    name: ClassVar[types.Cloud]
    max_body_bytes: ClassVar[int]
    region: str
    framing: types.Framing
    ca_bundle: str | None = None

    def __init__(self, config: Vertex | Bedrock, extra_headers: types.Headers | None) -> None:
        self._extra_headers = check_headers(type(config).__name__, extra_headers)
        self._credentials: CredentialSource | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: settings do not change, and credentials are shared."""
        return self

    def needs_prepare(self) -> bool:
        """Whether `prepare` has something to do: no credentials yet, or stale ones."""
        return self._credentials is None or self._credentials.needs_prepare()

    def prepare(self) -> None:
        """Find or renew the credentials and what goes with them.

        Blocks; idempotent; one flight for many threads.

        Raises:
            AuthenticationError: There are no usable credentials.
            PermissionDeniedError: A role may not be assumed.
            ConfigurationError: A project or region is missing, or a profile is unknown.
            ConnectionFailedError: A credential service cannot be reached.
        """
        found = self._credentials or self._find_credentials()
        found.prepare()
        self._credentials = found

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Renew credentials that the cloud called expired. Blocks.

        Args:
            used: The credential headers (as `sign` returned them) of the refused request;
                if newer ones are at hand already, nothing is fetched.

        Returns:
            Whether resending has a chance: False for credentials that cannot be renewed.
        """
        return self._loaded().refresh(used)

    @abstractmethod
    def endpoint(self, model_id: str, operation: types.Operation) -> str:
        """Return the URL for an operation on a model. Call `prepare` first.

        Raises:
            InvalidInputError: The model id would change the path.
        """

    @abstractmethod
    def rewrite(
        self, body: types.JsonObject, betas: list[str], *, model_id: str, operation: types.Operation
    ) -> tuple[types.JsonObject, types.Headers]:
        """Turn a Messages API body into this cloud's: body and extra headers.

        Args:
            body: The body, without model, stream and betas; it is not changed.
            betas: The betas, each once.
            model_id: The model's id on the cloud.
            operation: What is asked for. To be counted, a body has only what is counted.
        """

    @abstractmethod
    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the credential headers for a request, which is final otherwise.

        Does no I/O; call `prepare` first.
        """

    @abstractmethod
    def is_expired(self, error: errors.ClaudeCloudError) -> bool:
        """Whether an error means that the credentials ran out and a refresh may help."""

    @abstractmethod
    def _find_credentials(self) -> CredentialSource:
        """Return the source of the credentials. Blocks."""

    def _headers(self, betas: Sequence[str], own: Mapping[str, str]) -> types.Headers:
        """Return the headers of a request: the API's own, the user's, and the betas of both."""
        headers = {"content-type": "application/json", **own, **self._extra_headers}
        users = [name.strip() for name in str(headers.get("anthropic-beta", "")).split(",")]
        if listed := ",".join(filter(None, dict.fromkeys([*betas, *users]))):
            headers["anthropic-beta"] = listed
        return headers

    def error(
        self, kind: type[errors.ClaudeCloudError], message: str, model: str | None = None
    ) -> errors.ClaudeCloudError:
        """Return an error that says where it happened."""
        return kind(message, platform=self.name, model=model, region=self.region)

    def _loaded(self) -> CredentialSource:
        if self._credentials is None:
            text = "No credentials are loaded yet: prepare() comes before sign()."
            raise self.error(errors.AuthenticationError, text)
        return self._credentials

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> errors.ClaudeCloudError:
        """Turn a refusal into an exception.

        Header names are in lower case. It shows no credentials of the request.
        """
        place = errors.Place(platform=self.name, model=model, region=self.region)
        text, note = self.redact(body), unknown_model_note
        return errors.error_from_response(status, headers, text, **place, note_if_not_found=note)

    def redact(self, body: bytes) -> bytes:
        """Take the request's credentials out of an answer, which gateways may quote there.

        They are known, so that no pattern has to guess what one is.
        """
        added = [v for v in self._extra_headers.values() if isinstance(v, SecretStr)]
        secrets: list[str | None] = [value.get_secret_value() for value in added]
        with suppress(errors.AuthenticationError):  # another thread may have found them refused
            secrets += self._loaded().secrets()
        for secret in secrets:
            if secret is not None and len(secret) >= _SHORTEST_SECRET:
                for form in {secret, quote(secret, safe=""), secret.replace("/", "\\/")}:
                    body = body.replace(form.encode(), b"[redacted]")
        return body


USER_AGENT: Final = f"langchain-claude-cloud/{langchain_claude_cloud.__version__}"
"""What the package calls itself to servers."""

_OWN_HEADERS: Final = {"user-agent": USER_AGENT, "accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class PlatformRequest:
    """A request to a platform.

    Attributes:
        is_stream: Whether the response is made piece by piece; else it is asked for only once.
        platform: Signs the request, and reads a refusal.
        request: The request, unsigned.
        model: The model's id there, for errors.
        timeouts: The limits.
    """

    is_stream: ClassVar[bool] = False
    platform: Platform
    request: OutgoingRequest
    model: str
    timeouts: Timeouts

    @property
    def label(self) -> str:
        """The endpoint in words."""
        host, platform = urlsplit(self.request.url).netloc.rpartition("@")[2], self.platform
        return f"{types.LABELS[platform.name]} ({self.model}, region {platform.region}, {host})"

    def error(self, kind: type[errors.ClaudeCloudError], message: str) -> errors.ClaudeCloudError:
        """Return an error that says where it happened."""
        platform = self.platform
        return kind(message, platform=platform.name, model=self.model, region=platform.region)

    def check(self) -> None:
        """Refuse what must not be sent.

        Raises:
            ConfigurationError: The credentials would go over plain http.
            RequestTooLargeError: The body is over the cloud's limit.
        """
        if problem := url_problem(self.request.url.partition("?")[0]):
            text = f"The address of {self.label} {problem}. Check base_url."
            raise self.error(errors.ConfigurationError, text)
        size, limit = len(self.request.content), self.platform.max_body_bytes
        if size > limit:
            text = f"The request is {size:,} bytes, over {self.label}'s limit of {limit:,}."
            remedy = "Send fewer or smaller images and documents, or a shorter history."
            raise self.error(errors.RequestTooLargeError, f"{text} {remedy}")

    def headers(self, signed: Mapping[str, str]) -> dict[str, str]:
        """Return all headers, checked before a library quotes those that HTTP cannot carry.

        Args:
            signed: The credential headers.

        Raises:
            ConfigurationError: HTTP cannot carry one; its value stays unsaid.
        """
        headers = {}
        for name, given in {**_OWN_HEADERS, **self.request.headers, **signed}.items():
            value = given.get_secret_value() if isinstance(given, SecretStr) else given
            headers[name] = value
            is_sound = value.isascii() and value.isprintable()
            if not (is_sound and HEADER_NAME.fullmatch(name)):
                told = "holds a line break, a control character, or one outside of ASCII"
                text = f"The header {name!r} for {self.label} {told}."
                raise self.error(errors.ConfigurationError, text)
        return headers

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> errors.ClaudeCloudError:
        """Return the error for a response that is none of 2xx."""
        if status >= HTTPStatus.BAD_REQUEST:
            return self.platform.read_error(status, headers, body, model=self.model)
        target = urlsplit(headers.get("location", ""))
        host = target.netloc.rpartition("@")[2]
        place = f"{target.scheme}://{host}" if target.netloc else "a path"
        text = (
            f"{self.label} answered with a redirect (HTTP {status}) to {place}, which is not "
            "followed: it would get credentials. Set base_url to the final address; check proxies."
        )
        error = self.error(errors.InvalidRequestError, text)
        error.status_code = status
        return error


def request_id_in(headers: Mapping[str, str]) -> str | None:
    """Return the id that the cloud gave a request, from a response's headers in lower case."""
    return next(filter(None, map(headers.get, types.REQUEST_ID_HEADERS)), None)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response that was read to its end.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
        body: The body's bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
