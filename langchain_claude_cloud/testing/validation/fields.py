"""Checks single JSON values and says what is wrong with them as pydantic does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.wire import invalid

Check = Callable[[str, object], object]
"""Refuses a value; what it returns is for other callers."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object.

    Attributes:
        check: What its value must be.
        required: Whether it must be there.
    """

    check: Check
    required: bool = False


def anything(path: str, value: object) -> None:
    """Accept any value."""
    del path, value


def string(path: str, value: object) -> None:
    """Accept a string."""
    if not isinstance(value, str):
        raise invalid(path, "Input should be a valid string")


def tool_name(path: str, value: object) -> None:
    """Accept a name that a tool may have."""
    string(path, value)
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", str(value)):
        raise invalid(path, "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")


def boolean(path: str, value: object) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise invalid(path, "Input should be a valid boolean")


def nullable(check: Check) -> Check:
    """Return a check that accepts null besides."""

    def run(path: str, value: object) -> None:
        if value is not None:
            check(path, value)

    return run


def one_of(*values: str) -> Check:
    """Return a check that accepts some strings only."""
    listed = ", ".join(f"'{value}'" for value in values[:-1])
    wording = f"{listed} or '{values[-1]}'" if listed else f"'{values[-1]}'"

    def run(path: str, value: object) -> None:
        if value not in values:
            raise invalid(path, f"Input should be {wording}")

    return run


def at_least(least: int) -> Check:
    """Return a check for a whole number that is not smaller than a bound."""

    def run(path: str, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(path, "Input should be a valid integer")
        if value < least:
            raise invalid(path, f"Input should be greater than or equal to {least}")

    return run


def between(low: float, high: float) -> Check:
    """Return a check for a number in a closed range."""

    def run(path: str, value: object) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid(path, "Input should be a valid number")
        if not low <= value <= high:
            raise invalid(path, f"range: {low:g}..{high:g}")

    return run


def list_of(check: Check) -> Check:
    """Return a check for a list whose items pass another check."""

    def run(path: str, value: object) -> None:
        for index, item in enumerate(items(path, value)):
            check(f"{path}.{index}", item)

    return run


def items(path: str, value: object) -> list[object]:
    """Return a value that must be a list."""
    if not isinstance(value, list):
        raise invalid(path, "Input should be a valid list")
    return value


def mapping(path: str, value: object) -> JsonObject:
    """Return a value that must be an object."""
    if not isinstance(value, dict):
        raise invalid(path, "Input should be a valid dictionary")
    return value


def obj(fields: Mapping[str, Field]) -> Check:
    """Return a check for an object that has these keys and no others."""

    def run(path: str, value: object) -> None:
        check_fields(path, mapping(path, value), fields)

    return run


def check_fields(path: str, value: JsonObject, fields: Mapping[str, Field]) -> None:
    """Check an object's keys and their values.

    Raises:
        Refusal: A key is missing, unknown, or has a wrong value.
    """
    prefix = f"{path}." if path else ""
    for name, field in fields.items():
        if name in value:
            field.check(f"{prefix}{name}", value[name])
        elif field.required:
            raise invalid(f"{prefix}{name}", "Field required")
    for name in value:
        if name not in fields:
            raise invalid(f"{prefix}{name}", "Extra inputs are not permitted")


def tagged(path: str, value: object, tags: Mapping[str, Mapping[str, Field]]) -> JsonObject:
    """Return an object whose ``type`` decides its keys.

    Raises:
        Refusal: The type is missing or unknown, or a key is wrong.
    """
    block = mapping(path, value)
    tag = block.get("type")
    if "type" not in block:
        raise invalid(f"{path}.type", "Field required")
    if not isinstance(tag, str) or tag not in tags:
        raise unexpected_tag(path, tag, tuple(tags))
    check_fields(f"{path}.{tag}", block, {"type": Field(anything, required=True), **tags[tag]})
    return block


def tagged_as(tags: Mapping[str, Mapping[str, Field]]) -> Check:
    """Return a check for an object whose ``type`` decides its keys."""

    def run(path: str, value: object) -> None:
        tagged(path, value, tags)

    return run


def unexpected_tag(path: str, tag: object, expected: tuple[str, ...]) -> Exception:
    """Return the refusal of an unknown ``type``."""
    listed = ", ".join(f"'{name}'" for name in sorted(expected))
    return invalid(
        path,
        f"Input tag '{tag}' found using 'type' does not match any of the expected tags: {listed}",
    )


CACHE_CONTROL: Check = nullable(
    obj(
        {
            "type": Field(one_of("ephemeral"), required=True),
            "ttl": Field(nullable(one_of("5m", "1h"))),
        }
    )
)
