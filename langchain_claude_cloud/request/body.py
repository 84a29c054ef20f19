"""Builds the body of a Messages API request, cache breakpoints included.

The model, the version and the betas are not in it: each platform sends those its own way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.config.checks import check_json
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.guardrails import tag_guarded_texts
from langchain_claude_cloud.request.messages.blocks import THINKING
from langchain_claude_cloud.request.messages.conversion import TOOL_CHANGES, convert_messages
from langchain_claude_cloud.request.messages.media import find_urls
from langchain_claude_cloud.request.messages.turns import COMPACTION, INVALID_JSON
from langchain_claude_cloud.request.options import MessagesRequest, RequestOptions
from langchain_claude_cloud.request.parameters import add_parameters
from langchain_claude_cloud.request.tools import prepare_tools

__all__ = ["MessagesRequest", "RequestOptions", "build_request"]

_RAW_BETAS: Final = "anthropic_beta"
_CONTEXT_1M: Final = "context-1m-2025-08-07"
_CONTEXT_MANAGEMENT: Final = "context-management-2025-06-27"
_COMPACTION: Final = "compact-2026-01-12"
_COMPACTION_ON_DEMAND: Final = "compact-2026-09-04"
_TOOL_CHANGES: Final = "mid-conversation-tool-changes-2026-07-01"
_INLINE_TOOLS: Final = "inline-tools-2026-09-15"
_THINKING_BETAS: Final = (
    ("display", "updates", "thinking-display-updates-2026-08-18"),
    ("block_binding", None, "thinking-binding-controls-2026-08-01"),
)
_RESERVED: Final = ("messages", "model", "stream")
"""Body fields that model_kwargs may not set: they have arguments of their own."""

_SHARED: Final = ("output_config", "metadata")
"""Body objects that several options write to: raw fields are merged into them."""

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


def build_request(
    messages: Sequence[BaseMessage], options: RequestOptions, model: ResolvedModel
) -> MessagesRequest:
    """Build a request.

    Args:
        messages: The conversation; not changed.
        options: What is asked for; not changed.
        model: The model on its cloud, with what that cloud supports.

    Returns:
        The request. Values nested in its body may be the caller's: do not change them.

    Raises:
        InvalidInputError: The conversation or an option cannot be sent; the message says
            what and what to do, and carries platform and model.
    """
    try:
        return _build(messages, options, model)
    except InvalidInputError as error:
        error.platform = error.platform or model.cloud
        error.model = error.model or model.model_id
        raise
    except (AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"An argument of the call has a value of the wrong kind: {error}.",
            platform=model.cloud,
            model=model.model_id,
        ) from error


def _build(
    messages: Sequence[BaseMessage], options: RequestOptions, model: ResolvedModel
) -> MessagesRequest:
    betas = _users_betas(options)
    tools = prepare_tools(options, model)
    conversation = convert_messages(
        messages,
        model,
        tools.names,
        with_thinking=options.bound_thinking != "leave_out",
        betas=betas,
    )
    body: JsonObject = {"messages": conversation.messages}
    if model.known and not (model.capabilities.image_input and model.capabilities.pdf_input):
        _refuse_media(body, model)
    if conversation.system:
        body["system"] = conversation.system
    if tools.tools:
        body["tools"] = tools.tools
    notices = [*conversation.notices, *tools.notices]
    notices += add_parameters(body, options, tools.choice, model, betas)
    if options.model_kwargs:
        _merge_raw_fields(body, options.model_kwargs)
    notices += _add_caching(body, options, model)
    own = [*tools.betas, *_needed_betas(body, options)]
    betas += [beta for beta in own if beta not in options.refused]
    is_odd = check_json(body)
    if options.guard is not None:
        body = tag_guarded_texts(body, last_turn=options.guard == "last_turn")
    if is_odd:
        _write_odd_numbers(body)
        body = json.loads(dump_json(body))
        notices.append(
            "what JSON cannot hold is replaced: halves of characters (lone surrogates) by U+FFFD, "
            "the arguments of a call with a number such as infinity by their text"
        )
    # A prompt of plain texts has none.
    urls = find_urls(body) if _blocks(body) else {}
    return MessagesRequest(body, tuple(dict.fromkeys(betas)), tuple(notices), tools.names, urls)


def own_betas(options: RequestOptions, model: ResolvedModel) -> frozenset[str]:
    """Return the betas that the package itself adds for some options.

    Args:
        options: What is asked for. Betas that the user lists do not count as the package's.
        model: The model on its cloud.
    """
    betas = build_request([HumanMessage(".")], options, model).betas
    return frozenset(betas) - frozenset(_users_betas(options))


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Two halves of a character that belong together become it, others the replacement character.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The request cannot be written as JSON: {error}. Look at tool arguments and "
            "model_kwargs for values that are not strings, numbers, booleans, lists or dicts."
        ) from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _write_odd_numbers(body: JsonObject) -> None:
    """Write the arguments of calls as text where JSON does not have one of their numbers.

    Other integrations take such a call of another model for a valid one.
    """
    for block in _blocks(body):
        if block["type"] == "tool_use":
            try:
                json.dumps(block["input"], allow_nan=False)
            except ValueError:
                block["input"] = {INVALID_JSON: json.dumps(block["input"])}
            except TypeError:
                return  # `dump_json` says why


def _users_betas(options: RequestOptions) -> list[str]:
    """Return what the user lists, also where users of other Bedrock integrations put it."""
    betas = options.model_kwargs.get(_RAW_BETAS) or ()
    raw = map(str.strip, betas.split(",")) if isinstance(betas, str) else betas
    return [*options.betas, *raw]


def _merge_raw_fields(body: JsonObject, raw: JsonObject) -> None:
    taken = [name for name in _RESERVED if name in raw]
    if taken:
        raise InvalidInputError(
            f"model_kwargs must not hold {', '.join(taken)}: pass messages to invoke or stream, "
            "and the model as 'model'."
        )
    tools = raw.get("tools") or ()
    if not isinstance(tools, list | tuple) or not all(isinstance(each, dict) for each in tools):
        raise InvalidInputError(f"'tools' in model_kwargs is a list of dicts, not {tools!r:.80}.")
    for name, value in raw.items():
        if name == _RAW_BETAS:
            continue
        shared = name in _SHARED and isinstance(value, Mapping) and name in body
        body[name] = {**body[name], **value} if shared else value


def _needed_betas(body: JsonObject, options: RequestOptions) -> list[str]:
    """Return the betas that fields of a body need, but for those of tools."""
    betas = [_CONTEXT_1M] if options.context_1m else []
    management = body.get("context_management")
    if isinstance(management, dict):
        kinds = [str(edit.get("type")) for edit in management.get("edits") or ()]
        compacting = [kind.startswith("compact_") for kind in kinds]
        betas += [_CONTEXT_MANAGEMENT] if not all(compacting) or not kinds else []
        betas += [_COMPACTION] if any(compacting) else []
    betas += [_COMPACTION_ON_DEMAND] if body.get(COMPACTION) else []
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        for name, value, beta in _THINKING_BETAS:
            if name in thinking and value in (None, thinking[name]):
                betas.append(beta)
    for block in _blocks(body):
        if block["type"] in TOOL_CHANGES:
            inline = (block.get("tool") or {}).get("type") == "tool_definition"
            betas.append(_INLINE_TOOLS if inline else _TOOL_CHANGES)
        elif block["type"] == COMPACTION:
            betas.append(_COMPACTION_ON_DEMAND if block.get("signature") else _COMPACTION)
    return betas


def _refuse_media(body: JsonObject, model: ResolvedModel) -> None:
    """Refuse images and PDFs to a model that reads none."""
    taken = {"image": model.capabilities.image_input, "document": model.capabilities.pdf_input}
    for block in _blocks(body):
        source = block.get("source") or {}
        if not taken.get(block["type"], True) and source.get("type") in ("base64", "url"):
            raise InvalidInputError(
                f"{model.info.name} does not read {block['type']} blocks. Use a newer model, or "
                "send text."
            )


def _blocks(body: JsonObject) -> list[JsonObject]:
    """Return the blocks of all messages, without those that are nested in others."""
    contents = (message["content"] for message in body["messages"])
    return [block for content in contents if isinstance(content, list) for block in content]


def _add_caching(body: JsonObject, options: RequestOptions, model: ResolvedModel) -> list[str]:
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
    if not (options.cache_control or options.prompt_caching or _marked([body])):
        return []
    body.update(cast("JsonObject", _copied(body)))
    own = _marked([body])
    is_off = os.environ.get(_SWITCH, "").strip().lower() in ("1", "true")
    surplus = max(0, len(own) - (0 if is_off else _MOST_BREAKPOINTS))
    for marked in own[:surplus]:
        del marked["cache_control"]
    if is_off:
        return [f"nothing is cached: {_SWITCH} is set"]
    notices = _shorten(own[surplus:])
    room = _MOST_BREAKPOINTS - len(own) + surplus
    if surplus:
        notices.append(
            f"the prompt has {surplus} cache breakpoints more than the {_MOST_BREAKPOINTS} "
            "that the API takes; the first ones are left out"
        )
    if options.cache_control and room == 0:
        notices.append(
            f"left out: cache_control: the prompt has {_MOST_BREAKPOINTS} breakpoints already"
        )
    _mark(body, _wanted(body, options, model), room)
    return notices


def _marked(holders: Iterable[object], levels: int = _LEVELS) -> list[JsonObject]:
    """Return what has a breakpoint, in the API's order; a body itself has the automatic one."""
    found: list[JsonObject] = []
    for holder in holders:
        if isinstance(holder, dict) and levels:
            for name in _SECTIONS if "messages" in holder else ("content",):
                if isinstance(holder.get(name), list):
                    found += _marked(holder[name], levels - 1)
            found += [holder] if isinstance(holder.get("cache_control"), dict) else ()
    return found


