"""Checks tool definitions and the tool choice."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.validation.fields import (
    CACHE_CONTROL,
    Field,
    anything,
    at_least,
    boolean,
    check_fields,
    items,
    list_of,
    mapping,
    nullable,
    obj,
    one_of,
    string,
    tagged,
    tool_name,
    unexpected_tag,
)
from langchain_claude_cloud.testing.validation.schemas import (
    check_complexity,
    check_property_keys,
    check_schema,
    check_strict_schema,
)
from langchain_claude_cloud.testing.wire import Refusal, invalid

_MAX_STRICT = 20
_PARALLEL = {"disable_parallel_tool_use": Field(boolean)}
_CHOICES = {
    "auto": _PARALLEL,
    "any": _PARALLEL,
    "tool": {"name": Field(string, required=True), **_PARALLEL},
    "none": {},
}
_SERVER = {
    "allowed_callers": Field(nullable(list_of(string))),
    "cache_control": Field(CACHE_CONTROL),
    "defer_loading": Field(nullable(boolean)),
    "strict": Field(nullable(boolean)),
}
_COMMON = {**_SERVER, "input_examples": Field(nullable(list_of(mapping)))}
_CUSTOM = {
    "type": Field(nullable(string)),
    "name": Field(tool_name, required=True),
    "description": Field(nullable(string)),
    "input_schema": Field(mapping, required=True),
    "eager_input_streaming": Field(nullable(boolean)),
    **_COMMON,
}


def _named(name: str, *parts: Mapping[str, Field], **fields: Field) -> Mapping[str, Field]:
    """The fields of a tool whose type decides about its name."""
    found = {"type": Field(anything), "name": Field(one_of(name), required=True), **fields}
    for part in parts:
        found |= part
    return found


_EDITOR = "str_replace_based_edit_tool"
_SCREEN = {
    "display_height_px": Field(at_least(1), required=True),
    "display_width_px": Field(at_least(1), required=True),
    "display_number": Field(nullable(at_least(0))),
}
_LOCATION = {name: Field(nullable(string)) for name in ("city", "country", "region", "timezone")}
_LOCATION["type"] = Field(one_of("approximate"), required=True)
_TOOLSET = {
    "type": Field(anything),
    "cache_control": Field(CACHE_CONTROL),
    "configs": Field(nullable(mapping)),
}
# Client tools with a schema of Anthropic's: both clouds. Server tools: Google's basic web
# search; tool search on both. No web fetch, code execution or advisor on either.
_CLIENT: Mapping[str, Mapping[str, Field]] = {
    "bash_20250124": _named("bash", _COMMON),
    "text_editor_20250124": _named("str_replace_editor", _COMMON),
    "text_editor_20250429": _named(_EDITOR, _COMMON),
    "text_editor_20250728": _named(_EDITOR, _COMMON, max_characters=Field(nullable(at_least(1)))),
}
_MEMORY: Mapping[str, Mapping[str, Field]] = {"memory_20250818": _named("memory", _COMMON)}
_BM25 = _named("tool_search_tool_bm25", _SERVER)
_REGEX = _named("tool_search_tool_regex", _SERVER)
_SEARCH: Mapping[str, Mapping[str, Field]] = {
    "tool_search_tool_bm25_20251119": _BM25,
    "tool_search_tool_bm25": _BM25,
    "tool_search_tool_regex_20251119": _REGEX,
    "tool_search_tool_regex": _REGEX,
}
_COMPUTER: Mapping[str, Mapping[str, Field]] = {
    "computer_20250124": _named("computer", _COMMON, _SCREEN),
    "computer_20251124": _named("computer", _COMMON, _SCREEN, enable_zoom=Field(nullable(boolean))),
}
_TOOLSETS: Mapping[str, Mapping[str, Field]] = {
    "computer_toolset_20260801": _TOOLSET,
    "browser_toolset_20260801": _TOOLSET,
}
_WEB_SEARCH: Mapping[str, Mapping[str, Field]] = {
    "web_search_20250305": _named(
        "web_search",
        _SERVER,
        allowed_domains=Field(nullable(list_of(string))),
        blocked_domains=Field(nullable(list_of(string))),
        max_uses=Field(nullable(at_least(1))),
        user_location=Field(nullable(obj(_LOCATION))),
    )
}


def _known_types(call: Call) -> Mapping[str, Mapping[str, Field]]:
    types = {"custom": _CUSTOM, **_CLIENT}
    if call.rules.computer_tool(call.cloud) and any(
        beta.startswith("computer-use") for beta in call.betas
    ):
        types |= _COMPUTER
    if call.operation == "count_tokens" and call.is_invoke_model:
        return types  # as recorded: not the memory tool either
    types |= _MEMORY
    if call.rules.version >= (4, 5) and _searches(call):
        types |= _SEARCH
    if call.cloud == "vertex":
        types |= _TOOLSETS
        # Google's counter takes the tool without the beta, and refuses the beta.
        if call.operation == "count_tokens" or "web-search-2025-03-05" in call.betas:
            types |= _WEB_SEARCH
    return types


def _searches(call: Call) -> bool:
    """Whether tools may be searched for: Bedrock's older models want a beta."""
    is_old = call.is_invoke_model and call.rules.legacy
    return not is_old or "tool-search-tool-2025-10-19" in call.betas


