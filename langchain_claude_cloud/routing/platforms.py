"""Chooses the platforms of a model: from the argument, the environment or the model's id."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import SecretStr

from langchain_claude_cloud.catalogue.resolution import cloud_of
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.config.checks import expand_alias
from langchain_claude_cloud.errors import ConfigurationError

_KINDS: Final[dict[str, type[Vertex | Bedrock]]] = {"vertex": Vertex, "bedrock": Bedrock}
_WAYS: Final = (
    'Give platform: "vertex", "bedrock", Vertex(project=..., region=...), Bedrock(region=...) or '
    "a list of them; or set CLAUDE_CODE_USE_VERTEX=1 or CLAUDE_CODE_USE_BEDROCK=1; or give the "
    "model by an exact id of one cloud."
)


def choose_platforms(given: object, model: str) -> Vertex | Bedrock | list[Vertex | Bedrock]:
    """Return the platforms that an argument, the environment or the model's id names.

    Args:
        given: What the user gave as ``platform``: a name stands for the platform with all its
            settings from the environment.
        model: The model, whose id may belong to one cloud.

    Raises:
        ConfigurationError: Nothing tells which cloud to ask, a name is not known, or something
            is no platform.
    """
    if isinstance(given, list | tuple) and given:
        return [_named_platform(one) for one in given]
    if given is not None:
        return _named_platform(given)
    switches = {cloud: f"CLAUDE_CODE_USE_{cloud.upper()}" for cloud in _KINDS}
    wanted = [cloud for cloud, name in switches.items() if os.environ.get(name) in ("1", "true")]
    if len(wanted) > 1:
        both = " and ".join(switches.values())
        raise ConfigurationError(f"Both {both} are set: unset one, or give platform.")
    cloud = wanted[0] if wanted else cloud_of(expand_alias(model))
    if cloud is None:
        raise ConfigurationError(f"Nothing says which cloud to ask. {_WAYS}")
    return _KINDS[cloud]()


def _named_platform(given: object) -> Vertex | Bedrock:
    if isinstance(given, Vertex | Bedrock):
        return given
    if isinstance(given, str):
        if kind := _KINDS.get(given.strip().lower()):
            return kind()
        raise ConfigurationError(f"platform {given!r} is not known. {_WAYS}")
    what = f"{'an empty' if given in ((), []) else 'a'} {type(given).__name__}"
    if isinstance(given, type):
        what = f"the class {given.__name__} itself"
    raise ConfigurationError(f"platform is {what}, not Vertex(...) or Bedrock(...). {_WAYS}")


def place_key(
    platforms: Sequence[Vertex | Bedrock], *, api_key: SecretStr | None, base_url: str | None
) -> tuple[Vertex | Bedrock, ...]:
    """Give LangChain's standard ``api_key`` and ``base_url`` to the one platform there is.

    Raises:
        ConfigurationError: There are several platforms, or the one has credentials or an
            address of its own.
    """
    both = {"api_key": api_key, "base_url": base_url}
    given = {name: value for name, value in both.items() if value is not None}
    if not given:
        return tuple(platforms)
    if len(platforms) > 1:
        raise ConfigurationError(
            f"{' and '.join(given)} cannot be shared by {len(platforms)} platforms: give each "
            "platform its own, as in Bedrock(api_key=...) or Vertex(access_token=...)."
        )
    (config,) = platforms
    renamed = {"api_key": "access_token"} if isinstance(config, Vertex) else {}
    update = {renamed.get(name, name): value for name, value in given.items()}
    taken = [name for name in update if getattr(config, name) is not None]
    if taken:
        raise ConfigurationError(
            f"{type(config).__name__} already has {' and '.join(taken)}: give it in one place."
        )
    return (config.model_copy(update=update),)


def set_for_call(
    platforms: Sequence[Vertex | Bedrock], settings: Mapping[str, object]
) -> tuple[Bedrock, ...]:
    """Return copies of the platforms with settings of `Bedrock` that one call asks for.

    Raises:
        ConfigurationError: A platform is not on Bedrock, which would ignore them; or one is wrong.
    """
    copies = [p.model_copy(update=settings) for p in platforms if isinstance(p, Bedrock)]
    if len(copies) < len(platforms):
        raise ConfigurationError(
            f"Only Amazon Bedrock has {' and '.join(settings)}, and the call may go to Vertex AI: "
            "leave it out, or use a model with Bedrock platforms alone."
        )
    return tuple(copies)
