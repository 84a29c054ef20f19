"""Any history either becomes a request that keeps the API's rules, or is refused."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from request_models import model_with

from langchain_claude_cloud.request.messages.conversion import Conversation, convert_messages

TEXTS = st.sampled_from(["hello", "a b ", " ", "", "ü\u2028", "x\n"])
CACHED = {"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
MARKUP = [CACHED, SIGNED, {"type": "redacted_thinking", "data": "d"}, "plain", {"type": "hologram"}]
IDS = st.sampled_from(["toolu_1", "toolu_2", "call.3|x", "4"])


def _numbered(ids: list[str], raw: dict[str, str]) -> AIMessage:
    valid = [{"name": "f", "args": {"n": each}, "id": each} for each in ids if each not in raw]
    invalid = [
        {"type": "invalid_tool_call", "name": "f", "args": raw[each], "id": each, "error": "cut"}
        for each in ids
        if each in raw
    ]
    return AIMessage("", tool_calls=valid, invalid_tool_calls=invalid)


@st.composite
def rounds(draw: st.DrawFn) -> list[BaseMessage]:
    """Draw calls with their results, in any order, some of them invalid and unanswered."""
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    raw = draw(st.dictionaries(st.sampled_from(ids), st.text(max_size=8), max_size=2))
    call = _numbered(ids, raw)
    call.content = draw(
        st.one_of(
            TEXTS,
            st.lists(st.sampled_from(MARKUP), max_size=3),
            st.just([{"type": "tool_use", "id": ids[0], "name": "f", "input": {}, "index": 0}]),
        )
    )
    answered = [each for each in ids if each not in raw or draw(st.booleans())]
    results: list[BaseMessage] = [
        ToolMessage(
            draw(TEXTS), tool_call_id=each, status=draw(st.sampled_from(["success", "error"]))
        )
        for each in draw(st.permutations(answered))
    ]
    between = draw(
        st.lists(st.sampled_from([SystemMessage("s"), HumanMessage("by the way")]), max_size=1)
    )
    return [call, *results, *between] if draw(st.booleans()) else [call, *between, *results]


@st.composite
def histories(draw: st.DrawFn) -> list[BaseMessage]:
    """Draw a history that somebody could have: every valid call is answered."""
    talk = st.one_of(
        st.builds(lambda text: [AIMessage(text)], TEXTS),
        st.builds(
            lambda blocks: [AIMessage(blocks)], st.lists(st.sampled_from(MARKUP), max_size=3)
        ),
        st.just([HumanMessage("q")]),
        st.builds(lambda text: [HumanMessage("q"), HumanMessage(text)], TEXTS),
        st.builds(lambda text: [SystemMessage(text)], TEXTS),
        rounds(),
    )
    parts = draw(st.lists(talk, max_size=6))
    return [*(message for part in parts for message in part), HumanMessage("end")]


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _check_turns(conversation: Conversation, *, in_place: bool) -> None:
    roles = [message["role"] for message in conversation.messages]
    assert roles[0] == "user"
    assert roles[-1] in ("user", "system")
    for before, after in itertools.pairwise(roles):
        allowed = {"user": {"assistant", "system"}, "assistant": {"user"}, "system": {"assistant"}}
        assert after in allowed[before]
    assert in_place or "system" not in roles


def _check_calls(conversation: Conversation) -> None:
    messages = conversation.messages
    seen: set[str] = set()
    for index, message in enumerate(messages):
        blocks = _blocks(message)
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert not seen & set(calls)
        seen |= set(calls)
        following = _blocks(messages[index + 1]) if calls else []
        answers = [block for block in following if block["type"] == "tool_result"]
        assert sorted(block["tool_use_id"] for block in answers) == sorted(calls)
        assert following[: len(answers)] == answers
        if not index or not any(b["type"] == "tool_use" for b in _blocks(messages[index - 1])):
            assert not any(block["type"] == "tool_result" for block in blocks)


def _check_texts(conversation: Conversation) -> None:
    for message in conversation.messages:
        blocks = _blocks(message)
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        assert not any("index" in block for block in blocks)
        if message["role"] == "assistant":
            assert blocks[-1]["type"] not in ("thinking", "redacted_thinking")


@settings(max_examples=100, deadline=None)
@given(history=histories(), in_place=st.booleans())
def test_a_history_becomes_a_request_that_keeps_the_rules(
    history: list[BaseMessage], *, in_place: bool
) -> None:
    """Turns alternate, calls are answered once, no text is blank, the caller's objects stay."""
    before = copy.deepcopy(history)
    model = model_with(mid_conversation_system=in_place, prefill=False)
    conversation = convert_messages(history, model)
    assert history == before
    _check_turns(conversation, in_place=in_place)
    _check_calls(conversation)
    _check_texts(conversation)
    json.dumps(conversation.messages, allow_nan=False)


@settings(max_examples=75, deadline=None)
@given(history=histories())
def test_a_longer_history_starts_like_the_shorter_one(history: list[BaseMessage]) -> None:
    """Prompt caches and signed thinking live on a prefix that does not change."""
    model = model_with()
    short = convert_messages(history, model)
    long = convert_messages([*history, AIMessage("a"), HumanMessage("more")], model)
    assert long.messages[: len(short.messages)] == short.messages
    assert long.system == short.system
