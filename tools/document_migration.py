"""Write ``docs/migration.md`` from the table of other classes' arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from langchain_claude_cloud.config.migration import Equivalent, equivalents

PEERS: Final[Mapping[str, str]] = {
    "A": "ChatAnthropic",
    "V": "ChatAnthropicVertex",
    "B": "ChatBedrock",
    "C": "ChatBedrockConverse",
    "D": "ChatAnthropicBedrock",
}
"""The classes that the table knows, by the letter that migration.toml names them with."""

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "migration.md"
_BEGINNING: Final = """\
# Coming from another class

Made by `make migration` from the table that the error for an unknown argument reads. What has the
same name and place in both is left out. Settings of a cloud belong to its platform:
`ChatClaudeCloud(model="claude-sonnet-5-5", platform=Bedrock(region="us-east-1"))`.
"""


def migration_page() -> str:
    """Return the page."""
    return "\n".join([_BEGINNING, *(line for letter in PEERS for line in _section(letter))])


def _section(letter: str) -> Iterator[str]:
    yield f"## {PEERS[letter]}\n"
    yield "| there | here | note |\n|---|---|---|"
    for name, known in equivalents().items():
        if letter in known.peers and (known.owner, known.field) != ("model", name):
            yield _row(name, known)
    yield ""


def _row(name: str, known: Equivalent) -> str:
    here = known.here()
    return f"| `{name}` | {f'`{here}`' if here else '-'} | {known.why} |"


if __name__ == "__main__":
    PAGE.write_text(migration_page(), encoding="utf-8")
