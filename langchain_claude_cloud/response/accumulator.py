"""Builds up a message from the events of a stream.

This is the only place that knows how Claude's events make a message. Chunks, protocol events
and whole messages are all made from its state, which is why all paths agree. A handler receives
each event, and writes what is handed out for it.

The events: https://docs.claude.com/en/api/messages-streaming. Blocks and deltas that are not
known here are kept as they come.

If the API's own tools work for a long time, a message ends with the stop reason `pause_turn`. Sent
back unchanged, it continues in another message
(https://docs.claude.com/en/api/handling-stop-reasons). LangChain gets all of them as one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.response.blocks import KINDS, NEVER_ENDED, Block, cut_by

if TYPE_CHECKING:
    from langchain_claude_cloud.request.tool_names import ToolNames

T = TypeVar("T")

BEDROCK_PREFIX: Final = "amazon-bedrock-"
"""What the names of the fields begin with that Bedrock adds to the API's."""
GUARDRAIL_ACTION: Final = f"{BEDROCK_PREFIX}guardrailAction"
INTERVENED: Final = "INTERVENED"

_NO_FIELDS: Final = frozenset({"content", "delta", "message", "type"})
_OF_THE_FIRST: Final = frozenset({"id", "model", "role"})
_OF_THE_LAST: Final = frozenset({"stop_reason", "stop_sequence"})
_STRINGS: Final = _OF_THE_FIRST | _OF_THE_LAST
_TTL_COUNTS: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


