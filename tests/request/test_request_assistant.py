"""Answers of Claude, in either form of content, go back to it as they came."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_claude_cloud.request.messages.assistant import convert_assistant, is_claude

CLAUDE = {"model_provider": "anthropic"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "sig=="}


def wire(content: Any, **fields: Any) -> list[dict[str, Any]]:
    """Return the blocks that a message with this content becomes."""
    message = AIMessage(content=content, **fields)
    before = copy.deepcopy(message)
    blocks = convert_assistant(message).content
    assert message == before
    return blocks


def in_standard_form(content: list[Any]) -> list[dict[str, Any]]:
    """Return native content as langchain-core's translator gives it."""
    message = AIMessage(content=copy.deepcopy(content), response_metadata=CLAUDE)
    return list(message.content_blocks)  # type: ignore[arg-type]


CITATIONS: list[dict[str, Any]] = [
    {
        "type": "char_location",
        "cited_text": "c",
        "document_index": 0,
        "document_title": "T",
        "start_char_index": 1,
        "end_char_index": 2,
    },
    {
        "type": "page_location",
        "cited_text": "c",
        "document_index": 0,
        "document_title": None,
        "start_page_number": 1,
        "end_page_number": 2,
    },
    {
        "type": "content_block_location",
        "cited_text": "c",
        "document_index": 0,
        "document_title": "T",
        "start_block_index": 1,
        "end_block_index": 2,
    },
    {
        "type": "web_search_result_location",
        "cited_text": "c",
        "url": "https://example.org",
        "title": "T",
        "encrypted_index": "e",
    },
    {
        "type": "search_result_location",
        "cited_text": "c",
        "search_result_index": 0,
        "source": "s",
        "title": None,
        "start_block_index": 0,
        "end_block_index": 1,
    },
]

ROUND_TRIPS: list[tuple[str, dict[str, Any]]] = [
    ("text", {"type": "text", "text": "hi"}),
    *[(c["type"], {"type": "text", "text": "hi", "citations": [c]}) for c in CITATIONS],
    ("thinking", SIGNED),
    ("thinking that is not shown", {"type": "thinking", "thinking": "", "signature": "s"}),
    ("redacted thinking", {"type": "redacted_thinking", "data": "d"}),
    (
        "call",
        {
            "type": "tool_use",
            "id": "t1",
            "name": "f",
            "input": {"a": 1},
            "caller": {"type": "direct"},
        },
    ),
    (
        "call of a toolset",
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "toolset_name": "computer"},
    ),
    (
        "web search",
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
    ),
    (
        "code execution",
        {"type": "server_tool_use", "id": "s1", "name": "code_execution", "input": {"code": "1"}},
    ),
    (
        "MCP call",
        {
            "type": "mcp_tool_use",
            "id": "m1",
            "name": "ask",
            "server_name": "wiki",
            "input": {"q": 1},
        },
    ),
    (
        "search results",
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s1",
            "content": [
                {"type": "web_search_result", "url": "u", "encrypted_content": "e", "title": "t"}
            ],
            "caller": {"type": "direct"},
        },
    ),
    ("no search results", {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}),
    (
        "failed search",
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s1",
            "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
        },
    ),
    (
        "MCP result",
        {
            "type": "mcp_tool_result",
            "tool_use_id": "m1",
            "content": [{"type": "text", "text": "x"}],
            "is_error": True,
        },
    ),
    (
        "MCP success",
        {"type": "mcp_tool_result", "tool_use_id": "m1", "content": "x", "is_error": False},
    ),
    (
        "tool search",
        {
            "type": "tool_search_tool_result",
            "tool_use_id": "s1",
            "content": {"type": "tool_search_tool_search_result", "tool_references": []},
        },
    ),
    ("new server result", {"type": "dream_tool_result", "tool_use_id": "s1", "content": {"x": 1}}),
    ("compaction", {"type": "compaction", "content": None, "encrypted_content": "e"}),
    ("container upload", {"type": "container_upload", "file_id": "f"}),
    ("unknown block", {"type": "hologram", "shape": None}),
]
BLOCKS = [block for _, block in ROUND_TRIPS]
NAMES = [name for name, _ in ROUND_TRIPS]


