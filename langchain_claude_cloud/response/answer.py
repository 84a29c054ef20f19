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
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_claude_cloud._types import JsonObject
from langchain_claude_cloud.response.arguments import (
    ArgumentsError,
    dump_arguments,
    parse_arguments,
)
from langchain_claude_cloud.response.usage import fold_usage

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

Kind: TypeAlias = Literal["text", "thinking", "client_tool", "server_tool", "whole"]
Verdict: TypeAlias = ToolCall | InvalidToolCall

_KINDS: Final[dict[str, Kind]] = {
    "text": "text",
    "thinking": "thinking",
    "tool_use": "client_tool",
    "server_tool_use": "server_tool",
    "mcp_tool_use": "server_tool",
}
_CUT: Final = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons under which the last block may have been cut."""


@dataclass(slots=True, eq=False)
class Block:
    """One content block as far as it has arrived.

    Attributes:
        kind: How the block streams; ``whole`` is anything that comes in one piece.
        start: The block as it was announced, without what is null.
        position: Its place among the blocks that have something to show; -1 before.
        text: Fragments of text or thinking.
        json: Fragments of a tool's arguments.
        citations: Citations of a text block.
        signature: The signature of a thinking block.
        verdict: A client tool's call, once it is known to be valid or invalid.
        ended: Whether the block was closed.
    """

    kind: Kind
    start: JsonObject
    position: int = -1
    text: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    citations: list[JsonObject] = field(default_factory=list)
    signature: str = ""
    verdict: Verdict | None = None
    ended: bool = False

    def raw_arguments(self) -> str:
        """Return the text of the arguments; those that came parsed are serialized."""
        raw = "".join(self.json)
        given = self.start.get("input")
        return dump_arguments(given) if not raw and given else raw

    def wire(self) -> JsonObject:
        """Return the block as the API gives it in a message that is not streamed."""
        if self.kind == "text":
            citations = {"citations": self.citations} if self.citations else {}
            return {**self.start, "text": "".join(self.text), **citations}
        if self.kind == "thinking":
            signature = {"signature": self.signature} if self.signature else {}
            return {**self.start, "thinking": "".join(self.text), **signature}
        if self.kind == "server_tool":
            return {**self.start, **server_input(self.raw_arguments())}
        if self.kind == "client_tool" and self.verdict is not None:
            return client_call(self.start, self.verdict)
        return dict(self.start)


def client_call(start: JsonObject, verdict: Verdict) -> JsonObject:
    """Return a client tool's call as content: an invalid one is never a `tool_use`.

    Args:
        start: The `tool_use` block.
        verdict: What became of it.

    LangChain rebuilds calls from content; a `tool_use` there would come back as valid.
    """
    if verdict["type"] == "tool_call":
        return {**start, "input": verdict["args"]}
    rest = {key: start[key] for key in start if key not in ("type", "id", "name", "input")}
    return {**verdict, **rest}


def server_input(raw: str) -> JsonObject:
    """Return a server tool's input; text that does not parse is kept beside an empty one.

    Args:
        raw: The text of the arguments.

    Returns:
        ``input``, and ``partial_json`` if the text is not whole: keys of the block.
    """
    try:
        return {"input": parse_arguments(raw)}
    except ArgumentsError:
        return {"input": {}, "partial_json": raw}


class Sink(Protocol[T_co]):
    """Writes an answer in some form; each method returns what there is to hand out."""

    def begin(self, answer: Answer) -> Sequence[T_co]:
        """The message started."""

    def open(self, block: Block) -> Sequence[T_co]:
        """A block that is not empty started."""

    def text(self, block: Block, text: str) -> Sequence[T_co]:
        """Text or thinking was added."""

    def arguments(self, block: Block, fragment: str) -> Sequence[T_co]:
        """A tool's arguments grew."""

    def citation(self, block: Block, citation: JsonObject) -> Sequence[T_co]:
        """A citation was added to a text block."""

    def close(self, block: Block) -> Sequence[T_co]:
        """A block ended; a client tool has its verdict, unless that waits for the stop reason."""

    def end(self, answer: Answer, settled: Sequence[Block]) -> Sequence[T_co]:
        """The message ended; ``settled`` are the blocks whose end or verdict came only now."""


