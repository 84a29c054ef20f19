"""The stand-in for the model: small, deterministic, and obedient to tools and schemas.

In: a valid request. Out: what a model could have said, the same for the same request.
"""

from __future__ import annotations

from langchain_claude_cloud.testing.stand_in.answer import Answer, answer

__all__ = ["Answer", "answer"]
