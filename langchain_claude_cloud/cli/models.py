"""The command ``models``: the catalogue, or what an account lists, as a table.

In: the catalogue, or a platform to ask. Out: a table on the console.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.table import Table

from langchain_claude_cloud.catalogue.models import Capabilities, ModelInfo, all_models
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.common import CLOUD_NAMES, Target
from langchain_claude_cloud.control_plane.available_models import AvailableModel

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


def print_models(console: Console, *, everything: bool = False) -> None:
    """Print a row for each model, newest first.

    Args:
        console: Where to.
        everything: Whether to print retired models too.
    """
    table = Table(
        caption="window: tokens that fit in; output: the longest answer. Dates are Anthropic's "
        "own; the clouds retire on theirs. Profiles are Bedrock's inference profiles.",
        show_lines=True,
    )
    table.add_column("model", overflow="fold", min_width=16)
    table.add_column("ids", overflow="fold", min_width=18)
    table.add_column("window\noutput", justify="right", min_width=9)
    table.add_column("takes", overflow="fold", min_width=22)
    for model in all_models():
        if everything or model.status != "retired":
            table.add_row(*_row(model))
    console.print(table)


def print_live_models(console: Console, target: Target) -> None:
    """Print what a cloud's control plane lists, newest first.

    Args:
        console: Where to.
        target: Which cloud, as whom and where.

    Raises:
        ClaudeCloudError: The control plane refused, or was not reached.
    """
    config = target.config()
    models = ChatClaudeCloud(model=target.model_name, platform=config).list_models()
    where = f"{CLOUD_NAMES[config.cloud]}, {models[0].region}" if models else config.cloud
    table = Table(title=f"{len(models)} models listed by {where}", title_justify="left")
    for name in ("model", "status", "give as model", "goes in"):
        table.add_column(name, overflow="fold")
    for model in models:
        table.add_row(*_live_row(model))
    console.print(table)


def _live_row(model: AvailableModel) -> tuple[str, ...]:
    until = f"\nuntil {model.end_of_life}" if model.end_of_life else ""
    return (
        model.name or f"{model.id}\n(not in the catalogue)",
        f"{model.status or '-'}{until}",
        "\n".join(model.model_ids) or "provisioned throughput only",
        ", ".join(model.input_modalities) or "-",
    )


def _row(model: ModelInfo) -> tuple[str, ...]:
    dated = model.retires_not_before and model.status != "retired"
    until = f", until {model.retires_not_before} at least" if dated else ""
    ids = [
        f"Vertex AI: {model.vertex_id or '-'}",
        f"Bedrock: {model.bedrock_id or '-'}",
        f"profiles: {', '.join(model.bedrock_prefixes) or 'none'}",
    ]
    return (
        f"{model.name}\n{model.status}{until}",
        "\n".join(ids),
        f"{model.context_window:,}\n{model.max_output_tokens:,}",
        describe(model),
    )


def describe(model: ModelInfo) -> str:
    """Return what a model takes, each thing with the cloud if it is only one of them."""
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
