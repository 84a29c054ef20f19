"""Builds up a message from the events of a stream.

This is the only place that knows how Claude's events make a message. Chunks, protocol events
and whole messages are all made from its state, which is why all paths agree. A handler is
told of each event and returns what it hands out for it.

The events: https://docs.claude.com/en/api/messages-streaming. Blocks and deltas that are not
known here are kept as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.response.blocks import (
    CUTTING_STOP_REASONS,
    KINDS,
    Block,
    CallNames,
    ParsedToolCall,
    invalid_call,
    parse_tool_call,
)
from langchain_claude_cloud.response.tool_arguments import dump_arguments
from langchain_claude_cloud.response.usage import add_usage, fold_usage

PAUSED: Final = "pause_turn"
"""The stop reason of a message that is to be sent back as it is."""

_OF_THE_FIRST: Final = frozenset({"id", "model", "type", "role"})
_OF_THE_LAST: Final = frozenset({"stop_reason", "stop_sequence"})


class PausedMessages:
    """The paused messages of one answer, and what they add up to.

    Attributes:
        count: How many there are.
        blocks: How many blocks they have that show something.
    """

    def __init__(self, limit: int) -> None:
        self.count = 0
        self.blocks = 0
        self._limit = limit
        self._message: JsonObject = {}
        self._spent: JsonObject = {}
        self._usage: JsonObject = {}

    @property
    def may_pause(self) -> bool:
        """Whether the current message may be continued."""
        return self.count < self._limit

    def pause(self, message: JsonObject, blocks: int) -> None:
        """Note that the current message is complete, and paused."""
        self.count += 1
        self.blocks = blocks
        self._message = {key: message[key] for key in message if key not in _OF_THE_LAST}
        self._spent = add_usage(self._spent, self._usage)

    def continue_with(self, fields: JsonObject) -> JsonObject:
        """Return the fields of the answer as a further message starts.

        Called again for the same message, it forgets what the first try brought.

        Args:
            fields: What the message starts with.
        """
        self._usage = {}
        if not self.count:
            return fields
        news = {key: fields[key] for key in fields if key not in _OF_THE_FIRST}
        return {**self._message, **{key: value for key, value in news.items() if value is not None}}

    def add_usage(self, report: JsonObject | None) -> JsonObject:
        """Return the usage of all messages, after a further report of the current one.

        Every message is a request, and billed as one: their counts add up.
        """
        self._usage = fold_usage(self._usage, report)
        return add_usage(self._spent, self._usage) if self._spent else self._usage


T = TypeVar("T")

BEDROCK_PREFIX: Final = "amazon-bedrock-"
"""What the names of the fields begin with that Bedrock adds to the API's."""
GUARDRAIL_ACTION: Final = f"{BEDROCK_PREFIX}guardrailAction"
INTERVENED: Final = "INTERVENED"


@dataclass(slots=True, eq=False)
class MessageState:
    """A message as far as it has arrived.

    Attributes:
        fields: The fields of `message_start` and `message_delta`, laid over each other.
        usage: Usage, merged the same way.
        blocks: The content blocks that have something to show, in order.
    """

    fields: JsonObject = field(default_factory=dict)
    usage: JsonObject = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped, as far as it is known."""
        return self.fields.get("stop_reason")

    @property
    def guardrail_intervened(self) -> bool:
        """Whether Bedrock's guardrail blocked or changed something."""
        return self.fields.get(GUARDRAIL_ACTION) == INTERVENED

    def finalize(self) -> list[Block]:
        """Decide of every call that is still open whether it is valid: the message is over.

        Returns:
            The blocks that had not ended, or whose call was not decided yet.
        """
        undecided = [
            block
            for block in self.blocks
            if not block.ended or (block.kind == "client_tool" and block.parsed_call is None)
        ]
        for block in undecided:
            if block.kind == "client_tool":
                block.parsed_call = self._parse_open_call(block)
        return undecided

    def _parse_open_call(self, block: Block) -> ParsedToolCall:
        if self.stop_reason in CUTTING_STOP_REASONS:
            return invalid_call(block, f"truncated: the answer was cut by {self.stop_reason}")
        if not block.ended:
            return invalid_call(block, "truncated: the block never ended")
        return parse_tool_call(block)


