"""A refusal of something that the package added by itself is answered by asking without it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from langchain_claude_cloud import ChatClaudeCloud, adaptation
from langchain_claude_cloud.errors import ContextOverflowError, InvalidRequestError
from langchain_claude_cloud.testing import CloudEmulator, text

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {
    "title": "Joke",
    "type": "object",
    "properties": {"setup": {"type": "string"}},
    "required": ["setup"],
}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudEmulator]:
    """A running emulator, and a process that has learned nothing yet."""
    monkeypatch.setattr(adaptation, "_refused", {})
    with CloudEmulator() as running:
        yield running


def _model(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    return ChatClaudeCloud(
        model="claude-sonnet-5-5", platform=getattr(emulator, cloud)(), max_tokens=500, **fields
    )


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_refused_field_of_ours_is_left_out_from_then_on(
    emulator: CloudEmulator, cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One more request, one warning; the next call does not try again."""
    message = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    emulator.fault(status=400, error_type="invalid_request_error", message=message)
    model = _model(emulator, cloud).bind_tools([TOOL])
    with caplog.at_level(logging.WARNING):
        list(model.stream("Hi"))
        list(model.stream("Hi"))
    eager = ["eager_input_streaming" in request.body["tools"][0] for request in emulator.requests]
    assert eager == [True, False, False]
    assert len([record for record in caplog.records if "fine_grained" in record.message]) == 1


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_what_the_user_asked_for_is_never_dropped(emulator: CloudEmulator, cloud: str) -> None:
    """The same refusal of a field that the user set on the tool is the user's to see."""
    message = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    emulator.fault(status=400, message=message, times=None)
    tool = {**TOOL, "eager_input_streaming": True}
    model = _model(emulator, cloud, fine_grained_tool_streaming=False).bind_tools([tool])
    with pytest.raises(InvalidRequestError, match="eager_input_streaming"):
        list(model.stream("Hi"))
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_refused_structured_output_becomes_a_tool(emulator: CloudEmulator, cloud: str) -> None:
    """The schema is asked for by a tool instead, and the same parser reads the reply."""
    message = "output_config.format: Extra inputs are not permitted"
    emulator.fault(status=400, message=message)
    chat = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=getattr(emulator, cloud)(), max_tokens=500
    )
    model = chat.with_structured_output(SCHEMA, method="json_schema")
    result = model.invoke("Tell me a joke about cats.")
    assert isinstance(result, dict)
    assert set(result) == {"setup"}
    first, second = emulator.requests
    assert "format" in first.body["output_config"]
    assert [tool["name"] for tool in second.body["tools"]] == [adaptation.STRUCTURED_OUTPUT_TOOL]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(("asked", "requests"), [(None, 2), (False, 1), (True, 1)])
def test_the_large_window_is_asked_for_only_when_a_prompt_did_not_fit(
    emulator: CloudEmulator, cloud: str, asked: Any, requests: int
) -> None:
    """By default once, on a model that needs it; True always; False never."""
    overflow = {"status": 400, "message": "prompt is too long: 210000 tokens > 200000 maximum"}
    emulator.fault(**overflow)
    emulator.reply(text("It fits."))
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        context_1m=asked,
    )
    if requests == 1:
        with pytest.raises(ContextOverflowError):
            model.invoke("Hi")
    else:
        assert model.invoke("Hi").text == "It fits."
    sent = [
        "context-1m-2025-08-07" in str((request.headers.get("anthropic-beta"), request.body))
        for request in emulator.requests
    ]
    assert sent == {None: [False, True], False: [False], True: [True]}[asked]
