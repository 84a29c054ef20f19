"""Collects system messages, for the system prompt or for a place in the conversation."""

from __future__ import annotations

from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import (
    add_block,
    convert_block,
    unwrap,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.turns import Turn

TOOL_CHANGES: Final = ("tool_addition", "tool_removal")
"""Blocks that change the tools in the middle of a conversation; in system turns only."""

_TEXTS: Final = ("text", "input_text")


class SystemPrompt:
    """The system messages of one conversation.

    Attributes:
        waiting: Blocks for the next place in the conversation that takes a system turn.
        notices: What was moved, one line each.
    """

    def __init__(self, *, in_place: bool) -> None:
        """Start without any.

        Args:
            in_place: Whether the model takes system turns between the others.
        """
        self.waiting: list[JsonObject] = []
        self.notices: list[str] = []
        self._in_place = in_place
        self._text: str | None = None
        self._blocks: list[JsonObject] = []
        self._position = 0

    def add(self, content: str | list[str | JsonObject], position: int, *, leading: bool) -> None:
        """Add a message.

        Args:
            content: The message's content.
            position: Its index.
            leading: Whether only system messages stand before it.

        Raises:
            InvalidInputError: It holds something else than text.
        """
        blocks: list[JsonObject] = []
        for item in _as_list(content):
            add_block(blocks, _convert(item), item)
        if not blocks:
            return
        if not leading and self._in_place:
            self._position = self._position if self.waiting else position
            self.waiting += blocks
            return
        if not leading:
            self.notices.append(
                f"messages[{position}] is a system message inside the conversation, which this "
                "model does not take there; it goes into the system prompt"
            )
        is_alone = isinstance(content, str) and not self._blocks
        self._text = blocks[0]["text"] if is_alone else None
        self._blocks += blocks

    def take_turn(self) -> Turn:
        """Return a system turn of what is waiting."""
        turn = Turn("system", self._position, self.waiting)
        self.waiting = []
        return turn

    def value(self) -> str | list[JsonObject] | None:
        """Return the system prompt: a string if it is one string message.

        What is still waiting had no place in the conversation and joins it.

        Raises:
            InvalidInputError: It holds a change of tools, which only a turn may.
        """
        if self.waiting:
            self.notices.append(
                f"messages[{self._position}] is a system message with no user turn to follow; it "
                "goes into the system prompt"
            )
            self._text = None
        blocks = self._blocks + self.waiting
        changes = [block["type"] for block in blocks if block["type"] in TOOL_CHANGES]
        if changes:
            raise InvalidInputError(
                f"a {changes[0]} block is allowed only in a system message after a user turn, on a "
                "model that takes system messages there."
            )
        return self._text if self._text is not None else (blocks or None)


def _as_list(content: str | list[str | JsonObject]) -> list[str | JsonObject]:
    return [content] if isinstance(content, str) else content


def _convert(item: str | JsonObject) -> JsonObject | None:
    block = {"type": "text", "text": item} if isinstance(item, str) else item
    while block.get("type") == "non_standard":
        block = unwrap(block)
    kind = block.get("type", "text" if "text" in block else None)
    if kind in TOOL_CHANGES:
        return without_leftovers(block)
    if kind not in _TEXTS:
        raise InvalidInputError(
            f"a system message holds text only, not {kind or 'such'} blocks. Put those into a "
            "HumanMessage."
        )
    return convert_block({**block, "type": "text"})