class _Silent:
    """A sink for when only the fold matters."""

    def begin(self, answer: Answer) -> Sequence[None]:
        del answer
        return ()

    def open(self, block: Block) -> Sequence[None]:
        del block
        return ()

    def text(self, block: Block, text: str) -> Sequence[None]:
        del block, text
        return ()

    def arguments(self, block: Block, fragment: str) -> Sequence[None]:
        del block, fragment
        return ()

    def citation(self, block: Block, citation: JsonObject) -> Sequence[None]:
        del block, citation
        return ()

    def close(self, block: Block) -> Sequence[None]:
        del block
        return ()

    def end(self, answer: Answer, settled: Sequence[Block]) -> Sequence[None]:
        del answer, settled
        return ()


SILENT: Final[Sink[None]] = _Silent()
"""A sink for when only the fold matters."""


class Answer:
    """The fold of one stream's events.

    Attributes:
        message: The fields of `message_start` and `message_delta`, laid over each other.
        usage: Usage, folded the same way.
        blocks: The content blocks that have something to show, in order.
        complete: Whether `message_stop` arrived.
    """

    def __init__(self) -> None:
        self.message: JsonObject = {}
        self.usage: JsonObject = {}
        self.blocks: list[Block] = []
        self.complete = False
        self._by_index: dict[object, Block] = {}

    @classmethod
    def of_message(cls, message: JsonObject) -> Answer:
        """Return the answer that a message which was not streamed holds.

        Under a stop reason that cuts, the last call is invalid: the API closes what it cut,
        so nothing tells a whole input from half of one.

        Raises:
            KeyError, TypeError, AttributeError: The message is not of the documented form.
        """
        answer = cls()
        answer.fold({"type": "message_start", "message": message}, SILENT)
        last = answer.blocks[-1] if answer.blocks else None
        if last and last.kind == "client_tool" and answer.stop_reason in _CUT:
            last.verdict = None
        answer.settle()
        answer.complete = True
        return answer

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
        if self.stop_reason in _CUT:
            return invalid(block, f"truncated: the answer was cut by {self.stop_reason}")
        if not block.ended:
            return invalid(block, "truncated: the block never ended")
        return judge(block)

    def _message_start(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        message = event["message"]
        self.message = {key: value for key, value in message.items() if key != "content"}
        self.usage = fold_usage({}, message.get("usage"))
        said = list(sink.begin(self))
        for number, block in enumerate(message.get("content") or ()):
            index = f"message_start/{number}"
            said += self._block_start({"index": index, "content_block": block}, sink)
            said += self._block_stop({"index": index}, sink)
        return said

    def _block_start(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        announced = event["content_block"]
        kind = _KINDS.get(announced["type"], "whole")
        start = {key: value for key, value in announced.items() if value is not None}
        block = Block(kind, start)
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
        block.citations.append(citation)
        return [*self._show(block, sink), *sink.citation(block, citation)]

    def _block_delta(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        delta = event["delta"]
        kind = delta["type"]
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

    @staticmethod
    def _arguments(block: Block, fragment: str, sink: Sink[T]) -> Sequence[T]:
        if not fragment:
            return ()
        block.json.append(_string(fragment))
        return sink.arguments(block, fragment)

    def _block_stop(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        if block.ended:
            return ()
        block.ended = True
        if block.kind == "client_tool" and (block.json or block.start.get("input")):
            block.verdict = judge(block)
        return sink.close(block) if block.position >= 0 else ()

    def _message_delta(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        del sink
        news = {**{key: event[key] for key in event if key not in _ENVELOPE}, **event["delta"]}
        self.message.update({key: value for key, value in news.items() if value is not None})
        self.usage = fold_usage(self.usage, event.get("usage"))
        return ()

    def _message_stop(self, event: JsonObject, sink: Sink[T]) -> Sequence[T]:
        metrics = event.get("amazon-bedrock-invocationMetrics")
        if metrics:
            self.message["amazon-bedrock-invocationMetrics"] = metrics
        self.complete = True
        return sink.end(self, self.settle())


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


def judge(block: Block) -> Verdict:
    """Parse a client tool's arguments strictly: its call, valid or invalid."""
    given = block.start.get("input")
    if not block.json and isinstance(given, dict):
        return tool_call(name=block.start["name"], args=given, id=block.start["id"])
    try:
        arguments = parse_arguments(block.raw_arguments())
    except ArgumentsError as error:
        return invalid(block, str(error))
    return tool_call(name=block.start["name"], args=arguments, id=block.start["id"])


def invalid(block: Block, reason: str) -> InvalidToolCall:
    """Return the invalid call of a block, with the raw text of its arguments."""
    return invalid_tool_call(
        name=block.start["name"],
        args=block.raw_arguments(),
        id=block.start["id"],
        error=reason,
    )


def _string(value: object) -> str:
    """Return a value that must be a string, before it can get into the state."""
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


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
