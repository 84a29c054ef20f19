"""Tokens are counted by the cloud, in its own way; what it does not count is estimated."""

from __future__ import annotations

import base64
import gc
import json
import logging
import re
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from clouds import make_model
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.chat_models.token_counting import (
    PART_ERROR,
    EstimatedCount,
)
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
)
from langchain_claude_cloud.platform.shared_state import ExpiringTable
from langchain_claude_cloud.testing import CloudEmulator

TOOL = {"name": "f", "description": "d" * 400, "input_schema": {"type": "object", "properties": {}}}
HISTORY: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("a " * 50),
    AIMessage("b " * 50),
    HumanMessage("c " * 50),
    AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "t1"}]),
    ToolMessage("r", tool_call_id="t1"),
]
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "near",
    "seven",
    "rivers",
    "in",
    "early",
    "autumn",
]


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Let each test be the first of its process that counts."""
    MEMORY.reset()
    yield
    MEMORY.reset()


@pytest.fixture
def model(cloud: str, emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model of either cloud."""
    return ChatClaudeCloud(
        model="claude-sonnet-5-5", platform=getattr(emulator, cloud)(), max_retries=0
    )


def _long_history() -> list[BaseMessage]:
    """A system prompt and a hundred messages: questions, tool calls, results, answers."""
    history: list[BaseMessage] = [SystemMessage("You are a careful assistant. " * 10)]
    for turn in range(25):
        said = " ".join(WORDS[(turn * 7 + n * n) % len(WORDS)] for n in range(20 + turn * 3))
        call = {
            "name": "look_up",
            "args": {"query": said[:90], "limit": turn},
            "id": f"call-{turn}",
        }
        history += [
            HumanMessage(said),
            AIMessage("I will look. ", tool_calls=[call]),
            ToolMessage(f"{said} {said}", tool_call_id=f"call-{turn}"),
            AIMessage([{"type": "text", "text": f"It says: {said}"}]),
        ]
    return history


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatBedrock",
    defect="counting fails for tools of Anthropic's, ignores tools, or sends calls twice",
)
async def test_a_prompt_is_counted_with_its_tools(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """Sync and async ask the same, under the model's base id; tools count."""
    bare = model.count_tokens(HISTORY[:2])
    assert await model.acount_tokens(HISTORY[:2]) == bare
    assert model.count_tokens(HISTORY[:2], tools=[TOOL]) > bare + 50
    assert {request.operation for request in emulator.requests} == {"count_tokens"}
    assert all("global." not in request.model for request in emulator.requests)
    assert model.get_num_tokens("a " * 50) > 10


async def test_nothing_is_asked_for_nothing(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """An empty list has no tokens, and costs no request."""
    assert model.count_tokens([]) == await model.acount_tokens([]) == 0
    assert model.get_num_tokens_from_messages([]) == model.get_num_tokens("") == 0
    assert emulator.requests == []


@pytest.mark.parametrize("strategy", ["first", "last"])
def test_trim_messages_takes_the_model_as_its_counter(
    model: ChatClaudeCloud, strategy: str
) -> None:
    """It asks about any slice of a history, in any order; what was not counted is asked anew."""
    trimmed = trim_messages(HISTORY, max_tokens=60, token_counter=model, strategy=strategy)  # type: ignore[arg-type]
    assert 0 < len(trimmed) < len(HISTORY)
    assert model.get_num_tokens_from_messages([ToolMessage("r" * 330, tool_call_id="t9")]) >= 80


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatBedrock",
    defect="trim_messages asks the cloud once per try, and fails on parts of a history",
)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("how", "requests"),
    [
        ({"strategy": "last"}, 1),
        ({"strategy": "last", "include_system": True, "start_on": "human"}, 2),
        ({"strategy": "first"}, 1),
        ({"strategy": "last", "allow_partial": True}, 1),
        ({"strategy": "first", "allow_partial": True, "text_splitter": _words}, 1),
    ],
)
def test_a_hundred_messages_are_trimmed_with_two_requests_at_most(
    emulator: CloudEmulator, model: ChatClaudeCloud, how: dict[str, Any], requests: int, part: float
) -> None:
    """And what is left exceeds the limit by no more than the stated error."""
    history = _long_history()
    limit = int(model.count_tokens([*history, HumanMessage("On.")]) * part)
    MEMORY.counted = ExpiringTable(100, MEMORY.clock)
    asked = len(emulator.requests)
    trimmed = trim_messages(history, max_tokens=limit, token_counter=model, **how)
    assert len(emulator.requests) - asked == requests
    left = model.count_tokens(_sendable(trimmed))
    assert limit * (1 - 2 * PART_ERROR) - 150 <= left <= limit * (1 + PART_ERROR)


