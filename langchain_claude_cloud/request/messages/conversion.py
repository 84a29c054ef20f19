"""Converts a list of LangChain messages to a conversation of the API.

The API's rules: roles alternate, the user speaks first, the results of tool calls stand first
in the turn after the calls, no text is blank. System messages come before the conversation;
some models also take them behind a user's turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages import blocks, turns
from langchain_claude_cloud.request.messages.assistant import convert_assistant
from langchain_claude_cloud.request.messages.other_providers import CACHE_POINT
from langchain_claude_cloud.request.messages.tool_results import convert_tool_result, result_blocks
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames

_OPENING: Final = "."
"""Text of the user turn before a conversation that the assistant opens.

"first message must use the "user" role": Bedrock answered 400 to what api.anthropic.com took
(anthropic-sdk-typescript#622, 2024-12); whether it still does is not known.
"""

_UNREADABLE: Final = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What values of the wrong kind lead to, and blocks that are nested too deeply."""

TOOL_CHANGES: Final = ("tool_addition", "tool_removal")
"""Blocks that change the tools in the middle of a conversation; in system turns only."""

_BETAS: Final = {
    **dict.fromkeys(("advisor", "advisor_tool_result"), "advisor-tool-"),
    "fallback": "server-side-fallback-",
    **dict.fromkeys(("mcp", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing"), "mcp-client-"),
}
"""Blocks of answers, and tools that they call, which the API knows only in requests with a beta,
and what that starts with.

"Input tag 'mcp_tool_use' found using 'type' does not match any of the expected tags" (400).
"""


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
    betas: Sequence[str] | None = None,
) -> Conversation:
    """Convert a conversation.

    Args:
        messages: Of any type and origin; not changed.
        model: Decides on mid-conversation system messages and on prefill.
        names: What the tools are called in the request.
        with_thinking: Whether thinking of earlier answers is sent back.
        betas: Those that the user lists. None: every block is sent, whatever beta it needs.

    Returns:
        The conversation in the API's form. Its dicts are new, the values nested in them may
        be the caller's.

    Raises:
        InvalidInputError: A message or block that cannot be sent, a tool call without its
            result, a result without its call, an empty turn, a prefill that the model
            refuses. The message names the place.
    """
    builder = _ConversationBuilder(model, names, with_thinking, betas)
    for position, message in enumerate(messages):
        try:
            builder.add(message, position)
        except (InvalidInputError, *_UNREADABLE) as error:
            is_known = isinstance(error, InvalidInputError)
            told = str(error) if is_known else f"its content cannot be read ({error})."
            place = f"messages[{position}] ({type(message).__name__})"
            raise InvalidInputError(f"{place}: {told}") from error
    return builder.finish()


@dataclass(slots=True)
class _ConversationBuilder:
    """A conversation while its messages are added one after another.

    Attributes:
        model: Decides on mid-conversation system messages and on prefill.
        names: What the tools are called in the request.
        with_thinking: Whether thinking of earlier answers is sent back.
        betas: Those that the user lists; None: any.
        past: The turns so far; consecutive ones have different roles.
        prompt: The system prompt.
        waiting: System messages for the next place that takes a system turn.
        notices: What was moved or left out.
    """

    model: ResolvedModel
    names: ToolNames
    with_thinking: bool
    betas: Sequence[str] | None
    past: list[turns.Turn] = field(default_factory=list)
    prompt: turns.Turn = field(default_factory=lambda: turns.Turn("system", 0))
    waiting: turns.Turn | None = None
    notices: list[str] = field(default_factory=list)

    def add(self, message: BaseMessage, position: int) -> None:
        """Add a message.

        Raises:
            InvalidInputError: It cannot be sent.
        """
        kind = message.role if isinstance(message, ChatMessage) else message.type
        match kind.removesuffix("MessageChunk").lower():
            case "human" | "user":
                self._add_user(blocks.content_of(message), message, position)
            case "tool" if isinstance(message, ToolMessage):
                self._add_user(result_blocks(message), message, position)
            case "ai" | "assistant" | "model":
                self._add_assistant(message, position)
            case "system" | "developer":
                self._add_system(message, position)
            case _:
                told = "HumanMessage, AIMessage, SystemMessage, or ToolMessage with a tool_call_id"
                raise InvalidInputError(f"type or role {kind!r} cannot be sent. Use {told}.")

    def finish(self) -> Conversation:
        """Return the conversation.

        Raises:
            InvalidInputError: It is not one that the API takes.
        """
        self._place_waiting()
        finished = turns.finish_turns(self.past, self.notices)
        if all(turn.content for turn in finished):
            self.past = finished
        else:  # what stands beside an empty turn is joined, or placed anew
            last = [] if self.waiting is None else [self.waiting]
            self.past, self.waiting = [], None
            for turn in (*finished, *last):
                self._add(turn)
        self._place_waiting()
        if not self.past:
            raise InvalidInputError("there is no message to answer: add a HumanMessage.")
        if self.past[0].role != "user" and self.past[0].content[0]["type"] != turns.COMPACTION:
            told = "the conversation starts with an AIMessage; a user turn with the text"
            self.notices.append(f"{told} {_OPENING!r} is added, since the API requires one")
            opening = [{"type": "text", "text": _OPENING}]
            self.past.insert(0, turns.Turn("user", 0, opening, plain=True))
        if self.past[-1].role == "assistant":
            self._check_prefill(self.past[-1])
        if self.waiting is not None:
            self._add_to_prompt(self.waiting)
        messages = [turn.wire() for turn in self.past]
        system = self.prompt.wire()["content"] if self.prompt.content else None
        return Conversation(system, messages, tuple(self.notices))

    def _add_user(self, said: str | Iterable[object], message: BaseMessage, position: int) -> None:
        if not self.past or self.past[-1].role != "user":
            self.past.append(turns.Turn("user", position))
        turn = self.past[-1]
        turn.plain = isinstance(message.content, str) and not turn.content
        blocks.convert_blocks(said, self._user_block, turn.content)

    def _add_assistant(self, message: BaseMessage, position: int) -> None:
        """Add an answer; an empty one is skipped."""
        if not isinstance(message, AIMessage):
            message = AIMessage(content=message.content)
        turn = convert_assistant(message, self.names, position)
        taken = (self._taken(block, position) for block in turn.content)
        turn.content = [block for block in taken if block]
        self._add(turn)

    def _add_system(self, message: BaseMessage, position: int) -> None:
        """Add a system message, wherever it stands."""
        content = blocks.convert_blocks(blocks.content_of(message), _system_block)
        turn = turns.Turn("system", position, content, plain=isinstance(message.content, str))
        if self.past and self.model.capabilities.mid_conversation_system:
            self._add(turn)
        elif content:
            self._add_to_prompt(turn)

    def _taken(self, block: JsonObject, position: int) -> JsonObject | None:
        """Return an answer's block as this request takes it; None if it does not.

        A thread that began at the API itself has blocks of features that the clouds do not serve.
        """
        kind = block["type"]
        beta = _BETAS.get(str(block.get("name")) if kind == "server_tool_use" else kind)
        if kind in blocks.THINKING:
            return block if self.with_thinking else None
        if kind == turns.COMPACTION and self.model.known and not self.model.capabilities.compaction:
            told = f"the compaction in messages[{position}] is sent as text"
            self.notices.append(f"{told}: {self.model.info.name} takes no such blocks")
            summary = {"type": "text", "text": block.get("content") or ""}
            return blocks.convert_text({**summary, "cache_control": block.get("cache_control")})
        if beta is None or self.betas is None or any(b.startswith(beta) for b in self.betas):
            return block
        told = f"it needs a beta ({beta}...) that the request does not list"
        self.notices.append(f"a {kind} block in messages[{position}] is left out: {told}")
        return None

    def _add(self, turn: turns.Turn) -> None:
        """Add a turn where the API takes it; an assistant's without content is skipped."""
        if turn.role == "system" and turn.content:
            self.waiting = self.waiting or turns.Turn("system", turn.position)
            self.waiting.content += turn.content
        elif turn.content or turn.role == "user":
            if turn.role == "assistant":
                self._place_waiting()
            if self.past and self.past[-1].role == turn.role:
                self.past[-1].extend(turn)
            else:
                self.past.append(turn)

    def _user_block(self, block: JsonObject) -> JsonObject | None:
        if block.get("type") == "tool_result":
            return convert_tool_result(block, self.names, self.notices)
        return blocks.convert_block(block)

    def _place_waiting(self) -> None:
        """Put waiting system messages where the API takes them: behind a user's turn.

        Also behind an assistant turn that ends with a server tool's result. They must be
        followed by the assistant or nothing, and never by each other
        (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
        """
        if self.waiting is None or not self.past:
            return
        last = self.past[-1]
        if last.role == "user" or last.ends_with_server_result():
            self.past.append(self.waiting)
            self.waiting = None

    def _add_to_prompt(self, turn: turns.Turn) -> None:
        """Add a system message to the system prompt, and say so if it stood elsewhere."""
        if self.past:
            told = "this model takes no system message there, or it had no user turn to follow"
            self.notices.append(f"messages[{turn.position}] goes into the system prompt: {told}")
        if any(block["type"] in TOOL_CHANGES for block in turn.content):
            told = "needs a model that takes system messages in a conversation, and a user turn"
            raise InvalidInputError(f"a change of the tools {told}.")
        self.prompt.extend(turn)

    def _check_prefill(self, last: turns.Turn) -> None:
        """Refuse a conversation that ends with the assistant, if the model does not go on there.

        After a pause the API takes up its own turn again, which is no prefill. A compaction at the
        end is a pause, whatever came with it
        (https://platform.claude.com/docs/en/build-with-claude/compaction-threshold).
        """
        kind = last.content[-1]["type"]
        is_paused = last.paused or turns.is_server_block(kind) or kind == turns.COMPACTION
        if not (is_paused or self.model.capabilities.prefill or not self.model.known):
            place = f"messages[{last.position}]: the conversation ends with an AIMessage, which"
            told = f"{self.model.info.name} does not continue (prefill). End with a HumanMessage."
            raise InvalidInputError(f"{place} {told}")


def _system_block(block: JsonObject) -> JsonObject | None:
    kind = block.get("type", "text" if "text" in block else None)
    if kind in TOOL_CHANGES and isinstance(block.get("tool"), dict):
        return blocks.without_leftovers(block)
    if kind not in (*blocks.TEXTS, CACHE_POINT):
        told = f"not {kind or 'such'} blocks. Use a HumanMessage."
        raise InvalidInputError(f"a system message holds text only, {told}")
    return blocks.convert_block(block)
