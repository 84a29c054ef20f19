"""Rewrites a JSON schema of any draft, or nearly one, as JSON Schema 2020-12.

The API checks the schemas of tools against that draft and refuses the whole request for one
that does not match. Schemas from elsewhere follow older drafts, OpenAPI, or a server's own
habits: `exclusiveMinimum: true`, a list of schemas under `items`, `required: null`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.subschemas import (
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SCHEMAS,
    every_schema,
)

TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_TYPE_NAMES: Final = {
    "bool": "boolean",
    "dict": "object",
    "double": "number",
    "float": "number",
    "int": "integer",
    "list": "array",
    "map": "object",
    "none": "null",
    "str": "string",
}
"""Types by the names that other languages have for them."""

_DEEPEST: Final = 60


class UnfitSchemaError(Exception):
    """A schema that cannot be rewritten; the message says which part, and why."""


class SchemaRewriter:
    """Rewrites the parts of one schema, and collects the definitions that they refer to.

    Attributes:
        definitions: The definitions that are referred to, rewritten.
        notes: What was lost, one phrase each.
    """

    def __init__(self, root: JsonObject, *, keep_titles: bool = True) -> None:
        """Begin.

        Args:
            root: The schema in which references are looked up; not changed.
            keep_titles: Whether properties keep the titles that pydantic makes of their names.
        """
        self._keep_titles = keep_titles
        self.definitions: dict[str, JsonObject | bool] = {}
        self.notes: list[str] = []
        self._root = root
        self._names: dict[str, str] = {}

    def rewrite(self, schema: object, path: str, depth: int = 0) -> JsonObject | bool:
        """Return a schema, with all that is in it, in the form of the 2020-12 draft.

        Args:
            schema: The schema.
            path: Where it stands, for errors.
            depth: How deep that is.

        Raises:
            UnfitSchemaError: It is no schema.
        """
        if depth > _DEEPEST:
            raise UnfitSchemaError(f"{path} is nested more than {_DEEPEST} levels deep")
        if isinstance(schema, bool):
            return schema
        if schema is None:
            return {}
        if isinstance(schema, str):
            schema = {"type": schema}
        if not isinstance(schema, Mapping):
            raise UnfitSchemaError(f"{path} is {_shown(schema)}, which is no JSON schema")
        given = _modern(schema)
        wire: JsonObject = {}
        for key, value in given.items():
            if key not in _DROPPED and (value is not None or key in _NULLABLE):
                self._keyword(wire, key, value, f"{path}.{key}", depth + 1)
        _tell_patterns(wire)
        return wire

    def _follow(self, reference: str) -> object:
        """Return what a reference stands for.

        Raises:
            UnfitSchemaError: It leads nowhere.
        """
        # referencing is imported by the first schema that needs it.
        from referencing import Registry, Resource  # noqa: PLC0415
        from referencing.exceptions import Unresolvable  # noqa: PLC0415
        from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

        parts = every_schema(self._root) if reference not in ("", "#") else ()
        for part in parts:
            # Up to draft 7 an id names a schema, wherever it stands.
            if part is not self._root and reference in (part.get("$id"), part.get("id")):
                return part
        root = {key: value for key, value in self._root.items() if key != "$schema"}
        own = str(root.get("$id") or root.get("id") or "")
        resource = Resource.from_contents(root, default_specification=DRAFT202012)
        registry = Registry().with_resource(own, resource)
        try:
            found: object = registry.resolver(base_uri=own).lookup(reference).contents
        except (Unresolvable, AttributeError, LookupError, TypeError, ValueError) as error:
            raise UnfitSchemaError(f"the reference {reference!r} leads nowhere") from error
        return found

    def _refer(self, reference: str, depth: int) -> str:
        """Return the reference to a definition, which is rewritten the first time."""
        if reference not in self._names:
            found = self._follow(reference)
            plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]).strip("_")
            name = plain = plain or "root"
            number = 2
            while name in self.definitions:
                name, number = f"{plain}_{number}", number + 1
            self._names[reference] = name
            self.definitions[name] = {}  # keeps its place, and ends a recursion
            self.definitions[name] = self.rewrite(found, name, depth)
        return f"#/$defs/{self._names[reference]}"

    def _keyword(self, wire: JsonObject, key: str, value: object, path: str, depth: int) -> None:
        """Add one keyword to a schema, in its right form."""
        if key in ("$ref", "$dynamicRef", "$recursiveRef"):
            self._reference(wire, str(value), depth)
        elif key == "type":
            self._type(wire, value, path, depth)
        elif key in SCHEMAS:
            wire[key] = self.rewrite(value, path, depth)
        elif key in SCHEMA_MAPS:
            wire[key] = self._map(value, path, depth)
        elif key in SCHEMA_LISTS:
            parts = [self._part(part, f"{path}.{n}", depth) for n, part in enumerate(_list(value))]
            if parts:
                wire[key] = parts
        elif key in _PLAIN:
            kept = _PLAIN[key](value)
            if kept is not None:
                wire[key] = kept
        elif _is_json(value):
            wire[key] = value

    def _map(self, value: object, path: str, depth: int) -> JsonObject:
        if not value:
            return {}  # PHP writes an empty object as an empty list
        if not isinstance(value, Mapping):
            raise UnfitSchemaError(f"{path} is {_shown(value)}, but must be an object")
        parts = {
            str(name): self._part(part, f"{path}.{name}", depth) for name, part in value.items()
        }
        for name, part in parts.items():
            if not self._keep_titles and part.get("title") == name.replace("_", " ").title():
                del part["title"]
        return parts

    def _part(self, schema: object, path: str, depth: int) -> JsonObject:
        """Rewrite a schema as an object: not everybody knows those that are true or false."""
        wire = self.rewrite(schema, path, depth)
        if isinstance(wire, dict):
            return wire
        return {} if wire else {"not": {}}

    def _reference(self, wire: JsonObject, reference: str, depth: int) -> None:
        try:
            wire["$ref"] = self._refer(reference, depth)
        except UnfitSchemaError as error:
            if depth > _DEEPEST:
                raise
            self.notes.append(str(error))

    def _type(self, wire: JsonObject, value: object, path: str, depth: int) -> None:
        """Add a type; draft 3 has schemas in lists of types."""
        kinds = [
            _TYPE_NAMES.get(kind.lower(), kind.lower()) if isinstance(kind, str) else kind
            for kind in _list(value)
        ]
        if "any" in kinds:
            return
        schemas = [kind for kind in kinds if isinstance(kind, Mapping)]
        if schemas:
            parts = [*schemas, *(kind for kind in kinds if isinstance(kind, str))]
            wire["anyOf"] = [self.rewrite(p, f"{path}.{n}", depth) for n, p in enumerate(parts)]
            return
        known = list(dict.fromkeys(kind for kind in kinds if kind in TYPES))
        if known:
            wire["type"] = known if isinstance(value, list) and len(known) > 1 else known[0]
        elif kinds:
            self.notes.append(f"{path} is {_shown(value)}, which is no type")


def _modern(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema with the keywords of older drafts under their names of today."""
    given = {str(key): value for key, value in schema.items()}
    for new, old in _RENAMED.items():
        if old in given:
            given.setdefault(new, given.pop(old))
    items = given.get("items")
    if isinstance(items, list):
        del given["items"]
        given["prefixItems"] = items
        if "additionalItems" in given:
            given["items"] = given["additionalItems"]
    given.pop("additionalItems", None)
    for limit, exclusive in _EXCLUSIVE.items():
        # Draft 4 says by a boolean that the limit itself is excluded.
        if isinstance(given.get(exclusive), bool) and given.pop(exclusive) and limit in given:
            given[exclusive] = given.pop(limit)
    _split_dependencies(given)
    _gather_required(given)
    if given.pop("nullable", None) is True and isinstance(given.get("type"), str):
        given["type"] = [given["type"], "null"]
        if isinstance(given.get("enum"), list) and None not in _list(given["enum"]):
            given["enum"] = [*_list(given["enum"]), None]
    return given


