"""Reads the options of one call from a model's fields and the call's arguments.

Both have the same names, and the call's arguments win. An unknown name is refused, and the error
suggests the nearest known one: a silently ignored argument would be a bug that nobody sees.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.calls.rate_limit import NO_LIMIT, RateLimit
from langchain_claude_cloud.calls.steps import NO_CLIENTS, Clients
from langchain_claude_cloud.config.checks import FIELD_ALIASES, check_json, check_max_retries
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.redaction import SafeHeaders
from langchain_claude_cloud.errors.types import Headers, JsonObject
from langchain_claude_cloud.request.body import RequestOptions
from langchain_claude_cloud.request.schema import convert_response_format
from langchain_claude_cloud.request.tools import convert_tool_choice, convert_tools
from langchain_claude_cloud.response.message import OutputVersion
from langchain_claude_cloud.routing.routes import Route

_OF_CALL: Final = ("model", "betas", "model_kwargs", "timeout", "max_retries", "default_headers")
_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls", "strict")
_OF_ANSWER: Final = ("response_format", "structured_output_tool", "cache_control")
_OF_BEDROCK: Final = ("guardrail", "trace", "service_tier", "latency", "request_metadata")
_DECIDED: Final = ("output_format", "stream", "bound_thinking", "guard", "refused")
_REQUEST_FIELDS: Final = tuple(
    field.name
    for field in fields(RequestOptions)
    if field.name not in (*_OF_CALL, *_OF_TOOLS, *_OF_ANSWER, *_DECIDED)
)
_IGNORED: Final = frozenset({"stream", "ls_structured_output_format", "structured_output_format"})
"""What LangChain passes along for itself."""

_KINDS: Final[Sequence[tuple[tuple[type, ...], str, Sequence[str]]]] = (
    ((str,), "a text", ("model", "user_id")),
    ((int,), "a number of tokens", ("max_tokens",)),
    ((int,), "a whole number", ("top_k",)),
    ((int, float), "a number", ("temperature", "top_p")),
    ((bool,), "True or False", ("fine_grained_tool_streaming", "context_1m")),
    ((bool,), "True or False", ("strict", "parallel_tool_calls")),
    ((dict,), "the API's dict", ("context_management", "cache_control")),
    ((Mapping,), "a mapping", ("model_kwargs", "default_headers")),
)
"""What is read before a request is built; the other arguments are checked there."""

CALL_NAMES: Final = frozenset(
    {*_REQUEST_FIELDS, *_OF_CALL, *_OF_TOOLS, *_OF_ANSWER, *_OF_BEDROCK, *FIELD_ALIASES, *_IGNORED}
)


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call asks for.

    Attributes:
        model: The model as the user names it.
        request: What goes into the body.
        timeout: As the field of the same name.
        max_retries: As the field of the same name.
        default_headers: As the field of the same name.
        is_structured: Whether the package binds a tool for a schema.
        bedrock: Settings of `Bedrock` for this call alone.
    """

    model: str
    request: RequestOptions
    timeout: float | Mapping[str, float] | None = None
    max_retries: int = 2
    default_headers: Headers = field(default_factory=dict, repr=False)
    is_structured: bool = False
    bedrock: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call, before it is known which route answers it.

    Attributes:
        messages: The conversation; never changed.
        options: What is asked for.
        routes: Where it may go, in the user's order.
        version: The form of the answer's content.
        with_usage: Whether messages carry usage metadata.
        clients: The clients and the fetcher of the caller, if it has its own.
        limit: How many requests and tokens a minute the model's user allows an endpoint.
    """

    messages: Sequence[BaseMessage]
    options: CallOptions
    routes: Sequence[Route]
    version: OutputVersion = "v0"
    with_usage: bool = True
    clients: Clients = NO_CLIENTS
    limit: RateLimit = NO_LIMIT


def read_options(
    fields: object, arguments: JsonObject, *, stop: Sequence[str] | None, stream: bool
) -> CallOptions:
    """Lay a call's arguments over a model's fields.

    Args:
        fields: The model.
        arguments: Keyword arguments of the call; one that is None leaves the field's value.
        stop: LangChain's own argument for stop sequences.
        stream: Whether the answer is wanted as a stream.

    Raises:
        InvalidInputError: An argument is not known, or of another kind.
        ConfigurationError: ``max_retries`` is no whole number of 0 or more.
    """
    if unknown := [name for name in arguments if name not in CALL_NAMES]:
        known = getattr(type(fields), "model_fields", ())
        raise InvalidInputError(" ".join(_not_taken(name, known) for name in unknown))
    own = {name: getattr(fields, name) for name in (*_REQUEST_FIELDS, *_OF_CALL)}
    if isinstance(own["default_headers"], Mapping):  # error trackers store what frames hold
        own["default_headers"] = SafeHeaders(own["default_headers"])
    given = {
        FIELD_ALIASES.get(name, name): value
        for name, value in arguments.items()
        if name not in _IGNORED and value is not None
    }
    if stop is not None:
        given["stop_sequences"] = stop
    check_json(given)  # refuses what is nested too deeply, before anything else reads it
    asked = {**own, **given}
    _check_kinds(asked)
    check_max_retries(asked["max_retries"])
    return CallOptions(
        model=asked["model"],
        request=RequestOptions(
            **{name: asked[name] for name in _REQUEST_FIELDS},
            **_read_tools(given),
            betas=_listed(asked["betas"]) if asked["betas"] else (),
            model_kwargs={**(own["model_kwargs"] or {}), **given.get("model_kwargs", {})},
            cache_control=given.get("cache_control"),
            stream=stream,
        ),
        timeout=asked["timeout"],
        max_retries=asked["max_retries"],
        default_headers={**(own["default_headers"] or {}), **given.get("default_headers", {})},
        is_structured=bool(given.get("structured_output_tool")),
        bedrock={name: given[name] for name in _OF_BEDROCK if name in given},
    )


def _not_taken(name: str, fields: Container[str]) -> str:
    """Say of an argument that a call does not take it; name those most like it."""
    if name in fields:
        copied = f"model.model_copy(update={{{name!r}: ...}})"
        return f"{name} cannot be given to a call: set it on the model, or on a copy, {copied}."
    from langchain_claude_cloud.config.migration import suggestion  # noqa: PLC0415  for an error

    names = sorted(CALL_NAMES - _IGNORED - {"structured_output_tool"})
    hint = suggestion("call", name, names)
    raw = "A field of the API that this package does not know goes into model_kwargs, as it is."
    return f"The argument {name!r} is not known. {hint or raw}"


def _check_kinds(asked: JsonObject) -> None:
    """Refuse arguments of another kind. Headers stay unsaid: they may be secrets."""
    for kinds, words, names in _KINDS:
        for name in names:
            value = asked.get(name)
            # True is an int, and no number.
            is_right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
            if not is_right and (value is not None or name == "model"):
                is_plain = {*kinds} <= {int, float, bool}
                shown = repr(value)[:80] if is_plain else f"a {type(value).__name__}"
                raise InvalidInputError(f"{name} is {words}, not {shown}.")


def _listed(betas: object) -> tuple[str, ...]:
    """Return betas as a tuple; in one string they stand as in the header."""
    if isinstance(betas, str):
        return tuple(filter(None, map(str.strip, betas.split(","))))
    if isinstance(betas, list | tuple | set | frozenset) and all(
        isinstance(name, str) for name in betas
    ):
        return tuple(betas)
    raise InvalidInputError(f"betas is a list of names, not {betas!r:.80}.")


def _read_tools(given: JsonObject) -> JsonObject:
    tools = convert_tools(given.get("tools", ()), strict=given.get("strict"))
    names = [tool["name"] for tool in tools if "name" in tool]
    response_format = given.get("response_format")
    return {
        "tools": tools,
        "tool_choice": convert_tool_choice(given.get("tool_choice"), names),
        "parallel_tool_calls": given.get("parallel_tool_calls"),
        "output_format": convert_response_format(response_format) if response_format else None,
    }