@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_native_content_goes_back_as_it_came(block: dict[str, Any]) -> None:
    """What the API gave is what it gets, in order."""
    assert wire([SIGNED, block], response_metadata={}) == [SIGNED, block]


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="standard blocks in history are sent as they are"
)
@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_standard_content_is_translated_back(block: dict[str, Any]) -> None:
    """The translation by core to standard blocks is undone exactly."""
    standard = in_standard_form([block])
    assert wire(standard, response_metadata={**CLAUDE, "output_version": "v1"}) == [block]


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="blocks that streamed keep their index in history: 400",
)
@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_leftovers_of_streams_are_taken_off(block: dict[str, Any]) -> None:
    """Indexes and fragments are the stream's, not the block's."""
    streamed = {**block, "index": 4}
    if "input" in block:
        streamed["partial_json"] = "{}"
    assert wire([streamed]) == [block]
    assert wire([{**standard, "index": "lc_4"} for standard in in_standard_form([block])]) == [
        block
    ]


@pytest.mark.parametrize("key", ["caller", "toolset_name", "cache_control"])
def test_nulls_of_answers_are_taken_off(key: str) -> None:
    """The API gives null where it wants a field absent."""
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    assert wire([{**call, key: None}, {**search, key: None}]) == [call, search]


def test_citations_lose_what_a_request_does_not_take() -> None:
    """`file_id` is in answers only; a title that is absent is null in requests."""
    given = {"type": "char_location", "cited_text": "c", "file_id": None, "index": 1}
    (block,) = wire([{"type": "text", "text": "hi", "citations": [given]}])
    assert block["citations"] == [
        {"type": "char_location", "cited_text": "c", "document_title": None}
    ]


@pytest.mark.parametrize(
    "annotation",
    [
        {"type": "citation", "url": "https://example.org", "title": "T"},
        {"type": "citation", "url": "u", "extras": {"start_index": 1}},
        {"type": "non_standard_annotation", "value": {"file_id": "x"}},
        {"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 2},
        {"type": "file_citation", "file_id": "f", "filename": "x.pdf", "index": 0},
        {"type": "non_standard_annotation", "value": {"type": "container_file_citation"}},
    ],
)
def test_annotations_of_other_models_are_left_out(annotation: dict[str, Any]) -> None:
    """They name nothing that Claude could check."""
    assert wire([{"type": "text", "text": "hi", "annotations": [annotation]}]) == [
        {"type": "text", "text": "hi"}
    ]


def test_citations_of_converse_are_left_out() -> None:
    """Bedrock Converse has its own form of them."""
    given = {"type": "text", "text": "hi", "citations": [{"title": "T", "location": {}}]}
    assert wire([given], response_metadata={"model_provider": "bedrock_converse"}) == [
        {"type": "text", "text": "hi"}
    ]


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex", defect="thinking without its signature is sent: 400"
)
@pytest.mark.parametrize(
    "unsigned",
    [
        {"type": "thinking", "thinking": "hm"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "reasoning_content", "reasoning_content": {"text": "hm"}},
        {"type": "reasoning_content"},
        {"type": "redacted_thinking"},
        {"type": "refusal", "refusal": "Not that.", "extras": {"category": "cyber"}},
        {"type": "non_standard", "value": {"type": "refusal", "refusal": ""}},
        {"type": "input_json_delta", "partial_json": "{"},
        {"type": "text", "text": "  "},
        "",
    ],
)
def test_what_the_api_would_refuse_is_left_out(unsigned: Any) -> None:
    """Unsigned thinking and blank text are no part of an answer."""
    assert wire([unsigned, "hi"]) == [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, True),
        ({"model_provider": "anthropic"}, True),
        ({"model_provider": "anthropic-mantle"}, True),
        ({"model_provider": "bedrock"}, True),
        ({"model_provider": "bedrock_converse", "model_name": "us.anthropic.claude-x"}, True),
        ({"model_provider": "bedrock_converse", "model_name": "amazon.nova-2"}, False),
        ({"model_provider": "google_vertexai", "model_name": "claude-sonnet-4-5"}, True),
        ({"model_provider": "google_vertexai", "model_name": "gemini-3"}, False),
        ({"model_provider": "bedrock_converse", "model_name": "arn:aws:bedrock:x"}, True),
        ({"model_name": "claude-sonnet-4@20250514"}, True),
        ({"model_name": "gemini-2.5-pro", "finish_reason": "STOP"}, False),
        ({"model_provider": "openai"}, False),
        ({"model_provider": "google_genai", "model_name": "gemini-3"}, False),
    ],
)
def test_claude_is_told_from_other_models(metadata: dict[str, str], *, expected: bool) -> None:
    """A signature is good on every cloud, but only Claude's."""
    assert is_claude(metadata) is expected
    kept = wire([SIGNED, "hi"], response_metadata=metadata)
    assert (SIGNED in kept) is expected


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="Converse's reasoning with a valid signature is dropped"
)
def test_reasoning_of_converse_is_kept() -> None:
    """Bedrock Converse wraps Claude's thinking, signature and all."""
    metadata = {"model_provider": "bedrock_converse"}
    held = {"text": "hm", "signature": "sig=="}
    native = [{"type": "reasoning_content", "reasoning_content": held, "index": 0}]
    redacted = [{"type": "reasoning_content", "reasoning_content": {"redacted_content": b"\0\1"}}]
    assert wire(native, response_metadata=metadata) == [SIGNED]
    assert wire([{"type": "reasoning_content", "reasoningContent": held}]) == [SIGNED]
    in_extras = {"type": "reasoning", "extras": {"redacted_content": "AAE="}}
    assert wire([in_extras]) == [{"type": "redacted_thinking", "data": "AAE="}]
    assert wire(redacted, response_metadata=metadata) == [
        {"type": "redacted_thinking", "data": "AAE="}
    ]
    standard = AIMessage(content=native, response_metadata=metadata).content_blocks
    assert wire(standard, response_metadata=metadata) == [SIGNED]


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="another model's reasoning is sent as it is")
def test_private_blocks_of_other_models_are_left_out() -> None:
    """Their text and calls remain, in their order."""
    content = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "thinking", "thinking": "hm", "signature": "gemini"},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "text", "text": "hi", "id": "msg_1", "phase": "final", "annotations": [{}]},
    ]
    calls = [{"name": "f", "args": {"a": 1}, "id": "call_1"}]
    assert wire(content, tool_calls=calls, response_metadata={"model_provider": "openai"}) == [
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
        {"type": "text", "text": "hi"},
    ]


