"""Adds the cache breakpoints that are asked for to a body.

A breakpoint is a ``cache_control`` marker; the API caches the prompt up to it. What a caller has
marked counts too: the API takes four in all.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, cast

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import THINKING
from langchain_claude_cloud.request.options import RequestOptions

_MOST_BREAKPOINTS: Final = 4
_SECTIONS: Final = ("tools", "system", "messages")
"""What of a body has cache breakpoints, in the order in which the API reads them. It refuses one
with a longer life behind one with a shorter. The caller's own count."""

_LEVELS: Final = 4
"""A body, its messages, their blocks, and what a tool's result has in it."""

_LONG: Final = "1h"

_LOOKBACK: Final = 20
"""Blocks before a breakpoint in which the API looks for an earlier one's cache entry
(platform.claude.com, prompt caching)."""

_SWITCH: Final = "DISABLE_PROMPT_CACHING"
"""Claude Code's environment variable that turns caching off."""


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
    if not (options.cache_control or options.prompt_caching or any(_marked([body]))):
        return []
    body.update(cast("JsonObject", _copied(body)))
    own = list(_marked([body]))
    is_off = os.environ.get(_SWITCH, "").strip().lower() in ("1", "true")
    surplus = own if is_off else own[:-_MOST_BREAKPOINTS]
    for marked in surplus:
        del marked["cache_control"]
    if is_off:
        return [f"nothing is cached: {_SWITCH} is set"]
    room = max(0, _MOST_BREAKPOINTS - len(own))
    notices: list[str] = []
    if surplus or (options.cache_control and not room):
        told = f"the prompt has {len(own)} cache breakpoints already"
        notices.append(f"{told}, and the API takes {_MOST_BREAKPOINTS}: only the last are sent")
    added: list[int] = []
    for marker, holder in _wanted(body, options, model):
        if holder is not None and not holder.get("cache_control") and len(added) < room:
            holder["cache_control"] = dict(marker)
            added.append(id(holder))
    return [*notices, *_fit_lives(list(_marked([body])), added)]


def _marked(holders: Iterable[object], levels: int = _LEVELS) -> Iterator[JsonObject]:
    """Yield what has a breakpoint, in the API's order; a body itself has the automatic one."""
    for holder in holders:
        if isinstance(holder, dict) and levels:
            for name in _SECTIONS if "messages" in holder else ("content",):
                if isinstance(holder.get(name), list):
                    yield from _marked(holder[name], levels - 1)
            if isinstance(holder.get("cache_control"), dict):
                yield holder


def _fit_lives(marked: Sequence[JsonObject], added: Container[int]) -> Iterator[str]:
    """Let no breakpoint live longer than those before it; yield a line for each that is cut.

    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block" (400).

    Args:
        marked: What has a breakpoint, in order.
        added: The ids of those of the package: they last as long as the caller's behind them.
    """
    is_long = is_short = False
    for holder in reversed(marked):
        if is_long and id(holder) in added:
            holder["cache_control"]["ttl"] = _LONG
        is_long = is_long or holder["cache_control"].get("ttl") == _LONG
    for holder in marked:
        control = holder["cache_control"]
        if is_short and control.get("ttl") == _LONG:
            holder["cache_control"] = {name: control[name] for name in control if name != "ttl"}
            yield "a cache breakpoint of 1h behind one of 5m is sent as 5m: put those of 1h first"
        is_short = is_short or control.get("ttl") != _LONG


def _copied(holder: object, levels: int = _LEVELS) -> object:
    """Return a copy of a body and of what may have breakpoints in it."""
    if not isinstance(holder, dict) or not levels:
        return holder
    copied = dict(holder)
    for name in copied.keys() & {*_SECTIONS, "content"}:
        if isinstance(copied[name], list):
            copied[name] = [_copied(each, levels - 1) for each in copied[name]]
    return copied


def _wanted(
    body: JsonObject, options: RequestOptions, model: ResolvedModel
) -> Iterator[tuple[JsonObject, JsonObject | None]]:
    """Yield the markers that are asked for and what is to have them, the most important first.

    They go behind the last message, the system prompt and the tools. Where the last message is
    too far from the one before it for the API to find what that one's request has cached, there
    is a breakpoint too. Automatic caching marks the last message by itself.
    """
    if options.cache_control:
        is_automatic = "automatic_caching" not in options.refused
        takes_it = is_automatic and model.capabilities.automatic_caching
        yield options.cache_control, body if takes_it else _last_block(body)
    wish = options.prompt_caching
    if not wish:
        return
    if wish not in (True, "5m", "1h"):
        raise InvalidInputError(f"prompt_caching must be True, '5m' or '1h', not {wish!r}.")
    marker = {"type": "ephemeral"} | ({"ttl": wish} if isinstance(wish, str) else {})
    if "cache_control" not in body:
        yield marker, _last_block(body)
    yield marker, _last_of_system(body)
    tools: list[JsonObject] = body.get("tools") or []  # those loaded on demand take none
    yield marker, next((tool for tool in reversed(tools) if not tool.get("defer_loading")), None)
    yield marker, _end_of_last_request(body)


def _last_of_system(body: JsonObject) -> JsonObject | None:
    system = body.get("system")
    if system and isinstance(system, str):
        system = body["system"] = [{"type": "text", "text": system}]
    return cast("JsonObject", system[-1]) if system else None


def _last_block(body: JsonObject, end: int | None = None) -> JsonObject | None:
    """Return the last block of the messages, or of those before one, that can be cached.

    Thinking, empty text and what belongs to a program's call cannot.
    """
    messages: list[JsonObject] = body["messages"][:end]
    for place, message in reversed(list(enumerate(messages))):
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        before = messages[place - 1]["content"] if place else ()
        of_programs = {block["id"] for block in before if _is_of_program(block)}
        blocks: list[JsonObject] = message["content"]
        for block in reversed(blocks):
            is_blank = block["type"] == "text" and not str(block.get("text") or "").strip()
            is_fit = block["type"] not in THINKING and not _is_of_program(block)
            if is_fit and not is_blank and block.get("tool_use_id") not in of_programs:
                return block
    return None


def _end_of_last_request(body: JsonObject) -> JsonObject | None:
    """Return what the last request ended with, if it is out of the reach of the last message."""
    messages = body["messages"]
    end = max((n for n, each in enumerate(messages) if each["role"] == "assistant"), default=0)
    contents = [message["content"] for message in messages[end:]]
    since = sum(len(content) if isinstance(content, list) else 1 for content in contents)
    return _last_block(body, end) if since >= _LOOKBACK else None


def _is_of_program(block: object) -> bool:
    """Whether a block is a call that code execution made (langchain#34542)."""
    caller = block.get("caller") if isinstance(block, dict) else None
    return isinstance(caller, dict) and caller.get("type") != "direct"
