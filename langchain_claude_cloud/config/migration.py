"""What the arguments of other LangChain classes for Claude are called here.

The table is ``migration.toml``, which the error for an unknown argument and the migration page
read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

PEERS: Final[Mapping[str, str]] = {
    "A": "ChatAnthropic",
    "V": "ChatAnthropicVertex",
    "B": "ChatBedrock",
    "C": "ChatBedrockConverse",
    "D": "ChatAnthropicBedrock",
}
"""The classes that the table knows, by the letter that it names them with."""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """What one argument of a peer is here.

    Attributes:
        peers: The classes that have it, by their letters in `PEERS`.
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


def advice(owner: str, name: str, fields: Iterable[str]) -> str | None:
    """Return what to write here in place of a peer's argument; None for an argument of none.

    Args:
        owner: The class that was given it: the model, ``Vertex`` or ``Bedrock``.
        name: The argument.
        fields: What that class has.
    """
    known = equivalents().get(name)
    if known is None:
        return None
    more = f" ({known.why})" if known.why else ""
    if known.field is None:
        return f"It has no equivalent here: {known.why}."
    of_platform = owner in ("Vertex", "Bedrock")
    if known.field in fields and (of_platform or known.owner == "model"):
        return f"Did you mean {known.field!r}?{more}"
    if of_platform and known.owner == "model":
        return f"Here it is {known.field}=... of the model, not of the platform.{more}"
    return f"Here it is {known.here()}.{more}"
