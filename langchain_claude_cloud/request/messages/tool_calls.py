"""Converts the tool calls of an `AIMessage` to ``tool_use`` blocks.

People and middleware edit ``AIMessage.tool_calls``, so it wins over the blocks in the content.
The content gives the order, and what LangChain has no field for.
"""

from __future__ import annotations

import json
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
        valid: Calls by id.
        invalid: Calls whose arguments did not parse, by id.
        parsed: Whether LangChain's own lists are the truth: a call that only content knows
            was then removed by somebody.
        names: What the tools are called in the request.
        broken: Ids of converted invalid calls, in their wire form, with what is wrong.
        optional: Wire ids of converted calls that only content knows: they stay if a result
            answers them.
        converted: Ids that have their block.
    """

    valid: dict[str, ToolCall]
    invalid: dict[str, InvalidToolCall]
    parsed: bool
    names: ToolNames
    broken: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    converted: set[str] = field(default_factory=set)

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
        calls = [call for call in message.tool_calls if not _is_empty(call)]
        valid = {_id_of(call): call for call in calls}
        if len(valid) < len(calls):
            raise InvalidInputError(
                f"two tool calls have the same id, of {sorted(valid)}: ids must be unique."
            )
        # One without an id cannot be answered; the model gets the rest of its turn back.
        invalid = {call["id"]: call for call in message.invalid_tool_calls if call["id"]}
        return cls(valid, invalid, parsed or bool(valid or invalid), names)

    def convert(self, block: JsonObject) -> JsonObject | None:
        """Return the ``tool_use`` for a block of content, native or standard.

        Returns:
            None if the call has its block already.
        """
        call_id = block.get("id")
        if not call_id or not isinstance(call_id, str):
            _refuse_named(block)
            return None
        if call_id in self.converted:
            return None
        self.converted.add(call_id)
        if call_id in self.valid:
            call = self.valid[call_id]
            return self._tool_use(call_id, call["name"], call["args"], block)
        if call_id in self.invalid:
            return self._invalid_call(self.invalid[call_id], block)
        return self._known_to_content_only(call_id, block)

    def remaining(self) -> list[JsonObject]:
        """Return the ``tool_use`` blocks of the calls that content does not show."""
        blocks = []
        for call_id, call in self.valid.items():
            if call_id not in self.converted:
                blocks.append(self._tool_use(call_id, call["name"], call["args"], {}))
        for call_id, broken in self.invalid.items():
            if call_id not in self.converted and call_id not in self.valid:
                blocks.append(self._invalid_call(broken, {}))
        self.converted.update(self.valid, self.invalid)
        return blocks

    def _invalid_call(self, call: InvalidToolCall | JsonObject, block: JsonObject) -> JsonObject:
        call_id, raw = call["id"] or "", call.get("args") or ""
        self.broken[wire_id(call_id)] = call.get("error") or "The arguments are not valid JSON."
        return self._tool_use(call_id, call.get("name") or "", {INVALID_JSON: raw}, block)

    def _known_to_content_only(self, call_id: str, block: JsonObject) -> JsonObject:
        if self.parsed:
            self.optional.add(wire_id(call_id))
        given, raw = _arguments(block)
        if given is None or block.get("type") == "invalid_tool_call":
            return self._invalid_call({**block, "args": raw}, block)
        return self._tool_use(call_id, block.get("name") or "", given, block)

    def _tool_use(
        self, call_id: str, name: str, arguments: JsonObject, block: JsonObject
    ) -> JsonObject:
        wire = {
            "type": "tool_use",
            "id": wire_id(call_id),
            "name": self.names.wire_name(name),
            "input": self.names.wire_input(name, arguments),
        }
        extras = block.get("extras")
        held = {**extras, **block} if isinstance(extras, dict) else block
        wire |= {key: held[key] for key in _KEPT if held.get(key) is not None}
        return wire


def _refuse_named(block: JsonObject) -> None:
    """Refuse a call without an id, unless it has no name either and so is no call at all."""
    if block.get("name") and block.get("type") in ("tool_use", "tool_call"):
        raise InvalidInputError(
            f"the call of tool {block['name']!r} has no id, so no result can answer it. Give it "
            "one, in content and in tool_calls."
        )


def _arguments(block: JsonObject) -> tuple[JsonObject | None, str]:
    """Return a block's arguments, and their text; None if they are no object."""
    given = block.get("input", block.get("args"))
    if block.get("partial_json") and not given:
        given = block["partial_json"]
    if isinstance(given, dict):
        return given, ""
    if not given:
        return {}, ""
    return parse_object(str(given)), str(given)


def parse_object(text: str) -> JsonObject | None:
    """Parse a JSON object strictly; None if the text is anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _id_of(call: ToolCall) -> str:
    call_id = call.get("id")
    if not call_id:
        raise InvalidInputError(
            f"the call of tool {call['name']!r} has no id, so no result can answer it. Give each "
            "entry of tool_calls an 'id'."
        )
    return call_id


def _is_empty(call: ToolCall) -> bool:
    """Whether this is what other integrations make of a server tool's stream: no call at all."""
    return not call.get("id") and not call["name"]
