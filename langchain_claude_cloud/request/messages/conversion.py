"""Converts a list of LangChain messages to a conversation of the API.

The API's rules: roles alternate, the user speaks first, the results of tool calls stand first
in the turn after the calls, no text is blank. System messages come before the conversation;
some models also take them behind a user's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.assistant import convert_assistant
from langchain_claude_cloud.request.messages.blocks import (
    add_block,
    convert_blocks,
    convert_item,
    convert_text,
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

_KINDS: Final[Mapping[str, str]] = {
    "user": "human",
    "human": "human",
    "assistant": "ai",
    "ai": "ai",
    "model": "ai",
    "system": "system",
    "developer": "system",
}
"""The types of messages, by the role that a `ChatMessage` has."""


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


class _ConversationBuilder:
    """A conversation while its messages are added one after another."""

    def __init__(self, model: ResolvedModel, names: ToolNames, *, with_thinking: bool) -> None:
        self._model = model
        self._names = names
        self._with_thinking = with_thinking
        self._turns: list[Turn] = []
        self._notices: list[str] = []
        self._prompt = Turn("system", 0)
        self._waiting = Turn("system", 0)  # for the next place that takes a system turn

    def add(self, message: BaseMessage, position: int) -> None:
        """Add a message.

        Raises:
            InvalidInputError: It cannot be sent.
        """
        kind = message.type if message.type in _ADDERS else _kind_of(message)
        if kind not in _ADDERS:
            raise InvalidInputError(
                f"messages of type {message.type!r} cannot be sent to Claude. Use HumanMessage, "
                "AIMessage, SystemMessage, or ToolMessage with a tool_call_id."
            )
        _ADDERS[kind](self, message, position)

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
        self._finish_prompt()
        messages = [turn.wire() for turn in turns]
        return Conversation(self._prompt.wire()["content"] or None, messages, tuple(self._notices))

    def add_user(self, message: BaseMessage, position: int) -> None:
        """Add a user's message."""
        turn = self._open("user", position)
        content = content_of(message)
        if isinstance(content, str):
            turn.plain = not turn.content and not turn.results
            turn.content += convert_blocks(content)
            return
        turn.plain = False
        for item in map(native_block, content):
            if isinstance(item, dict) and item.get("type") == "tool_result":
                turn.results.append(convert_tool_result(item, self._notices))
            else:
                add_block(turn.content, convert_item(item), item)

    def add_tool_result(self, message: BaseMessage, position: int) -> None:
        """Add the results of tools to the user's turn."""
        results = convert_tool_message(cast("ToolMessage", message), self._notices)
        for result in results:
            content = result.get("content")
            for block in content if isinstance(content, list) else ():
                if block["type"] == "tool_reference" and isinstance(block.get("tool_name"), str):
                    block["tool_name"] = self._names.wire_name(block["tool_name"])
        self._open("user", position).results += results

    def add_assistant(self, message: BaseMessage, position: int) -> None:
        """Add an answer; an empty one is skipped."""
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
        content = content_of(message)
        blocks: list[JsonObject] = []
        for item in [content] if isinstance(content, str) else content:
            add_block(blocks, _convert_system_item(item), item)
        if not blocks:
            return
        if self._turns and self._model.capabilities.mid_conversation_system:
            if not self._waiting.content:
                self._waiting = Turn("system", position)
            self._waiting.content += blocks
            return
        if self._turns:
            self._notices.append(
                f"messages[{position}] is a system message inside the conversation, which this "
                "model does not take there; it goes into the system prompt"
            )
        self._prompt.plain = isinstance(content, str) and not self._prompt.content
        self._prompt.content += blocks

    def _open(self, role: Role, position: int) -> Turn:
        """Return the turn that is open, or a new one of that role."""
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role, position))
        return self._turns[-1]

    def _place_system(self) -> None:
        """Put waiting system messages where the API takes them: behind a user's turn.

        Also behind an assistant turn that ends with a server tool's result. They must be
        followed by the assistant or nothing, and never by each other
        (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
        """
        if not self._turns or not self._waiting.content:
            return
        last = self._turns[-1]
        if last.role == "user" or last.ends_with_server_result():
            self._turns.append(self._waiting)
            self._waiting = Turn("system", 0)

    def _finish_prompt(self) -> None:
        """Add what still waits for a place in the conversation to the system prompt."""
        if self._waiting.content:
            self._notices.append(
                f"messages[{self._waiting.position}] is a system message with no user turn to "
                "follow; it goes into the system prompt"
            )
            self._prompt.plain = False
            self._prompt.content += self._waiting.content
        for block in self._prompt.content:
            if block["type"] in TOOL_CHANGES:
                raise InvalidInputError(
                    f"a {block['type']} block is allowed only in a system message after a user "
                    "turn, on a model that takes system messages there."
                )

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


def _kind_of(message: BaseMessage) -> str:
    """Return the type of a message that is a chunk, or that says by its role what it is."""
    kind = message.type.removesuffix("MessageChunk").lower()
    if kind != "chat":
        return kind
    role = message.role if isinstance(message, ChatMessage) else ""
    if role.lower() not in _KINDS:
        raise InvalidInputError(
            f"Claude knows no role {role!r}. Use 'user', 'assistant' or 'system'."
        )
    return _KINDS[role.lower()]


def _convert_system_item(item: str | JsonObject) -> JsonObject | None:
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
    return convert_text(block)


_ADDERS: Final[Mapping[str, Callable[[_ConversationBuilder, BaseMessage, int], None]]] = {
    "human": _ConversationBuilder.add_user,
    "ai": _ConversationBuilder.add_assistant,
    "system": _ConversationBuilder.add_system,
    "tool": _ConversationBuilder.add_tool_result,
}
