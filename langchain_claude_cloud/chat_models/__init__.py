"""`ChatClaudeCloud`, the chat model that LangChain calls."""

from langchain_claude_cloud.chat_models.arguments import (
    Effort,
    ModelArguments,
    PlatformLike,
    TimeoutLimits,
)
from langchain_claude_cloud.chat_models.model import ChatClaudeCloud

__all__ = ["ChatClaudeCloud", "Effort", "ModelArguments", "PlatformLike", "TimeoutLimits"]