def _tell_patterns(wire: JsonObject) -> None:
    """Write into the description what the check of schemas takes for no regular expression.

    It is written in Python, and JSON Schema's expressions are JavaScript's.
    """
    unfit = [pattern for pattern in wire.get("patternProperties", ()) if not _compiles(pattern)]
    for pattern in unfit:
        del wire["patternProperties"][pattern]
        wire.pop("additionalProperties", None)
    if not _compiles(wire.get("pattern", "")):
        unfit.append(wire.pop("pattern"))
    if unfit:
        told = f"Pattern: {', '.join(unfit)}"
        wire["description"] = f"{wire.get('description') or ''} {told}".strip()


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _split_dependencies(given: dict[str, object]) -> None:
    dependencies = given.pop("dependencies", None)
    if not isinstance(dependencies, Mapping):
        return
    for name, value in dependencies.items():
        names = [value] if isinstance(value, str) else value
        key = "dependentRequired" if isinstance(names, list) else "dependentSchemas"
        held = given.get(key)
        given[key] = {**(held if isinstance(held, Mapping) else {}), name: names}


def _gather_required(given: dict[str, object]) -> None:
    """Draft 3 says on a property that it is required; newer ones list names on the object."""
    properties = given.get("properties")
    flagged = [
        name
        for name, part in (properties.items() if isinstance(properties, Mapping) else ())
        if isinstance(part, Mapping) and part.get("required") is True
    ]
    if flagged:
        named = given.get("required")
        given["required"] = [*(named if isinstance(named, list) else ()), *flagged]


