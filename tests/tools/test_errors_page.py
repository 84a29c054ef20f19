"""The documentation's page of errors says what the package's messages say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Final

from langchain_claude_cloud.errors.explanation import known_errors

PROJECT: Final = Path(__file__).resolve().parent.parent.parent


def test_the_page_is_what_the_table_makes() -> None:
    """Who adds a text adds its line to the documentation."""
    made = runpy.run_path(str(PROJECT / "tools" / "document_errors.py"))["errors_page"]()
    assert (PROJECT / "docs" / "errors.md").read_text(encoding="utf-8") == made, "run `make errors`"
    tables = made.partition("## What the clouds say")[2].splitlines()
    rows = [line for line in tables if line.startswith("| ") and "what to do" not in line]
    known = known_errors()
    assert len(rows) == len(known.errors) + sum(map(len, known.hints.values()))