class EventHandler(Generic[T]):
    """Is told of each event of a message; each method returns what there is to hand out.

    This one has nothing to hand out. Chunks and protocol events are written by subclasses.
    """

    def message_start(self, state: MessageState) -> Sequence[T]:
        """The message started."""
        del state
        return ()

    def block_start(self, block: Block) -> Sequence[T]:
        """A block that is not empty started."""
        del block
        return ()

    def text_delta(self, block: Block, text: str) -> Sequence[T]:
        """Text or thinking was added to a block."""
        del block, text
        return ()

    def arguments_delta(self, block: Block, fragment: str) -> Sequence[T]:
        """A tool's arguments grew."""
        del block, fragment
        return ()

    def citation_delta(self, block: Block, citation: JsonObject) -> Sequence[T]:
        """A citation was added to a text block."""
        del block, citation
        return ()

    def block_stop(self, block: Block) -> Sequence[T]:
        """A block ended.

        Whether a client tool's call is valid is known, unless that waits for the stop reason.
        """
        del block
        return ()

    def message_stop(self, state: MessageState, finalized: Sequence[Block]) -> Sequence[T]:
        """The message ended; ``finalized`` are the blocks that were open or undecided."""
        del state, finalized
        return ()


IGNORE_EVENTS: Final[EventHandler[None]] = EventHandler()
"""For when only the message matters."""