def _strings(value: object) -> list[str] | None:
    """Return a list of distinct strings; None if it is none, as with draft 3's `required: true`."""
    if isinstance(value, bool):
        return None
    return list(dict.fromkeys(item for item in _list(value) if isinstance(item, str)))


def _string_lists(value: object) -> JsonObject | None:
    if not isinstance(value, Mapping):
        return None
    return {str(name): names for name, held in value.items() if (names := _strings(held))}


def _values(value: object) -> list[object] | None:
    if not isinstance(value, list | tuple):
        return None
    return [item for item in value if _is_json(item)] or None


def _is_json(value: object) -> bool:
    """Whether a value can be written as JSON, which knows no infinite numbers and no dates."""
    try:
        json.dumps(value, allow_nan=False)
    except RecursionError:
        return True  # refused, with its place, where the request is written
    except (TypeError, ValueError):
        return False
    return True


def _number(value: object) -> float | int | None:
    if isinstance(value, str):
        try:
            value = float(value) if re.search(r"[.eE]", value) else int(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if math.isfinite(value) else None


def _positive(value: object) -> float | int | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _shown(value: object) -> str:
    return f"{value!r:.60}"


_EXCLUSIVE: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_RENAMED: Final = {
    "multipleOf": "divisibleBy",
    "allOf": "extends",
    "not": "disallow",
}
"""Keywords of draft 3, by what they are called today."""

_DROPPED: Final = frozenset(
    {
        *("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"),
        *("$defs", "definitions"),
    }
)
"""Where a schema stands and what it defines: each reference is resolved while rewriting."""

_NULLABLE: Final = frozenset({"const", "default"})
"""Keywords for which null is a value; elsewhere it stands for nothing."""

_Reader: TypeAlias = Callable[[object], object]
_PLAIN: Final[Mapping[str, _Reader]] = {
    "required": _strings,
    "dependentRequired": _string_lists,
    "enum": _values,
    "examples": _values,
    "multipleOf": _positive,
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _number),
    **dict.fromkeys(("maxContains", "maxItems", "maxLength", "maxProperties"), _count),
    **dict.fromkeys(("minContains", "minItems", "minLength", "minProperties"), _count),
    **dict.fromkeys(("$comment", "contentEncoding", "contentMediaType", "description"), str),
    **dict.fromkeys(("format", "pattern", "title"), str),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), _flag),
}
"""Keywords without schemas in them: each takes a value and returns it in the right form, or
None if it has none."""
