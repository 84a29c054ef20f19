"""Finds a model's id on a cloud, its entry in the catalogue, and where a region lies.

A user names a model by its catalogue name, a first-party name, a cloud's exact id or an ARN.
A model that is not in the catalogue resolves too: the newest of its family stands in for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Final, get_args

from langchain_claude_cloud.catalogue import models
from langchain_claude_cloud.catalogue.bedrock import bedrock_apis, claude_id_in, split_arn
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import LABELS, BedrockApiName, Cloud, InferenceProfile

INFERENCE_PROFILES: Final = get_args(InferenceProfile)
"""The prefixes of Bedrock's system-defined inference profiles that may be asked for."""

_SAFE: Final[Mapping[Cloud, re.Pattern[str]]] = {
    "vertex": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:@[A-Za-z0-9][A-Za-z0-9._-]*)?"),
    "bedrock": re.compile(r"(?!arn:)[A-Za-z0-9][A-Za-z0-9:._-]*"),
}
"""Names and ids that cannot change the path of the URL; ARNs have a syntax of their own."""

# InvokeModel's modelId is at most 2,048 characters (botocore's model of bedrock-runtime).
_LONGEST_ID = 2048


@dataclass(frozen=True)
class ResolvedModel:
    """What a model is called on a cloud, and what it supports there.

    Attributes:
        requested: What the user wrote.
        cloud: The cloud it was resolved for.
        model_id: What goes into the URL, not percent-encoded.
        base_id: The id without a profile's prefix and without ``@suffix``: what token
            counting wants. An ARN that names no model stays an ARN, until it was found
            out what it stands for.
        info: The row of the catalogue.
        known: False when the row only stands in: the newest of the model's family, or for an
            ARN that names no model what all models of today take.
        inference_profile: The prefix of the Bedrock inference profile, or None.
        api: Which of Bedrock's APIs is asked.
    """

    requested: str
    cloud: Cloud
    model_id: str
    base_id: str
    info: models.ModelInfo
    known: bool
    inference_profile: str | None = None
    api: BedrockApiName = "invoke"

    @cached_property
    def capabilities(self) -> models.Capabilities:
        """What the model supports on this cloud, through this API."""
        return self.info.capabilities(self.cloud, self.api)


def cloud_of(model: str) -> Cloud | None:
    """Tell by the shape of an id which cloud it belongs to; None for a plain name."""
    if model.startswith("arn:") or models.BEDROCK_ID.fullmatch(model):
        return "bedrock"
    return "vertex" if "@" in model or model.startswith(models.VERTEX_PUBLISHER) else None


@lru_cache(maxsize=256)  # it depends on nothing but its arguments and the catalogue
def resolve(
    model: str,
    cloud: Cloud,
    *,
    region: str | None = None,
    inference_profile: str | None = "auto",
    base_model: str | None = None,
    api: BedrockApiName = "invoke",
) -> ResolvedModel:
    """Find what a model is called on a cloud, and its row of the catalogue.

    Args:
        model: A catalogue name, a first-party name, an exact id of the cloud, or an ARN.
        cloud: The cloud that will be asked.
        region: The Bedrock region, for the choice of a profile; None if not known yet.
        inference_profile: For Bedrock: ``auto``, one of `INFERENCE_PROFILES`, or None for
            the id without a prefix. An id that has a prefix keeps it.
        base_model: For Bedrock: the model behind an id that does not name it, as the user says or
            the cloud.
        api: For Bedrock: which of its APIs is asked.

    Returns:
        The id to ask for and what is known about the model.

    Raises:
        ConfigurationError: It is no model's name, an id of the other cloud, or the model
            lacks the profile.
    """
    name, shape = model.removeprefix(models.VERTEX_PUBLISHER), cloud_of(model)
    if shape not in (None, cloud):
        raise _refusal(model, cloud, f"is an id of {LABELS[shape]}, not of {LABELS[cloud]}")
    is_safe = name in models.models_by_name() or _SAFE[cloud].fullmatch(name) or split_arn(name)
    is_named = shape is not None or re.match(r"claude-\w", name)
    if not (is_safe and is_named) or ".." in name or len(name) > _LONGEST_ID:
        raise _refusal(name, cloud, "is not a Claude model's name or id")
    if cloud == "vertex":
        return _resolve_vertex(name)
    resolved = _resolve_bedrock(name, region, inference_profile, base_model)
    return replace(resolved, api=api, model_id=bedrock_apis()[api].name_of(resolved.model_id))