def _sendable(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Leave out calls without results and results without calls, and end with a question."""
    asked = {call["id"] for m in messages if isinstance(m, AIMessage) for call in m.tool_calls}
    given = {m.tool_call_id for m in messages if isinstance(m, ToolMessage)}
    whole = [
        m
        for m in messages
        if not (isinstance(m, ToolMessage) and m.tool_call_id not in asked)
        and not (isinstance(m, AIMessage) and any(c["id"] not in given for c in m.tool_calls))
    ]
    return [*whole, HumanMessage("On.")]


def test_a_list_that_was_counted_is_not_asked_about_again(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """What is new is asked about: another message, other tools, another model."""
    whole = model.get_num_tokens_from_messages(HISTORY)
    assert whole == model.count_tokens(HISTORY)
    assert model.get_num_tokens_from_messages(HISTORY) == whole
    assert model.get_num_tokens_from_messages(HISTORY[:3]) < whole
    assert len(emulator.requests) == 2
    more = [*HISTORY, HumanMessage("And one that nobody has seen so far.")]
    assert model.get_num_tokens_from_messages(more) == model.count_tokens(more) > whole
    with_tool = model.get_num_tokens_from_messages(HISTORY[:2], tools=[TOOL])
    assert with_tool == model.count_tokens(HISTORY[:2], tools=[TOOL])
    other = model.model_copy(update={"model": "claude-opus-4-8"})
    other.get_num_tokens_from_messages(HISTORY[:2])
    assert len(emulator.requests) == 2 + 2 + 2 + 1


REFUSALS: list[dict[str, Any]] = [
    {"status": 404, "message": "Publisher Model was not found"},
    {"status": 403, "message": "not authorized to perform: bedrock:CountTokens"},
    {"status": 400, "message": "The provided model doesn't support counting tokens."},
]


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="tokens of new models, or any, are counted with another model's tokenizer: ImportError",
)
@pytest.mark.parametrize("refusal", REFUSALS, ids=["404", "403", "400"])
async def test_what_no_cloud_counts_is_estimated(
    emulator: CloudEmulator,
    cloud: str,
    model: ChatClaudeCloud,
    refusal: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The count says that it is an estimate, the log says it once, the cloud is asked once.

    On Bedrock it is asked twice: by mantle, and by CountTokens, which lacks the model.
    """
    emulator.fault(operation="count_tokens", **refusal)
    with caplog.at_level(logging.WARNING):
        first = model.count_tokens(HISTORY)
        assert await model.acount_tokens(HISTORY) == first
        assert model.get_num_tokens_from_messages(HISTORY) == first
    assert isinstance(first, EstimatedCount)
    assert 0 < first.error < 1
    assert len(emulator.requests) == (1 if cloud == "vertex" else 2)
    (notice,) = [record.message for record in caplog.records if "estimated" in record.message]
    assert "claude-sonnet-5-5" in notice
    assert "35 %" in notice
    assert "does not count tokens" in notice
    assert ("allow" in notice) is (refusal["status"] == 403)
    assert repr(first) == f"EstimatedCount({int(first)}, error=0.35)"
    tools = model.count_tokens(HISTORY, tools=[TOOL])
    assert isinstance(tools, EstimatedCount)
    assert tools > first + 400


def test_what_one_endpoint_does_not_count_another_is_asked_for(
    emulator: CloudEmulator, model: ChatClaudeCloud, cloud: str
) -> None:
    """A missing permission is one of an identity, not of the cloud."""
    emulator.fault(operation="count_tokens", **REFUSALS[1])
    assert isinstance(model.count_tokens(HISTORY), EstimatedCount)
    with CloudEmulator() as elsewhere:
        counted = make_model(elsewhere, cloud, model=model.model).count_tokens(HISTORY)
    assert not isinstance(counted, EstimatedCount)


def test_a_region_that_does_not_count_is_estimated_for(emulator: CloudEmulator) -> None:
    """Australia has no counting on Vertex AI, and the prompt does not leave it to be counted."""
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5", platform=emulator.vertex(region="australia-southeast1")
    )
    assert isinstance(model.count_tokens("How long is this?"), EstimatedCount)
    assert [request.region for request in emulator.requests] == ["australia-southeast1"]


