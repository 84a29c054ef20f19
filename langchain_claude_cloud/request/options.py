"""The data classes of the request stage: what a call asks for, and the finished request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What a call asks for, platform-neutral.

    Attributes:
        max_tokens: The most tokens of the answer; None for the model's own limit.
        temperature: Sampling, as the API takes it.
        top_p: Sampling, as the API takes it.
        top_k: Sampling, as the API takes it.
        stop_sequences: Texts that end the answer.
        thinking: The API's dict, the name of a type, or a budget of tokens.
        effort: The level of ``output_config.effort``.
        betas: The user's own; always sent.
        fine_grained_tool_streaming: Whether tool arguments stream as they are written.
        context_1m: True sends the beta for a context of a million tokens.
        context_management: The API's dict.
        prompt_caching: True, ``5m`` or ``1h``: breakpoints behind tools, system, messages.
        cache_control: The marker of one breakpoint at the end of the prompt.
        user_id: The API's ``metadata.user_id``.
        model_kwargs: Raw body fields, laid over the rest as they are; ``anthropic_beta``
            among them is read as betas.
        tools: As `request.tools.convert_tool` returns them.
        tool_choice: As `request.tools.convert_tool_choice` returns it.
        parallel_tool_calls: False allows one call at a time.
        output_format: As `request.schema.convert_response_format` returns it.
        stream: Whether the answer is streamed.
        bound_thinking: What becomes of thinking in the history that is bound to another
            conversation: ``send`` sends it (the API may refuse it), ``drop_block`` has the API
            drop what does not fit, where the model knows how, and ``leave_out`` sends no
            thinking of the history at all. A ``block_binding`` in ``thinking`` wins.
        guard: Which texts a guardrail looks at, where there is one: ``marked`` for those in
            ``guard_content`` blocks, if there are any, ``last_turn`` also for what was said last.
        refused: Betas and features that the model is known to refuse there, as
            `langchain_claude_cloud.calls.adaptation` names them: the package does not add them.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: Sequence[str] | None = None
    thinking: JsonObject | str | int | None = None
    effort: str | None = None
    betas: tuple[str, ...] = ()
    fine_grained_tool_streaming: bool = True
    context_1m: bool | None = None
    context_management: JsonObject | None = None
    prompt_caching: bool | str | None = None
    cache_control: JsonObject | None = None
    user_id: str | None = None
    model_kwargs: JsonObject = field(default_factory=dict)
    tools: tuple[JsonObject, ...] = ()
    tool_choice: JsonObject | None = None
    parallel_tool_calls: bool | None = None
    output_format: JsonObject | None = None
    stream: bool = False
    bound_thinking: Literal["send", "drop_block", "leave_out"] = "send"
    guard: Literal["marked", "last_turn"] | None = None
    refused: frozenset[str] = frozenset()

    def thinking_budget(self) -> int:
        """Return the tokens that thinking has of its own, which ``max_tokens`` must exceed."""
        thinking = self.model_kwargs.get("thinking", self.thinking)
        budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else thinking
        return budget if isinstance(budget, int) else 0


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """A request before it is a platform's.

    Attributes:
        body: The Messages API body, without model, version and betas.
        betas: The betas to send: the user's first, each once.
        notices: What was left out or changed, one line each.
        names: What its tools are called in it: an answer calls them by those names.
        urls: The URLs of images and documents in it; of each, whether the user has sent it last.
    """

    body: JsonObject
    betas: tuple[str, ...]
    notices: tuple[str, ...]
    names: ToolNames = NO_NAMES
    urls: Mapping[str, bool] = field(default_factory=dict)
