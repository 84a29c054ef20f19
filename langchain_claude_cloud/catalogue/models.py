"""The models of ``models.json``, looked up by any name, with what each takes on each cloud."""

from __future__ import annotations

import json
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Literal, get_args

from pydantic import TypeAdapter

from langchain_claude_cloud.errors.types import BedrockApiName, Cloud, JsonObject

BEDROCK_ID = re.compile(
    r"(?:([A-Za-z0-9-]+)\.)?(anthropic\.[A-Za-z0-9][A-Za-z0-9._-]*(?::[A-Za-z0-9]+)*)"
)
"""An id of Bedrock: the inference profile's prefix, if any, and the base id."""

VERTEX_PUBLISHER = "publishers/anthropic/models/"
"""What Vertex AI puts before a model's id in a resource's name."""

_ENDING = re.compile(r"(?::[A-Za-z0-9]+|-v\d+|-latest|-\d{8})$")
"""What versions add to an id, one behind the other: a date, ``-v1``, ``:0``."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one model takes on one cloud.

    Attributes:
        fine_grained_tools: How tool arguments are streamed as they are written: the field
            ``eager_input_streaming`` of a tool, the beta
            ``fine-grained-tool-streaming-2025-05-14``, or not at all.
        context_1m: Whether a context of a million tokens is standard, needs the beta
            ``context-1m-2025-08-07``, or does not exist.
        sampling: Takes ``temperature``, ``top_p`` and ``top_k`` at other than the defaults.
        sampling_pair: Takes ``temperature`` beside ``top_p``.
        tool_search_without_beta: Takes tool search, and examples of a tool's input, without a
            beta.
        highest_effort_without_thinking: The highest effort that goes with a ``thinking.type`` of
            disabled or between_tools; None: any.
        forced_tool_choice: Takes a ``tool_choice`` of type ``any`` or ``tool``.
        structured_output: Takes ``output_config.format``.
        strict_tools: Takes ``strict`` on a tool.
        computer_tool: Takes ``computer_20250124`` and ``computer_20251124``; else the toolset
            ``computer_toolset_20260801`` is in their place.
        automatic_caching: Takes a top-level ``cache_control``.
        explicit_caching: Takes ``cache_control`` on blocks, tools and system prompts.
        context_editing: Takes ``context_management`` with the beta
            ``context-management-2025-06-27``.
        compaction: Takes the beta ``compact-2026-01-12``.
        counts_prompts: Whether the cloud's token counting takes the model; ``unsure`` where
            what is known does not tell.
        thinking_types: The values of ``thinking.type``, of enabled, adaptive, disabled
            and between_tools.
        thinking_default: What a request without ``thinking`` gets; ``always`` cannot be
            turned off.
        effort_levels: The values of ``output_config.effort``, lowest first.
        effort_default: The level of a request that names none.
        mid_conversation_system: Takes system messages between the turns.
        prefill: Takes an assistant message as the last one.
        image_input: Takes images.
        pdf_input: Takes PDF documents.
        server_tools: What the types of the server tools that this cloud runs start with.
        output_quota_weight: How many tokens of a quota one token of an answer takes.
    """

    fine_grained_tools: Literal["field", "beta", "none"]
    context_1m: Literal["standard", "beta", "none"]
    sampling: bool
    sampling_pair: bool
    tool_search_without_beta: bool
    highest_effort_without_thinking: str | None
    forced_tool_choice: bool
    structured_output: bool
    strict_tools: bool
    computer_tool: bool
    automatic_caching: bool
    explicit_caching: bool
    context_editing: bool
    compaction: bool
    counts_prompts: Literal["yes", "unsure", "no"]
    thinking_types: frozenset[str]
    thinking_default: Literal["off", "on", "always"]
    effort_levels: tuple[str, ...]
    effort_default: str | None
    mid_conversation_system: bool
    prefill: bool
    image_input: bool
    pdf_input: bool
    server_tools: frozenset[str]
    output_quota_weight: int


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long a model is served, by a cloud or by Anthropic itself.

    Attributes:
        status: ``active``, ``deprecated`` or ``retired``.
        until: ISO date until which it is served at least; None where none is published.
        source: Who says so.
    """

    status: str
    until: str | None
    source: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One row of the catalogue.

    Attributes:
        name: The catalogue's name, such as ``claude-sonnet-4-5``.
        family: ``opus``, ``sonnet``, ``haiku``, ``fable`` or ``mythos``.
        released: ISO date of the release.
        vertex_id: The id on Vertex AI, or None if none is published.
        bedrock_id: The id on Bedrock without a profile's prefix, or None.
        bedrock_prefixes: The inference profiles that Bedrock has for the model.
        context_window: Tokens that fit in without a beta.
        max_output_tokens: The largest ``max_tokens``.
        status: First-party state: ``active``, ``deprecated`` or ``retired``. The clouds
            retire on their own dates.
        retires_not_before: First-party ISO date, or None.
        lifecycles: How long the clouds serve it, where that is published.
        characters_per_token: Characters of plain text that a token has on average.
        cache_minimum: Tokens that a prompt must have to be cached, first-party, or None.
        aliases: Other names it answers to, first-party ids with a date among them.
        vertex: What it supports on Vertex AI.
        bedrock: What it supports on Bedrock.
    """

    name: str
    family: str
    released: str
    vertex_id: str | None
    bedrock_id: str | None
    bedrock_prefixes: tuple[str, ...]
    context_window: int
    max_output_tokens: int
    characters_per_token: float
    vertex: Capabilities
    bedrock: Capabilities
    lifecycles: Mapping[Cloud, Lifecycle] = field(default_factory=dict)
    status: str = "active"
    retires_not_before: str | None = None
    cache_minimum: int | None = None
    aliases: tuple[str, ...] = ()

    def capabilities(self, cloud: Cloud, api: BedrockApiName = "invoke") -> Capabilities:
        """Return what the model takes on a cloud, through one of Bedrock's APIs there."""
        return self.vertex if cloud == "vertex" else _through(self.bedrock, api)

    def lifecycle(self, cloud: Cloud) -> Lifecycle:
        """Return how long a cloud serves the model; Anthropic's own dates if it says nothing."""
        own = Lifecycle(self.status, self.retires_not_before, "Anthropic")
        return self.lifecycles.get(cloud, own)

    def is_served(self, cloud: Cloud) -> bool:
        """Whether a cloud has the model, and has not retired it."""
        model_id = self.vertex_id if cloud == "vertex" else self.bedrock_id
        return model_id is not None and self.lifecycle(cloud).status != "retired"


