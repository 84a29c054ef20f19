"""One call in, the requests that its attempts send out.

What is the same for sync and async callers: which route comes next, what is built for it,
what was learned from refusals. Nothing here sends or waits.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage

from langchain_claude_cloud.calls.adaptation import adapt, settle_options
from langchain_claude_cloud.calls.circuit_breaker import HEALTH, Health
from langchain_claude_cloud.calls.failover import Plan
from langchain_claude_cloud.calls.options import CallOptions
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
    RequestTimeoutError,
)
from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS, JsonObject, Operation
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts
from langchain_claude_cloud.request.body import MessagesRequest, RequestOptions, build_request
from langchain_claude_cloud.request.messages.media import find_url_sources, inline_sources
from langchain_claude_cloud.request.tool_names import NO_NAMES
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.event_handler import EventHandler
from langchain_claude_cloud.response.message import OutputVersion, ResponseSource
from langchain_claude_cloud.response.stream import ResponseStream
from langchain_claude_cloud.routing.routes import Route

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

    from langchain_claude_cloud.platform.http import FetchedMedia

logger = logging.getLogger("langchain_claude_cloud")

T = TypeVar("T")
WriterOf = Callable[[ResponseSource], EventHandler[T]]
"""Makes the writer of a response, once it is known where it comes from."""

STREAMED_FROM_MAX_TOKENS: Final = 21_333
"""Above this, an answer may take over ten minutes: it is streamed internally then.

