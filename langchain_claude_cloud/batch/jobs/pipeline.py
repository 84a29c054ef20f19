"""Splits a runnable into the steps before its one call of the model, and the steps after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
)
from langchain_core.runnables.base import RunnableBindingBase

from langchain_claude_cloud.batch.offline import OfflineCalls
from langchain_claude_cloud.calls.options import Call
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import LABELS, Cloud, JsonObject
from langchain_claude_cloud.routing.routes import Route


@dataclass(frozen=True)
class Pipeline:
    """A runnable that calls the model once.

    Attributes:
        model: The model.
        arguments: What is bound to it.
        before: What makes a prompt of an input.
        after: What is made of the answer.
    """

    model: ChatClaudeCloud
    arguments: JsonObject = field(default_factory=dict)
    before: tuple[Runnable[Any, Any], ...] = ()
    after: tuple[Runnable[Any, Any], ...] = ()

    def calls(self, cloud: Cloud) -> OfflineCalls:
        """Return what makes requests of prompts, and reads their answers.

        Raises:
            ClaudeCloudError: The model has no route to the cloud.
        """
        call = self._call()
        return OfflineCalls(replace(call, routes=(_first(call.routes, cloud),)))

    def route(self, cloud: Cloud | None = None) -> Route:
        """Return the first route of the model, to a cloud or to any.

        Raises:
            ClaudeCloudError: An argument is not known, or there is no such route.
        """
        routes = self._call().routes
        return routes[0] if cloud is None else _first(routes, cloud)

    def _call(self) -> Call:
        return self.model._call([], None, dict(self.arguments), stream=False)  # noqa: SLF001 - ours

    def prompt(self, value: object) -> list[BaseMessage]:
        """Return the prompt for an input.

        Raises:
            Exception: No prompt can be made of it.
        """
        for step in self.before:
            value = step.invoke(value)
        given = cast("LanguageModelInput", value)
        return self.model._convert_input(given).to_messages()  # noqa: SLF001 - ours

    def finish(self, message: object) -> object:
        """Return what the runnable makes of an answer."""
        for step in self.after:
            message = step.invoke(message)
        return message


def _first(routes: Sequence[Route], cloud: Cloud) -> Route:
    for route in routes:
        if route.config.cloud == cloud:
            return route
    raise ConfigurationError(
        f"The storage is of {LABELS[cloud]}, and the model's platform is another: give the model "
        f'platform="{cloud}", or a storage of its cloud.',
        platform=cloud,
    )


def take_apart(runnable: Runnable[Any, Any]) -> Pipeline:
    """Return the parts of a runnable.

    Raises:
        ConfigurationError: It has no `ChatClaudeCloud`, or calls it more than once.
    """
    parts = _parts(runnable)
    if parts is None:
        raise ConfigurationError(
            f"{type(runnable).__name__} cannot be submitted: a batch takes the model, bound or "
            "with structured output, or a chain (prompt | model | parser) that calls it once. "
            "Agents and other code go by batch.run."
        )
    return parts


def _parts(runnable: object) -> Pipeline | None:
    if isinstance(runnable, ChatClaudeCloud):
        return Pipeline(runnable)
    if isinstance(runnable, RunnableSequence):
        return _of_sequence(runnable.steps)
    if isinstance(runnable, RunnableParallel) and len(runnable.steps__) == 1:
        ((key, step),) = runnable.steps__.items()
        found = _parts(step)
        under_key: Runnable[Any, Any] = RunnableLambda(lambda value: {key: value})
        return found and replace(found, after=(*found.after, under_key))
    if isinstance(runnable, RunnableBindingBase):  # also with_retry and with_types
        return _of_binding(runnable)
    return None


def _of_binding(runnable: RunnableBindingBase[Any, Any]) -> Pipeline | None:
    found = _parts(runnable.bound)
    bound = runnable.kwargs if isinstance(runnable, RunnableBinding) else {}
    if found is None or (bound and (found.before or found.after)):
        return None
    return replace(found, arguments={**found.arguments, **bound})


def _of_sequence(steps: list[Runnable[Any, Any]]) -> Pipeline | None:
    found = [(place, parts) for place, step in enumerate(steps) if (parts := _parts(step))]
    if len(found) != 1:
        return None
    ((place, parts),) = found
    return replace(
        parts,
        before=(*steps[:place], *parts.before),
        after=(*parts.after, *steps[place + 1 :]),
    )
