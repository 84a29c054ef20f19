"""Answers many prompts in the caller's own process, as fast as the quota allows.

`run` and `arun` write one record for each input. A run that was stopped goes on where it was.
"""

from langchain_claude_cloud.batch.inputs import InputRowError
from langchain_claude_cloud.batch.report import RunReport
from langchain_claude_cloud.batch.runner import arun, run

__all__ = ["InputRowError", "RunReport", "arun", "run"]
