"""Batch inference on Vertex AI: structured answers, from a job that expires and is submitted again.

Offline on the emulator, which has Cloud Storage. ``--live`` asks Vertex AI, which takes hours: set
``BATCH_STORAGE`` to ``gs://bucket/folder`` or ``bq://project.dataset``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import BaseModel
from run_example import MODEL, is_live

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import BatchJob, VertexBatch, submit
from langchain_claude_cloud.testing import CloudEmulator

ROWS = [{"key": f"river-{n}", "question": f"Name a river of {n} km."} for n in range(100, 120)]
OPTIONS = VertexBatch(labels={"team": "maps"})


class River(BaseModel):
    """A river."""

    name: str
    country: str


def answer(llm: ChatClaudeCloud, storage: str, folder: Path, every: float) -> None:
    """Submit the rows and wait, twice: the second time only what has no answer is asked."""
    rivers, reference = llm.with_structured_output(River), folder / "rivers.batch.json"
    for _ in range(2):
        job = submit(
            rivers,
            ROWS,
            storage=storage,
            reference=reference,
            id="key",
            input="question",
            options=OPTIONS,
        )
        print(job.wait(every=every, progress=False))
    # Any process can do this, with the reference file alone.
    loaded = BatchJob.load(reference, rivers)
    first = next(loaded.results())
    print(first.id, repr(first.output))
    print(loaded.write(folder / "rivers.jsonl"))


def main() -> None:
    """Run the example."""
    with tempfile.TemporaryDirectory() as folder:
        if not is_live():
            with CloudEmulator() as emulator:
                os.environ["STORAGE_EMULATOR_HOST"] = emulator.url
                emulator.create_bucket("rivers")
                emulator.batch_fault("expired", answered=12)
                llm = ChatClaudeCloud(model=MODEL, platform=emulator.vertex(region="us"))
                answer(llm, "gs://rivers/answers", Path(folder), 0.05)
        elif "BATCH_STORAGE" in os.environ:
            llm = ChatClaudeCloud(model=MODEL, platform="vertex", max_tokens=4000)
            answer(llm, os.environ["BATCH_STORAGE"], Path(folder), 60)
        else:
            print("Set BATCH_STORAGE to submit a batch to Vertex AI.")


if __name__ == "__main__":
    main()
