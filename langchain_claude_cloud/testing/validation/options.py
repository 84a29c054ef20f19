"""Checks the options of a request: sampling, thinking, effort, output format, caching."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.validation.fields import (
    Field,
    at_least,
    check_fields,
    mapping,
    nullable,
    obj,
    one_of,
    string,
    tagged,
)
from langchain_claude_cloud.testing.validation.schemas import (
    check_complexity,
    check_schema,
    check_strict_schema,
)
from langchain_claude_cloud.testing.wire import Refusal, invalid

_DISPLAY = {"display": Field(nullable(one_of("summarized", "omitted", "updates")))}
_MISMATCH = {"prefix_mismatch_behavior": Field(nullable(one_of("error", "drop_block")))}
_BINDING = {"block_binding": Field(nullable(obj(_MISMATCH)))}
_THINKING = {
    "enabled": {"budget_tokens": Field(at_least(1024), required=True), **_DISPLAY, **_BINDING},
    "adaptive": {**_DISPLAY, **_BINDING},
    "disabled": {},
    "between_tools": {},
}
_MAX_BREAKPOINTS = 4
BINDING_BETA = "thinking-binding-controls-2026-08-01"
_DOCS = "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"


def check_options(call: Call) -> None:
    """Check everything but the messages and the tools.

    Raises:
        Refusal: An option is not valid, or not taken by this model on this cloud.
    """
    body = call.body
    if call.operation != "count_tokens" and body["max_tokens"] > call.rules.max_output:
        raise Refusal(
            400,
            f"max_tokens: {body['max_tokens']} > {call.rules.max_output}, which is the maximum "
            f"allowed number of output tokens for {call.rules.name}",
        )
    if any(not sequence.strip() for sequence in body.get("stop_sequences") or []):
        raise invalid("stop_sequences", "each stop sequence must contain non-whitespace")
    _check_thinking(call)
    _check_sampling(call)
    _check_output_config(call)


def _check_thinking(call: Call) -> None:
    if "thinking" not in call.body:
        return
    thinking = tagged("thinking", call.body["thinking"], _THINKING)
    kind = thinking["type"]
    _check_thinking_type(call, kind)
    betas = {"updates": "thinking-display-updates-2026-08-18"}
    needed = betas.get(str(thinking.get("display")))
    if needed is not None and needed not in call.betas:
        raise invalid(f"thinking.{kind}.display", "Input should be 'summarized' or 'omitted'")
    controls = call.rules.binds_thinking and BINDING_BETA in call.betas
    if thinking.get("block_binding") and not controls:
        raise invalid(f"thinking.{kind}.block_binding", "Extra inputs are not permitted")
    budget = thinking.get("budget_tokens", 0)
    interleaved = "interleaved-thinking-2025-05-14" in call.betas
    if kind == "enabled" and budget >= call.body.get("max_tokens", 10**9) and not interleaved:
        raise Refusal(400, f"`max_tokens` must be greater than `thinking.budget_tokens`. {_DOCS}")


def _check_thinking_type(call: Call, kind: str) -> None:
    config = call.body.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    too_high = call.rules.off_up_to_high and effort in ("xhigh", "max")  # it may be anything yet
    if kind in call.rules.thinking_types and not (
        kind in {"disabled", "between_tools"} and too_high
    ):
        return
    if kind == "adaptive":
        raise Refusal(400, "adaptive thinking is not supported on this model")
    if kind == "enabled" and call.rules.version < (4, 0):
        raise invalid("thinking", "Extra inputs are not permitted")
    hint = {
        "enabled": 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking.',
        "disabled": "Thinking cannot be turned off here.",
    }.get(kind, "")
    raise Refusal(400, f'"thinking.type.{kind}" is not supported for this model. {hint}'.strip())


def _check_sampling(call: Call) -> None:
    body = call.body
    names = ("temperature", "top_p", "top_k")
    given: JsonObject = {name: body[name] for name in names if name in body}
    if call.version == "2026-10-21":
        for name in given:
            raise invalid(name, "Extra inputs are not permitted")
    if not call.rules.sampling:
        for name, value in given.items():
            if value not in {None, 1} or name == "top_k":
                raise Refusal(400, f"`{name}` is deprecated for this model.")
    both = given.get("temperature") is not None and given.get("top_p") is not None
    if both and call.rules.sampling and call.rules.one_sampling_parameter:
        raise Refusal(
            400,
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one.",
        )
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in {"enabled", "adaptive"}:
        _check_sampling_beside_thinking(given)


def _check_sampling_beside_thinking(given: JsonObject) -> None:
    if given.get("temperature") not in {None, 1}:
        raise Refusal(
            400,
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
            + _DOCS,
        )
    top_p = given.get("top_p")
    if top_p is not None and top_p < 0.95:  # noqa: PLR2004  # the API's bound
        raise Refusal(
            400,
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or "
            f"in adaptive mode. {_DOCS}",
        )
    if given.get("top_k") is not None:
        raise Refusal(400, f"`top_k` must be unset when thinking is enabled. {_DOCS}")


def _check_output_config(call: Call) -> None:
    if "output_config" not in call.body:
        return
    config = mapping("output_config", call.body["output_config"])
    if not call.rules.structured_output(call.cloud, call.api) and "format" in config:
        raise invalid("output_config.format", "Extra inputs are not permitted")
    check_fields(
        "output_config",
        config,
        {"effort": Field(nullable(string)), "format": Field(nullable(mapping))},
    )
    _check_effort(call, config.get("effort"))
    if config.get("format") is not None:
        _check_format(config["format"])


def _check_effort(call: Call, effort: object) -> None:
    levels = call.rules.effort_levels
    if effort is None:
        return
    if not levels:
        raise Refusal(400, "This model does not support the effort parameter.")
    if effort not in levels:
        raise Refusal(
            400,
            f"This model does not support effort level '{effort}'. Supported levels: "
            f"{', '.join(sorted(levels))}.",
        )


def _check_format(value: JsonObject) -> None:
    path = "output_config.format"
    check_fields(
        path,
        value,
        {
            "type": Field(one_of("json_schema"), required=True),
            "schema": Field(mapping, required=True),
        },
    )
    check_schema(f"{path}.schema", value["schema"])
    check_strict_schema(f"{path}.schema", value["schema"])
    check_complexity([value["schema"]])


def check_caching(call: Call) -> None:
    """Check the cache breakpoints of tools, system prompt and messages that are valid.

    Raises:
        Refusal: There are too many, in the wrong order, or the model takes none at the top.
    """
    if call.body.get("cache_control") and call.is_invoke_model and call.rules.legacy:
        raise invalid("cache_control", "Extra inputs are not permitted")
    marks = list(_breakpoints(call.body))
    count = len(marks) + (1 if call.body.get("cache_control") else 0)
    if count > _MAX_BREAKPOINTS:
        raise Refusal(
            400,
            f"A maximum of {_MAX_BREAKPOINTS} blocks with cache_control may be provided. Found "
            f"{count}.",
        )
    short = False
    for path, ttl in marks:
        if ttl == "1h" and short:
            raise invalid(
                f"{path}.cache_control.ttl",
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control "
                "block. Note that blocks are processed in the following order: `tools`, "
                "`system`, `messages`.",
            )
        short = short or ttl == "5m"


def _breakpoints(body: JsonObject) -> Iterator[tuple[str, str]]:
    for place, content in (("tools", body.get("tools")), ("system", body.get("system"))):
        yield from _marked(place, content)
    for index, message in enumerate(body.get("messages") or []):
        yield from _marked(f"messages.{index}.content", message.get("content"))


def _marked(place: str, content: object) -> Iterator[tuple[str, str]]:
    for index, block in enumerate(content if isinstance(content, list) else []):
        if not isinstance(block, dict):
            continue
        control = block.get("cache_control")
        if isinstance(control, dict):
            yield f"{place}.{index}", str(control.get("ttl") or "5m")
        if block.get("type") == "tool_result":
            yield from _marked(f"{place}.{index}.content", block.get("content"))
