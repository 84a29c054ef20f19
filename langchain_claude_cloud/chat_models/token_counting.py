"""A prompt in, its number of tokens out: as a cloud counts it, or as near as can be said.

LangChain counts the same history again and again: `trim_messages` first asks about all of it,
then about slices of it, in a binary search and often in reverse. One request has to do for all
of them. So what is a part of a list that was counted is derived from that list's count, in
proportion to its size; what no cloud counts is estimated from its size alone.
"""

from __future__ import annotations

import logging
import math
import time
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_claude_cloud.calls import exchange
from langchain_claude_cloud.calls.driver import Call
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.chat_models.token_estimation import (
    ESTIMATE_ERROR,
    PER_MESSAGE,
    Size,
    characters_per_token,
    parts_of,
    size_of,
    size_of_tools,
)
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from langchain_claude_cloud.platform._common import SharedLock
from langchain_claude_cloud.routing.routes import Route

logger = logging.getLogger("langchain_claude_cloud")

PART_ERROR: Final = 0.15
"""How far a count that is derived from that of a longer list may be off, as a part of the
limit, where the list is of one kind of text; what differs much from the rest may exceed it."""

_FEWEST_PARTS: Final = 8
"""Words that a piece of a message must have, where it ends in a word that was cut."""

_RETRY_SECONDS: Final = 30.0
_PERMISSION_SECONDS: Final = 300.0
_PERMISSIONS: Final = {
    "vertex": "aiplatform.endpoints.predict in the region that counts",
    "bedrock": "bedrock:CountTokens",
}
_MOST_KEPT: Final = 8


class EstimatedCount(int):
    """A number of tokens that no cloud counted.

    Attributes:
        error: How far it may be off, as a part of it; see `ESTIMATE_ERROR`.
    """

    error: float = ESTIMATE_ERROR

    def __repr__(self) -> str:
        return f"EstimatedCount({int(self)}, error={self.error})"


def count(call: Call) -> int:
    """Return how many tokens a prompt has, as the cloud counts them.

    Args:
        call: The prompt, its tools, and the routes that may be asked, each until one counts.

    Returns:
        The count; an `EstimatedCount` where no cloud counts for the model and region, or
        none lets the caller count: that is said once in the log.

    Raises:
        ClaudeCloudError: The cloud could not be asked, or refused the prompt.
    """
    for route in _counting(call.routes):
        try:
            return exchange.count_tokens(replace(call, routes=[route]))
        except ClaudeCloudError as error:
            _note_that_none_counts(route, error)
    return _estimate_all(call)


async def acount(call: Call) -> int:
    """Do what `count` does, on an event loop.

    Raises:
        ClaudeCloudError: See `count`.
    """
    for route in _counting(call.routes):
        try:
            return await exchange.acount_tokens(replace(call, routes=[route]))
        except ClaudeCloudError as error:
            _note_that_none_counts(route, error)
    return _estimate_all(call)


def count_slice(call: Call) -> int:
    """Return how many tokens a list of messages has, whether or not it could be sent.

    Args:
        call: Any slice of a history, in any order.

    Returns:
        The cloud's count; for a part of a list that was counted before, a number derived from
        that; an `EstimatedCount` for what no cloud counts, or none can be asked about now.

    Raises:
        ConfigurationError: The platform cannot be asked as it is set up.
    """
    sizes = _sizes(call)
    known = COUNTED.find(call, sizes)
    if known is not None:
        return known
    counted = _count_some_way(call)
    if counted is None:
        return _estimate_all(call)
    COUNTED.keep(call, sizes, counted)
    return counted


def _count_some_way(call: Call) -> int | None:
    """Count a list in a form that can be sent, or return None if there is none.

    LangChain trims a history from its end, by asking about the reverse of it; and a history
    that was answered ends with an answer, which most models do not go on with.
    """
    for messages, closing in _forms(call.messages):
        try:
            counted = count(replace(call, messages=messages))
        except ConfigurationError:
            raise
        except InvalidInputError:
            continue
        except InvalidRequestError:
            return None
        except ClaudeCloudError as error:
            _note_that_none_answers(call.routes, error)
            return None
        return None if isinstance(counted, EstimatedCount) else max(1, counted - closing)
    return None


def _forms(messages: Sequence[BaseMessage]) -> Iterator[tuple[Sequence[BaseMessage], int]]:
    """Yield forms of a list, and how many tokens each has that the list has not."""
    for ordered in (messages, messages[::-1]):
        yield ordered, 0
        yield [*ordered, HumanMessage(".")], PER_MESSAGE + 1


