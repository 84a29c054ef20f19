"""Questions to a control plane in, what was made of the answers out.

The questions are generators: they yield a request and are sent what became of it. So threads
and event loops differ by the two drivers here, which send and wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane.requests import ControlPlane, bedrock_base_url
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform import http
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts

if TYPE_CHECKING:
    import httpx

    from langchain_claude_cloud.platform.http import HttpResponse
    from langchain_claude_cloud.routing.routes import Route

T = TypeVar("T")
Outcome: TypeAlias = JsonObject | ClaudeCloudError | None
Questions: TypeAlias = Generator[OutgoingRequest, Outcome, T]
"""Yields requests, is sent the answer of each or the error it ended in, and returns a result."""

_SHOWN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Asking:
    """How a control plane is asked.

    Attributes:
        route: Whose identity, region and headers are used.
        plane: Signs, and reads refusals.
        timeouts: The limits of a request.
        policy: Says when a failed request is sent again.
        subject: What is asked about, for errors.
    """

    route: Route
    plane: ControlPlane
    timeouts: Timeouts
    policy: RetryPolicy
    subject: str


def bedrock_address(route: Route) -> str:
    """Return where the control plane of a Bedrock route is. The platform must be prepared.

    Raises:
        ConfigurationError: The environment names an address that is not an https URL.
    """
    given = isinstance(route.config, Bedrock) and route.config.base_url is not None
    return bedrock_base_url(route.platform, given=given)


def expect(outcome: Outcome) -> JsonObject:
    """Return an answer.

    Raises:
        ClaudeCloudError: There is none: what the request ended in.
    """
    if isinstance(outcome, ClaudeCloudError):
        raise outcome
    return outcome or {}


def ask(asking: Asking, questions: Questions[T], client: httpx.Client | None) -> T:
    """Send what a generator yields, one request after another, and return its result.

    Raises:
        ClaudeCloudError: An error that the generator does not put up with.
    """
    outcome: Outcome = None
    while True:
        try:
            request = questions.send(outcome)
        except StopIteration as ended:
            result: T = ended.value
            return result
        outcome = _outcome(asking, request, client)


async def aask(asking: Asking, questions: Questions[T], client: httpx.AsyncClient | None) -> T:
    """Do what `ask` does, on an event loop.

    Raises:
        ClaudeCloudError: See `ask`.
    """
    outcome: Outcome = None
    while True:
        try:
            request = questions.send(outcome)
        except StopIteration as ended:
            result: T = ended.value
            return result
        outcome = await _aoutcome(asking, request, client)


def _outcome(asking: Asking, request: OutgoingRequest, client: httpx.Client | None) -> Outcome:
    complete, attempt = _complete(asking, request), 1
    while True:
        try:
            response = http.send(
                asking.plane,
                complete,
                model=asking.subject,
                timeouts=asking.timeouts,
                client=client,
            )
            return _read(asking, response)
        except ClaudeCloudError as error:
            delay = asking.policy.delay_before_retry(error, attempt)
            if delay is None:
                return error
        time.sleep(delay)
        attempt += 1


async def _aoutcome(
    asking: Asking, request: OutgoingRequest, client: httpx.AsyncClient | None
) -> Outcome:
    complete, attempt = _complete(asking, request), 1
    while True:
        try:
            response = await http.asend(
                asking.plane,
                complete,
                model=asking.subject,
                timeouts=asking.timeouts,
                client=client,
            )
            return _read(asking, response)
        except ClaudeCloudError as error:
            delay = asking.policy.delay_before_retry(error, attempt)
            if delay is None:
                return error
        await asyncio.sleep(delay)
        attempt += 1


def _complete(asking: Asking, request: OutgoingRequest) -> OutgoingRequest:
    """Return the request with the caller's own headers."""
    own = {name.lower(): value for name, value in asking.route.default_headers.items()}
    return OutgoingRequest(request.method, request.url, {**own, **request.headers})


def _read(asking: Asking, response: HttpResponse) -> JsonObject:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    raise ServerError(
        "The control plane's answer is not of the documented form. Is something between here "
        "and the cloud answering in its place?",
        platform=asking.plane.name,
        model=asking.subject,
        region=asking.plane.region,
        status_code=response.status,
        body=redact(response.body[:_SHOWN_BYTES].decode("utf-8", "replace")),
    )
