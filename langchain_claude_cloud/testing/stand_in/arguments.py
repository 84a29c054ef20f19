"""Fills a JSON schema from a prompt.

In: a schema and what the prompt names. Out: a value that the schema accepts: numbers from
the prompt, quoted and capitalized phrases as strings, the first fitting enum value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.stand_in.phrases import Phrases

_MAX_DEPTH = 6
_PLACES = frozenset({"location", "city", "place", "country", "destination", "town", "region"})
_WHOLE = frozenset(
    {"query", "question", "text", "prompt", "message", "search", "topic", "sentence", "task"}
)
_CANNED = {
    "setup": "Why do cats make such poor storytellers?",
    "punchline": "Because they only have one tail.",
    "name": "Alex",
    "title": "A short title",
    "location": "Paris",
    "city": "Paris",
    "country": "France",
    "email": "alex@example.com",
    "url": "https://example.com/",
    "path": "notes.txt",
    "filename": "notes.txt",
    "code": "print('hello')",
    "color": "blue",
    "language": "English",
}
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT1H",
    "email": "alex@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_PATTERN_GUESSES = ("A1", "abc", "ABC", "123", "1", "2026-01-15", "abc-123", "+10000000000", "a_b")


class Filler:
    """Fills one schema, handing out the prompt's phrases in order.

    Args:
        phrases: What the prompt names.
        root: The schema that ``$ref`` points into.
        names: Names to use instead of the prompt's, for one of several parallel calls.
    """

    def __init__(
        self, phrases: Phrases, root: JsonObject, names: tuple[str, ...] | None = None
    ) -> None:
        self._phrases = phrases
        self._root = root
        self._numbers = list(phrases.numbers)
        self._quoted = list(phrases.quoted)
        self._names = list(phrases.names if names is None else names)

    def fill(self, schema: object, name: str = "", depth: int = 0) -> object:
        """Return a value for a schema; ``name`` is the property's."""
        resolved = self._resolve(schema, depth)
        if "const" in resolved:
            return resolved["const"]
        if resolved.get("enum"):
            return self._choose(list(resolved["enum"]))
        for key in ("anyOf", "oneOf"):
            if resolved.get(key):
                return self.fill(_first_real(resolved[key]), name, depth + 1)
        kind = _kind(resolved)
        makers: dict[str, Callable[[JsonObject, str, int], object]] = {
            "object": self._object,
            "array": self._array,
            "integer": self._number,
            "number": self._number,
            "boolean": lambda *_: not self._is_negated(name),
            "null": lambda *_: None,
        }
        return makers.get(kind, self._string)(resolved, name, depth)

    def _resolve(self, schema: object, depth: int) -> JsonObject:
        if not isinstance(schema, dict):
            return {}
        resolved = dict(schema)
        for _ in range(_MAX_DEPTH):
            if "$ref" not in resolved or depth > _MAX_DEPTH:
                break
            target = _follow(self._root, str(resolved.pop("$ref")))
            resolved = {**target, **resolved}
        for part in resolved.pop("allOf", None) or []:
            resolved = _merge(resolved, self._resolve(part, depth + 1))
        return resolved

    def _choose(self, values: list[object]) -> object:
        text = self._phrases.text.lower()
        mentioned = (v for v in values if isinstance(v, str) and v and v.lower() in text)
        return next(mentioned, values[0])

    def _object(self, schema: JsonObject, name: str, depth: int) -> JsonObject:
        del name
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or [])
        filled: JsonObject = {}
        for key, value in properties.items():
            if key in required or (depth < _MAX_DEPTH and self._is_wanted(key)):
                filled[key] = self.fill(value, key, depth + 1)
        return filled

    def _is_wanted(self, name: str) -> bool:
        """Whether the prompt mentions an optional property, and not to leave it out."""
        text = self._phrases.text.lower()
        words = [word for word in _words(name) if len(word) > 2]  # noqa: PLR2004  # "a", "id" are in every text
        mentioned = bool(words) and all(re.search(rf"\b{re.escape(word)}", text) for word in words)
        return mentioned and not self._is_negated(name)

    def _is_negated(self, name: str) -> bool:
        text = self._phrases.text.lower()
        words = [re.escape(word) for word in _words(name)] or ["$^"]
        return re.search(rf"\b(?:no|not|without|skip)\s+(?:the\s+)?{words[-1]}", text) is not None

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[object]:
        least = int(schema.get("minItems") or 0)
        most = int(schema.get("maxItems") or 10**6)
        if depth > _MAX_DEPTH:
            return []
        items = self._resolve(schema.get("items"), depth)
        count = max(least, min(most, self._how_many(items), 5), 1 if most else 0)
        prefix = list(schema.get("prefixItems") or [])
        kinds = [*prefix, *[items] * max(0, count - len(prefix))]
        values = [self.fill(kind, name, depth + 1) for kind in kinds]
        if schema.get("uniqueItems"):
            values = [v for i, v in enumerate(values) if v not in values[:i]]
        return values

    def _how_many(self, items: JsonObject) -> int:
        kind = _kind(items)
        if items.get("enum") or kind not in {"string", "integer", "number"}:
            return 1
        return max(1, len(self._numbers) if kind != "string" else len(self._quoted or self._names))

    def _number(self, schema: JsonObject, name: str, depth: int) -> float | int:
        del name, depth
        whole = _kind(schema) == "integer"
        low, high = _bounds(schema)
        for index, number in enumerate(self._numbers):
            if low <= number <= high and (not whole or number == int(number)):
                del self._numbers[index]
                return int(number) if whole else number
        return _within(schema, low, high, whole=whole)

    def _string(self, schema: JsonObject, name: str, depth: int) -> str:
        del depth
        fixed = self._formatted(str(schema.get("format", "")))
        value = fixed or self._text_for(name)
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not _matches(pattern, value):
            guesses = [*self._quoted, *self._names, *self._phrases.text.split(), *_PATTERN_GUESSES]
            value = next((guess for guess in guesses if _matches(pattern, guess)), value)
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        value = value + "." * max(0, least - len(value))
        return value[: int(most)] if most is not None else value

    def _formatted(self, name: str) -> str | None:
        found = {
            "date": self._phrases.dates,
            "email": self._phrases.emails,
            "uri": self._phrases.urls,
        }.get(name, ())
        return found[0] if found else _FORMATS.get(name)

    def _text_for(self, name: str) -> str:
        words = set(_words(name))
        for found, hints in (
            (self._phrases.urls, {"url", "link"}),
            (self._phrases.emails, {"email"}),
            (self._phrases.files, {"path", "file", "filename"}),
            (self._phrases.dates, {"date", "day"}),
        ):
            if found and words & hints:
                return found[0]
        if words & _PLACES and self._names:
            return self._names.pop(0)
        if self._quoted:
            return self._quoted.pop(0)
        if words & _WHOLE:
            return self._phrases.text.strip() or "hello"
        if "description" in words and self._phrases.text.strip():
            return re.split(r"\s[-\u2013\u2014]\s", self._phrases.text.strip())[-1]
        return self._name_or_canned(name, words)

    def _name_or_canned(self, name: str, words: set[str]) -> str:
        joke = words & {"setup", "punchline"}
        if self._names and not joke:
            return self._names.pop(0)
        canned = next((_CANNED[word] for word in _words(name) if word in _CANNED), None)
        return canned or f"example {' '.join(_words(name)) or 'text'}"


