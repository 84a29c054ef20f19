"""What a call learns from refusals."""

from __future__ import annotations

from langchain_claude_cloud.calls.adaptation import Adaptation
from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.errors import ClaudeCloudError, InvalidRequestError
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.tools import convert_tools

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
MODEL = resolve("claude-sonnet-4-6", "vertex")


def refusal(text: str) -> ClaudeCloudError:
    """Return a refusal of the cloud's."""
    return InvalidRequestError(text, status_code=400)


def test_each_refusal_is_of_one_request() -> None:
    """What fails before the next request is sent tells nothing of what was sent."""
    adaptation = Adaptation(RequestOptions(tools=convert_tools([TOOL])))
    learnable = refusal("tools.0.custom.eager_input_streaming: Extra inputs are not permitted")
    adaptation.settle("here", MODEL)
    other = refusal("something else")
    assert adaptation.react(other) is other
    assert adaptation.react(learnable) is learnable
    adaptation.settle("there", MODEL)
    assert adaptation.react(learnable) is None
