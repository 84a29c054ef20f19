"""What has arrived of one message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import (
    CUTTING_STOP_REASONS,
    Block,
    ParsedToolCall,
    invalid_call,
    parse_tool_call,
)

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