class EventHandler(Generic[T]):
    """Is told of each event of a message.

    This one has nothing to hand out. Chunks and protocol events are written by subclasses.

    Attributes:
        outputs: What there is to hand out for the event.
    """

    outputs: list[T]

    def message_start(self, state: MessageAccumulator[T]) -> None:
        """The message's first content has come, or its end."""

    def block_start(self, block: Block) -> None:
        """A block that is not empty started."""

    def text_delta(self, block: Block, text: str) -> None:
        """Text or thinking was added to a block."""

    def arguments_delta(self, block: Block, fragment: str) -> None:
        """A tool's arguments grew."""

    def block_stop(self, block: Block) -> None:
        """A block ended.

        Whether a client tool's call is valid is known, unless that waits for the stop reason:
        then this is called again at the end of the message.
        """

    def message_stop(self, state: MessageAccumulator[T]) -> None:
        """The message ended; all its blocks have ended before."""


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

    def __init__(self, handler: EventHandler[T] | None = None, *, pauses: int = 0) -> None:
        """Begin.

        Args:
            handler: Is told of each event; None if only the message matters.
            pauses: How often the message may be continued; after that a pause ends it.
        """
        self.fields: JsonObject = {}
        self.usage: JsonObject = {}
        self.blocks: list[Block] = []
        self.is_paused = False
        self.names: ToolNames | None = None
        self._handler = handler or EventHandler()
        self._usage: JsonObject = {}
        # The blocks that have not ended, and calls that wait for what follows.
        self._open: dict[object, Block] = {}
        # Thinking that ended without a text. Models that hide it think for a long time: until there
        # is more to show than its signature, the request may go elsewhere.
        self._silent: list[Block] = []
        self._pauses_left = pauses
        # The fields, usage and number of blocks of the paused messages before the current one.
        self._paused: tuple[JsonObject, JsonObject, int] = ({}, {}, 0)

    def add_message(self, message: JsonObject) -> None:
        """Add a message that was not streamed; nothing is handed out for it.

        Under a stop reason that cuts, the last call is invalid: the API closes what it cut,
        so nothing tells a whole input from half of one.

        Raises:
            KeyError, TypeError, AttributeError, ValueError: It is not of the documented form.
        """
        if not isinstance(message["content"], list):
            raise TypeError("content is not a list")
        self._handler = EventHandler()
        self.add({"type": "message_start", "message": message})
        self._show()
        if self.blocks and cut_by(self.fields.get("stop_reason")):
            self.blocks[-1].parsed_call = None
            self._open["last"] = self.blocks[-1]
        self._message_stop()

    def add(self, event: JsonObject) -> list[T]:
        """Add an event and return what the handler hands out for it.

        Raises:
            KeyError, TypeError, AttributeError, ValueError: It is not of the documented form.
        """
        outputs = self._handler.outputs = []
        kind = event["type"]
        if kind != "content_block_delta" or len(event) > 3:  # noqa: PLR2004  type, index, delta
            self._keep({key: event[key] for key in event if key.startswith(BEDROCK_PREFIX)})
        match kind:
            case "content_block_delta":
                self._block_delta(self._open[event["index"]], event["delta"])
            case "content_block_start":
                self._block_start(event["index"], event["content_block"])
            case "content_block_stop":
                block = self._open.get(event["index"])
                if block is not None and not block.ended:  # gateways send it twice
                    self._block_stop(event["index"])
            case "message_start":
                self._message_start({**event, **event["message"]})
            case "message_delta":
                self._keep({**event, **event["delta"]})
            case "message_stop":
                self._message_stop()
        return outputs

    def finalize(self) -> None:
        """Decide of every call that is still open whether it is valid: the message is over."""
        cut = cut_by(self.fields.get("stop_reason"))
        for block in self._open.values():
            if block.kind == "client_tool":
                is_whole = block.ended and not cut
                block.parsed_call = block.parse() if is_whole else block.invalid(cut or NEVER_ENDED)

    def _message_start(self, message: JsonObject) -> None:
        self.is_paused = False
        # Of a continuation that is asked for again, what the first try brought is forgotten.
        fields, usage, blocks = self._paused
        self.fields, self.usage, self._usage = fields.copy(), usage, {}
        self._open.clear()
        self._silent.clear()
        del self.blocks[blocks:]
        self._keep(message)
        for block in message.get("content") or ():
            self._block_start("message_start", block)
            self._block_stop("message_start")

    def _keep(self, news: JsonObject) -> None:
        """Lay fields of a message over those that are known.

        Which event brings what a guardrail of Bedrock did is not documented, and later ones may
        say NONE: that it intervened once holds for the message.

        Usage comes in two places: `message_start` and `message_delta`. The values of the second
        are cumulative and differ from the first in one of five first-party streams; where it
        does not mention a count, the first still holds (Bedrock and Vertex AI only repeat
        `output_tokens`). So: a later value that is not null wins, an absent one keeps the
        earlier. Source: the API's documentation of streaming, and recorded streams.
        """
        for key, value in news.items():
            is_known = key in _OF_THE_FIRST and key in self.fields
            is_settled = is_known or self.fields.get(key) == INTERVENED
            if value is None or key in _NO_FIELDS or is_settled:
                continue
            if key == "usage":
                own = self._usage | {name: n for name, n in value.items() if n is not None}
                usage_metadata(own)  # raises if it is malformed, before it gets into the state
                self._usage, (_, paused, _) = own, self._paused
                self.usage = add_usage(paused, own) if paused else own
            else:
                self.fields[key] = _string(value) if key in _STRINGS else value

    def _block_start(self, index: object, announced: JsonObject) -> None:
        # What cuts an answer cuts its last block: a call before this one has no arguments.
        for earlier, waiting in list(self._open.items()):
            if waiting.ended:
                waiting.parsed_call = waiting.parse()
                self._block_stop(earlier)
        if index in self._open:  # by a gateway that numbers badly: the block before never ends
            self._open[object()] = self._open.pop(index)
        start = {key: value for key, value in announced.items() if value is not None}
        kind = KINDS.get(start["type"], "whole")
        block = Block(kind, start, given=start.get("input"))
        if kind in ("client_tool", "server_tool"):
            _string(start["id"])
            name = _string(start["name"])
            if self.names is not None and kind == "client_tool":
                start["name"] = self.names.own_name(name)
                block.renamer = self.names.renamer(start["name"])
            if name == STRUCTURED_OUTPUT_TOOL:
                block.kind, block.start, block.is_structured_output = "text", {"type": "text"}, True
        self._open[index] = block
        if block.kind not in ("text", "thinking"):
            self._show(block)
            return
        # What else comes by deltas.
        block.signature = _string(start.pop("signature", ""))
        citations = start.pop("citations", None) or ()
        self._text(block, _string(start.pop(block.kind, "")))
        for citation in citations:
            self._citation(block, citation)

    def _show(self, *new: Block) -> None:
        """Give blocks a place, the first time that there is something to show of them."""
        silent, self._silent = self._silent, []
        for block in (*silent, *new):
            if not self.blocks:
                self._handler.message_start(self)
            block.position = len(self.blocks)
            self.blocks.append(block)
            self._handler.block_start(block)
            if block.ended:
                self._handler.block_stop(block)

    def _text(self, block: Block, text: str) -> None:
        if text:
            block.parts.append(text)
            if block.position < 0:
                self._show(block)
            self._handler.text_delta(block, text)

    def _citation(self, block: Block, citation: JsonObject) -> None:
        block.citations.append({**citation})  # raises if it is no object
        if block.position < 0:
            self._show(block)

    def _block_delta(self, block: Block, delta: JsonObject) -> None:
        match delta["type"]:
            case "text_delta":
                self._text(block, _string(delta["text"] or ""))
            case "input_json_delta":
                self._arguments(block, _string(delta["partial_json"] or ""))
            case "thinking_delta":
                self._text(block, _string(delta["thinking"] or ""))
            case "signature_delta":
                block.signature = _string(delta["signature"] or "")
            case "citations_delta" if block.kind == "text":
                self._citation(block, delta["citation"])
            case _ if block.kind == "whole":
                block.grow(delta)

    def _arguments(self, block: Block, fragment: str) -> None:
        if block.renamer is not None:
            fragment = block.renamer.feed(fragment)
        if block.is_structured_output:
            self._text(block, fragment)
        elif fragment:
            block.parts.append(fragment)
            self._handler.arguments_delta(block, fragment)

    def _block_stop(self, index: object) -> None:
        """End a block; a call without arguments waits for what follows."""
        block = self._open[index]
        if block.given and not block.parts:
            self._arguments(block, block.raw_arguments())
        if block.renamer is not None:
            held, block.renamer = block.renamer.close(), None
            self._arguments(block, held)
        if block.is_structured_output and not block.parts:
            self._text(block, "{}")
        is_call = block.kind == "client_tool"
        if is_call and block.parts and block.parsed_call is None:
            block.parsed_call = block.parse()
        block.ended = True
        if not is_call or block.parsed_call is not None:
            del self._open[index]
        if block.position >= 0:
            self._handler.block_stop(block)
        elif block.kind == "thinking":
            self._silent.append(block)

    def _message_stop(self) -> None:
        self.finalize()
        for index in list(self._open):
            self._block_stop(index)
        self._show()
        stop_reason = self.fields.get("stop_reason")
        has_call = any(block.kind == "client_tool" for block in self.blocks)
        has_text_of_call = any(block.is_structured_output for block in self.blocks)
        if stop_reason == "tool_use" and has_text_of_call and not has_call:
            self.fields["stop_reason"] = "end_turn"
        # A call needs the client first; anything else the API can continue by itself.
        self.is_paused = stop_reason == "pause_turn" and self._pauses_left > 0 and not has_call
        if self.is_paused:
            self._pauses_left -= 1
            fields = {key: self.fields[key] for key in self.fields if key not in _OF_THE_LAST}
            self._paused = (fields, self.usage, len(self.blocks))
            return
        if not self.blocks:
            self._handler.message_start(self)
        self._handler.message_stop(self)


