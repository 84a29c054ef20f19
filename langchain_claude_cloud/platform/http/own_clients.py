"""Clients of the caller: whether they can be used, and what they raise."""

from __future__ import annotations

import httpx

from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.platform.base import Platform
from langchain_claude_cloud.platform.http import failures
from langchain_claude_cloud.platform.http.failures import Where

_FIRST_REFUSAL = 400
_SHOWN = 300
_OTHER_LOOP = (
    "It has connections of another event loop: make a client for each loop, as each asyncio.run() "
    "has its own, or leave out http_async_client, for the package has one for each loop."
)


def check_client(name: str, client: object, *, is_async: bool) -> None:
    """Refuse a client that cannot send anything.

    Args:
        name: The argument that it was given as.
        client: The client.
        is_async: Whether it is for calls on an event loop.

    Raises:
        ConfigurationError: It is no client of the wanted kind, or it is closed.
    """
    kind = httpx.AsyncClient if is_async else httpx.Client
    if not isinstance(client, kind):
        raise ConfigurationError(
            f"{name} is a {type(client).__module__}.{type(client).__qualname__}: give an "
            f"httpx.{kind.__name__}."
        )
    if client.is_closed:
        raise ConfigurationError(
            f"{name} is closed: keep it open as long as the model is used, or leave it out."
        )


def refused_by_hook(
    cause: httpx.HTTPStatusError, platform: Platform, where: Where
) -> ClaudeCloudError:
    """Return the cloud's refusal, which a hook of the caller's client raised as an error.

    Args:
        cause: What the hook raised.
        platform: Reads the refusal.
        where: Which endpoint it was.
    """
    response = cause.response
    if response.status_code < _FIRST_REFUSAL:
        location = response.headers.get("location", "")
        return failures.redirected(where, response.status_code, location)
    try:
        body = response.content
    except httpx.ResponseNotRead:
        body = b""
    return platform.read_error(
        response.status_code, dict(response.headers), body, model=where.model
    )


def failed_client(cause: Exception, where: Where) -> ClaudeCloudError:
    """Return the error for what a caller's client raised that no HTTP client raises.

    Args:
        cause: What it raised.
        where: Which endpoint was asked.
    """
    text = clean(str(cause), _SHOWN)
    is_of_loop = isinstance(cause, RuntimeError) and "loop" in text
    return ConfigurationError(
        f"The client that was given for requests to {where.label} raised "
        f"{type(cause).__name__} ({text}). "
        + (_OTHER_LOOP if is_of_loop else "Check its hooks and transport, and that it is open."),
        platform=where.cloud,
        model=where.model,
        region=where.region,
    )
