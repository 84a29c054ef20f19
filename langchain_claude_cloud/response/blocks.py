"""The content blocks of a message while they arrive, and the tool calls that they hold.

Whether the call of a client's tool is valid is decided here, and nowhere else. Complete arguments
must be one strictly valid JSON object: nothing that the model left out is filled in, because the
call is executed.

In chunks, blocks carry an ``index`` by which fragments find each other, and tools carry the raw
text of their arguments. `finish_content` turns that into what a whole message has, in both output
versions; a finished block stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from jiter import from_json
from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_claude_cloud.errors.types import JsonObject

if TYPE_CHECKING:
    from langchain_claude_cloud.request.tool_names import KeyRenamer

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

_CUTTING_STOP_REASONS: Final = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons under which the last block may have been cut
(https://docs.claude.com/en/api/handling-stop-reasons)."""

Content: TypeAlias = str | list[str | dict[Any, Any]]
"""The type of ``AIMessage.content``."""

NEVER_ENDED: Final = "truncated: the stream stopped before the block ended"

_MAY_OVERFLOW = re.compile(r"[0-9][eE]\+?[0-9]{2}|[0-9]{300}")
"""What a number beyond the range of a float contains, so that few texts are checked."""
_POSITION = re.compile(r" at line (\d+) column (\d+)$")


class ArgumentsError(ValueError):
    """A tool call's arguments are not one whole JSON object; the text says why."""


