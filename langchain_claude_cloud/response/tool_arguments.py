"""Parses the raw text of a tool call's arguments.

Two readings of the same text. While it streams, `parse_partial` shows what is known so
far. When the block has ended, `parse_arguments` accepts it only if it is one whole JSON
object, strictly: what a model left out is never made up, because the call is executed.
"""

from __future__ import annotations

import json
import re

from jiter import from_json

from langchain_claude_cloud.errors.types import JsonObject

_POSITION = re.compile(r" at line (\d+) column (\d+)$")


class ArgumentsError(ValueError):
    """A tool call's arguments are not one whole JSON object; the text says why."""


def parse_arguments(raw: str) -> JsonObject:
    """Parse complete arguments.

    Args:
        raw: The concatenated fragments. Empty text is what a call without arguments sends.

    Returns:
        The arguments.

    Raises:
        ArgumentsError: The text is not a JSON object by the letter of RFC 8259: cut off,
            trailing text, duplicate keys, NaN, raw control characters, lone surrogates,
            nested too deeply.
    """
    if not raw:
        return {}
    data = raw.encode("utf-8", "surrogatepass")
    try:
        value = from_json(data, partial_mode=False, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise ArgumentsError(_explain(str(error), data)) from None
    if not isinstance(value, dict):
        raise ArgumentsError(f"malformed: a JSON object was expected, not {type(value).__name__}")
    return value


def parse_partial(raw: str) -> JsonObject:
    """Return the arguments as far as unfinished text shows them; empty where it shows none.

    A string that is still open is kept as it is so far; a number at the very end may grow.
    """
    try:
        value = from_json(raw.encode("utf-8", "surrogatepass"), partial_mode="trailing-strings")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def dump_arguments(value: object) -> str:
    """Serialize arguments that came parsed, as the raw text of a call that is invalid."""
    return json.dumps(value, ensure_ascii=False)


def _explain(reason: str, data: bytes) -> str:
    """Name the character where parsing stopped, as jiter names a line and a column."""
    found = _POSITION.search(reason)
    if not found:
        return f"malformed JSON: {reason}"
    line, column = int(found[1]), int(found[2])
    lines = data.split(b"\n")
    offset = sum(len(before) + 1 for before in lines[: line - 1]) + column
    character = len(data[:offset].decode("utf-8", "replace"))
    return f"malformed JSON at character {character}: {reason[: found.start()]}"
