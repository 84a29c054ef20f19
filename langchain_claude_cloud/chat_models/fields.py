"""The fields of `ChatClaudeCloud`: how they are checked, copied, serialized and described.

None of these reveals a secret.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, cast

from langchain_core.language_models import BaseChatModel, LangSmithParams, ModelProfile
from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_serializer, model_validator

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.catalogue.resolution import ResolvedModel, catalogue_name
from langchain_claude_cloud.chat_models.arguments import PlatformLike
from langchain_claude_cloud.config import Bedrock, Vertex, checks
from langchain_claude_cloud.errors.redaction import SafeHeaders, mask_headers
from langchain_claude_cloud.errors.types import Headers, JsonObject
from langchain_claude_cloud.response import translator  # noqa: F401 - teaches core to read ours
from langchain_claude_cloud.routing.platforms import choose_platforms, place_key, set_for_call
from langchain_claude_cloud.routing.routes import Route, make_routes

if TYPE_CHECKING:
    from langchain_claude_cloud.calls import memory, rate_limit
    from langchain_claude_cloud.platform import timeouts
    from langchain_claude_cloud.platform.http import failures
else:  # what an instance needs, not the import
    memory = LazyModule("langchain_claude_cloud.calls.memory")
    rate_limit = LazyModule("langchain_claude_cloud.calls.rate_limit")
    failures = LazyModule("langchain_claude_cloud.platform.http.failures")
    timeouts = LazyModule("langchain_claude_cloud.platform.timeouts")

_JSON_FIELDS: Final = ("thinking", "context_management", "model_kwargs")
_NO_ROUTES: Final = (None, ())
_OBJECTS: Final = ("http_client", "http_async_client", "url_fetcher")
_RESHAPED: Final = ("model", "platform", "default_headers", "user_id", "api_key", "base_url")
"""Fields that traces do not show, or show in another form."""

_ALWAYS: Final = ("text_inputs", "text_outputs", "tool_calling", "tool_call_streaming")
"""Keys of a profile that are true for every model."""

_NEVER: Final = (
    *("audio_inputs", "video_inputs", "image_outputs", "audio_outputs", "video_outputs"),
    *("open_weights", "mid_conversation_tools"),  # a first-party beta, which neither cloud has
)
"""Keys of a profile that are false for every model."""


class ModelBase(checks.CheckedArguments, BaseChatModel):
    """Fields and their keeping; see `ChatClaudeCloud` for what each is."""

    model: str = ""
    platform: PlatformLike | list[PlatformLike] | None = None
    max_tokens: int | None = Field(default=None, ge=0)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    thinking: JsonObject | str | int | None = None
    effort: str | None = None
    betas: list[str] | None = None
    fine_grained_tool_streaming: bool = True
    context_1m: bool | None = None
    context_management: JsonObject | None = None
    prompt_caching: bool | Literal["5m", "1h"] | None = None
    residency: str | None = None
    streaming: bool | None = None
    stream_usage: bool = True
    timeout: float | dict[str, float] | None = None
    max_retries: int = 2
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    default_headers: dict[str, str] | None = None
    user_id: str | None = None
    model_kwargs: JsonObject = Field(default_factory=dict)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    url_fetcher: Callable[[str], bytes] | None = Field(default=None, exclude=True, repr=False)
    api_key: SecretStr | None = None
    base_url: str | None = None

    _llm_type: ClassVar[str] = "anthropic-chat"  # langchain's middleware tells Claude models by it
    _routes: tuple[object, tuple[Route, ...]] = PrivateAttr(default=_NO_ROUTES)

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        defer_build=True,  # by the first instance: an import is to cost little
    )

    @model_validator(mode="before")
    @classmethod
    def _read_arguments(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        # Not pydantic's aliases: type checkers would then know the fields by those names alone.
        given = {checks.FIELD_ALIASES.get(name, name): value for name, value in values.items()}
        checks.refuse_unknown("ChatClaudeCloud", given, cls.model_fields)
        model = given.get("model") or os.environ.get("ANTHROPIC_MODEL", "")
        platform = choose_platforms(given.get("platform"), str(model))
        return {**given, "model": model, "platform": platform}

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_json({name: getattr(self, name) for name in _JSON_FIELDS})
        checks.check_max_retries(self.max_retries)
        rate_limit.RateLimit(self.requests_per_minute, self.tokens_per_minute).check()
        timeouts.Timeouts.for_cloud("vertex", self.timeout)
        self._check_clients()
        self._routes_for()
        return self

    def _check_clients(self) -> None:
        """Refuse clients that are of the wrong kind, or closed."""
        for name, is_async in (("http_client", False), ("http_async_client", True)):
            if (client := getattr(self, name)) is not None:
                failures.check_client(name, client, is_async=is_async)

    def _routes_for(
        self,
        model: str | None = None,
        headers: Headers | None = None,
        bedrock: Mapping[str, object] | None = None,
    ) -> tuple[Route, ...]:
        """Return the routes of a call, or of the model itself.

        The model's own are kept. A call uses what it gets here, whatever another thread keeps. The
        key holds copies: lists of the caller's may change.
        """
        headers = SafeHeaders(self.default_headers or {}) if headers is None else headers
        if bedrock or model not in (None, self.model):
            return self._make_routes(self.model if model is None else model, headers, bedrock)
        given = self.platform
        platforms = tuple(given) if isinstance(given, list | tuple) else given
        key = (self.model, platforms, self.residency, self.api_key, self.base_url)
        known, routes = self._routes
        if known != key:
            routes = self._make_routes(self.model, headers)
        elif routes[0].default_headers != headers:
            # The rest stays, also what the environment said when the model was made.
            routes = tuple(replace(r, default_headers=SafeHeaders(headers)) for r in routes)
        self._routes = (key, routes)
        return routes

    def _make_routes(
        self, model: str, headers: Headers, bedrock: Mapping[str, object] | None = None
    ) -> tuple[Route, ...]:
        placed = set_for_call(self._placed(), bedrock) if bedrock else self._placed()
        pinned = [config.pinned(checks.expand_alias(model)) for config in placed]
        routes = make_routes(pinned, model, residency=self.residency, default_headers=headers)
        for route in routes:
            if notice := route.global_routing(route.known_region):
                memory.MEMORY.say_once(notice)
        return routes

    def _placed(self) -> tuple[Vertex | Bedrock, ...]:
        """Return the platforms, with the model's own `api_key` and `base_url`.

        They are checked after the constructor, too: pydantic checks neither assignments nor
        `model_copy`.
        """
        chosen = choose_platforms(self.platform, self.model)
        configs = chosen if isinstance(chosen, list) else [chosen]
        return place_key(configs, api_key=self.api_key, base_url=self.base_url)

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """Serialize for `dumpd`; platforms leave a marker where they had a secret."""
        return super(ModelBase, self._portable()).to_json()

    def _portable(self) -> Self:
        """Return a copy whose secrets are all in its platforms, which know how to keep them."""
        update: dict[str, object] = {}
        if isinstance(self.default_headers, Mapping):
            update["default_headers"] = mask_headers(self.default_headers)
        if self.api_key is not None or self.base_url is not None:
            (config,) = self._placed()
            update |= {"platform": config, "api_key": None, "base_url": None}
        return self.model_copy(update=update) if update else self

    @field_serializer("default_headers")
    def _mask_headers(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        return headers and mask_headers(headers)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Show headers without the values of credentials, and the package's own fields first."""
        args = sorted(super().__repr_args__(), key=lambda arg: arg[0] in BaseChatModel.model_fields)
        for name, value in args:
            yield name, mask_headers(value) if name == "default_headers" and value else value

    if not TYPE_CHECKING:  # core's own signature holds

        def bind(self, **kwargs: object) -> object:
            """Bind arguments of a call; headers are bound so that they show no credential."""
            return super().bind(**safe_to_show(kwargs))

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: object) -> JsonObject:
        return super()._get_invocation_params(stop, **safe_to_show(kwargs, mask=True))

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: object) -> str:
        # What core remembers may be the fields before a change, or those of a copy's original.
        self.__dict__.pop("_serialized", None)
        return super()._get_llm_string(stop, **safe_to_show(kwargs, mask=True))

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out what must not or cannot be pickled: secrets, clients, made routes."""
        state = super(ModelBase, self._portable()).__getstate__()
        fields = {**state["__dict__"], **dict.fromkeys(_OBJECTS)}
        return {**state, "__dict__": fields, "__pydantic_private__": {"_routes": _NO_ROUTES}}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the fields deeply, but share what is shared on purpose: the caller's clients."""
        copied = self.model_copy()
        for name, value in self.__dict__.items():
            copied.__dict__[name] = value if name in _OBJECTS else copy.deepcopy(value, memo)
        return copied

    @property
    def _identifying_params(self) -> dict[str, Any]:
        fields = type(self).model_fields
        own = sorted(fields.keys() - BaseChatModel.model_fields.keys() - {*_RESHAPED, *_OBJECTS})
        given = {n: v for n in own if (v := getattr(self, n)) not in (None, {}, fields[n].default)}
        configs = self.platform if isinstance(self.platform, list | tuple) else [self.platform]
        clouds = [getattr(config, "cloud", config) for config in configs]
        return {"model": self.model, "platforms": clouds, **given}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop or self.stop_sequences, **kwargs)
        # What is no name is refused by the call, which comes after this.
        model: object = checks.expand_alias(params.get("ls_model_name") or self.model)
        if isinstance(model, str):
            params["ls_model_name"] = catalogue_name(model) or model
        params["ls_provider"] = "anthropic"
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        routes = self._routes_for()
        profiles = [model_profile(route.resolve_in(route.known_region)) for route in routes]
        return cast("ModelProfile", _common(profiles))


