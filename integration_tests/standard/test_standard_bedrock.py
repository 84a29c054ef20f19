"""LangChain's standard tests, all of them, on Bedrock."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import THINKING_MODEL
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from standard_suites import CloudIntegration, CloudUnit

from langchain_claude_cloud import Bedrock

PLATFORM = Bedrock(region="eu-west-1")
ENVIRONMENT = {
    "ANTHROPIC_MODEL": "claude-opus-4-8",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "AWS_REGION": "eu-west-1",
    "AWS_BEARER_TOKEN_BEDROCK": "test",
}


class TestBedrockUnit(CloudUnit, ChatModelUnitTests):
    """The unit tests, which send nothing."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """A model with all settings that the suite does not make."""
        return {"model": self.model_name, "platform": PLATFORM}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Everything from the environment."""
        return ENVIRONMENT, {}, {"model": "claude-opus-4-8", "platform": Bedrock()}


@pytest.mark.peer_defect(peers="ChatAnthropicVertex", defect="LangChain's standard tests never ran")
class TestBedrockIntegration(CloudIntegration, ChatModelIntegrationTests):
    """A model that thinks only when asked to."""

    cloud = "bedrock"


class TestBedrockThinkingIntegration(CloudIntegration, ChatModelIntegrationTests):
    """A model that thinks unless told not to."""

    cloud = "bedrock"
    model_name = THINKING_MODEL

    @property
    def has_tool_choice(self) -> bool:
        """The clouds refuse to force a tool on this model."""
        return False
