"""Events of one answer in, the state of its content blocks out.

`Answer` is the only place that knows how Claude's events build up a message: chunks,
protocol events and whole messages are written from it by sinks, which is why all paths
agree. A sink is told what happened (`open`, `text`, `arguments`, `close`, ...) and returns
what it has to say about it.

The grammar: https://docs.claude.com/en/api/messages-streaming. Blocks and deltas that are
not known here are kept as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, TypeVar

from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.response.blocks import (
    CUTTING_STOP_REASONS,
    KINDS,
    SILENT,
    Block,
    Sink,
    Verdict,
    invalid,
    judge,
)
from langchain_claude_cloud.response.parts import PAUSED, Parts
from langchain_claude_cloud.response.tool_arguments import dump_arguments

T = TypeVar("T")


class Answer:
    """The fold of one stream's events.

    Attributes:
        message: The fields of `message_start` and `message_delta`, laid over each other.
        usage: Usage, folded the same way.
        blocks: The content blocks that have something to show, in order.
        complete: Whether `message_stop` arrived.
        is_paused: Whether what arrived is complete, but the model has not had its say: the
            next message that is folded goes on with this answer.
    """

    def __init__(self, *, pauses: int = 0) -> None:
        """Begin.

        Args:
            pauses: How often the answer may be paused; after that it ends with the pause.
        """
        self.message: JsonObject = {}
        self.usage: JsonObject = {}
        self.blocks: list[Block] = []
        self.complete = False
        self.is_paused = False
        self._by_index: dict[object, Block] = {}
        self._parts = Parts(pauses)

    @classmethod
    def of_message(cls, message: JsonObject) -> Answer:
        """Return the answer that a message which was not streamed holds.

        Raises:
            KeyError, TypeError, AttributeError: See `take`.
        """
        answer = cls()
        answer.take(message)
        return answer

    def take(self, message: JsonObject) -> None:
        """Take in a message that was not streamed.

        Under a stop reason that cuts, the last call is invalid: the API closes what it cut,
        so nothing tells a whole input from half of one.

        Raises:
            KeyError, TypeError, AttributeError: The message is not of the documented form.
        """
        if not isinstance(message["content"], list):
            raise TypeError("content is not a list")
        self.fold({"type": "message_start", "message": message}, SILENT)
        last = self.blocks[-1] if self.blocks else None
        if last and last.kind == "client_tool" and self.stop_reason in CUTTING_STOP_REASONS:
            last.verdict = None
        self._end(SILENT)

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped, as far as it is known."""
        return self.message.get("stop_reason")

    def fold(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        """Take one event in, return what the sink says about it.

        Raises:
            KeyError, TypeError, AttributeError: The event is not of the documented form.
        """
        handler = _HANDLERS.get(event["type"])
        return handler(self, event, sink) if handler else ()

    def settle(self) -> list[Block]:
        """Give a verdict to every call that has none yet, as the message is over.

        Returns:
            The blocks that were still open or undecided.
        """
        undecided = [
            block
            for block in self.blocks
            if not block.ended or (block.kind == "client_tool" and block.verdict is None)
        ]
        for block in undecided:
            if block.kind == "client_tool":
                block.verdict = self._last_verdict(block)
        return undecided

    def _last_verdict(self, block: Block) -> Verdict:
        if self.stop_reason in CUTTING_STOP_REASONS:
            return invalid(block, f"truncated: the answer was cut by {self.stop_reason}")
        if not block.ended:
            return invalid(block, "truncated: the block never ended")
        return judge(block)

    def _message_start(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        message = event["message"]
        fields = {key: value for key, value in message.items() if key != "content"}
        self.complete = self.is_paused = False
        self._by_index.clear()
        del self.blocks[self._parts.blocks :]
        self.message = self._parts.go_on(fields)
        self.usage = self._parts.add_usage(message.get("usage"))
        said = [] if self._parts.count else list(sink.begin(self))
        for number, block in enumerate(message.get("content") or ()):
            index = f"message_start/{number}"
            said += self._block_start({"index": index, "content_block": block}, sink)
            said += self._block_stop({"index": index}, sink)
        return said

    def _block_start(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        announced = event["content_block"]
        stands_in = announced["type"] == "tool_use" and announced["name"] == STRUCTURED_OUTPUT_TOOL
        if stands_in:
            announced = _as_text(announced)
        kind = KINDS.get(announced["type"], "whole")
        start = {key: value for key, value in announced.items() if value is not None}
        block = Block(kind, start, stands_in=stands_in)
        if kind in ("client_tool", "server_tool"):
            _string(start["id"])
            _string(start["name"])
        self._by_index[event["index"]] = block
        if kind in ("text", "thinking"):
            return self._start_text(block, sink)
        return self._show(block, sink)

    def _start_text(self, block: Block, sink: Sink[T]) -> Sequence[T]:
        said: list[T] = []
        key = block.kind
        text = block.start.pop(key, "")
        block.signature = _string(block.start.pop("signature", ""))
        citations = block.start.pop("citations", None) or ()
        if key == "thinking":
            said += self._show(block, sink)
        said += self._text(block, text, sink)
        for citation in citations:
            said += self._citation(block, citation, sink)
        return said

    def _show(self, block: Block, sink: Sink[T]) -> Sequence[T]:
        """Give a block its place, the first time that there is something to show of it."""
        if block.position >= 0:
            return ()
        block.position = len(self.blocks)
        self.blocks.append(block)
        return sink.open(block)

    def _text(self, block: Block, text: str, sink: Sink[T]) -> Sequence[T]:
        if not text:
            return ()
        block.text.append(_string(text))
        if block.position >= 0:
            return sink.text(block, text)
        return [*self._show(block, sink), *sink.text(block, text)]

    def _citation(self, block: Block, citation: JsonObject, sink: Sink[T]) -> Sequence[T]:
        if not isinstance(citation, dict):
            raise TypeError(f"a citation is an object, not {type(citation).__name__}")
        block.citations.append(citation)
        return [*self._show(block, sink), *sink.citation(block, citation)]

    def _block_delta(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        delta = event["delta"]
        kind = delta["type"]
        if len(event) > _FIELDS_OF_DELTA:
            self._keep_more(event)
        if kind == "text_delta":
            return self._text(block, delta["text"], sink)
        if kind == "input_json_delta":
            return self._arguments(block, delta["partial_json"], sink)
        if kind == "thinking_delta":
            return self._text(block, delta["thinking"], sink)
        if kind == "signature_delta":
            block.signature = _string(delta["signature"])
        elif kind == "citations_delta":
            return self._citation(block, delta["citation"], sink)
        elif block.kind == "whole":
            _grow(block.start, delta)
        return ()

    def _arguments(self, block: Block, fragment: str, sink: Sink[T]) -> Sequence[T]:
        if block.stands_in:
            return self._text(block, fragment, sink)
        if not fragment:
            return ()
        block.json.append(_string(fragment))
        return sink.arguments(block, fragment)

    def _block_stop(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        return () if block.ended else self._close(block, sink)

    def _close(self, block: Block, sink: Sink[T]) -> Sequence[T]:
        block.ended = True
        said: Sequence[T] = ()
        if block.kind == "client_tool" and (block.json or block.start.get("input")):
            block.verdict = judge(block)
        elif block.stands_in and not block.text:
            said = self._text(block, "{}", sink)
        return [*said, *sink.close(block)] if block.position >= 0 else ()

    def _message_delta(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        del sink
        news = {**{key: event[key] for key in event if key not in _ENVELOPE}, **event["delta"]}
        self.message.update({key: value for key, value in news.items() if value is not None})
        self.usage = self._parts.add_usage(event.get("usage"))
        return ()

    def _message_stop(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        self._keep_more(event)
        return self._end(sink)

    def _keep_more(self, event: JsonObject) -> None:
        """Keep what Bedrock says beside an event: its metrics, what a guardrail did."""
        for key, value in event.items():
            if key.startswith("amazon-bedrock-") and value is not None:
                self.message[key] = value

    def _end(self, sink: Sink[T]) -> Sequence[T]:
        self.complete = True
        if self.stop_reason == "tool_use" and any(block.stands_in for block in self.blocks):
            called = any(block.kind == "client_tool" for block in self.blocks)
            self.message["stop_reason"] = "tool_use" if called else "end_turn"
        settled = self.settle()
        self.is_paused = self._may_go_on()
        if self.is_paused:
            self._parts.pause(self.message, len(self.blocks))
            return [said for block in settled for said in self._close(block, sink)]
        return sink.end(self, settled)

    def _may_go_on(self) -> bool:
        """Whether the API can go on by itself: a client's tool needs the client first."""
        if self.stop_reason != PAUSED or not self._parts.may_pause:
            return False
        return all(block.kind != "client_tool" for block in self.blocks[self._parts.blocks :])


_FIELDS_OF_DELTA: Final = 3
_ENVELOPE: Final = frozenset({"type", "delta", "usage"})

_Handler: TypeAlias = Callable[[Answer, JsonObject, Sink[T]], Sequence[T]]
_HANDLERS: Final[dict[str, _Handler]] = {  # type: ignore[type-arg]  # generic in what the sink writes
    "message_start": Answer._message_start,  # noqa: SLF001 - the table of the class above
    "content_block_start": Answer._block_start,  # noqa: SLF001
    "content_block_delta": Answer._block_delta,  # noqa: SLF001
    "content_block_stop": Answer._block_stop,  # noqa: SLF001
    "message_delta": Answer._message_delta,  # noqa: SLF001
    "message_stop": Answer._message_stop,  # noqa: SLF001
}


def _string(value: object) -> str:
    """Return a value that must be a string, before it can get into the state."""
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def _as_text(call: JsonObject) -> JsonObject:
    """Return the call of the tool that stands in for structured output as the text it is."""
    given = call.get("input")
    return {"type": "text", "text": dump_arguments(given) if given else ""}


def _grow(start: JsonObject, delta: JsonObject) -> None:
    """Lay a delta of a block that is kept whole over it.

    A `compaction_delta` replaces what the block said, as the vendor's SDK does; text of
    deltas that nobody knows yet is appended.
    """
    replaces = delta["type"] == "compaction_delta"
    for key, value in delta.items():
        if key == "type" or value is None:
            continue
        held = start.get(key)
        appends = isinstance(held, str) and isinstance(value, str) and not replaces
        start[key] = held + value if appends else value
