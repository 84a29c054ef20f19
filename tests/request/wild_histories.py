"""Histories of any sort: what agents, middleware, other models and people leave behind."""

from __future__ import annotations

from typing import Any

from api_histories import PDF, PNG
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_claude_cloud.testing.reply.signatures import sign_thinking

Json = dict[str, Any]

TEXTS = st.sampled_from(["", " ", "\n\t", "hello", "trailing \n", "\u00a0", "ü\u2028"])
IDS = st.sampled_from(["toolu_1", "call.2|x", "fc_3", "ü 4", "0", "toolu_1 "])
NAMES = st.sampled_from(["f", "my tool", "a.b/c", "n" * 200])
RAW = st.sampled_from(["", "{", '{"a": 1', "null", "[]", '{"a": "\\ud800"}'])
ARGUMENTS = st.sampled_from([{}, {"a": 1}, {"a": {"b": [None]}}])
PROVIDERS = st.sampled_from(
    [
        {},
        {"output_version": "v1"},
        {"model_provider": "anthropic", "stop_reason": "end_turn"},
        {"model_provider": "anthropic", "stop_reason": "pause_turn"},
        {"model_provider": "anthropic", "output_version": "v1"},
        {"model_provider": "openai", "model_name": "gpt-5"},
        {"model_provider": "google_genai", "output_version": "v1"},
        {"model_provider": "bedrock_converse", "model_name": "anthropic.claude-sonnet-5"},
        {"model_provider": "bedrock", "model_name": "amazon.nova-pro-v1:0"},
    ]
)
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": sign_thinking("Hm.")}
SEARCHING = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "q"},
}
BLOCKS: tuple[Json, ...] = (
    {"type": "text", "text": "block"},
    {"type": "text", "text": " ", "cache_control": {"type": "ephemeral"}},
    {"type": "text", "text": "t", "index": 3, "id": "x", "annotations": [], "citations": None},
    SIGNED,
    {"type": "thinking", "thinking": "unsigned"},
    {"type": "redacted_thinking", "data": "Rm9v", "index": 0},
    {"type": "redacted_thinking", "data": ""},
    {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": SIGNED["signature"]}},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
    {"type": "reasoning_content", "reasoning_content": {"text": "Hm.", "signature": SIGNED["signature"]}},
    {"type": "non_standard", "value": SIGNED},
    {"type": "input_json_delta", "partial_json": '{"', "index": 1},
    {"type": "function_call", "id": "fc_1", "call_id": "fc_3", "name": "f", "arguments": "{}"},
    SEARCHING,
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "server_tool_call", "id": "srvtoolu_2", "name": "web_search", "args": {"query": "q"}},
    {"type": "server_tool_result", "tool_call_id": "srvtoolu_2", "status": "success", "output": []},
)  # fmt: skip
USERS: tuple[Json, ...] = (
    {"type": "text", "text": "block"},
    {"type": "text", "text": ""},
    {"type": "image", "source": PNG},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG['data']}"}},
    {"type": "image", "base64": PNG["data"], "mime_type": "image/png", "id": "lc_1"},
    {"type": "image", "source_type": "base64", "data": PNG["data"], "mime_type": "image/png"},
    {"type": "file", "base64": PDF["data"], "mime_type": "application/pdf", "filename": "a.pdf"},
    {"type": "text-plain", "text": "plain", "mime_type": "text/plain", "title": "T"},
    {"type": "document", "source": PDF, "citations": {"enabled": True}},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "native"},
    {"text": "untyped"},
    {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
)  # fmt: skip


def _content(blocks: tuple[Json, ...]) -> st.SearchStrategy[Any]:
    one = st.one_of(st.sampled_from(blocks), TEXTS)
    return st.one_of(TEXTS, st.lists(one, max_size=4))


