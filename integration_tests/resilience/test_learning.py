"""What one call learns from a refusal, for whom, and for how long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.errors import (
    ContextOverflowError,
    InvalidRequestError,
    RateLimitError,
)
from langchain_claude_cloud.errors.types import LABELS, STRUCTURED_OUTPUT_TOOL
from langchain_claude_cloud.testing import CloudEmulator, FaultKind

SCHEMA = {
    "title": "Joke",
    "type": "object",
    "properties": {"setup": {"type": "string"}},
    "required": ["setup"],
}
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}


class Clock:
    """A clock that can be set forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.monotonic() + self.now


@pytest.fixture
def clock() -> Iterator[Callable[[], float]]:
    """A process that has seen nothing, and its clock."""
    own = Clock()
    MEMORY.reset(own)
    yield own
    MEMORY.reset()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[CloudEmulator]:
    """A running emulator."""
    del clock
    with CloudEmulator() as running:
        yield running


def make(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model that asks once."""
    given = {"model": "claude-sonnet-4-6", "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=getattr(emulator, cloud)(), **given)


@pytest.fixture(params=["vertex", "bedrock"])
def cloud(request: pytest.FixtureRequest) -> str:
    """Each cloud in turn."""
    name: str = request.param
    return name


def limits(emulator: CloudEmulator) -> list[int]:
    """Return the ``max_tokens`` of the requests."""
    return [request.body["max_tokens"] for request in emulator.requests]


def has_format(emulator: CloudEmulator) -> list[bool]:
    """Tell which requests asked for a schema natively."""
    return ["format" in request.body.get("output_config", {}) for request in emulator.requests]


def test_a_gateways_limit_is_learned_for_the_gateway_alone(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Another endpoint is asked for what its model can."""
    chosen = 128_000 if make(emulator, cloud).profile["max_output_tokens"] == 128_000 else 64_000  # type: ignore[index]
    message = f"max_tokens: {chosen} > 1024, which is the limit of this gateway key"
    emulator.fault(status=400, message=message)
    make(emulator, cloud).invoke("Hi")
    make(emulator, cloud).invoke("Hi")
    assert limits(emulator) == [chosen, 1024, 1024]
    with CloudEmulator() as direct:
        make(direct, cloud).invoke("Hi")
        assert limits(direct) == [chosen]


@pytest.mark.parametrize(
    "message",
    [
        "messages.0: the text says max_tokens: 64000 > 1",
        "max_tokens: 5 > 1",
        "messages.3.content: output_config_writer is not supported",
        "tools.0.name: 'output_config.format: Extra inputs are not permitted' is no name",
    ],
)
def test_a_message_that_only_quotes_the_words_teaches_nothing(
    emulator: CloudEmulator, cloud: str, message: str
) -> None:
    """The field's path stands at the start of what an API says about it."""
    emulator.fault(status=400, message=message)
    model = make(emulator, cloud).with_structured_output(SCHEMA, method="json_schema")
    with pytest.raises(InvalidRequestError):
        model.invoke("A joke.")
    model.invoke("A joke.")
    assert has_format(emulator) == [True, True]
    assert len(set(limits(emulator))) == 1


def test_what_was_learned_expires_and_is_said_when_it_is_used(
    emulator: CloudEmulator, cloud: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A cloud that learns the field is asked with it again, some hours later."""
    emulator.fault(status=400, message="output_config.format: Extra inputs are not permitted")
    model = make(emulator, cloud).with_structured_output(SCHEMA, method="json_schema")
    with caplog.at_level(logging.WARNING):
        model.invoke("A joke.")
        model.invoke("A joke.")
    clock.now += 7 * HOUR
    model.invoke("A joke.")
    assert has_format(emulator) == [True, False, False, True]
    assert len([text for text in caplog.messages if "output_config.format" in text]) == 1


@pytest.mark.parametrize(
    "message",
    [
        "output_config.format.schema: Invalid schema: Circular reference detected in $defs",
        "Schema is too complex for compilation",
        "The compiled grammar is too large, which would cause performance issues.",
        "Schemas contains too many parameters with union types (limit: 16)",
        "output_config.format.schema: too many optional parameters (limit: 24)",
    ],
)
def test_a_complaint_about_one_schema_concerns_that_call(
    emulator: CloudEmulator, cloud: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked for by a tool, and the next schema natively."""
    emulator.fault(status=400, message=message)
    model = make(emulator, cloud).with_structured_output(SCHEMA, method="json_schema")
    with caplog.at_level(logging.WARNING):
        assert set(model.invoke("A joke.")) == {"setup"}
    assert "as a tool" in caplog.text
    assert emulator.requests[-1].body["tools"][0]["name"] == STRUCTURED_OUTPUT_TOOL
    model.invoke("A joke.")
    assert has_format(emulator) == [True, False, True]


def test_a_schema_that_is_refused_both_ways_is_refused_for_the_first_reason(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The package's own way around does not hide what the user has to mend."""
    emulator.fault(status=400, message="output_config.format.schema: Invalid schema: no root type")
    emulator.fault(status=400, message="tools.0.custom.input_schema: JSON schema is invalid")
    model = make(emulator, cloud).with_structured_output(SCHEMA, method="json_schema")
    with pytest.raises(InvalidRequestError, match="no root type"):
        model.invoke("A joke.")
    assert len(emulator.requests) == 2


def test_an_organization_policy_is_named_and_remembered(
    emulator: CloudEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Google's constraint on partner models' features is off by default."""
    message = (
        "Organization Policy constraint constraints/vertexai.allowedPartnerModelFeatures violated "
        "for projects/p attempting to use publishers/anthropic/models/claude:structured_outputs."
    )
    emulator.fault(status=400, error_type="FAILED_PRECONDITION", message=message)
    model = make(emulator, "vertex").with_structured_output(SCHEMA, method="json_schema")
    with caplog.at_level(logging.WARNING):
        model.invoke("A joke.")
        model.invoke("A joke.")
    assert has_format(emulator) == [True, False, False]
    assert "constraints/vertexai.allowedPartnerModelFeatures" in caplog.text


LONG = {"status": 400, "message": "prompt is too long: 210000 tokens > 200000 maximum"}


@pytest.mark.parametrize(
    "second",
    [
        {"status": 400, "message": "invalid beta flag"},
        {
            "status": 400,
            "message": "The long context beta is not yet available for this subscription.",
        },
    ],
)
def test_our_own_resend_never_hides_the_overflow(
    emulator: CloudEmulator, cloud: str, second: dict[str, Any]
) -> None:
    """Summarizing middleware catches the overflow alone; 1M is not asked for again for a while."""
    emulator.fault(**LONG)
    emulator.fault(**second)
    model = make(emulator, cloud, model="claude-sonnet-4-5", max_tokens=500)
    with pytest.raises(ContextOverflowError, match="too long"):
        model.invoke("Hi")
    emulator.fault(**LONG)
    with pytest.raises(ContextOverflowError):
        model.invoke("Hi")
    assert len(emulator.requests) == 3


def test_a_prompt_that_fits_is_sent_with_the_room_that_is_left(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Where the package chose max_tokens; the user's own is the user's to change."""
    message = "input length and `max_tokens` exceed context limit: 142251 + 64000 > 200000"
    emulator.fault(status=400, message=message)
    model = make(emulator, cloud, model="claude-sonnet-4-5")
    model.invoke("Hi")
    model.invoke("Hi")
    assert limits(emulator) == [64_000, 200_000 - 142_251, 64_000]
    emulator.fault(status=400, message=message)
    with pytest.raises(ContextOverflowError):
        model.invoke("Hi", max_tokens=64_000, context_1m=False)
    assert len(emulator.requests) == 4


def test_an_answer_that_was_paused_finds_room_again(emulator: CloudEmulator, cloud: str) -> None:
    """What goes on is longer than what was asked first, and leaves less room."""
    emulator.fault(FaultKind.NO_ROOM_FOR_ANSWER)
    emulator.reply("Part one. ", stop_reason="pause_turn")
    message = "input length and `max_tokens` exceed context limit: 143000 + 57749 > 200000"
    emulator.fault(status=400, error_type="invalid_request_error", message=message)
    emulator.reply("Part two.")
    answer = make(emulator, cloud, model="claude-sonnet-4-5").invoke("Hi")
    assert answer.text == "Part one. Part two."
    assert limits(emulator) == [64_000, 57_749, 57_749, 57_000]


def test_a_small_quota_of_tokens_is_asked_for_shorter_answers(
    emulator: CloudEmulator, clock: Clock
) -> None:
    """Bedrock counts max_tokens when a request begins; for a while only, and never the user's."""
    refusal = {"status": 429, "message": "Too many tokens, please wait before trying again."}
    emulator.fault(**refusal, times=2)
    model = make(emulator, "bedrock", model="claude-sonnet-4-5")
    model.invoke("Hi")
    model.invoke("Hi")
    model.invoke("Hi", thinking=20_000)
    model.invoke("Hi", thinking={"type": "disabled"})
    assert limits(emulator) == [64_000, 16_000, 4096, 4096, 64_000, 4096]
    clock.now += HOUR
    model.invoke("Hi")
    assert limits(emulator)[-1] == 64_000
    emulator.fault(**refusal)
    with pytest.raises(RateLimitError):
        model.invoke("Hi", max_tokens=50_000)
    assert len(emulator.requests) == 8


def test_our_own_wish_for_one_call_at_a_time_is_dropped_where_it_is_refused(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Structured output by a tool works without it; a user's own is a user's to change."""
    message = "tool_choice.tool.disable_parallel_tool_use: Extra inputs are not permitted"
    emulator.fault(status=400, message=message)
    model = make(emulator, cloud, max_tokens=500)
    model.with_structured_output(SCHEMA, method="function_calling").invoke("A joke.")
    sent = [
        "disable_parallel_tool_use" in request.body["tool_choice"] for request in emulator.requests
    ]
    assert sent == [True, False]
    emulator.fault(status=400, message=message)
    with pytest.raises(InvalidRequestError):
        model.invoke("Hi", tools=[TOOL], tool_choice="any", parallel_tool_calls=False)


@pytest.mark.parametrize("knows_how", [True, False])
def test_thinking_that_is_bound_elsewhere_does_not_stop_a_thread(
    emulator: CloudEmulator,
    cloud: str,
    knows_how: bool,  # noqa: FBT001 - a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The cloud is asked to drop it; where it does not know how, it is left out."""
    model = make(emulator, cloud, model="claude-sonnet-5-5", thinking="adaptive", max_tokens=3000)
    question = HumanMessage("Think about it: is it?")
    said = model.invoke([SystemMessage("It is Monday."), question])
    assert "thinking" in str(said.content)
    emulator.requests.clear()
    later = [SystemMessage("It is Tuesday."), question, said, HumanMessage("Sure?")]
    if not knows_how:
        refusal = "thinking.adaptive.block_binding: Extra inputs are not permitted"
        emulator.fault(status=400, message=refusal)
    with caplog.at_level(logging.WARNING):
        assert model.invoke(later).text
    (bound_to,) = [line for line in caplog.messages if "ignore that thinking" in line]
    assert bound_to.startswith(tuple(f'{label} said: "' for label in LABELS.values()))
    assert '". For this call, the cloud is told' in bound_to
    bodies = [request.body for request in emulator.requests]
    bound = ["block_binding" in body["thinking"] for body in bodies]
    assert bound == ([False, True] if knows_how else [False, True, False])
    kinds = [[block["type"] for block in body["messages"][1]["content"]] for body in bodies]
    assert "thinking" in kinds[0]
    assert ("thinking" in kinds[-1]) == knows_how
    model.invoke(later)
    again = emulator.requests[len(bodies) :]
    assert "block_binding" in again[0].body["thinking"] or not knows_how


def test_each_retry_is_one_line_and_counts_in_the_metadata(
    emulator: CloudEmulator, cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Status, wait and request id are in it."""
    MEMORY.reset()
    emulator.fault(status=529, times=2)
    model = make(emulator, cloud, max_retries=2, max_tokens=100)
    with caplog.at_level(logging.INFO, "langchain_claude_cloud"):
        answer = model.invoke("Hi")
    lines = [line for line in caplog.messages if "sent again" in line]
    assert len(lines) == 2
    assert all("HTTP 529" in line and "request id" in line for line in lines)
    assert answer.response_metadata["attempts"] == 3
    assert model.invoke("Hi").response_metadata["attempts"] == 1
    chunks = list(model.stream("Hi"))
    assert [chunk.response_metadata.get("attempts") for chunk in chunks].count(1) == 1
    emulator.fault(FaultKind.DISCONNECTED)
    caplog.clear()
    with caplog.at_level(logging.INFO, "langchain_claude_cloud"):
        model.invoke("Hi")
    (line,) = [line for line in caplog.messages if "sent again" in line]
    assert "None" not in line
