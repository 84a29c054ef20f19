"""Asks a cloud's control plane for its models, or for the model that an ARN stands for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from langchain_claude_cloud.calls.answer import malformed, read_json
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.retries import RETRYABLE_STATUSES, Attempts, decide
from langchain_claude_cloud.calls.steps import Once, Prepare, Send, Steps, Wait
from langchain_claude_cloud.catalogue.bedrock import Lookup
from langchain_claude_cloud.control_plane import available_models
from langchain_claude_cloud.control_plane.requests import SIGNING_NAME, explain_refusal
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.timeouts import NO_TOTAL, Timeouts
from langchain_claude_cloud.response.stream import MALFORMED
from langchain_claude_cloud.routing.routes import Route

T = TypeVar("T")


def ask(
    route: Route,
    questions: Callable[[Route], available_models.Questions[T]],
    *,
    subject: str,
    permissions: Sequence[str],
    hint: str = "",
    max_retries: int = 2,
    timeouts: Timeouts | None = None,
) -> Steps[T]:
    """Ask the control plane of a route's cloud, and return what came of it.

    Args:
        route: Whose identity, region and headers are used.
        questions: Makes the generator of the questions, when the platform is prepared.
        subject: What is asked about, for errors.
        permissions: What the identity must be allowed, for a refusal's advice.
        hint: What else a refusal advises.
        max_retries: How often a failed request is sent again at most.
        timeouts: The limits of a request; None for those of a call.

    Raises:
        ClaudeCloudError: An error that the generator does not put up with.
    """
    platform, limits = route.platform, timeouts or Timeouts.for_cloud(route.config.cloud)
    own = {name.lower(): value for name, value in route.default_headers.items()}
    yield Prepare(platform, limits)
    asking = questions(route)
    try:
        request = next(asking)
        while True:
            headers = {**own, **request.headers}
            whole = replace(request, headers=headers, signing_name=SIGNING_NAME)
            attempts = Attempts([route], max_retries, limits.remaining)
            try:
                answer = yield from _send(Send(platform, whole, subject, limits), attempts)
            except ClaudeCloudError as error:
                explain_refusal(error, platform, permissions, hint)
                request = asking.throw(error)
            else:
                request = asking.send(answer)
    except StopIteration as ended:
        result: T = ended.value
        return result
    except ClaudeCloudError:
        raise
    except MALFORMED as cause:
        raise malformed(platform, subject, cause) from cause


def _send(request: Send, attempts: Attempts) -> Steps[JsonObject]:
    while True:
        try:
            return read_json((yield request), request.platform, request.model, dict)
        except ClaudeCloudError as error:
            yield Wait(decide(error, attempts))


def list_models(
    route: Route, max_retries: int, timeout: float | Mapping[str, float] | None
) -> Steps[available_models.Models]:
    """Return the models that a route's cloud lists, newest first.

    Args:
        route: Who is asked.
        max_retries: How often a failed request is sent again at most.
        timeout: As the model's field.

    Raises:
        ClaudeCloudError: The control plane refused, or was not reached.
    """
    cloud = route.config.cloud
    limits = Timeouts.for_cloud(cloud, timeout)
    ends = MEMORY.clock() + (limits.total or math.inf)
    return ask(
        route,
        available_models.ask_for_models,
        subject=available_models.SUBJECT,
        permissions=available_models.PERMISSIONS[cloud],
        max_retries=max_retries,
        timeouts=limits.within(lambda: ends - MEMORY.clock()),
    )


def find_arn_target(route: Route, lookup: Lookup, timeouts: Timeouts = NO_TOTAL) -> Steps[None]:
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
    route.check_target(MEMORY.arns.get(route.place) or available_models.UNKNOWN)


def _find_out(route: Route, lookup: Lookup) -> Steps[None]:
    target, seconds = available_models.UNKNOWN, 12 * HOUR
    try:
        target = yield from ask(
            route,
            partial(available_models.ask_for_target, lookup=lookup),
            subject=route.model,
            permissions=[lookup.permission],
            max_retries=0,
            # A call waits for this: it does better without the answer than with a late one.
            timeouts=Timeouts(connect=5.0, start=10.0, idle=10.0),
        )
    except ClaudeCloudError as error:
        if error.status_code is None or error.status_code in RETRYABLE_STATUSES:
            seconds = 300.0  # throttled, or not reached: that may pass
        what = f"The model behind {route.model} could not be looked up: only what all take is sent"
        remedy = f"Give Bedrock(base_model=...), or allow the identity {lookup.permission}"
        MEMORY.say_once(f"{what}. {remedy}. ({error})")
    MEMORY.arns.put(route.place, target, seconds)
