"""A turn of the conversation, while messages are added to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.assistant import AssistantContent

THINKING: Final = ("thinking", "redacted_thinking")
"""The types of blocks that hold what the model thought."""

Role: TypeAlias = Literal["user", "assistant", "system"]


@dataclass(slots=True)
class Turn:
    """A turn: consecutive messages of one role.

    Attributes:
        role: Whose turn it is.
        position: The index of the first message in it.
        content: Blocks but for a user's tool results.
        results: Tool results of a user's turn: the API wants them first.
        plain: Whether it is one message that was given as a string.
        broken: Of an assistant's turn: ids of calls with invalid arguments, and why.
        optional: Of an assistant's turn: ids of calls that go unless a result answers them.
        paused: Of an assistant's turn: whether the API paused it.
    """

    role: Role
    position: int
    content: list[JsonObject] = field(default_factory=list)
    results: list[JsonObject] = field(default_factory=list)
    plain: bool = False
    broken: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    paused: bool = False

    def extend(self, added: AssistantContent) -> None:
        """Add a message to an assistant's turn."""
        self.plain = False
        self.content += added.blocks
        self.broken.update(added.calls.broken)
        self.optional |= added.calls.optional
        self.paused = added.paused

    def is_continued_by_the_api(self) -> bool:
        """Whether a request may end with this assistant turn on every model.

        After a pause the API takes up its own turn again, which is no prefill.
        """
        last = self.content[-1]["type"] if self.content else ""
        return self.paused or is_server_block(last) or last == "compaction"

    def ends_with_server_result(self) -> bool:
        """Whether this is an assistant's turn that ends with a result of the API's own tools.

        One with calls that wait for the user's results is not at its end.
        """
        kinds = [block["type"] for block in self.content] if self.role == "assistant" else []
        is_result = bool(kinds) and is_server_block(kinds[-1]) and kinds[-1].endswith("_result")
        return is_result and "tool_use" not in kinds

    def wire(self) -> JsonObject:
        """Return the API's message."""
        if self.plain and len(self.content) == 1 and not self.results:
            return {"role": self.role, "content": self.content[0]["text"]}
        return {"role": self.role, "content": self.results + self.content}


def is_server_block(kind: str) -> bool:
    """Whether a block is a server tool's call or result."""
    return kind in ("server_tool_use", "mcp_tool_use") or (
        kind.endswith("_tool_result") and kind != "tool_result"
    )
