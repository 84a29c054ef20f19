"""Checks that a body can be written as JSON, before it is."""

from __future__ import annotations

import re
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_DEEPEST: Final = 200
"""Far below where Python's own functions give up, at about a thousand levels."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]+")


def check_depth(body: JsonObject) -> None:
    """Refuse a body that is nested too deeply.

    Raises:
        InvalidInputError: It says which field is.
    """
    level = [(name, value) for name, value in body.items() if isinstance(value, dict | list)]
    for _ in range(_DEEPEST):
        level = [
            (name, inner)
            for name, value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise InvalidInputError(
        f"{level[0][0]!r} is nested more than {_DEEPEST} levels deep. Look for tool arguments or "
        "content that hold themselves, or send deep data as text."
    )


def replace_surrogates(body: JsonObject) -> tuple[JsonObject, bool]:
    """Return a body without halves of characters, which the API refuses, and if there were any.

    Files that were read with ``errors="surrogateescape"`` and texts that were cut within a
    character hold them. Two halves that belong together become their character.

    Args:
        body: A body that is not nested too deeply; not changed.
    """
    clean = _clean(body)
    return (body, False) if clean is body or not isinstance(clean, dict) else (clean, True)


def _clean(value: object) -> object:
    """Return a value with its texts cleaned; itself if there is nothing to clean."""
    if isinstance(value, str):
        return value if value.isascii() else _clean_text(value)
    if isinstance(value, dict):
        new = {_clean(key): _clean(held) for key, held in value.items()}
        same = all(
            key is old and held is value[old]
            for (key, held), old in zip(new.items(), value, strict=False)
        )
        return value if same else new
    if isinstance(value, list):
        items = [_clean(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return value


def _clean_text(text: str) -> str:
    return _SURROGATES.sub(_joined, text) if _SURROGATES.search(text) else text


def _joined(found: re.Match[str]) -> str:
    halves = found[0].encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace")
