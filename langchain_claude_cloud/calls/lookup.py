"""Ask a control plane, as steps of a call: for a list of models, or for what an ARN stands for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.retries import RETRYABLE_STATUSES, delay_before_retry
from langchain_claude_cloud.calls.steps import NO_LIMIT, Once, Send, Steps, Wait
from langchain_claude_cloud.control_plane.arn_targets import UNKNOWN, ask_for_target
from langchain_claude_cloud.control_plane.requests import ControlPlane
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import Timeouts
from langchain_claude_cloud.routing.routes import Route

if TYPE_CHECKING:
    from langchain_claude_cloud.catalogue.arns import Lookup
    from langchain_claude_cloud.platform.http import HttpResponse

logger = logging.getLogger("langchain_claude_cloud")

T = TypeVar("T")

_LOOKUP_TIMEOUTS: Final = Timeouts(connect=5.0, start=10.0, idle=10.0)
"""A call waits for this: it does better without the answer than with a late one."""

ARN_SECONDS: Final = 12 * HOUR
"""How long it is remembered what an ARN stands for."""

_AGAIN_SECONDS: Final = 300.0
"""How long a failure that may pass (throttled, not reached) is left alone."""

_SHOWN_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How a control plane is asked.

    Attributes:
        route: Whose identity, region and headers are used.
        plane: Signs, and reads refusals.
        timeouts: The limits of a request.
        max_retries: How often a failed request is sent again at most.
        subject: What is asked about, for errors.
    """

    route: Route
    plane: ControlPlane
    timeouts: Timeouts
    max_retries: int
    subject: str


def inquire(inquiry: Inquiry, questions: Generator[OutgoingRequest, JsonObject, T]) -> Steps:
    """Send what a generator asks, one request after another, and return its result.

    Raises:
        ClaudeCloudError: An error that the generator does not put up with.
    """
    advance: Callable[[], OutgoingRequest] = partial(next, questions)
    while True:
        try:
            request = advance()
        except StopIteration as ended:
            return ended.value
        try:
            advance = partial(questions.send, (yield from _send(inquiry, request)))
        except ClaudeCloudError as error:
            advance = partial(questions.throw, error)


def _send(inquiry: Inquiry, request: OutgoingRequest) -> Steps:
    own = {name.lower(): value for name, value in inquiry.route.default_headers.items()}
    whole = replace(request, headers={**own, **request.headers})
    attempt = 0
    while True:
        attempt += 1
        try:
            response = yield Send(inquiry.plane, whole, inquiry.subject, inquiry.timeouts)
            return _read(inquiry, response)
        except ClaudeCloudError as error:
            seconds = delay_before_retry(error, attempt, inquiry.max_retries, MEMORY.draw)
            if seconds is None:
                raise
        yield Wait(seconds)


def _read(inquiry: Inquiry, response: HttpResponse) -> JsonObject:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    raise ServerError(
        "The control plane's answer is not of the documented form. Perhaps a proxy or a gateway "
        "answered instead of the cloud.",
        platform=inquiry.plane.name,
        model=inquiry.subject,
        region=inquiry.plane.region,
        status_code=response.status,
        body=redact(response.body[:_SHOWN_BYTES].decode("utf-8", "replace")),
    )


def find_arn_target(route: Route, timeouts: Timeouts = NO_LIMIT) -> Steps:
    """Find out what a route's ARN stands for, if nothing says so: once for all who wait.

    A call does not fail because of this: where the answer cannot be had, what all models take
    is sent. Unless a residency is demanded: then nothing is sent that may leave it.

    Args:
        route: The platform must have been prepared.
        timeouts: How much is left of the call's whole time.

    Raises:
        ConfigurationError: It leads out of the demanded residency, or nothing tells where.
    """
    lookup = route.lookup()
    if lookup is None:
        return
    if MEMORY.arns.get(route.place) is None:
        is_known = partial(_is_known, route)
        ask = partial(_ask_for_target, route, lookup)
        yield Once(("arn", route.place), is_known, ask, timeouts)
    route.check_target(MEMORY.arns.get(route.place) or UNKNOWN)


def _is_known(route: Route) -> bool:
    return MEMORY.arns.get(route.place) is not None


def _ask_for_target(route: Route, lookup: Lookup) -> Steps:
    plane = ControlPlane(route.platform, [lookup.permission])
    inquiry = Inquiry(route, plane, _LOOKUP_TIMEOUTS, 0, route.model)
    seconds = ARN_SECONDS
    try:
        target = yield from inquire(inquiry, ask_for_target(route, lookup))
        if target is UNKNOWN:
            MEMORY.say_once(
                f"{route.model} does not stand for a Claude model that is known. Give "
                "Bedrock(base_model=...) if it is one."
            )
    except ClaudeCloudError as error:
        target = UNKNOWN
        if error.status_code is None or error.status_code in RETRYABLE_STATUSES:
            seconds = _AGAIN_SECONDS
        MEMORY.say_once(
            f"The model behind {route.model} could not be looked up, so only options that all "
            "models support are sent. Give Bedrock(base_model=...), or allow the identity "
            f"{lookup.permission}. ({error})"
        )
    MEMORY.arns.put(route.place, target, seconds)