def _string(value: object) -> str:
    """Return a value that must be a string, before it can get into the state."""
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def usage_metadata(usage: JsonObject) -> UsageMetadata | None:
    """Return LangChain's view of a message's usage, or None where there is none.

    ``input_tokens`` is the whole prompt: what was read from and written to the cache
    included. Cache writes are told apart by time to live where the API does. Then
    ``cache_creation`` is what is left of the total: 0, as in langchain-anthropic, unless
    `message_delta` raised the total without a new split.
    """
    if not usage:
        return None
    cache_read = _count(usage, "cache_read_input_tokens")
    created = usage.get("cache_creation") or {}
    by_ttl = {key: _count(created, key) for key in _TTL_COUNTS}
    split = sum(by_ttl.values())
    written = _count(usage, "cache_creation_input_tokens") or split
    split = split if split <= written else 0  # that of a larger total says nothing any more
    details = {"cache_read": cache_read, "cache_creation": written - split}
    input_tokens = _count(usage, "input_tokens") + cache_read + written
    output_tokens = _count(usage, "output_tokens")
    result = UsageMetadata(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
        input_token_details=InputTokenDetails(**details, **(by_ttl if split else {})),  # type: ignore[typeddict-item]  # the keys by ttl are langchain-anthropic's addition
    )
    output_details = usage.get("output_tokens_details") or {}
    if output_details.get("thinking_tokens") is not None:
        reasoning = _count(output_details, "thinking_tokens")
        result["output_token_details"] = OutputTokenDetails(reasoning=reasoning)
    return result


def _count(usage: JsonObject, key: str) -> int:
    value = usage.get(key)
    if value is not None and type(value) is not int:
        raise TypeError(f"{key} is {value!r}, which is no count")
    return value or 0


def add_usage(one: JsonObject, other: JsonObject) -> JsonObject:
    """Return the usage of two requests together: counts are added, also nested ones.

    Of anything else, such as the service tier, the second's holds.
    """
    total = one | other
    for key in one.keys() & other.keys():
        held, value = one[key], other[key]
        if isinstance(held, dict) and isinstance(value, dict):
            total[key] = add_usage(held, value)
        elif type(value) in (int, float, list) and type(held) is type(value):
            total[key] = held + value
    return total