The vendor's SDK refuses such requests, by the formula 3600 s * max_tokens / 128,000 > 600 s.
"""

_BODY_OF_COUNT: Final = frozenset(
    {"messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)


@dataclass(frozen=True)
class Call:
    """One call, before it is known which route answers it.

    Attributes:
        messages: The conversation; never changed.
        options: What is asked for.
        routes: Where it may go, in the user's order.
        version: The form of the answer's content.
        with_usage: Whether messages carry usage metadata.
        client: The caller's own client for sync calls.
        async_client: The same for async calls.
        url_fetcher: The caller's own way to get images and documents by URL.
        run_manager: Is told of each attempt that is followed by another (``on_retry``).
        async_run_manager: The same for async calls.
    """

    messages: Sequence[BaseMessage]
    options: CallOptions
    routes: Sequence[Route]
    version: OutputVersion = "v0"
    with_usage: bool = True
    client: httpx.Client | None = None
    async_client: httpx.AsyncClient | None = None
    url_fetcher: Callable[[str], bytes] | None = None
    run_manager: CallbackManagerForLLMRun | None = None
    async_run_manager: AsyncCallbackManagerForLLMRun | None = None

    @property
    def is_streamed_internally(self) -> bool:
        """Whether an answer that is wanted whole may take too long for one response."""
        limit = self.options.request.max_tokens
        return limit is None or limit > STREAMED_FROM_MAX_TOKENS


class Attempts:
    """The state of one request while it is tried: its plan, and what was learned on the way.

    Attributes:
        call: What is asked for.
        operation: Which of the cloud's operations is wanted.
        plan: Where the attempts go.
        options: What is asked for, less what was refused.
        media: What was fetched, by address.
        names: What the tools are called in the current request.
        paused: The answer that the request goes on with, if it does.
    """

    def __init__(self, call: Call, operation: Operation) -> None:
        self.call = call
        self.operation = operation
        self._total = Timeouts.for_cloud("vertex", call.options.timeout).total
        self._ends = math.inf if self._total is None else time.monotonic() + self._total
        self._reader: ResponseStream[Any] | None = None
        self._count = 0
        self._slept = 0.0
        self.plan = Plan(
            call.routes,
            RetryPolicy(call.options.max_retries).delay_before_retry,
            remaining=self.remaining,
            # An endpoint that does not count tokens may answer all the same.
            health=Health() if operation == "count_tokens" else HEALTH,
        )
        self.options: RequestOptions = call.options.request
        self._sent: RequestOptions | None = None
        self.media: dict[str, FetchedMedia] = {}
        self.names = NO_NAMES
        self.paused: AIMessage | None = None

    @property
    def route(self) -> Route:
        """Where the current attempt goes."""
        return self.plan.route

    def build(self) -> MessagesRequest:
        """Build the current route's request. The platform must have been prepared."""
        resolved = self.route.resolved
        sent = settle_options(self.options, resolved)
        request = build_request(self.call.messages, sent, resolved)
        self._sent = sent
        self.names = request.names
        for notice in request.notices:
            _say_once(notice)
        return request

    def missing_urls(self, request: MessagesRequest) -> list[str]:
        """Return what must be fetched before the request can be sent."""
        return [url for url in find_url_sources(request.body) if url not in self.media]

    def add_media(self, urls: Sequence[str], media: Sequence[FetchedMedia]) -> None:
        """Keep what was fetched, for this attempt and those that follow."""
        self.media.update(zip(urls, media, strict=True))

    def finish(self, request: MessagesRequest) -> OutgoingRequest:
        """Turn the request into the platform's own, as bytes."""
        platform = self.route.platform
        model_id = self.model_id
        body = inline_sources(request.body, self.media) if self.media else request.body
        if self.operation == "count_tokens":
            body = {key: value for key, value in body.items() if key in _BODY_OF_COUNT}
        body, headers = platform.rewrite(
            body, request.betas, model_id=model_id, operation=self.operation
        )
        url = platform.endpoint(model_id, self.operation)
        return OutgoingRequest("POST", url, headers, dump_json(body))

    @property
    def model_id(self) -> str:
        """What the model is called in the URL of this operation."""
        resolved = self.route.resolved
        return resolved.base_id if self.operation == "count_tokens" else resolved.model_id

    def transport(self) -> dict[str, Any]:
        """Return what every way of sending takes besides the request.

        Raises:
            RequestTimeoutError: The call's time is up.
        """
        if self.remaining() <= 0:
            raise RequestTimeoutError("No time is left to send the request.")
        timeouts = Timeouts.for_cloud(self.route.config.cloud, self.call.options.timeout)
        if self._total is not None:
            timeouts = timeouts.within(self.remaining)
        return {"model": self.model_id, "timeouts": timeouts}

    def remaining(self) -> float:
        """Return how many seconds the call has left; no end to a stream that has content."""
        if self._reader is not None and self._reader.has_emitted:
            return math.inf
        return self._ends - time.monotonic()

    def origin(self, headers: Mapping[str, str]) -> ResponseSource:
        """Say where an answer comes from."""
        resolved = self.route.resolved
        request_ids = (headers.get(name) for name in REQUEST_ID_HEADERS)
        return ResponseSource(
            platform=self.route.config.cloud,
            region=self.route.platform.region,
            model=resolved.model_id,
            request_id=next((found for found in request_ids if found), None),
            inference_profile=resolved.inference_profile,
            failed_attempts=tuple(failed.describe() for failed in self.plan.switched_from()),
        )

    def reader(
        self, origin: ResponseSource, writer: EventHandler[T], answer: MessageAccumulator
    ) -> ResponseStream[T]:
        """Return the decoder for a response that has begun.

        Args:
            origin: Where it comes from.
            writer: Makes something of it.
            answer: What it adds to.
        """
        self.plan.let_others_try()
        answer.names = self.names
        reader = ResponseStream(
            self.route.platform.framing,
            writer,
            origin,
            cloud=self.route.config.cloud,
            version=self.call.version,
            accumulator=answer,
        )
        self._reader = reader
        return reader

    def go_on(self, call: Call, paused: AIMessage) -> Attempts:
        """Return the attempts of the request that goes on with a paused answer.

        What was learned holds for it, and so does the time that is left.

        Args:
            call: The call with the answer as its last message.
            paused: The answer, for exceptions.
        """
        following = Attempts(call, self.operation)
        following.options, following.media = self.options, self.media
        following.paused = paused
        has_content = self._reader is not None and self._reader.has_emitted
        following._ends = math.inf if has_content else self._ends
        return following

    def failed(self, error: ClaudeCloudError, reader: ResponseStream[T] | None = None) -> float:
        """Return how many seconds to wait before the next attempt.

        Raises:
            ClaudeCloudError: The error, with the partial answer, if there is no next attempt.
        """
        # Credentials fail without knowing for which model they were wanted, media and messages
        # without knowing for which cloud.
        error.platform = error.platform or self.route.config.cloud
        error.model = error.model or self.route.model
        error.region = error.region or self.route.known_region()
        if reader is not None and error.partial_message is None:
            reader.attach(error)
        error.partial_message = error.partial_message or self.paused
        if reader is not None and reader.has_emitted:
            raise self.plan.broken(error)
        self._count += 1
        if isinstance(error, InvalidInputError | ConfigurationError):
            raise self.plan.give_up(error)
        if isinstance(error, RequestTimeoutError) and self._is_out_of_time(error):
            raise self.plan.give_up(self._out_of_time(error))
        seconds = 0.0 if self._adapts(error) else self.plan.failed(error)
        self._slept += seconds
        return seconds

    def _adapts(self, error: ClaudeCloudError) -> bool:
        """Whether the same may be asked again, without something or with a larger window."""
        sent, self._sent = self._sent, None
        if sent is None or not isinstance(error, InvalidRequestError):
            return False
        resolved = self.route.resolved
        if settle_options(self.options, resolved) != sent:
            return True  # another call, under way at the same time, was quicker to learn it
        adapted = adapt(error, self.options, resolved)
        self.options = adapted or self.options
        return adapted is not None

    def _is_out_of_time(self, error: RequestTimeoutError) -> bool:
        return error.status_code is None and self.remaining() <= 0

    def _out_of_time(self, cause: RequestTimeoutError) -> RequestTimeoutError:
        error = RequestTimeoutError(
            f"The call had no answer within timeout={{'total': {self._total:g}}} seconds, after "
            f"{self._count} attempt{'s' * (self._count > 1)}. The last: {cause} Raise 'total', "
            "lower max_retries, or stream: the time ends with the first content then.",
            platform=self.route.config.cloud,
            model=cause.model or self.route.model,
            region=cause.region or self.route.known_region(),
        )
        error.is_retryable = cause.is_retryable
        error.partial_message = cause.partial_message
        error.__cause__ = cause
        return error

    def retry_state(self, error: ClaudeCloudError, seconds: float) -> RetryCallState:
        """Return what LangChain's ``on_retry`` takes, which is tenacity's own record.

        Its ``kwargs`` say which route failed and which comes next.
        """
        from tenacity import RetryCallState, Retrying  # noqa: PLC0415 - after a failure only

        following = {"platform": self.route.config.cloud, "region": self.route.known_region()}
        failed = {"platform": error.platform, "region": error.region}
        state = RetryCallState(Retrying(), None, (), {"failed": failed, "next": following})
        state.attempt_number = self._count
        state.idle_for = self._slept
        state.upcoming_sleep = seconds
        state.set_exception((type(error), error, error.__traceback__))
        return state


_said: set[str] = set()


def _say_once(notice: str) -> None:
    """Log what was left out of a request, once a process: an agent asks hundreds of times."""
    if notice not in _said:
        _said.add(notice)
        logger.warning("langchain-claude-cloud: %s", notice)


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8, but JSON can escape it.
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The request cannot be written as JSON: {error}. Look at tool arguments and "
            "model_kwargs for values that are not strings, numbers, booleans, lists or dicts."
        ) from error
