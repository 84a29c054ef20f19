"""Converts errors of the HTTP library to errors of this package.

The original error is not chained, because it refers to the request and its credentials, and may
quote headers. Its text is in the new error's message.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    LocalLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.errors.redaction import clean, redact
from langchain_claude_cloud.errors.types import LABELS, Cloud
from langchain_claude_cloud.platform.base import Platform
from langchain_claude_cloud.platform.timeouts import Timeouts

Phase: TypeAlias = Literal["start", "body"]
"""Whether the response's headers had arrived."""

TRANSPORT_FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    zlib.error,
    OSError,
    UnicodeError,  # a host name that is too long for DNS
)
"""What may come out of an HTTP client, ours or a caller's."""

_TIMEOUTS = (httpx.TimeoutException, TimeoutError)
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_LOCAL = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
# What the cloud's own library reads as well, which fetches the credentials.
_BUNDLES: dict[Cloud, str] = {"bedrock": "AWS_CA_BUNDLE", "vertex": "REQUESTS_CA_BUNDLE"}
# Too many open files in this process or system, no memory, no buffers, no port that is free.
_LOCAL_LIMITS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
)
_SHOWN = 300
_OTHER_LOOP = (
    "It has connections of another event loop. Each asyncio.run() has a loop of its own: make a "
    "client for each, or leave out http_async_client, and the package makes one for each loop."
)


@dataclass(frozen=True, slots=True)
class Where:
    """Which endpoint was asked for what.

    Attributes:
        cloud: The cloud.
        region: The region that was asked.
        model: The model's id on that cloud.
        url: The URL.
        is_stream: Whether a stream was asked for.
        timeouts: The limits that applied.
    """

    cloud: Cloud
    region: str
    model: str
    url: str
    is_stream: bool
    timeouts: Timeouts

    @property
    def label(self) -> str:
        """The endpoint in words."""
        host = urlsplit(self.url).netloc.rpartition("@")[2]
        return f"{LABELS[self.cloud]} ({self.model}, region {self.region}, {host})"

    def error(self, kind: type[ClaudeCloudError], message: str) -> ClaudeCloudError:
        """Return an error that says where it happened."""
        return kind(message, platform=self.cloud, model=self.model, region=self.region)


def failure(cause: BaseException, where: Where, phase: Phase) -> ClaudeCloudError:
    """Turn what an HTTP client raised into an error of ours, not raised.

    Args:
        cause: One of `TRANSPORT_FAILURES`.
        where: Which endpoint it was.
        phase: Whether the response had begun.
    """
    if any(getattr(each, "errno", None) in _LOCAL_LIMITS for each in _chain(cause)):
        return _local_limit(cause, where)
    if isinstance(cause, _TIMEOUTS):
        return _timed_out(cause, where, phase)
    if isinstance(cause, _LOCAL):
        # h11 quotes the header that it refuses, which may be the one with the secret.
        return where.error(
            ConfigurationError,
            f"The request to {where.label} cannot be put on the wire "
            f"({type(cause).__name__}). Check base_url and default_headers.",
        )
    if phase == "body":
        return where.error(
            StreamInterruptedError,
            f"{where.label} broke off in the middle of its response{_reason(cause)}. What "
            "arrived is incomplete; send the request again.",
        )
    return _not_connected(cause, where)


