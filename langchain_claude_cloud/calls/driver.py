"""Decides what a call does next. It does no I/O, does not wait, and has no clock.

The driver is a generator in the manner of `httpx.Auth.auth_flow`. It yields steps and is sent
their outcomes, by an executor in a thread or on an event loop. It sends a request, sends it
again or elsewhere as `langchain_claude_cloud.calls.retries` says, and continues an answer
that the API paused.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Generic, TypeVar

from langchain_core.messages import AIMessage

from langchain_claude_cloud import errors
from langchain_claude_cloud.calls.adaptation import Adaptation
from langchain_claude_cloud.calls.answer import HandlerFor, PausableAnswer, ignore_events, read_json
from langchain_claude_cloud.calls.lookup import find_arn_target
from langchain_claude_cloud.calls.media import CallMedia
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.options import Call
from langchain_claude_cloud.calls.pacing import Pacing, Ticket
from langchain_claude_cloud.calls.rate_limit import MinuteWindow, Reservation
from langchain_claude_cloud.calls.retries import Attempts, decide, log_retry, retry_state
from langchain_claude_cloud.calls.steps import Prepare, Send, Steps, Stream, Wait
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.errors import types
from langchain_claude_cloud.errors.explanation import name_tools
from langchain_claude_cloud.platform.base import HttpResponse, OutgoingRequest, request_id_in
from langchain_claude_cloud.platform.timeouts import Timeouts
from langchain_claude_cloud.request.body import MessagesRequest, build_request, dump_json
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.token_estimation import quota_tokens_of
from langchain_claude_cloud.request.tool_names import ToolNames
from langchain_claude_cloud.request.tools import prepare_tools
from langchain_claude_cloud.response.message import ResponseSource, quota_tokens
from langchain_claude_cloud.response.stream import ResponseStream

T = TypeVar("T")

STREAMED_FROM_MAX_TOKENS: Final = 21_333
"""Above this, an answer may take over ten minutes: it is streamed internally then.

