"""Describes a model to LangChain: for caches, for traces, and as a ``ModelProfile``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.model_profile import ModelProfile

from langchain_claude_cloud.catalogue.resolution import ResolvedModel, catalogue_name
from langchain_claude_cloud.chat_models.fields import ModelBase
from langchain_claude_cloud.config.checks import expand_alias
from langchain_claude_cloud.errors.types import JsonObject

_IDENTIFYING: Final = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "thinking",
    "effort",
    "betas",
    "context_1m",
    "context_management",
    "prompt_caching",
    "residency",
    "model_kwargs",
)


class DescribedModel(ModelBase):
    """The fields of a model, and what LangChain asks about it."""

    @property
    def _llm_type(self) -> str:
        # langchain's middleware tells Claude models by this name.
        return "anthropic-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in _IDENTIFYING}
        given = {name: value for name, value in settings.items() if value not in (None, {})}
        clouds = [config.cloud for config in self._platforms()]
        return {"model": self.model, "platforms": clouds, **given}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        asked = {"temperature": self.temperature, "max_tokens": self.max_tokens, **kwargs}
        named = kwargs.get("model")
        # What is no name is refused by the call, which comes after this.
        model = expand_alias(named if named and isinstance(named, str) else self.model)
        params = LangSmithParams(
            ls_provider="anthropic",
            ls_model_name=catalogue_name(model) or model,
            ls_model_type="chat",
        )
        if asked["temperature"] is not None:
            params["ls_temperature"] = asked["temperature"]
        if asked["max_tokens"] is not None:
            params["ls_max_tokens"] = asked["max_tokens"]
        stops = stop or self.stop_sequences
        if stops:
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        routes = self._routes_for(self.model, self.default_headers or {})
        profiles = [model_profile(route.resolve_in(route.known_region())) for route in routes]
        return cast("ModelProfile", _common(profiles))


def model_profile(resolved: ResolvedModel) -> dict[str, object]:
    """Return the keys of `langchain_core.language_models.ModelProfile` for a model.

    Only keys that the installed langchain-core declares: it warns about any other.
    """
    info, takes = resolved.info, resolved.capabilities
    facts: dict[str, object] = {
        "name": info.name if resolved.known else resolved.requested,
        "open_weights": False,
        "last_updated": info.released,  # when what is said here became so
        "max_input_tokens": info.context_window,
        "max_output_tokens": info.max_output_tokens,
        "reasoning_output": bool(takes.thinking_types),
        "temperature": takes.sampling,
        "tool_choice": takes.forced_tool_choice,
        "structured_output": takes.structured_output,
        "mid_conversation_system_messages": takes.mid_conversation_system,
        "mid_conversation_tools": False,  # a first-party beta, which neither cloud has
        "attachment": takes.image_input or takes.pdf_input,
    }
    images = ("image_inputs", "image_url_inputs", "image_tool_message")
    facts |= dict.fromkeys(images, takes.image_input)
    facts |= dict.fromkeys(("pdf_inputs", "pdf_tool_message"), takes.pdf_input)
    facts |= dict.fromkeys(
        ("text_inputs", "text_outputs", "tool_calling", "tool_call_streaming"), True
    )
    facts |= dict.fromkeys(("audio_inputs", "video_inputs"), False)
    facts |= dict.fromkeys(("image_outputs", "audio_outputs", "video_outputs"), False)
    if resolved.known:
        facts["release_date"] = info.released
        active = info.lifecycle(resolved.cloud).status == "active"
        facts["status"] = "active" if active else "deprecated"
    if takes.effort_levels:
        facts["reasoning_effort_levels"] = list(takes.effort_levels)
    if takes.effort_default:
        facts["reasoning_effort_default"] = takes.effort_default
    return {name: fact for name, fact in facts.items() if name in ModelProfile.__annotations__}


def _common(profiles: Sequence[JsonObject]) -> JsonObject:
    """Return what is true of all routes: the smaller limit, the capability that all have."""
    first, *others = profiles
    common = dict(first)
    for other in others:
        for key, value in list(common.items()):
            theirs = other.get(key)
            if isinstance(value, bool | int) and isinstance(theirs, bool | int):
                common[key] = min(value, theirs)
            elif value != theirs:
                del common[key]
    return common
