"""Write ``docs/errors.md`` from the table of what the clouds are known to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from langchain_claude_cloud.errors.exceptions import CLASSES
from langchain_claude_cloud.errors.known_errors import HINTS_BY_KIND, KNOWN_ERRORS, KnownError
from langchain_claude_cloud.errors.types import LABELS, Cloud

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
_BEGINNING: Final = """\
# What the clouds say, and what to do

Made by `make errors` from the table that the package's own messages come from. A text is looked for
in what the cloud said; what the message then advises is in the last column, where names in braces
stand for what the call knows. [Errors](reference/errors.md) lists the classes.
"""
_HEADINGS: Final[tuple[tuple[Cloud | None, str], ...]] = (
    ("vertex", LABELS["vertex"]),
    ("bedrock", LABELS["bedrock"]),
    (None, "Both, and what lies before them"),
)


def errors_page() -> str:
    """Return the page."""
    return "\n".join([_BEGINNING, *_sections(), *_general()])


def _sections() -> Iterator[str]:
    for cloud, heading in _HEADINGS:
        yield f"## {heading}\n"
        yield "| it says | class | it means | what to do |\n|---|---|---|---|"
        yield from (_row(known) for known in KNOWN_ERRORS if known.cloud == cloud)
        yield ""


def _row(known: KnownError) -> str:
    becomes = f"`{CLASSES[known.kind].__name__}`" if known.kind else "by the status"
    cells = (known.says, becomes, known.meaning, known.hint)
    return f"| {' | '.join(map(_cell, cells))} |"


def _general() -> Iterator[str]:
    yield "## Where the text tells nothing more\n"
    yield "| class | cloud | what to do |\n|---|---|---|"
    for (cloud, kind), hint in HINTS_BY_KIND.items():
        label = LABELS[cloud] if cloud else "both"
        yield f"| `{CLASSES[kind].__name__}` | {label} | {_cell(hint)} |"
    yield ""


def _cell(text: str) -> str:
    return re.sub(r"\{clock\}", "Set this machine's clock (NTP).", text).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(errors_page(), encoding="utf-8")
