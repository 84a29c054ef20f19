"""The turns of a conversation, and the API's rules for them.

Each tool call must have exactly one result. A call with invalid arguments gets an error result, and
a call that was removed from ``tool_calls`` is left out. Anything else is an error that names the id
of the call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.assistant import AssistantContent
from langchain_claude_cloud.request.messages.tool_calls import INVALID_JSON

THINKING: Final = ("thinking", "redacted_thinking")
"""The types of blocks that hold what the model thought."""

_SERVER_CALLS: Final = ("server_tool_use", "mcp_tool_use")

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
    return kind in _SERVER_CALLS or (kind.endswith("_tool_result") and kind != "tool_result")


def finalize_turns(turns: list[Turn]) -> list[Turn]:
    """Take from assistant turns what must not be at their end; drop those left empty.

    Args:
        turns: The paired turns; changed in place.

    Returns:
        The turns, alternating.

    Raises:
        InvalidInputError: A user turn with nothing in it.
    """
    finished: list[Turn] = []
    called: set[object] = set()
    for index, turn in enumerate(turns):
        if turn.role == "assistant":
            following = turns[index + 1] if index + 1 < len(turns) else None
            _drop_stray_server_results(turn, called)
            _trim_end(turn, following)
            if not turn.content:
                continue
        _append(finished, turn)
    for turn in finished:
        if not turn.content and not turn.results:
            raise InvalidInputError(
                f"messages[{turn.position}] is empty, and so is the whole {turn.role} turn: Claude "
                "does not accept an empty message. Give it text, or leave it out."
            )
    return finished


def _append(finished: list[Turn], turn: Turn) -> None:
    """Add a turn so that roles alternate, also where an assistant turn was left out."""
    last = finished[-1] if finished else None
    if last is not None and last.role == "system" and turn.role == "user":
        # Only the assistant may follow a system turn, so it moves behind the user's.
        finished.pop()
        _append(finished, turn)
        finished.append(last)
    elif last is not None and last.role == turn.role:
        last.content += turn.content
        last.results += turn.results
        last.plain = False
    else:
        finished.append(turn)


def _trim_end(turn: Turn, following: Turn | None) -> None:
    if following is not None and following.role == "user" and not following.results:
        _drop_dangling_server_calls(turn)
    if following is None and turn.paused:
        return
    # "The final block in an assistant message cannot be `thinking`" (400): an answer that was
    # cut while the model was thinking (forgecode#2107).
    while turn.content and turn.content[-1]["type"] in THINKING:
        turn.content.pop()
    if following is None and turn.content and turn.content[-1]["type"] == "text":
        # "final assistant content cannot end with trailing whitespace" (400).
        turn.content[-1]["text"] = turn.content[-1]["text"].rstrip()


def _drop_stray_server_results(turn: Turn, called: set[object]) -> None:
    """Take out results of server tools whose call is not in the conversation.

    Histories that were cut or edited hold them; the API refuses each that it cannot match
    with a ``server_tool_use`` (400). A result may come some turns after its call: client
    tools that the server's code calls are answered in between.
    """
    if not any(is_server_block(block["type"]) for block in turn.content):
        return
    kept = []
    for block in turn.content:
        kind = block["type"]
        if kind in _SERVER_CALLS:
            called.add(block.get("id"))
        elif is_server_block(kind) and block.get("tool_use_id") not in called:
            continue
        kept.append(block)
    turn.content = kept


def _drop_dangling_server_calls(turn: Turn) -> None:
    """Take out server tool calls that were cut off before their result.

    One beside client tools may be waiting for their results: the caller looks out for that.
    """
    calls = [block["id"] for block in turn.content if block["type"] in _SERVER_CALLS]
    if calls:
        answered = {block.get("tool_use_id") for block in turn.content}
        dangling = {call_id for call_id in calls if call_id not in answered}
        turn.content = [block for block in turn.content if block.get("id") not in dangling]


def pair_results(turns: list[Turn], notices: list[str]) -> list[Turn]:
    """Check and complete the results of all tool calls.

    Args:
        turns: The turns in order, with no system turn between calls and the user; changed in
            place.
        notices: Gets a line for each result that is left out.

    Returns:
        The turns, with one more where the last call still lacked its result.

    Raises:
        InvalidInputError: A call without a result, a result without a call, or two calls
            with one id.
    """
    paired: list[Turn] = []
    used: set[str] = set()
    calling: Turn | None = None
    for turn in turns:
        if turn.role == "user":
            _match_results(calling, turn, used, notices)
            calling = None
        elif turn.role == "assistant" and any(b["type"] == "tool_use" for b in turn.content):
            calling = turn
        paired.append(turn)
    if calling is not None:
        paired.append(_match_results(calling, Turn("user", calling.position), used, notices))
    return paired


def _match_results(calling: Turn | None, turn: Turn, used: set[str], notices: list[str]) -> Turn:
    """Match the results of a user's turn with the calls of the turn before it."""
    results = _by_call(turn, notices) if turn.results else {}
    missing = []
    kept = []
    calling = calling or Turn("assistant", turn.position)
    for block in calling.content:
        if block["type"] == "tool_use":
            call_id = block["id"]
            result = results.pop(call_id, None)
            if result is None and call_id in calling.optional and call_id not in calling.broken:
                continue
            if result is None:
                result = _failure(block, calling)
                missing.append(result)
            _link(block, result, used)
        kept.append(block)
    if results:
        raise InvalidInputError(
            f"messages[{turn.position}]: the tool result for {next(iter(results))!r} follows no "
            "AIMessage with that tool call. Results belong right behind the message that made "
            "the calls; when shortening a history, keep or drop both."
        )
    calling.content = kept
    turn.results = missing + turn.results
    turn.plain = turn.plain and not turn.results
    return turn


