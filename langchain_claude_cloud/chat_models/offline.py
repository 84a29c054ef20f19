"""Calls of a model that are not sent: see `langchain_claude_cloud.calls.offline`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.calls.offline import OfflineCalls
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import LABELS, Cloud, JsonObject

if TYPE_CHECKING:
    from langchain_claude_cloud.chat_models.model import ChatClaudeCloud
    from langchain_claude_cloud.routing.routes import Route


def offline_calls(model: ChatClaudeCloud, arguments: JsonObject, cloud: Cloud) -> OfflineCalls:
    """Return calls of a model, each with its own prompt.

    Args:
        model: The model.
        arguments: What is bound to the model.
        cloud: The cloud whose route counts: the model's first.

    Raises:
        ClaudeCloudError: An argument is not known, or the model has no route to the cloud.
    """
    call = model._call([], None, arguments, stream=False)  # noqa: SLF001 - its own call
    return OfflineCalls(replace(call, routes=(_first(call.routes, cloud),)))


def prompt_of(model: ChatClaudeCloud, value: Any) -> list[BaseMessage]:
    """Return the messages of a prompt in any form that ``invoke`` takes."""
    return model._convert_input(value).to_messages()  # noqa: SLF001 - its own call


def route_to(model: ChatClaudeCloud, arguments: JsonObject, cloud: Cloud | None = None) -> Route:
    """Return the first route of a model, to a cloud or to any.

    Raises:
        ClaudeCloudError: An argument is not known, or there is no such route.
    """
    call = model._call([], None, arguments, stream=False)  # noqa: SLF001 - its own call
    return call.routes[0] if cloud is None else _first(call.routes, cloud)


def _first(routes: Any, cloud: Cloud) -> Route:
    for route in routes:
        if route.config.cloud == cloud:
            found: Route = route
            return found
    raise ConfigurationError(
        f"The storage is of {LABELS[cloud]}, and the model's platform is another: give the model "
        f'platform="{cloud}", or a storage of its cloud.',
        platform=cloud,
    )
