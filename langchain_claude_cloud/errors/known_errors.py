"""The table of what the clouds are known to say: ``known_errors.toml``.

It is read when the first error is classified. ``docs/errors.md`` is made from it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from langchain_claude_cloud.errors.types import Cloud

ErrorKind: TypeAlias = Literal[
    "authentication",
    "permission",
    "not_found",
    "invalid",
    "too_large",
    "overflow",
    "rate_limit",
    "server",
    "overloaded",
    "timeout",
]
"""Which exception class an error becomes."""

_END_OF_STATUSES = 600


@dataclass(frozen=True, slots=True)
class ErrorName:
    """What an error's own name stands for.

    Attributes:
        status: The HTTP status, for where none came with it.
        kind: The kind of error.
        is_exact: Whether the name is more exact than the status that it comes with.
    """

    status: int
    kind: ErrorKind
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class KnownError:
    """One thing that a cloud says.

    Attributes:
        says: The cloud's words, shortened, for the documentation.
        patterns: What is searched for in the message, the error's type and its reasons.
        meaning: What it means, for the documentation.
        hint: What to do. Named groups of the pattern and the facts about the call may be used.
        cloud: The cloud that says it; None for both.
        kind: What it is, where the status says otherwise.
        only: The kinds of error, by status and type, that the text is looked for in.
    """

    says: str
    patterns: tuple[str, ...]
    meaning: str
    hint: str
    cloud: Cloud | None = None
    kind: ErrorKind | None = None
    only: frozenset[ErrorKind] = frozenset(
        ("authentication", "permission", "not_found", "invalid", "too_large")
    )

    def search(self, text: str) -> re.Match[str] | None:
        """Return where a text says it."""
        return re.search("|".join(self.patterns), text, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownErrors:
    """The table.

    Attributes:
        statuses: What a status stands for where the error's name does not tell.
        names: What the names of errors stand for.
        hints: What to do about an error whose text tells nothing more.
        errors: What texts say, the most exact first within a cloud.
    """

    statuses: Mapping[int, ErrorKind]
    names: Mapping[str, ErrorName]
    hints: Mapping[Literal["vertex", "bedrock", "both"], Mapping[ErrorKind, str]]
    errors: tuple[KnownError, ...]


@cache
def known_errors() -> KnownErrors:
    """Return the table."""
    file = resources.files("langchain_claude_cloud.errors").joinpath("known_errors.toml")
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return TypeAdapter(KnownErrors).validate_python(data)


def is_error_status(status: int) -> bool:
    """Whether an HTTP status says that something failed."""
    return HTTPStatus.BAD_REQUEST <= status < _END_OF_STATUSES


def status_of(error_type: str | None) -> int:
    """Return the HTTP status that an error's name stands for."""
    name = known_errors().names.get(error_type or "")
    return name.status if name else HTTPStatus.INTERNAL_SERVER_ERROR
