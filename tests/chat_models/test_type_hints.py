"""Type hints of the model's methods can be read, as langchain-core does for fallbacks."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from langchain_claude_cloud import ChatClaudeCloud

PACKAGE = "langchain_claude_cloud"


def _callables() -> Iterator[Any]:
    """Yield every function that the model's classes in this package define, private ones too."""
    for owner in ChatClaudeCloud.__mro__:
        if not owner.__module__.startswith(PACKAGE):
            continue
        for name, value in vars(owner).items():
            if isinstance(value, property):
                value = value.fget  # noqa: PLW2901 - the function behind the property
            elif isinstance(value, classmethod | staticmethod):
                value = value.__func__  # noqa: PLW2901 - the function behind the method
            elif isinstance(value, functools.cached_property):
                value = value.func  # noqa: PLW2901 - the function behind the property
            if inspect.isfunction(value) and value.__module__.startswith(PACKAGE):
                yield pytest.param(value, id=f"{owner.__name__}.{name}")


@pytest.mark.parametrize("function", list(_callables()))
def test_type_hints_of_every_method_resolve(function: Any) -> None:
    """Also those whose types are imported when they are first needed."""
    typing.get_type_hints(function)


def test_the_methods_that_matter_are_among_them() -> None:
    """The list of methods is not empty by mistake."""
    names = {parameter.values[0].__name__ for parameter in _callables()}
    assert names >= {"bind_tools", "list_models", "acount_tokens", "_stream_chat_model_events"}