class _Uncounted:
    """Which routes of this process do not count tokens, for good or for a while."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def hides(self, route: Route) -> bool:
        """Whether a route is not worth asking."""
        return self._until.get(route.place, 0.0) > time.monotonic()

    def add(self, route: Route, seconds: float) -> bool:
        """Do not ask a route for some seconds; return whether that is news."""
        is_news = route.place not in self._until
        self._until[route.place] = time.monotonic() + seconds
        return is_news

    def clear(self) -> None:
        """Forget it all."""
        self._until.clear()


UNCOUNTED: Final = _Uncounted()


def _counting(routes: Sequence[Route]) -> list[Route]:
    """Return the routes that may count, those first that are healthy."""
    return sorted(
        (r for r in routes if not UNCOUNTED.hides(r)),
        key=lambda route: MEMORY.circuits.remaining(route.place),
    )


def _note_that_none_counts(route: Route, error: ClaudeCloudError) -> None:
    """Remember that a route does not count.

    Raises:
        ClaudeCloudError: The error itself, if it says something else.
    """
    text = (error.body or str(error)).lower()
    refused = isinstance(error, InvalidRequestError) and not isinstance(error, InvalidInputError)
    unsupported = refused and "support" in text and "count" in text
    if not unsupported and not isinstance(error, NotFoundError | PermissionDeniedError):
        raise error
    lasts = not isinstance(error, PermissionDeniedError)  # a permission may be given
    if UNCOUNTED.add(route, math.inf if lasts else _PERMISSION_SECONDS):
        _tell(route, error)


def _note_that_none_answers(routes: Iterable[Route], error: ClaudeCloudError) -> None:
    for route in routes:
        if UNCOUNTED.add(route, _RETRY_SECONDS):
            _tell(route, error)


def _tell(route: Route, error: ClaudeCloudError) -> None:
    refused = isinstance(error, PermissionDeniedError)
    logger.warning(
        "%s in %s %s for %s (%s%s); they are estimated, to within about %d %%.",
        route.config.cloud,
        route.known_region(),
        "may not be asked to count tokens" if refused else "does not count tokens",
        route.model,
        type(error).__name__,
        f": allow {_PERMISSIONS[route.config.cloud]}" if refused else "",
        ESTIMATE_ERROR * 100,
    )


class _Counted:
    """A list that a cloud counted; the messages themselves are held weakly.

    Args:
        key: The model and the arguments of the call.
        count: The cloud's count.
        size: Its estimated tokens, those of tools included.
        messages: The list.
        digests: What tells its messages from others.
    """

    def __init__(
        self,
        key: int,
        count: int,
        size: float,
        messages: Iterable[BaseMessage],
        digests: frozenset[int],
    ) -> None:
        self.key = key
        self._ratio = count / size
        self._size = size
        self._digests = digests
        self._messages = [weakref.ref(message) for message in messages]

    def derive(self, call: Call, size: float, digests: Iterable[int]) -> int | None:
        """Return the count of a part of the list, or None for what is no part of it."""
        if size > self._size:
            return None
        unknown = [
            message
            for message, digest in zip(call.messages, digests, strict=True)
            if digest not in self._digests
        ]
        if all(self._holds_piece(message) for message in unknown):
            return math.ceil(self._ratio * size)
        return None

    def _holds_piece(self, message: BaseMessage) -> bool:
        """Whether a message is a piece of one in the list; its last word may be cut."""
        parts = parts_of(message)
        new = len(parts - self._parts)
        return new == 0 or (new == 1 and len(parts) >= _FEWEST_PARTS)

    @cached_property
    def _parts(self) -> frozenset[int]:
        alive = (reference() for reference in self._messages)
        return frozenset[int]().union(*(parts_of(message) for message in alive if message))


class _CountedLists:
    """The last lists that were counted."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[int, frozenset[int]], _Counted] = OrderedDict()
        self._lock = SharedLock()

    def find(self, call: Call, sizes: Sequence[Size]) -> int | None:
        """Return the count of a part of a list that was counted, or None."""
        size, key = _whole(call, sizes), _key(call)
        digests = [each.digest for each in sizes]
        with self._lock:
            lists = [each for each in reversed(self._lists.values()) if each.key == key]
        derived = (counted.derive(call, size, digests) for counted in lists)
        return next((count for count in derived if count is not None), None)

    def keep(self, call: Call, sizes: Sequence[Size], count: int) -> None:
        """Keep a count."""
        place = (_key(call), frozenset(size.digest for size in sizes))
        counted = _Counted(place[0], count, _whole(call, sizes), call.messages, place[1])
        with self._lock:
            self._lists[place] = counted
            self._lists.move_to_end(place)
            if len(self._lists) > _MOST_KEPT:
                self._lists.popitem(last=False)

    def clear(self) -> None:
        """Forget it all."""
        with self._lock:
            self._lists.clear()


COUNTED: Final = _CountedLists()


def _key(call: Call) -> int:
    return hash((call.options.model, repr(call.options.request)))


def _estimate_all(call: Call) -> EstimatedCount:
    return EstimatedCount(math.ceil(_whole(call, _sizes(call))))


def _whole(call: Call, sizes: Iterable[Size]) -> float:
    """Return the estimated tokens of messages, with the tools of the call."""
    tools = size_of_tools(call.options.request.tools, _per_token(call))
    return sum(size.tokens for size in sizes) + tools


def _per_token(call: Call) -> float:
    route = call.routes[0]
    return characters_per_token(route.resolve_in(route.known_region()).info)


def _sizes(call: Call) -> list[Size]:
    per_token = _per_token(call)
    return [size_of(message, per_token) for message in call.messages]
