"""Makes sure that each tool call has exactly one result, as the API demands.

What the history itself explains is repaired: calls whose arguments never were valid, and calls
that somebody removed. Anything else is an error that names the id of the call.
"""

from __future__ import annotations

import json

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.tool_calls import INVALID_JSON
from langchain_claude_cloud.request.messages.turns import Turn


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
    if calling is None:
        _refuse_unmatched(results, turn)
        return turn
    missing = []
    kept = []
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
    calling.content = kept
    _refuse_unmatched(results, turn)
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


def _refuse_unmatched(results: dict[str, JsonObject], turn: Turn) -> None:
    if results:
        raise InvalidInputError(
            f"messages[{turn.position}]: the tool result for {next(iter(results))!r} follows no "
            "AIMessage with that tool call. Results belong right behind the message that made "
            "the calls; when shortening a history, keep or drop both."
        )


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
