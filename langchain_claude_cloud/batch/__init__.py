"""Answers many prompts: with single calls from this process, or with the clouds' batch jobs.

`run` and `arun` write one record for each input, as fast as the quota allows. If a run was stopped,
the same call continues it. `submit` sends all inputs to the cloud, which answers them mostly within
a day, at half the price. `BatchJob` follows their progress.
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
