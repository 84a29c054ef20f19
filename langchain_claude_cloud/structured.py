"""The public import path of the errors of structured output."""

from langchain_claude_cloud.chat_models.structured_output import (
    StructuredOutputError,
    StructuredOutputRefusalError,
)

__all__ = ["StructuredOutputError", "StructuredOutputRefusalError"]
