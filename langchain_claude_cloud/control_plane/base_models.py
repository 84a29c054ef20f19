"""A route to an ARN in, what is known of the model behind it.

The ARN of an application inference profile, of provisioned throughput or of a prompt router
does not name its model. The control plane does: it is asked before the first request that
goes there, once for the process and for all who wait, and never in a constructor.
``Bedrock(base_model=...)`` says it instead. A call does not fail because of this: where the
answer cannot be had, what all models take is sent.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.catalogue import arns as _arns
from langchain_claude_cloud.catalogue.geography import lies_within, region_geography
from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests as control_plane
from langchain_claude_cloud.control_plane.client import (
    Asking,
    Questions,
    aask,
    ask,
    bedrock_address,
    expect,
)
from langchain_claude_cloud.control_plane.requests import ControlPlane
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform._common import SharedLock
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts

if TYPE_CHECKING:
    import httpx

    from langchain_claude_cloud.routing.routes import Route

logger = logging.getLogger("langchain_claude_cloud")

_TIMEOUTS: Final = Timeouts(connect=5.0, start=10.0, idle=10.0)
"""A call waits for this: it does better without the answer than with a late one."""

_AGAIN_SECONDS: Final = 300.0
"""How long a failure that may pass (throttled, not reached) is left alone."""

_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass
class _Inquiry:
    """What this process did to find out about one ARN."""

    lock: SharedLock = field(default_factory=SharedLock)
    flights: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = field(default_factory=dict)
    again: float = -math.inf


_inquiries: dict[str, _Inquiry] = {}


def find_base_model(route: Route, client: httpx.Client | None = None) -> None:
    """Find out what a route's ARN stands for, if nothing says so yet. Blocks.

    Args:
        route: The platform must have been prepared.
        client: The caller's own client.

    Raises:
        ConfigurationError: It leads out of the demanded residency.
    """
    inquiry = _due(route)
    if inquiry is not None:
        with inquiry.lock:
            if _due(route) is not None:
                _inquire(route, inquiry, client)
        _forget_guess(route)
    _check_residency(route)


def _inquire(route: Route, inquiry: _Inquiry, client: httpx.Client | None) -> None:
    try:
        meaning = ask(_asking(route), _questions(route), client)
    except ClaudeCloudError as error:
        _give_up(route, inquiry, error)
    else:
        _learn(route, inquiry, meaning)


async def afind_base_model(route: Route, client: httpx.AsyncClient | None = None) -> None:
    """Do what `find_base_model` does, on an event loop, once for all tasks that wait.

    Raises:
        ConfigurationError: See `find_base_model`.
    """
    inquiry = _due(route)
    if inquiry is not None:
        loop = asyncio.get_running_loop()
        flight = inquiry.flights.get(loop)
        if flight is None:
            flight = inquiry.flights[loop] = asyncio.create_task(_ainquire(route, inquiry, client))
            flight.add_done_callback(lambda _: inquiry.flights.pop(loop, None))
        await asyncio.shield(flight)
        _forget_guess(route)
    _check_residency(route)


async def _ainquire(route: Route, inquiry: _Inquiry, client: httpx.AsyncClient | None) -> None:
    try:
        meaning = await aask(_asking(route), _questions(route), client)
    except ClaudeCloudError as error:
        _give_up(route, inquiry, error)
    else:
        _learn(route, inquiry, meaning)


def _due(route: Route) -> _Inquiry | None:
    """Return the ARN's inquiry if there is something to find out now."""
    config, arn = route.config, route.model
    if not isinstance(config, Bedrock) or config.base_model or not arn.startswith("arn:"):
        return None
    if _arns.learned(arn) is not None or _arns.lookup_of(arn) is None:
        return None
    inquiry = _inquiries.setdefault(arn, _Inquiry())
    return inquiry if time.monotonic() >= inquiry.again else None


def _lookup(route: Route) -> _arns.Lookup:
    lookup = _arns.lookup_of(route.model)
    if lookup is None:  # `_due` has looked
        raise RuntimeError("nothing tells what this ARN stands for")
    return lookup


def _asking(route: Route) -> Asking:
    plane = ControlPlane(route.platform, [_lookup(route).permission])
    return Asking(route, plane, _TIMEOUTS, RetryPolicy(0), route.model)


def _questions(route: Route) -> Questions[_arns.Meaning | None]:
    path = _lookup(route).path
    request = control_plane.resource(bedrock_address(route), path, route.model)
    return _meaning(expect((yield request)))


def _meaning(answer: JsonObject) -> _arns.Meaning | None:
    """Return the model that an answer of the control plane names; the oldest of several."""
    models = answer.get("models")
    listed = [*(models if isinstance(models, list) else ()), answer.get("fallbackModel")]
    arns = [each.get("modelArn") for each in listed if isinstance(each, dict)]
    arns += [answer.get("foundationModelArn"), answer.get("modelArn")]
    named = {arn: found[1] for arn in map(str, arns) if (found := _arns.id_in_arn(arn))}
    if not named:
        return None
    regions = frozenset(_arns.region_of(arn) for arn in named)
    return _arns.Meaning(min(named.values(), key=_released), regions)


def _released(base_id: str) -> str:
    row = find(base_id)
    return row.released if row else "9999"


def _learn(route: Route, inquiry: _Inquiry, meaning: _arns.Meaning | None) -> None:
    if meaning is not None:
        _arns.learn(route.model, meaning)
        return
    inquiry.again = math.inf
    logger.warning(
        "%s stands for no Claude model that its control plane names. Give "
        "Bedrock(base_model=...) if it is one.",
        route.model,
    )


def _give_up(route: Route, inquiry: _Inquiry, error: ClaudeCloudError) -> None:
    """Go on without the answer: for a while if that may help, else for good."""
    passes = error.status_code is None or error.status_code in _TRANSIENT
    first = inquiry.again == -math.inf
    inquiry.again = time.monotonic() + _AGAIN_SECONDS if passes else math.inf
    if first:
        logger.warning(
            "What model %s stands for could not be found out, so only what all models take is "
            "sent. Give Bedrock(base_model=...), or allow the identity %s. (%s)",
            route.model,
            _lookup(route).permission,
            error,
        )


def _forget_guess(route: Route) -> None:
    """Let the route resolve its model anew, after an earlier call had to do without."""
    if _arns.learned(route.model) is not None:
        vars(route).pop("resolved", None)


def _check_residency(route: Route) -> None:
    """Refuse an ARN that was found to lead elsewhere than it may."""
    meaning = _arns.learned(route.model)
    if route.residency is None or meaning is None:
        return
    for region in sorted(meaning.regions):
        geography = region_geography("bedrock", region) if region else "global"
        if not lies_within(geography, route.residency):
            raise ConfigurationError(
                f"residency={route.residency!r} is demanded, but {route.model} may be served in "
                f"{region or 'any region of the world'}. Use a profile that stays there, or drop "
                "residency.",
                platform="bedrock",
                model=route.model,
                region=route.platform.region,
            )
