"""Converts the tool calls of an `AIMessage` to ``tool_use`` blocks.

People and middleware edit ``AIMessage.tool_calls``, so it wins over the blocks in the content.
The content gives the order, and what LangChain has no field for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.tool_names import ToolNames, wire_id

INVALID_JSON: Final = "INVALID_JSON"
"""The key under which arguments that do not parse go back to the model
(https://docs.claude.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming)."""

_KEPT: Final = ("cache_control", "caller", "toolset_name")


@dataclass(slots=True)
class MessageCalls:
    """The tool calls of one message, and which of them have their block already.

    Attributes:
        names: What the tools are called in the request.
        known: LangChain's calls, valid and invalid, by id.
        parsed: Whether LangChain's own lists are the truth: a call that only content knows
            was then removed by somebody.
        unanswered: See `Turn.unanswered`.
        converted: Ids that have their block.
    """

    names: ToolNames
    known: dict[str, ToolCall | InvalidToolCall] = field(default_factory=dict)
    parsed: bool = False
    unanswered: dict[str, str | None] = field(default_factory=dict)
    converted: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, message: AIMessage, names: ToolNames) -> MessageCalls:
        """Read the calls of a message.

        Args:
            message: The message.
            names: What the tools are called in the request.

        Raises:
            InvalidInputError: A call without an id, or two with the same.
        """
        known: dict[str, ToolCall | InvalidToolCall] = {}
        for call in message.tool_calls:
            call_id = call.get("id")
            if not call_id and not call["name"]:
                continue  # what other integrations make of a server tool's stream
            if not call_id:
                raise _refuse_without_id(call["name"])
            if call_id in known:
                raise InvalidInputError(f"two tool calls have the same id, {call_id!r}.")
            known[call_id] = call
        for broken in message.invalid_tool_calls:
            if broken["id"]:  # one without cannot be answered; the rest of its turn goes back
                known.setdefault(broken["id"], broken)
        # Only a model integration leaves metadata.
        parsed = bool(known) or bool(message.response_metadata.keys() - {"output_version"})
        return cls(names, known, parsed)

    def convert(self, block: JsonObject) -> JsonObject | None:
        """Return the ``tool_use`` for a block of content, native or standard.

        Returns:
            None if the call has its block already, or the block is no call.
        """
        call_id = block.get("id")
        if not call_id or not isinstance(call_id, str):
            if block.get("name") and block.get("type") in ("tool_use", "tool_call"):
                raise _refuse_without_id(block["name"])
            return None
        if call_id in self.converted:
            return None
        if call_id in self.known:
            return self._tool_use(call_id, self.known[call_id], block)
        if self.parsed:
            self.unanswered[wire_id(call_id)] = None
        return self._tool_use(call_id, {**block, "args": _arguments(block)}, block)

    def remaining(self) -> list[JsonObject]:
        """Return the ``tool_use`` blocks of the calls that content does not show."""
        return [
            self._tool_use(call_id, call, {})
            for call_id, call in self.known.items()
            if call_id not in self.converted
        ]

    def _tool_use(self, call_id: str, call: Mapping[str, object], block: JsonObject) -> JsonObject:
        """Return the block of a call; one whose arguments are no object is invalid."""
        self.converted.add(call_id)
        name, arguments = str(call.get("name") or ""), call.get("args")
        if not isinstance(arguments, dict):
            error = call.get("error") or "The arguments are not valid JSON."
            self.unanswered[wire_id(call_id)] = str(error)
            arguments = {INVALID_JSON: arguments or ""}
        wire = {
            "type": "tool_use",
            "id": wire_id(call_id),
            "name": self.names.wire_name(name),
            "input": self.names.wire_input(name, arguments),
        }
        extras = block.get("extras")
        held = {**extras, **block} if isinstance(extras, dict) else block
        return wire | {key: held[key] for key in _KEPT if held.get(key) is not None}


def _arguments(block: JsonObject) -> JsonObject | str:
    """Return the arguments of a call that only content knows; text if they are invalid."""
    given = block.get("input", block.get("args")) or block.get("partial_json") or {}
    if block.get("type") == "invalid_tool_call":
        return "" if isinstance(given, dict) else str(given)
    if isinstance(given, dict):
        return given
    parsed = parse_object(str(given))
    return str(given) if parsed is None else parsed


def _refuse_without_id(name: str) -> InvalidInputError:
    """Return the error for a call that no result can answer."""
    return InvalidInputError(
        f"the call of tool {name!r} has no id, so no result can answer it. Give it one, in "
        "content and in tool_calls."
    )


def parse_object(text: str) -> JsonObject | None:
    """Parse a JSON object strictly; None if the text is anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
