"""Thinking, effort and what goes beside them: refused here with what the model takes, or taken.

Each combination is built for each model of the catalogue and put before the emulator's own
rules, which do not know the catalogue.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.catalogue.resolution import ResolvedModel, resolve
from langchain_claude_cloud.errors import ConfigurationError, InvalidInputError
from langchain_claude_cloud.errors.types import Cloud
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.model_rules import rules_for
from langchain_claude_cloud.testing.validation import check

THINKING: tuple[Any, ...] = (
    None,
    "adaptive",
    "disabled",
    "between_tools",
    2048,
    {"type": "adaptive", "display": "summarized"},
    {"type": "adaptive", "display": "updates"},
    {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
)
EFFORTS = (None, "low", "high", "xhigh", "max")
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
BESIDE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a forced tool": {"tools": (TOOL,), "tool_choice": {"type": "tool", "name": "f"}},
    "any tool, one at a time": {
        "tools": (TOOL,),
        "tool_choice": {"type": "any"},
        "parallel_tool_calls": False,
    },
    "sampling": {"temperature": 0.3, "top_k": 5},
    "both": {"temperature": 1.0, "top_p": 0.5},
    "a format": {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    "few tokens": {"max_tokens": 1500},
}


def _models() -> list[ResolvedModel]:
    """Return every model of the catalogue on each cloud that has it.

    But for previews without a version, of which the emulator knows too little.
    """
    found = []
    clouds: tuple[Cloud, ...] = ("vertex", "bedrock")
    for info, cloud in itertools.product(all_models(), clouds):
        rules = rules_for(info.name)
        if rules is None or rules.version >= (90, 0):
            continue
        try:
            found.append(resolve(info.name, cloud, region="us-east-1"))
        except ConfigurationError:
            continue
    return found


def _is_taken(model: ResolvedModel, thinking: Any, effort: Any, beside: dict[str, Any]) -> bool:
    """Whether a request can be built; if so, the cloud's rules must take it."""
    given = {"max_tokens": min(8000, model.info.max_output_tokens), **beside}
    if "output_format" in given and not model.capabilities.structured_output:
        return False  # a tool stands in for it before a request is built
    options = RequestOptions(thinking=thinking, effort=effort, **given)
    try:
        request = build_request([HumanMessage("Hi")], options, model)
    except InvalidInputError as error:
        _check_that_it_helps(error, model, thinking, effort)
        return False
    version = {"vertex": "vertex-2023-10-16", "bedrock": "bedrock-2023-05-31"}[model.cloud]
    rules = rules_for(model.info.name)
    assert rules is not None
    check(
        Call(
            cloud=model.cloud,
            operation="invoke",
            model=model.model_id,
            rules=rules,
            region=None,
            body={"anthropic_version": version, **request.body},
            betas=frozenset(request.betas),
        )
    )
    return True


def _check_that_it_helps(
    error: InvalidInputError, model: ResolvedModel, thinking: Any, effort: Any
) -> None:
    """The message names what the model takes: types, levels, or the numbers that clash."""
    text = str(error)
    if "' at effort '" in text:
        assert "only up to high (low, medium, high)" in text
    elif f"effort {effort!r}" in text:
        levels = model.capabilities.effort_levels
        assert all(level in text for level in levels) if levels else "leave it out" in text
    elif "max_tokens (1500)" in text:
        assert "budget_tokens (2048)" in text
    else:
        kind = "enabled" if isinstance(thinking, int) else thinking
        kind = kind["type"] if isinstance(kind, dict) else kind
        assert f"{kind!r}" in text
        takes = model.capabilities.thinking_types
        assert all(name in text for name in takes) if takes else "no thinking at all" in text


@pytest.mark.parametrize("model", _models(), ids=lambda model: f"{model.info.name}-{model.cloud}")
def test_what_is_built_is_taken_and_what_is_not_says_why(model: ResolvedModel) -> None:
    """Every form of thinking, every effort, beside whatever else may be set."""
    outcomes = [
        _is_taken(model, *combination)
        for combination in itertools.product(THINKING, EFFORTS, BESIDE.values())
    ]
    assert any(outcomes)


@pytest.mark.parametrize(
    ("model", "fields", "says"),
    [
        ("claude-sonnet-5-5", {"thinking": 2048}, "adaptive.*effort"),
        ("claude-haiku-4-5", {"thinking": "adaptive"}, "'enabled', 'budget_tokens'"),
        ("claude-opus-5-5", {"thinking": "disabled"}, "takes adaptive"),
        ("claude-haiku-4-5", {"effort": "high"}, "no effort: leave it out"),
        ("claude-opus-4-6", {"effort": "xhigh"}, "low, medium, high, max"),
        ("claude-opus-5", {"thinking": "disabled", "effort": "max"}, "high"),
        ("claude-sonnet-4-6", {"thinking": 500}, "at least 1024"),
        ("claude-sonnet-4-6", {"thinking": 4000, "max_tokens": 3000}, "less than max_tokens"),
        ("claude-sonnet-4-6", {"thinking": "adaptiv"}, "adaptive, between_tools"),
    ],
)
def test_nothing_is_sent_that_the_model_would_refuse(
    emulator: CloudEmulator, cloud: str, model: str, fields: dict[str, Any], says: str
) -> None:
    """At call time as in the constructor."""
    platform = getattr(emulator, cloud)()
    given = {"max_tokens": 8000, **fields}
    with pytest.raises(InvalidInputError, match=says) as caught:
        ChatClaudeCloud(model=model, platform=platform).invoke("Hi", **given)
    with pytest.raises(InvalidInputError, match=says):
        list(ChatClaudeCloud(model=model, platform=platform, **given).stream("Hi"))
    assert caught.value.platform == cloud
    assert emulator.requests == []


@pytest.mark.parametrize("ask", ["invoke", "stream"])
@pytest.mark.parametrize("display", ["summarized", "omitted", "updates"])
def test_display_reaches_the_model(
    emulator: CloudEmulator, cloud: str, display: str, ask: str
) -> None:
    """With its beta where it needs one, in the place that the cloud reads."""
    model = ChatClaudeCloud(
        model="claude-sonnet-5-5",
        platform=getattr(emulator, cloud)(),
        max_tokens=2000,
        thinking={"type": "adaptive", "display": display},
    )
    list(getattr(model, ask)("Hi"))
    (request,) = emulator.requests
    assert request.body["thinking"] == {"type": "adaptive", "display": display}
    beta = "thinking-display-updates-2026-08-18"
    in_header = request.headers.get("anthropic-beta") == beta
    in_body = request.body.get("anthropic_beta") == [beta]
    wanted = display == "updates"
    assert (in_header, in_body) == (wanted and cloud == "vertex", wanted and cloud == "bedrock")
