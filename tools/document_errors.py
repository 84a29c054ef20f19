"""Write the tables of ``docs/errors.md``: what the clouds are known to say, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from langchain_claude_cloud.errors.explanation import KnownError, known_errors
from langchain_claude_cloud.errors.types import LABELS, Cloud

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
_FIRST_HEADING: Final = "### Vertex AI\n"
"""Where the part begins that is made; what is before it is written by hand."""
_HEADINGS: Final[tuple[tuple[Cloud | None, str], ...]] = (
    ("vertex", LABELS["vertex"]),
    ("bedrock", LABELS["bedrock"]),
    (None, "Both clouds, and proxies on the way"),
)


def errors_page() -> str:
    """Return the page: its beginning as it is, and the tables of what the clouds say."""
    beginning = PAGE.read_text(encoding="utf-8").partition(_FIRST_HEADING)[0]
    return beginning + "\n".join([*_sections(), *_general()])


def _sections() -> Iterator[str]:
    for cloud, heading in _HEADINGS:
        yield f"### {heading}\n"
        yield "| it says | class | it means | what to do |\n|---|---|---|---|"
        yield from (_row(known) for known in known_errors().errors if known.cloud == cloud)
        yield ""


def _row(known: KnownError) -> str:
    becomes = f"`{known.kind}`" if known.kind else "by the status"
    cells = (known.says, becomes, known.meaning, known.hint)
    return f"| {' | '.join(map(_cell, cells))} |"


def _general() -> Iterator[str]:
    yield "### Other refusals\n"
    yield "| class | cloud | what to do |\n|---|---|---|"
    for cloud, hints in known_errors().hints.items():
        label = "both" if cloud == "both" else LABELS[cloud]
        for kind, hint in hints.items():
            yield f"| `{kind}` | {label} | {_cell(hint)} |"
    yield ""


def _cell(text: str) -> str:
    general = "See [below](#other-refusals)."
    return text.replace(" {general}", "").replace("{general}", general).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(errors_page(), encoding="utf-8")
