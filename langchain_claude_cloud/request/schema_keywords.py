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

from langchain_claude_cloud.config.checks import check_json
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema_references import (
    DEFINITIONS,
    HOLDING,
    IN_PLACE,
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SCHEMAS,
    Holders,
    find_loop,
    follow,
    holders_within,
)

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
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


def rewrite_schema(
    root: JsonObject, path: str, *, keep_titles: bool = True
) -> tuple[JsonObject, dict[str, JsonObject | bool], list[str]]:
    """Return a schema in the form of the 2020-12 draft, and what was lost, one phrase each.

    Args:
        root: The schema, in which its references are looked up; not changed.
        path: What it is called in errors.
        keep_titles: Whether properties keep the titles that pydantic makes of their names.

    Returns:
        The schema, the definitions that it refers to as ``#/$defs/NAME``, and the phrases.

    Raises:
        UnfitSchemaError: It is no schema.
    """
    rewriter = _Rewriter(root, keep_titles=keep_titles)
    wire = rewriter.rewrite_object(root, path, 0)
    if rewriter.definitions:
        rewriter.rewrite_definitions()
    return wire, rewriter.definitions, rewriter.notes


class _Rewriter:
    """Rewrites the parts of one schema, and collects the definitions that they refer to.

    Attributes:
        definitions: The definitions that are referred to, rewritten.
        notes: What was lost, one phrase each.
    """

    def __init__(self, root: JsonObject, *, keep_titles: bool) -> None:
        self.definitions: dict[str, JsonObject | bool] = {}
        self.notes: list[str] = []
        self._keep_titles = keep_titles
        self._root = root
        self._holders: Holders = (root,)
        self._names: dict[tuple[object, ...], str] = {}
        self._waiting: list[tuple[str, object, Holders]] = []

    def rewrite(self, schema: object, path: str, depth: int) -> JsonObject | bool:
        """Return a schema, with all that is in it, in its right form."""
        if depth > _DEEPEST:
            raise UnfitSchemaError(f"{path} is nested more than {_DEEPEST} levels deep")
        if isinstance(schema, bool):
            return schema
        if isinstance(schema, str | list):  # PHP writes an empty object as an empty list
            schema = {"type": schema}
        if not isinstance(schema, Mapping | None):
            raise UnfitSchemaError(f"{path} is {schema!r:.60}, which is no JSON schema")
        wire: JsonObject = {}
        around = self._holders
        if schema and not HOLDING.isdisjoint(schema):
            self._holders = holders_within(schema, around)
        for key, value in _modern(schema or {}).items():
            if key in _NULLABLE and value is None:
                wire[key] = None
            elif key not in _DROPPED and value is not None:
                kept = self._keyword(key, value, f"{path}.{key}", depth + 1)
                if kept is not None:
                    wire[key] = kept
        self._holders = around
        _tell_patterns(wire)
        return wire

    def rewrite_object(self, schema: object, path: str, depth: int) -> JsonObject:
        """Rewrite a schema as an object: not everybody knows those that are true or false."""
        wire = self.rewrite(schema, path, depth)
        if isinstance(wire, dict):
            return wire
        return {} if wire else {"not": {}}

    def _keyword(self, key: str, value: object, path: str, depth: int) -> object:
        """Return the value of a keyword in its right form; None to leave it out."""
        if key in SCHEMAS:
            return self.rewrite(value, path, depth)
        if key in SCHEMA_MAPS:
            return self._map(value, path, depth)
        if key in SCHEMA_LISTS:
            parts = enumerate(_list(value))
            return [self.rewrite_object(part, f"{path}.{n}", depth) for n, part in parts] or None
        if key == "$ref":
            return self._refer(str(value))
        kept = _READERS.get(key, _json)(value)
        if key == "type" and kept is None and value != []:
            self.notes.append(f"{path} is {value!r:.60}, which is no type")
        return kept

    def _map(self, value: object, path: str, depth: int) -> JsonObject:
        if not value:
            return {}  # PHP writes an empty object as an empty list
        if not isinstance(value, Mapping):
            raise UnfitSchemaError(f"{path} is {value!r:.60}, but must be an object")
        parts = {str(n): self.rewrite_object(p, f"{path}.{n}", depth) for n, p in value.items()}
        for name, part in parts.items():
            if not self._keep_titles and part.get("title") == name.replace("_", " ").title():
                del part["title"]
        return parts

    def _refer(self, reference: str) -> str | None:
        """Return the reference to a definition, which is rewritten later."""
        key = (reference, *map(id, self._holders))
        if key not in self._names:
            found, holder = follow(reference, self._holders)
            if found is None:
                self.notes.append(f"the reference {reference!r} leads nowhere")
                return None
            name = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]).strip("_")
            name = name or "root"
            while name in self.definitions:
                name += "_2"
            self.definitions[name] = {}
            self._names[key] = name
            holders = (holder,) if holder is self._root else (holder, self._root)
            self._waiting.append((name, found, holders))
        return f"#/$defs/{self._names[key]}"

    def rewrite_definitions(self) -> None:
        """Rewrite what is referred to. Chains of references may be longer than schemas are deep."""
        for name, found, holders in self._waiting:  # grows on the way
            self._holders = holders
            try:
                self.definitions[name] = self.rewrite(found, name, 0)
            except UnfitSchemaError as error:
                self.notes.append(str(error))
        while loop := find_loop(self.definitions, IN_PLACE):
            self.definitions[loop[0]] = {}
            self.notes.append(f"the definition {loop[0]!r} refers to itself without end")


