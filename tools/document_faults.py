"""Writes the table of the emulator's faults into the documentation.

``make features`` writes ``docs/reference/emulator-faults.md``; a test compares it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from langchain_claude_cloud.testing import FaultKind

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "emulator-faults.md"
_HEAD: Final = """# Faults of the emulator

`emulator.fault(FaultKind.THROTTLED)` queues a fault by its name, from
`langchain_claude_cloud.testing`. Settings beside it come on top of its own, such as `retry_after=0`
or `times=2`; `match`, `field` and `beta` choose the requests that it is for. Over HTTP, the name is
`kind` in the body of `POST /_emulator/faults`. A fault that could not have an effect is refused.

| name | what happens |
|---|---|
"""


def faults_page() -> str:
    """Return the page."""
    rows = [f"| `{kind.name}` | {kind.description} |\n" for kind in FaultKind]
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(faults_page(), encoding="utf-8")
