"""One call in, the requests that its attempts send out.

What is the same for sync and async callers: which route comes next, what is built for it,
what was learned from refusals. Nothing here sends or waits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langchain_core.messages import BaseMessage

from langchain_claude_cloud._types import JsonObject, Operation
from langchain_claude_cloud.adaptation import adapt, settle_options
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
)
from langchain_claude_cloud.failover import Plan
from langchain_claude_cloud.options import CallOptions
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts
from langchain_claude_cloud.request.body import MessagesRequest, RequestOptions, build_request
from langchain_claude_cloud.request.media import find_url_sources, inline_sources
from langchain_claude_cloud.response.blocks import Sink
from langchain_claude_cloud.response.message import Origin, OutputVersion
from langchain_claude_cloud.response.stream import ResponseStream
from langchain_claude_cloud.routes import Route

if TYPE_CHECKING:
    import httpx

    from langchain_claude_cloud.platform.http import FetchedMedia

logger = logging.getLogger("langchain_claude_cloud")

T = TypeVar("T")
WriterOf = Callable[[Origin], Sink[T]]
"""Makes the writer of a response, once it is known where it comes from."""

STREAMED_FROM_MAX_TOKENS: Final = 21_333
"""Above this, an answer may take over ten minutes: it is streamed internally then.

The vendor's SDK refuses such requests, by the formula 3600 s * max_tokens / 128,000 > 600 s.
"""

_REQUEST_IDS: Final = ("x-amzn-requestid", "request-id", "x-request-id")
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
    """

    messages: Sequence[BaseMessage]
    options: CallOptions
    routes: Sequence[Route]
    version: OutputVersion = "v0"
    with_usage: bool = True
    client: httpx.Client | None = None
    async_client: httpx.AsyncClient | None = None
    url_fetcher: Callable[[str], bytes] | None = None

    @property
    def is_streamed_internally(self) -> bool:
        """Whether an answer that is wanted whole may take too long for one response."""
        limit = self.options.request.max_tokens
        return limit is None or limit > STREAMED_FROM_MAX_TOKENS


class Attempts:
    """The state of one call while it is tried: its plan, and what was learned on the way."""

    def __init__(self, call: Call, operation: Operation) -> None:
        self.call = call
        self.operation = operation
        self.plan = Plan(call.routes, RetryPolicy(call.options.max_retries).delay_before_retry)
        self.options: RequestOptions = call.options.request
        self.media: dict[str, FetchedMedia] = {}

    @property
    def route(self) -> Route:
        """Where the current attempt goes."""
        return self.plan.route

    def build(self) -> MessagesRequest:
        """Build the current route's request. The platform must have been prepared."""
        resolved = self.route.resolved
        request = build_request(
            self.call.messages, settle_options(self.options, resolved), resolved
        )
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
        """Return what every way of sending takes besides the request."""
        cloud = self.route.config.cloud
        timeouts = Timeouts.for_cloud(cloud, self.call.options.timeout)
        return {"model": self.model_id, "timeouts": timeouts}

    def origin(self, headers: Mapping[str, str]) -> Origin:
        """Say where an answer comes from."""
        resolved = self.route.resolved
        request_ids = (headers.get(name) for name in _REQUEST_IDS)
        return Origin(
            platform=self.route.config.cloud,
            region=self.route.platform.region,
            model=resolved.model_id,
            request_id=next((found for found in request_ids if found), None),
            inference_profile=resolved.inference_profile,
        )

    def reader(self, headers: Mapping[str, str], writer_of: WriterOf[T]) -> ResponseStream[T]:
        """Return the decoder for a response that has begun."""
        origin = self.origin(headers)
        return ResponseStream(
            self.route.platform.framing,
            writer_of(origin),
            origin,
            cloud=self.route.config.cloud,
            version=self.call.version,
        )

    def failed(self, error: ClaudeCloudError, reader: ResponseStream[T] | None = None) -> float:
        """Return how many seconds to wait before the next attempt.

        Raises:
            ClaudeCloudError: The error, with the partial answer, if there is no next attempt.
        """
        if reader is not None and error.partial_message is None:
            reader.attach(error)
        if reader is not None and reader.handed_out:
            raise error
        if isinstance(error, InvalidInputError | ConfigurationError):
            raise error
        if isinstance(error, InvalidRequestError):
            adapted = adapt(error, self.options, self.route.resolved)
            if adapted is not None:
                self.options = adapted
                return 0.0
        return self.plan.failed(error)


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
