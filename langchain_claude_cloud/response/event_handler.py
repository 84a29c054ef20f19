"""The interface of what is told about a message while it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import Block
from langchain_claude_cloud.response.message_state import MessageState

T = TypeVar("T")


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
