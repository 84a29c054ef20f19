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

_BATCHES: Final = """
## Faults of batch jobs

`emulator.batch_fault("expired", platform="bedrock", answered=10)` has the next batch job go wrong:

| kind | what happens |
|---|---|
| `failed` | the job fails without any output |
| `expired`, `partly_completed` | only the first records are answered: `answered` of them, or half |
| `corrupt_line` | a line of the output is cut in half |
| `lost_response` | the job is created, and its creation is not answered |

`emulator.deny(...)` takes permissions away from you or, with `service_agent=True`, from the job. A bucket that was not
created is not there. `batch_records`, `batch_fewest_records` and `batch_jobs_at_once` are the limits.
"""


def faults_page() -> str:
    """Return the page."""
    rows = [f"| `{kind.name}` | {kind.description} |\n" for kind in FaultKind]
    return _HEAD + "".join(rows) + _BATCHES


if __name__ == "__main__":
    PAGE.write_text(faults_page(), encoding="utf-8")
