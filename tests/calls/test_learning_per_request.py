"""What a call learns from refusals."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from clock import Clock

from langchain_claude_cloud.calls.adaptation import (
    NO_LONG_CONTEXT_SECONDS,
    REMEMBERED_SECONDS,
    Adaptation,
)
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ContextOverflowError,
    InvalidRequestError,
    RateLimitError,
)
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.tools import convert_tools

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
MODEL = resolve("claude-sonnet-4-6", "vertex")
SMALL = resolve("claude-sonnet-4-5", "bedrock", region="us-east-1")


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The clock of a process that has learned nothing."""
    own = Clock()
    MEMORY.reset(own)
    yield own
    MEMORY.reset()


def refusal(text: str) -> ClaudeCloudError:
    """Return a refusal of the cloud's."""
    return InvalidRequestError(text, status_code=400)


@pytest.mark.usefixtures("clock")
def test_calls_at_once_make_answers_shorter_together(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal that comes late makes the default neither larger again, nor the log longer."""
    throttle = RateLimitError("Too many tokens, please wait", status_code=429)
    early, late = Adaptation(RequestOptions()), Adaptation(RequestOptions())
    late.settle("here", SMALL)
    with caplog.at_level(logging.WARNING):
        for expected in (16_000, 4096):
            early.settle("here", SMALL)
            assert early.react(throttle) is None
            assert early.settle("here", SMALL).max_tokens == expected
        assert late.react(throttle) is None
    assert late.settle("here", SMALL).max_tokens == 4096
    assert len(caplog.messages) == 2


def test_what_an_endpoint_refuses_is_forgotten_each_in_its_time(clock: Clock) -> None:
    """A context of 1M tokens is asked for again after an hour, whatever else was refused then."""
    tools = RequestOptions(tools=convert_tools([TOOL]))
    adaptation = Adaptation(tools)
    overflow = ContextOverflowError("prompt is too long", status_code=400)
    adaptation.settle("here", SMALL)
    assert adaptation.react(overflow) is None
    adaptation.settle("here", SMALL)
    assert adaptation.react(refusal("invalid beta flag")) is overflow
    other = Adaptation(tools)
    other.settle("here", SMALL)
    field = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    assert other.react(refusal(field)) is None
    for seconds, is_refused in ((0, True), (NO_LONG_CONTEXT_SECONDS, False)):
        clock.now += seconds
        again = Adaptation(tools)
        assert not again.settle("here", SMALL).fine_grained_tool_streaming
        assert (again.react(overflow) is overflow) == is_refused
    clock.now += REMEMBERED_SECONDS
    assert Adaptation(tools).settle("here", SMALL).fine_grained_tool_streaming


@pytest.mark.usefixtures("clock")
def test_a_throttle_in_between_does_not_hide_the_first_refusal() -> None:
    """Whoever makes prompts shorter looks for the overflow, not for a refused beta."""
    adaptation = Adaptation(RequestOptions())
    overflow = ContextOverflowError("prompt is too long", status_code=400)
    adaptation.settle("here", SMALL)
    assert adaptation.react(overflow) is None
    adaptation.settle("here", SMALL)
    throttle = RateLimitError("Too many requests", status_code=429)
    assert adaptation.react(throttle) is throttle
    adaptation.settle("here", SMALL)
    assert adaptation.react(refusal("invalid beta flag")) is overflow
    assert MEMORY.no_long_context.get("here")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "wrapper",
    [
        "The model returned the following errors: ",
        "An error occurred (ValidationException) when calling the InvokeModel operation: ",
        "ValidationException: ",
        "vertex-ai error: ",
        "bedrock error: ValidationException: ",
    ],
)
def test_what_a_gateway_writes_before_a_refusal_is_left_out(wrapper: str) -> None:
    """The field's path follows it, in the cloud's words."""
    adaptation = Adaptation(RequestOptions(tools=convert_tools([TOOL])))
    adaptation.settle("here", MODEL)
    field = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    assert adaptation.react(refusal(wrapper + field)) is None
    quoted = refusal(f"messages.0: it says {wrapper}{field}")
    adaptation = Adaptation(RequestOptions(tools=convert_tools([TOOL])))
    adaptation.settle("there", MODEL)
    assert adaptation.react(quoted) is quoted


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "words",
    [
        "cache_control: Extra inputs are not permitted",
        "cache_control: this model does not support automatic caching",
        "Malformed input request: #: extraneous key [cache_control] is not permitted, please try",
    ],
)
def test_each_wording_of_refused_caching_is_learned(words: str) -> None:
    """The API's, and that of Bedrock's own validation."""
    asked = RequestOptions(cache_control={"type": "ephemeral"})
    model = resolve("claude-sonnet-5-5", "bedrock", region="us-east-1")
    adaptation = Adaptation(asked)
    adaptation.settle("here", model)
    assert adaptation.react(refusal(words)) is None
    assert "automatic_caching" in adaptation.settle("here", model).refused


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "words",
    [
        "output_config.format: Extra inputs are not permitted",
        "Malformed input request: #: extraneous key [output_config] is not permitted, please try",
        "Malformed input request: #/output_config: extraneous key [format] is not permitted",
    ],
)
def test_each_wording_of_a_refused_format_is_learned(words: str) -> None:
    """The API's, and that of Bedrock's own validation."""
    asked = {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {}}}}
    model = resolve("claude-sonnet-5-5", "bedrock", region="us-east-1")
    adaptation = Adaptation(RequestOptions(output_format=asked))
    adaptation.settle("here", model)
    assert adaptation.react(refusal(words)) is None
    assert adaptation.settle("here", model).output_format is None
    assert "output_config.format" in adaptation.known


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


EAGER = RequestOptions(tools=convert_tools([TOOL]), stream=True)
JOKE = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
FORMAT = RequestOptions(output_format={"type": "json_schema", "schema": JOKE})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("asked", "feature", "words"),
    [
        (EAGER, "eager_input_streaming", "Unknown parameter: 'tools[0].eager_input_streaming'."),
        (EAGER, "eager_input_streaming", "Unknown field: tools.0.custom.eager_input_streaming"),
        (
            EAGER,
            "eager_input_streaming",
            "Unrecognized request argument supplied: eager_input_streaming",
        ),
        (
            EAGER,
            "eager_input_streaming",
            "Invalid JSON payload received. Unknown name \"eager_input_streaming\" at 'tools[0]'",
        ),
        (FORMAT, "output_config.format", "Unknown parameter: 'output_config'."),
        (FORMAT, "output_config.format", "'claude-sonnet-4-6' does not support output format."),
        (FORMAT, "output_config.format", "This model does not support structured outputs"),
    ],
)
def test_other_wordings_of_an_unknown_field_are_learned(
    asked: RequestOptions, feature: str, words: str
) -> None:
    """Those of Google's front end, and of gateways; but not where a message quotes them."""
    adaptation = Adaptation(asked)
    adaptation.settle("here", MODEL)
    assert adaptation.react(refusal(words)) is None
    assert MEMORY.unsupported.get("here") == frozenset({feature})
    quoted = refusal(f"messages.0: {words}")
    adaptation.settle("there", MODEL)
    assert adaptation.react(quoted) is quoted


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "words",
    [
        "Malformed input request: #/max_tokens: 64000 is not less or equal to 8192, please reformat",
        "max_tokens is too large: 64000. This model supports at most 8192 completion tokens",
    ],
)
def test_other_wordings_of_a_limit_of_answers_are_learned(words: str) -> None:
    """If they name what was sent."""
    adaptation = Adaptation(RequestOptions())
    adaptation.settle("here", SMALL)
    assert adaptation.react(refusal(words)) is None
    assert adaptation.settle("here", SMALL).max_tokens == 8192
    other = refusal(words.replace("64000", "9000"))
    adaptation.settle("there", SMALL)
    assert adaptation.react(other) is other


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "words",
    [
        "anthropic_beta: unsupported value fine-grained-tool-streaming-2025-05-14",
        "The beta `fine-grained-tool-streaming-2025-05-14` is not available on this platform",
        "Unsupported beta header",
    ],
)
def test_other_wordings_of_a_refused_beta_are_learned(words: str) -> None:
    """Whether they name it or not; another one that they name is not the package's."""
    adaptation = Adaptation(EAGER)
    adaptation.settle("here", SMALL)
    assert adaptation.react(refusal(words)) is None
    assert not adaptation.settle("here", SMALL).fine_grained_tool_streaming or (
        "fine-grained-tool-streaming-2025-05-14" in adaptation.sent.refused
    )
    other = refusal("Unsupported beta: `other-2025-05-14`")
    adaptation.settle("there", SMALL)
    assert adaptation.react(other) is other
