"""Places, counts and removes the cache breakpoints of a request.

The API takes at most four in a request. It reads them in the order tools, system, messages, and
refuses one with a longer life behind one with a shorter. The caller's own breakpoints count.
"""

from __future__ import annotations

import math
import os
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import THINKING
from langchain_claude_cloud.request.options import RequestOptions

_MOST_BREAKPOINTS: Final = 4
_SECTIONS: Final = ("tools", "system", "messages")
_LONG: Final = "1h"
_LOOKBACK: Final = 20
"""Blocks before a breakpoint in which the API looks for an earlier one's cache entry
(platform.claude.com, prompt caching)."""

_SWITCH: Final = "DISABLE_PROMPT_CACHING"
"""Claude Code's switch for the same."""


def add_caching(body: JsonObject, options: RequestOptions, model: ResolvedModel) -> list[str]:
    """Add the cache breakpoints that are asked for.

    Args:
        body: A Messages API body; changed, but never its lists and the dicts in them.
        options: What is asked for.
        model: Says whether it takes ``cache_control`` at the top level.

    Returns:
        What was left out, one line each.

    Raises:
        InvalidInputError: ``prompt_caching`` has none of its values.
    """
    body.update({name: list(body[name]) for name in _SECTIONS if isinstance(body.get(name), list)})
    marker, wanted = options.cache_control, options.prompt_caching
    if os.environ.get(_SWITCH, "").strip().lower() in ("1", "true"):
        asked = _remove_breakpoints(body) or marker or wanted
        return [f"nothing is cached: {_SWITCH} is set"] if asked else []
    notices = []
    surplus = len(_markers(body)) - _MOST_BREAKPOINTS
    if surplus > 0:
        _remove_breakpoints(body, surplus)
        notices.append(
            f"the prompt has {surplus} cache breakpoints more than the {_MOST_BREAKPOINTS} "
            "that the API takes; the first ones are left out"
        )
    if marker and len(_markers(body)) >= _MOST_BREAKPOINTS:
        notices.append(
            f"left out: cache_control: the prompt has {_MOST_BREAKPOINTS} breakpoints already"
        )
    elif marker:
        if model.capabilities.automatic_caching and "automatic_caching" not in options.refused:
            body["cache_control"] = marker
        else:
            _mark_messages(body, marker)
    if wanted:
        if wanted not in (True, "5m", "1h"):
            raise InvalidInputError(f"prompt_caching must be True, '5m' or '1h', not {wanted!r}.")
        _add_breakpoints(body, wanted if isinstance(wanted, str) else None)
    return notices


def _remove_breakpoints(body: JsonObject, most: float = math.inf) -> int:
    """Take the first breakpoints out of a body, the caller's own included; return how many."""
    count = 0
    for section in _SECTIONS:
        if isinstance(body.get(section), list):
            found, body[section] = _unmarked(body[section], most - count)
            count += found
    # The automatic one stands at the end of the prompt.
    if count < most and body.pop("cache_control", None):
        count += 1
    return count


def _unmarked(holders: list[JsonObject], most: float) -> tuple[int, list[JsonObject]]:
    """Return how many markers were taken out of dicts and their content, and them without.

    Args:
        holders: The dicts; not changed.
        most: How many to take out at most, the first ones.
    """
    count = 0
    plain = []
    for holder in holders:
        new = holder
        if count < most and isinstance(holder.get("content"), list):
            found, content = _unmarked(holder["content"], most - count)
            count += found
            new = {**new, "content": content} if found else new
        if count < most and holder.get("cache_control"):
            count += 1
            new = {key: new[key] for key in new if key != "cache_control"}
        plain.append(new)
    return count, plain


def _add_breakpoints(body: JsonObject, ttl: str | None) -> None:
    """Put breakpoints behind the tools, the system prompt and the last message.

    Where the last message is too far from the one before it for the API to find what that
    one's request has cached, there is a breakpoint too. Where the caller's own breakpoints
    leave too few, the later places come first.
    """
    wanted = {"tools": _mark_tools, "system": _mark_system, "messages": _mark_messages}
    room = _MOST_BREAKPOINTS - len(_markers(body))
    if "cache_control" in body:
        # Automatic caching marks the last message by itself.
        wanted.pop("messages")
    for section in reversed(wanted):
        if room > 0 and wanted[section](body, _marker(body, section, ttl)):
            room -= 1
    if room > 0:
        _mark_end_of_last_request(body, _marker(body, "messages", ttl))