def _resolve_vertex(name: str) -> ResolvedModel:
    row = models.find(name)
    model_id = row.vertex_id or row.name if row and name in models.models_by_name() else name
    info, base_id = row or models.newest_of_family(name), model_id.partition("@")[0]
    return ResolvedModel(name, "vertex", model_id, base_id, info, known=row is not None)


def _resolve_bedrock(
    model: str, region: str | None, inference_profile: str | None, base_model: str | None
) -> ResolvedModel:
    is_arn, exact = model.startswith("arn:"), claude_id_in(model)
    prefix, base = exact or (None, None if is_arn else _bedrock_id(model))
    row, behind = models.find(base) if base else None, base
    if row is None and base_model:
        named = claude_id_in(base_model)
        name = named[1].removeprefix("anthropic.") if named else base_model
        row, behind = models.find(name), f"anthropic.{name}"
        is_new = any(m.family in name for m in models.all_models())
        if not (row or named or (is_new and models.BEDROCK_ID.fullmatch(behind))):
            raise _refusal(base_model, "bedrock", "is not in the catalogue", "base_model")
        behind = (row and row.bedrock_id) or behind
    if not is_arn and prefix is None:
        is_known = exact is None or (row is not None and row.bedrock_id == base)
        # An exact id that nobody knows is sent as it is, unless a prefix is asked for.
        wanted = inference_profile if is_known or inference_profile != "auto" else None
        prefix = _choose_profile(row if is_known else None, region, wanted)
    base = base or behind or model
    model_id = f"{prefix}.{base}" if prefix and not is_arn else base
    info = row or (models.newest_of_family(behind) if behind else models.unnamed_model())
    known = row is not None
    return ResolvedModel(model, "bedrock", model if is_arn else model_id, base, info, known, prefix)


def _bedrock_id(name: str) -> str:
    """Return the base id of a model that is given by name, or by an id with a prefix."""
    row = models.models_by_name().get(name)
    return (row and row.bedrock_id) or f"anthropic.{name.rpartition('anthropic.')[2]}"


def _choose_profile(
    row: models.ModelInfo | None, region: str | None, inference_profile: str | None
) -> str | None:
    """Return the prefix of the inference profile, or None for the bare id."""
    if inference_profile is None:
        return None
    offered = row.bedrock_prefixes if row else INFERENCE_PROFILES
    if inference_profile == "auto":
        geography = region_geography("bedrock", region) if region else None
        # The GovCloud partition has no global profiles (AWS: Regional availability).
        wanted = ["us-gov"] if geography == "us-gov" else ["global", geography]
        wanted += ["apac"] if lies_within(geography, "apac") else []
        return next((prefix for prefix in wanted if prefix in offered), None)
    if row and inference_profile not in offered:
        told = (
            f"{row.name} has no inference profile {inference_profile!r} on Amazon Bedrock; it has"
        )
        ways = f"{', '.join(offered) or 'none'}. Use one of those, 'auto', or None for the bare id."
        raise ConfigurationError(f"{told}: {ways}", platform="bedrock", model=row.name)
    return inference_profile


def _refusal(model: str, cloud: Cloud, problem: str, argument: str = "model") -> ConfigurationError:
    """Return an error that says what may have been meant."""
    row, names = models.find(model.rpartition("/")[2]), nearest_names(model)
    hint = f" Did you mean {' or '.join(map(repr, names))}?" if names else ""
    if model.endswith("[1m]"):
        hint = " Leave out '[1m]' and set context_1m=True."
    elif row:
        exact = row.vertex_id if cloud == "vertex" else row.bedrock_id
        hint = f" Here it is {row.name!r}, its exact id {exact!r}."
    if model.startswith("projects/"):
        hint += " The project and the region belong to Vertex(project=..., region=...)."
    named = models.newest_of_family("sonnet").name
    ways = f"Use a catalogue name such as {named!r} or an exact id of {LABELS[cloud]}."
    return ConfigurationError(f"{argument} {model!r:.100} {problem}.{hint} {ways}", platform=cloud)


