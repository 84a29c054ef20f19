"""Finds a model's id on a cloud, its entry in the catalogue, and where a region lies.

A user names a model by its catalogue name, a first-party name, a cloud's exact id or an ARN.
A model that is not in the catalogue resolves too: the newest of its family stands in for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, NoReturn, get_args

from langchain_claude_cloud.catalogue.bedrock import id_in_arn, split_arn
from langchain_claude_cloud.catalogue.models import (
    BEDROCK_ID,
    VERTEX_PUBLISHER,
    Capabilities,
    ModelInfo,
    all_models,
    catalogue_file,
    find,
    models_by_name,
    newest_of_family,
    served_by_family,
    unnamed_model,
)
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import LABELS, BedrockApiName, Cloud, InferenceProfile

INFERENCE_PROFILES: Final = get_args(InferenceProfile)
"""The prefixes of Bedrock's system-defined inference profiles that may be asked for."""

_NAME = re.compile(r"claude-[A-Za-z0-9][A-Za-z0-9._-]*")
_VERTEX_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")
# InvokeModel's modelId is at most 2,048 characters (botocore's model of bedrock-runtime).
_LONGEST_ID = 2048


@dataclass(frozen=True, slots=True)
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
        capabilities: What the model supports on this cloud, through this API.
    """

    requested: str
    cloud: Cloud
    model_id: str
    base_id: str
    info: ModelInfo
    known: bool
    inference_profile: str | None = None
    api: BedrockApiName = "invoke"
    capabilities: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        """Look up the capabilities, which are read again and again in a call."""
        object.__setattr__(self, "capabilities", self.info.capabilities(self.cloud, self.api))


def cloud_of(model: str) -> Cloud | None:
    """Tell by the shape of an id which cloud it belongs to; None for a plain name."""
    if model.startswith("arn:") or BEDROCK_ID.fullmatch(model):
        return "bedrock"
    return "vertex" if "@" in model or model.startswith(VERTEX_PUBLISHER) else None


@lru_cache(maxsize=256)  # it depends on nothing but its arguments and the catalogue
def resolve(
    model: str,
    cloud: Cloud,
    *,
    region: str | None = None,
    inference_profile: str | None = "auto",
    base_model: str | None = None,
    base_id: str | None = None,
) -> ResolvedModel:
    """Find what a model is called on a cloud, and its row of the catalogue.

    Args:
        model: A catalogue name, a first-party name, an exact id of the cloud, or an ARN.
        cloud: The cloud that will be asked.
        region: The Bedrock region, for the choice of a profile; None if not known yet.
        inference_profile: For Bedrock: ``auto``, one of `INFERENCE_PROFILES`, or None for
            the id without a prefix. An id that has a prefix keeps it.
        base_model: For Bedrock: the model behind an id that does not name it.
        base_id: The id of the model that an ARN was found to stand for.

    Returns:
        The id to ask for and what is known about the model.

    Raises:
        ConfigurationError: It is no model's name, an id of the other cloud, or the model
            lacks the profile.
    """
    _refuse_unsafe(model.removeprefix(VERTEX_PUBLISHER), cloud)
    shape = cloud_of(model)
    if shape is not None and shape != cloud:
        _refuse_other_cloud(model, cloud)
    if cloud == "vertex":
        return _resolve_vertex(model)
    if model.startswith("arn:"):
        return _resolve_arn(model, base_model, base_id)
    return _resolve_bedrock(model, region, inference_profile, base_model)


def _resolve_vertex(model: str) -> ResolvedModel:
    name = model.removeprefix(VERTEX_PUBLISHER)
    row = models_by_name().get(name)
    if row is not None:
        model_id = row.vertex_id or row.name
    elif "@" in name or _NAME.fullmatch(name):
        model_id, row = name, find(name)
    else:
        raise _no_name(name, "vertex")
    known, info = row is not None, row or newest_of_family(name)
    return ResolvedModel(name, "vertex", model_id, model_id.partition("@")[0], info, known)


def _resolve_bedrock(
    model: str, region: str | None, inference_profile: str | None, base_model: str | None
) -> ResolvedModel:
    exact = BEDROCK_ID.fullmatch(model)
    prefix, base = exact.groups() if exact else (None, _bedrock_base(model))
    row = find(model)
    behind = model
    if row is None and base_model:
        row, behind = _behind(base_model)
    if prefix is None and (exact is None or (row is not None and row.bedrock_id == base)):
        prefix = _choose_profile(row, region, inference_profile)
    elif prefix is None and inference_profile != "auto":
        # An exact id that nobody knows is sent as it is, unless a prefix is asked for.
        prefix = _choose_profile(None, region, inference_profile)
    model_id = f"{prefix}.{base}" if prefix else base
    known, info = row is not None, row or newest_of_family(behind)
    return ResolvedModel(model, "bedrock", model_id, base, info, known, prefix)


def _bedrock_base(name: str) -> str:
    """Return the id of a model that is given by name."""
    row = models_by_name().get(name)
    if row is not None:
        return row.bedrock_id or f"anthropic.{row.name}"
    base = f"anthropic.{name}"
    if not (name.startswith("claude-") and BEDROCK_ID.fullmatch(base)):
        raise _no_name(name, "bedrock")
    return base


def _resolve_arn(model: str, base_model: str | None, base_id: str | None) -> ResolvedModel:
    prefix, base = id_in_arn(model) or (None, base_id)
    row = find(base) if base else None
    if row is None and base_model:
        row, behind = _behind(base_model)
        base = base or behind
    known = row is not None
    info = row or (newest_of_family(base) if base else unnamed_model())
    return ResolvedModel(model, "bedrock", model, base or model, info, known, prefix)


def _behind(base_model: str) -> tuple[ModelInfo | None, str]:
    """Return the row of what ``base_model`` names, if it is in the catalogue, and the base id."""
    row = find(base_model)
    exact = BEDROCK_ID.fullmatch(base_model) or BEDROCK_ID.fullmatch(f"anthropic.{base_model}")
    family = any(info.family in base_model for info in all_models())
    if row is None and not (exact and family):
        raise _refusal(
            base_model,
            "bedrock",
            f"is not in the catalogue.{_did_you_mean(base_model)} Give the name of the model "
            f"behind the id, such as {_example()!r}.",
            argument="base_model",
        )
    given = exact[2] if exact else ""
    return row, (row.bedrock_id if row else None) or given


def _choose_profile(
    row: ModelInfo | None, region: str | None, inference_profile: str | None
) -> str | None:
    """Return the prefix of the inference profile, or None for the bare id."""
    if inference_profile is None:
        return None
    geography = region_geography("bedrock", region) if region else None
    if inference_profile == "auto":
        # The GovCloud partition has no global profiles (AWS: Regional availability).
        wanted = ["us-gov"] if geography == "us-gov" else ["global", geography]
        wanted += ["apac"] if lies_within(geography, "apac") else []
        offered = row.bedrock_prefixes if row else INFERENCE_PROFILES
        return next((prefix for prefix in wanted if prefix in offered), None)
    if row and inference_profile not in row.bedrock_prefixes:
        has = ", ".join(row.bedrock_prefixes) or "none"
        raise ConfigurationError(
            f"{row.name} has no inference profile {inference_profile!r} on Amazon Bedrock; it has: "
            f"{has}. Use one of those, 'auto', or None for the id without a profile.",
            platform="bedrock",
            model=row.name,
        )
    return inference_profile


def _refuse_unsafe(model: str, cloud: Cloud) -> None:
    """Refuse what could change the path of the URL."""
    arn = split_arn(model)
    parts = arn[1].split("/") if arn else [model]
    named = _PLAIN.fullmatch(model) or _VERTEX_ID.fullmatch(model)
    shaped = arn or (named and not model.startswith("arn:"))
    climbs = ".." in model or not all(part.strip(".") for part in parts)
    if shaped and not climbs and len(model) <= _LONGEST_ID:
        return
    hint = " Leave out '[1m]' and set context_1m=True." if model.endswith("[1m]") else ""
    if row := find(model.rpartition("/")[2]):
        hint = f" Here it is {row.name!r}."
        if model.startswith("projects/"):
            hint += " The project and the region belong to Vertex(project=..., region=...)."
    raise _refusal(
        model,
        cloud,
        "is not a model's name or id: letters, digits, '-', '.', '_', ':' and '@' only, and '/' "
        f"only inside a Bedrock ARN.{hint or _did_you_mean(model)} Use a catalogue name such as "
        f"{_example()!r}, the cloud's exact id, or an ARN.",
    )


def _refuse_other_cloud(model: str, cloud: Cloud) -> NoReturn:
    row = find(model.rpartition("/")[2])
    right = row and (row.vertex_id if cloud == "vertex" else row.bedrock_id)
    remedy = (
        f"Here it is {right!r}, or on either cloud {row.name!r}."
        if row and right
        else f"Give a catalogue name, such as {_example()!r}, which works on either cloud."
    )
    other = next(label for name, label in LABELS.items() if name != cloud)
    raise _refusal(model, cloud, f"is an id of {other}, not of {LABELS[cloud]}. {remedy}")


def _no_name(model: str, cloud: Cloud) -> ConfigurationError:
    return _refusal(
        model,
        cloud,
        f"is not a Claude model's name.{_did_you_mean(model)} Use a catalogue name such as "
        f"{_example()!r} or an exact id of {LABELS[cloud]}.",
    )


def _refusal(model: str, cloud: Cloud, problem: str, argument: str = "model") -> ConfigurationError:
    shown = repr(model if len(model) <= 100 else f"{model[:100]}...")  # noqa: PLR2004  one line
    return ConfigurationError(f"{argument} {shown} {problem}", platform=cloud)


def _did_you_mean(model: str) -> str:
    names = nearest_names(model)
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


def _example() -> str:
    return newest_of_family("sonnet").name


def nearest_names(model: str, limit: int = 3) -> tuple[str, ...]:
    """Return the catalogue's names that look most like ``model``, best first.

    Of names that are equally like it the newest goes first; for a family without a version,
    such as ``sonnet``, those are the newest of the family.
    """
    text = re.sub(r"[^a-z0-9]+", "-", model.lower()[:100]).rpartition("claude-")[2]
    if not re.search(r"\d", text):
        families = served_by_family()
        words = (get_close_matches(word, families, 1) for word in re.findall(r"[a-z]+", text))
        named = next((family for close in words for family in close), None)
        if named is not None:
            return tuple(info.name for info in families[named][:limit])
    # Of two that are equally like it, difflib prefers the later in the alphabet: the newer.
    names = [info.name.removeprefix("claude-") for info in all_models()]
    return tuple(f"claude-{name}" for name in get_close_matches(text, names, limit))


@lru_cache(maxsize=256)
def vertex_region_variables(name: str) -> tuple[str, ...]:
    """Return the environment variables that name a model's own region, first one first.

    Claude Code spells them in both orders: ``VERTEX_REGION_CLAUDE_HAIKU_4_5`` and
    ``VERTEX_REGION_CLAUDE_4_5_HAIKU``, and ``4_0`` where the name says ``4``.
    """
    row = find(name)
    plain = name.removeprefix(VERTEX_PUBLISHER).partition("@")[0]
    words = (row.name if row else plain).removeprefix("claude-").split("-")
    versions = [word for word in words if re.fullmatch(r"\d{1,2}", word)]
    others = [word for word in words if word not in versions and word != "v2"]
    spelled = [words]
    for digits in [versions] if len(versions) != 1 else [versions, [*versions, "0"]]:
        spelled += [others + digits, digits + others]
    names = ("_".join(("VERTEX_REGION_CLAUDE", *spelling)).upper() for spelling in spelled)
    return tuple(dict.fromkeys(re.sub(r"[^A-Z0-9]+", "_", text) for text in names))


@lru_cache(maxsize=256)
def catalogue_name(model: str) -> str | None:
    """Return the catalogue's name of a model that is given in any form, or None."""
    named = id_in_arn(model)
    row = find(named[1] if named else model)
    return row.name if row else None


def unknown_model_note(model: str) -> str:
    """Say that the catalogue does not have a model, and what may be meant; empty if it has it."""
    if model.startswith("arn:"):
        return ""
    if row := find(model):
        exact = BEDROCK_ID.fullmatch(model)
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
    geographies: Mapping[str, str | None] = catalogue_file()["geographies"][cloud]
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
