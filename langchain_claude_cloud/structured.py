"""The public import path of `StructuredOutputError`."""

from langchain_claude_cloud.chat_models.structured_output import StructuredOutputError

__all__ = ["StructuredOutputError"]
