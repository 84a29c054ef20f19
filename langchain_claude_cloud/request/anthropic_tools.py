"""Anthropic's own tools: which of them a cloud runs, and the betas that they need there.

Server tools run on Anthropic's side and exist only where a cloud offers them. Bash, text editor,
memory and computer tools run on the caller's side and exist on both clouds, some of them behind a
beta.
"""

from __future__ import annotations

from collections.abc import Collection

from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import LABELS


def betas_of_anthropic_tool(kind: str, model: ResolvedModel) -> list[str]:
    """Return the betas that one of Anthropic's tools needs on the model's cloud.

    Args:
        kind: The tool's ``type``.
        model: The model on its cloud.

    Raises:
        InvalidInputError: The model has not the tool there; the message says what it has.
    """
    known, offered = catalogue_file()["anthropic_tools"], model.capabilities.server_tools
    if kind in known["computer"] and model.known and not model.capabilities.computer_tool:
        raise InvalidInputError(
            f"{model.info.name} does not take the tool {kind!r} on {LABELS[model.cloud]}: use "
            "{'type': 'computer_toolset_20260801'}, whose actions are tools of their own, or "
            "another model."
        )
    if kind.startswith(tuple(known["server"])) and not kind.startswith(tuple(offered)):
        runs = [f"{_listed(offered)} here"]
        runs += [
            f"{_listed(model.info.capabilities(cloud).server_tools)} on {label}"
            for cloud, label in LABELS.items()
            if cloud != model.cloud
        ]
        raise InvalidInputError(
            f"the server tool {kind!r} is not offered on {LABELS[model.cloud]} for "
            f"{model.info.name}, which runs {' and '.join(runs)}. Use a tool of your own for it, "
            "or another platform."
        )
    betas: dict[str, str] = known["betas"][model.cloud]
    return [beta for start, beta in betas.items() if kind.startswith(start)]


def _listed(kinds: Collection[str]) -> str:
    """Name kinds of tools; one that ends with ``_`` stands for all of its versions."""
    names = [f"{kind}*" if kind.endswith("_") else kind for kind in sorted(kinds)]
    return ", ".join(names) or "no server tools"
