"""LangChain's standard integration tests, all of them, through Bedrock's Messages API."""

from __future__ import annotations

from clouds import THINKING_MODEL
from langchain_tests.integration_tests import ChatModelIntegrationTests
from standard_suites import CloudIntegration


class TestMessagesIntegration(CloudIntegration, ChatModelIntegrationTests):
    """On ``bedrock-runtime``, a model that thinks only when asked to."""

    cloud = "messages"


class TestMantleIntegration(CloudIntegration, ChatModelIntegrationTests):
    """On ``bedrock-mantle``, a model that thinks only when asked to."""

    cloud = "mantle"


class _Thinking(CloudIntegration):
    model_name = THINKING_MODEL

    @property
    def has_tool_choice(self) -> bool:
        """The clouds refuse to force a tool on this model."""
        return False


class TestMessagesThinkingIntegration(_Thinking, ChatModelIntegrationTests):
    """On ``bedrock-runtime``, a model that thinks unless told not to."""

    cloud = "messages"


class TestMantleThinkingIntegration(_Thinking, ChatModelIntegrationTests):
    """On ``bedrock-mantle``, a model that thinks unless told not to."""

    cloud = "mantle"
