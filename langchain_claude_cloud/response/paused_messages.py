"""The messages of an answer that the API paused before it was done.

When the API's own tools work for long, it ends a message with the stop reason `pause_turn`;
sent back as it is, it is continued in a further message
(https://docs.claude.com/en/api/handling-stop-reasons). To LangChain all that is one answer.
"""

from __future__ import annotations

from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.usage import add_usage, fold_usage

PAUSED: Final = "pause_turn"
"""The stop reason of a message that is to be sent back as it is."""

_OF_THE_FIRST: Final = frozenset({"id", "model", "type", "role"})
_OF_THE_LAST: Final = frozenset({"stop_reason", "stop_sequence"})


class PausedMessages:
    """The paused messages of one answer, and what they add up to.

    Attributes:
        count: How many there are.
        blocks: How many blocks they have that show something.
    """

    def __init__(self, limit: int) -> None:
        self.count = 0
        self.blocks = 0
        self._limit = limit
        self._message: JsonObject = {}
        self._spent: JsonObject = {}
        self._usage: JsonObject = {}

    @property
    def may_pause(self) -> bool:
        """Whether the current message may be continued."""
        return self.count < self._limit

    def pause(self, message: JsonObject, blocks: int) -> None:
        """Note that the current message is complete, and paused."""
        self.count += 1
        self.blocks = blocks
        self._message = {key: message[key] for key in message if key not in _OF_THE_LAST}
        self._spent = add_usage(self._spent, self._usage)

    def continue_with(self, fields: JsonObject) -> JsonObject:
        """Return the fields of the answer as a further message starts.

        Called again for the same message, it forgets what the first try brought.

        Args:
            fields: What the message starts with.
        """
        self._usage = {}
        if not self.count:
            return fields
        news = {key: fields[key] for key in fields if key not in _OF_THE_FIRST}
        return {**self._message, **{key: value for key, value in news.items() if value is not None}}

    def add_usage(self, report: JsonObject | None) -> JsonObject:
        """Return the usage of all messages, after a further report of the current one.

        Every message is a request, and billed as one: their counts add up.
        """
        self._usage = fold_usage(self._usage, report)
        return add_usage(self._spent, self._usage) if self._spent else self._usage
