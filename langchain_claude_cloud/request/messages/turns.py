"""The turns of a conversation, and the API's rules for them.

Each tool call must have exactly one result. A call with invalid arguments gets an error result, and
a call that was removed from ``tool_calls`` is left out. Anything else is an error that names the id
of the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, count, pairwise, zip_longest
from typing import Final, Literal

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import THINKING

INVALID_JSON: Final = "INVALID_JSON"
"""The key under which arguments that do not parse go back to the model
(https://docs.claude.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming)."""

COMPACTION: Final = "compaction"
"""The type of a block that stands for all that was said before it. If the caller asked for it, a
conversation must begin with it (400 `compaction_block_misplaced`;
https://platform.claude.com/docs/en/build-with-claude/compaction-on-demand)."""

PAUSES: Final = frozenset({"pause_turn", COMPACTION})
"""Stop reasons after which the next answer continues the same turn."""

_SERVER_CALLS: Final = ("server_tool_use", "mcp_tool_use")


@dataclass(slots=True)
class Turn:
    """A turn: consecutive messages of one role.

    Attributes:
        role: Whose turn it is.
        position: The index of the first message in it.
        content: The blocks.
        plain: Whether it is one message that was given as a string.
        unanswered: Of an assistant's turn, by the ids of calls that need no result of the user's:
            the result that stands in for it, or None, and then the call is left out.
        paused: Of an assistant's turn: whether the API paused it, and continues it when it is
            sent back.
    """

    role: Literal["user", "assistant", "system"]
    position: int
    content: list[JsonObject] = field(default_factory=list)
    plain: bool = False
    unanswered: dict[str, JsonObject | None] = field(default_factory=dict)
    paused: bool = False

    def extend(self, turn: Turn) -> None:
        """Add a turn of the same role."""
        self.plain = turn.plain and not self.content
        self.content += turn.content
        self.unanswered |= turn.unanswered
        self.paused = turn.paused

    def ends_with_server_result(self) -> bool:
        """Whether this is an assistant's turn that ends with a result of the API's own tools.

        One with calls that wait for the user's results is not at its end.
        """
        kinds = [block["type"] for block in self.content] if self.role == "assistant" else [""]
        return kinds[-1].endswith("_tool_result") and "tool_use" not in kinds

    def wire(self) -> JsonObject:
        """Return the API's message.

        Raises:
            InvalidInputError: There is nothing in it.
        """
        if not self.content:
            told = "is empty, which Claude does not accept. Give it text, or leave it out."
            raise InvalidInputError(f"messages[{self.position}] {told}")
        first, is_alone = self.content[0], len(self.content) == 1
        is_text = self.plain and is_alone and first.keys() == {"type", "text"}
        return {"role": self.role, "content": first["text"] if is_text else self.content}


def is_server_block(kind: str) -> bool:
    """Whether a block is a server tool's call or result."""
    return kind in _SERVER_CALLS or kind.endswith("_tool_result")


def finish_turns(turns: list[Turn], notices: list[str]) -> list[Turn]:
    """Give each call its result, and take out what the API does not take back.

    Args:
        turns: The turns in order, with no system turn between calls and the user; changed in
            place.
        notices: Gets a line for each result that is left out.

    Returns:
        The turns, with one more where the last call still lacked its result. Nothing may be
        left of an assistant's.

    Raises:
        InvalidInputError: A call without a result, or a result without a call.
    """
    used, called = set[str](), set[str]()
    is_asking = bool(turns) and turns[-1].role == "assistant"
    results = [Turn("user", turns[-1].position)] if is_asking else []
    for calling, turn in pairwise([Turn("assistant", 0), *turns, *results]):
        if turn.role == "user":
            _pair_results(calling, turn, used, notices)
    paired = [*turns, *(turn for turn in results if turn.content)]
    for turn, following in zip_longest(paired, paired[1:]):
        if turn.role == "assistant":
            _match_server_blocks(turn, following, called)
            _trim_end(turn, is_last=following is None)
    return paired


def _trim_end(turn: Turn, *, is_last: bool) -> None:
    goes_on = is_last and turn.paused
    # "The final block in an assistant message cannot be `thinking`" (400): an answer that was
    # cut while the model was thinking (forgecode#2107).
    while turn.content and turn.content[-1]["type"] in THINKING and not goes_on:
        turn.content.pop()
    if is_last and turn.content and turn.content[-1]["type"] == "text":
        # "final assistant content cannot end with trailing whitespace" (400).
        turn.content[-1]["text"] = turn.content[-1]["text"].rstrip()


def _match_server_blocks(turn: Turn, following: Turn | None, called: set[str]) -> None:
    """Take out calls and results of server tools that have lost each other.

    Histories that were cut or edited hold results without their call; the API refuses each that
    it cannot match with a ``server_tool_use`` (400). A result may come some turns after its call:
    client tools that the server's code calls are answered in between. A call without its result
    was cut off, unless such answers follow, or nothing.
    """
    kept: list[JsonObject] = []
    for block in turn.content:
        kind = block["type"]
        if kind in _SERVER_CALLS:
            called.add(block["id"])
        elif is_server_block(kind) and block.get("tool_use_id") not in called:
            continue
        kept.append(block)
    said = following.content if following and following.role == "user" else None
    if said is not None and not any(block["type"] == "tool_result" for block in said):
        answered = {block.get("tool_use_id") for block in kept}
        kept = [b for b in kept if b["type"] not in _SERVER_CALLS or b["id"] in answered]
    turn.content = kept


def _pair_results(calling: Turn, turn: Turn, used: set[str], notices: list[str]) -> None:
    """Match the results of a user's turn with the calls of the turn before it; put them first.

    Histories get a second result when LangChain patches them: "each tool_use must have a
    single result" (400). The first is sent.
    """
    results: dict[str, JsonObject] = {}
    others: list[JsonObject] = []
    for block in turn.content:
        if block["type"] != "tool_result":
            others.append(block)
        elif results.setdefault(block["tool_use_id"], block) is not block:
            call_id = block["tool_use_id"]
            notices.append(f"tool call {call_id!r} has two results; the first one is sent")
    given = list(results.values())
    missing = _answer(calling, results, used)
    if results:
        place = f"messages[{turn.position}]: the tool result for {next(iter(results))!r}"
        told = "follows no AIMessage with that tool call; when shortening a history"
        raise InvalidInputError(f"{place} {told}, keep or drop both.")
    turn.content = missing + given + others


def _answer(calling: Turn, results: dict[str, JsonObject], used: set[str]) -> list[JsonObject]:
    """Take its result for each call; leave out calls that need none, and make what is missing.

    A call that comes twice is in an answer that a history holds twice.
    """
    missing: list[JsonObject] = []
    kept: list[JsonObject] = []
    seen: set[str] = set()
    for block in calling.content:
        if block["type"] == "tool_use":
            call_id = block["id"]
            if call_id in seen:
                continue
            seen.add(call_id)
            result = results.pop(call_id, None)
            if result is None and (result := _stand_in(block, calling)) is not None:
                missing.append(result)
            if result is None:
                continue
            _link(block, result, used)
        kept.append(block)
    calling.content = kept
    return missing


def _stand_in(call: JsonObject, calling: Turn) -> JsonObject | None:
    """Return what stands in for the result of a call; None if the call is left out.

    Raises:
        InvalidInputError: Somebody forgot to answer it.
    """
    if call["id"] not in calling.unanswered:
        place = f"messages[{calling.position}]: tool call {call['id']!r} ({call['name']})"
        told = "has no result. Add its ToolMessage, or take it out of tool_calls."
        raise InvalidInputError(f"{place} {told}")
    return calling.unanswered[call["id"]]


def _link(call: JsonObject, result: JsonObject, used: set[str]) -> None:
    """Give a call and its result what they share: the toolset, and an id that is unique.

    Other models number their calls anew in every turn; here ids are unique in a request
    ("`tool_use` ids must be unique", 400).
    """
    if call.get("toolset_name"):
        result.setdefault("toolset_name", call["toolset_name"])
    numbered = (f"{call['id']}_{number}" for number in count(2))
    unique = next(each for each in chain([call["id"]], numbered) if each not in used)
    used.add(unique)
    call["id"] = result["tool_use_id"] = unique
