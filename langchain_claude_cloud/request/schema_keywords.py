"""Rewrites a JSON schema of any draft, or nearly one, as JSON Schema 2020-12.

The API checks the schemas of tools against that draft and refuses the whole request for one
that does not match. Schemas from elsewhere follow older drafts, OpenAPI, or a server's own
habits: `exclusiveMinimum: true`, a list of schemas under `items`, `required: null`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, FiniteFloat, NonNegativeInt, TypeAdapter

from langchain_claude_cloud.config.checks import check_json
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request import schema_references as references

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
"""All types, by the names that other languages have for them."""

_DEEPEST: Final = 60


class UnfitSchemaError(Exception):
    """A schema that cannot be rewritten; the message says which part, and why."""


class RewrittenSchema:
    """A schema in the form of the 2020-12 draft.

    Attributes:
        schema: The schema.
        definitions: The definitions that it refers to as ``#/$defs/NAME``, by those names.
        notes: What was lost, one phrase each.
    """

    def __init__(self, root: object, path: str, *, keep_titles: bool) -> None:
        """Rewrite a schema.

        Args:
            root: The schema, in which its references are looked up; not changed.
            path: What it is called in errors.
            keep_titles: Whether properties keep the titles that pydantic makes of their names.

        Raises:
            UnfitSchemaError: It is no schema.
        """
        self.definitions: dict[str, JsonObject] = {}
        self.notes: list[str] = []
        self._keep_titles = keep_titles
        self._root = root
        self._names: dict[str, str] = {}
        self._waiting: list[tuple[str, object]] = []
        self.schema = self._rewrite(root, path, 0)
        self._rewrite_definitions()

    def _rewrite(self, schema: object, path: str, depth: int) -> JsonObject:
        """Return a schema, with all that is in it, in its right form.

        It is an object: not everybody knows those that are true or false.
        """
        if schema is None or isinstance(schema, bool):
            return {"not": {}} if schema is False else {}
        if isinstance(schema, str | list):  # PHP writes an empty object as an empty list
            schema = {"type": schema}
        if depth > _DEEPEST:
            raise UnfitSchemaError(f"{path} is nested more than {_DEEPEST} levels deep")
        if not isinstance(schema, Mapping):
            raise UnfitSchemaError(f"{path} is {schema!r:.60}, which is no JSON schema")
        wire: JsonObject = {}
        for key, value in _modern(schema).items():
            kept = self._keyword(key, value, f"{path}.{key}", depth + 1)
            if kept is not None or value is None:
                wire[key] = kept
        _tell_patterns(wire)
        return wire

    def _keyword(self, key: str, value: object, path: str, depth: int) -> object:
        """Return the value of a keyword in its right form; None to leave it out."""
        if key in references.SCHEMAS:
            is_kept = isinstance(value, bool) and key not in references.IN_PLACE
            return value if is_kept else self._rewrite(value, path, depth)
        if key in references.SCHEMA_MAPS:
            return self._map(value, path, depth)
        if key in references.SCHEMA_LISTS:
            parts = enumerate(_list(value))
            return [self._rewrite(part, f"{path}.{n}", depth) for n, part in parts] or None
        if key == "$ref":
            return self._refer(str(value))
        try:
            kept = _READERS.get(key, _json)(value)
        except (TypeError, ValueError):  # of which `ValidationError` and `InvalidInputError` are
            kept = None
        if key == "type" and kept is None and value != []:
            self.notes.append(f"{path} is {value!r:.60}, which is no type")
        return kept

    def _map(self, value: object, path: str, depth: int) -> JsonObject:
        if not value:
            return {}  # PHP writes an empty object as an empty list
        if not isinstance(value, Mapping):
            raise UnfitSchemaError(f"{path} is {value!r:.60}, but must be an object")
        parts = {str(n): self._rewrite(part, f"{path}.{n}", depth) for n, part in value.items()}
        for name, part in parts.items():
            if not self._keep_titles and part.get("title") == name.replace("_", " ").title():
                del part["title"]
        return parts

    def _refer(self, reference: str) -> str | None:
        """Return the reference to a definition, which is rewritten later."""
        if reference not in self._names:
            found = references.follow(reference, self._root)
            if found is None:
                self.notes.append(f"the reference {reference!r} leads nowhere")
                return None
            last = reference.rpartition("/")[2]
            name = re.sub(r"[^A-Za-z0-9_.-]+", "_", last).strip("_") or "root"
            while name in self.definitions:
                name += "_2"
            self.definitions[name] = {}
            self._names[reference] = name
            self._waiting.append((name, found))
        return f"#/$defs/{self._names[reference]}"

    def _rewrite_definitions(self) -> None:
        """Rewrite what is referred to. Chains of references may be longer than schemas are deep."""
        for name, found in self._waiting:  # grows on the way
            try:
                self.definitions[name] = self._rewrite(found, name, 0)
            except UnfitSchemaError as error:
                self.notes.append(str(error))
        while loop := references.find_loop(self.definitions, references.IN_PLACE):
            self.definitions[loop[0]] = {}
            self.notes.append(f"the definition {loop[0]!r} refers to itself without end")


def _modern(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema with the keywords of older drafts as they are written today."""
    given = {
        "$ref" if key in ("$dynamicRef", "$recursiveRef") else str(key): value
        for key, value in schema.items()
        if key not in _DROPPED and (value is not None or key in ("const", "default"))
    }
    others = given.pop("additionalItems", None)
    if isinstance(given.get("items"), list):
        given["prefixItems"] = given.pop("items")
        given |= {"items": others} if others is not None else {}
    for limit in ("minimum", "maximum"):
        # Draft 4 says by a boolean that the limit itself is excluded.
        exclusive = f"exclusive{limit.capitalize()}"
        if isinstance(given.get(exclusive), bool) and given.pop(exclusive) and limit in given:
            given[exclusive] = given.pop(limit)
    for name, held in _mapping(given.pop("dependencies", None)).items():
        names = [held] if isinstance(held, str) else held  # draft 3 has one name
        key = "dependentRequired" if isinstance(names, list) else "dependentSchemas"
        given[key] = {**_mapping(given.get(key)), name: names}
    properties = _mapping(given.get("properties")).items()
    flagged = [name for name, part in properties if _mapping(part).get("required") is True]
    if flagged:  # draft 3 says it on a property
        given["required"] = [*(_strings(given.get("required")) or ()), *flagged]
    if any(str(kind).lower() == "any" for kind in _list(given.get("type"))):
        del given["type"]
    if given.pop("nullable", None) is True and isinstance(given.get("type"), str):
        given["type"] = [given["type"], "null"]
        values = given.get("enum")
        if isinstance(values, list) and None not in values:
            given["enum"] = [*values, None]
    return given


