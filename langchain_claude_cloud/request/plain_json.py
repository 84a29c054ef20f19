"""Checks that a body can be written as JSON that the API accepts, and writes it."""

from __future__ import annotations

import json
import re
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_DEEPEST: Final = 200
"""Far below where Python's own functions give up, at about a thousand levels."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def check_json(values: JsonObject) -> bool:
    """Refuse what is nested too deeply; return whether there are halves of characters.

    Files that were read with ``errors="surrogateescape"`` and texts that were cut within a
    character hold such halves, which the API refuses.

    Args:
        values: Fields of a body, or arguments of a call.

    Raises:
        InvalidInputError: One is nested too deeply; the message names it.
    """
    has_halves = False
    for name, field in values.items():
        level = [name, field]
        for _ in range(_DEEPEST):
            deeper: list[object] = []
            for value in level:
                if isinstance(value, str):
                    has_halves |= not value.isascii() and bool(_SURROGATES.search(value))
                elif isinstance(value, dict):
                    deeper += value
                    deeper += value.values()
                elif isinstance(value, list | tuple):
                    deeper += value
            level = deeper
        if level:
            raise InvalidInputError(
                f"{name!r} is nested more than {_DEEPEST} levels deep. Look for tool arguments or "
                "content that hold themselves, or send deep data as text."
            )
    return has_halves


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Two halves of a character that belong together become it, others the replacement character.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The request cannot be written as JSON: {error}. Look at tool arguments and "
            "model_kwargs for values that are not strings, numbers, booleans, lists or dicts."
        ) from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
