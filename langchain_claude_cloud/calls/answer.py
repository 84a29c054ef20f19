"""Joins the responses of a call that the API paused into one answer.

A response can end with the stop reason `pause_turn`, if the API's own tools have worked for a long
time. The model continues when its message is sent back unchanged
(https://docs.claude.com/en/api/handling-stop-reasons). This is done a limited number of times, at
the endpoint that answered first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from langchain_core.messages import AIMessage

from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.parsing import holds_error
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import LABELS, JsonObject
from langchain_claude_cloud.platform.base import HttpResponse, Platform, request_id_in
from langchain_claude_cloud.request.tool_names import ToolNames
from langchain_claude_cloud.response.accumulator import EventHandler, MessageAccumulator
from langchain_claude_cloud.response.message import OutputVersion, ResponseSource, build_message
from langchain_claude_cloud.response.stream import MALFORMED

T = TypeVar("T")
HandlerFor: TypeAlias = Callable[[ResponseSource], EventHandler[T]]
"""Makes the handler of an answer, once it is known where it comes from."""

MAX_PAUSES: Final = 10
"""How often an answer is gone on with. The API pauses after ten rounds of its own tools, so this
is a hundred of them; what ends with a pause then can still be sent back by the caller."""


@dataclass
class PausableAnswer(Generic[T]):
    """An answer, whatever pauses it has.

    Attributes:
        handler_for: Makes the handler, once it is known where the answer comes from.
        version: The form of the content.
        with_usage: Whether the message carries usage metadata.
        paused: The answer as it was when it was paused last, for exceptions.
        accumulator: The answer as far as it has arrived.
    """

    handler_for: HandlerFor[T]
    version: OutputVersion
    with_usage: bool
    paused: AIMessage | None = None
    accumulator: MessageAccumulator[T] = field(default_factory=MessageAccumulator)
    _source: ResponseSource = field(init=False)
    _whole: AIMessage | None = None

    def begin(self, source: ResponseSource, names: ToolNames) -> MessageAccumulator[T]:
        """Return what accumulates a response that has begun.

        One that goes on with a paused answer adds to it; any other starts over.

        Args:
            source: Where the response comes from.
            names: What the tools are called in the request.
        """
        if self.paused is None:
            self._source = source
            self.accumulator = MessageAccumulator(self.handler_for(source), pauses=MAX_PAUSES)
        self.accumulator.names = names if names.own or names.keys else None
        return self.accumulator

    def take(self, body: JsonObject, source: ResponseSource, names: ToolNames) -> None:
        """Take in the body of a response that was not streamed.

        Args:
            body: The response's.
            source: Where it comes from.
            names: What the tools are called in the request.
        """
        self.begin(source, names).add_message(body)
        self._whole = self._build(self.version)

    def go_on(self) -> AIMessage | None:
        """Return the message to send back, if the answer that has arrived is paused."""
        if not self.accumulator.is_paused:
            return None
        self.paused = self.message()
        return self._build("v0")

    def message(self) -> AIMessage:
        """Return the answer as far as it has arrived."""
        return self._whole or self._build(self.version)

    def _build(self, version: OutputVersion) -> AIMessage:
        return build_message(
            self.accumulator, self._source, version=version, with_usage=self.with_usage
        )


def ignore_events(_: ResponseSource) -> EventHandler[None]:
    """Return the handler of an answer that is wanted whole."""
    return EventHandler()


def read_json(
    response: HttpResponse, platform: Platform, model: str, read: Callable[[JsonObject], T]
) -> T:
    """Return what is read from the body of a response.

    Args:
        response: The response, whose status says that it is an answer.
        platform: Reads the error that it may be all the same.
        model: The model, or what else was asked about.
        read: Reads it; may raise what the wrong kind of data makes Python raise.

    Raises:
        ClaudeCloudError: The error that the body holds in spite of the status.
        ServerError: It is not of the documented form.
    """
    try:
        body = json.loads(response.body)
        if not holds_error(body):
            if not isinstance(body, dict):
                raise TypeError("not a JSON object")
            return read(body)
        problem = platform.read_error(response.status, response.headers, response.body, model=model)
    except MALFORMED as cause:
        problem = malformed(platform, model, cause)
        problem.status_code = response.status
        problem.request_id = request_id_in(response.headers)
        shown = platform.redact(response.body)[:4096]
        problem.body = redact(shown.decode("utf-8", "replace"))
    raise problem


def malformed(platform: Platform, subject: str, cause: Exception) -> ClaudeCloudError:
    """Return the error for a response that is not of the documented form.

    Args:
        platform: Who was asked.
        subject: The model, or what else was asked about.
        cause: What reading it raised.
    """
    why = f"{type(cause).__name__}: {str(cause)[:200]}"
    return ServerError(
        f"The answer of {LABELS[platform.name]} ({subject}, region {platform.region}) is not of "
        f"the documented form ({why}). Check base_url and HTTPS_PROXY: perhaps a proxy answered.",
        platform=platform.name,
        model=subject,
        region=platform.region,
    )
