"""The content blocks of a message while they arrive, and the tool calls that they hold.

Whether the call of a client's tool is valid is decided here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.tool_arguments import (
    ArgumentsError,
    check_numbers,
    dump_arguments,
    parse_arguments,
)


class KeyRenamer(Protocol):
    """Gives the streamed arguments of one call the tool's own property keys."""

    def feed(self, fragment: str) -> str:
        """Take a fragment of the arguments, return what can be passed on."""

    def close(self) -> str:
        """Return what is still held back."""


class CallNames(Protocol):
    """The names of the tools that a request offered."""

    def own_name(self, name: str) -> str:
        """Return what the caller calls a tool that the model calls."""

    def own_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a whole call with the tool's own keys."""

    def renamer(self, own_name: str) -> KeyRenamer | None:
        """Return what renames streamed arguments of a tool; None if they have its own keys."""


Kind: TypeAlias = Literal["text", "thinking", "client_tool", "server_tool", "whole"]
ParsedToolCall: TypeAlias = ToolCall | InvalidToolCall

KINDS: Final[dict[str, Kind]] = {
    "text": "text",
    "thinking": "thinking",
    "tool_use": "client_tool",
    "server_tool_use": "server_tool",
    "mcp_tool_use": "server_tool",
}
"""How a block streams, by its type; one that is not listed comes whole."""

CUTTING_STOP_REASONS: Final = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons under which the last block may have been cut
(https://docs.claude.com/en/api/handling-stop-reasons)."""


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
        parsed_call: A client tool's call, once it is known whether it is valid.
        ended: Whether the block was closed.
        is_structured_output: Whether it is text that came as the call of
            `STRUCTURED_OUTPUT_TOOL`.
        renamer: Gives the arguments the tool's own property keys, if others were sent.
    """

    kind: Kind
    start: JsonObject
    position: int = -1
    text: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    citations: list[JsonObject] = field(default_factory=list)
    signature: str = ""
    parsed_call: ParsedToolCall | None = None
    ended: bool = False
    is_structured_output: bool = False
    renamer: KeyRenamer | None = None

    def raw_arguments(self) -> str:
        """Return the text of the arguments; those that came parsed are serialized."""
        raw = "".join(self.json)
        given = self.start.get("input")
        return dump_arguments(given) if not raw and given else raw

    def parse(self) -> ParsedToolCall:
        """Return the call of a client tool, parsed strictly: valid or invalid."""
        given = self.start.get("input")
        parsed = given if not self.json and isinstance(given, dict) else None
        name, call_id = self.start["name"], self.start["id"]
        return parse_tool_call(name, call_id, self.raw_arguments(), parsed)

    def invalid(self, reason: str) -> InvalidToolCall:
        """Return the call of a client tool as an invalid one, with its raw arguments."""
        name, call_id = self.start["name"], self.start["id"]
        return invalid_tool_call(name=name, args=self.raw_arguments(), id=call_id, error=reason)

    def wire(self) -> JsonObject:
        """Return the block as it is in a message that is not streamed."""
        if self.kind == "text":
            citations = {"citations": self.citations} if self.citations else {}
            return {**self.start, "text": "".join(self.text), **citations}
        if self.kind == "thinking":
            signature = {"signature": self.signature} if self.signature else {}
            return {**self.start, "thinking": "".join(self.text), **signature}
        if self.kind == "server_tool":
            return {**self.start, **server_input(self.raw_arguments())}
        if self.kind == "client_tool" and self.parsed_call is not None:
            return client_call(self.start, self.parsed_call)
        return dict(self.start)


def client_call(start: JsonObject, parsed_call: ParsedToolCall) -> JsonObject:
    """Return a client tool's call as content: an invalid one is never a `tool_use`.

    Args:
        start: The `tool_use` block.
        parsed_call: The same call, valid or invalid.

    LangChain rebuilds calls from content; a `tool_use` there would come back as valid.
    """
    if parsed_call["type"] == "tool_call":
        return {**start, "input": parsed_call["args"]}
    rest = {key: start[key] for key in start if key not in ("type", "id", "name", "input")}
    return {**parsed_call, **rest}


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


def parse_tool_call(
    name: str, call_id: str | None, raw: str, parsed: JsonObject | None = None
) -> ParsedToolCall:
    """Parse a client tool's arguments strictly: its call, valid or invalid.

    Args:
        name: The tool's name.
        call_id: The call's id.
        raw: The text of the arguments.
        parsed: The arguments, if they came parsed.
    """
    try:
        if parsed is None:
            parsed = parse_arguments(raw)
        else:
            check_numbers(parsed)
    except ArgumentsError as error:
        return invalid_tool_call(name=name, args=raw, id=call_id, error=str(error))
    return tool_call(name=name, args=parsed, id=call_id)
