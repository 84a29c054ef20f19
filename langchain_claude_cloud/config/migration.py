"""What the arguments of other LangChain classes for Claude are called here.

The table is ``migration.toml``, which the error for an unknown argument and the migration page
read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Final, Literal

_PREFIX: Final = re.compile(
    r"(?P<aws>(?:(?:aws|amazon|bedrock|boto3?|botocore)_)+)"
    r"|(?P<vertex>(?:gcp_|google_(?:cloud_)?|vertex_?(?:ai)?_)+)|(?:anthropic|claude)_"
)


@dataclass(frozen=True, slots=True)
class Equivalent:
    """What one argument of a peer is here.

    Attributes:
        peers: The classes that have it, by the letters of ``tools/document_migration.py``.
        field: What it is called here; None for what has no equivalent.
        owner: Who has it here: the model, or a platform.
        why: What is different, or why it has no equivalent.
    """

    peers: str
    field: str | None = None
    owner: Literal["model", "Vertex", "Bedrock"] | None = None
    why: str = ""

    def here(self) -> str | None:
        """Return how it is written here, or None."""
        if self.field is None or self.owner == "model":
            return self.field and f"{self.field}=..."
        return f"platform={self.owner}({self.field}=...)"


@cache
def equivalents() -> Mapping[str, Equivalent]:
    """Return what the arguments of the peers are here, by their names there."""
    file = resources.files("langchain_claude_cloud.config").joinpath("migration.toml")
    rows = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: Equivalent(**row) for name, row in rows.items()}


def suggestion(owner: str, name: str, fields: Iterable[str]) -> str | None:
    """Say what was probably meant by an argument that is not known; None if nothing is like it.

    Args:
        owner: What was given it: the model, a ``call``, ``Vertex`` or ``Bedrock``.
        name: The argument.
        fields: What that has.
    """
    known, rows = list(fields), equivalents()
    spelled = _spellings(name)
    plain = spelled[-1]
    here = [each for each, row in rows.items() if row.field]  # that a thing is missing is no guess
    close = [
        *filter(rows.get, spelled),
        *(field for field in known if field == plain or field.endswith(f"_{plain}")),
        *get_close_matches(plain, [*known, *here], 1, 0.75),
        *(field for field in known if plain.startswith(f"{field}_")),
    ]
    if not close:
        return None
    meant = close[0]
    if meant in rows and (meant in spelled or meant not in known):
        return _advice(owner, rows[meant], known)
    return f"Did you mean {meant!r}?"


def _spellings(name: str) -> list[str]:
    """Return how the table may write a name, the most exact first, the shortest last."""
    snake = re.sub(r"(?<=[a-z0-9])[A-Z]", r"_\g<0>", name).lower()
    prefix = _PREFIX.match(snake)
    plain = snake[prefix.end() :] if prefix else snake
    found = prefix.groupdict() if prefix else {"aws": True, "vertex": True}
    clouds = [cloud for cloud, is_there in found.items() if is_there]
    return [name, snake, *(f"{cloud}_{plain}" for cloud in clouds), plain]


def _advice(owner: str, known: Equivalent, fields: Iterable[str]) -> str:
    more = f" ({known.why})" if known.why else ""
    if known.field is None:
        return f"It has no equivalent here: {known.why}."
    if known.field in fields and (owner != "ChatClaudeCloud" or known.owner == "model"):
        return f"Did you mean {known.field!r}?{more}"
    if owner in ("Vertex", "Bedrock") and known.owner == "model":
        return f"Here it is {known.field}=... of the model, not of the platform{more}."
    return f"Here it is {known.here()}{more}."
