"""What LangChain's other integrations for Claude get wrong is right here, on both clouds.

``pytest -m peer_defect`` runs all tests of such defects; these are of what shows over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest
from clouds import make_model
from langchain_core.messages import AIMessage, HumanMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import (
    CloudEmulator,
    redacted_thinking,
    text,
    thinking,
    tool_use,
)

# What events of v3 are called in langchain-core.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

Way = Callable[[ChatClaudeCloud], AIMessage]


def _stream(model: ChatClaudeCloud) -> AIMessage:
    chunks = list(model.stream("?"))
    return chunks[0] + chunks[1:]


def _events(model: ChatClaudeCloud) -> AIMessage:
    return model.stream_events("?", version="v3").output


WAYS: Final[dict[str, Way]] = {
    "invoke": lambda model: model.invoke("?"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("?")),
    "invoke, streamed": lambda model: model.model_copy(update={"streaming": True}).invoke("?"),
    "stream": _stream,
    "events of v3": _events,
}


def _answers(
    emulator: CloudEmulator, cloud: str, *blocks: Any, version: str = "v0", **fields: Any
) -> dict[str, AIMessage]:
    """Return one scripted answer on each path."""
    emulator.reply(*blocks, times=len(WAYS), **fields)
    model = make_model(emulator, cloud, output_version=version)
    return {name: way(model) for name, way in WAYS.items()}


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock", defect="redacted thinking is dropped from streams"
)
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_redacted_thinking_survives_every_path(
    emulator: CloudEmulator, cloud: str, version: str
) -> None:
    """ChatAnthropicVertex and ChatBedrock drop it from streams, and the next turn is a 400."""
    blocks = [thinking("Hm."), redacted_thinking("Rm9v"), text("Hi."), tool_use("f", {"a": 1})]
    for message in _answers(emulator, cloud, *blocks, version=version).values():
        result = {"role": "tool", "tool_call_id": message.tool_calls[0]["id"], "content": "ok"}
        emulator.reply(text("done"))
        make_model(emulator, cloud).invoke([HumanMessage("?"), message, result])
        content = emulator.requests[-1].body["messages"][1]["content"]
        assert [block["type"] for block in content] == [
            "thinking", "redacted_thinking", "text", "tool_use",
        ]  # fmt: skip
        assert content[1]["data"] == "Rm9v"


CITED: Final[tuple[dict[str, Any], ...]] = (
    {"type": "char_location", "cited_text": "c", "document_index": 0, "document_title": "T",
     "start_char_index": 0, "end_char_index": 3},
    {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": "T",
     "start_page_number": 1, "end_page_number": 2},
    {"type": "content_block_location", "cited_text": "c", "document_index": 0,
     "document_title": "T", "start_block_index": 0, "end_block_index": 1},
    {"type": "web_search_result_location", "cited_text": "c", "url": "https://example.com",
     "title": "T", "encrypted_index": "Eo8B"},
    {"type": "search_result_location", "cited_text": "c", "search_result_index": 0,
     "source": "kb://1", "title": "T", "start_block_index": 0, "end_block_index": 1},
)  # fmt: skip


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="citations are dropped from answers, streamed or not"
)
def test_citations_of_every_kind_are_in_the_answer(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropicVertex gives the text alone, streamed or not."""
    answers = _answers(emulator, cloud, text("Cats purr.", citations=CITED))
    for name, message in answers.items():
        if name != "events of v3":
            (block,) = message.content
            assert isinstance(block, dict)
            assert block["citations"] == list(CITED)
        (standard,) = message.content_blocks
        assert standard["type"] == "text"
        assert [each.get("cited_text") for each in standard["annotations"]] == ["c"] * len(CITED)
        emulator.reply(text("yes"))
        make_model(emulator, cloud).invoke([HumanMessage("?"), message, HumanMessage("Sure?")])
        (sent,) = emulator.requests[-1].body["messages"][1]["content"]
        assert sent == {"type": "text", "text": "Cats purr.", "citations": list(CITED)}


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex", defect="absent fields stand in content as None"
)
def test_content_has_no_nulls(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic and ChatAnthropicVertex: ``citations: None``, ``toolset_name: None``."""
    call = {"type": "tool_use", "id": "toolu_9", "name": "f", "input": {"a": None}}
    noise = {"caller": None, "toolset_name": None}
    for message in _answers(emulator, cloud, text("Hi."), {**call, **noise}).values():
        for block in message.content:
            assert isinstance(block, dict)
            assert None not in block.values()
        assert message.tool_calls[0]["args"] == {"a": None}


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="usage of server tools and other raw counts are lost from streams",
)
def test_raw_usage_is_in_the_metadata_of_every_path(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic keeps it for answers that were not streamed only."""
    usage = {"server_tool_use": {"web_search_requests": 2}, "cache_read_input_tokens": 30}
    answers = _answers(emulator, cloud, text("Hi."), usage=usage)
    raw = [message.response_metadata["usage"] for message in answers.values()]
    assert all(each["server_tool_use"] == {"web_search_requests": 2} for each in raw)
    found = [message.usage_metadata for message in answers.values()]
    assert all(each == found[0] for each in found)
    assert found[0]
    assert found[0]["input_token_details"]["cache_read"] == 30


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="the cloud's id of a message is lost from streams",
)
def test_a_message_has_langchains_id_and_the_clouds(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic loses the cloud's id in streams; without it, support finds nothing."""
    prefix = {"vertex": "msg_vrtx_", "bedrock": "msg_bdrk_"}[cloud]
    for name, message in _answers(emulator, cloud, text("Hi.")).items():
        assert str(message.id).startswith("lc_run--"), name
        assert message.response_metadata["id"].startswith(prefix), name


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="stream_usage=False takes the model's name and the stop reason away",
)
def test_without_usage_the_rest_of_the_metadata_stays(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic drops the model's name and the stop reason along with it."""
    emulator.reply(text("Hi."), times=2)
    model = make_model(emulator, cloud, stream_usage=False)
    for message in (_stream(model), _events(model)):
        assert message.usage_metadata is None
        assert message.response_metadata["stop_reason"] == "end_turn"
        assert "claude-sonnet-4-6" in message.response_metadata["model_name"]


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="thinking of the constructor wins over that of a call"
)
def test_what_a_call_says_of_thinking_wins(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic sends what the constructor said."""
    model = make_model(
        emulator, cloud, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=4000
    )
    model.invoke("?", thinking={"type": "disabled"})
    assert emulator.requests[-1].body["thinking"] == {"type": "disabled"}
    model.bind(thinking={"type": "adaptive"}).invoke("?")
    assert emulator.requests[-1].body["thinking"] == {"type": "adaptive"}


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="metadata of the API collides with LangChain's"
)
def test_user_ids_reach_the_cloud(emulator: CloudEmulator, cloud: str) -> None:
    """ChatAnthropic takes the API's metadata for LangChain's, or raises a TypeError."""
    model = make_model(emulator, cloud, user_id="u-1", metadata={"team": "search"})
    model.invoke("?")
    model.invoke("?", user_id="u-2")
    assert [sent.body["metadata"] for sent in emulator.requests] == [
        {"user_id": "u-1"}, {"user_id": "u-2"},
    ]  # fmt: skip


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="the caller's last message is changed, and stop sequences stick to the model",
)
def test_stop_sequences_do_not_stick(emulator: CloudEmulator, cloud: str) -> None:
    """ChatBedrock keeps those of one stream for all calls that follow."""
    model = make_model(emulator, cloud, model_kwargs={"top_k": 5})
    _ = list(model.stream("?", stop=["END"]))
    model.invoke("?")
    first, second = (sent.body for sent in emulator.requests)
    assert first["stop_sequences"] == ["END"]
    assert "stop_sequences" not in second
    assert model.model_kwargs == {"top_k": 5}
