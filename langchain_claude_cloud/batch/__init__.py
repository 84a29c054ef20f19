"""Answers many prompts: now in the caller's own process, or by the clouds' batch inference.

`run` and `arun` write one record for each input as fast as the quota allows. A run that was
stopped continues where it was. `submit` sends all inputs to the cloud, which answers them within a
day or so at half the price; `BatchJob` follows them.
"""

from langchain_claude_cloud.batch.inputs import InputRowError
from langchain_claude_cloud.batch.jobs.bedrock import BedrockBatch
from langchain_claude_cloud.batch.jobs.job import BatchJob, BatchStatus
from langchain_claude_cloud.batch.jobs.results import BatchResult
from langchain_claude_cloud.batch.jobs.submission import asubmit, submit
from langchain_claude_cloud.batch.jobs.vertex import VertexBatch
from langchain_claude_cloud.batch.report import RunReport
from langchain_claude_cloud.batch.runner import arun, run

__all__ = [
    "BatchJob",
    "BatchResult",
    "BatchStatus",
    "BedrockBatch",
    "InputRowError",
    "RunReport",
    "VertexBatch",
    "arun",
    "asubmit",
    "run",
    "submit",
]
