"""Follows the references of a JSON schema of any draft, or nearly one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import Final, TypeAlias

DEFINITIONS: Final = ("$defs", "definitions")
_IDS: Final = ("$id", "id")
HOLDING: Final = frozenset({*DEFINITIONS, *_IDS})
"""Keywords of a schema in which references may be looked up."""

Holders: TypeAlias = "tuple[Mapping[str, object], ...]"
"""The schemas that references are looked up in, the best first."""

_IN_PLACE: Final = ("allOf", "anyOf", "else", "if", "not", "oneOf", "then")
"""Keywords with schemas for the same value."""


def holders_within(schema: Mapping[str, object], holders: Holders) -> Holders:
    """Return where references are looked up within a schema that has an id or definitions.

    Args:
        schema: The schema.
        holders: The same around it.
    """
    others = tuple(each for each in holders if each is not schema)
    names = [name for key in _IDS if isinstance(name := schema.get(key), str)]
    if any(not name.startswith("#") for name in names):
        return (schema, *others)
    # A class's schema that was put in as it is brings its definitions along.
    return (*others, schema) if others and any(key in schema for key in DEFINITIONS) else holders


def follow(reference: str, holders: Holders) -> tuple[object, Mapping[str, object]]:
    """Return what a reference stands for, None if it leads nowhere.

    Args:
        reference: The reference.
        holders: Where it is looked up.

    Returns:
        The schema, and which of the holders it was found in.
    """
    # referencing is imported by the first schema that needs it.
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415
    from referencing.jsonschema import DRAFT4, DRAFT7, DRAFT202012  # noqa: PLC0415

    # An id is a name of its own kind in each draft.
    for holder, draft in product(holders, (DRAFT202012, DRAFT7, DRAFT4)):
        resource = draft.create_resource(holder)
        with suppress(Unresolvable, AttributeError, LookupError, TypeError, ValueError):
            own = resource.id() or ""
            registry = Registry().with_resource(own, resource)
            found: object = registry.resolver(base_uri=own).lookup(reference).contents
            if found is not None:
                return found, holder
    return None, {}


def find_loop(definitions: Mapping[str, object]) -> list[str]:
    """Return definitions that stand for each other in a circle, and so for nothing."""
    try:
        TopologicalSorter({name: _stands_for(part) for name, part in definitions.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _stands_for(schema: object) -> set[str]:
    """Return the definitions that a schema also asks of the value itself."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.add(str(part.get("$ref", "")).rpartition("/")[2])
            waiting += [part.get(key) for key in _IN_PLACE]
            waiting += (part.get("dependentSchemas") or {}).values()
        elif isinstance(part, list):
            waiting += part
    return found - {""}
