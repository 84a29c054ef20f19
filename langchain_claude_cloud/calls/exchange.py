"""Send a call and return the cloud's answer: what the chat model calls.

`langchain_claude_cloud.calls.driver` makes the decisions. `langchain_claude_cloud.calls.executors`
has the differences between threads and event loops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from langchain_core.messages import AIMessage

from langchain_claude_cloud.calls.answer import HandlerFor, WholeMessage
from langchain_claude_cloud.calls.driver import Call, CallDriver
from langchain_claude_cloud.calls.executors import aexecute, arun, execute, run
from langchain_claude_cloud.calls.lookup import Inquiry, Questions
from langchain_claude_cloud.calls.options import read_options
from langchain_claude_cloud.calls.steps import NO_CLIENTS, Clients
from langchain_claude_cloud.control_plane.available_models import (
    HINTS,
    PERMISSIONS,
    SUBJECT,
    AvailableModel,
    Models,
    ask_for_models,
)
from langchain_claude_cloud.platform.timeouts import Timeouts
from langchain_claude_cloud.response.accumulator import IGNORE_EVENTS
from langchain_claude_cloud.routing.routes import Route

__all__ = [
    "Call",
    "Clients",
    "acomplete",
    "acount_tokens",
    "alist_models",
    "ask",
    "astream",
    "complete",
    "count_tokens",
    "list_models",
    "read_options",
    "stream",
]

T = TypeVar("T")
Timeout = float | Mapping[str, float] | None

STREAMED_FROM_MAX_TOKENS: Final = 21_333
"""Above this, an answer may take over ten minutes: it is streamed internally then.

The vendor's SDK refuses such requests, by the formula 3600 s * max_tokens / 128,000 > 600 s.
"""


def stream(call: Call, handler_for: HandlerFor[T]) -> Iterator[T]:
    """Send a call and return what the handler makes of the answer, as it comes.

    Raises:
        ClaudeCloudError: The cloud refused, or the answer broke off; then with what had
            arrived of it as ``partial_message``.
    """
    return execute(CallDriver(call, "stream", handler_for).steps(), call.clients)


def astream(call: Call, handler_for: HandlerFor[T]) -> AsyncIterator[T]:
    """Do what `stream` does, on an event loop.

    Raises:
        ClaudeCloudError: See `stream`.
    """
    return aexecute(CallDriver(call, "stream", handler_for).steps(), call.clients)


def complete(call: Call) -> AIMessage:
    """Send a call and return the whole answer.

    Raises:
        ClaudeCloudError: The cloud refused, or what it sent is not an answer.
    """
    driver = _driver_of_whole(call)
    run(driver.steps(), call.clients)
    return driver.answer.message()


async def acomplete(call: Call) -> AIMessage:
    """Do what `complete` does, on an event loop.

    Raises:
        ClaudeCloudError: See `complete`.
    """
    driver = _driver_of_whole(call)
    await arun(driver.steps(), call.clients)
    return driver.answer.message()


def _driver_of_whole(call: Call) -> CallDriver[None]:
    limit = call.options.request.max_tokens
    is_long = limit is None or limit > STREAMED_FROM_MAX_TOKENS
    handler = partial(WholeMessage, call.version, with_usage=call.with_usage)
    return CallDriver(call, "stream" if is_long else "invoke", handler)


def count_tokens(call: Call) -> int:
    """Ask a cloud how many tokens a call's prompt has.

    Raises:
        ClaudeCloudError: The cloud refused; not every region counts for every model.
    """
    driver = CallDriver(call, "count_tokens", lambda _: IGNORE_EVENTS)
    run(driver.steps(), call.clients)
    return driver.count


async def acount_tokens(call: Call) -> int:
    """Do what `count_tokens` does, on an event loop.

    Raises:
        ClaudeCloudError: See `count_tokens`.
    """
    driver = CallDriver(call, "count_tokens", lambda _: IGNORE_EVENTS)
    await arun(driver.steps(), call.clients)
    return driver.count


def list_models(
    routes: Sequence[Route], *, max_retries: int, timeout: Timeout, clients: Clients
) -> tuple[AvailableModel, ...]:
    """Return the models that the routes' clouds list, in the routes' order, newest first.

    Args:
        routes: Each endpoint is asked.
        max_retries: How often a failed request is sent again at most.
        timeout: As the model's field.
        clients: The clients and the fetcher of the caller, if it has its own.

    Raises:
        ClaudeCloudError: A control plane refused, or was not reached.
    """
    inquiries = [_listing(route, max_retries, timeout) for route in routes]
    for inquiry in inquiries:
        run(inquiry.steps(), clients)
    return _all_listed(inquiries)


async def alist_models(
    routes: Sequence[Route],
    *,
    max_retries: int,
    timeout: Timeout,  # noqa: ASYNC109  the model's field, which has several parts
    clients: Clients,
) -> tuple[AvailableModel, ...]:
    """Do what `list_models` does, on an event loop, asking all endpoints at once.

    Raises:
        ClaudeCloudError: See `list_models`.
    """
    inquiries = [_listing(route, max_retries, timeout) for route in routes]
    asking = [arun(inquiry.steps(), clients) for inquiry in inquiries]
    # All are waited for: a failure leaves nothing running behind.
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    return _all_listed(inquiries)


def _listing(route: Route, max_retries: int, timeout: Timeout) -> Inquiry[Models]:
    cloud = route.config.cloud
    return Inquiry(
        route,
        ask_for_models,
        SUBJECT,
        PERMISSIONS[cloud],
        HINTS[cloud],
        max_retries,
        Timeouts.for_cloud(cloud, timeout),
    )


def _all_listed(inquiries: Sequence[Inquiry[Models]]) -> Models:
    return tuple(dict.fromkeys(model for inquiry in inquiries for model in inquiry.result))


def ask(
    route: Route,
    questions: Callable[[Route], Questions[T]],
    *,
    subject: str,
    permissions: Sequence[str],
    hint: str = "",
    max_retries: int = 2,
) -> T:
    """Ask the control plane of a route's cloud, and return what came of it.

    Args:
        route: As in `Inquiry`, as the other arguments are.
        questions: Asks and reads.
        subject: What is asked about.
        permissions: What the identity must be allowed.
        hint: What else a refusal advises.
        max_retries: How often a failed request is sent again at most.

    Raises:
        ClaudeCloudError: An error that the generator does not put up with.
    """
    limits = Timeouts.for_cloud(route.config.cloud)
    inquiry = Inquiry(route, questions, subject, permissions, hint, max_retries, limits)
    run(inquiry.steps(), NO_CLIENTS)
    return inquiry.result
