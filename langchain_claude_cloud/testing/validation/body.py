"""Checks a whole request body: known fields, version, then each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.reply.tokens import count_input
from langchain_claude_cloud.testing.validation.blocks import system_blocks
from langchain_claude_cloud.testing.validation.fields import (
    CACHE_CONTROL,
    Check,
    Field,
    anything,
    at_least,
    between,
    boolean,
    check_fields,
    list_of,
    mapping,
    nullable,
    obj,
    one_of,
    string,
    tagged_as,
)
from langchain_claude_cloud.testing.validation.messages import check_messages
from langchain_claude_cloud.testing.validation.options import check_caching, check_options
from langchain_claude_cloud.testing.validation.tools import check_tools
from langchain_claude_cloud.testing.wire import Refusal

_NEW_VERSION = "2026-10-21"
_OLD_VERSION = {"vertex": "vertex-2023-10-16", "bedrock": "bedrock-2023-05-31"}
_MILLION = 1_000_000
_Kinds: TypeAlias = Mapping[str, Mapping[str, Field]]
_COUNTED = {
    "anthropic_version": Field(string),
    "messages": Field(anything, required=True),
    "system": Field(anything),
    "tools": Field(anything),
    "tool_choice": Field(anything),
    "thinking": Field(anything),
    "output_config": Field(anything),
    "cache_control": Field(CACHE_CONTROL),
}
_GENERATED = {
    **_COUNTED,
    "max_tokens": Field(at_least(1), required=True),
    "temperature": Field(nullable(between(0, 1))),
    "top_p": Field(nullable(between(0, 1))),
    "top_k": Field(nullable(at_least(0))),
    "stop_sequences": Field(nullable(list_of(string))),
    "metadata": Field(nullable(obj({"user_id": Field(nullable(string))}))),
}
_AMOUNT = Field(at_least(0), required=True)
_TOKENS: _Kinds = {"input_tokens": {"value": _AMOUNT}}
_USES: _Kinds = {"tool_uses": {"value": _AMOUNT}}
# What context_management may do, by the beta that it needs.
_EDITS: Mapping[str, _Kinds] = {
    "context-management-2025-06-27": {
        "clear_tool_uses_20250919": {
            "trigger": Field(nullable(tagged_as({**_TOKENS, **_USES}))),
            "keep": Field(nullable(tagged_as(_USES))),
            "clear_at_least": Field(nullable(tagged_as(_TOKENS))),
            "exclude_tools": Field(nullable(list_of(string))),
            "clear_tool_inputs": Field(anything),
        },
        "clear_thinking_20251015": {"keep": Field(anything)},
    },
    "compact-2026-01-12": {
        "compact_20260112": {
            "instructions": Field(nullable(string)),
            "pause_after_compaction": Field(boolean),
            "trigger": Field(nullable(tagged_as(_TOKENS))),
        },
    },
}


def check(call: Call) -> None:
    """Check the body of a call as the clouds do.

    Raises:
        Refusal: The cloud would not take it.
    """
    _check_version(call)
    check_fields("", call.body, _fields(call))
    if "system" in call.body:
        system_blocks("system", call.body["system"])
    check_tools(call)
    check_options(call)
    check_messages(call)
    check_caching(call)
    _check_length(call)


def _fields(call: Call) -> dict[str, Field]:
    """What the body may hold: the rest of the envelope differs by cloud."""
    fields = dict(_GENERATED)
    if call.operation == "count_tokens" and not call.is_invoke_model:
        fields = _COUNTED | {"model": Field(string, required=True)}
    elif not call.is_invoke_model:
        fields["stream"] = Field(boolean)
    if call.api != "invoke":
        fields["model"] = Field(string, required=True)
        del fields["anthropic_version"]
    elif call.is_invoke_model or call.operation != "count_tokens":
        # Taken and ignored on Vertex: betas are in force through the header (litellm#22321).
        fields["anthropic_beta"] = Field(list_of(string))
    if call.api == "claude-platform" and call.rules.version >= (4, 6):
        fields["inference_geo"] = Field(nullable(one_of("us", "global")))
    if edits := _edits(call):
        fields["context_management"] = Field(nullable(obj({"edits": Field(list_of(edits))})))
    if "compact-2026-09-04" in call.betas:
        fields["compaction"] = Field(nullable(mapping))
    return fields


def _edits(call: Call) -> Check | None:
    """Return the check of an edit of the context; None if no beta allows one."""
    known = {
        kind: fields
        for beta, kinds in _EDITS.items()
        if beta in call.betas
        for kind, fields in kinds.items()
    }
    return tagged_as(known) if known else None


def _check_version(call: Call) -> None:
    if call.api != "invoke" or (call.operation == "count_tokens" and call.cloud == "vertex"):
        return  # a header there, which was looked at with the others
    version = call.body.get("anthropic_version")
    if version is None:
        if call.cloud == "vertex":
            raise Refusal(400, "anthropic_version: Field required")
        raise Refusal(
            400,
            "Malformed input request: #: required key [anthropic_version] not found, please "
            "reformat your input and try again.",
        )
    if version == _NEW_VERSION and not (call.cloud == "bedrock" and call.rules.legacy):
        return
    if version != _OLD_VERSION[call.cloud]:
        raise Refusal(400, f'anthropic_version: "{version}" is not a valid version for this model.')


def _check_length(call: Call) -> None:
    window = call.rules.context_window
    if "context-1m-2025-08-07" in call.betas and _has_million_beta(call):
        window = _MILLION
    tokens = count_input(call.body)
    if call.operation == "count_tokens":
        return
    if tokens <= window:
        _check_room(call, tokens, window)
        return
    if call.cloud == "vertex":
        raise Refusal(413, "Prompt is too long")
    raise Refusal(400, f"prompt is too long: {tokens} tokens > {window} maximum")


def _check_room(call: Call, tokens: int, window: int) -> None:
    """Refuse an answer that may not fit behind the prompt; newer models end it early instead."""
    longest = call.body["max_tokens"]
    if call.rules.version <= (4, 5) and tokens + longest > window:
        raise Refusal(
            400,
            f"input length and `max_tokens` exceed context limit: {tokens} + {longest} > "
            f"{window}, decrease input length or `max_tokens` and try again",
        )


def _has_million_beta(call: Call) -> bool:
    return call.rules.family == "sonnet" and call.rules.version in {(4, 0), (4, 5)}
