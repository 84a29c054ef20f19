"""Compaction, context editing and prompt caching, from the request to the next request."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text
from langchain_claude_cloud.testing.reply.framing import chunk_frame, sse_event
from langchain_claude_cloud.testing.reply.ids import Noise

COMPACTION = {"type": "compaction", "content": "Summary: they spoke of tea."}
SIGNED = {**COMPACTION, "encrypted_content": "c2VjcmV0"}
EDITS: dict[str, tuple[dict[str, Any], str]] = {
    "compact": (
        {
            "edits": [
                {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 50_000}}
            ]
        },
        "compact-2026-01-12",
    ),
    "clear": (
        {"edits": [{"type": "clear_tool_uses_20250919"}, {"type": "clear_thinking_20251015"}]},
        "context-management-2025-06-27",
    ),
}
WAYS = ("invoke", "stream", "v3")


def _ask(model: ChatClaudeCloud, way: str, messages: list[Any]) -> AIMessage:
    """Ask in one of LangChain's ways, and return the whole message."""
    if way == "invoke":
        return model.invoke(messages)
    if way == "v3":
        message = model.stream_events(messages, version="v3").output
        assert isinstance(message, AIMessage)
        return message
    chunks = list(model.stream(messages))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    return whole


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("way", WAYS)
def test_context_management_goes_out_with_its_beta(
    emulator: CloudEmulator, cloud: str, kind: str, way: str
) -> None:
    """In the header on Vertex AI, in the body on Bedrock; as field or argument."""
    management, beta = EDITS[kind]
    model = ChatClaudeCloud(
        model="claude-opus-4-6",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        context_management=management,
    )
    _ask(model, way, [HumanMessage("Hi")])
    (request,) = emulator.requests
    assert request.status == 200
    assert request.body["context_management"] == management
    place = (
        request.headers.get("anthropic-beta"),
        request.body.get("anthropic_beta"),
    )
    assert place == ((beta, None) if cloud == "vertex" else (None, [beta]))


@pytest.mark.parametrize("block", [COMPACTION, SIGNED], ids=["plain", "signed"])
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", WAYS)
def test_a_compaction_block_is_kept_and_sent_back(
    emulator: CloudEmulator, cloud: str, way: str, version: str, block: dict[str, Any]
) -> None:
    """Unchanged, in whatever form it was kept in between."""
    model = ChatClaudeCloud(
        model="claude-opus-4-6",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        context_management=EDITS["compact"][0],
        output_version=version,
    )
    emulator.reply(block, text("Go on then."))
    answer = _ask(model, way, [HumanMessage("Hi")])
    assert answer.text == "Go on then."
    emulator.reply(text("Yes."))
    _ask(model, way, [HumanMessage("Hi"), answer, HumanMessage("And?")])
    sent = emulator.requests[-1].body["messages"][1]["content"]
    assert sent == [block, {"type": "text", "text": "Go on then."}]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_usage_tells_cache_writes_and_reads_by_time_to_live(
    emulator: CloudEmulator, cloud: str, way: str, ttl: str
) -> None:
    """The first call writes, the second reads; streamed or not."""
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        prompt_caching=ttl,
    )
    prompt = [SystemMessage(f"{way} {ttl}. " + "Long rules. " * 800), HumanMessage("Hi")]
    details: list[dict[str, Any]] = []
    for _ in range(2):
        usage = _ask(model, way, prompt).usage_metadata
        assert usage is not None
        details.append({**usage["input_token_details"]})
        assert usage["input_tokens"] >= sum(details[-1].values())
    other = {"5m": "1h", "1h": "5m"}[ttl]
    first, second = details
    assert first[f"ephemeral_{ttl}_input_tokens"] > 1500
    assert first.get(f"ephemeral_{other}_input_tokens", 0) == first["cache_read"] == 0
    assert second["cache_read"] == first[f"ephemeral_{ttl}_input_tokens"]


def test_the_environment_turns_caching_off(
    emulator: CloudEmulator, cloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that goes out is marked, whoever asked for it."""
    monkeypatch.setenv("DISABLE_PROMPT_CACHING", "1")
    model = ChatClaudeCloud(
        model="claude-sonnet-4-5",
        platform=getattr(emulator, cloud)(),
        max_tokens=500,
        prompt_caching="1h",
    )
    list(model.stream("Hi", cache_control={"type": "ephemeral"}))
    assert "cache_control" not in str(emulator.requests[-1].body)


@pytest.mark.parametrize("model_name", ["claude-sonnet-4-5", "claude-sonnet-5-5"])
def test_a_marker_of_the_call_is_explicit_where_the_cloud_refuses_the_automatic_one(
    emulator: CloudEmulator, cloud: str, model_name: str
) -> None:
    """Bedrock's older models refuse the field at the top of the body."""
    model = ChatClaudeCloud(model=model_name, platform=getattr(emulator, cloud)(), max_tokens=500)
    marker = {"type": "ephemeral", "ttl": "1h"}
    model.invoke("Hi", cache_control=marker)
    (request,) = emulator.requests
    explicit = cloud == "bedrock" and model_name == "claude-sonnet-4-5"
    assert ("cache_control" in request.body) is not explicit
    assert str(request.body).count("'ttl': '1h'") == 1


APPLIED = {
    "applied_edits": [
        {
            "type": "clear_tool_uses_20250919",
            "cleared_tool_uses": 3,
            "cleared_input_tokens": 4200,
        }
    ]
}


def _answer(cloud: str, *, streamed: bool) -> httpx.Response:
    """Return an answer whose context was edited, as a cloud sends it."""
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6",
        "content": [], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 6},
    }  # fmt: skip
    if not streamed:
        return httpx.Response(200, json={**message, "context_management": APPLIED})
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 6},
            "context_management": APPLIED,
        },
        {"type": "message_stop"},
    ]
    frame = sse_event if cloud == "vertex" else chunk_frame
    return httpx.Response(200, content=b"".join(frame(each, Noise(b"seed")) for each in events))


@pytest.mark.parametrize("way", WAYS)
def test_applied_edits_are_in_the_metadata(emulator: CloudEmulator, cloud: str, way: str) -> None:
    """Once, whole, on every path."""
    transport = httpx.MockTransport(lambda _: _answer(cloud, streamed=way != "invoke"))
    with httpx.Client(transport=transport) as client:
        model = ChatClaudeCloud(
            model="claude-opus-4-6",
            platform=getattr(emulator, cloud)(),
            max_tokens=500,
            context_management=EDITS["clear"][0],
            http_client=client,
        )
        answer = _ask(model, way, [HumanMessage("Hi")])
    assert answer.response_metadata["context_management"] == APPLIED
