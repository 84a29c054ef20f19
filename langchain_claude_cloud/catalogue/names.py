"""Finds similar model names, and the environment variables that belong to a model."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

from langchain_claude_cloud.catalogue.arns import id_in_arn
from langchain_claude_cloud.catalogue.models import (
    VERTEX_PUBLISHER,
    all_models,
    find,
    served_by_family,
)

# As difflib's own for close matches.
_ALIKE = 0.6


def nearest_names(model: str, limit: int = 3) -> tuple[str, ...]:
    """Return the catalogue's names that look most like ``model``, best first.

    Of names that are equally like it the newest goes first; for a family without a version,
    such as ``sonnet``, those are the newest of the family.
    """
    text = model.lower()[:100].removeprefix("claude-")
    if not re.search(r"\d", text):
        families = served_by_family()
        words = (get_close_matches(word, families, 1) for word in re.findall(r"[a-z]+", text))
        named = next((family for close in words for family in close), None)
        if named is not None:
            return tuple(info.name for info in families[named][:limit])
    matcher = SequenceMatcher(b=text)
    likeness: dict[str, float] = {}
    for info in all_models():
        matcher.set_seq1(info.name.removeprefix("claude-"))
        likeness[info.name] = matcher.ratio()
    best = sorted(likeness, key=lambda name: -likeness[name])
    return tuple(name for name in best[:limit] if likeness[name] >= _ALIKE)


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
    if model.startswith("arn:") or find(model) is not None:
        return ""
    names = nearest_names(model.rpartition("anthropic.")[2])
    meant = f"; did you mean {' or '.join(names)}?" if names else "."
    return f"{model} is not in the catalogue{meant}"