def test_calls_of_other_models_keep_their_place() -> None:
    """Some of them keep calls in content as Claude does."""
    block = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    calls = [{"name": "f", "args": {"a": 1}, "id": "t1"}]
    metadata = {"model_provider": "bedrock_converse", "model_name": "amazon.nova-2"}
    assert wire([block, "then"], tool_calls=calls, response_metadata=metadata) == [
        {**block, "input": {"a": 1}},
        {"type": "text", "text": "then"},
    ]


def test_server_calls_that_were_cut_and_results_without_a_type_are_left_out() -> None:
    """A piece of a call is none; a standard result says in its extras which block it was."""
    found = {"type": "server_tool_result", "tool_call_id": "s2", "status": "success", "output": []}
    content = [
        {"type": "server_tool_call", "id": "s1", "name": "code_interpreter", "args": {"code": "1"}},
        {
            "type": "server_tool_call_chunk",
            "id": "s2",
            "name": "web_search",
            "args": '{"query":"q"}',
        },
        {**found, "extras": {"block_type": "web_search_tool_result"}},
        found,
        {"type": "server_tool_call_chunk", "id": "s3", "name": "web_search", "args": '{"que'},
        {"type": "server_tool_call_chunk", "index": 1},
    ]
    assert wire(content) == [
        {"type": "server_tool_use", "id": "s1", "name": "code_execution", "input": {"code": "1"}},
        {"type": "server_tool_use", "id": "s2", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s2", "content": []},
    ]


def test_an_invalid_call_with_an_object_stays_invalid() -> None:
    """Whoever adds one to a message is not checked; the type may be missing, too."""
    message = AIMessage("")
    broken: Any = {"id": "t1", "name": "f", "args": {"a": 1}, "error": "too long"}
    message.invalid_tool_calls.append(broken)
    turn = convert_assistant(message)
    assert turn.content[0]["input"] == {"INVALID_JSON": {"a": 1}}
    told = {"INVALID_JSON": {"a": 1}, "error": "too long"}
    stand_in = turn.unanswered["t1"]
    assert stand_in is not None
    assert json.loads(stand_in["content"]) == told


def test_of_wrapped_blocks_of_other_models_what_was_said_stays() -> None:
    """What LangChain has no form for is private, but a refusal; Claude's own goes back."""
    held = [
        {"type": "refusal", "refusal": "No."},
        {"type": "web_search_call", "id": "w"},
        {"type": "container_upload", "file_id": "f"},
    ]
    content = ["a", *({"type": "non_standard", "value": value} for value in held)]
    assert wire(content, response_metadata={"model_provider": "openai"}) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "No."},
    ]
    assert wire(content)[1:] == held[2:]


