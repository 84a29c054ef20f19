"""A body and a wish to cache in, a body with cache breakpoints out.

The API takes four breakpoints a request, in the order tools, system, messages, and none with
a longer life behind one with a shorter. The caller's own count and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from langchain_claude_cloud._types import JsonObject

MOST_BREAKPOINTS: Final = 4
_UNFIT: Final = ("thinking", "redacted_thinking")
_SECTIONS: Final = ("tools", "system", "messages")
_LONG: Final = "1h"


def add_automatic_breakpoint(body: JsonObject, marker: JsonObject, *, automatic: bool) -> str:
    """Mark the end of the prompt, by the API's own means or by a breakpoint.

    Args:
        body: A Messages API body; changed, but never the dicts in its lists.
        marker: The ``cache_control``.
        automatic: Whether the model takes ``cache_control`` at the top level.

    Returns:
        Why it was left out, or an empty string.
    """
    if count_breakpoints(body) >= MOST_BREAKPOINTS:
        return f"cache_control: the prompt has {MOST_BREAKPOINTS} breakpoints already"
    if automatic:
        body["cache_control"] = marker
    else:
        _mark_messages(body, marker)
    return ""


def add_breakpoints(body: JsonObject, ttl: str | None) -> None:
    """Put breakpoints behind the tools, the system prompt and the last message.

    Args:
        body: A Messages API body; changed, but never the dicts in its lists. Where the
            caller's own breakpoints leave too few, the later places come first.
        ttl: ``5m``, ``1h``, or None for the API's default.
    """
    wanted = {"tools": _mark_tools, "system": _mark_system, "messages": _mark_messages}
    room = MOST_BREAKPOINTS - count_breakpoints(body)
    if "cache_control" in body:
        # Automatic caching marks the last message by itself.
        wanted.pop("messages")
    for section in reversed(wanted):
        if room > 0 and wanted[section](body, _marker(body, section, ttl)):
            room -= 1


def count_breakpoints(body: JsonObject) -> int:
    """Count the breakpoints in a body, the automatic one included."""
    return sum(1 for section in _SECTIONS for _ in _markers(body, section)) + (
        "cache_control" in body
    )


def _marker(body: JsonObject, section: str, ttl: str | None) -> JsonObject:
    """Return the marker for a section, with a life that fits the caller's own markers.

    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block" (400).
    """
    place = _SECTIONS.index(section)
    before = [m for name in _SECTIONS[: place + 1] for m in _markers(body, name)]
    after = [m for name in _SECTIONS[place + 1 :] for m in _markers(body, name)]
    after += [body["cache_control"]] if isinstance(body.get("cache_control"), dict) else []
    if any(marker.get("ttl") != _LONG for marker in before):
        ttl = None
    elif any(marker.get("ttl") == _LONG for marker in after):
        ttl = _LONG
    return {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}


def _markers(body: JsonObject, section: str) -> Iterator[JsonObject]:
    holders = body.get(section)
    if not isinstance(holders, list):
        return
    for holder in holders:
        if section != "messages":
            found = holder.get("cache_control")
            if isinstance(found, dict):
                yield found
            continue
        content = holder.get("content")
        for block in content if isinstance(content, list) else ():
            found = block.get("cache_control")
            if isinstance(found, dict):
                yield found


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
    """Mark the last block that can be cached: no thinking, no part of a program's call."""
    messages = body["messages"]
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        content = message["content"]
        if isinstance(content, str):
            text = {"type": "text", "text": content, "cache_control": marker}
            messages[place] = {**message, "content": [text]}
            return True
        by_program = _ids_called_by_programs(messages[place - 1]) if place else frozenset()
        for index in range(len(content) - 1, -1, -1):
            block = content[index]
            if block["type"] in _UNFIT or _is_of_program(block, by_program):
                continue
            blocks = list(content)
            if not _mark(blocks, index, marker):
                return False
            messages[place] = {**message, "content": blocks}
            return True
    return False


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