def _follow(root: JsonObject, reference: str) -> JsonObject:
    target: object = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key, {}) if isinstance(target, dict) else {}
    return dict(target) if isinstance(target, dict) else {}


def _merge(first: JsonObject, second: JsonObject) -> JsonObject:
    merged = {**first, **second}
    for key in ("properties",):
        merged[key] = {**(first.get(key) or {}), **(second.get(key) or {})}
    merged["required"] = [*(first.get("required") or []), *(second.get("required") or [])]
    return {k: v for k, v in merged.items() if v or k not in {"properties", "required"}}


def _first_real(choices: list[object]) -> object:
    real = (c for c in choices if not (isinstance(c, dict) and c.get("type") == "null"))
    return next(real, choices[0])


def _kind(schema: Mapping[str, object]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _bounds(schema: JsonObject) -> tuple[float, float]:
    step = 1 if _kind(schema) == "integer" else 1e-3
    low, high = -math.inf, math.inf
    for key, shift in (("minimum", 0.0), ("exclusiveMinimum", step)):
        if isinstance(schema.get(key), int | float):
            low = max(low, schema[key] + shift)
    for key, shift in (("maximum", 0.0), ("exclusiveMaximum", step)):
        if isinstance(schema.get(key), int | float):
            high = min(high, schema[key] - shift)
    return low, high


def _within(schema: JsonObject, low: float, high: float, *, whole: bool) -> float | int:
    value = min(max(1.0, low), high)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        value = math.ceil(max(low, step if low == -math.inf else low) / step) * step
    return math.ceil(value) if whole else value


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
