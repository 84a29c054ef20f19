"""Calls whose requests and answers travel by other means than HTTP, such as batch inference.

The request is the one that a call would send, and its answer is read as a call reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from langchain_core.messages import AIMessage

from langchain_claude_cloud.calls.answer import WholeMessage
from langchain_claude_cloud.calls.driver import Call, CallDriver
from langchain_claude_cloud.calls.executors import run
from langchain_claude_cloud.calls.lookup import find_arn_target
from langchain_claude_cloud.calls.steps import NO_CLIENTS, Prepare, Steps
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import SERVICE_TIER_HEADER, JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import HttpResponse
from langchain_claude_cloud.request.token_estimation import size_of, size_of_tools

_NO_HEADERS: Mapping[str, str] = {}
_BATCH: Mapping[str, str] = {SERVICE_TIER_HEADER: "batch"}
"""For the metadata of answers: what they cost depends on it."""


class OfflineCall:
    """One call that is not sent.

    Args:
        call: What is asked for; its only route says of whom.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        handler = partial(WholeMessage, call.version, with_usage=call.with_usage)
        self._driver: CallDriver[None] = CallDriver(call, "invoke", handler)
        self._built: OutgoingRequest | None = None

    def request(self) -> OutgoingRequest:
        """Return the request, unsigned. Gets images and documents that are given by URL.

        Raises:
            ClaudeCloudError: The call cannot be sent, or there are no credentials.
        """
        run(self._build(), self._call.clients)
        if self._built is None:  # the steps end with it
            raise RuntimeError("no request was built")
        return self._built

    def _build(self) -> Steps:
        _, self._built = yield from self._driver.request()

    def prompt_tokens(self) -> float:
        """Return the estimated tokens of the prompt and its tools; nothing is fetched."""
        route = self._call.routes[0]
        per_token = route.resolve_in(route.known_region()).info.characters_per_token
        messages = sum(size_of(message, per_token).tokens for message in self._call.messages)
        return messages + size_of_tools(self._call.options.request.tools, per_token)

    def answer(self, body: JsonObject) -> AIMessage:
        """Return the message that a response holds.

        Raises:
            ClaudeCloudError: The response holds an error, or is no answer.
        """
        run(self._read(HttpResponse(200, _BATCH, json.dumps(body).encode())), NO_CLIENTS)
        return self._driver.answer.message()

    def _read(self, response: HttpResponse) -> Steps:
        route = self._call.routes[0]
        yield Prepare(route.platform)
        yield from find_arn_target(route)
        self._driver.read_offline(response)

    def error(self, status: int, body: JsonObject) -> ClaudeCloudError:
        """Return the exception for a refusal."""
        route = self._call.routes[0]
        content = json.dumps(body).encode()
        return route.platform.read_error(status, _NO_HEADERS, content, model=route.model)
