"""Converts a list of LangChain messages to a conversation of the API.

The API's rules: roles alternate, the user speaks first, the results of tool calls stand first
in the turn after the calls, no text is blank. System messages come before the conversation;
some models also take them behind a user's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.assistant import convert_assistant
from langchain_claude_cloud.request.messages.blocks import (
    add_block,
    convert_block,
    convert_blocks,
    convert_item,
    unwrap,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.other_providers import content_of, native_block
from langchain_claude_cloud.request.messages.tool_results import (
    convert_tool_message,
    convert_tool_result,
)
from langchain_claude_cloud.request.messages.turns import (
    THINKING,
    Role,
    Turn,
    finalize_turns,
    pair_results,
)
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames

_OPENING: Final = "."
"""Text of the user turn before a conversation that the assistant opens.

"first message must use the "user" role": Bedrock answered 400 to what api.anthropic.com took
(anthropic-sdk-typescript#622, 2024-12); whether it still does is not known.
"""

TOOL_CHANGES: Final = ("tool_addition", "tool_removal")
"""Blocks that change the tools in the middle of a conversation; in system turns only."""

_TEXTS: Final = ("text", "input_text")

_ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in the API's form.

    Attributes:
        system: The system prompt: a string, text blocks, or None.
        messages: The turns.
        notices: What was moved or left out, one line each.
    """

    system: str | list[JsonObject] | None
    messages: list[JsonObject]
    notices: tuple[str, ...]


def convert_messages(
    messages: Sequence[BaseMessage],
    model: ResolvedModel,
    names: ToolNames = NO_NAMES,
    *,
    with_thinking: bool = True,
) -> Conversation:
    """Convert a conversation.

    Args:
        messages: Of any type and origin; not changed.
        model: Decides on mid-conversation system messages and on prefill.
        names: What the tools are called in the request.
        with_thinking: Whether thinking of earlier answers is sent back.

    Returns:
        The conversation in the API's form. Its dicts are new, the values nested in them may
        be the caller's.

    Raises:
        InvalidInputError: A message or block that cannot be sent, a tool call without its
            result, a result without its call, an empty turn, a prefill that the model
            refuses. The message names the place.
    """
    builder = _ConversationBuilder(model, names, with_thinking=with_thinking)
    for position, message in enumerate(messages):
        try:
            builder.add(message, position)
        except InvalidInputError as error:
            name = type(message).__name__
            raise InvalidInputError(f"messages[{position}] ({name}): {error}") from error
    return builder.finish()


class _SystemPrompt:
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


class _ConversationBuilder:
    """A conversation while its messages are added one after another."""

    def __init__(self, model: ResolvedModel, names: ToolNames, *, with_thinking: bool) -> None:
        self._model = model
        self._names = names
        self._with_thinking = with_thinking
        self._turns: list[Turn] = []
        self._notices: list[str] = []
        self._system = _SystemPrompt(in_place=model.capabilities.mid_conversation_system)

    def add(self, message: BaseMessage, position: int) -> None:
        """Add a message.

        Raises:
            InvalidInputError: It cannot be sent.
        """
        add = _ADDERS.get(message.type)
        if add is None:
            raise InvalidInputError(
                f"messages of type {message.type!r} cannot be sent to Claude. Use HumanMessage, "
                "AIMessage, SystemMessage, or ToolMessage with a tool_call_id."
            )
        add(self, message, position)

    def finish(self) -> Conversation:
        """Return the conversation.

        Raises:
            InvalidInputError: It is not one that the API takes.
        """
        self._place_system()
        turns = finalize_turns(pair_results(self._turns, self._notices))
        if not turns:
            raise InvalidInputError(
                "there is no message to answer: add a HumanMessage (system messages alone are "
                "not a conversation, and empty AIMessages are left out)."
            )
        self._check_ends(turns)
        return Conversation(
            self._system.value(),
            [turn.wire() for turn in turns],
            (*self._notices, *self._system.notices),
        )

    def add_user(self, message: BaseMessage, position: int) -> None:
        """Add a user's message to the turn that is open, or to a new one."""
        turn = self._open("user", position)
        content = content_of(message)
        if isinstance(content, str):
            turn.plain = not turn.content and not turn.results
            turn.content += convert_blocks(content)
            return
        turn.plain = False
        for item in map(native_block, content):
            if isinstance(item, dict) and item.get("type") == "tool_result":
                turn.results.append(convert_tool_result(item, notices=self._notices))
            else:
                add_block(turn.content, convert_item(item), item)

    def add_tool_result(self, message: BaseMessage, position: int) -> None:
        """Add a tool's result to the user's turn."""
        result = cast("ToolMessage", message)
        results = convert_tool_message(result, self._notices)
        self._open("user", position).results += [self._with_wire_names(each) for each in results]

    def _with_wire_names(self, result: JsonObject) -> JsonObject:
        """Return a result in which references to tools name them as the request does."""
        content = result.get("content")
        if not isinstance(content, list):
            return result
        for block in content:
            if block["type"] == "tool_reference" and isinstance(block.get("tool_name"), str):
                block["tool_name"] = self._names.wire_name(block["tool_name"])
        return result

    def add_assistant(self, message: BaseMessage, position: int) -> None:
        """Add an answer to the turn that is open, or to a new one; an empty one is skipped."""
        if not isinstance(message, AIMessage):
            message = AIMessage(content=message.content)
        added = convert_assistant(message, self._names)
        if not self._with_thinking:
            added.blocks = [block for block in added.blocks if block["type"] not in THINKING]
        if not added.blocks:
            return
        self._place_system()
        turn = self._open("assistant", position)
        is_first = not turn.content
        turn.extend(added)
        is_text = len(added.blocks) == 1 and added.blocks[0]["type"] == "text"
        turn.plain = is_first and is_text and isinstance(message.content, str)

    def add_system(self, message: BaseMessage, position: int) -> None:
        """Add a system message, wherever it stands."""
        self._system.add(content_of(message), position, leading=not self._turns)

    def add_chat(self, message: BaseMessage, position: int) -> None:
        """Add a `ChatMessage` by its role."""
        role = message.role if isinstance(message, ChatMessage) else ""
        kind = _ROLES.get(role.lower())
        if kind is None:
            raise InvalidInputError(
                f"Claude knows no role {role!r}. Use 'user', 'assistant' or 'system'."
            )
        adders = {"user": self.add_user, "assistant": self.add_assistant}
        adders.get(kind, self.add_system)(message, position)

    def _open(self, role: Role, position: int) -> Turn:
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role, position))
        return self._turns[-1]

    def _place_system(self) -> None:
        """Put waiting system messages where the API takes them: behind a user's turn.

        Also behind an assistant turn that ends with a server tool's result. They must be
        followed by the assistant or nothing, and never by each other
        (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
        """
        last = self._turns[-1] if self._turns else None
        if last is None or not self._system.waiting:
            return
        if last.role == "user" or last.ends_with_server_result():
            self._turns.append(self._system.take_turn())

    def _check_ends(self, turns: list[Turn]) -> None:
        if turns[0].role != "user":
            turns.insert(0, Turn("user", 0, [{"type": "text", "text": _OPENING}], plain=True))
            self._notices.append(
                "the conversation starts with an AIMessage; a user turn with the text "
                f"{_OPENING!r} is added before it, since the API requires one"
            )
        last = turns[-1]
        if last.role != "assistant" or self._model.capabilities.prefill or not self._model.known:
            return
        if not last.is_continued_by_the_api():
            raise InvalidInputError(
                f"messages[{last.position}]: the conversation ends with an AIMessage, which "
                f"{self._model.info.name} does not continue (prefill). End with a HumanMessage; to "
                "shape the answer, use with_structured_output or the system prompt."
            )


_Adder: TypeAlias = Callable[[_ConversationBuilder, BaseMessage, int], None]
_ADDERS: Final[Mapping[str, _Adder]] = {
    "human": _ConversationBuilder.add_user,
    "HumanMessageChunk": _ConversationBuilder.add_user,
    "ai": _ConversationBuilder.add_assistant,
    "AIMessageChunk": _ConversationBuilder.add_assistant,
    "system": _ConversationBuilder.add_system,
    "SystemMessageChunk": _ConversationBuilder.add_system,
    "tool": _ConversationBuilder.add_tool_result,
    "ToolMessageChunk": _ConversationBuilder.add_tool_result,
    "chat": _ConversationBuilder.add_chat,
    "ChatMessageChunk": _ConversationBuilder.add_chat,
}
