"""Makes the smallest value that a JSON schema accepts, with the question's own values in it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from langchain_claude_cloud.errors.types import JsonObject

_MAX_DEPTH = 6
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|(?<!\w)'([^'\n]+)'(?!\w)")
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_PATTERN_GUESSES = ("A1", "abc", "ABC", "123", "1", "2026-01-15", "abc-123", "+10000000000", "a_b")


def quoted_texts(question: str) -> list[str]:
    """Return what stands in quotation marks."""
    return [first or second for first, second in _QUOTED.findall(question)]


def minimal_instance(schema: JsonObject, question: str = "") -> object:
    """Return a value that a schema accepts: required properties, first choices, shortest lists.

    Args:
        schema: The schema; references point into it.
        question: Its numbers and quoted texts are used in their order, where they fit.
    """
    return _Filler(schema, question).fill(schema)


class _Filler:
    """Fills one schema, handing out the question's values in their order."""

    def __init__(self, root: JsonObject, question: str) -> None:
        self._root = root
        self._numbers = [float(number) for number in _NUMBER.findall(question)]
        self._quoted = quoted_texts(question)

    def fill(self, schema: object, name: str = "", depth: int = 0) -> object:
        """Return a value for a schema; ``name`` is the property's."""
        resolved = self._resolve(schema, depth)
        fixed = [resolved["const"]] if "const" in resolved else resolved.get("enum")
        if fixed:
            return fixed[0]
        choices = resolved.get("anyOf") or resolved.get("oneOf")
        if choices:
            choice = self._resolve(_first_choice(choices, depth), depth)
            rest = {key: resolved[key] for key in resolved if key not in ("anyOf", "oneOf")}
            return self.fill(_merge(rest, choice), name, depth + 1)
        kind = _kind(resolved)
        if kind == "object":
            return self._object(resolved, depth)
        if kind == "array":
            return self._array(resolved, name, depth)
        return self._plain(resolved, kind, name)

    def _resolve(self, schema: object, depth: int) -> JsonObject:
        resolved = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(_MAX_DEPTH):
            if "$ref" not in resolved or depth > _MAX_DEPTH:
                break
            resolved = {**_follow(self._root, str(resolved.pop("$ref"))), **resolved}
        for part in resolved.pop("allOf", None) or []:
            resolved = _merge(resolved, self._resolve(part, depth + 1))
        return resolved

    def _object(self, schema: JsonObject, depth: int) -> JsonObject:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        return {
            key: self.fill(value, key, depth + 1)
            for key, value in properties.items()
            if key in required
        }

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[object]:
        """One item, so that a program has something to work on, unless the schema says how many."""
        if depth > _MAX_DEPTH:
            return []
        count = max(int(schema.get("minItems") or 0), min(1, int(schema.get("maxItems", 1))))
        kinds = list(schema.get("prefixItems") or [])
        kinds += [schema.get("items")] * (count - len(kinds))
        return [self.fill(kind, name, depth + 1) for kind in kinds]

    def _plain(self, schema: JsonObject, kind: str, name: str) -> object:
        if kind in {"integer", "number"}:
            return self._number(schema, whole=kind == "integer")
        if kind in {"boolean", "null"}:
            return True if kind == "boolean" else None
        return self._string(schema, name)

    def _number(self, schema: JsonObject, *, whole: bool) -> float | int:
        low, high = _bounds(schema, 1 if whole else 1e-3)
        for number in self._numbers:
            if low <= number <= high and (not whole or number == int(number)):
                self._numbers.remove(number)
                return int(number) if number == int(number) else number
        value, step = min(max(1, low), high), schema.get("multipleOf")
        if isinstance(step, int | float) and step > 0:
            value = math.ceil(value / step) * step
        return math.ceil(value) if whole else value

    def _string(self, schema: JsonObject, name: str) -> str:
        value = _FORMATS.get(str(schema.get("format")))
        if value is None:
            value = self._quoted.pop(0) if self._quoted else f"example {name or 'text'}"
        pattern = schema.get("pattern")
        if isinstance(pattern, str):
            value = next(filter(re.compile(pattern).search, (value, *_PATTERN_GUESSES)), value)
        return value.ljust(int(schema.get("minLength") or 0), ".")[: schema.get("maxLength")]


def _follow(root: JsonObject, reference: str) -> JsonObject:
    target: object = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key, {}) if isinstance(target, dict) else {}
    return dict(target) if isinstance(target, dict) else {}


def _merge(first: JsonObject, second: JsonObject) -> JsonObject:
    properties = {**(first.get("properties") or {}), **(second.get("properties") or {})}
    required = [*(first.get("required") or []), *(second.get("required") or [])]
    merged = {**first, **second}
    return merged | ({"properties": properties, "required": required} if properties else {})


def _first_choice(choices: list[object], depth: int) -> object:
    """Return the first choice that is not null; deep inside, null ends a recursion."""
    null = [choice for choice in choices if choice == {"type": "null"}]
    if null and depth > _MAX_DEPTH:
        return null[0]
    return next((choice for choice in choices if choice not in null), choices[0])


def _kind(schema: Mapping[str, object]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _bounds(schema: JsonObject, step: float) -> tuple[float, float]:
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf) + step)
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - step)
    return low, high
