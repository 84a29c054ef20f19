"""Checks that a body can be written as JSON that the API accepts."""

from __future__ import annotations

import json
import re
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_DEEPEST: Final = 200
"""Far below where Python's own functions give up, at about a thousand levels."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]+")


def plain_json(body: JsonObject) -> tuple[JsonObject, bool]:
    """Return a body without halves of characters, which the API refuses, and if there were any.

    Files that were read with ``errors="surrogateescape"`` and texts that were cut within a
    character hold them. Two halves that belong together become their character.

    Args:
        body: The body; not changed.

    Raises:
        InvalidInputError: It is nested too deeply; the message says which field is.
    """
    has_halves = any(_has_halves(field, name) for name, field in body.items())
    clean = _clean(body) if has_halves else body
    return (clean, True) if has_halves and isinstance(clean, dict) else (body, False)


def _has_halves(field: object, name: str) -> bool:
    """Whether there are halves of characters in a field of a body.

    Raises:
        InvalidInputError: It is nested too deeply.
    """
    found = False
    level = [field]
    for _ in range(_DEEPEST):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, str):
                found = found or not (value.isascii() or _SURROGATES.search(value) is None)
            elif isinstance(value, dict):
                deeper += value
                deeper += value.values()
            elif isinstance(value, list | tuple):
                deeper += value
        if not deeper:
            return found
        level = deeper
    raise InvalidInputError(
        f"{name!r} is nested more than {_DEEPEST} levels deep. Look for tool arguments or "
        "content that hold themselves, or send deep data as text."
    )


def _clean(value: object) -> object:
    """Return a value with its texts cleaned, the keys included."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub(_joined, value)
    if isinstance(value, dict):
        return {_clean(key): _clean(held) for key, held in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _joined(found: re.Match[str]) -> str:
    halves = found[0].encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace")


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The request cannot be written as JSON: {error}. Look at tool arguments and "
            "model_kwargs for values that are not strings, numbers, booleans, lists or dicts."
        ) from error
