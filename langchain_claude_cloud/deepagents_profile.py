"""Tells deepagents how to run this model: with prompt caching.

deepagents caches prompts of ChatAnthropic, Bedrock's Converse API and some others, but knows no
other classes. It finds `register` by the entry-point group ``deepagents.harness_profiles``.
"""

from __future__ import annotations

from langchain_claude_cloud.middleware import PromptCachingMiddleware


def register() -> None:
    """Register middleware that caches the prompts of `ChatClaudeCloud`.

    deepagents looks up profiles by the model's provider, which is ``anthropic`` for ChatAnthropic
    as well. The middleware does not change that one.
    """
    from deepagents import HarnessProfile, register_harness_profile  # noqa: PLC0415  # not required

    profile = HarnessProfile(extra_middleware=lambda: [PromptCachingMiddleware()])
    register_harness_profile("anthropic", profile)
