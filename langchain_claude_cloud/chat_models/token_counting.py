"""Counts the tokens of a prompt: as a cloud counts them, or as an estimate.

LangChain counts the same history again and again: `trim_messages` first asks about all of it,
then about slices of it, in a binary search and often in reverse. One request has to be enough for
all of them. So the count of a part of a list is derived from the count of the whole list, in
proportion to its size. What no cloud counts is estimated from its size alone.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_claude_cloud import errors
from langchain_claude_cloud.calls import driver, executors, options, steps
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.catalogue.bedrock import bedrock_apis
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.request import token_estimation as estimates
from langchain_claude_cloud.routing.routes import Route

PART_ERROR: Final = 0.15
"""How far a count that is derived from that of a longer list may be off, as a part of the
limit, where the list is of one kind of text; what differs much from the rest may exceed it."""

_PERMISSION_SECONDS: Final = 300.0
_PERMISSIONS: Final = {
    "vertex": "aiplatform.endpoints.predict in the region that counts",
    "bedrock": "bedrock:CountTokens, or bedrock-mantle:CreateInference for newer models",
}
_LASTS: Final = 6 * HOUR
_LONG: Final = 8
_Refusal: TypeAlias = tuple[Route, errors.ClaudeCloudError]


class EstimatedCount(int):
    """A number of tokens that no cloud counted.

    Attributes:
        error: How far it may be off, as a part of it; see `ESTIMATE_ERROR`.
    """

    error: float = estimates.ESTIMATE_ERROR

    def __repr__(self) -> str:
        return f"EstimatedCount({int(self)}, error={self.error})"


def count(call: options.Call) -> steps.Steps[int]:
    """Return how many tokens a prompt has, as the cloud counts them.

    Args:
        call: The prompt, its tools, and the routes that may be asked, each until one counts.

    Returns:
        The count; an `EstimatedCount` where no cloud counts for the model and region, or
        none lets the caller count: that is said once in the log.

    Raises:
        ClaudeCloudError: The cloud could not be asked, or refused the prompt.
    """
    refusals: list[_Refusal] = []
    for route in _counting(call.routes):
        try:
            return (yield from driver.count_tokens(_call_to(route, call)))
        except errors.ClaudeCloudError as error:
            seconds = _seconds_unasked(error, is_named=route in call.routes)
            if seconds is None:
                raise
            MEMORY.uncounted.put(route.place, value=True, seconds=seconds)
            refusals.append((route, error))
    _tell_of(refusals)
    return EstimatedCount(math.ceil(_measure(call)[1]))


def count_slice(call: options.Call) -> int:
    """Return how many tokens a list of messages has, whether or not it could be sent.

    Args:
        call: Any slice of a history, in any order.

    Returns:
        The cloud's count; for a part of a list that was counted before, a number derived from
        that; an `EstimatedCount` for what no cloud counts, or none can be asked about now.

    Raises:
        ConfigurationError: The platform cannot be asked as it is set up.
    """
    digests, size = _measure(call)
    counted = MEMORY.counted.get(_key(call))
    known = counted.derive(digests, size) if isinstance(counted, _Counted) else None
    if known is not None:
        return known
    count = _count_some_way(call)
    if count is None:
        return EstimatedCount(math.ceil(size))
    MEMORY.counted.put(_key(call), _Counted(count, size, digests), HOUR)
    return count


def _count_some_way(call: options.Call) -> int | None:
    """Count a list in a form that can be sent, or return None if there is none.

    LangChain trims a history from its end, by asking about the reverse of it; and a history
    that was answered ends with an answer, which most models do not go on with.
    """
    for messages, closing in _forms(call.messages):
        try:
            counted = executors.run(count(replace(call, messages=messages)), call.clients)
        except errors.ConfigurationError:
            raise
        except errors.InvalidInputError:
            continue
        except errors.InvalidRequestError:
            return None
        except errors.ClaudeCloudError as error:
            for route in call.routes:
                MEMORY.uncounted.put(route.place, value=True, seconds=30.0)
                _tell_of([(route, error)])
            return None
        return None if isinstance(counted, EstimatedCount) else max(1, counted - closing)
    return None


def _forms(messages: Sequence[BaseMessage]) -> Iterator[tuple[Sequence[BaseMessage], int]]:
    """Yield forms of a list, and how many tokens each has that the list has not."""
    for ordered in (messages, messages[::-1]):
        yield ordered, 0
        yield [*ordered, HumanMessage(".")], estimates.PER_MESSAGE + 1


def _counting(routes: Sequence[Route]) -> list[Route]:
    """Return the routes that may count, those first that are healthy."""
    ways = [way for route in routes for way in _ways(route)]
    asked = [way for way in ways if not MEMORY.uncounted.get(way.place)]
    return sorted(asked, key=lambda way: MEMORY.circuit(way.place).remaining())


def _ways(route: Route) -> list[Route]:
    """Return a route, and on Bedrock that through mantle, in the order of what may count.

    CountTokens does not know the models that have inference profiles only; mantle does.
    """
    if not isinstance(route.config, Bedrock):
        return [route]
    if "{model}" not in bedrock_apis()[route.config.api].paths["count_tokens"]:
        return [route]
    ways = [route, replace(route, config=route.config.through("mantle"))]
    takes = route.resolve_in(route.known_region).capabilities
    return ways[::-1] if takes.counts_prompts == "no" else ways


def _call_to(route: Route, call: options.Call) -> options.Call:
    """Return the call of one route; what the user did not name is not asked twice."""
    if route not in call.routes:
        call = replace(call, options=replace(call.options, max_retries=0))
    return replace(call, routes=[route])


def _seconds_unasked(error: errors.ClaudeCloudError, *, is_named: bool) -> float | None:
    """Return how long a route that does not count is not asked again.

    None for an error that says something else; but a route that the user did not name may fail in
    any way that says nothing of the prompt.
    """
    text = (error.body or str(error)).lower()
    match error:
        case errors.InvalidInputError():
            return None
        case errors.NotFoundError():
            return _LASTS
        case errors.InvalidRequestError():
            return _LASTS if "support" in text and "count" in text else None
        case errors.PermissionDeniedError():  # it may be given
            return _PERMISSION_SECONDS
        case _:
            return None if is_named else _PERMISSION_SECONDS


def _tell_of(refusals: Sequence[_Refusal]) -> None:
    """Say once a day why tokens are estimated: a permission is what somebody can do about it."""
    denied = [(r, e) for r, e in refusals if isinstance(e, errors.PermissionDeniedError)]
    for route, error in (denied or refusals)[:1]:
        cloud = route.config.cloud
        remedy = f": allow {_PERMISSIONS[cloud]}" if denied else ""
        MEMORY.say_once(
            f"{cloud} in {route.known_region} does not count tokens for {route.model} "
            f"({type(error).__name__}{remedy}); they are estimated, to within about "
            f"{estimates.ESTIMATE_ERROR * 100:.0f} %."
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    """A list that a cloud counted.

    Attributes:
        count: The cloud's count.
        size: Its estimated tokens, those of tools included.
        digests: What tells its messages from others.
    """

    count: int
    size: float
    digests: frozenset[int]

    def derive(self, digests: frozenset[int], size: float) -> int | None:
        """Return the count of a part of the list, in proportion to its size; None if it is none.

        One message may be new where the list is long: LangChain cuts one in two.
        """
        new = len(digests - self.digests)
        is_part = size <= self.size and new <= (len(self.digests) >= _LONG)
        return round(self.count * size / self.size) if is_part else None


def _key(call: options.Call) -> Hashable:
    """Return whose count it is: that of an endpoint, for a model and the call's other arguments."""
    return (call.routes[0].place, hash(repr(call.options.request)))


def _measure(call: options.Call) -> tuple[frozenset[int], float]:
    """Return what tells messages from others, and their estimated tokens, those of tools too."""
    route = call.routes[0]
    per_token = route.resolve_in(route.known_region).info.characters_per_token
    sizes = [estimates.size_of(message, per_token) for message in call.messages]
    tools = estimates.size_of_tools(call.options.request.tools, per_token)
    return frozenset(each.digest for each in sizes), sum(each.tokens for each in sizes) + tools