def test_an_error_of_counting_is_an_error(emulator: CloudEmulator, model: ChatClaudeCloud) -> None:
    """`count_tokens` raises what says nothing about counting; a slice is estimated."""
    refusal: dict[str, Any] = {"status": 400, "message": "messages.0: something is wrong with it"}
    emulator.fault(operation="count_tokens", **refusal)
    with pytest.raises(InvalidRequestError, match="something is wrong"):
        model.count_tokens(HISTORY)
    emulator.fault(operation="count_tokens", **refusal)
    assert isinstance(model.get_num_tokens_from_messages(HISTORY), EstimatedCount)
    assert not isinstance(model.get_num_tokens_from_messages(HISTORY), EstimatedCount)


def test_without_a_network_a_history_can_still_be_trimmed(
    cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By estimates, with one notice and one attempt; asking for the count itself fails."""
    platform = (
        Vertex(project="p", access_token="t", base_url="http://127.0.0.1:9")
        if cloud == "vertex"
        else Bedrock(region="us-east-1", api_key="k", base_url="http://127.0.0.1:9")
    )
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
    with pytest.raises(ConnectionFailedError):
        model.count_tokens("Hi")
    with caplog.at_level(logging.WARNING):
        trimmed = trim_messages(_long_history(), max_tokens=900, token_counter=model)
    assert 0 < len(trimmed) < 101
    assert len([record for record in caplog.records if "estimated" in record.message]) == 1


def test_missing_credentials_are_an_error_of_counting(emulator: CloudEmulator) -> None:
    """They would be one of the call that follows, too."""
    platform = emulator.vertex(access_token="wrong", credentials=None)
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
    with pytest.raises(AuthenticationError):
        model.count_tokens("Hi")


def test_counting_does_not_touch_failover(emulator: CloudEmulator) -> None:
    """The next platform counts, and the one that does not is still asked for answers first."""
    first = emulator.vertex(region="australia-southeast1")
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5", platform=[first, emulator.bedrock()], max_tokens=100
    )
    assert not isinstance(model.count_tokens("How long is this?"), EstimatedCount)
    assert [request.platform for request in emulator.requests] == ["vertex", "bedrock"]
    routes = model._routes_for(model.model, {})
    assert [MEMORY.circuit(route.place).remaining() for route in routes] == [0, 0]
    assert model.invoke("Hi").response_metadata["platform"] == "vertex"


def test_only_hashes_of_what_was_counted_are_kept(model: ChatClaudeCloud) -> None:
    """The messages themselves go when their owner lets go of them."""
    history = _long_history()
    model.get_num_tokens_from_messages(history)
    references = [weakref.ref(message) for message in history]
    del history
    gc.collect()  # a traceback may have held them in a circle
    assert not any(reference() for reference in references)
    assert len(MEMORY.counted) == 1


def test_what_goes_with_a_prompt_is_counted_too(
    emulator: CloudEmulator, cloud: str, model: ChatClaudeCloud
) -> None:
    """Tools and thinking; on Bedrock in the body of an InvokeModel, under the base id."""
    model = model.model_copy(update={"model": "claude-sonnet-4-6"})
    model.count_tokens(HISTORY[:2], tools=[TOOL], thinking="adaptive")
    (request,) = emulator.requests
    if cloud == "vertex":
        body = request.body
        assert body["model"] == "claude-sonnet-4-6"
        assert "max_tokens" not in body
    else:
        assert request.model == "anthropic.claude-sonnet-4-6"
        assert set(request.body) == {"input"}
        body = json.loads(base64.b64decode(request.body["input"]["invokeModel"]["body"]))
        assert body["max_tokens"] >= 1
    assert body["thinking"] == {"type": "adaptive"}
    assert body["tools"][0]["name"] == "f"
    assert body["system"]


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="tokens of new models, or any, are counted with another model's tokenizer: ImportError",
)
@pytest.mark.parametrize(
    ("model_name", "counted"),
    [
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-6", "claude-sonnet-4-6"),
    ],
)
def test_vertex_counts_in_a_region_and_under_a_name_of_its_own(
    emulator: CloudEmulator, model_name: str, counted: str
) -> None:
    """Not at ``global``, and without the version; or where the user says."""
    ChatClaudeCloud(model=model_name, platform=emulator.vertex()).count_tokens("Hi")
    own = emulator.vertex(region="global", count_tokens_region="europe-west1")
    ChatClaudeCloud(model=model_name, platform=own).count_tokens("Hi")
    assert [request.region for request in emulator.requests] == ["us-east5", "europe-west1"]
    assert {request.body["model"] for request in emulator.requests} == {counted}