def _tell_patterns(wire: JsonObject) -> None:
    """Write into the description what the check of schemas takes for no regular expression.

    It is written in Python, and JSON Schema's expressions are JavaScript's.
    """
    patterns = [*wire.get("patternProperties", ()), *filter(None, [wire.get("pattern")])]
    try:
        list(map(re.compile, patterns))
    except (re.error, OverflowError, RecursionError):
        for keyword in ("additionalProperties", "pattern", "patternProperties"):
            wire.pop(keyword, None)
        told = f"{wire.get('description') or ''} Pattern: {', '.join(patterns)}"
        wire["description"] = told.strip()


def _types(value: object) -> str | list[str] | None:
    named = [str(kind).lower() for kind in _list(value)]
    kinds = list(dict.fromkeys(_TYPE_NAMES.get(name, name) for name in named))
    if not {*_TYPE_NAMES.values()}.issuperset(kinds):
        return None
    return kinds if len(kinds) > 1 else next(iter(kinds), None)


def _strings(value: object) -> list[str] | None:
    """Return distinct strings; None if there are none, as with draft 3's `required: true`."""
    named = [item for item in _list(value) if isinstance(item, str)]
    return list(dict.fromkeys(named)) if named or isinstance(value, list) else None


def _values(value: object) -> object:
    return _json(list(value)) or None if isinstance(value, list | tuple) else None


def _json(value: object) -> object:
    """Return a value that can be sent, or raise: JSON knows no infinite numbers and no dates."""
    check_json({"": value}, _DEEPEST)
    json.dumps(value, allow_nan=False)
    return value


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


_DROPPED: Final = (
    *("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"),
    *references.DEFINITIONS,
)
"""Where a schema stands and what it defines: each reference is resolved while rewriting."""

_number: Final = TypeAdapter(int | FiniteFloat).validate_python
_count: Final = TypeAdapter(NonNegativeInt).validate_python
_names: Final = TypeAdapter(dict[str, Annotated[list[str], BeforeValidator(_list)]])
_flag: Final = TypeAdapter(bool).validate_python
_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "type": _types,
    "required": _strings,
    "dependentRequired": _names.validate_python,
    "enum": _values,
    "examples": _values,
    "multipleOf": TypeAdapter(Annotated[int | FiniteFloat, Field(gt=0)]).validate_python,
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _number),
    **dict.fromkeys(("maxContains", "maxItems", "maxLength", "maxProperties"), _count),
    **dict.fromkeys(("minContains", "minItems", "minLength", "minProperties"), _count),
    **dict.fromkeys(("$comment", "contentEncoding", "contentMediaType", "description"), str),
    **dict.fromkeys(("format", "pattern", "title"), str),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), _flag),
}
"""Keywords without schemas in them: each takes a value and returns it in the right form; None,
or an error, if it has none."""
