"""Checks the parameters of a call against the model and writes them as the API does.

The catalogue says what a model supports. A sampling parameter that it refuses is left out with a
notice, because that changes little. A thinking mode or an effort that it refuses is an error,
because leaving it out would change what was asked for. For models that the catalogue does not know,
nothing is left out or refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import THINKING
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.schema import transform_schema

_THINKING_TYPES: Final = ("adaptive", "between_tools", "disabled", "enabled")
_REMEDIES: Final = {
    "adaptive": "Use thinking={'type': 'adaptive'} and set how much by effort.",
    "enabled": "Use thinking={'type': 'enabled', 'budget_tokens': 4096}.",
}
_ACTIVE_THINKING: Final = ("adaptive", "enabled")
_LEAST_BUDGET: Final = 1024
_LOWEST_TOP_P_WITH_THINKING: Final = 0.95


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a call asks for, in the form that a model takes.

    Attributes:
        options: What is asked for.
        model: Says what it takes.
        choice: Their ``tool_choice``, which names the tool as the request does.
        betas: With interleaved thinking a budget may exceed ``max_tokens``.
        notices: What was left out or changed, one line each; grows.
    """

    options: RequestOptions
    model: ResolvedModel
    choice: JsonObject | None
    betas: Sequence[str]
    notices: list[str]

    def add_to(self, body: JsonObject) -> None:
        """Add the fields that say how to answer.

        Args:
            body: Has the messages and the tools; changed.

        Raises:
            InvalidInputError: The model does not support what is asked for.
        """
        options, most = self.options, self.model.info.max_output_tokens
        max_tokens = most if options.max_tokens is None else options.max_tokens
        if max_tokens < 0:
            raise InvalidInputError(f"max_tokens must not be negative. Leave it out for {most}.")
        is_interleaved = any(beta.startswith("interleaved-thinking-") for beta in self.betas)
        thinking = self.thinking(inf if is_interleaved else max_tokens)
        kind = (thinking or {}).get("type")
        if kind == "enabled" and _lacks_thinking(body["messages"]):
            self.notices.append("thinking left out: the answer to continue began without it")
            thinking = kind = None
        fields: JsonObject = {
            "max_tokens": max_tokens,
            "thinking": thinking,
            "metadata": None if options.user_id is None else {"user_id": options.user_id},
            "context_management": options.context_management or None,
        }
        sampling = {name: getattr(options, name) for name in ("temperature", "top_p", "top_k")}
        if given := {name: value for name, value in sampling.items() if value is not None}:
            fields |= self.sampling(given, kind)
        if options.stop_sequences:
            fields["stop_sequences"] = self.stop_sequences(options.stop_sequences)
        if options.effort is not None or options.output_format is not None:
            fields["output_config"] = self.output_config(kind)
        if "tools" in body and (self.choice or options.parallel_tool_calls is False):
            fields["tool_choice"] = self.tool_choice(kind)
        body.update({name: value for name, value in fields.items() if value is not None})

    def thinking(self, max_tokens: float) -> JsonObject | None:
        """Return the ``thinking`` of a body, with what to do about blocks bound elsewhere.

        Args:
            max_tokens: What its budget must be less than.
        """
        asked, takes = self.options.thinking, self.model.capabilities
        thinking = None if asked is None else self._asked_thinking(asked)
        if thinking and thinking["type"] == "enabled":
            budget = thinking.get("budget_tokens")
            if not (isinstance(budget, int) and _LEAST_BUDGET <= budget < max_tokens):
                told = f"thinking's budget_tokens ({budget}) must be at least {_LEAST_BUDGET}"
                raise InvalidInputError(f"{told}, and less than max_tokens ({max_tokens}).")
        if self.options.bound_thinking == "drop_block":
            if thinking is None and takes.thinking_default != "off":
                thinking = {"type": "adaptive"}
            if thinking and thinking["type"] in _ACTIVE_THINKING:
                return {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, **thinking}
        return thinking

    def _asked_thinking(self, asked: object) -> JsonObject | None:
        """Return the API's dict for it, the name of a type (``adaptive``), or a budget."""
        wire: JsonObject = {"type": asked} if asked in _THINKING_TYPES else {}
        if isinstance(asked, dict):
            wire = dict(asked)
        elif type(asked) is int:  # True is none
            wire = {"type": "enabled", "budget_tokens": asked}
        kind, takes = wire.get("type"), self.model.capabilities.thinking_types
        if not isinstance(kind, str):
            told = f"a dict with a type, one of {', '.join(_THINKING_TYPES)} or a budget of tokens"
            raise InvalidInputError(f"thinking must be {told}, not {asked!r:.80}.")
        if not self.model.known or kind in takes or kind not in _THINKING_TYPES:
            return wire
        if kind == "disabled" and not takes:
            return None
        listed = ", ".join(sorted(takes)) or "no thinking at all"
        remedy = next((use for name, use in _REMEDIES.items() if name in takes), "Leave it out.")
        told = f"{self.model.info.name} does not take thinking of type {kind!r}"
        raise InvalidInputError(f"{told}; it takes {listed}. {remedy}")

    def output_config(self, thinking: str | None) -> JsonObject:
        """Return the effort, if the model takes it with a type of thinking, and the format."""
        effort, takes = self.options.effort, self.model.capabilities
        levels, highest = takes.effort_levels, takes.highest_effort_without_thinking
        asked = f"effort {effort!r}"
        told = f"it takes {', '.join(levels) or 'no effort: leave it out'}."
        if thinking in ("between_tools", "disabled") and highest is not None:
            levels = levels[: levels.index(highest) + 1]
            asked = f"thinking of type {thinking!r} at effort {effort!r}"
            told = f"only up to {highest} ({', '.join(levels)}). Lower it, or leave thinking on."
        if effort is not None and self.model.known and effort not in levels:
            raise InvalidInputError(f"{self.model.info.name} does not take {asked}; {told}")
        config: JsonObject = {} if effort is None else {"effort": effort}
        if (answer := self.options.output_format) is not None:
            config["format"] = {**answer, "schema": transform_schema(answer["schema"])}
        return config

    def sampling(self, given: JsonObject, thinking: str | None) -> JsonObject:
        """Return the sampling parameters, but for those that the API would refuse.

        From Opus 4.7 on, models take none. Beside thinking hardly any are taken but the defaults.
        "`temperature` and `top_p` cannot both be specified for this model" (400).
        """
        takes, name = self.model.capabilities, self.model.info.name
        unfit, why = list[str](), f"{name} takes temperature or top_p, not both"
        if not takes.sampling:
            unfit, why = list(given), f"{name} does not take sampling parameters"
        elif thinking in _ACTIVE_THINKING:
            why = "the API refuses that with thinking"
            fit = {"temperature": given.get("temperature") == 1}
            fit["top_p"] = _LOWEST_TOP_P_WITH_THINKING <= given.get("top_p", 0) <= 1
            unfit = [name for name in given if not fit.get(name)]
        elif not takes.sampling_pair and given.keys() >= {"temperature", "top_p"}:
            is_default = given["temperature"] == 1 and given["top_p"] != 1
            left_out = "temperature" if is_default else "top_p"
            unfit = [left_out] if given.pop(left_out) != 1 else []
        if unfit:
            self.notices.append(f"{', '.join(unfit)} left out: {why}")
        return {name: value for name, value in given.items() if name not in unfit}

    def stop_sequences(self, given: Sequence[str]) -> list[str] | None:
        """Return the stop sequences that the API takes.

        "each stop sequence must contain non-whitespace" (400).
        """
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list | tuple) or not all(isinstance(t, str) for t in listed):
            raise InvalidInputError(f"stop_sequences is a list of texts, not {given!r:.80}.")
        kept = [text for text in listed if text.strip()]
        if len(kept) < len(listed):
            self.notices.append("stop sequences of white space are left out: the API refuses them")
        return kept or None

    def tool_choice(self, thinking: str | None) -> JsonObject:
        """Return the choice in a form that the model takes.

        A forced one does not go with a budget of thinking, but with adaptive thinking (recorded
        answers of Opus 4.6 are tool calls). Some models refuse it altogether.
        """
        wire = dict(self.choice or {"type": "auto"})
        why = "it cannot be used with a thinking budget" if thinking == "enabled" else ""
        if not self.model.capabilities.forced_tool_choice:
            why = f"{self.model.info.name} does not take it"
        if why and wire.get("type") in ("any", "tool"):
            self.notices.append(f"tool_choice {wire['type']!r} sent as 'auto': {why}")
            wire.pop("name", None)
            wire["type"] = "auto"
        if self.options.parallel_tool_calls is False and wire.get("type") != "none":
            wire.setdefault("disable_parallel_tool_use", True)
        return wire


def _lacks_thinking(messages: Sequence[JsonObject]) -> bool:
    """Whether the request continues an answer that began without thinking.

    That is an assistant turn at the end, or one whose tools have just been run. The API then
    refuses a budget of thinking: "Expected `thinking` or `redacted_thinking`, but found
    `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking
    block" (400; n8n#22550). Histories of other models have none.
    """
    places = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    if not places:
        return False
    content, *following = [message["content"] for message in messages[places[-1] :]]
    running = not following or any(
        block["type"] == "tool_result" for block in following[0] if isinstance(block, dict)
    )
    starts = "text" if isinstance(content, str) else content[0]["type"]
    return running and starts not in THINKING