def _by_call(turn: Turn, notices: list[str]) -> dict[str, JsonObject]:
    """Index a turn's results by call, keeping the first of each.

    Histories get a second result when LangChain patches them: "each tool_use must have a
    single result" (400).
    """
    results: dict[str, JsonObject] = {}
    twice = [
        result["tool_use_id"]
        for result in turn.results
        if results.setdefault(result["tool_use_id"], result) is not result
    ]
    notices += [
        f"tool call {call_id!r} has two results; the first one is sent" for call_id in twice
    ]
    turn.results = list(results.values())
    return results


def _failure(block: JsonObject, calling: Turn) -> JsonObject:
    """Return the result of a call whose arguments never were valid.

    Raises:
        InvalidInputError: The call was valid: somebody forgot to answer it.
    """
    call_id = block["id"]
    if call_id not in calling.broken:
        raise InvalidInputError(
            f"messages[{calling.position}]: tool call {call_id!r} ({block['name']}) has no result. "
            f"Add a ToolMessage(tool_call_id={call_id!r}) right behind the AIMessage, or take the "
            "call out of its tool_calls."
        )
    told = {INVALID_JSON: block["input"].get(INVALID_JSON, ""), "error": calling.broken[call_id]}
    return {
        "type": "tool_result",
        "tool_use_id": call_id,
        "is_error": True,
        "content": json.dumps(told, ensure_ascii=False),
    }


def _link(call: JsonObject, result: JsonObject, used: set[str]) -> None:
    """Give a call and its result what they share: the toolset, and an id that is unique.

    Other models number their calls anew in every turn; here ids are unique in a request
    ("`tool_use` ids must be unique", 400).
    """
    if call.get("toolset_name"):
        result.setdefault("toolset_name", call["toolset_name"])
    call_id = unique = call["id"]
    count = 2
    while unique in used:
        unique, count = f"{call_id}_{count}", count + 1
    used.add(unique)
    call["id"] = result["tool_use_id"] = unique
