"""LangChain's standard tests, all of them, on Vertex."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import THINKING_MODEL
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from standard_suites import CloudIntegration, CloudUnit

from langchain_claude_cloud import Vertex

PLATFORM = Vertex(project="some-project", region="europe-west1")
ENVIRONMENT = {
    "ANTHROPIC_MODEL": "claude-opus-4-8",
    "CLAUDE_CODE_USE_VERTEX": "1",
    "ANTHROPIC_VERTEX_PROJECT_ID": "some-project",
    "CLOUD_ML_REGION": "europe-west1",
    "VERTEX_ACCESS_TOKEN": "test",
}


class TestVertexUnit(CloudUnit, ChatModelUnitTests):
    """The unit tests, which send nothing."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """A model with all settings that the suite does not make."""
        return {"model": self.model_name, "platform": PLATFORM}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Everything from the environment."""
        return ENVIRONMENT, {}, {"model": "claude-opus-4-8", "platform": Vertex()}


@pytest.mark.peer_defect(peers="ChatAnthropicVertex", defect="LangChain's standard tests never ran")
class TestVertexIntegration(CloudIntegration, ChatModelIntegrationTests):
    """A model that thinks only when asked to."""

    cloud = "vertex"


class TestVertexThinkingIntegration(CloudIntegration, ChatModelIntegrationTests):
    """A model that thinks unless told not to."""

    cloud = "vertex"
    model_name = THINKING_MODEL

    @property
    def has_tool_choice(self) -> bool:
        """The clouds refuse to force a tool on this model."""
        return False
