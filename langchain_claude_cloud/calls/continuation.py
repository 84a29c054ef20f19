"""Responses of one call in, the model's turn out: one answer, whatever pauses it had.

A response can end with the stop reason `pause_turn`: the API's own tools have worked for
long, and the model goes on when its message is sent back as it is
(https://docs.claude.com/en/api/handling-stop-reasons). The turn does that, a bounded number
of times, where the first request went. Nothing here sends or waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from jiter import from_json
from langchain_core.messages import AIMessage

from langchain_claude_cloud.calls.attempts import Attempts, Call, WriterOf
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import LABELS, JsonObject, Operation
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.blocks import Block
from langchain_claude_cloud.response.event_handler import EventHandler
from langchain_claude_cloud.response.message import OutputVersion, ResponseSource, build_message
from langchain_claude_cloud.response.message_state import MessageState
from langchain_claude_cloud.response.stream import ResponseStream

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import HttpResponse

T = TypeVar("T")

MAX_PAUSES: Final = 10
"""How often a turn is gone on with. The API pauses after ten rounds of its own tools, so this
is a hundred of them; what ends with a pause then can still be sent back by the caller."""

_SHOWN_BYTES: Final = 4096
_NOT_AN_ANSWER: Final = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
    RecursionError,
)


class Turn(Generic[T]):
    """The model's turn.

    Attributes:
        run: The attempts of the response that comes next.
        is_over: Whether there is no such response: the turn is complete.
    """

    def __init__(self, call: Call, operation: Operation, writer_of: WriterOf[T]) -> None:
        self.run = Attempts(call, operation)
        self.is_over = False
        self._call = call
        self._writer_of = writer_of
        self._goes_on = False
        self._answer = MessageAccumulator(pauses=MAX_PAUSES)
        self._begun: tuple[ResponseSource, EventHandler[T]] | None = None
        self._whole: AIMessage | None = None

    def reader(self, headers: Mapping[str, str]) -> ResponseStream[T]:
        """Return the decoder for a streamed response that has begun.

        One that goes on with a paused answer adds to it; any other starts over.
        """
        origin = self.run.origin(headers)
        if self._begun is None or not self._goes_on:
            self._answer = MessageAccumulator(pauses=MAX_PAUSES)
            self._begun = (origin, self._writer_of(origin))
        return self.run.reader(origin, self._begun[1], self._answer)

    def take(self, response: HttpResponse) -> None:
        """Take in a response that was not streamed.

        Raises:
            ServerError: It is not an answer.
        """
        origin = self.run.origin(response.headers)
        if self._begun is None:
            self._begun = (origin, self._writer_of(origin))
        self._answer.names = self.run.names
        try:
            self._answer.add_message(read_json(response))
            self._whole = self._build(self._call.version)
        except _NOT_AN_ANSWER as cause:
            problem = not_understood(self.run, response, cause)
        else:
            self.ended()
            return
        raise problem

    def ended(self) -> None:
        """Note that the current response is complete, and see what follows it."""
        self.is_over = not self._answer.is_paused
        if self._answer.is_paused:
            self._goes_on = True
            said = [*self._call.messages, self._build("v0")]
            call = replace(self._call, messages=said, routes=[self.run.route])
            self.run = self.run.go_on(call, self.message())

    def message(self) -> AIMessage:
        """Return the answer as far as it has arrived."""
        return self._whole or self._build(self._call.version)

    def _build(self, version: OutputVersion) -> AIMessage:
        if self._begun is None:  # nothing ends that has not begun
            raise RuntimeError("no response has come yet")
        return build_message(
            self._answer, self._begun[0], version=version, with_usage=self._call.with_usage
        )


class Unwritten(EventHandler[None]):
    """The writer of an answer that is wanted whole: it sees that a message can be made of it.

    What is malformed only as a whole, such as the usage, is an error of the stream then.
    """

    def __init__(self, call: Call, origin: ResponseSource) -> None:
        self._call = call
        self._origin = origin

    def message_stop(self, state: MessageState, finalized: Sequence[Block]) -> Sequence[None]:
        """Make the message, and say nothing.

        Raises:
            TypeError, ValueError: The answer is not of the documented form.
        """
        del finalized
        call = self._call
        build_message(state, self._origin, version=call.version, with_usage=call.with_usage)
        return ()


def read_count(run: Attempts, response: HttpResponse) -> int:
    """Return the number of tokens that a response to a counting says.

    Raises:
        ServerError: It says none.
    """
    try:
        body = read_json(response)
        return int(body["input_tokens"] if "input_tokens" in body else body["inputTokens"])
    except _NOT_AN_ANSWER as error:
        problem = not_understood(run, response, error)
    raise problem


def read_json(response: HttpResponse) -> JsonObject:
    """Return the JSON object of a response's body.

    Raises:
        ValueError, RecursionError: It is not JSON.
        TypeError: It is not an object.
    """
    try:
        body = from_json(response.body)
    except ValueError:
        body = json.loads(response.body)
    if not isinstance(body, dict):
        raise TypeError("not a JSON object")
    return body


def not_understood(run: Attempts, response: HttpResponse, cause: Exception) -> ClaudeCloudError:
    """Return the exception for a response that is not of the documented form.

    It carries the failures before it as its causes: raise it outside of ``except``.
    """
    origin = run.origin(response.headers)
    label = LABELS[run.route.config.cloud]
    error = ServerError(
        f"The answer of {label} ({origin.model}, region {origin.region}) is not of the documented "
        f"form ({type(cause).__name__}: {str(cause)[:200]}). Is something between here and the "
        "cloud answering in its place? Check base_url and HTTPS_PROXY.",
        platform=run.route.config.cloud,
        model=origin.model,
        region=origin.region,
        status_code=response.status,
        request_id=origin.request_id,
        body=redact(response.body[:_SHOWN_BYTES].decode("utf-8", "replace")),
    )
    error.partial_message = run.paused
    return run.plan.give_up(error)
