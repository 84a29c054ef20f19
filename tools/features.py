"""Writes the feature tables of the documentation from the catalogue.

``make features`` writes ``docs/features.md`` and the README's section between its markers. A
test compares them with what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from langchain_claude_cloud.catalogue.models import Capabilities, ModelInfo, all_models
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors.types import Cloud

BEGIN: Final = "<!-- made by `make features`: begin -->"
END: Final = "<!-- made by `make features`: end -->"
_CLOUDS: Final[dict[Cloud, str]] = {"vertex": "Vertex AI", "bedrock": "Amazon Bedrock"}
_SERVER_TOOLS: Final = {
    "web_search_20250305": "web search",
    "tool_search_tool_": "tool search",
}


class Feature(NamedTuple):
    """A column of a model's features.

    Attributes:
        label: Its heading.
        read: Says what a model has of it.
        note: What the heading means.
    """

    label: str
    read: Callable[[Capabilities], str]
    note: str


def _yes(name: str) -> Callable[[Capabilities], str]:
    return lambda takes: "yes" if getattr(takes, name) else "no"


def _thinking(takes: Capabilities) -> str:
    kinds = ", ".join(sorted(takes.thinking_types))
    return f"{kinds} ({takes.thinking_default})" if kinds else "no"


def _effort(takes: Capabilities) -> str:
    levels = ", ".join(takes.effort_levels)
    return f"{levels} ({takes.effort_default})" if levels else "no"


def _caching(takes: Capabilities) -> str:
    kinds = {"explicit": takes.explicit_caching, "automatic": takes.automatic_caching}
    return ", ".join(kind for kind, takes_it in kinds.items() if takes_it) or "no"


def _server_tools(takes: Capabilities) -> str:
    return ", ".join(sorted(_SERVER_TOOLS.get(kind, kind) for kind in takes.server_tools)) or "no"


_REQUESTS: Final = (
    Feature(
        "arguments as written",
        lambda takes: takes.fine_grained_tools,
        "tool arguments stream as they are written: by a field of the tool "
        "(`eager_input_streaming`), by a beta (`fine-grained-tool-streaming-2025-05-14`), or only "
        "when they are complete (none)",
    ),
    Feature(
        "thinking (default)",
        _thinking,
        "values of `thinking.type`, and what a request without `thinking` gets",
    ),
    Feature("effort (default)", _effort, "values of `effort`"),
    Feature("sampling", _yes("sampling"), "takes `temperature`, `top_p` and `top_k`"),
    Feature("forced tool", _yes("forced_tool_choice"), "takes a `tool_choice` that must be called"),
    Feature(
        "computer_20251124",
        _yes("computer_tool"),
        "the computer tool of before `computer_toolset_20260801`; refused here where it is gone",
    ),
    Feature("strict tools", _yes("strict_tools"), "guarantees that arguments fit the schema"),
    Feature(
        "structured output",
        _yes("structured_output"),
        "natively (`output_config.format`); otherwise the package asks by a tool",
    ),
    Feature("server tools", _server_tools, "tools that the cloud runs itself"),
    Feature("sampling pair", _yes("sampling_pair"), "takes `temperature` beside `top_p`"),
    Feature(
        "without thinking",
        lambda takes: f"up to {takes.highest_effort_without_thinking or 'any'}",
        "the highest effort that goes with thinking turned off",
    ),
    Feature(
        "tool search",
        _yes("tool_search_without_beta"),
        "takes tool search and examples of a tool's input without a beta",
    ),
)
_CONTEXT: Final = (
    Feature(
        "1M window",
        lambda takes: takes.context_1m,
        "a window of 1M tokens is standard, asked for by a beta (`context_1m`), or does not exist",
    ),
    Feature(
        "caching",
        _caching,
        "`cache_control` on parts of the prompt (explicit), or once for all of it (automatic)",
    ),
    Feature(
        "token counting",
        lambda takes: takes.counts_prompts,
        "the cloud counts (`count_tokens`); on Bedrock what CountTokens does not take is counted"
        " through `bedrock-mantle`; where that is not allowed, the package estimates",
    ),
    Feature(
        "context editing",
        _yes("context_editing"),
        "`context_management`, by the beta `context-management-2025-06-27`",
    ),
    Feature(
        "quota for an answer's token",
        lambda takes: str(takes.output_quota_weight),
        "how many tokens of the cloud's quota one token of an answer takes (`tokens_per_minute`)",
    ),
    Feature("compaction", _yes("compaction"), "by the beta `compact-2026-01-12`"),
    Feature(
        "system messages between turns",
        _yes("mid_conversation_system"),
        "sent in place; otherwise they join the system prompt",
    ),
    Feature("prefill", _yes("prefill"), "continues an assistant message at the end of the prompt"),
    Feature("images", _yes("image_input"), "as data, or fetched by the package"),
    Feature("PDF", _yes("pdf_input"), "as data, or fetched by the package"),
)


def _api_version(platform: type[Vertex | Bedrock]) -> str:
    return f"`{platform.model_fields['anthropic_version'].default}`"


_ENDPOINTS: Final = (
    ("", "Vertex AI", "Amazon Bedrock"),
    ("messages", "`:rawPredict`, `:streamRawPredict`", "InvokeModel"),
    ("streams", "server-sent events", "binary event stream with checksums"),
    (
        "token counting",
        "`count-tokens:rawPredict`, in few regions",
        "CountTokens, by model; else through `bedrock-mantle`",
    ),
    (
        "list of models",
        "publishers.models.list (`v1beta1`)",
        "ListFoundationModels, ListInferenceProfiles",
    ),
    ("what an ARN stands for", "-", "GetInferenceProfile and the like, at the first call"),
    ("credentials", "Google access token", "AWS signature, or an API key"),
    ("API version, in the body", _api_version(Vertex), _api_version(Bedrock)),
    ("betas", "in a header", "in the body"),
    ("regions", "`global`, `us`, `eu`, regions", "regions, with inference profiles"),
    ("largest request", "30 MB", "20 MB"),
)


_ABOUT: Final = (
    "Made from the catalogue (`langchain_claude_cloud/catalogue/models.json`, which has the "
    "evidence of each fact, and how sure it is) by `make features`. A model that is not listed works "
    "too; it is treated like the newest model of its family."
)
_ABOUT_NAMES: Final = (
    "A name works on either cloud. Window and output are in tokens; the output is the default of "
    "`max_tokens`. Dates of retirement are Anthropic's; the clouds have their own. Retired models "
    "are listed for those who still have access to them."
)


def features_page() -> str:
    """Return the text of ``docs/features.md``."""
    return "\n".join(
        [
            "# What each model supports on each cloud",
            "",
            _ABOUT,
            "",
            "## The endpoints",
            "",
            *_table(_ENDPOINTS),
            "",
            "## Names and limits",
            "",
            _ABOUT_NAMES,
            "",
            *_table([_HEADING, *map(_names, _ordered())]),
            *(line for cloud in _CLOUDS for line in _of_cloud(cloud)),
            "",
        ]
    )


_HEADING: Final = (
    "model",
    "Vertex AI id",
    "Bedrock id",
    "inference profiles",
    "window",
    "output",
    "status",
)


def _names(model: ModelInfo) -> Sequence[str]:
    dated = model.retires_not_before and model.status != "retired"
    return (
        f"`{model.name}`",
        f"`{model.vertex_id}`" if model.vertex_id else "-",
        f"`{model.bedrock_id}`" if model.bedrock_id else "-",
        ", ".join(model.bedrock_prefixes) or "-",
        f"{model.context_window:,}",
        f"{model.max_output_tokens:,}",
        f"{model.status}{f', not retired before {model.retires_not_before}' if dated else ''}",
    )


def _ordered() -> list[ModelInfo]:
    """Return the catalogue, newest first, the retired models behind the others."""
    return sorted(all_models(), key=lambda model: model.status == "retired")


def _of_cloud(cloud: Cloud) -> Iterable[str]:
    served = [model for model in _ordered() if _id_on(model, cloud)]
    yield from ("", f"## On {_CLOUDS[cloud]}")
    for title, features in (("Requests", _REQUESTS), ("Prompt and context", _CONTEXT)):
        rows = [
            (f"`{model.name}`", *(feature.read(model.capabilities(cloud)) for feature in features))
            for model in served
        ]
        yield from ("", f"### {title} on {_CLOUDS[cloud]}", "")
        yield from _table([("model", *(feature.label for feature in features)), *rows])
        if cloud == "vertex":
            yield ""
            yield from (f"* {feature.label}: {feature.note}." for feature in features)


def _id_on(model: ModelInfo, cloud: Cloud) -> str | None:
    return model.vertex_id if cloud == "vertex" else model.bedrock_id


def _by_model(tell: Callable[[Capabilities], str]) -> tuple[str, str]:
    """Return what the models of today have on each cloud: one word, or that it differs."""
    cells = []
    for cloud in _CLOUDS:
        served = [row for row in all_models() if row.status != "retired" and _id_on(row, cloud)]
        words = {tell(row.capabilities(cloud)) for row in served}
        cells.append(words.pop() if len(words) == 1 else "by model")
    return cells[0], cells[1]


def _offers(kind: str) -> Callable[[Capabilities], str]:
    return lambda takes: "yes" if kind in takes.server_tools else "no"


def _native(takes: Capabilities) -> str:
    return "native" if takes.structured_output else "a tool"


def _written(takes: Capabilities) -> str:
    ways = {"field": "a field of the tool", "beta": "a beta", "none": "no"}
    return ways[takes.fine_grained_tools]


def _either(cells: tuple[str, str], both: str) -> tuple[str, str]:
    """Say which ways there are where they differ by model."""
    first, second = (both if cell == "by model" else cell for cell in cells)
    return first, second


def what_works_where() -> str:
    """Return the README's lists and table, with their markers."""
    rows = _features_by_cloud()
    every, some = ("yes", "yes"), ("by model", "by model")
    differ = [row for row in rows if row[1:] not in (every, some)]
    return "\n".join(
        [
            BEGIN,
            "**On both clouds, with every current model:**",
            "",
            *(f"* {row[0]}" for row in rows if row[1:] == every),
            "",
            "**On both clouds, with some models:**",
            "",
            *(f"* {row[0]}" for row in rows if row[1:] == some),
            "",
            "**Where the clouds differ:**",
            "",
            *_table([("", "Vertex AI", "Bedrock"), *differ]),
            END,
        ]
    )