@st.composite
def calls(draw: st.DrawFn, call_id: str) -> Json:
    """Draw what content says of a call, in one of the forms there are."""
    name, kind = draw(NAMES), draw(st.sampled_from(["tool_use", "tool_call", "invalid_tool_call"]))
    if kind == "tool_use":
        more: Json = draw(
            st.sampled_from([{}, {"partial_json": "{", "index": 1}, {"caller": None}])
        )
        return {"type": kind, "id": call_id, "name": name, "input": draw(ARGUMENTS), **more}
    args = draw(ARGUMENTS) if kind == "tool_call" else draw(RAW)
    return {"type": kind, "id": call_id, "name": name, "args": args}


@st.composite
def assistants(draw: st.DrawFn) -> BaseMessage:
    """Draw an answer of any model, with calls in its lists, its content, or both."""
    ids = draw(st.lists(IDS, max_size=2, unique=True))
    content = draw(_content(BLOCKS))
    if isinstance(content, list) and draw(st.booleans()):
        content = [*content, *(draw(calls(call_id)) for call_id in ids)]
    metadata = draw(PROVIDERS)
    if metadata.get("stop_reason") == "pause_turn":
        # The API pauses while its own tools run, and at no other time.
        content = [*(content if isinstance(content, list) else []), SEARCHING]
    listed = [call_id for call_id in ids if draw(st.booleans())]
    valid = [call_id for call_id in listed if draw(st.booleans())]
    make = draw(st.sampled_from([AIMessage, AIMessage, AIMessageChunk]))
    message: BaseMessage = make(
        content,
        tool_calls=[
            {"type": "tool_call", "id": each, "name": draw(NAMES), "args": draw(ARGUMENTS)}
            for each in valid
        ],
        invalid_tool_calls=[
            {
                "type": "invalid_tool_call",
                "id": each,
                "name": draw(NAMES),
                "args": draw(RAW),
                "error": None,
            }
            for each in listed
            if each not in valid
        ],
        response_metadata=metadata,
    )
    return message


HUMANS = st.builds(HumanMessage, _content(USERS))
SYSTEMS = st.builds(SystemMessage, _content(USERS[:2]))
ROLES = st.sampled_from(["user", "human", "assistant", "ai", "developer", "critic"])
CHATS = st.builds(ChatMessage, TEXTS, role=ROLES)
STRAYS = st.builds(
    ToolMessage,
    _content(USERS[:9]),
    tool_call_id=IDS,
    status=st.sampled_from(["success", "error"]),
)
KINDS = [assistants(), HUMANS, SYSTEMS] * 6 + [CHATS] * 2 + [STRAYS]


@st.composite
def wild_messages(draw: st.DrawFn) -> BaseMessage:
    """Draw one message; a result without its call, which is refused, is rare."""
    return draw(draw(st.sampled_from(KINDS)))


@st.composite
def wild_histories(draw: st.DrawFn) -> list[BaseMessage]:
    """Draw messages in any order; often the calls of an answer get their results."""
    history: list[BaseMessage] = [HumanMessage("q")] if draw(st.booleans()) else []
    for message in draw(st.lists(wild_messages(), max_size=6)):
        history.append(message)
        named = _named(message) if draw(st.integers(0, 3)) else []
        history += [
            ToolMessage(draw(TEXTS), tool_call_id=each, status=draw(st.sampled_from(["success", "error"])))
            for each in draw(st.permutations(named))
        ]  # fmt: skip
    return [*history, HumanMessage("end")] if draw(st.booleans()) else history


def _named(message: BaseMessage) -> list[str]:
    if not isinstance(message, AIMessage):
        return []
    listed = [call["id"] or "" for call in [*message.tool_calls, *message.invalid_tool_calls]]
    blocks = message.content if isinstance(message.content, list) else []
    kinds = ("tool_use", "tool_call", "invalid_tool_call")
    held = [b["id"] for b in blocks if isinstance(b, dict) and b.get("type") in kinds]
    return list(dict.fromkeys([*listed, *held]))