def nearest_names(model: str, limit: int = 3) -> tuple[str, ...]:
    """Return the catalogue's names that look most like ``model``, best first.

    A family without a version, such as ``sonnet``, stands for its newest model. Of names that are
    equally like it difflib prefers the later in the alphabet: the newer.
    """
    text = re.sub(r"[^a-z0-9]+", "-", model.lower()[:100]).rpartition("claude-")[2]
    known = models.all_models()
    names = {info.name.removeprefix("claude-"): info.name for info in known}
    names |= {info.family: info.name for info in known[::-1] if info.status != "retired"}
    return tuple(dict.fromkeys(names[name] for name in get_close_matches(text, names, limit)))


@lru_cache(maxsize=256)
def vertex_region_variables(name: str) -> tuple[str, ...]:
    """Return the environment variables that name a model's own region, first one first.

    Claude Code spells them in both orders: ``VERTEX_REGION_CLAUDE_HAIKU_4_5`` and
    ``VERTEX_REGION_CLAUDE_4_5_HAIKU``, and ``4_0`` where the name says ``4``.
    """
    row = models.find(name)
    plain = name.removeprefix(models.VERTEX_PUBLISHER).partition("@")[0]
    words = (row.name if row else plain).removeprefix("claude-").split("-")
    digits = [word for word in words if re.fullmatch(r"\d{1,2}", word)]
    others = [word for word in words if word not in digits and word != "v2"]
    longer = [*digits, "0"] if len(digits) == 1 else digits
    spelled = [words, others + digits, digits + others, others + longer, longer + others]
    names = ("_".join(("VERTEX_REGION_CLAUDE", *spelling)).upper() for spelling in spelled)
    return tuple(dict.fromkeys(re.sub(r"[^A-Z0-9]+", "_", text) for text in names))


@lru_cache(maxsize=256)
def catalogue_name(model: str) -> str | None:
    """Return the catalogue's name of a model that is given in any form, or None."""
    named = claude_id_in(model)
    row = models.find(named[1] if named else model)
    return row.name if row else None


def unknown_model_note(model: str) -> str:
    """Say that a model is retired or not in the catalogue, and what may be meant; else empty."""
    if model.startswith("arn:"):
        return ""
    if row := models.find(model):
        exact, cloud = models.BEDROCK_ID.fullmatch(model), cloud_of(model)
        if cloud and row.lifecycle(cloud).status == "retired":
            return f"{row.name} is retired; {models.newest_of_family(row.family).name} is newer."
        is_other = exact and exact[2] != row.bedrock_id
        return f"InvokeModel has {row.name} as {row.bedrock_id}." if is_other else ""
    names = nearest_names(model.rpartition("anthropic.")[2])
    meant = f"; did you mean {' or '.join(names)}?" if names else "."
    return f"{model} is not in the catalogue{meant}"


_PARTS_OF = {"apac": frozenset({"jp", "au", "in"}), "us": frozenset({"us-gov"})}


def region_geography(cloud: Cloud, region: str) -> str | None:
    """Return the geography that a region lies in, named as Bedrock's profiles are.

    Args:
        cloud: Whose region it is.
        region: Such as ``eu-central-1``, ``europe-west1``, ``us`` or ``global``.

    Returns:
        ``us``, ``eu`` (the European Union: neither London nor Zurich), ``jp``, ``apac``,
        ``au``, ``in`` or ``us-gov``; None for ``global`` and for regions elsewhere.
    """
    geographies: Mapping[str, str | None] = models.catalogue_file()["geographies"][cloud]
    if region in geographies:
        return geographies[region]
    return next((place for start, place in geographies.items() if region.startswith(start)), None)


_HOSTS: Final[Mapping[Cloud, re.Pattern[str]]] = {
    "bedrock": re.compile(r"[/.]([a-z]{2,4}(?:-[a-z]+)+-\d)\."),
    "vertex": re.compile(
        r"[/.](?:([a-z0-9-]+)-)?aiplatform\.(?:([a-z0-9-]+)\.rep\.)?(googleapis)\.com(?![^/:])"
    ),
}


def region_in_address(cloud: Cloud, url: str) -> str | None:
    """Return the region that a cloud's own address names; None if it names none.

    Names below ``amazonaws.com`` have it as a label, those of gateways and load balancers too.
    """
    found = _HOSTS[cloud].search(url)
    return found and next(filter(None, found.groups())).replace("googleapis", "global")


def lies_within(geography: str | None, residency: str) -> bool:
    """Whether a geography (of a region or an inference profile) lies inside another."""
    return geography == residency or geography in _PARTS_OF.get(residency, frozenset())
