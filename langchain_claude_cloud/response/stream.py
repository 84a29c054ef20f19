"""Decodes one streamed response.

A decoder of its framing splits the bytes into the JSON payloads of the events, and a
`ResponseStream` gives these to the accumulator and its handler. It does no I/O: sync and async
callers `feed` it whatever the network gave. No stream ends silently: what is cut, malformed or
refused in mid-stream is one of the package's exceptions, with the part of the answer that had
arrived.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from jiter import from_json

from langchain_claude_cloud import errors
from langchain_claude_cloud.errors.parsing import holds_error, load_json
from langchain_claude_cloud.errors.types import LABELS, Framing
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.framing import DECODERS, ExceptionFrameError
from langchain_claude_cloud.response.message import OutputVersion, ResponseSource, build_message

T = TypeVar("T")
ClaudeCloudErrorT = TypeVar("ClaudeCloudErrorT", bound=errors.ClaudeCloudError)

MAX_ANSWER_BYTES: Final = 64_000_000
"""No answer is larger; a server that never ends one must not fill the memory."""

_MAX_ERROR_BYTES: Final = 64_000
MALFORMED: Final = (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)
"""What the wrong kind of data makes Python raise."""


class ResponseStream(Generic[T]):
    """Decodes one response.

    Attributes:
        accumulator: The message as far as it has arrived.
        complete: Whether the message of this response is whole.
        has_emitted: Whether anything was returned: from then on nothing may be sent again. There
            is nothing to return before there is content.
    """

    def __init__(
        self,
        framing: Framing,
        accumulator: MessageAccumulator[T],
        source: ResponseSource,
        *,
        version: OutputVersion = "v0",
        redact: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """Begin.

        Args:
            framing: How the events are wrapped.
            accumulator: What the events are added to: a fresh one, or that of a paused message.
            source: Where the response comes from.
            version: The form of a partial answer's content.
            redact: Takes the request's credentials out of an error, which may quote them.
        """
        self.accumulator = accumulator
        self.complete = False
        self.has_emitted = False
        self._decoder = DECODERS[framing]()
        self._source = source
        self._version = version
        self._redact = redact
        self._size = 0
        self._has_begun = False
        self._json: bytes | None = None
        self._seen: set[str] = set()
        self._last: Sequence[T] = ()

    def feed(self, data: bytes) -> Iterator[T]:
        """Take bytes, return what they complete.

        Iterating raises a `ClaudeCloudError` if the cloud reported an error, or the bytes cannot be
        an answer.
        """
        if not self._has_begun and (first := data.lstrip()[:1]):
            self._has_begun = True
            self._json = b"" if first in b"{[<" else None  # Neither framing begins so.
        if self._json is None:
            return self._read(self._decoder.feed(data))
        self._json += data[: _MAX_ERROR_BYTES - len(self._json)]
        return iter(())

    def close(self) -> Iterator[T]:
        """Take the end of the stream, yield what it completes: the outputs of the last event.

        langchain-core stops pulling at the last v3 event: the caller lets go of the connection
        before it hands them out.

        Raises:
            StreamInterruptedError: The stream ended before the message was complete.
        """
        if self._json is not None:
            raise self._error_in_json(self._redact(self._json))
        yield from self._read(self._decoder.close())
        if not self.complete:
            raise self.interrupted("the stream ended before message_stop")
        yield from self._last

    def interrupted(self, reason: str) -> errors.StreamInterruptedError:
        """Return the exception for a stream that broke off, with the partial answer."""
        source, has_begun = self._source, bool(self.accumulator.fields)
        arrived = "What had arrived is in partial_message" if has_begun else "Nothing had arrived"
        whose = f"{LABELS[source.platform]} ({source.model}, region {source.region})"
        told = f"The answer of {whose} broke off: {reason}. {arrived}. Send the request again."
        place, request_id = source.place, source.request_id
        return self.attach(errors.StreamInterruptedError(told, **place, request_id=request_id))

    def attach(self, error: ClaudeCloudErrorT) -> ClaudeCloudErrorT:
        """Put the answer as far as it has arrived on an exception."""
        if self.accumulator.fields and error.partial_message is None:
            partial = build_message(self.accumulator, self._source, version=self._version)
            error.partial_message = partial
        return error

    def _read(self, payloads: Sequence[bytes]) -> Iterator[T]:
        for payload in payloads:
            if self.complete:
                return  # What follows is no part of the message, and may be cut off anywhere.
            self._size += len(payload)
            if self._size > MAX_ANSWER_BYTES:
                raise self.interrupted(f"it is larger than {MAX_ANSWER_BYTES:,} bytes")
            try:
                outputs = self._add(payload)
            except MALFORMED as error:  # an error that the cloud reported is none of these
                # The repr of a UnicodeDecodeError holds all the bytes.
                why = f"{type(error).__name__}: {error}"[:200]
                raise self.interrupted(f"an event is not of the documented form ({why})") from None
            if self.complete:
                self._last, self.has_emitted = outputs, self.has_emitted or bool(outputs)
                return
            for output in outputs:
                self.has_emitted = True
                yield output
        failure = None if self.complete else self._decoder.failure
        if isinstance(failure, ExceptionFrameError):
            kind, body = failure.exception_type, self._redact(failure.payload)
            raise self.attach(errors.error_from_exception_frame(kind, body, **self._source.place))
        if failure is not None:
            raise self.interrupted(str(failure))

    def _add(self, payload: bytes) -> Sequence[T]:
        try:
            event = from_json(payload)
        except ValueError:
            # jiter refuses lone surrogates, which a model may write into a string.
            event = json.loads(payload)
        kind = event.get("type") if isinstance(event, dict) else None
        # Google's front end and gateways leave out the type.
        if kind == "error" or (kind is None and holds_error(event)):
            told = load_json(self._redact(payload))
            raise self.attach(errors.error_from_event(told, **self._source.place))
        if kind is None:
            raise TypeError("not a JSON object with a type")
        if kind != "content_block_delta" or "message_start" not in self._seen:
            self._check_order(kind)
        outputs = self.accumulator.add(event)
        self.complete = kind == "message_stop"
        return outputs

    def _check_order(self, kind: str) -> None:
        is_start, has_begun = kind == "message_start", "message_start" in self._seen
        if kind.startswith(("content_block_", "message_")) and is_start == has_begun:
            what = "a second message_start came" if is_start else f"{kind} came before a start"
            raise self.interrupted(what)
        self._seen.add(kind)
        has_ending = "message_delta" in self._seen or self.accumulator.fields.get("stop_reason")
        if kind == "message_stop" and not has_ending:
            # The API never leaves it out: something between here and the cloud lost it, and
            # without the stop reason that it brings an answer that was cut looks whole.
            raise self.interrupted("message_stop came, but no message_delta before it")

    def _error_in_json(self, body: bytes) -> errors.ClaudeCloudError:
        """Return the error that came as JSON or HTML in place of a stream, with status 200."""
        if not holds_error(load_json(body)):
            told = "it is a page or a JSON value, no stream of events: check base_url, HTTPS_PROXY"
            return self.interrupted(told)
        error = errors.error_from_response(HTTPStatus.OK, {}, body, **self._source.place)
        error.request_id = error.request_id or self._source.request_id
        return self.attach(error)