class MessageAccumulator(MessageState):
    """The message that a stream's events make.

    Attributes:
        complete: Whether `message_stop` arrived.
        names: What the tools of the request are called; None if they have the caller's names.
        is_paused: Whether the API paused: the next message that is added continues this one.
    """

    __slots__ = ("_by_index", "_paused", "complete", "is_paused", "names")

    def __init__(self, *, pauses: int = 0) -> None:
        """Begin.

        Args:
            pauses: How often the message may be continued; after that a pause ends it.
        """
        super().__init__()
        self.complete = False
        self.is_paused = False
        self.names: CallNames | None = None
        self._by_index: dict[object, Block] = {}
        self._paused = PausedMessages(pauses)

    def add_message(self, message: JsonObject) -> None:
        """Add a message that was not streamed.

        Under a stop reason that cuts, the last call is invalid: the API closes what it cut,
        so nothing tells a whole input from half of one.

        Raises:
            KeyError, TypeError, AttributeError: The message is not of the documented form.
        """
        if not isinstance(message["content"], list):
            raise TypeError("content is not a list")
        self.add({"type": "message_start", "message": message}, IGNORE_EVENTS)
        last = self.blocks[-1] if self.blocks else None
        if last and last.kind == "client_tool" and self.stop_reason in CUTTING_STOP_REASONS:
            last.parsed_call = None
        self._end(IGNORE_EVENTS)

    def add(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        """Add an event and return what the handler hands out for it.

        Raises:
            KeyError, TypeError, AttributeError: The event is not of the documented form.
        """
        kind = event["type"]
        if kind != "content_block_delta" or len(event) > _FIELDS_OF_DELTA:
            self._keep_bedrock_fields(event)
        add = _METHODS.get(kind)
        return add(self, event, handler) if add else ()

    def _message_start(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        message = event["message"]
        fields = {
            key: value
            for key, value in message.items()
            if key != "content" and not key.startswith(BEDROCK_PREFIX)
        }
        self.complete = self.is_paused = False
        self._by_index.clear()
        del self.blocks[self._paused.blocks :]
        self.fields = self._paused.continue_with(fields)
        self._keep_bedrock_fields(message)
        self._keep_bedrock_fields(event)
        self.usage = self._paused.add_usage(message.get("usage"))
        outputs = [] if self._paused.count else list(handler.message_start(self))
        for number, block in enumerate(message.get("content") or ()):
            index = f"message_start/{number}"
            outputs += self._block_start({"index": index, "content_block": block}, handler)
            outputs += self._block_stop({"index": index}, handler)
        return outputs

    def _block_start(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        announced = event["content_block"]
        is_structured_output = (
            announced["type"] == "tool_use" and announced["name"] == STRUCTURED_OUTPUT_TOOL
        )
        if is_structured_output:
            announced = _as_text(announced)
        kind = KINDS.get(announced["type"], "whole")
        start = {key: value for key, value in announced.items() if value is not None}
        block = Block(kind, start, is_structured_output=is_structured_output)
        if kind in ("client_tool", "server_tool"):
            _string(start["id"])
            _string(start["name"])
        if kind == "client_tool" and self.names is not None:
            _name_back(block, self.names)
        self._by_index[event["index"]] = block
        if kind in ("text", "thinking"):
            return self._start_text(block, handler)
        return self._show(block, handler)

    def _start_text(self, block: Block, handler: EventHandler[T]) -> Sequence[T]:
        outputs: list[T] = []
        key = block.kind
        text = block.start.pop(key, "")
        block.signature = _string(block.start.pop("signature", ""))
        citations = block.start.pop("citations", None) or ()
        if key == "thinking":
            outputs += self._show(block, handler)
        outputs += self._text(block, text, handler)
        for citation in citations:
            outputs += self._citation(block, citation, handler)
        return outputs

    def _show(self, block: Block, handler: EventHandler[T]) -> Sequence[T]:
        """Give a block its place, the first time that there is something to show of it."""
        if block.position >= 0:
            return ()
        block.position = len(self.blocks)
        self.blocks.append(block)
        return handler.block_start(block)

    def _text(self, block: Block, text: str, handler: EventHandler[T]) -> Sequence[T]:
        if not text:
            return ()
        block.text.append(_string(text))
        if block.position >= 0:
            return handler.text_delta(block, text)
        return [*self._show(block, handler), *handler.text_delta(block, text)]

    def _citation(
        self, block: Block, citation: JsonObject, handler: EventHandler[T]
    ) -> Sequence[T]:
        if not isinstance(citation, dict):
            raise TypeError(f"a citation is an object, not {type(citation).__name__}")
        block.citations.append(citation)
        return [*self._show(block, handler), *handler.citation_delta(block, citation)]

    def _block_delta(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        delta = event["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            return self._text(block, delta["text"], handler)
        if kind == "input_json_delta":
            return self._arguments(block, delta["partial_json"], handler)
        if kind == "thinking_delta":
            return self._text(block, delta["thinking"], handler)
        if kind == "signature_delta":
            block.signature = _string(delta["signature"])
        elif kind == "citations_delta":
            return self._citation(block, delta["citation"], handler)
        elif block.kind == "whole":
            _grow(block.start, delta)
        return ()

    def _arguments(self, block: Block, fragment: str, handler: EventHandler[T]) -> Sequence[T]:
        if block.is_structured_output:
            return self._text(block, fragment, handler)
        if block.renamer is not None:
            fragment = block.renamer.feed(_string(fragment))
        if not fragment:
            return ()
        block.json.append(_string(fragment))
        return handler.arguments_delta(block, fragment)

    def _block_stop(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        block = self._by_index[event["index"]]
        return () if block.ended else self._close(block, handler)

    def _close(self, block: Block, handler: EventHandler[T]) -> Sequence[T]:
        held = block.renamer.close() if block.renamer is not None else ""
        block.renamer = None
        outputs: Sequence[T] = self._arguments(block, held, handler)
        block.ended = True
        if block.kind == "client_tool" and (block.json or block.start.get("input")):
            block.parsed_call = parse_tool_call(block)
        elif block.is_structured_output and not block.text:
            outputs = [*outputs, *self._text(block, "{}", handler)]
        return [*outputs, *handler.block_stop(block)] if block.position >= 0 else ()

    def _message_delta(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        del handler
        news = {**{key: event[key] for key in event if key not in _ENVELOPE}, **event["delta"]}
        more = {key: value for key, value in news.items() if not key.startswith(BEDROCK_PREFIX)}
        self.fields.update({key: value for key, value in more.items() if value is not None})
        self.usage = self._paused.add_usage(event.get("usage"))
        return ()

    def _message_stop(self, event: JsonObject, handler: EventHandler[T]) -> Sequence[T]:
        del event
        return self._end(handler)

    def _keep_bedrock_fields(self, event: JsonObject) -> None:
        """Keep what Bedrock says beside an event: its metrics, what a guardrail did.

        Which event brings the guardrail's action is not documented, and later ones may say
        NONE: that it intervened once holds for the message.
        """
        for key, value in event.items():
            if not key.startswith(BEDROCK_PREFIX) or value is None:
                continue
            if key != GUARDRAIL_ACTION or self.fields.get(key) != INTERVENED:
                self.fields[key] = value

    def _end(self, handler: EventHandler[T]) -> Sequence[T]:
        self.complete = True
        if self.stop_reason == "tool_use" and any(
            block.is_structured_output for block in self.blocks
        ):
            called = any(block.kind == "client_tool" for block in self.blocks)
            self.fields["stop_reason"] = "tool_use" if called else "end_turn"
        finalized = self.finalize()
        self.is_paused = self._may_continue()
        if self.is_paused:
            self._paused.pause(self.fields, len(self.blocks))
            return [outputs for block in finalized for outputs in self._close(block, handler)]
        return handler.message_stop(self, finalized)

    def _may_continue(self) -> bool:
        """Whether the API can continue by itself: a client's tool needs the client first."""
        if self.stop_reason != PAUSED or not self._paused.may_pause:
            return False
        return all(block.kind != "client_tool" for block in self.blocks[self._paused.blocks :])


_FIELDS_OF_DELTA: Final = 3
_ENVELOPE: Final = frozenset({"type", "delta", "usage"})

_Method: TypeAlias = Callable[[MessageAccumulator, JsonObject, EventHandler[T]], Sequence[T]]
_METHODS: Final[dict[str, _Method]] = {  # type: ignore[type-arg]  # generic in what the handler hands out
    "message_start": MessageAccumulator._message_start,  # noqa: SLF001 - the table of the class above
    "content_block_start": MessageAccumulator._block_start,  # noqa: SLF001
    "content_block_delta": MessageAccumulator._block_delta,  # noqa: SLF001
    "content_block_stop": MessageAccumulator._block_stop,  # noqa: SLF001
    "message_delta": MessageAccumulator._message_delta,  # noqa: SLF001
    "message_stop": MessageAccumulator._message_stop,  # noqa: SLF001
}


def _string(value: object) -> str:
    """Return a value that must be a string, before it can get into the state."""
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def _name_back(block: Block, names: CallNames) -> None:
    """Give a call the name and the property keys that the caller knows."""
    name = block.start["name"] = names.own_name(block.start["name"])
    given = block.start.get("input")
    if isinstance(given, dict) and given:
        block.start["input"] = names.own_input(name, given)
    block.renamer = names.renamer(name)


def _as_text(call: JsonObject) -> JsonObject:
    """Return the call of the tool that stands in for structured output as the text it is."""
    given = call.get("input")
    return {"type": "text", "text": dump_arguments(given) if given else ""}


def _grow(start: JsonObject, delta: JsonObject) -> None:
    """Lay a delta of a block that is kept whole over it.

    A `compaction_delta` replaces what the block outputs, as the vendor's SDK does; text of
    deltas that nobody knows yet is appended.
    """
    replaces = delta["type"] == "compaction_delta"
    for key, value in delta.items():
        if key == "type" or value is None:
            continue
        held = start.get(key)
        appends = isinstance(held, str) and isinstance(value, str) and not replaces
        start[key] = held + value if appends else value