def _features_by_cloud() -> list[tuple[str, str, str]]:
    """Return each feature, and what Vertex AI and Bedrock have of it."""
    ways = "a field or a beta, by model"
    counting = _by_model(lambda takes: takes.counts_prompts)
    return [
        ("`invoke`, `stream`, `batch`, and their async forms", "yes", "yes"),
        ('content-block events (v3), `output_version="v1"`', "yes", "yes"),
        ("invalid tool calls are kept apart, and sent back to the model", "yes", "yes"),
        ("`iter_tool_calls`, and the middleware for agents", "yes", "yes"),
        ("images", *_by_model(_yes("image_input"))),
        ("PDFs", *_by_model(_yes("pdf_input"))),
        ("media by https URL: the package fetches them", "yes", "yes"),
        ("text documents, search results, citations", "yes", "yes"),
        ("prompt caching, for 5 minutes or 1 hour", *_by_model(_yes("explicit_caching"))),
        ("context editing (a beta)", *_by_model(_yes("context_editing"))),
        ("tool search, as a server tool", *_by_model(_offers("tool_search_tool_"))),
        ("failover, `residency`", "yes", "yes"),
        ("thinking", *_either(_by_model(_thinking), "by model")),
        ("effort", *_by_model(lambda takes: "yes" if takes.effort_levels else "no")),
        (
            "forced tool choice; the other models are only asked to call the tool",
            *_by_model(_yes("forced_tool_choice")),
        ),
        ("the cloud's batch inference (`batch.submit`)", "Cloud Storage, BigQuery", "S3"),
        ("tool arguments as they are written", *_either(_by_model(_written), ways)),
        ("structured output", *_either(_by_model(_native), "native by model, else by a tool")),
        ("strict tools", *_by_model(_yes("strict_tools"))),
        ("automatic prompt caching", *_by_model(_yes("automatic_caching"))),
        ("compaction (a beta)", *_by_model(_yes("compaction"))),
        ("web search, as a server tool", *_by_model(_offers("web_search_20250305"))),
        (
            "token counting",
            f"{counting[0]}, in the region's geography or `count_tokens_region`",
            "by CountTokens or `bedrock-mantle`, else estimated",
        ),
        ("`list_models()`", "what is published", "what the account has, with its profiles"),
        ("provisioned throughput", "`request_type`", "an ARN as `model`"),
        ("guardrails, service tier, latency, request metadata", "no", "yes"),
        ("largest request", "30 MB", "20 MB"),
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as a Markdown table, the first one as its heading."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return [line.replace("|  |", "| |") for line in lines]


def replace_section(readme: str) -> str:
    """Return the README with the section between its markers made anew.

    Raises:
        ValueError: The markers are missing.
    """
    start, end = readme.find(BEGIN), readme.find(END)
    if not 0 <= start < end:
        raise ValueError(f"The README has no section between {BEGIN!r} and {END!r}.")
    return readme[:start] + what_works_where() + readme[end + len(END) :]


def write(project: Path) -> None:
    """Write the tables into a project's documentation.

    Args:
        project: The folder with ``README.md`` and ``docs``.

    Raises:
        OSError: It is not that folder.
        ValueError: The README has no markers.
    """
    readme = project / "README.md"
    readme.write_text(replace_section(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (project / "docs" / "features.md").write_text(features_page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