The vendor's SDK refuses such requests, by the formula 3600 s * max_tokens / 128,000 > 600 s.
"""

_NO_REQUEST: Final = MessagesRequest({}, (), ())
_NO_TIME: Final = "No time was left to send it: calls wait while the quota is used up."
_BODY_OF_COUNT: Final = frozenset(
    {"messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)


class CallDriver(Generic[T]):
    """Drives one call.

    Args:
        call: What is asked for, and where.
        operation: Which of the clouds' operations is wanted.
        handler_for: Makes the handler of an answer, once it is known where it comes from.

    Attributes:
        answer: The answer as far as it has arrived.
        count: The number of tokens, if that was asked for.
    """

    def __init__(self, call: Call, operation: types.Operation, handler_for: HandlerFor[T]) -> None:
        self.answer = PausableAnswer(handler_for, call.version, call.with_usage)
        self.count = 0
        self._call = call
        self._operation = operation
        self._messages = call.messages
        options = call.options
        self._adaptation = Adaptation(options.request, options.is_structured)
        self._media = CallMedia(None if call.clients.url_fetcher else MEMORY.media)
        total = Timeouts.for_cloud("vertex", options.timeout).total
        self._ends = math.inf if total is None else MEMORY.clock() + total
        # Tokens are counted by a quota of its own.
        self._is_count = operation == "count_tokens"
        self._waited = 0.0
        self._attempts = Attempts(call.routes, options.max_retries, self.remaining)
        # What is known of the current attempt:
        self._pacing: Pacing | None = None
        self._ticket: Ticket
        self._window: MinuteWindow | None = None
        self._reservation: Reservation
        self._spent_before = 0.0
        self._request = _NO_REQUEST
        self._limits = Timeouts()
        self._resolved: ResolvedModel
        self._model_id = ""
        self._reader: ResponseStream[T] | None = None

    def steps(self) -> Steps[None]:
        """Yield what to do, until the answer is complete.

        Raises:
            ClaudeCloudError: Why there is none, with what had arrived of it.
        """
        is_over = False
        try:
            while not is_over:
                try:
                    is_over = yield from self._attempt()
                except errors.ClaudeCloudError as error:
                    yield from self._after(error)
        finally:
            self._attempts.end_probes()
            self._release()

    def remaining(self) -> float:
        """Return how many seconds the call has left; no end to a stream that has content."""
        return math.inf if self._has_content else self._ends - MEMORY.clock()

    @property
    def _has_content(self) -> bool:
        """Whether a part of the answer was handed out: from then on nothing is sent again."""
        return self._reader is not None and self._reader.has_emitted

    def _attempt(self) -> Steps[bool]:
        """Send the request to the current route; return whether the answer is complete then."""
        attempts, route = self._attempts, self._attempts.route
        self._reader, self._request, self._window = None, _NO_REQUEST, None
        tries = attempts.current.tries
        self._ticket = Ticket(tries=tries, is_last=0 < tries >= attempts.max_retries)
        place = ("count_tokens", route.place) if self._is_count else route.place
        pacing = self._pacing = MEMORY.pacing(place)
        outgoing = yield from self.request()
        if any(self._call.limit) and not self._is_count:
            yield from self._reserve()
        if attempts.route is route:
            yield from self._wait_until(partial(pacing.wait, self._ticket))
        if attempts.route is not route:
            self._release()
            return False
        if self._operation == "stream":
            yield Stream(route.platform, outgoing, self._model_id, self._limits, self._begin)
        else:
            self._take((yield Send(route.platform, outgoing, self._model_id, self._limits)))
        attempts.succeeded()
        self._release(is_answered=True)
        paused = self.answer.go_on()
        if paused is not None:
            self._continue(paused)
        return paused is None

    def request(self) -> Steps[OutgoingRequest]:
        """Build the current route's request."""
        route, operation = self._attempts.route, self._operation
        platform = route.platform
        timeouts = Timeouts.for_cloud(route.config.cloud, self._call.options.timeout)
        limits = timeouts if timeouts.total is None else timeouts.within(self.remaining)
        self._limits = limits
        yield Prepare(platform, limits)
        if route.lookup is not None:
            yield from find_arn_target(route, route.lookup, limits)
        options = self._settle()
        url = platform.endpoint(self._model_id, operation)
        if route.residency is not None:
            route.check_address(url.partition("/model/")[0])
        request = self._request = build_request(self._messages, options, self._resolved)
        for notice in request.notices:
            MEMORY.say_once(notice)
        if route.known_region is None and (routing := route.global_routing(platform.region)):
            MEMORY.say_once(routing)  # elsewhere it was said when the route was made
        body = request.body
        if request.urls:
            body = yield from self._media.get(body, request.urls, platform.max_body_bytes, limits)
        if self._is_count:
            body = {key: value for key, value in body.items() if key in _BODY_OF_COUNT}
        body, headers = platform.rewrite(
            body, [*request.betas], model_id=self._model_id, operation=operation
        )
        return OutgoingRequest("POST", url, headers, dump_json(body))

    def _settle(self) -> RequestOptions:
        """Return the options as the current route takes them. It must have been prepared."""
        route = self._attempts.route
        target = MEMORY.arns.get(route.place)
        resolved = self._resolved = route.resolve_in(route.platform.region, target)
        self._model_id = resolved.base_id if self._is_count else resolved.model_id
        options = self._adaptation.settle(route.place, resolved)
        config = route.config
        if isinstance(config, Bedrock) and config.guardrail is not None:
            return replace(options, guard="last_turn" if config.guard_last_turn_only else "marked")
        return options

    def _wait_until(self, wait: Callable[[], float], reason: str = _NO_TIME) -> Steps[None]:
        """Wait as long as a function says, the call has time, and its route does not fail.

        Raises:
            RequestTimeoutError: It has no time, for a reason.
        """
        while True:
            left = self.remaining()
            if left <= 0:
                raise errors.RequestTimeoutError(reason)
            seconds = wait()
            if not seconds or self._attempts.move_on(seconds):
                return
            yield Wait(min(seconds, left))

    def _reserve(self) -> Steps[None]:
        """Wait until the limit of the model's user has room, and reserve tokens of it."""
        limit, tokens = self._call.limit, 0.0
        if limit.tokens is not None:
            tokens = quota_tokens_of(self._messages, self._request.body, self._resolved)
        self._spent_before = self._spent() if self.answer.paused else 0.0
        self._reservation = Reservation(tokens)
        self._window = MEMORY.minute(self._attempts.route.place, limit)
        wait = partial(self._window.wait, self._reservation)
        yield from self._wait_until(wait, f"{limit} left no room for the request.")

    def _spent(self) -> float:
        """Return how many tokens of a quota the answer has taken so far."""
        weight = self._resolved.capabilities.output_quota_weight
        return quota_tokens(self.answer.accumulator.usage, weight)

    def _release(self, *, is_answered: bool = False) -> None:
        """Leave the queues that the request may wait in.

        Of the minute's tokens an answered request keeps what it used, one that was not sent none.
        """
        if self._pacing is not None:
            self._pacing.release(self._ticket)
        if self._window is not None:
            self._window.release(self._reservation, is_sent=self._ticket.sent_at > 0)
            if is_answered and self._call.limit.tokens is not None:
                used = self._spent() - self._spent_before
                self._window.correct(self._reservation, max(0.0, used))

    def offline_source(self, headers: Mapping[str, str]) -> tuple[ResponseSource, ToolNames]:
        """Say where an answer comes from that was not asked for from here, and its tools' names."""
        options = self._settle()
        return self._source(headers), prepare_tools(options, self._resolved).names

    def _begin(self, headers: Mapping[str, str]) -> ResponseStream[T]:
        """Return the decoder for a streamed response that has begun."""
        self._attempts.end_probes()
        source, route = self._source(headers), self._attempts.route
        self._reader = ResponseStream(
            route.platform.framing,
            self.answer.begin(source, self._request.names),
            source,
            version=self._call.version,
            redact=route.platform.redact,
        )
        return self._reader

    def _take(self, response: HttpResponse) -> None:
        """Take in a response that was not streamed."""
        source, platform = self._source(response.headers), self._attempts.route.platform
        read = partial(self.answer.take, source=source, names=self._request.names)
        read_json(response, platform, source.model, self._count_in if self._is_count else read)

    def _count_in(self, body: types.JsonObject) -> None:
        self.count = int(body["input_tokens"] if "input_tokens" in body else body["inputTokens"])

    def _continue(self, paused: AIMessage) -> None:
        """Send an answer back that the API paused, so that the model goes on with it."""
        self._messages = [*self._messages, paused]
        self._adaptation.start_over()
        if self._has_content:
            self._ends = math.inf
        sent, retries = self._attempts.count, self._call.options.max_retries
        self._attempts = Attempts([self._attempts.route], retries, self.remaining, count=sent)

    def _source(self, headers: Mapping[str, str]) -> ResponseSource:
        """Say where an answer comes from."""
        return ResponseSource(
            platform=self._resolved.cloud,
            region=self._attempts.route.platform.region,
            model=self._resolved.model_id,
            request_id=request_id_in(headers),
            inference_profile=self._resolved.inference_profile,
            failed_attempts=self._attempts.metadata(),
            attempts=self._attempts.count + 1,
            service_tier=headers.get(types.SERVICE_TIER_HEADER),
            latency=headers.get(types.LATENCY_HEADER),
        )

    def _after(self, error: errors.ClaudeCloudError) -> Steps[None]:
        """Do what follows a failed attempt.

        Raises:
            ClaudeCloudError: Why nothing follows.
        """
        attempts = self._attempts
        self._complete(error)
        self._release(is_answered=error.status_code is not None)
        if self._pacing and isinstance(error, errors.RateLimitError) and error.is_retryable:
            self._pacing.throttled(self._ticket, error.retry_after)
        attempts.count += 1
        is_too_large = isinstance(error, errors.RequestTooLargeError)
        is_of_call, self._media.is_fetching = self._media.is_fetching and not is_too_large, False
        is_late = self.remaining() <= 0 and error.status_code is None
        if is_late and isinstance(error, errors.RequestTimeoutError):
            error, is_of_call = self._out_of_time(error), True
        if not self._has_content and not is_of_call:
            reacted = self._adaptation.react(error)
            if reacted is None:
                return
            error = reacted
        seconds = decide(error, attempts, is_of_call=is_of_call, has_content=self._has_content)
        log_retry(attempts, seconds)
        self._waited += seconds
        yield Wait(seconds, partial(retry_state, attempts, seconds, self._waited))

    def _complete(self, error: errors.ClaudeCloudError) -> None:
        """Add what an error does not know: credentials fail whatever the model, for example."""
        route, request = self._attempts.route, self._request
        tools = request.body.get("tools") or ()
        if isinstance(error, errors.InvalidRequestError) and tools:
            name_tools(error, [request.names.own_name(str(tool.get("name"))) for tool in tools])
        error.platform = error.platform or route.config.cloud
        error.model = error.model or route.model
        error.region = error.region or route.known_region
        if self._reader is not None and error.partial_message is None:
            self._reader.attach(error)
        error.partial_message = error.partial_message or self.answer.paused

    def _out_of_time(self, cause: errors.RequestTimeoutError) -> errors.RequestTimeoutError:
        count = self._attempts.count
        text = (
            f"The call had no answer within timeout={{'total': {self._limits.total:g}}} seconds, "
            f"after {count} attempt{'s' * (count > 1)}. The last one: {cause} "
            "Raise 'total', lower max_retries, or use stream."
        )
        error = copy.copy(cause)
        error.args, error.__cause__ = (text,), cause
        return error


def complete(call: Call) -> Steps[AIMessage]:
    """Send a call and return the whole answer.

    Raises:
        ClaudeCloudError: The cloud refused, or what it sent is not an answer.
    """
    limit = call.options.request.max_tokens
    is_long = limit is None or limit > STREAMED_FROM_MAX_TOKENS
    driver = CallDriver(call, "stream" if is_long else "invoke", ignore_events)
    yield from driver.steps()
    return driver.answer.message()


def count_tokens(call: Call) -> Steps[int]:
    """Ask a cloud how many tokens a call's prompt has.

    Raises:
        ClaudeCloudError: The cloud refused; not every region counts for every model.
    """
    driver = CallDriver(call, "count_tokens", ignore_events)
    yield from driver.steps()
    return driver.count