def safe_to_show(arguments: JsonObject, *, mask: bool = False) -> JsonObject:
    """Return a call's arguments, the credentials among their headers hidden."""
    headers = arguments.get("default_headers")
    if not isinstance(headers, Mapping):
        return arguments
    return {**arguments, "default_headers": mask_headers(headers) if mask else SafeHeaders(headers)}


def model_profile(resolved: ResolvedModel) -> dict[str, object]:
    """Return the keys of `langchain_core.language_models.ModelProfile` for a model.

    Only keys that the installed langchain-core declares: it warns about any other.
    """
    info, takes = resolved.info, resolved.capabilities
    images = takes.image_input
    active = info.lifecycle(resolved.cloud).status == "active"
    facts: dict[str, object] = {
        "name": info.name if resolved.known else resolved.requested,
        "last_updated": info.released,  # when what is said here became so
        "release_date": info.released if resolved.known else None,
        "status": ("active" if active else "deprecated") if resolved.known else None,
        "max_input_tokens": info.context_window,
        "max_output_tokens": info.max_output_tokens,
        "reasoning_output": bool(takes.thinking_types),
        "reasoning_effort_levels": list(takes.effort_levels) or None,
        "reasoning_effort_default": takes.effort_default or None,
        "temperature": takes.sampling,
        "tool_choice": takes.forced_tool_choice,
        "structured_output": takes.structured_output,
        "mid_conversation_system_messages": takes.mid_conversation_system,
        "attachment": images or takes.pdf_input,
        **dict.fromkeys(("image_inputs", "image_url_inputs", "image_tool_message"), images),
        **dict.fromkeys(("pdf_inputs", "pdf_tool_message"), takes.pdf_input),
        **dict.fromkeys(_ALWAYS, True),
        **dict.fromkeys(_NEVER, False),
    }
    keys = ModelProfile.__annotations__
    return {key: fact for key, fact in facts.items() if key in keys and fact is not None}


def _common(profiles: Sequence[JsonObject]) -> JsonObject:
    """Return what is true of all routes: the smaller limit, the capability that all have."""
    common: JsonObject = {}
    for key, value in profiles[0].items():
        values: list[Any] = [profile.get(key) for profile in profiles]
        if all(isinstance(each, int) for each in values):
            common[key] = min(values)
        elif values.count(value) == len(values):
            common[key] = value
    return common
