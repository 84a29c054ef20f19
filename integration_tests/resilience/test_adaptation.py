"""A refusal of something that the package added by itself is answered by asking without it."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import (
    ContextOverflowError,
    InvalidRequestError,
)
from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL
from langchain_claude_cloud.testing import CloudEmulator, text

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {
    "title": "Joke",
    "type": "object",
    "properties": {"setup": {"type": "string"}},
    "required": ["setup"],
}


def _model(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    return ChatClaudeCloud(
        **{"model": "claude-sonnet-5-5", "max_tokens": 500, **fields},
        platform=getattr(emulator, cloud)(),
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
    assert (
        len([record for record in caplog.records if "eager_input_streaming" in record.message]) == 1
    )


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
    assert [tool["name"] for tool in second.body["tools"]] == [STRUCTURED_OUTPUT_TOOL]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(("asked", "requests"), [(None, 2), (False, 1), (True, 1)])
def test_the_large_window_is_asked_for_only_when_a_prompt_did_not_fit(
    emulator: CloudEmulator, cloud: str, asked: Any, requests: int
) -> None:
    """By default once, on a model that needs it; True always; False never."""
    overflow = {"status": 400, "message": "prompt is too long: 210000 tokens > 200000 maximum"}
    emulator.fault(**overflow)
    if requests > 1:
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


OWN_BETAS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "context editing": (
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        {},
        "context-management-2025-06-27",
    ),
    "compaction": (
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
        {},
        "compact-2026-01-12",
    ),
    "thinking updates": (
        {"thinking": {"type": "adaptive", "display": "updates"}},
        {},
        "thinking-display-updates-2026-08-18",
    ),
    "thinking binding": (
        {"thinking": {"type": "adaptive", "block_binding": None}},
        {},
        "thinking-binding-controls-2026-08-01",
    ),
    "a computer": (
        {"model": "claude-sonnet-5"},
        {
            "tools": [
                {
                    "type": "computer_20251124",
                    "name": "computer",
                    "display_width_px": 800,
                    "display_height_px": 600,
                }
            ]
        },
        "computer-use-2025-11-24",
    ),
    "a memory": (
        {},
        {"tools": [{"type": "memory_20250818", "name": "memory"}]},
        "context-management-2025-06-27",
    ),
}


def _refusal_of(cloud: str, *betas: str) -> str:
    names = "`, `".join(betas)
    return {
        "vertex": f"Unexpected value(s) `{names}` for the `anthropic-beta` header. Please consult",
        "bedrock": "invalid beta flag",
    }[cloud]


def _betas_sent(emulator: CloudEmulator) -> list[set[str]]:
    """Return the betas of each request that came in."""
    return [
        {*request.body.get("anthropic_beta", [])}
        | {name for name in request.headers.get("anthropic-beta", "").split(",") if name}
        for request in emulator.requests
    ]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("what", OWN_BETAS)
def test_a_refused_beta_of_ours_is_left_out_and_the_feature_stays(
    emulator: CloudEmulator, cloud: str, what: str
) -> None:
    """A feature outgrows its beta; it is asked for all the same, and the next call knows."""
    fields, arguments, beta = OWN_BETAS[what]
    emulator.fault(status=400, message=_refusal_of(cloud, beta))
    emulator.fault(status=400, message="stop here", times=None)
    model = _model(emulator, cloud, **fields)
    for _ in range(2):
        # The emulator's models still want some of these betas, and say so by a 400.
        with pytest.raises(InvalidRequestError, match=r"stop here|Input|Extra inputs"):
            model.invoke("Hi", **arguments)
    assert [beta in sent for sent in _betas_sent(emulator)] == [True, False, False]
    bodies = [
        {key: request.body[key] for key in request.body if key != "anthropic_beta"}
        for request in emulator.requests
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    emulator.reset()


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_refused_beta_of_the_users_is_sent_and_its_refusal_raised(
    emulator: CloudEmulator, cloud: str
) -> None:
    """However it was given, and also where the package would have added it by itself."""
    beta = "context-management-2025-06-27"
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    ways: list[dict[str, Any]] = [{"betas": [beta]}, {"model_kwargs": {"anthropic_beta": [beta]}}]
    for way in ways:
        emulator.fault(status=400, message=_refusal_of(cloud, beta))
        with pytest.raises(InvalidRequestError):
            _model(emulator, cloud, context_management=edits, **way).invoke("Hi")
    assert _betas_sent(emulator) == [{beta}, {beta}]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_bad_beta_of_the_users_does_not_cost_ours(emulator: CloudEmulator, cloud: str) -> None:
    """Bedrock does not say which one it refuses: what was left out in vain is sent again."""
    own = "context-management-2025-06-27"
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    with pytest.raises(InvalidRequestError):
        _model(emulator, cloud, context_management=edits, betas=["no-such-beta-2020"]).invoke("Hi")
    _model(emulator, cloud, context_management=edits).invoke("Hi")
    sent = _betas_sent(emulator)
    assert len(sent) == {"vertex": 2, "bedrock": 3}[cloud]
    assert sent[0] == {own, "no-such-beta-2020"}
    assert sent[-1] == {own}


def test_the_beta_that_nothing_depends_on_goes_first(emulator: CloudEmulator) -> None:
    """On Bedrock, a refused set of betas is tried without that for streamed arguments."""
    emulator.fault(status=400, message="invalid beta flag")
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5",
        platform=emulator.bedrock(),
        max_tokens=500,
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )
    list(model.stream("Hi", tools=[TOOL]))
    fine, own = "fine-grained-tool-streaming-2025-05-14", "context-management-2025-06-27"
    assert _betas_sent(emulator) == [{fine, own}, {own}]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_refused_automatic_caching_becomes_a_breakpoint(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The marker moves from the top of the body to the last block."""
    emulator.fault(status=400, message="cache_control: Extra inputs are not permitted")
    marker = {"type": "ephemeral", "ttl": "1h"}
    model = _model(emulator, cloud)
    for _ in range(2):
        model.invoke("Hi", cache_control=marker)
    first, *others = emulator.requests
    assert first.body["cache_control"] == marker
    assert len(others) == 2
    for request in others:
        assert "cache_control" not in request.body
        assert request.body["messages"][-1]["content"][-1]["cache_control"] == marker


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    "message",
    [
        "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens",
        "The maximum tokens you requested exceeds the model limit of 64000.",
    ],
)
def test_a_limit_that_the_catalogue_has_wrong_is_learned(
    emulator: CloudEmulator, cloud: str, message: str
) -> None:
    """Where the user gave none; a limit of the user's own is the user's to change."""
    emulator.fault(status=400, message=message)
    platform = getattr(emulator, cloud)()
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
    model.invoke("Hi")
    model.invoke("Hi")
    asked = [request.body["max_tokens"] for request in emulator.requests]
    assert asked[0] > 64000
    assert asked[1:] == [64000, 64000]
    emulator.fault(status=400, message=message)
    with pytest.raises(InvalidRequestError):
        model.invoke("Hi", max_tokens=128_000)
    assert len(emulator.requests) == 4


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_refused_choice_of_the_stand_in_tool_is_not_forced(
    emulator: CloudEmulator, cloud: str
) -> None:
    """First the format is refused, then the forced choice of the tool in its place."""
    emulator.fault(status=400, message="output_config.format: Extra inputs are not permitted")
    refusal = 'tool_choice: type "tool" and "any" are not supported for this model.'
    emulator.fault(status=400, message=refusal)
    chat = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=getattr(emulator, cloud)(), max_tokens=500
    )
    chat.with_structured_output(SCHEMA, method="json_schema", include_raw=True).invoke("A joke.")
    choices = [request.body.get("tool_choice") for request in emulator.requests]
    assert choices == [None, {"type": "tool", "name": STRUCTURED_OUTPUT_TOOL}, None]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effort": "high"}, "output_config.effort: Extra inputs are not permitted"),
        ({"thinking": "adaptive"}, "thinking.type: adaptive is not supported"),
        (
            {"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]},
            "tools.0.custom.cache_control: Extra inputs are not permitted",
        ),
        ({"user_id": "u"}, "metadata: Extra inputs are not permitted"),
        (
            {"context_1m": True},
            "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header",
        ),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice: type any is not supported"),
        ({"prompt_caching": "1h"}, "system.0.cache_control.ttl: Extra inputs are not permitted"),
        ({"max_tokens": 100_000}, "max_tokens: 100000 > 64000, which is the maximum"),
    ],
)
def test_what_the_user_asked_for_is_refused_and_not_dropped(
    emulator: CloudEmulator, cloud: str, arguments: dict[str, Any], message: str
) -> None:
    """One request, and the cloud's own words."""
    emulator.fault(status=400, message=message)
    with pytest.raises(InvalidRequestError, match=re.escape(message)):
        _model(emulator, cloud).invoke("Hi", **arguments)
    assert len(emulator.requests) == 1