def _shorten(marked: Iterable[JsonObject]) -> list[str]:
    """Make breakpoints as short as the shortest before them; return a line for each."""
    notices, is_short = [], False
    for holder in marked:
        control = holder["cache_control"]
        if is_short and control.get("ttl") == _LONG:
            holder["cache_control"] = {name: control[name] for name in control if name != "ttl"}
            notices.append("a cache breakpoint of 1h behind one of 5m is sent as one of 5m")
        is_short = is_short or control.get("ttl") != _LONG
    return notices


def _copied(holder: object, levels: int = _LEVELS) -> object:
    """Return a copy of a body and of what may have breakpoints in it."""
    if not isinstance(holder, dict) or not levels:
        return holder
    return {
        name: [_copied(each, levels - 1) for each in value]
        if name in (*_SECTIONS, "content") and isinstance(value, list)
        else value
        for name, value in holder.items()
    }


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
    yield marker, _last_tool(body)
    yield marker, _end_of_last_request(body)


def _mark(
    body: JsonObject, wanted: Iterable[tuple[JsonObject, JsonObject | None]], room: int
) -> None:
    """Set markers where there is none yet, with lives that fit those that are there.

    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block" (400).
    """
    added: set[int] = set()
    for marker, holder in wanted:
        if holder is not None and not holder.get("cache_control") and len(added) < room:
            holder["cache_control"] = dict(marker)
            added.add(id(holder))
    marked, is_short, is_long = _marked([body]), False, False
    for holder in marked:
        if id(holder) not in added:
            is_short = is_short or holder["cache_control"].get("ttl") != _LONG
        elif is_short:
            holder["cache_control"].pop("ttl", None)
    for holder in reversed(marked):
        if is_long and id(holder) in added:
            holder["cache_control"]["ttl"] = _LONG
        is_long = is_long or holder["cache_control"].get("ttl") == _LONG


def _last_tool(body: JsonObject) -> JsonObject | None:
    """Return the last tool that is not loaded on demand: those take no breakpoint."""
    tools: list[JsonObject] = body.get("tools") or []
    return next((tool for tool in reversed(tools) if not tool.get("defer_loading")), None)


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
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
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
