"""What has arrived of one message, and the interface of the handlers that are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import (
    CUTTING_STOP_REASONS,
    Block,
    ParsedToolCall,
    invalid_call,
    parse_tool_call,
)

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