def _modern(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema with the keywords of older drafts under their names of today."""
    given = {str(key): value for key, value in schema.items()}
    for old, new in _RENAMED.items():
        if old in given:
            given.setdefault(new, given.pop(old))
    if isinstance(given.get("items"), list):
        given["prefixItems"] = given.pop("items")
        given["items"] = given.get("additionalItems")
    given.pop("additionalItems", None)
    for limit, exclusive in _EXCLUSIVE.items():
        # Draft 4 says by a boolean that the limit itself is excluded.
        if isinstance(given.get(exclusive), bool) and given.pop(exclusive) and limit in given:
            given[exclusive] = given.pop(limit)
    for name, value in _mapping(given.pop("dependencies", None)).items():
        names = [value] if isinstance(value, str) else value
        key = "dependentRequired" if isinstance(names, list) else "dependentSchemas"
        given[key] = {**_mapping(given.get(key)), name: names}
    properties = _mapping(given.get("properties")).items()
    flagged = [name for name, part in properties if _mapping(part).get("required") is True]
    if flagged:  # draft 3 says it on a property
        named = given.get("required")
        given["required"] = [*(named if isinstance(named, list) else ()), *flagged]
    return _modern_types(given)


def _modern_types(given: dict[str, object]) -> dict[str, object]:
    """Return a schema in which types are names, and null is one of them where it is taken."""
    kinds = _list(given.get("type"))
    if any(str(kind).lower() == "any" for kind in kinds):
        del given["type"]
    elif any(isinstance(kind, Mapping) for kind in kinds):
        given["anyOf"] = sorted(_list(given.pop("type")), key=lambda kind: isinstance(kind, str))
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
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _types(value: object) -> str | list[str] | None:
    named = [kind.lower() for kind in _list(value) if isinstance(kind, str)]
    known = [kind for name in named if (kind := _TYPE_NAMES.get(name, name)) in _TYPES]
    distinct = list(dict.fromkeys(known))
    return distinct if len(distinct) > 1 else next(iter(distinct), None)


def _strings(value: object) -> list[str] | None:
    """Return a list of distinct strings; None if it is none, as with draft 3's `required: true`."""
    if isinstance(value, bool):
        return None
    return list(dict.fromkeys(item for item in _list(value) if isinstance(item, str)))


def _string_lists(value: object) -> JsonObject | None:
    lists = {str(name): _strings(held) for name, held in _mapping(value).items()}
    return {name: names for name, names in lists.items() if names} or None


def _values(value: object) -> list[object] | None:
    if not isinstance(value, list | tuple):
        return None
    return [item for item in value if item is None or _json(item) is not None] or None


def _json(value: object) -> object:
    """Return a value that can be sent: JSON knows no infinite numbers and no dates."""
    try:
        check_json({"": value}, _DEEPEST)
        json.dumps(value, allow_nan=False)
    except (InvalidInputError, TypeError, ValueError):
        return None
    return value


def _number(value: object) -> float | int | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if math.isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _positive(value: object) -> float | int | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _count(value: object) -> int | None:
    number = _number(value)
    return number if isinstance(number, int) and number >= 0 else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


_EXCLUSIVE: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_RENAMED: Final = {
    "divisibleBy": "multipleOf",
    "extends": "allOf",
    "disallow": "not",
    "$dynamicRef": "$ref",
    "$recursiveRef": "$ref",
}
"""Keywords of older drafts, with what they are called here."""

_DROPPED: Final = frozenset(
    {
        *("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"),
        *DEFINITIONS,
    }
)
"""Where a schema stands and what it defines: each reference is resolved while rewriting."""

_NULLABLE: Final = frozenset({"const", "default"})
"""Keywords for which null is a value; elsewhere it stands for nothing."""

_Reader: TypeAlias = Callable[[object], object]
_READERS: Final[Mapping[str, _Reader]] = {
    "type": _types,
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
