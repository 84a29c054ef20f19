"""Converts tools and the choice of them, and prepares them for a model on its cloud."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import LABELS, JsonObject
from langchain_claude_cloud.request.input_schema import read_input_schema
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.schema import refuse_maps, transform_schema
from langchain_claude_cloud.request.schema_keywords import UnfitSchemaError
from langchain_claude_cloud.request.tool_definitions import define_tool
from langchain_claude_cloud.request.tool_names import NAME, NO_NAMES, ToolNames, wire_keys

FINE_GRAINED_BETA: Final = "fine-grained-tool-streaming-2025-05-14"
_CACHE_POINTS: Final = ("cachePoint", "cache_point")
_NAMING: Final = ("function", "tool")
_PLAIN_CHOICES: Final = {"auto": "auto", "any": "any", "required": "any", "none": "none"}
_EAGER: Final = "eager_input_streaming"
_DEFERRED: Final = "defer_loading"


class ConvertedTool(dict[str, Any]):
    """The definition of a tool, with the names and keys that its caller knows.

    It is a plain dict to everybody else: LangChain and its middleware read and copy it. A copy
    is converted again, which changes nothing.

    Attributes:
        unfit: Why its schema cannot be sent, if it cannot.
        notes: What the schema lost on the way, one phrase each.
    """

    unfit: str | None = None
    notes: Sequence[str] = ()

    @cached_property
    def wire_keys(self) -> dict[str, str]:
        """What its property keys are called in requests, for those that the API refuses."""
        return wire_keys(self.get("input_schema"))


def convert_tool(tool: object, *, strict: bool | None = None) -> ConvertedTool:
    """Convert a tool.

    Args:
        tool: What `define_tool` knows; not changed. One that was converted before is returned as
            it is.
        strict: Whether arguments are guaranteed to match the schema; None leaves that to
            the tool.

    Returns:
        The API's definition: ``{"name", "description", "input_schema", ...}``, or the dict
        itself (a copy) for Anthropic's own tools, known by their ``type``. A tool whose schema
        cannot be sent says so as ``unfit``: the others can be used without it.

    Raises:
        InvalidInputError: It is no tool, or has no name.
    """
    if isinstance(tool, ConvertedTool) and (strict is None or "strict" in tool):
        return tool
    wire = ConvertedTool(define_tool(tool))
    if "input_schema" not in wire:
        return wire
    if strict is not None:
        wire.setdefault("strict", strict)
    given = wire["input_schema"]
    try:
        schema, rules, wire.notes = read_input_schema(given, keep_titles=isinstance(tool, dict))
    except UnfitSchemaError as error:
        wire.unfit = str(error)
        return wire
    wire["input_schema"] = schema
    if wire.get("strict"):
        # Strict tools take what structured outputs take: no minimum, no pattern and so on.
        refuse_maps(schema, f"the strict tool {wire['name']}")
        wire["input_schema"] = transform_schema(schema)
    if rules:
        wire["description"] = f"{wire.get('description') or ''}\n\n{rules}".strip()
    return wire


def convert_tools(
    tools: Iterable[object], *, strict: bool | None = None
) -> tuple[ConvertedTool, ...]:
    """Convert several tools; see `convert_tool`.

    Raises:
        InvalidInputError: They are no list, or one of them is no tool.
    """
    if isinstance(tools, str | dict) or not isinstance(tools, Iterable):
        raise InvalidInputError(f"tools must be a list of tools, not {tools!r:.80}.")
    converted: list[ConvertedTool] = []
    for tool in tools:
        marker = cache_marker(tool)
        if marker is None:
            converted.append(convert_tool(tool, strict=strict))
        elif converted:
            # Converse's cache points stand behind what they mark.
            converted[-1] = copy(converted[-1])
            converted[-1]["cache_control"] = marker
    return tuple(converted)


def cache_marker(item: object) -> JsonObject | None:
    """Return the cache marker that a cache point of Converse stands for; None for anything else."""
    if isinstance(item, dict) and item.get("type") in (None, *_CACHE_POINTS):
        for point in map(item.get, _CACHE_POINTS):
            if isinstance(point, dict):
                return {"type": "ephemeral", **({"ttl": point["ttl"]} if point.get("ttl") else {})}
    return None


def convert_tool_choice(choice: object, tool_names: Iterable[str]) -> JsonObject | None:
    """Convert a choice of tools.

    Args:
        choice: ``auto``, ``any`` or ``required``, ``none``, True (the one tool there is, else
            ``any``), a tool's name, a dict of Anthropic's or OpenAI's form, or None.
        tool_names: The names of the tools that are offered.

    Returns:
        The API's ``tool_choice``, or None to leave it out.

    Raises:
        InvalidInputError: No tool has the name; the message lists those there are.
    """
    if choice is None or choice is False:
        return None
    names = list(tool_names)
    if choice is True:
        choice = {"name": names[0]} if len(names) == 1 else {"any": {}}
    if isinstance(choice, str):
        is_kind = choice in _PLAIN_CHOICES and choice not in names
        choice = {"type": choice} if is_kind else {"name": choice}
    if not isinstance(choice, dict):
        raise InvalidInputError(f"tool_choice is a string, a dict or a bool, not {choice!r:.80}.")
    # Converse has the kind as a key; there and in OpenAI's form, the name is a level deeper.
    kind = next((key for key in _PLAIN_CHOICES if key in choice), choice.get("type", "tool"))
    named = next((choice[key] for key in _NAMING if isinstance(choice.get(key), dict)), choice)
    beside = {key: choice[key] for key in choice if key not in (kind, *_NAMING)}
    if kind not in _NAMING:
        return {**beside, "type": _PLAIN_CHOICES.get(str(kind), kind)}
    if named.get("name") not in names:
        offered = ", ".join(sorted(names)) or "none are bound"
        told = f"tool_choice names the tool {named.get('name')!r}, which is not among the tools"
        raise InvalidInputError(f"{told}: {offered}. Use one of those, 'auto', 'any' or 'none'.")
    return {**beside, "type": "tool", "name": named["name"]}


@dataclass(frozen=True, slots=True)
class PreparedTools:
    """Tools as a request sends them.

    Attributes:
        tools: The ``tools`` of the body.
        betas: The betas that they need.
        notices: What was left out or changed, one line each.
        names: What they are called in the request.
        choice: The ``tool_choice``, which names the tool as the request does.
    """

    tools: list[JsonObject]
    betas: list[str]
    notices: list[str]
    names: ToolNames
    choice: JsonObject | None


def prepare_tools(options: RequestOptions, model: ResolvedModel) -> PreparedTools:
    """Return the tools as the model takes them on its cloud.

    Args:
        options: Holds the tools and the choice of them, and whether arguments are to stream as
            written.
        model: Says how: by a field of each tool, by a beta of the request, or not.

    Raises:
        InvalidInputError: Two tools of one name, a server tool the cloud does not run, or a
            choice of a tool whose schema cannot be sent.
    """
    converted = [convert_tool(tool) for tool in options.tools]
    left_out = {str(tool.get("name")): tool.unfit for tool in converted if tool.unfit}
    fit = [tool for tool in converted if not tool.unfit]
    choice = options.tool_choice or {}
    chosen = choice.get("name")
    if chosen in left_out:
        raise InvalidInputError(f"tool_choice {chosen!r} cannot be sent: {left_out[chosen]}.")
    notices = [f"tool {name!r} left out: {reason}" for name, reason in left_out.items()]
    if choice and not converted:
        notices.append("tool_choice left out: there are no tools")
    notices += [f"tool {tool['name']!r}: {note}" for tool in fit for note in tool.notes]
    if not model.capabilities.strict_tools and any(tool.get("strict") for tool in fit):
        notices.append(f"strict left out of tools: {model.info.name} does not take it here")
    own = [str(tool["name"]) for tool in fit if tool.get("name")]
    keys = {str(tool.get("name")): tool.wire_keys for tool in fit if tool.wire_keys}
    is_odd = keys or len(set(own)) < len(own) or not all(map(NAME.fullmatch, own))
    names = ToolNames.of(own, keys) if is_odd else NO_NAMES
    wire = [names.wire_tool(tool) for tool in fit] if is_odd else fit
    betas = [beta for tool in fit for beta in _betas(tool, model)]
    if model.capabilities.fine_grained_tools == "beta" and _wants_fine_grained(fit, options):
        betas.append(FINE_GRAINED_BETA)
    tools = [_taken(tool, options, model) for tool in wire]
    if isinstance(chosen, str):
        choice = {**choice, "name": names.wire_name(chosen)}
    return PreparedTools(tools, betas, notices, names, choice or None)


def _betas(tool: JsonObject, model: ResolvedModel) -> list[str]:
    """Return the betas that a tool needs on the model's cloud.

    Raises:
        InvalidInputError: It is one of Anthropic's that the model has not there.
    """
    kind = str(tool.get("type") or "")
    betas = _betas_of_anthropic_tool(kind, model) if kind else []
    if model.capabilities.tool_search_without_beta:
        return betas
    if tool.get(_DEFERRED) or kind.startswith("tool_search_tool_"):
        betas.append("tool-search-tool-2025-10-19")
    return [*betas, "tool-examples-2025-10-29"] if tool.get("input_examples") else betas


def _betas_of_anthropic_tool(kind: str, model: ResolvedModel) -> list[str]:
    """Return the betas of a tool of Anthropic's own, or refuse one that the model has not there.

    Server tools run on Anthropic's side and exist only where a cloud offers them. Bash, text
    editor, memory and computer tools run on the caller's side and exist on both clouds.
    """
    known, offered = catalogue_file()["anthropic_tools"], model.capabilities.server_tools
    if kind in known["computer"] and model.known and not model.capabilities.computer_tool:
        told = f"{model.info.name} does not take the tool {kind!r} on {LABELS[model.cloud]}"
        raise InvalidInputError(f"{told}: use 'computer_toolset_20260801', or another model.")
    if kind.startswith(tuple(known["server"])) and not kind.startswith(tuple(offered)):
        others, takes = LABELS.keys() - {model.cloud}, model.info.capabilities
        runs = [f"{_listed(takes(cloud).server_tools)} on {LABELS[cloud]}" for cloud in others]
        told = f"{kind!r} is not offered on {LABELS[model.cloud]} for {model.info.name}, which runs"
        told += f" {_listed(offered)} here and {' and '.join(runs)}"
        raise InvalidInputError(f"{told}. Use a tool of your own, or another platform.")
    betas: dict[str, str] = known["betas"][model.cloud]
    return [beta for start, beta in betas.items() if kind.startswith(start)]


def _listed(kinds: Collection[str]) -> str:
    """Name kinds of tools; one that ends with ``_`` stands for all of its versions."""
    names = [f"{kind}*" if kind.endswith("_") else kind for kind in sorted(kinds)]
    return ", ".join(names) or "no server tools"


def _wants_fine_grained(tools: Sequence[JsonObject], options: RequestOptions) -> bool:
    """Whether to turn fine-grained streaming on for the whole request.

    The API refuses the beta beside a set of Anthropic's own tools (400).
    """
    if not options.stream or any("_toolset_" in str(tool.get("type")) for tool in tools):
        return False
    wishes = [tool.get(_EAGER) for tool in tools if "input_schema" in tool]
    return True in wishes or (None in wishes and options.fine_grained_tool_streaming)


def _taken(tool: JsonObject, options: RequestOptions, model: ResolvedModel) -> JsonObject:
    """Return a tool with the fields that the model takes.

    The one for fine-grained streaming is sent without streaming too: thinking may be bound to
    the tools as well, and then an answer that was streamed could not be sent back by a request
    that is not.
    """
    refused = [] if model.capabilities.strict_tools else ["strict"]
    if tool.get(_DEFERRED) is False:
        # What is the default anyway is refused by models that know it only by beta.
        refused.append(_DEFERRED)
    if model.capabilities.fine_grained_tools != "field":
        refused.append(_EAGER)
    elif options.fine_grained_tool_streaming and "input_schema" in tool:
        tool = {**tool, _EAGER: tool.get(_EAGER) is not False}
    return {key: tool[key] for key in tool if key not in refused}
