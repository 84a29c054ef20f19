"""The command ``models``: the catalogue, or what an account lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_claude_cloud.catalogue.models import Capabilities, ModelInfo, all_models, find
from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError, Target
from langchain_claude_cloud.control_plane.available_models import AvailableModel
from langchain_claude_cloud.errors.types import Cloud

_FINE_GRAINED: Final = {"field": "fine-grained tools", "beta": "fine-grained tools (beta)"}
_ONE_MILLION: Final = {"beta": "1M context (beta)"}
_FLAGS: Final = {
    "structured_output": "structured output",
    "strict_tools": "strict tools",
    "forced_tool_choice": "forced tool choice",
    "sampling": "sampling",
    "prefill": "prefill",
    "automatic_caching": "automatic caching",
    "mid_conversation_system": "system messages between turns",
    "image_input": "images",
    "pdf_input": "PDF",
}


def print_models(
    console: Console, *, name: str | None = None, everything: bool = False, as_json: bool = False
) -> None:
    """Print the models of the catalogue, newest first: a table, or all about one.

    Args:
        console: Where to.
        name: A model by any of its ids, or a part of models' names.
        everything: Whether to print retired models too.
        as_json: Whether to print JSON.

    Raises:
        CommandError: No model has that name.
    """
    exact = find(name) if name else None
    found = (
        [exact]
        if exact
        else [
            model
            for model in all_models()
            if (name or "") in model.name and (everything or name or served_by(model))
        ]
    )
    if not found:
        note = unknown_model_note(str(name))
        raise CommandError(f"{note} `claude-cloud models` lists what it has.")
    if as_json:
        console.out(json.dumps([asdict(model) for model in found], indent=2, default=_plain))
    elif exact:
        console.print(_details(exact))
    else:
        console.print(_table(found))
        console.print("All about one: claude-cloud models NAME", style="dim")


def _plain(value: object) -> object:
    """Return what JSON has in place of a set or a date."""
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def _table(models: Sequence[ModelInfo]) -> Table:
    table = Table("model", "status", box=None, pad_edge=False)
    table.add_column("context", justify="right")
    table.add_column("answer", justify="right")
    table.add_column("clouds")
    for model in models:
        clouds = served_by(model)
        states = {model.lifecycle(cloud).status for cloud in clouds} or {"retired"}
        table.add_row(
            model.name,
            ", ".join(sorted(states)),
            f"{model.context_window // 1000}k",
            f"{model.max_output_tokens // 1000}k",
            ", ".join(CLOUD_NAMES[cloud] for cloud in clouds) or "none",
        )
    return table


def served_by(model: ModelInfo) -> list[Cloud]:
    """Return the clouds that have a model."""
    clouds: tuple[Cloud, ...] = ("vertex", "bedrock")
    return [cloud for cloud in clouds if model.is_served(cloud)]


def _on(model: ModelInfo, cloud: Cloud, model_id: str | None) -> str:
    """Return a model's id on a cloud, and how long it is served there."""
    if model_id is None:
        return "-"
    told = model.lifecycle(cloud)
    until = f" until {told.until} at least" if told.until and told.status != "retired" else ""
    return f"{model_id} ({told.status}{until}, says {told.source})"


def _details(model: ModelInfo) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("model", model.name),
        ("Vertex AI", _on(model, "vertex", model.vertex_id)),
        ("Amazon Bedrock", _on(model, "bedrock", model.bedrock_id)),
        ("inference profiles", ", ".join(model.bedrock_prefixes) or "none"),
        ("context window", f"{model.context_window:,} tokens"),
        ("longest answer", f"{model.max_output_tokens:,} tokens"),
        ("features", describe(model)),
    ):
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def print_live_models(console: Console, target: Target, *, as_json: bool = False) -> None:
    """Print what a cloud's control plane lists, newest first.

    Args:
        console: Where to.
        target: Which cloud, as whom and where.
        as_json: Whether to print JSON.

    Raises:
        ClaudeCloudError: The control plane refused, or was not reached.
    """
    config = target.config()
    models = ChatClaudeCloud(model=target.model_name, platform=config).list_models()
    if as_json:
        console.out(json.dumps([asdict(model) for model in models], indent=2, default=_plain))
        return
    where = f"{CLOUD_NAMES[config.cloud]}, {models[0].region}" if models else config.cloud
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("status", overflow="fold")
    table.add_column("give as model", no_wrap=True)  # to be copied
    for model in models:
        table.add_row(*_live_row(model))
    console.print(f"{len(models)} models listed by {where}", style="bold")
    console.print(table)


def _live_row(model: AvailableModel) -> tuple[str, ...]:
    until = f"\nuntil {model.end_of_life}" if model.end_of_life else ""
    return (
        model.name or f"{model.id}\n(not in the catalogue)",
        f"{model.status or '-'}{until}",
        "\n".join(model.model_ids) or "provisioned throughput only",
    )


def describe(model: ModelInfo) -> str:
    """Return a model's features, each with the cloud if only one of them has it."""
    vertex, bedrock = _features(model.vertex), _features(model.bedrock)
    if model.vertex_id is None or model.bedrock_id is None:
        return "; ".join(bedrock if model.vertex_id is None else vertex)
    return "; ".join(
        [feature for feature in vertex if feature in bedrock]
        + [f"{feature} (Vertex AI only)" for feature in vertex if feature not in bedrock]
        + [f"{feature} (Bedrock only)" for feature in bedrock if feature not in vertex]
    )


def _features(takes: Capabilities) -> list[str]:
    readers: tuple[Callable[[Capabilities], str | None], ...] = (
        lambda takes: _FINE_GRAINED.get(takes.fine_grained_tools),
        lambda takes: _ONE_MILLION.get(takes.context_1m),
        _thinking,
        lambda takes: f"effort {'/'.join(takes.effort_levels)}" if takes.effort_levels else None,
    )
    flags = [label for name, label in _FLAGS.items() if getattr(takes, name)]
    tools = [name.strip("_").replace("_", " ") for name in sorted(takes.server_tools)]
    return [*filter(None, (read(takes) for read in readers)), *flags, *tools]


def _thinking(takes: Capabilities) -> str | None:
    if not takes.thinking_types:
        return None
    return f"thinking {'/'.join(sorted(takes.thinking_types))} ({takes.thinking_default})"
