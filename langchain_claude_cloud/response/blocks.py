"""What is known of one content block in, what became of it out.

A block is the state that events build up; a sink is whoever writes it down. Whether a client
tool's call is valid is decided here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, TypeVar

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.tool_arguments import (
    ArgumentsError,
    dump_arguments,
    parse_arguments,
)

if TYPE_CHECKING:
    from langchain_claude_cloud.response.accumulator import Answer

T_co = TypeVar("T_co", covariant=True)

Kind: TypeAlias = Literal["text", "thinking", "client_tool", "server_tool", "whole"]
Verdict: TypeAlias = ToolCall | InvalidToolCall

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
        verdict: A client tool's call, once it is known to be valid or invalid.
        ended: Whether the block was closed.
        stands_in: Whether it is text that came as the call of `STRUCTURED_OUTPUT_TOOL`.
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
    stands_in: bool = False

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


class Silent:
    """A sink for when only the fold matters."""

    def begin(self, answer: Answer) -> Sequence[None]:
        """Say nothing."""
        del answer
        return ()

    def open(self, block: Block) -> Sequence[None]:
        """Say nothing."""
        del block
        return ()

    def text(self, block: Block, text: str) -> Sequence[None]:
        """Say nothing."""
        del block, text
        return ()

    def arguments(self, block: Block, fragment: str) -> Sequence[None]:
        """Say nothing."""
        del block, fragment
        return ()

    def citation(self, block: Block, citation: JsonObject) -> Sequence[None]:
        """Say nothing."""
        del block, citation
        return ()

    def close(self, block: Block) -> Sequence[None]:
        """Say nothing."""
        del block
        return ()

    def end(self, answer: Answer, settled: Sequence[Block]) -> Sequence[None]:
        """Say nothing."""
        del answer, settled
        return ()


SILENT: Final[Sink[None]] = Silent()
"""A sink for when only the fold matters."""


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
