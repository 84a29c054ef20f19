"""Parses the raw text of a tool call's arguments.

They are accepted only if they are one whole JSON object, strictly: what a model left out is
never made up, because the call is executed. What is known of unfinished arguments is read by
`partial_json`.
"""

from __future__ import annotations

import json
import re

from jiter import from_json

from langchain_claude_cloud.errors.types import JsonObject

_MAY_OVERFLOW = re.compile(r"[0-9][eE]\+?[0-9]{2}|[0-9]{300}")
"""What a number beyond the range of a float contains, so that few texts are checked."""
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
            trailing text, duplicate keys, NaN, numbers beyond the range of a float, raw control
            characters, lone surrogates, nested too deeply.
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
    if _MAY_OVERFLOW.search(raw):
        check_numbers(value)
    return value


def check_numbers(arguments: JsonObject) -> None:
    """Check that all numbers are finite: the API takes no others when the call goes back.

    Raises:
        ArgumentsError: A number is beyond the range of a float, which parses as infinite.
    """
    try:
        json.dumps(arguments, allow_nan=False)
    except ValueError:
        raise ArgumentsError("malformed: a number is beyond the range of a float") from None


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
