"""Checks the parameters of a call against the model and writes them as the API does.

The catalogue says what a model supports. A sampling parameter that it refuses is left out with a
notice, because that changes little. A thinking mode or an effort that it refuses is an error,
because leaving it out would change what was asked for. For models that the catalogue does not know,
nothing is left out or refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import THINKING
from langchain_claude_cloud.request.options import RequestOptions

_THINKING_TYPES: Final = frozenset({"adaptive", "between_tools", "disabled", "enabled"})
_ACTIVE_THINKING: Final = frozenset({"adaptive", "enabled"})
_FORCED_CHOICES: Final = frozenset({"any", "tool"})
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_LEAST_BUDGET: Final = 1024
_INTERLEAVED: Final = "interleaved-thinking-"
_THINKING_OFF: Final = frozenset({"between_tools", "disabled"})
_LOWEST_TOP_P_WITH_THINKING: Final = 0.95


def add_parameters(
    body: JsonObject,
    options: RequestOptions,
    choice: JsonObject | None,
    model: ResolvedModel,
    betas: Sequence[str],
) -> list[str]:
    """Add the fields that say how to answer.

    Args:
        body: Has the messages and the tools; changed.
        options: What is asked for.
        choice: Its ``tool_choice``, which names the tool as the request does.
        model: Says what it takes.
        betas: With interleaved thinking a budget may exceed ``max_tokens``.

    Returns:
        What was left out or changed, one line each.

    Raises:
        InvalidInputError: The model does not support what is asked for.
    """
    notices: list[str] = []
    most = model.info.max_output_tokens
    max_tokens = most if options.max_tokens is None else options.max_tokens
    if max_tokens < 0:
        raise InvalidInputError(
            f"max_tokens must not be negative, but is {max_tokens}. Leave it out for the model's "
            f"own limit, {most}."
        )
    thinking = asked_thinking(options, model)
    if thinking is not None:
        _check_budget(thinking, max_tokens, betas)
        _check_thinking_off(thinking, options.effort, model)
        if thinking.get("type") == "enabled" and _lacks_thinking(body["messages"]):
            notices.append("thinking left out: the answer that is continued began without it")
            thinking = None
    fields: JsonObject = {
        "max_tokens": max_tokens,
        "thinking": thinking,
        **_sampling(options, thinking, model, notices),
        "stop_sequences": _stop_sequences(options.stop_sequences, notices) or None,
        "output_config": _output_config(options, model) or None,
        "metadata": None if options.user_id is None else {"user_id": options.user_id},
        "context_management": options.context_management or None,
    }
    if "tools" in body:
        fields["tool_choice"] = _tool_choice(options, choice, thinking, model, notices)
    body.update({name: value for name, value in fields.items() if value is not None})
    return notices


def asked_thinking(options: RequestOptions, model: ResolvedModel) -> JsonObject | None:
    """Return the ``thinking`` of a body, with what to do about blocks that are bound elsewhere.

    Args:
        options: Its ``thinking`` is the API's dict, the name of a type (``adaptive``,
            ``disabled``), a budget of tokens, or None. A ``block_binding`` in it stays.
        model: Says which types there are, and whether it thinks if nothing is asked for.

    Raises:
        InvalidInputError: The model does not support it; the message names what it supports.
    """
    thinking = _read_thinking(options.thinking, model)
    if options.bound_thinking != "drop_block":
        return thinking
    if thinking is None and model.capabilities.thinking_default != "off":
        thinking = {"type": "adaptive"}
    if thinking is None or thinking.get("type") not in _ACTIVE_THINKING:
        return thinking
    return {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, **thinking}


def _read_thinking(thinking: object, model: ResolvedModel) -> JsonObject | None:
    if thinking is None:
        return None
    if isinstance(thinking, bool) or not isinstance(thinking, str | int | dict):
        raise InvalidInputError(
            f"thinking must be a dict, the name of a type or a budget of tokens, not {thinking!r}."
        )
    if isinstance(thinking, int):
        wire: JsonObject = {"type": "enabled", "budget_tokens": thinking}
    else:
        wire = {"type": thinking} if isinstance(thinking, str) else dict(thinking)
    kind = wire.get("type")
    if not isinstance(kind, str):
        raise InvalidInputError(
            f"thinking needs a type: one of {', '.join(sorted(_THINKING_TYPES))}, not {kind!r:.80}."
        )
    if isinstance(thinking, str) and kind not in _THINKING_TYPES:
        raise InvalidInputError(
            f"thinking {thinking!r} is not known. Use one of {', '.join(sorted(_THINKING_TYPES))}; "
            "or a budget of tokens, or the API's own dict."
        )
    takes = model.capabilities.thinking_types
    if not model.known or kind in takes or kind not in _THINKING_TYPES:
        return wire
    if kind == "disabled" and not takes:
        return None
    raise InvalidInputError(
        f"{model.info.name} does not take thinking of type {kind!r}; it takes "
        f"{', '.join(sorted(takes)) or 'no thinking at all'}. {_thinking_remedy(model)}"
    )


def _thinking_remedy(model: ResolvedModel) -> str:
    takes = model.capabilities.thinking_types
    if "adaptive" in takes and "enabled" not in takes:
        return "Use thinking={'type': 'adaptive'} and set how much by effort."
    if "enabled" in takes:
        return "Use thinking={'type': 'enabled', 'budget_tokens': 4096}."
    return "Leave it out."


def _check_budget(thinking: JsonObject, max_tokens: int, betas: Sequence[str]) -> None:
    """Refuse a budget that is missing, below 1,024, or not below ``max_tokens``."""
    if thinking.get("type") != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < _LEAST_BUDGET:
        raise InvalidInputError(
            f"thinking of type 'enabled' needs budget_tokens of at least {_LEAST_BUDGET}, not "
            f"{budget!r}: pass thinking={{'type': 'enabled', 'budget_tokens': 4096}}."
        )
    interleaved = any(beta.startswith(_INTERLEAVED) for beta in betas)
    if budget >= max_tokens and not interleaved:
        raise InvalidInputError(
            f"thinking's budget_tokens ({budget}) must be less than max_tokens ({max_tokens}), "
            "which counts thinking and answer together. Raise max_tokens or lower the budget."
        )


def _check_thinking_off(thinking: JsonObject, effort: str | None, model: ResolvedModel) -> None:
    """Refuse to turn thinking off where the effort needs it."""
    takes, kind = model.capabilities, thinking.get("type")
    highest = takes.highest_effort_without_thinking
    if not model.known or kind not in _THINKING_OFF or highest is None:
        return
    levels = takes.effort_levels[: takes.effort_levels.index(highest) + 1]
    if effort is not None and effort not in levels:
        raise InvalidInputError(
            f"{model.info.name} does not take thinking of type {kind!r} at effort {effort!r}: "
            f"only up to {highest} ({', '.join(levels)}). Lower the effort, or leave thinking on "
            f"with type {', '.join(sorted(takes.thinking_types - _THINKING_OFF))}."
        )


def _lacks_thinking(messages: Sequence[JsonObject]) -> bool:
    """Whether the request continues an answer that began without thinking.

    That is an assistant turn at the end, or one whose tools have just been run. The API then
    refuses a budget of thinking: "Expected `thinking` or `redacted_thinking`, but found
    `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking
    block" (400; n8n#22550). Histories of other models have none.
    """
    place = next(
        (n for n in range(len(messages) - 1, -1, -1) if messages[n]["role"] == "assistant"), None
    )
    if place is None:
        return False
    following = messages[place + 1]["content"] if place + 1 < len(messages) else None
    running = following is None or any(
        block["type"] == "tool_result" for block in following if isinstance(block, dict)
    )
    content = messages[place]["content"]
    starts = "text" if isinstance(content, str) else content[0]["type"]
    return running and starts not in THINKING


def _output_config(options: RequestOptions, model: ResolvedModel) -> JsonObject:
    config: JsonObject = {"effort": options.effort, "format": options.output_format}
    levels = model.capabilities.effort_levels
    if options.effort is not None and model.known and options.effort not in levels:
        raise InvalidInputError(
            f"{model.info.name} does not take effort {options.effort!r}; it takes "
            f"{', '.join(levels) or 'no effort: leave it out'}."
        )
    return {name: value for name, value in config.items() if value is not None}


def _sampling(
    options: RequestOptions, thinking: JsonObject | None, model: ResolvedModel, notices: list[str]
) -> JsonObject:
    """Return the sampling parameters that the model takes; from Opus 4.7 on, models take none."""
    given = {name: getattr(options, name) for name in _SAMPLING}
    asked = {name: value for name, value in given.items() if value is not None}
    unfit, why = _unfit_sampling(asked, thinking, model)
    if unfit and why:
        notices.append(f"{', '.join(unfit)} left out: {why}")
    return {name: value for name, value in asked.items() if name not in unfit}


def _unfit_sampling(
    asked: JsonObject, thinking: JsonObject | None, model: ResolvedModel
) -> tuple[list[str], str]:
    """Return the parameters that the API would refuse, and why; no reason if that changes nothing.

    "`temperature` and `top_p` cannot both be specified for this model" (400).
    """
    if not model.capabilities.sampling:
        return list(asked), f"{model.info.name} does not take sampling parameters"
    if thinking is not None and thinking.get("type") in _ACTIVE_THINKING:
        return [n for n in asked if not _goes_with_thinking(n, asked[n])], (
            "the API refuses that with thinking"
        )
    if model.capabilities.sampling_pair or not asked.keys() >= {"temperature", "top_p"}:
        return [], ""
    unfit = "temperature" if asked["temperature"] == 1 and asked["top_p"] != 1 else "top_p"
    why = f"{model.info.name} takes temperature or top_p, not both"
    return [unfit], why if asked[unfit] != 1 else ""


def _goes_with_thinking(name: str, value: float) -> bool:
    """Whether the API takes a sampling parameter beside thinking: hardly any but the defaults."""
    if name == "top_p":
        return _LOWEST_TOP_P_WITH_THINKING <= value <= 1
    return name == "temperature" and value == 1


def _stop_sequences(sequences: Sequence[str] | None, notices: list[str]) -> list[str]:
    """Return the stop sequences that the API takes.

    "each stop sequence must contain non-whitespace" (400).
    """
    given = [sequences] if isinstance(sequences, str) else (sequences or ())
    if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
        raise InvalidInputError(f"stop_sequences is a list of texts, not {sequences!r:.80}.")
    kept = [text for text in given if text.strip()]
    if len(kept) < len(given):
        notices.append("stop sequences of white space are left out: the API refuses them")
    return kept


def _tool_choice(
    options: RequestOptions,
    choice: JsonObject | None,
    thinking: JsonObject | None,
    model: ResolvedModel,
    notices: list[str],
) -> JsonObject | None:
    """Return the choice in a form that the model takes.

    A forced one does not go with a budget of thinking, but with adaptive thinking (recorded
    answers of Opus 4.6 are tool calls). Some models refuse it altogether.
    """
    if choice is not None and choice.get("type") in _FORCED_CHOICES:
        why = "it cannot be used with a thinking budget"
        refused = (thinking or {}).get("type") == "enabled"
        if not model.capabilities.forced_tool_choice:
            why, refused = f"{model.info.name} does not take it", True
        if refused:
            notices.append(f"tool_choice {choice['type']!r} sent as 'auto': {why}")
            rest = {key: choice[key] for key in choice if key not in ("type", "name")}
            choice = {"type": "auto", **rest}
    if options.parallel_tool_calls is False and (choice or {}).get("type") != "none":
        choice = {"disable_parallel_tool_use": True, **(choice or {"type": "auto"})}
    return choice
