"""Builds up a message from the events of a stream.

This is the only place that knows how Claude's events make a message. Chunks, protocol events
and whole messages are all made from its state, which is why all paths agree. A handler receives
each event and returns its output for it.

The events: https://docs.claude.com/en/api/messages-streaming. Blocks and deltas that are not
known here are kept as they come.

If the API's own tools work for a long time, a message ends with the stop reason `pause_turn`. Sent
back unchanged, it continues in another message
(https://docs.claude.com/en/api/handling-stop-reasons). LangChain gets all of them as one answer.
"""
# ruff: noqa: ARG002 - the handler that has nothing to hand out does not use what it is told.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.response.blocks import (
    CUTTING_STOP_REASONS,
    KINDS,
    Block,
    dump_arguments,
)

if TYPE_CHECKING:
    from langchain_claude_cloud.request.tools import ToolNames

T = TypeVar("T")

BEDROCK_PREFIX: Final = "amazon-bedrock-"
"""What the names of the fields begin with that Bedrock adds to the API's."""
GUARDRAIL_ACTION: Final = f"{BEDROCK_PREFIX}guardrailAction"
INTERVENED: Final = "INTERVENED"

PAUSED: Final = "pause_turn"
"""The stop reason of a message that is to be sent back as it is."""

_NO_FIELDS: Final = frozenset({"content", "delta", "type"})
_OF_THE_FIRST: Final = frozenset({"id", "model", "role"})
_OF_THE_LAST: Final = frozenset({"stop_reason", "stop_sequence"})
_FIELDS_OF_DELTA: Final = 3
_ADDED: Final = frozenset({int, float, list})
_TEXT_OF_DELTA: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}


class EventHandler(Generic[T]):
    """Is told of each event of a message; each method returns what there is to hand out.

    This one has nothing to hand out. Chunks and protocol events are written by subclasses.
    """

    def message_start(self, state: MessageAccumulator[T]) -> Sequence[T]:
        """The message's first content has come, or its end."""
        return ()

    def block_start(self, block: Block) -> Sequence[T]:
        """A block that is not empty started."""
        return ()

    def text_delta(self, block: Block, text: str) -> Sequence[T]:
        """Text or thinking was added to a block."""
        return ()

    def arguments_delta(self, block: Block, fragment: str) -> Sequence[T]:
        """A tool's arguments grew."""
        return ()

    def citation_delta(self, block: Block, citation: JsonObject) -> Sequence[T]:
        """A citation was added to a text block."""
        return ()

    def block_stop(self, block: Block) -> Sequence[T]:
        """A block ended.

        Whether a client tool's call is valid is known, unless that waits for the stop reason:
        then this is called again at the end of the message.
        """
        return ()

    def message_stop(self, state: MessageAccumulator[T]) -> Sequence[T]:
        """The message ended; all its blocks have ended before."""
        return ()


IGNORE_EVENTS: Final[EventHandler[Any]] = EventHandler()
"""For when only the message matters."""