def _chain(cause: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while cause is not None and not any(cause is known for known in seen):
        seen.append(cause)
        yield cause
        cause = cause.__cause__ or cause.__context__


def _local_limit(cause: BaseException, where: Where) -> ClaudeCloudError:
    """Return the error for what this machine ran out of; no other endpoint can help."""
    return where.error(
        LocalLimitError,
        f"This machine has no files, memory or ports left for a connection to {where.label}"
        f"{_reason(cause)}. Raise the limit of open files (ulimit -n), or do less at once: "
        "max_concurrency in the config of batch and abatch.",
    )


def _timed_out(cause: BaseException, where: Where, phase: Phase) -> ClaudeCloudError:
    """Say what was waited for, how long, and what to do if that was not long enough."""
    limits, label = where.timeouts, where.label
    may_be_written = False
    if isinstance(cause, httpx.ConnectTimeout):
        name, happened = "connect", f"No connection to {label} within"
        remedy = "Check that the network lets this host be reached, or raise {}."
    elif isinstance(cause, httpx.WriteTimeout):
        name, happened = "idle", f"{label} did not read the request for"
        remedy = "Check the network, or raise {}."
    elif isinstance(cause, httpx.PoolTimeout):
        name, happened = "start", f"There was no free connection to {label} for"
        remedy = "Do less at once, or raise the limit of a client of your own."
    else:
        name = "start" if phase == "start" else "idle"
        what = "did not begin to answer" if phase == "start" else "went silent in mid-answer"
        happened = f"{label} {what} for"
        or_else = (
            ""
            if where.is_stream
            else ", or use stream, where the parts of a long answer arrive earlier"
        )
        remedy = f"Raise {{}}{or_else}."
        may_be_written = not where.is_stream
    seconds: float = getattr(limits, name)
    advice = remedy.format(f"timeout={{'{name}': seconds}}")
    text = f"{happened} {seconds:g} s. {advice}"
    if limits.is_over:
        text = f"{happened} the rest of the call's {limits.total:g} s."
    error = where.error(RequestTimeoutError, text)
    if may_be_written:
        # The model may well be writing the answer, and it is billed for each time.
        error.is_retryable = False
    return error


def _not_connected(cause: BaseException, where: Where) -> ClaudeCloudError:
    text = str(cause)
    # Once the request was on its way the cloud, or something in its place, was reached.
    happened = "did not answer properly" if isinstance(cause, _BROKEN) else "was not reached"
    error = where.error(
        ConnectionFailedError,
        f"{where.label} {happened}{_reason(cause)}. {_connection_remedy(cause, where)}",
    )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        error.is_retryable = False
    return error


def _connection_remedy(cause: BaseException, where: Where) -> str:
    text = str(cause)
    if isinstance(cause, httpx.ProxyError):
        return "The proxy that HTTPS_PROXY names refused: check it, or list the host in NO_PROXY."
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"If a company's proxy re-signs TLS, set {_BUNDLES[where.cloud]} to its CA bundle, "
            "which also serves the requests for credentials."
        )
    if "Name or service not known" in text or "getaddrinfo" in text or "nodename" in text:
        return "The host has no address: check the region and base_url, and DNS."
    return "Check the network, the region and base_url; a firewall may need a proxy."


def _reason(cause: BaseException) -> str:
    text = str(cause) or type(cause).__name__
    # h11 quotes a malformed head, and what answers there may have echoed ours.
    return f" ({redact(text)[:_SHOWN]})"


def refused(
    platform: Platform, where: Where, status: int, headers: Mapping[str, str], body: bytes
) -> ClaudeCloudError:
    """Return the error for a response that is none of 2xx."""
    if status >= HTTPStatus.BAD_REQUEST:
        return platform.read_error(status, headers, body, model=where.model)
    target = urlsplit(headers.get("location", ""))
    place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "a path"
    error = where.error(
        InvalidRequestError,
        f"{where.label} answered with a redirect (HTTP {status}) to {place}. Redirects are not "
        "followed, because they would receive the credentials. Set base_url to the final "
        "address, and check that no captive portal or proxy answers instead of the cloud.",
    )
    error.status_code = status
    return error


def failed_client(cause: Exception, where: Where) -> ClaudeCloudError:
    """Return the error for what a caller's client raised that no HTTP client raises."""
    text = clean(str(cause), _SHOWN)
    is_of_loop = isinstance(cause, RuntimeError) and "loop" in text
    return where.error(
        ConfigurationError,
        f"The client that was given for requests to {where.label} raised "
        f"{type(cause).__name__} ({text}). "
        + (_OTHER_LOOP if is_of_loop else "Check its hooks and transport, and that it is open."),
    )


def too_large(where: Where, size: int, limit: int) -> ClaudeCloudError:
    """Return the error for a request body over the cloud's limit."""
    return where.error(
        RequestTooLargeError,
        f"The request is {size:,} bytes, more than the {limit:,} that {where.label} accepts. "
        "Send fewer or smaller images and documents, or a shorter history.",
    )


def answer_too_large(where: Where, limit: int) -> ClaudeCloudError:
    """Return the error for a response body over our own limit."""
    error = where.error(
        ServerError,
        f"{where.label} answered with more than {limit:,} bytes, which no message has. Check "
        "that base_url is the cloud's endpoint.",
    )
    error.is_retryable = False
    return error


def insecure(where: Where) -> ClaudeCloudError:
    """Return the error for credentials that would go over plain http."""
    return where.error(
        ConfigurationError,
        f"{where.label} would be sent credentials without TLS. Use an https base_url; plain "
        "http is for this machine only (localhost, 127.0.0.1, ::1).",
    )


def bad_header(where: Where, name: str) -> ClaudeCloudError:
    """Return the error for a header that HTTP cannot carry; its value stays unsaid."""
    return where.error(
        ConfigurationError,
        f"The header {name!r} for {where.label} holds a line break, a control character or "
        "one outside of ASCII. Check where its value comes from: a copied key or token often "
        "ends in a line break.",
    )
