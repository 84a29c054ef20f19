"""Anthropic's own tools: which of them a cloud runs, and the betas that they need there.

Server tools run on Anthropic's side and exist only where a cloud offers them. Bash, text editor,
memory and computer tools run on the caller's side and exist on both clouds, some of them behind a
beta.
"""

from __future__ import annotations

from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import LABELS, Cloud


def betas_of_anthropic_tool(kind: str, model: ResolvedModel) -> list[str]:
    """Return the betas that one of Anthropic's tools needs on the model's cloud.

    Args:
        kind: The tool's ``type``.
        model: The model on its cloud.

    Raises:
        InvalidInputError: The model has not the tool there; the message says what it has.
    """
    _refuse_missing(kind, model)
    known: dict[str, str] = catalogue_file()["anthropic_tools"]["betas"][model.cloud]
    return [beta for start, beta in known.items() if kind.startswith(start)]


def _refuse_missing(kind: str, model: ResolvedModel) -> None:
    """Refuse a tool of Anthropic's own that the model has not on its cloud, and say what it has."""
    known, offered = catalogue_file()["anthropic_tools"], model.capabilities.server_tools
    if kind in known["computer"] and model.known and not model.capabilities.computer_tool:
        raise InvalidInputError(
            f"{model.info.name} does not take the tool {kind!r} on {LABELS[model.cloud]}: use "
            "{'type': 'computer_toolset_20260801'}, whose actions are tools of their own, or "
            "another model."
        )
    if kind.startswith(tuple(known["server"])) and not kind.startswith(tuple(offered)):
        names = ", ".join(f"{name}*" if name.endswith("_") else name for name in sorted(offered))
        raise InvalidInputError(
            f"the server tool {kind!r} is not offered on {LABELS[model.cloud]} for "
            f"{model.info.name}, which runs {names or 'no server tools'}. Use a tool of your own "
            f"for it, or another platform.\n{_table(known['server'], model)}"
        )


def _table(kinds: list[str], model: ResolvedModel) -> str:
    """Return what each cloud runs for a model, a line a kind of server tool."""
    width = max(map(len, kinds))
    rows = [f"  {'server tool':{width + 1}} {'Vertex AI':11} Amazon Bedrock"]
    for kind in kinds:
        cells = [_version_offered(kind, model, cloud) for cloud in ("vertex", "bedrock")]
        rows.append(f"  {kind.rstrip('_'):{width + 1}} {cells[0]:11} {cells[1]}")
    return "\n".join(rows)


def _version_offered(kind: str, model: ResolvedModel, cloud: Cloud) -> str:
    """Return ``yes``, ``no``, or the one version of a kind of tools that a cloud runs."""
    offered = model.info.capabilities(cloud).server_tools
    found = sorted(name for name in offered if name.startswith(kind))
    if not found:
        return "no"
    return "yes" if found == [kind] else ", ".join(name.removeprefix(kind) for name in found)
