"""Checks the parameters of a call against the model and writes them as the API does.

The catalogue says what a model takes. A sampling parameter that it refuses is left out with a
notice, because that changes little. A thinking mode or an effort that it refuses is an error,
because leaving it out would change what was asked for. Models that the catalogue does not know
are not second-guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.turns import THINKING

_THINKING_TYPES: Final = frozenset({"adaptive", "between_tools", "disabled", "enabled"})
_ACTIVE_THINKING: Final = frozenset({"adaptive", "enabled"})
_FORCED_CHOICES: Final = frozenset({"any", "tool"})
_LEAST_BUDGET: Final = 1024
_INTERLEAVED: Final = "interleaved-thinking-"
_THINKING_OFF: Final = frozenset({"between_tools", "disabled"})
_LOWEST_TOP_P_WITH_THINKING: Final = 0.95


def read_thinking(thinking: object, model: ResolvedModel) -> JsonObject | None:
    """Return the ``thinking`` of a body.

    Args:
        thinking: The API's dict, the name of a type (``adaptive``, ``disabled``), a budget of
            tokens, or None.
        model: Says which types there are.

    Raises:
        InvalidInputError: The model does not support it; the message names what it supports.
    """
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
        f"{_listed(sorted(takes)) or 'no thinking at all'}. {_thinking_remedy(model)}"
    )


def bind_thinking(
    thinking: JsonObject | None, bound_thinking: str, model: ResolvedModel
) -> JsonObject | None:
    """Return the ``thinking`` of a body that says what to do with blocks bound elsewhere.

    Args:
        thinking: What is asked for; a ``block_binding`` in it stays.
        bound_thinking: See `RequestOptions`.
        model: Whether it thinks if nothing is asked for.
    """
    if bound_thinking != "drop_block":
        return thinking
    if thinking is None and model.capabilities.thinking_default != "off":
        thinking = {"type": "adaptive"}
    if not is_thinking(thinking):
        return thinking
    return {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, **(thinking or {})}


def check_budget(thinking: JsonObject, max_tokens: int, betas: Sequence[str]) -> None:
    """Refuse a thinking budget that the API would refuse.

    Args:
        thinking: The ``thinking`` of the body.
        max_tokens: The ``max_tokens`` of the body.
        betas: With interleaved thinking a budget may exceed ``max_tokens``.

    Raises:
        InvalidInputError: It is missing, below 1,024, or not below ``max_tokens``.
    """
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


def check_thinking_off(thinking: JsonObject, effort: str | None, model: ResolvedModel) -> None:
    """Refuse to turn thinking off where the effort needs it.

    Raises:
        InvalidInputError: The message names the efforts that go without.
    """
    takes, kind = model.capabilities, thinking.get("type")
    highest = takes.highest_effort_without_thinking
    if not model.known or kind not in _THINKING_OFF or highest is None:
        return
    levels = takes.effort_levels[: takes.effort_levels.index(highest) + 1]
    if effort is not None and effort not in levels:
        raise InvalidInputError(
            f"{model.info.name} does not take thinking of type {kind!r} at effort {effort!r}: "
            f"only up to {highest} ({_listed(levels)}). Lower the effort, or leave thinking on "
            f"with type {_listed(sorted(takes.thinking_types - _THINKING_OFF))}."
        )


def lacks_thinking(messages: Sequence[JsonObject]) -> bool:
    """Whether the request continues an answer that began without thinking.

    That is an assistant turn at the end, or one whose tools have just been run. The API then
    refuses a budget of thinking: "Expected `thinking` or `redacted_thinking`, but found
    `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking
    block" (400; n8n#22550). Histories of other models have none.

    Args:
        messages: The ``messages`` of the body.
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


def is_thinking(thinking: JsonObject | None) -> bool:
    """Whether a request asks for thinking."""
    return thinking is not None and thinking.get("type") in _ACTIVE_THINKING


def check_effort(effort: str, model: ResolvedModel) -> None:
    """Refuse an effort that the model does not have.

    Raises:
        InvalidInputError: The message names the levels there are.
    """
    levels = model.capabilities.effort_levels
    if model.known and effort not in levels:
        raise InvalidInputError(
            f"{model.info.name} does not take effort {effort!r}; it takes "
            f"{_listed(levels) or 'no effort: leave it out'}."
        )


def read_sampling(
    given: JsonObject, thinking: JsonObject | None, model: ResolvedModel
) -> tuple[JsonObject, list[str]]:
    """Return the sampling parameters that the model takes.

    Args:
        given: ``temperature``, ``top_p`` and ``top_k``, None where not set.
        thinking: The ``thinking`` of the body.
        model: From Opus 4.7 on, models refuse these parameters.

    Returns:
        The parameters, and a notice if some are left out.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    if not model.capabilities.sampling:
        why = f"{model.info.name} does not take sampling parameters"
        return {}, [f"{_listed(list(asked))} left out: {why}"] if asked else []
    if not is_thinking(thinking):
        return _one_of_two(asked, model)
    unfit = [name for name, value in asked.items() if not _goes_with_thinking(name, value)]
    kept = {name: value for name, value in asked.items() if name not in unfit}
    notice = f"{_listed(unfit)} left out: the API refuses that with thinking"
    return kept, [notice] if unfit else []


def read_stop_sequences(sequences: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the stop sequences that the API takes, and a notice if some are left out.

    "each stop sequence must contain non-whitespace" (400).

    Raises:
        InvalidInputError: They are no texts.
    """
    given = [sequences] if isinstance(sequences, str) else (sequences or ())
    if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
        raise InvalidInputError(f"stop_sequences is a list of texts, not {sequences!r:.80}.")
    kept = [text for text in given if text.strip()]
    notice = "stop sequences of white space are left out: the API refuses them"
    return kept, [notice] if len(kept) < len(given) else []


def read_tool_choice(
    choice: JsonObject | None,
    *,
    parallel: bool | None,
    thinking: JsonObject | None,
    model: ResolvedModel,
) -> tuple[JsonObject | None, list[str]]:
    """Return the ``tool_choice`` of a body that offers tools.

    Args:
        choice: The API's choice, or None.
        parallel: Whether the model may make several calls at once; None leaves that to it.
        thinking: The ``thinking`` of the body: a forced choice does not go with a budget of
            it, but with adaptive thinking (recorded answers of Opus 4.6 are tool calls).
        model: Some models refuse a forced choice altogether.

    Returns:
        The choice, and a notice if it is no longer forced.
    """
    notices = []
    if choice is not None and choice.get("type") in _FORCED_CHOICES:
        refused = not model.capabilities.forced_tool_choice
        if refused or (thinking or {}).get("type") == "enabled":
            why = (
                f"{model.info.name} does not take it"
                if refused
                else "it cannot be used with a thinking budget"
            )
            notices.append(f"tool_choice {choice['type']!r} sent as 'auto': {why}")
            rest = {key: choice[key] for key in choice if key not in ("type", "name")}
            choice = {"type": "auto", **rest}
    if parallel is False and (choice or {}).get("type") != "none":
        choice = {"disable_parallel_tool_use": True, **(choice or {"type": "auto"})}
    return choice, notices


def _thinking_remedy(model: ResolvedModel) -> str:
    takes = model.capabilities.thinking_types
    if "adaptive" in takes and "enabled" not in takes:
        return "Use thinking={'type': 'adaptive'} and set how much by effort."
    if "enabled" in takes:
        return "Use thinking={'type': 'enabled', 'budget_tokens': 4096}."
    return "Leave it out."


def _goes_with_thinking(name: str, value: float) -> bool:
    """Whether the API takes a sampling parameter beside thinking: hardly any but the defaults."""
    if name == "top_p":
        return _LOWEST_TOP_P_WITH_THINKING <= value <= 1
    return name == "temperature" and value == 1


def _one_of_two(asked: JsonObject, model: ResolvedModel) -> tuple[JsonObject, list[str]]:
    """Leave out ``top_p`` beside a temperature, or the temperature if only that is a default.

    "`temperature` and `top_p` cannot both be specified for this model" (400).
    """
    if "temperature" not in asked or "top_p" not in asked or model.capabilities.sampling_pair:
        return asked, []
    unfit = "temperature" if asked["temperature"] == 1 and asked["top_p"] != 1 else "top_p"
    kept = {name: value for name, value in asked.items() if name != unfit}
    why = f"{model.info.name} takes temperature or top_p, not both"
    return kept, [f"{unfit} left out: {why}"] if asked[unfit] != 1 else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
