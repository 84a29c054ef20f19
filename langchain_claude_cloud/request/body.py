"""Builds the body of a Messages API request.

The model, the version and the betas are not in it: each platform sends those its own way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.config.checks import check_json
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.caching import add_caching
from langchain_claude_cloud.request.guardrails import tag_guarded_texts
from langchain_claude_cloud.request.messages.conversion import TOOL_CHANGES, convert_messages
from langchain_claude_cloud.request.messages.fetched_media import find_urls
from langchain_claude_cloud.request.messages.turns import COMPACTION, INVALID_JSON
from langchain_claude_cloud.request.options import MessagesRequest, RequestOptions
from langchain_claude_cloud.request.parameters import Parameters
from langchain_claude_cloud.request.tools import prepare_tools

__all__ = ["MessagesRequest", "RequestOptions", "build_request"]

_RAW_BETAS: Final = "anthropic_beta"
_CONTEXT_1M: Final = "context-1m-2025-08-07"


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
        told = f"An argument of the call has a value of the wrong kind: {error}."
        raise InvalidInputError(told, platform=model.cloud, model=model.model_id) from error


def _build(
    messages: Sequence[BaseMessage], options: RequestOptions, model: ResolvedModel
) -> MessagesRequest:
    betas = _users_betas(options)
    tools = prepare_tools(options, model)
    with_thinking = options.bound_thinking != "leave_out"
    sent = convert_messages(messages, model, tools.names, with_thinking=with_thinking, betas=betas)
    body: JsonObject = {"messages": sent.messages}
    if sent.system:
        body["system"] = sent.system
    if tools.tools:
        body["tools"] = tools.tools
    notices = [*sent.notices, *tools.notices]
    Parameters(options, model, tools.choice, betas, notices).add_to(body)
    if options.model_kwargs:
        _merge_raw_fields(body, options.model_kwargs)
    notices += add_caching(body, options, model)
    blocks = _blocks(body)
    notices += _forget_missing_tools(body, blocks) if blocks else []
    own = [*tools.betas, *_needed_betas(body, blocks, options)]
    betas += [beta for beta in own if beta not in options.refused]
    is_odd = check_json(body)
    if options.guard is not None:
        body = tag_guarded_texts(body, last_turn=options.guard == "last_turn")
    if is_odd:
        _write_odd_numbers(body)
        body = json.loads(dump_json(body))
        notices.append("lone surrogates are sent as U+FFFD, numbers such as infinity as text")
    urls = find_urls(body) if blocks else {}  # a prompt of plain texts has none
    return MessagesRequest(body, tuple(dict.fromkeys(betas)), tuple(notices), tools.names, urls)


def own_betas(options: RequestOptions, model: ResolvedModel) -> frozenset[str]:
    """Return the betas that the package itself adds for some options.

    Args:
        options: What is asked for. Betas that the user lists do not count as the package's, nor
            does that of ``context_1m``.
        model: The model on its cloud.
    """
    betas = build_request([HumanMessage(".")], options, model).betas
    return frozenset(betas) - {_CONTEXT_1M, *_users_betas(options)}


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Two halves of a character that belong together become it, others the replacement character.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        told = f"The request cannot be written as JSON: {error}"
        raise InvalidInputError(f"{told}. Look at tool arguments and model_kwargs.") from error
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


def _users_betas(options: RequestOptions) -> list[str]:
    """Return what the user lists, also where users of other Bedrock integrations put it."""
    betas = options.model_kwargs.get(_RAW_BETAS) or ()
    raw = map(str.strip, betas.split(",")) if isinstance(betas, str) else betas
    return [*options.betas, *raw]


def _merge_raw_fields(body: JsonObject, raw: JsonObject) -> None:
    if own := raw.keys() & {"messages", "model", "stream"}:
        raise InvalidInputError(f"model_kwargs must not hold {min(own)}: the call says it.")
    tools = raw.get("tools") or ()
    if not isinstance(tools, list | tuple) or not all(isinstance(each, dict) for each in tools):
        raise InvalidInputError(f"'tools' in model_kwargs is a list of dicts, not {tools!r:.80}.")
    for name in ("thinking", "context_management"):
        if not isinstance(raw.get(name) or {}, dict):
            raise InvalidInputError(f"{name!r} in model_kwargs is a dict, not {raw[name]!r:.80}.")
    for name, value in raw.items():
        # Several options write to these.
        held = body.get(name) if name in ("output_config", "metadata") else None
        body[name] = {**held, **value} if held and isinstance(value, Mapping) else value
    body.pop(_RAW_BETAS, None)


def _forget_missing_tools(body: JsonObject, blocks: list[JsonObject]) -> list[str]:
    """Take references to tools that the request does not have out of earlier results.

    An agent may have other tools now. The API would refuse the conversation for good: "Tool
    reference 'f' not found in available tools" (400).

    Returns:
        A notice for each of these tools.
    """
    inline = [(block.get("tool") or {}).get("definition") for block in blocks]
    known = {tool.get("name") for tool in (*(body.get("tools") or ()), *filter(None, inline))}
    missing: dict[object, None] = {}
    for block in blocks:
        content = block.get("content")
        found = content.get("tool_references") if isinstance(content, dict) else content
        is_result = block["type"] in ("tool_result", "tool_search_tool_result")
        if not is_result or not isinstance(found, list):
            continue
        references = [item for item in found if item["type"] == "tool_reference"]
        gone = [item for item in references if item.get("tool_name") not in known]
        kept = [item for item in found if item not in gone] if gone else found
        missing |= dict.fromkeys(item.get("tool_name") for item in gone)
        if isinstance(content, dict):
            block["content"] = {**content, "tool_references": kept}
        else:
            block["content"] = kept or "The tools that were found are gone."
    return [f"a reference to the tool {name!r} is left out: it is gone" for name in missing]


def _needed_betas(body: JsonObject, blocks: list[JsonObject], options: RequestOptions) -> list[str]:
    """Return the betas that fields of a body need, but for those of tools."""
    thinking, management = body.get("thinking") or {}, body.get("context_management") or {}
    edits = [str(edit.get("type")) for edit in management.get("edits") or ()]
    compacts = [edit.startswith("compact_") for edit in edits]
    signed = [bool(block.get("signature")) for block in blocks if block["type"] == COMPACTION]
    changed = [block.get("tool") or {} for block in blocks if block["type"] in TOOL_CHANGES]
    defines = [tool.get("type") == "tool_definition" for tool in changed]
    needed = {
        _CONTEXT_1M: options.context_1m,
        "context-management-2025-06-27": management and not (edits and all(compacts)),
        "compact-2026-01-12": any(compacts) or False in signed,
        "compact-2026-09-04": body.get(COMPACTION) or True in signed,
        "thinking-display-updates-2026-08-18": thinking.get("display") == "updates",
        "thinking-binding-controls-2026-08-01": "block_binding" in thinking,
        "mid-conversation-tool-changes-2026-07-01": False in defines,
        "inline-tools-2026-09-15": True in defines,
    }
    return [beta for beta, is_needed in needed.items() if is_needed]


def _blocks(body: JsonObject) -> list[JsonObject]:
    """Return the blocks of all messages, without those that are nested in others."""
    contents = (message["content"] for message in body["messages"])
    return [block for content in contents if isinstance(content, list) for block in content]
