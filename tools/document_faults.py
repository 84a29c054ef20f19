"""Writes the table of the emulator's faults into the documentation.

``make features`` writes ``docs/reference/emulator-faults.md``; a test compares it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from langchain_claude_cloud.testing import FaultKind

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "emulator-faults.md"
_HEAD: Final = """# Faults of the emulator

`emulator.fault(FaultKind.THROTTLED)` queues a fault by its name. `FaultKind` is in
`langchain_claude_cloud.testing`. Further settings, such as `retry_after=0` or `times=2`, change the
fault; `match`, `field` and `beta` choose the requests that get it. Over HTTP, the name is `kind` in
the body of `POST /_emulator/faults`. A fault that cannot have an effect is refused.

| name | what happens |
|---|---|
"""

_BATCHES: Final = """
## Faults of batch jobs

`emulator.batch_fault("expired", platform="bedrock", answered=10)` makes the next batch job fail:

| kind | what happens |
|---|---|
| `failed` | the job fails without any output |
| `expired`, `partly_completed` | only the first records are answered: `answered` of them, or half |
| `corrupt_line` | a line of the output is cut in half |
| `lost_response` | the job is created, but the response to that is lost |

`emulator.deny(...)` removes permissions from you or, with `service_agent=True`, from the job. Create buckets before you
use them. `batch_records`, `batch_fewest_records` and `batch_jobs_at_once` set the limits.
"""


def faults_page() -> str:
    """Return the page."""
    rows = [f"| `{kind.name}` | {kind.description} |\n" for kind in FaultKind]
    return _HEAD + "".join(rows) + _BATCHES


if __name__ == "__main__":
    PAGE.write_text(faults_page(), encoding="utf-8")