def _marker(body: JsonObject, section: str, ttl: str | None) -> JsonObject:
    """Return the marker for a section, with a life that fits the caller's own markers.

    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block" (400).
    """
    place = _SECTIONS.index(section)
    lives = [(where <= place, marker.get("ttl") == _LONG) for where, marker in _markers(body)]
    if (True, False) in lives:
        ttl = None
    elif (False, True) in lives:
        ttl = _LONG
    return {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}


def _markers(body: JsonObject) -> list[tuple[int, JsonObject]]:
    """Return the breakpoints of a body, with the index of their section; the automatic one last."""
    lists = [body[section] if isinstance(body.get(section), list) else [] for section in _SECTIONS]
    contents = [message.get("content") for message in lists[-1]]
    lists[-1] = [block for content in contents if isinstance(content, list) for block in content]
    lists.append([body])
    return [
        (place, holder["cache_control"])
        for place, holders in enumerate(lists)
        for holder in holders
        if isinstance(holder.get("cache_control"), dict)
    ]


def _mark_tools(body: JsonObject, marker: JsonObject) -> bool:
    """Mark the last tool that is not loaded on demand: those take no breakpoint."""
    tools = body.get("tools") or []
    for index in range(len(tools) - 1, -1, -1):
        if not tools[index].get("defer_loading"):
            return _mark(tools, index, marker)
    return False


def _mark_system(body: JsonObject, marker: JsonObject) -> bool:
    system = body.get("system")
    if not system:
        return False
    if isinstance(system, str):
        body["system"] = [{"type": "text", "text": system, "cache_control": marker}]
        return True
    return _mark(system, len(system) - 1, marker)


def _mark_messages(body: JsonObject, marker: JsonObject) -> bool:
    return _mark_last_of(body["messages"], len(body["messages"]), marker)


def _mark_end_of_last_request(body: JsonObject, marker: JsonObject) -> bool:
    """Mark what the last request ended with, if it is out of the reach of the last message."""
    messages = body["messages"]
    end = len(messages)
    while end and messages[end - 1]["role"] != "assistant":
        end -= 1
    while end and messages[end - 1]["role"] == "assistant":
        end -= 1
    since = sum(
        len(message["content"]) if isinstance(message["content"], list) else 1
        for message in messages[end:]
    )
    return since >= _LOOKBACK and _mark_last_of(messages, end, marker)


def _mark_last_of(messages: list[JsonObject], end: int, marker: JsonObject) -> bool:
    """Mark the last block that can be cached: no thinking, no part of a program's call."""
    for place in range(end - 1, -1, -1):
        message = messages[place]
        content = message["content"]
        if isinstance(content, str):
            text = {"type": "text", "text": content, "cache_control": marker}
            messages[place] = {**message, "content": [text]}
            return True
        by_program = _ids_called_by_programs(messages[place - 1]) if place else frozenset()
        for index in range(len(content) - 1, -1, -1):
            if not _is_fit(content[index], by_program):
                continue
            blocks = list(content)
            if not _mark(blocks, index, marker):
                return False
            messages[place] = {**message, "content": blocks}
            return True
    return False


def _is_fit(block: JsonObject, by_program: frozenset[str]) -> bool:
    """Whether a block takes a breakpoint: thinking, empty text and programs' calls do not."""
    if block["type"] == "text" and not str(block.get("text") or "").strip():
        return False
    return block["type"] not in THINKING and not _is_of_program(block, by_program)


def _mark(holders: list[JsonObject], index: int, marker: JsonObject) -> bool:
    """Put a marker on one of a list's dicts, unless it has one; the dict is replaced."""
    if isinstance(holders[index].get("cache_control"), dict):
        return False
    holders[index] = {**holders[index], "cache_control": marker}
    return True


def _ids_called_by_programs(message: JsonObject) -> frozenset[str]:
    content = message["content"]
    blocks = content if isinstance(content, list) else ()
    return frozenset(block["id"] for block in blocks if _is_of_program(block, frozenset()))


def _is_of_program(block: JsonObject, by_program: frozenset[str]) -> bool:
    """Whether a block belongs to a call that code execution made (langchain#34542)."""
    caller = block.get("caller")
    called = isinstance(caller, dict) and caller.get("type") != "direct"
    return called or block.get("tool_use_id") in by_program
