"""The stand-in for the model: small, deterministic, and able to follow tools and schemas."""

from __future__ import annotations

from langchain_claude_cloud.testing.stand_in.answer import answer

__all__ = ["answer"]
