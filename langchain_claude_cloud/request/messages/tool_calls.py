"""Converts the tool calls of an `AIMessage` to ``tool_use`` blocks.

People and middleware edit ``AIMessage.tool_calls``, so it wins over the blocks in the content.
The content gives the order, and what LangChain has no field for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from langchain_core.messages import AIMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.tool_names import ToolNames, wire_id

INVALID_JSON: Final = "INVALID_JSON"
"""The key under which arguments that do not parse go back to the model
(https://docs.claude.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming)."""

_KEPT: Final = ("cache_control", "caller", "toolset_name")


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a tool: its name, its arguments, and what is wrong with them, if anything."""

    name: str
    arguments: JsonObject
    error: str | None = None

    @classmethod
    def invalid(cls, name: str | None, raw: object, error: str | None) -> _Call:
        """Return a call whose arguments are no JSON object."""
        error = error or "The arguments are not valid JSON."
        return cls(name or "", {INVALID_JSON: raw or ""}, error)


@dataclass(slots=True)
class MessageCalls:
    """The tool calls of one message, and which of them have their block already.

    Attributes:
        known: LangChain's calls, by id.
        parsed: Whether LangChain's own lists are the truth: a call that only content knows
            was then removed by somebody.
        names: What the tools are called in the request.
        broken: Ids of converted invalid calls, in their wire form, with what is wrong.
        optional: Wire ids of converted calls that only content knows: they stay if a result
            answers them.
        converted: Ids that have their block.
        server_names: What tools of the API's own are called, by the ids of their calls.
    """

    known: dict[str, _Call]
    parsed: bool
    names: ToolNames
    broken: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    converted: set[str] = field(default_factory=set)
    server_names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, message: AIMessage, *, parsed: bool, names: ToolNames) -> MessageCalls:
        """Read the calls of a message.

        Args:
            message: The message.
            parsed: Whether a model integration filled in its lists.
            names: What the tools are called in the request.

        Raises:
            InvalidInputError: A call without an id, or two with the same.
        """
        known: dict[str, _Call] = {}
        for call in message.tool_calls:
            call_id = call.get("id")
            if not call_id and not call["name"]:
                continue  # what other integrations make of a server tool's stream
            if not call_id:
                raise _refuse_without_id(call["name"])
            if call_id in known:
                raise InvalidInputError(f"two tool calls have the same id, {call_id!r}.")
            known[call_id] = _Call(call["name"], call["args"])
        for broken in message.invalid_tool_calls:
            if broken["id"]:  # one without cannot be answered; the rest of its turn goes back
                invalid = _Call.invalid(broken.get("name"), broken.get("args"), broken.get("error"))
                known.setdefault(broken["id"], invalid)
        return cls(known, parsed or bool(known), names)

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
        call = self.known.get(call_id)
        if call is None:
            call = _read_block(block)
            if self.parsed:
                self.optional.add(wire_id(call_id))
        return self._tool_use(call_id, call, block)

    def remaining(self) -> list[JsonObject]:
        """Return the ``tool_use`` blocks of the calls that content does not show."""
        return [
            self._tool_use(call_id, call, {})
            for call_id, call in self.known.items()
            if call_id not in self.converted
        ]

    def _tool_use(self, call_id: str, call: _Call, block: JsonObject) -> JsonObject:
        self.converted.add(call_id)
        if call.error is not None:
            self.broken[wire_id(call_id)] = call.error
        wire = {
            "type": "tool_use",
            "id": wire_id(call_id),
            "name": self.names.wire_name(call.name),
            "input": self.names.wire_input(call.name, call.arguments),
        }
        extras = block.get("extras")
        held = {**extras, **block} if isinstance(extras, dict) else block
        return wire | {key: held[key] for key in _KEPT if held.get(key) is not None}


def _read_block(block: JsonObject) -> _Call:
    """Read a call that only content knows."""
    given = block.get("input", block.get("args"))
    if block.get("partial_json") and not given:
        given = block["partial_json"]
    name = block.get("name") or ""
    arguments = given if isinstance(given, dict) else parse_object(str(given)) if given else {}
    if arguments is None or block.get("type") == "invalid_tool_call":
        raw = "" if isinstance(given, dict) or not given else str(given)
        return _Call.invalid(name, raw, block.get("error"))
    return _Call(name, arguments)


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
