"""A refusal that tells a tool by its place names it; a guardrail's settings reach Bedrock."""

from __future__ import annotations

import pytest

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import InvalidRequestError
from langchain_claude_cloud.testing import CloudEmulator


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_refused_tool_is_named(
    running_emulator: CloudEmulator, cloud: str, *, streamed: bool
) -> None:
    """By the name that its caller knows."""
    platform = running_emulator.vertex() if cloud == "vertex" else running_emulator.bedrock()
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform)
    schema = {"type": "object", "properties": {}}
    fine = {"name": "fine", "input_schema": schema}
    refused = {"name": "the/other", "input_schema": schema, "unknown_field": 1}
    bound = model.bind_tools([fine, refused])
    with pytest.raises(InvalidRequestError, match=r"tools\.1 is the tool 'the/other'"):
        list(bound.stream("q")) if streamed else bound.invoke("q")


@pytest.mark.parametrize("last_turn", [False, True])
def test_a_guardrail_may_look_at_the_last_turn_only(
    running_emulator: CloudEmulator, *, last_turn: bool
) -> None:
    """The body says by which tag."""
    platform = running_emulator.bedrock(guardrail="abc123:1", guard_last_turn_only=last_turn)
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform)
    model.invoke("q")
    body = running_emulator.requests[-1].body
    assert ("amazon-bedrock-guardrailConfig" in body) is last_turn
    assert ("guardContent" in str(body["messages"])) is last_turn
