"""Builds the requests and reads the answers of calls that are not sent one by one, but as a job.

Request and answer are the same as those of a single call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from langchain_core.messages import AIMessage, BaseMessage

from langchain_claude_cloud.calls.answer import PausableAnswer, ignore_events, read_json
from langchain_claude_cloud.calls.driver import CallDriver
from langchain_claude_cloud.calls.executors import run
from langchain_claude_cloud.calls.lookup import find_arn_target
from langchain_claude_cloud.calls.options import Call
from langchain_claude_cloud.calls.steps import Prepare, Steps
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import SERVICE_TIER_HEADER, JsonObject
from langchain_claude_cloud.platform.base import HttpResponse, OutgoingRequest
from langchain_claude_cloud.request.token_estimation import size_of, size_of_tools
from langchain_claude_cloud.request.tool_names import ToolNames
from langchain_claude_cloud.response.message import ResponseSource

_NO_HEADERS: Mapping[str, str] = {}
_BATCH: Mapping[str, str] = {SERVICE_TIER_HEADER: "batch"}
"""For the metadata of answers: what they cost depends on it."""


class OfflineCalls:
    """Calls of one model with the same arguments, which are not sent.

    What does not change from one to the next is found out once.

    Args:
        call: What is asked for in each, without the messages; its only route says of whom.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._route = call.routes[0]

    def request(self, messages: Sequence[BaseMessage]) -> OutgoingRequest:
        """Return a request, unsigned. Gets images and documents that are given by URL.

        Raises:
            ClaudeCloudError: The call cannot be sent, or there are no credentials.
        """
        return run(self._driver(messages).request(), self._call.clients)

    def prompt_tokens(self, messages: Sequence[BaseMessage]) -> float:
        """Return the estimated tokens of a prompt and the tools; nothing is fetched."""
        sizes = (size_of(message, self._characters_per_token) for message in messages)
        return sum(size.tokens for size in sizes) + self._tokens_of_tools

    def answer(self, body: JsonObject) -> AIMessage:
        """Return the message that a response holds.

        Raises:
            ClaudeCloudError: The response holds an error, or is no answer.
        """
        source, names = self._source
        call = self._call
        answer: PausableAnswer[None] = PausableAnswer(
            ignore_events, version=call.version, with_usage=call.with_usage
        )
        response = HttpResponse(200, _BATCH, json.dumps(body).encode())
        read = partial(answer.take, source=source, names=names)
        read_json(response, self._route.platform, source.model, read)
        return answer.message()

    def error(self, status: int, body: JsonObject) -> ClaudeCloudError:
        """Return the exception for a refusal."""
        content = json.dumps(body).encode()
        return self._route.platform.read_error(
            status, _NO_HEADERS, content, model=self._route.model
        )

    def _driver(self, messages: Sequence[BaseMessage]) -> CallDriver[None]:
        return CallDriver(replace(self._call, messages=messages), "invoke", ignore_events)

    @cached_property
    def _characters_per_token(self) -> float:
        return self._route.resolve_in(self._route.known_region).info.characters_per_token

    @cached_property
    def _tokens_of_tools(self) -> float:
        return size_of_tools(self._call.options.request.tools, self._characters_per_token)

    @cached_property
    def _source(self) -> tuple[ResponseSource, ToolNames]:
        """Where answers come from, and what the tools are called in the requests."""

        def steps() -> Steps[None]:
            yield Prepare(self._route.platform)
            if self._route.lookup is not None:
                yield from find_arn_target(self._route, self._route.lookup)

        run(steps())
        return self._driver(()).offline_source(_BATCH)
