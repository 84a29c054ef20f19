"""Asks a cloud's control plane for its models, or for the model that an ARN stands for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.retries import RETRYABLE_STATUSES, delay_before_retry
from langchain_claude_cloud.calls.steps import NO_LIMIT, Once, Prepare, Send, Steps, Wait
from langchain_claude_cloud.control_plane.arn_targets import UNKNOWN, ask_for_target
from langchain_claude_cloud.control_plane.requests import SIGNING_NAME, explain_refusal
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.timeouts import Timeouts
from langchain_claude_cloud.routing.routes import Route

if TYPE_CHECKING:
    from langchain_claude_cloud.catalogue.bedrock import Lookup
    from langchain_claude_cloud.platform.http.sending import HttpResponse

logger = logging.getLogger("langchain_claude_cloud")

T = TypeVar("T")
Questions: TypeAlias = Generator[OutgoingRequest, JsonObject, T]

_LOOKUP_TIMEOUTS: Final = Timeouts(connect=5.0, start=10.0, idle=10.0)
"""A call waits for this: it does better without the answer than with a late one."""

ARN_SECONDS: Final = 12 * HOUR
"""How long it is remembered what an ARN stands for."""

_AGAIN_SECONDS: Final = 300.0
"""How long a failure that may pass (throttled, not reached) is left alone."""

_SHOWN_BYTES: Final = 4096


@dataclass
class Inquiry(Generic[T]):
    """What a control plane is asked.

    Attributes:
        route: Whose identity, region and headers are used.
        questions: Makes a generator that yields requests, is sent the answer of each (or has its
            error raised), and returns the result. It is called when the platform is prepared.
        subject: What is asked about, for errors.
        permissions: What the identity must be allowed, for a refusal's advice.
        hint: What else a refusal advises.
        max_retries: How often a failed request is sent again at most.
        timeouts: The limits of a request.
        result: What came of it, when the steps were done.
    """

    route: Route
    questions: Callable[[Route], Questions[T]]
    subject: str
    permissions: Sequence[str]
    hint: str = ""
    max_retries: int = 2
    timeouts: Timeouts = NO_LIMIT
    result: T = field(init=False)

    def steps(self) -> Steps:
        """Send what the generator asks, one request after another.

        Raises:
            ClaudeCloudError: An error that the generator does not put up with.
        """
        yield Prepare(self.route.platform)
        questions = self.questions(self.route)
        try:
            request = next(questions)
            while True:
                try:
                    answer = yield from self._answer(request)
                except ClaudeCloudError as error:
                    request = questions.throw(error)
                else:
                    request = questions.send(answer)
        except StopIteration as ended:
            self.result = ended.value

    def _answer(self, request: OutgoingRequest) -> Steps:
        platform = self.route.platform
        own = {name.lower(): value for name, value in self.route.default_headers.items()}
        headers = {**own, **request.headers}
        whole = replace(request, headers=headers, signing_name=SIGNING_NAME)
        attempt = 0
        while True:
            attempt += 1
            try:
                response = yield Send(platform, whole, self.subject, self.timeouts)
                return self._read(response)
            except ClaudeCloudError as error:
                explain_refusal(error, platform, self.permissions, self.hint)
                seconds = delay_before_retry(error, attempt, self.max_retries, MEMORY.draw)
                if seconds is None:
                    raise
            yield Wait(seconds)

    def _read(self, response: HttpResponse) -> JsonObject:
        try:
            body = json.loads(response.body)
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            return body
        raise ServerError(
            "The control plane's answer is not of the documented form. Perhaps a proxy or a "
            "gateway answered instead of the cloud.",
            platform=self.route.platform.name,
            model=self.subject,
            region=self.route.platform.region,
            status_code=response.status,
            body=redact(response.body[:_SHOWN_BYTES].decode("utf-8", "replace")),
        )


def find_arn_target(route: Route, lookup: Lookup, timeouts: Timeouts = NO_LIMIT) -> Steps:
    """Find out what a route's ARN stands for, once for all who wait.

    A call does not fail because of this: where the answer cannot be had, what all models take
    is sent. Unless a residency is demanded: then nothing is sent that may leave it.

    Args:
        route: The platform must have been prepared.
        lookup: How the control plane is asked.
        timeouts: How much is left of the call's whole time.

    Raises:
        ConfigurationError: It leads out of the demanded residency, or nothing tells where.
    """
    if MEMORY.arns.get(route.place) is None:
        known = partial(MEMORY.arns.get, route.place)
        yield Once(("arn", route.place), known, partial(_find_out, route, lookup), timeouts)
    route.check_target(MEMORY.arns.get(route.place) or UNKNOWN)


def _find_out(route: Route, lookup: Lookup) -> Steps:
    inquiry = Inquiry(
        route,
        partial(ask_for_target, lookup=lookup),
        route.model,
        [lookup.permission],
        max_retries=0,
        timeouts=_LOOKUP_TIMEOUTS,
    )
    target, seconds = UNKNOWN, ARN_SECONDS
    try:
        yield from inquiry.steps()
        target = inquiry.result
        if target is UNKNOWN:
            MEMORY.say_once(
                f"{route.model} does not stand for a known Claude model. Give "
                "Bedrock(base_model=...) if it is one."
            )
    except ClaudeCloudError as error:
        if error.status_code is None or error.status_code in RETRYABLE_STATUSES:
            seconds = _AGAIN_SECONDS
        MEMORY.say_once(
            f"The model behind {route.model} could not be looked up, so only options that all "
            "models support are sent. Give Bedrock(base_model=...), or allow the identity "
            f"{lookup.permission}. ({error})"
        )
    MEMORY.arns.put(route.place, target, seconds)