def test_an_output_text_of_nothing_is_left_out() -> None:
    """OpenAI's clients dump them; a null in a text block of ours is an error."""
    assert wire(["a", {"type": "output_text", "text": None}]) == [{"type": "text", "text": "a"}]


def test_a_server_call_gets_the_input_that_streamed_beside_it() -> None:
    """Other integrations keep the streamed text and leave the input empty."""
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    assert wire([{**call, "partial_json": '{"query": "q"}'}]) == [{**call, "input": {"query": "q"}}]
    assert wire([{**call, "partial_json": '{"query": "'}]) == [call]


def test_merged_chunks_of_other_integrations_are_read() -> None:
    """A sum of chunks is content with indexes, fragments, and calls beside it."""
    chunk = AIMessageChunk(
        content=[
            {"type": "text", "text": "hi", "index": 0},
            {
                "type": "tool_use",
                "id": "t1",
                "name": "f",
                "input": {},
                "partial_json": '{"a": 1}',
                "index": 1,
            },
        ],
        tool_call_chunks=[
            {"type": "tool_call_chunk", "id": "t1", "name": "f", "args": '{"a": 1}', "index": 1}
        ],
        response_metadata=CLAUDE,
        chunk_position="last",
    )
    assert convert_assistant(chunk).content == [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
    ]


@pytest.mark.parametrize("reason", ["pause_turn", "compaction"])
def test_a_paused_turn_is_known_as_such(reason: str) -> None:
    """The API goes on with it when it is sent back."""
    message = AIMessage("hi", response_metadata={**CLAUDE, "stop_reason": reason})
    assert convert_assistant(message).paused
    assert not convert_assistant(AIMessage("hi", response_metadata=CLAUDE)).paused


@pytest.mark.parametrize("metadata", [{}, {"model_provider": "google_genai"}])
@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}, r"\[an image .*\]"),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, r"\[an image.*"),
        ({"type": "audio", "base64": "AA==", "mime_type": "audio/wav"}, r"\[an audio .*\]"),
        ({"type": "video", "url": "https://example.com/a.mp4"}, r"\[a video at https.*\]"),
        ({"type": "file", "file_id": "file_1"}, r"\[a file .*\]"),
        ({"type": "text-plain", "text": "said"}, "said"),
    ],
)
def test_media_of_another_models_answer_become_a_line_of_text(
    metadata: dict[str, Any], block: dict[str, Any], text: str
) -> None:
    """The API takes them from users only; an error would end the conversation for good."""
    (only,) = wire([block], response_metadata=metadata)
    assert only["type"] == "text"
    assert re.fullmatch(text, only["text"])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "web_search_call", "id": "w"},
        {"type": "image_generation_call", "id": "i"},
        {"type": "mcp_list_tools", "id": "m", "server_label": "s", "tools": []},
        {"type": "mcp_approval_request", "id": "a", "name": "f", "arguments": "{}"},
        {"type": "executable_code", "executable_code": "1", "language": "PYTHON", "id": "e"},
        {"type": "code_execution_result", "code_execution_result": "1", "outcome": 1},
        {"type": "reference", "reference_ids": [1]},
        {"type": "tool_result", "tool_use_id": "g", "content": [{"text": "grounding"}]},
    ],
)
def test_blocks_of_other_models_tools_are_left_out_of_a_message_without_metadata(
    block: dict[str, Any],
) -> None:
    """They mean nothing to Claude."""
    assert wire([block, {"type": "text", "text": "a"}]) == [{"type": "text", "text": "a"}]
