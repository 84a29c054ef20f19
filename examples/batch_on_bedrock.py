"""Batch inference on Bedrock: a job that is completed in part, and submitted again.

Offline on the emulator, with moto as Amazon S3 (extra ``emulator``).
``--live`` asks Amazon Bedrock, which takes hours: set ``BATCH_STORAGE=s3://bucket/folder`` and
``BATCH_ROLE``, the ARN of the service role.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from run_example import MODEL, is_live

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import BatchJob, BedrockBatch, submit
from langchain_claude_cloud.testing import CloudEmulator

ROWS = [{"id": f"river-{n}", "input": f"Name a river of {n} km."} for n in range(100, 400)]


@contextmanager
def emulated() -> Iterator[ChatClaudeCloud]:
    """Open a model whose first batch job is completed in part."""
    with CloudEmulator() as emulator:
        emulator.create_s3_bucket("rivers")
        before = os.environ.get("AWS_ENDPOINT_URL_S3")
        os.environ["AWS_ENDPOINT_URL_S3"] = emulator.s3_url
        emulator.batch_fault("partly_completed", answered=200)
        try:
            yield ChatClaudeCloud(model=MODEL, platform=emulator.bedrock())
        finally:
            del os.environ["AWS_ENDPOINT_URL_S3"]
            if before is not None:
                os.environ["AWS_ENDPOINT_URL_S3"] = before


def answer(llm: ChatClaudeCloud, storage: str, role: str, reference: Path, every: float) -> None:
    """Submit the rows, wait, and submit what has no answer."""
    options = BedrockBatch(role=role)
    for _ in range(2):
        job = submit(llm, ROWS, storage=storage, reference=reference, options=options)
        print(job.wait(every=every, progress=False))
    loaded = BatchJob.load(reference, llm)
    results = [result for result in loaded.results() if result.message is not None]
    print("answered:", len(results), "first:", results[0].id, "last:", results[-1].id)


def main() -> None:
    """Run the example."""
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "rivers.batch.json"
        if not is_live():
            with emulated() as llm:
                answer(llm, "s3://rivers", "arn:aws:iam::123456789012:role/R", reference, 0.05)
        elif {"BATCH_STORAGE", "BATCH_ROLE"} <= os.environ.keys():
            llm = ChatClaudeCloud(model=MODEL, platform="bedrock", max_tokens=4000)
            answer(llm, os.environ["BATCH_STORAGE"], os.environ["BATCH_ROLE"], reference, 60)
        else:
            print("Set BATCH_STORAGE and BATCH_ROLE to submit a batch to Amazon Bedrock.")


if __name__ == "__main__":
    main()