def check_tools(call: Call) -> None:
    """Check the tools and the tool choice of a call.

    Raises:
        Refusal: One of them is not valid, or not taken by this model on this cloud.
    """
    given = call.body.get("tools")
    tools = items("tools", given) if given is not None else []
    names: list[str] = []
    for index, tool in enumerate(tools):
        names.append(_check_tool(call, f"tools.{index}", mapping(f"tools.{index}", tool)))
    if len(set(names)) < len(names):
        raise invalid("tools", "Tool names must be unique.")
    if tools and all(mapping("tools", tool).get("defer_loading") for tool in tools):
        raise Refusal(
            400, "All tools have defer_loading set. At least one tool must be non-deferred."
        )
    strict = [tool for tool in tools if isinstance(tool, dict) and tool.get("strict")]
    if len(strict) > _MAX_STRICT:
        raise Refusal(400, f"Too many strict tools: {len(strict)} > {_MAX_STRICT}")
    check_complexity([tool["input_schema"] for tool in strict if "input_schema" in tool])
    if "tool_choice" in call.body:
        _check_choice(call, names)


def _check_tool(call: Call, path: str, tool: JsonObject) -> str:
    kind = tool.get("type") or "custom"
    known = _known_types(call)
    if not isinstance(kind, str) or kind not in known:
        raise unexpected_tag(path, kind, tuple(known))
    path = f"{path}.{kind}"
    _check_gated(call, path, tool)
    check_fields(path, tool, known[kind])
    if kind != "custom":
        return str(tool.get("name", kind))
    name = str(tool["name"])
    _check_input_schema(path, tool)
    return name


def _check_gated(call: Call, path: str, tool: JsonObject) -> None:
    """Refuse the fields that this model does not know on this cloud."""
    on_old_bedrock = call.is_invoke_model and call.rules.version <= (4, 5)
    has_examples = "tool-examples-2025-10-29" in call.betas
    refused = {
        "eager_input_streaming": on_old_bedrock,
        "strict": not call.rules.structured_output(call.cloud, call.api),
        "defer_loading": not _searches(call),
        "input_examples": call.is_invoke_model and call.rules.legacy and not has_examples,
    }
    for name, is_refused in refused.items():
        if is_refused and name in tool:
            raise invalid(f"{path}.{name}", "Extra inputs are not permitted")


def _check_input_schema(path: str, tool: JsonObject) -> None:
    schema = tool["input_schema"]
    place = f"{path}.input_schema"
    if "type" not in schema:
        raise invalid(f"{place}.type", "Field required")
    if schema["type"] != "object":
        raise invalid(f"{place}.type", "Input should be 'object'")
    if any(key in schema for key in ("oneOf", "allOf", "anyOf")):
        raise invalid(
            place, "input_schema does not support oneOf, allOf, or anyOf at the top level"
        )
    check_schema(place, schema)
    check_property_keys(place, schema)
    if tool.get("strict"):
        check_strict_schema(path, schema)


def _check_choice(call: Call, names: list[str]) -> None:
    choice = tagged("tool_choice", call.body["tool_choice"], _CHOICES)
    kind = choice["type"]
    if not names:
        raise Refusal(400, "tool_choice: tool_choice may only be specified while providing tools.")
    if kind == "tool" and choice["name"] not in names:
        raise Refusal(400, f"Tool '{choice['name']}' not found in provided tools")
    if kind in {"any", "tool"}:
        if not call.rules.forced_tool_choice:
            raise Refusal(
                400, 'tool_choice: type "tool" and "any" are not supported for this model.'
            )
        thinking = call.body.get("thinking")
        # With adaptive thinking Opus 4.6 was recorded to take a forced choice.
        if isinstance(thinking, dict) and thinking.get("type") == "enabled":
            raise Refusal(400, "Thinking may not be enabled when tool_choice forces tool use.")
