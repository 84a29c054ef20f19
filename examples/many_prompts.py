"""Many prompts into a file; the second run asks only for what is missing.

Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from run_example import example_model

from langchain_claude_cloud.batch import run

ROWS = [{"id": f"river-{n}", "input": f"Name a river of {n} km."} for n in range(100, 120)]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, example_model() as llm:
        output = Path(folder) / "rivers.jsonl"
        first = run(llm, ROWS[:15], output, progress=False)
        print("answered:", first.answered, "failed:", first.failed)
        second = run(llm, ROWS, output, progress=False)
        print("answered:", second.answered, "skipped:", second.skipped)