def parse_arguments(raw: str) -> JsonObject:
    """Parse complete arguments.

    Args:
        raw: The concatenated fragments. Empty text is what a call without arguments sends.

    Returns:
        The arguments.

    Raises:
        ArgumentsError: The text is not a JSON object by the letter of RFC 8259: cut off,
            trailing text, duplicate keys, NaN, numbers beyond the range of a float, raw control
            characters, lone surrogates, nested too deeply.
    """
    if not raw:
        return {}
    data = raw.encode("utf-8", "surrogatepass")
    try:
        value = from_json(data, partial_mode=False, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise ArgumentsError(_explain(str(error), data)) from None
    if not isinstance(value, dict):
        raise ArgumentsError(f"malformed: a JSON object was expected, not {type(value).__name__}")
    if _MAY_OVERFLOW.search(raw):
        try:
            json.dumps(value, allow_nan=False)  # The API takes no others when the call goes back.
        except ValueError:
            raise ArgumentsError("malformed: a number is beyond the range of a float") from None
    return value


def cut_by(stop_reason: object) -> str | None:
    """Return why the last call of an answer may be cut, if its stop reason says so."""
    is_cut = stop_reason in _CUTTING_STOP_REASONS
    return f"truncated: the answer was cut by {stop_reason}" if is_cut else None


def dump_arguments(value: object) -> str:
    """Serialize arguments that came parsed, as the raw text of a call that is invalid."""
    return json.dumps(value, ensure_ascii=False)


def _explain(reason: str, data: bytes) -> str:
    """Name the character where parsing stopped, as jiter names a line and a column."""
    found = _POSITION.search(reason)
    if not found:
        return f"malformed JSON: {reason}"
    line, column = int(found[1]), int(found[2])
    rest = data.split(b"\n", line - 1)[-1]
    character = len(data[: len(data) - len(rest) + column].decode("utf-8", "replace"))
    return f"malformed JSON at character {character}: {reason[: found.start()]}"


@dataclass(slots=True, eq=False)
class Block:
    """One content block as far as it has arrived.

    Attributes:
        kind: How the block streams; ``whole`` is anything that comes in one piece.
        start: The block as it was announced, without what is null.
        given: The arguments that it was announced with.
        position: Its place among the blocks that have something to show; -1 before.
        parts: Fragments of text, of thinking, or of a tool's arguments.
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
    given: object = None
    position: int = -1
    parts: list[str] = field(default_factory=list)
    citations: list[JsonObject] = field(default_factory=list)
    signature: str = ""
    parsed_call: ParsedToolCall | None = None
    ended: bool = False
    is_structured_output: bool = False
    renamer: KeyRenamer | None = None

    def raw_arguments(self) -> str:
        """Return a tool's arguments as text: as far as they streamed, or as announced."""
        return "".join(self.parts) or (dump_arguments(self.given) if self.given else "")

    def parse(self) -> ParsedToolCall:
        """Return the call of a client tool, parsed strictly: valid or invalid."""
        try:
            arguments = parse_arguments(self.raw_arguments())
        except ArgumentsError as error:
            return self.invalid(str(error))
        return tool_call(name=self.start["name"], args=arguments, id=self.start["id"])

    def invalid(self, reason: str) -> InvalidToolCall:
        """Return the call of a client tool as an invalid one, with its raw arguments."""
        name, call_id = self.start["name"], self.start["id"]
        return invalid_tool_call(name=name, args=self.raw_arguments(), id=call_id, error=reason)

    def grow(self, delta: JsonObject) -> None:
        """Lay a delta over a block that is kept whole.

        A `compaction_delta` replaces what the block outputs, as the vendor's SDK does; text of
        deltas that nobody knows yet is appended.
        """
        replaces = delta["type"] == "compaction_delta"
        for key, value in delta.items():
            if key == "type" or value is None:
                continue
            held = self.start.get(key)
            appends = isinstance(held, str) and isinstance(value, str) and not replaces
            self.start[key] = held + value if appends else value

    def wire(self) -> JsonObject:
        """Return the block as it is in a message that is not streamed."""
        if self.kind == "text":
            citations = {"citations": self.citations} if self.citations else {}
            return {**self.start, "text": "".join(self.parts), **citations}
        if self.kind == "thinking":
            signature = {"signature": self.signature} if self.signature else {}
            return {**self.start, "thinking": "".join(self.parts), **signature}
        if self.kind == "server_tool":
            return {**self.start, **server_input(self.raw_arguments())}
        if self.kind == "client_tool" and self.parsed_call is not None:
            return client_call(self.start, self.parsed_call)
        return dict(self.start)


def split_calls(parsed: Sequence[ParsedToolCall]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Sort calls into the valid and the invalid ones."""
    calls = [call for call in parsed if call["type"] == "tool_call"]
    broken = [call for call in parsed if call["type"] == "invalid_tool_call"]
    return calls, broken


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


def finish_content(
    content: Content, parsed_calls: Mapping[int, ParsedToolCall], *, strip_index: bool
) -> Content:
    """Turn streamed content into that of a whole message.

    Args:
        content: Merged content; it is not changed.
        parsed_calls: What is known of the calls, by block position. A call that it does not
            name never ended.
        strip_index: Whether to take out the positions, which only merging needs.
    """
    if isinstance(content, str):
        return content
    return [_finish(block, parsed_calls, strip_index=strip_index) for block in content]


def _finish(
    streamed: str | JsonObject, parsed_calls: Mapping[int, ParsedToolCall], *, strip_index: bool
) -> str | JsonObject:
    """Return a block as it is in a whole message.

    The end of a call whose beginning other chunks have stays as it is, to merge with it.
    """
    if isinstance(streamed, str):
        return streamed
    block = dict(streamed)
    index = {"index": block.pop("index")} if "index" in block else {}
    call = parsed_calls.get(streamed.get("index", -1)) or unfinished_call(streamed)
    match block:
        case {"type": "tool_use"} if index:
            block.pop("partial_json", None)
            block = client_call(block, call)
        case {"type": "tool_call_chunk", "name": str()}:
            extras = {"extras": block["extras"]} if "extras" in block else {}
            # As core writes a valid call, with the type first.
            kind = {"type": "tool_call"} if call["type"] == "tool_call" else {}
            block = {**kind, **call, **extras}
        case {"type": "server_tool_use" | "mcp_tool_use"} if "partial_json" in block:
            block |= server_input(block.pop("partial_json"))
        case {"type": "server_tool_call_chunk", "name": str(), "args": raw}:
            block |= {"type": "server_tool_call", "args": server_input(raw)["input"]}
    return block if strip_index else block | index


def unfinished_call(call: Mapping[str, Any]) -> InvalidToolCall:
    """Return a call that never ended, from its block or its fragments, as an invalid one."""
    raw = call.get("partial_json") or call.get("args") or ""
    return invalid_tool_call(name=call.get("name"), args=raw, id=call.get("id"), error=NEVER_ENDED)
