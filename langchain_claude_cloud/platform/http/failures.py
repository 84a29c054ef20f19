"""Converts errors of the HTTP library to errors of this package.

The original error is not chained, because it refers to the request and its credentials, and may
quote headers. Its text is in the new error's message.
"""

from __future__ import annotations

import zlib
from functools import partial
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud import errors
from langchain_claude_cloud.errors.explanation import is_local_limit, local_limit
from langchain_claude_cloud.errors.redaction import clean, redact
from langchain_claude_cloud.platform.base import PlatformRequest
from langchain_claude_cloud.platform.http.environment import proxy_for

TRANSPORT_FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    zlib.error,
    OSError,
    UnicodeError,  # a host name that is too long for DNS
)
"""What may come out of an HTTP client, ours or a caller's."""

_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_LOCAL = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
_NO_ADDRESS = ("Name or service not known", "getaddrinfo", "nodename")
_SHOWN = 300

# The limit that ran out, what happened, and what to do.
_WAITS = {
    httpx.ConnectTimeout: ("connect", "No connection to {} within", "Check the network and {}."),
    httpx.WriteTimeout: ("idle", "{} did not read the request for", "Check the network and {}."),
    httpx.PoolTimeout: ("start", "No connection to {} was free for", "Raise your client's limit."),
}
_SILENT = ("start", "{} did not begin to answer for", "Raise {}, or stream the answer.")
_SILENT_BODY = ("idle", "{} went silent in mid-answer for", "Raise {}.")


def failure(
    cause: BaseException, request: PlatformRequest, *, has_begun: bool
) -> errors.ClaudeCloudError:
    """Turn what an HTTP client raised into an error of ours, not raised.

    Args:
        cause: One of `TRANSPORT_FAILURES`.
        request: What was sent.
        has_begun: Whether the headers of the response had arrived.
    """
    if is_local_limit(cause):
        make = partial(request.error, errors.LocalLimitError)
        return local_limit(cause, f"for a connection to {request.label}", make)
    if isinstance(cause, httpx.TimeoutException | TimeoutError):
        return _timed_out(cause, request, has_begun=has_begun)
    if isinstance(cause, _LOCAL):
        # h11 quotes the header that it refuses, which may be the one with the secret.
        text = f"The request to {request.label} cannot be sent ({type(cause).__name__})."
        return request.error(errors.ConfigurationError, f"{text} Check base_url, default_headers.")
    if has_begun:
        text = f"{request.label} broke off in the middle of its response{_reason(cause)}."
        return request.error(errors.StreamInterruptedError, f"{text} Send the request again.")
    return _not_connected(cause, request)


def _timed_out(
    cause: BaseException, request: PlatformRequest, *, has_begun: bool
) -> errors.ClaudeCloudError:
    """Say what was waited for, how long, and what to do if that was not long enough."""
    limits, silent = request.timeouts, _SILENT_BODY if has_begun else _SILENT
    known = next((wait for kind, wait in _WAITS.items() if isinstance(cause, kind)), silent)
    name, happened, remedy = known
    text = f"{happened.format(request.label)} "
    if limits.is_over:
        text += f"the rest of the call's {limits.total:g} s."
    else:
        setting = f"timeout={{'{name}': seconds}}"
        text += f"{getattr(limits, name):g} s. {remedy.format(setting)}"
    error = request.error(errors.RequestTimeoutError, text)
    if known is silent and not request.is_stream:
        # The model may well be writing the answer, and it is billed for each time.
        error.is_retryable = False
    return error


def _not_connected(cause: BaseException, request: PlatformRequest) -> errors.ClaudeCloudError:
    """Say whether anything was reached, and what to check."""
    text, url = str(cause), urlsplit(request.request.url)
    is_distrusted = "CERTIFICATE_VERIFY_FAILED" in text
    has_proxy = isinstance(cause, httpx.ConnectError) and proxy_for(url.scheme, str(url.hostname))
    remedy = "Check the network, the region and base_url; a firewall may need a proxy."
    if isinstance(cause, httpx.ProxyError) or (has_proxy and not is_distrusted):
        remedy = "Check the proxy that HTTPS_PROXY names, or list the host in NO_PROXY."
    elif is_distrusted and ("has expired" in text or "not yet valid" in text):
        remedy = "If it is valid, set this machine's clock (NTP)."
    elif is_distrusted:
        # What the cloud's own library reads as well, which fetches the credentials.
        bundle = "AWS" if request.platform.name == "bedrock" else "REQUESTS"
        remedy = f"If a company's proxy re-signs TLS, set {bundle}_CA_BUNDLE to its CA bundle."
    elif any(words in text for words in _NO_ADDRESS):
        remedy = "The host has no address: check the region and base_url, and DNS."
    # Once the request was on its way the cloud, or something in its place, was reached.
    happened = "did not answer properly" if isinstance(cause, _BROKEN) else "was not reached"
    text = f"{request.label} {happened}{_reason(cause)}. {remedy}"
    error = request.error(errors.ConnectionFailedError, text)
    if is_distrusted:
        error.is_retryable = False
    return error


def _reason(cause: BaseException) -> str:
    text = str(cause) or type(cause).__name__
    # h11 quotes a malformed head, and what answers there may have echoed ours.
    return f" ({redact(text)[:_SHOWN]})"


def no_response(
    cause: Exception, request: PlatformRequest, client: httpx.Client | httpx.AsyncClient | None
) -> Exception:
    """Return what to raise for what was raised in place of a response.

    Args:
        cause: What was raised; a caller's client and its hooks may raise anything.
        request: What was sent.
        client: The caller's client, if it is not sent by ours.
    """
    if isinstance(cause, httpx.HTTPStatusError):
        response = cause.response
        body = response.content if response.is_stream_consumed else b""
        return request.refusal(response.status_code, dict(response.headers), body)
    if isinstance(cause, TRANSPORT_FAILURES):
        return failure(cause, request, has_begun=False)
    if client is None:
        return cause
    text = clean(str(cause), _SHOWN)
    remedy = "Check its hooks and transport, and that it is open."
    if isinstance(cause, RuntimeError) and "loop" in text:
        remedy = "Make a client for each event loop, or leave out http_async_client."
    text = f"The client given for {request.label} raised {type(cause).__name__} ({text}). {remedy}"
    return request.error(errors.ConfigurationError, text)


def too_large(request: PlatformRequest, most: int) -> errors.ClaudeCloudError:
    """Return the error for a response of more than so many bytes."""
    text = f"{request.label} answered with more than {most:,} bytes. Check base_url."
    error = request.error(errors.ServerError, text)
    error.is_retryable = False
    return error


def check_client(name: str, client: object, *, is_async: bool) -> None:
    """Refuse a client of the caller's that cannot send anything.

    Args:
        name: The argument that it was given as.
        client: The client.
        is_async: Whether it is for calls on an event loop.

    Raises:
        ConfigurationError: It is no client of the wanted kind, or it is closed.
    """
    kind = httpx.AsyncClient if is_async else httpx.Client
    if not isinstance(client, kind):
        given = f"{type(client).__module__}.{type(client).__qualname__}"
        raise errors.ConfigurationError(f"{name} is a {given}: give an httpx.{kind.__name__}.")
    if client.is_closed:
        text = f"{name} is closed: keep it open as long as the model is used, or leave it out."
        raise errors.ConfigurationError(text)