def find(text: str) -> ModelInfo | None:
    """Return the row of a name or id in any form, whatever its date and version."""
    text = text.removeprefix(VERTEX_PUBLISHER)
    exact = BEDROCK_ID.fullmatch(text)
    name = exact[2].removeprefix("anthropic.") if exact else text.replace("@", "-")
    rows = models_by_name()
    while name not in rows and (ending := _ENDING.search(name)):
        name = name[: ending.start()]
    return rows.get(name) or rows.get(text.partition("@")[0])


def newest_of_family(model: str) -> ModelInfo:
    """Return the newest row of the model's family, or of all if it names none."""
    rows = all_models()
    return next((row for row in rows if row.family in model), rows[0])


@cache
def models_by_name() -> dict[str, ModelInfo]:
    """Map every model's names, aliases and ids (with ``-`` for ``@``, no provider) to its row."""
    rows = {f"{row.name}-latest": row for row in all_models()}
    for row in all_models():
        ids = (row.vertex_id or "").replace("@", "-"), (row.bedrock_id or "")[len("anthropic.") :]
        rows |= dict.fromkeys((row.name, *row.aliases, *filter(None, ids)), row)
    return rows


def unnamed_model() -> ModelInfo:
    """Return the row that stands in for any model that Bedrock may serve."""
    return _rows()[0]


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Return the catalogue, newest model first."""
    return tuple(sorted(_rows()[1:], key=lambda row: row.released, reverse=True))


@cache
def catalogue_file() -> JsonObject:
    """Return what ``models.json`` holds."""
    source = resources.files("langchain_claude_cloud.catalogue").joinpath("models.json")
    data: JsonObject = json.loads(source.read_text(encoding="utf-8"))
    return data


@cache
def _through(invoke: Capabilities, api: BedrockApiName) -> Capabilities:
    """Return what a model takes through one of Bedrock's APIs, from what InvokeModel takes."""
    return replace(invoke, **catalogue_file()["bedrock_apis"][api].get("capabilities", {}))


@cache
def _rows() -> list[ModelInfo]:
    """Return the row that stands in for others, and those of the models."""
    rows = [catalogue_file()["stand_in"], *catalogue_file()["models"]]
    return TypeAdapter(list[ModelInfo]).validate_python(map(_whole, rows))


def _whole(row: JsonObject) -> JsonObject:
    """Return a row with what it has from its generations; what it says itself wins."""
    layers = [row]
    while parent := layers[-1].get("generation") or layers[-1].get("extends"):
        layers.append(catalogue_file()["generations"][parent])
    takes: JsonObject = {}
    for cloud in get_args(Cloud):
        parts = [layer.get(part, {}) for layer in layers for part in (cloud, "capabilities")]
        takes[cloud] = dict(ChainMap(*parts))
    return {**ChainMap(*layers), **takes}