class MessageAccumulator(Generic[T]):
    """A message as far as it has arrived.

    Attributes:
        fields: The fields of `message_start` and `message_delta`, laid over each other.
        usage: Usage, laid over each other the same way. Each message of a paused answer is a
            request, and billed as one: their counts add up.
        blocks: The content blocks that have something to show, in order.
        is_paused: Whether the API paused: the next message that is added continues this one.
        names: What the tools of the request are called; None if they have the caller's names.
    """

    def __init__(self, handler: EventHandler[T] = IGNORE_EVENTS, *, pauses: int = 0) -> None:
        """Begin.

        Args:
            handler: Is told of each event.
            pauses: How often the message may be continued; after that a pause ends it.
        """
        self.fields: JsonObject = {}
        self.usage: JsonObject = {}
        self.blocks: list[Block] = []
        self.is_paused = False
        self.names: ToolNames | None = None
        self._handler = handler
        self._outputs: list[T] = []
        self._by_index: dict[object, Block] = {}
        # Thinking that has no text so far. Models that hide it think for a long time: until there
        # is more to show than its signature, the request may go elsewhere.
        self._silent: list[Block] = []
        self._pauses_left = pauses
        # What the messages before the current one add up to, if they were paused.
        self._paused_fields: JsonObject = {}
        self._paused_usage: JsonObject = {}
        self._paused_blocks = 0
        self._own_usage: JsonObject = {}

    def add_message(self, message: JsonObject) -> None:
        """Add a message that was not streamed; nothing is handed out for it.

        Under a stop reason that cuts, the last call is invalid: the API closes what it cut,
        so nothing tells a whole input from half of one.

        Raises:
            KeyError, TypeError, AttributeError: The message is not of the documented form.
        """
        if not isinstance(message["content"], list):
            raise TypeError("content is not a list")
        self._handler = IGNORE_EVENTS
        self.add({"type": "message_start", "message": message})
        self._show()
        if self.blocks and self.fields.get("stop_reason") in CUTTING_STOP_REASONS:
            self.blocks[-1].parsed_call = None
        self._message_stop()

    def add(self, event: JsonObject) -> Sequence[T]:
        """Add an event and return what the handler hands out for it.

        Raises:
            KeyError, TypeError, AttributeError: The event is not of the documented form.
        """
        self._outputs = []
        kind = event["type"]
        if kind != "content_block_delta" or len(event) > _FIELDS_OF_DELTA:
            self._keep(event, BEDROCK_PREFIX)
        match kind:
            case "content_block_delta":
                self._block_delta(self._by_index[event["index"]], event["delta"])
            case "content_block_start":
                self._block_start(event["index"], event["content_block"])
            case "content_block_stop":
                block = self._by_index[event["index"]]
                if not block.ended:
                    self._block_stop(block)
            case "message_start":
                self._message_start(event)
            case "message_delta":
                self._keep({**event, **event["delta"]})
            case "message_stop":
                self._message_stop()
        return self._outputs

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
        stop_reason = self.fields.get("stop_reason")
        is_cut = stop_reason in CUTTING_STOP_REASONS
        why = f"the answer was cut by {stop_reason}" if is_cut else "the block never ended"
        for block in undecided:
            if block.kind == "client_tool":
                is_whole = block.ended and not is_cut
                block.parsed_call = (
                    block.parse() if is_whole else block.invalid(f"truncated: {why}")
                )
        return undecided

    def _message_start(self, event: JsonObject) -> None:
        message = event["message"]
        self.is_paused = False
        self._by_index.clear()
        self._silent.clear()
        # Of a continuation that is asked for again, what the first try brought is forgotten.
        del self.blocks[self._paused_blocks :]
        earlier = self._paused_fields
        first = {key: value for key, value in earlier.items() if key in _OF_THE_FIRST}
        self.fields = earlier.copy()
        self._own_usage = {}
        self.usage = self._paused_usage
        self._keep({**message, **first})
        self._keep(event, BEDROCK_PREFIX)
        for number, block in enumerate(message.get("content") or ()):
            index = f"message_start/{number}"
            self._block_start(index, block)
            self._block_stop(self._by_index[index])

    def _keep(self, news: JsonObject, prefix: str = "") -> None:
        """Lay fields of a message over those that are known.

        Args:
            news: The fields.
            prefix: What the names of the fields begin with that are kept.

        Which event brings what a guardrail of Bedrock did is not documented, and later ones may
        say NONE: that it intervened once holds for the message.

        Usage comes in two places: `message_start` and `message_delta`. The values of the second
        are cumulative and differ from the first in one of five first-party streams; where it
        does not mention a count, the first still holds (Bedrock and Vertex AI only repeat
        `output_tokens`). So: a later value that is not null wins, an absent one keeps the
        earlier. Source: the API's documentation of streaming, and recorded streams.
        """
        for key, value in news.items():
            has_intervened = key == GUARDRAIL_ACTION and self.fields.get(key) == INTERVENED
            is_other = key in _NO_FIELDS or not key.startswith(prefix)
            if value is None or is_other or has_intervened:
                continue
            if key == "usage":
                self._own_usage |= {name: n for name, n in value.items() if n is not None}
                paused, own = self._paused_usage, self._own_usage
                self.usage = add_usage(paused, own) if paused else own
            else:
                self.fields[key] = value

    def _block_start(self, index: object, announced: JsonObject) -> None:
        for before in self.blocks[-1:]:
            if before.ended and before.kind == "client_tool" and before.parsed_call is None:
                # What cuts an answer cuts its last block: this call has no arguments.
                before.parsed_call = before.parse()
                self._outputs += self._handler.block_stop(before)
        given = announced.get("input")
        is_structured_output = announced.get("name") == STRUCTURED_OUTPUT_TOOL
        renamer = None
        if self.names is not None and KINDS.get(announced["type"]) == "client_tool":
            name = self.names.own_name(_string(announced["name"]))
            renamer = self.names.renamer(name)
            if isinstance(given, dict) and given:
                given = self.names.own_input(name, given)
            announced = {**announced, "name": name, "input": given}
        if is_structured_output:
            announced = {"type": "text", "text": dump_arguments(given) if given else ""}
        kind = KINDS.get(announced["type"], "whole")
        start = {key: value for key, value in announced.items() if value is not None}
        block = Block(kind, start, is_structured_output=is_structured_output, renamer=renamer)
        if kind in ("client_tool", "server_tool"):
            _string(start["id"])
            _string(start["name"])
        self._by_index[index] = block
        if kind not in ("text", "thinking"):
            self._show(block)
            return
        self._silent += [block] if kind == "thinking" else []
        # What else comes by deltas.
        block.signature = _string(start.pop("signature", ""))
        citations = start.pop("citations", None) or ()
        self._text(block, _string(start.pop(kind, "")))
        for citation in citations:
            self._citation(block, citation)

    def _show(self, *new: Block) -> None:
        """Give blocks a place, the first time that there is something to show of them.

        Thinking without a text that came before them has its place before theirs.
        """
        silent = [block for block in self._silent if block not in new]
        self._silent = []
        for block in (*silent, *new):
            if not self.blocks:
                self._outputs += self._handler.message_start(self)
            block.position = len(self.blocks)
            self.blocks.append(block)
            self._outputs += self._handler.block_start(block)
            if block.ended:
                self._outputs += self._handler.block_stop(block)

    def _text(self, block: Block, text: str) -> None:
        if text:
            block.text.append(text)
            if block.position < 0:
                self._show(block)
            self._outputs += self._handler.text_delta(block, text)

    def _citation(self, block: Block, citation: JsonObject) -> None:
        if not isinstance(citation, dict):
            raise TypeError(f"a citation is an object, not {type(citation).__name__}")
        block.citations.append(citation)
        if block.position < 0:
            self._show(block)
        self._outputs += self._handler.citation_delta(block, citation)

    def _block_delta(self, block: Block, delta: JsonObject) -> None:
        kind = delta["type"]
        key = _TEXT_OF_DELTA.get(kind)
        if key is not None:
            text = _string(delta[key] or "")
            if key == "signature":
                block.signature = text
            elif key == "partial_json":
                self._arguments(block, text)
            else:
                self._text(block, text)
        elif kind == "citations_delta":
            self._citation(block, delta["citation"])
        elif block.kind == "whole":
            _grow(block.start, delta)

    def _arguments(self, block: Block, fragment: str) -> None:
        if block.renamer is not None:
            fragment = block.renamer.feed(fragment)
        if block.is_structured_output:
            self._text(block, fragment)
        elif fragment:
            block.json.append(fragment)
            self._outputs += self._handler.arguments_delta(block, fragment)

    def _block_stop(self, block: Block) -> None:
        held = block.renamer.close() if block.renamer is not None else ""
        block.renamer = None
        self._arguments(block, held)
        if block.is_structured_output and not block.text:
            self._text(block, "{}")
        is_tool = block.kind in ("client_tool", "server_tool")
        came_whole = is_tool and not block.json and block.start.get("input")
        if came_whole and not block.ended:
            self._outputs += self._handler.arguments_delta(block, block.raw_arguments())
        if block.kind == "client_tool" and block.parsed_call is None and (came_whole or block.json):
            block.parsed_call = block.parse()
        block.ended = True
        if block.position >= 0:
            self._outputs += self._handler.block_stop(block)

    def _message_stop(self) -> None:
        self._show()
        stop_reason = self.fields.get("stop_reason")
        has_call = any(block.kind == "client_tool" for block in self.blocks)
        has_text_of_call = any(block.is_structured_output for block in self.blocks)
        if stop_reason == "tool_use" and has_text_of_call and not has_call:
            self.fields["stop_reason"] = "end_turn"
        for block in self.finalize():
            self._block_stop(block)
        # A call needs the client first; anything else the API can continue by itself.
        self.is_paused = stop_reason == PAUSED and self._pauses_left > 0 and not has_call
        if self.is_paused:
            self._pauses_left -= 1
            self._paused_blocks = len(self.blocks)
            self._paused_fields = {k: v for k, v in self.fields.items() if k not in _OF_THE_LAST}
            self._paused_usage = self.usage
            return
        if not self.blocks:
            self._outputs += self._handler.message_start(self)
        self._outputs += self._handler.message_stop(self)


def _string(value: object) -> str:
    """Return a value that must be a string, before it can get into the state."""
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


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


def add_usage(one: JsonObject, other: JsonObject) -> JsonObject:
    """Return the usage of two requests together: counts are added, also nested ones.

    Of anything else, such as the service tier, the second's holds.
    """
    total = dict(one)
    for key, value in other.items():
        held = one.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            total[key] = add_usage(held, value)
        elif type(value) in _ADDED and type(held) is type(value):
            total[key] = one[key] + value
        else:
            total[key] = value
    return total
