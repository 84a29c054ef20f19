"""The documentation's table of faults says what the emulator has."""

from __future__ import annotations

import document_faults


def test_the_page_is_what_the_faults_make() -> None:
    """Who adds a fault adds it to the documentation."""
    assert document_faults.PAGE.read_text(encoding="utf-8") == document_faults.faults_page(), (
        "run `make features`"
    )
