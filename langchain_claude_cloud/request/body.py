"""Builds the body of a Messages API request.

The model, the version and the betas are not in it: each platform sends those its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request import caching, parameters
from langchain_claude_cloud.request.guardrails import tag_guarded_texts
from langchain_claude_cloud.request.messages.conversion import Conversation, convert_messages
from langchain_claude_cloud.request.messages.system import TOOL_CHANGES
from langchain_claude_cloud.request.options import MessagesRequest, RequestOptions
from langchain_claude_cloud.request.plain_json import plain_json
from langchain_claude_cloud.request.prepared_tools import prepare_tools
from langchain_claude_cloud.request.tool_types import CONTEXT_MANAGEMENT_BETA

__all__ = ["MessagesRequest", "RequestOptions", "build_request"]

_CONTEXT_1M: Final = "context-1m-2025-08-07"
_COMPACTION: Final = "compact-2026-01-12"
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


def _build(
    messages: Sequence[BaseMessage], options: RequestOptions, model: ResolvedModel
) -> MessagesRequest:
    raw = dict(options.model_kwargs)
    betas = [*options.betas, *_raw_betas(raw)]
    tools = prepare_tools(options, model)
    conversation = convert_messages(
        messages, model, tools.names, with_thinking=options.bound_thinking != "leave_out"
    )
    _refuse_media(conversation, model)
    body: JsonObject = {
        "max_tokens": _max_tokens(options, model),
        "messages": conversation.messages,
    }
    if conversation.system:
        body["system"] = conversation.system
    if tools.tools:
        body["tools"] = tools.tools
    notices = [*conversation.notices, *tools.notices]
    choice = tools.wire_choice(options.tool_choice)
    notices += _add_parameters(body, replace(options, tool_choice=choice), model, betas)
    _merge_raw_fields(body, raw)
    notices += _add_caching(body, options, model)
    own = [*tools.betas, *_needed_betas(body, options)]
    betas += [beta for beta in own if beta not in options.refused]
    if options.guard is not None:
        body = tag_guarded_texts(body, last_turn=options.guard == "last_turn")
    body, replaced = plain_json(body)
    if replaced:
        notices.append("halves of characters (lone surrogates) are sent as U+FFFD")
    return MessagesRequest(body, tuple(dict.fromkeys(betas)), tuple(notices), tools.names)


def own_betas(options: RequestOptions, model: ResolvedModel) -> frozenset[str]:
    """Return the betas that the package itself adds for some options.

    Args:
        options: What is asked for. Betas that the user lists do not count as the package's.
        model: The model on its cloud.
    """
    raw = dict(options.model_kwargs)
    users = {*options.betas, *_raw_betas(raw)}
    asked = {"context_management": options.context_management, **raw, "messages": []}
    asked.setdefault("thinking", _asked_thinking(options, model))
    own = {*prepare_tools(options, model).betas, *_needed_betas(asked, options)}
    return frozenset(own - users - options.refused)


def _add_parameters(
    body: JsonObject, options: RequestOptions, model: ResolvedModel, betas: Sequence[str]
) -> list[str]:
    """Add the fields that say how to answer; return notices."""
    thinking, notices = _thinking(body, options, model, betas)
    if thinking is not None:
        body["thinking"] = thinking
    given = {name: getattr(options, name) for name in ("temperature", "top_p", "top_k")}
    sampling, more = parameters.read_sampling(given, thinking, model)
    notices += more
    body.update(sampling)
    stops, more = parameters.read_stop_sequences(options.stop_sequences)
    notices += more
    if stops:
        body["stop_sequences"] = stops
    if "tools" in body:
        choice, more = parameters.read_tool_choice(
            options.tool_choice,
            parallel=options.parallel_tool_calls,
            thinking=thinking,
            model=model,
        )
        notices += more
        if choice is not None:
            body["tool_choice"] = choice
    output_config = _output_config(options, model)
    if output_config:
        body["output_config"] = output_config
    if options.user_id is not None:
        body["metadata"] = {"user_id": options.user_id}
    if options.context_management:
        body["context_management"] = options.context_management
    if options.stream:
        body["stream"] = True
    return notices


def _thinking(
    body: JsonObject, options: RequestOptions, model: ResolvedModel, betas: Sequence[str]
) -> tuple[JsonObject | None, list[str]]:
    thinking = _asked_thinking(options, model)
    if thinking is None:
        return None, []
    parameters.check_budget(thinking, body["max_tokens"], betas)
    parameters.check_thinking_off(thinking, options.effort, model)
    if thinking.get("type") == "enabled" and parameters.lacks_thinking(body["messages"]):
        return None, ["thinking left out: the answer that is continued began without it"]
    return thinking, []


def _asked_thinking(options: RequestOptions, model: ResolvedModel) -> JsonObject | None:
    thinking = parameters.read_thinking(options.thinking, model)
    return parameters.bind_thinking(thinking, options.bound_thinking, model)


def _output_config(options: RequestOptions, model: ResolvedModel) -> JsonObject:
    config: JsonObject = {}
    if options.effort is not None:
        parameters.check_effort(options.effort, model)
        config["effort"] = options.effort
    if options.output_format is not None:
        config["format"] = options.output_format
    return config


def _max_tokens(options: RequestOptions, model: ResolvedModel) -> int:
    if options.max_tokens is None:
        return model.info.max_output_tokens
    if options.max_tokens < 0:
        raise InvalidInputError(
            f"max_tokens must not be negative, but is {options.max_tokens}. Leave it out for the "
            f"model's own limit, {model.info.max_output_tokens}."
        )
    return options.max_tokens


def _raw_betas(raw: JsonObject) -> list[str]:
    """Take betas out of raw fields, where users of other Bedrock integrations put them."""
    betas = raw.pop("anthropic_beta", None) or ()
    return [beta.strip() for beta in betas.split(",")] if isinstance(betas, str) else list(betas)


def _merge_raw_fields(body: JsonObject, raw: JsonObject) -> None:
    taken = [name for name in _RESERVED if name in raw]
    if taken:
        raise InvalidInputError(
            f"model_kwargs must not hold {', '.join(taken)}: pass messages to invoke or stream, "
            "and the model as 'model'."
        )
    for name, value in raw.items():
        shared = name in _SHARED and isinstance(value, Mapping) and name in body
        body[name] = {**body[name], **value} if shared else value


def _add_caching(body: JsonObject, options: RequestOptions, model: ResolvedModel) -> list[str]:
    """Add cache breakpoints; return notices."""
    notices: list[str] = []
    lists = ("tools", "system", "messages")
    body.update({name: list(body[name]) for name in lists if isinstance(body.get(name), list)})
    if caching.is_disabled():
        asked = caching.remove_breakpoints(body) or options.cache_control or options.prompt_caching
        return ["nothing is cached: DISABLE_PROMPT_CACHING is set"] if asked else []
    surplus = caching.keep_newest_breakpoints(body)
    if surplus:
        notices.append(
            f"the prompt has {surplus} cache breakpoints more than the {caching.MOST_BREAKPOINTS} "
            "that the API takes; the first ones are left out"
        )
    if options.cache_control:
        notice = caching.add_automatic_breakpoint(
            body,
            options.cache_control,
            automatic=model.capabilities.automatic_caching
            and "automatic_caching" not in options.refused,
        )
        notices += [f"left out: {notice}"] if notice else []
    wanted = options.prompt_caching
    if wanted:
        if wanted not in (True, "5m", "1h"):
            raise InvalidInputError(f"prompt_caching must be True, '5m' or '1h', not {wanted!r}.")
        caching.add_breakpoints(body, wanted if isinstance(wanted, str) else None)
    return notices


def _needed_betas(body: JsonObject, options: RequestOptions) -> list[str]:
    """Return the betas that fields of a body need, but for those of tools."""
    betas = [_CONTEXT_1M] if options.context_1m else []
    management = body.get("context_management")
    if isinstance(management, dict):
        betas += _management_betas(management.get("edits") or ())
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        for name, value, beta in _THINKING_BETAS:
            if name in thinking and value in (None, thinking[name]):
                betas.append(beta)
    for message in body["messages"]:
        if message["role"] == "system":
            betas += _tool_change_betas(message["content"])
    return betas


def _management_betas(edits: Iterable[JsonObject]) -> list[str]:
    kinds = [str(edit.get("type")) for edit in edits]
    compacting = any(kind.startswith("compact_") for kind in kinds)
    others = not kinds or any(not kind.startswith("compact_") for kind in kinds)
    return [CONTEXT_MANAGEMENT_BETA] * others + [_COMPACTION] * compacting


def _tool_change_betas(content: str | list[JsonObject]) -> list[str]:
    betas = []
    for block in content if isinstance(content, list) else ():
        if block["type"] in TOOL_CHANGES:
            inline = (block.get("tool") or {}).get("type") == "tool_definition"
            betas.append(_INLINE_TOOLS if inline else _TOOL_CHANGES)
    return betas


def _refuse_media(conversation: Conversation, model: ResolvedModel) -> None:
    """Refuse images and PDFs to a model that reads none."""
    takes = model.capabilities
    refused = [
        kind
        for kind, taken in (("image", takes.image_input), ("document", takes.pdf_input))
        if not taken
    ]
    if not refused or not model.known:
        return
    for message in conversation.messages:
        for block in message["content"] if isinstance(message["content"], list) else ():
            source = block.get("source") or {}
            if block["type"] in refused and source.get("type") in ("base64", "url"):
                raise InvalidInputError(
                    f"{model.info.name} does not read {block['type']} blocks. Use a newer "
                    "model, or send text."
                )
