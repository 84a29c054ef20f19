"""Request validation: what each cloud refuses, and in which words and shape."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from emulator_client import BEDROCK_MODEL, VERTEX_MODEL, WEATHER, Client, ask

from langchain_claude_cloud.testing import CloudEmulator

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 32).decode()
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF").decode()
USER = {"role": "user", "content": "Hi"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
CITATION = {
    "type": "char_location",
    "cited_text": "c",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
SEARCH = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
ADDITION = {
    "role": "system",
    "content": [
        {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "get_weather"}}
    ],
}
SYSTEM = {"role": "system", "content": "Be brief."}
CITATION = {
    "type": "char_location",
    "cited_text": "x",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
}


def talk(*turns: Any, **fields: Any) -> dict[str, Any]:
    """Return a body of alternating user and assistant contents."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return {"max_tokens": 100, "messages": messages, **fields}


def image(media_type: str = "image/png", data: str = PNG) -> dict[str, Any]:
    """Return an image block."""
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def tool(**fields: Any) -> dict[str, Any]:
    """Return a tool definition with some fields replaced."""
    return {**WEATHER, **fields}


CACHED = {"cache_control": {"type": "ephemeral"}}
LONG = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def marked(count: int) -> list[dict[str, Any]]:
    """Return text blocks with cache breakpoints."""
    return [{"type": "text", "text": f"part {n}", **CACHED} for n in range(count)]


def formatted(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the setting that asks for an answer of a schema."""
    return {"format": {"type": "json_schema", "schema": schema}}


def searched(*blocks: str) -> dict[str, Any]:
    """Return a body whose assistant has searched the web: with the calls, the results, or both."""
    known = {
        "call": {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "x"},
        },
        "result": {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    }
    return talk("Hi", [known[each] for each in blocks], "Go on")


BOTH_REFUSE = {
    "call of a server tool without a result": (
        searched("call"),
        (
            "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a "
            "corresponding `web_search_tool_result` block"
        ),
    ),
    "result of a server tool without a call": (
        searched("result"),
        "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks",
    ),
    "result before the call of a server tool": (
        searched("result", "call"),
        "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks",
    ),
    "unknown field": (ask("Hi", fantasy=1), "fantasy: Extra inputs are not permitted"),
    "service_tier": (
        ask("Hi", service_tier="auto"),
        "service_tier: Extra inputs are not permitted",
    ),
    "inference_geo": (
        ask("Hi", inference_geo="us"),
        "inference_geo: Extra inputs are not permitted",
    ),
    "model in body": (ask("Hi", model="x"), "model: Extra inputs are not permitted"),
    "context_management without its beta": (
        ask("Hi", context_management={"edits": []}),
        "context_management: Extra inputs are not permitted",
    ),
    "no max_tokens": ({"messages": [USER]}, "max_tokens: Field required"),
    "max_tokens 0": (
        ask("Hi", max_tokens=0),
        "max_tokens: Input should be greater than or equal to 1",
    ),
    "max_tokens too large": (
        ask("Hi", max_tokens=64001),
        "max_tokens: 64001 > 64000, which is the maximum",
    ),
    "no messages": ({"max_tokens": 5}, "messages: Field required"),
    "empty messages": (
        {"max_tokens": 5, "messages": []},
        "messages: at least one message is required",
    ),
    "assistant first": (
        {"max_tokens": 5, "messages": [{"role": "assistant", "content": "Hi"}, USER]},
        'messages: first message must use the "user" role',
    ),
    "system role": (
        {"max_tokens": 5, "messages": [USER, {"role": "system", "content": "x"}]},
        'messages: Unexpected role "system"',
    ),
    "unknown role": (
        {"max_tokens": 5, "messages": [{"role": "tool", "content": "x"}]},
        "messages.0.role: Input should be",
    ),
    "message extra": (
        {"max_tokens": 5, "messages": [{**USER, "name": "bob"}]},
        "messages.0.name: Extra inputs are not permitted",
    ),
    "empty text": (
        talk([{"type": "text", "text": ""}]),
        "messages: text content blocks must be non-empty",
    ),
    "empty string": (talk(""), "messages.0: all messages must have non-empty content"),
    "empty list": (talk([]), "messages.0: all messages must have non-empty content"),
    "white text": (talk("  \n"), "messages: text content blocks must contain non-whitespace text"),
    "cached empty text": (
        talk([{"type": "text", "text": "", **CACHED}]),
        "cache_control cannot be set for empty text blocks",
    ),
    "empty system": (
        ask("Hi", system=[{"type": "text", "text": ""}]),
        "system: text content blocks must be non-empty",
    ),
    "text extra": (
        talk([{"type": "text", "text": "x", "index": 0}]),
        "messages.0.content.0.text.index: Extra inputs are not permitted",
    ),
    "unknown block": (
        talk([{"type": "non_standard", "value": {}}]),
        "messages.0.content.0: Input tag 'non_standard' found using 'type' does not match",
    ),
    "block without type": (talk([{"text": "x"}]), "messages.0.content.0.type: Field required"),
    "unanswered call": (
        talk("Hi", [CALL], "next"),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    "last call unanswered": (talk("Hi", [CALL]), "`tool_use` ids were found without"),
    "text before the result": (
        talk("Hi", [CALL], [{"type": "text", "text": "x"}, RESULT]),
        "`tool_use` ids were found without",
    ),
    "result without call": (
        talk([RESULT]),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
    ),
    "two results": (
        talk("Hi", [CALL], [RESULT, RESULT]),
        "each tool_use must have a single result",
    ),
    "same id twice": (
        talk("Hi", [CALL, CALL], [RESULT]),
        "messages: `tool_use` ids must be unique",
    ),
    "bad id": (
        talk("Hi", [{**CALL, "id": "a b"}], [RESULT]),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "name of a call": (
        talk("Hi", [{**CALL, "name": "files.read"}], [RESULT]),
        "messages.1.content.0.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "citation as an answer has it": (
        talk(
            "Hi",
            [{"type": "text", "text": "x", "citations": [{**CITATION, "file_id": None}]}],
            "Hi",
        ),
        "messages.1.content.0.text.citations.0.char_location.file_id: Extra inputs are not",
    ),
    "citation of another API": (
        talk("Hi", [{"type": "text", "text": "x", "citations": [{"type": "url_citation"}]}], "Hi"),
        "messages.1.content.0.text.citations.0: Input tag 'url_citation' found using 'type'",
    ),
    "search result of text": (
        talk([{"type": "search_result", "source": "s", "title": "t", "content": "x"}]),
        "messages.0.content.0.search_result.content: Input should be a valid list",
    ),
    "Anthropic's tool by another name": (
        ask("Hi", tools=[{"type": "bash_20250124", "name": "shell"}]),
        "tools.0.bash_20250124.name: Input should be 'bash'",
    ),
    "Anthropic's tool with a description": (
        ask("Hi", tools=[{"type": "bash_20250124", "name": "bash", "description": "x"}]),
        "tools.0.bash_20250124.description: Extra inputs are not permitted",
    ),
    "input as text": (
        talk("Hi", [{**CALL, "input": "{}"}], [RESULT]),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    "call by the user": (talk([CALL]), "`tool_use` blocks can only be in `assistant` messages"),
    "result by the assistant": (
        talk("Hi", [RESULT]),
        "`tool_result` blocks can only be in `user` messages",
    ),
    "reference to a tool that is gone": (
        talk(
            "Hi",
            [CALL],
            [{**RESULT, "content": [{"type": "tool_reference", "tool_name": "look"}]}],
            tools=[WEATHER],
        ),
        "Tool reference 'look' not found in available tools",
    ),
    "nested result block": (
        talk("Hi", [CALL], [{**RESULT, "content": [{"type": "image_url", "image_url": {}}]}]),
        "messages.2.content.0.tool_result.content.0: Input tag 'image_url'",
    ),
    "image by url": (
        talk([{"type": "image", "source": {"type": "url", "url": "https://x"}}]),
        "Input tag 'url' found using 'type' does not match any of the expected tags: 'base64'",
    ),
    "document by file": (
        talk([{"type": "document", "source": {"type": "file", "file_id": "f"}}]),
        "Input tag 'file' found using 'type'",
    ),
    "image type": (talk([image("image/bmp")]), "media_type: Input should be 'image/jpeg'"),
    "image mismatch": (talk([image("image/jpeg")]), "the image appears to be a image/png image"),
    "image garbage": (
        talk([image(data=base64.b64encode(b"nothing").decode())]),
        "Could not process image",
    ),
    "image base64": (talk([image(data="***")]), "Invalid base64 data"),
    "image too large": (
        talk([image(data=base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 4_000_000).decode())]),
        "image exceeds 5 MB maximum",
    ),
    "pdf garbage": (
        talk(
            [
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
                }
            ]
        ),
        "The PDF specified was not valid.",
    ),
    "five breakpoints": (
        talk(marked(5)),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "long after short": (
        talk([*marked(1), {"type": "text", "text": "x", **LONG}]),
        "a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
    "cached thinking": (
        talk(
            "Hi",
            [
                {"type": "thinking", "thinking": "", "signature": "EgA=", **CACHED},
                {"type": "text", "text": "x"},
            ],
            "Hi",
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    "cache ttl": (
        ask(
            "Hi",
            system=[
                {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}}
            ],
        ),
        "system.0.cache_control.ttl: Input should be '5m' or '1h'",
    ),
    "signature": (
        talk(
            "Hi",
            [
                {"type": "thinking", "thinking": "x", "signature": "no"},
                {"type": "text", "text": "x"},
            ],
            "Hi",
        ),
        "blocks in the latest assistant message cannot be modified",
    ),
    "tool name": (
        ask("Hi", tools=[tool(name="a b")]),
        "tools.0.custom.name: String should match pattern",
    ),
    "tool twice": (ask("Hi", tools=[WEATHER, WEATHER]), "tools: Tool names must be unique."),
    "tool extra": (
        ask("Hi", tools=[tool(extras={})]),
        "tools.0.custom.extras: Extra inputs are not permitted",
    ),
    "schema missing": (
        ask("Hi", tools=[{"name": "f"}]),
        "tools.0.custom.input_schema: Field required",
    ),
    "schema type": (
        ask("Hi", tools=[tool(input_schema={"type": "array"})]),
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    "schema invalid": (
        ask(
            "Hi",
            tools=[tool(input_schema={"type": "object", "properties": {"a": {"type": "int"}}})],
        ),
        "JSON schema is invalid. It must match JSON Schema draft 2020-12",
    ),
    "schema top level anyOf": (
        ask("Hi", tools=[tool(input_schema={"type": "object", "anyOf": []})]),
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    "strict open object": (
        ask("Hi", tools=[tool(strict=True)]),
        "For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "server tool": (
        ask("Hi", tools=[{"type": "code_execution_20250825", "name": "code_execution"}]),
        "tools.0: Input tag 'code_execution_20250825' found using 'type' does not match",
    ),
    "choice without tools": (
        ask("Hi", tool_choice={"type": "auto"}),
        "tool_choice may only be specified while providing tools",
    ),
    "choice unknown": (
        ask("Hi", tools=[WEATHER], tool_choice={"type": "tool", "name": "f"}),
        "Tool 'f' not found",
    ),
    "choice type": (
        ask("Hi", tools=[WEATHER], tool_choice={"type": "required"}),
        "Input tag 'required'",
    ),
    "forced beside thinking": (
        ask(
            "Hi",
            max_tokens=5000,
            tools=[WEATHER],
            tool_choice={"type": "any"},
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "stop sequence": (
        ask("Hi", stop_sequences=[" "]),
        "stop_sequences: each stop sequence must contain non-whitespace",
    ),
    "temperature": (ask("Hi", temperature=1.5), "temperature: range: 0..1"),
    "temperature and top_p": (
        ask("Hi", temperature=0.5, top_p=0.5),
        "`temperature` and `top_p` cannot both be specified",
    ),
    "temperature beside thinking": (
        ask(
            "Hi",
            max_tokens=5000,
            temperature=0,
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
        "`temperature` may only be set to 1 when thinking is enabled",
    ),
    "adaptive": (
        ask("Hi", thinking={"type": "adaptive"}),
        "adaptive thinking is not supported on this model",
    ),
    "budget": (
        ask("Hi", thinking={"type": "enabled", "budget_tokens": 100}),
        "greater than or equal to 1024",
    ),
    "budget above max_tokens": (
        ask("Hi", thinking={"type": "enabled", "budget_tokens": 2000}),
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "effort": (
        ask("Hi", output_config={"effort": "high"}),
        "This model does not support the effort parameter.",
    ),
    "format": (
        ask(
            "Hi",
            output_config={
                "format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}
            },
        ),
        "output_config.format.schema: For 'object' type, 'additionalProperties'",
    ),
    "trailing white prefill": (
        talk("Hi", "Well "),
        "final assistant content cannot end with trailing whitespace",
    ),
    "thinking must lead": (
        talk(
            "Hi",
            [CALL],
            [RESULT],
            max_tokens=5000,
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    "metadata": (
        ask("Hi", metadata={"trace": "x"}),
        "metadata.trace: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("name", BOTH_REFUSE)
def test_both_clouds_refuse_in_their_own_shape(client: Client, name: str) -> None:
    """The same message, as Claude's error on Vertex and as AWS's `message` on Bedrock."""
    body, message = BOTH_REFUSE[name]
    google = client.vertex(body)
    assert google.status_code == 400, google.text
    parsed = google.json()
    assert parsed["type"] == "error"
    assert parsed["error"]["type"] == "invalid_request_error"
    assert message in parsed["error"]["message"]
    assert parsed["request_id"].startswith("req_vrtx_01")
    aws = client.bedrock(body)
    assert aws.status_code == 400
    assert list(aws.json()) == ["message"]
    assert message in aws.json()["message"]
    assert (
        aws.headers["x-amzn-errortype"]
        == "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    )
    assert len(aws.headers["x-amzn-requestid"]) == 36


BOTH_TAKE = {
    "a search of the web that was made": searched("call", "result"),
    "roles merge": {
        "max_tokens": 5,
        "messages": [
            USER,
            USER,
            {"role": "assistant", "content": "a"},
            {"role": "assistant", "content": "b"},
            USER,
        ],
    },
    "parallel results in two messages": {
        "max_tokens": 5,
        "messages": [
            USER,
            {"role": "assistant", "content": [CALL, {**CALL, "id": "toolu_2"}]},
            {"role": "user", "content": [RESULT]},
            {"role": "user", "content": [{**RESULT, "tool_use_id": "toolu_2", "is_error": True}]},
        ],
    },
    "white text beside text": talk([{"type": "text", "text": " "}, {"type": "text", "text": "Hi"}]),
    "image and pdf": talk(
        [
            {"type": "text", "text": "Hi"},
            image(),
            {
                "type": "document",
                "title": "T",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
        ]
    ),
    "image in result": talk("Hi", [CALL], [{**RESULT, "content": [image()]}]),
    "foreign signature": talk(
        "Hi",
        [
            {"type": "thinking", "thinking": "x", "signature": "ErUBCkYICBgC"},
            {"type": "text", "text": "x"},
        ],
        "Hi",
    ),
    "empty result": talk("Hi", [CALL], [{"type": "tool_result", "tool_use_id": "toolu_1"}]),
    "four breakpoints": talk(marked(4)),
    "empty final assistant": talk("Hi", ""),
    "sampling": ask("Hi", temperature=0.2, top_k=5),
    "parallel off": ask(
        "Hi", tools=[WEATHER], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
    ),
    "text editor": ask(
        "Hi", tools=[{"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}]
    ),
    "user id": ask("Hi", metadata={"user_id": "u"}),
    "no-argument tool": ask("Hi", tools=[tool(input_schema={"type": "object"})]),
    "search result": talk(
        [
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [{"type": "text", "text": "x"}],
                "citations": {"enabled": True},
            }
        ]
    ),
}


@pytest.mark.parametrize("name", BOTH_TAKE)
def test_both_clouds_take(client: Client, name: str) -> None:
    """What is valid is not refused."""
    for response in (client.vertex(BOTH_TAKE[name]), client.bedrock(BOTH_TAKE[name])):
        assert response.status_code == 200, response.text


VERTEX_REFUSES = {
    "deferred tools alone": (
        ask("Hi", tools=[tool(defer_loading=True)]),
        {},
        400,
        "All tools have defer_loading set. At least one tool must be non-deferred.",
    ),
    "legacy beta": (
        ask("Hi"),
        {"headers": {"anthropic-beta": "fine-grained-tool-streaming-2025-05-14"}},
        400,
        "Unexpected value(s) `fine-grained-tool-streaming-2025-05-14` for the `anthropic-beta` header",
    ),
    "bedrock's version": (
        ask("Hi", anthropic_version="bedrock-2023-05-31"),
        {},
        400,
        "anthropic_version",
    ),
    "sampling in the new version": (
        ask("Hi", anthropic_version="2026-10-21", temperature=1),
        {},
        400,
        "temperature: Extra inputs are not permitted",
    ),
    "citations of another API": (
        talk(
            USER["content"],
            [{"type": "text", "text": "x", "citations": [{"type": "url_citation", "url": "u"}]}],
            "And now?",
        ),
        {},
        400,
        "messages.1.content.0.text.citations.0: Input tag 'url_citation' found using 'type'",
    ),
    "user citations in the new version": (
        talk(
            [{"type": "text", "text": "x", "citations": [CITATION]}],
            anthropic_version="2026-10-21",
        ),
        {},
        400,
        "messages.0.content.0.text.citations: Extra inputs are not permitted",
    ),
    "user citations in a search result in the new version": (
        talk(
            [
                {
                    "type": "search_result",
                    "source": "s",
                    "title": "t",
                    "content": [{"type": "text", "text": "x", "citations": [CITATION]}],
                }
            ],
            anthropic_version="2026-10-21",
        ),
        {},
        400,
        "search_result.content.0.text.citations: Extra inputs are not permitted",
    ),
    "system behind the assistant": (
        {"max_tokens": 5, "messages": [USER, {"role": "assistant", "content": "x"}, SYSTEM]},
        {"model": "claude-opus-4-8"},
        400,
        "messages.2: a `system` message must follow a `user` message",
    ),
    "user behind the system": (
        {"max_tokens": 5, "messages": [USER, SYSTEM, USER]},
        {"model": "claude-opus-4-8"},
        400,
        "messages.2: a `user` message must not follow a `system` message",
    ),
    "unknown edit of the context": (
        ask("Hi", context_management={"edits": [{"type": "compact_20260112"}]}),
        {"headers": {"anthropic-beta": "context-management-2025-06-27"}},
        400,
        "context_management.edits.0: Input tag 'compact_20260112' found using 'type'",
    ),
    "edit of the context with a plain number": (
        ask(
            "Hi",
            context_management={"edits": [{"type": "clear_tool_uses_20250919", "keep": 3}]},
        ),
        {"headers": {"anthropic-beta": "context-management-2025-06-27"}},
        400,
        "edits.0.clear_tool_uses_20250919.keep: Input should be a valid dictionary",
    ),
    "sampling on a new model": (
        ask("Hi", temperature=0),
        {"model": "claude-opus-4-8"},
        400,
        "`temperature` is deprecated for this model.",
    ),
    "prefill on a new model": (
        talk("Hi", "Well"),
        {"model": "claude-opus-4-6"},
        400,
        "This model does not support assistant message prefill.",
    ),
    "forced choice": (
        ask("Hi", tools=[WEATHER], tool_choice={"type": "any"}),
        {"model": "claude-opus-5-5"},
        400,
        'tool_choice: type "tool" and "any" are not supported for this model.',
    ),
    "thinking off": (
        ask("Hi", thinking={"type": "disabled"}),
        {"model": "claude-fable-5"},
        400,
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "budget on a new model": (
        ask("Hi", max_tokens=5000, thinking={"type": "enabled", "budget_tokens": 2000}),
        {"model": "claude-opus-4-8"},
        400,
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "effort level": (
        ask("Hi", output_config={"effort": "xhigh"}),
        {"model": "claude-opus-4-6"},
        400,
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ),
    "prompt too long": (ask("x" * 800_100), {}, 413, "Prompt is too long"),
    "prefill beside thinking": (
        talk("Hi", "Well", max_tokens=5000, thinking={"type": "enabled", "budget_tokens": 2000}),
        {},
        400,
        "messages.1.content.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
    ),
    "low top_p beside thinking": (
        ask("Hi", top_p=0.5, thinking={"type": "adaptive"}),
        {"model": "claude-opus-4-6"},
        400,
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled",
    ),
    "nullable open object": (
        ask("Hi", output_config=formatted({"type": ["object", "null"], "properties": {}})),
        {},
        400,
        "For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    "limits of a nullable number": (
        ask("Hi", output_config=formatted({"type": ["integer", "null"], "minimum": 1})),
        {},
        400,
        "For 'integer' type, properties minimum are not supported",
    ),
    "system on Sonnet 4.6": (
        {"max_tokens": 5, "messages": [USER, {"role": "system", "content": "x"}]},
        {"model": "claude-sonnet-4-6"},
        400,
        "Unexpected role",
    ),
}


@pytest.mark.parametrize("name", VERTEX_REFUSES)
def test_vertex_refuses(client: Client, name: str) -> None:
    """What depends on the model, the version or the cloud, on Vertex."""
    body, options, status, message = VERTEX_REFUSES[name]
    response = client.vertex(body, **options)
    assert response.status_code == status, response.text
    assert message in response.json()["error"]["message"]


SUMMARY = {"type": "compaction", "content": "So far.", "signature": "s"}
SUMMARY_OF_THE_API = {"type": "compaction", "content": "So far."}


@pytest.mark.parametrize(
    ("contents", "betas", "refusal"),
    [
        (["Hi", [SUMMARY_OF_THE_API]], "compact-2026-01-12", None),
        (["Hi", [SUMMARY_OF_THE_API]], "", "Input tag 'compaction'"),
        ([[SUMMARY], "Hi"], "compact-2026-09-04", None),
        (["Hi", [SUMMARY], "Hi"], "compact-2026-09-04", "must come first"),
        ([[SUMMARY], "Hi", [SUMMARY], "Hi"], "compact-2026-09-04", "only one"),
    ],
)
def test_where_a_compaction_may_stand(
    client: Client, contents: list[Any], betas: str, refusal: str | None
) -> None:
    """At the end of a request, paused or not; one that was asked for comes first."""
    roles = ("assistant", "user") if contents[0] == [SUMMARY] else ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": each} for i, each in enumerate(contents)]
    body = {"max_tokens": 100, "messages": messages}
    headers = {"anthropic-beta": betas} if betas else None
    response = client.vertex(body, model="claude-opus-4-6", headers=headers)
    assert (response.status_code == 400) == bool(refusal)
    assert (refusal or "") in response.text


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("global", "gemini-2.5-pro"),
        ("us-east5", "claude-sonnet-5-5"),
        ("global", "claude sonnet"),
        ("global", "claude-sonnet-4-5-20250929"),
        ("us-east5", "claude-3-5-haiku@20241022"),  # retired there
        ("us-east-1", "claude-sonnet-4-6"),
        ("nowhere", "claude-sonnet-4-6"),
    ],
)
def test_vertex_404_in_googles_shape(client: Client, region: str, model: str) -> None:
    """The front end answers, with an object or with an array for a stream."""
    error = client.vertex(ask("Hi"), region=region, model=model).json()["error"]
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert f"locations/{region}" in error["message"]
    streamed = client.vertex(ask("Hi"), region=region, model=model, method="streamRawPredict")
    assert streamed.json()[0]["error"]["code"] == 404


def test_vertex_counts_tokens(client: Client) -> None:
    """`model` stays in the body, without its date, and `global` does not count."""
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x" * 400}]}
    counted = client.vertex(body, model="count-tokens", region="us-east5")
    assert counted.json() == {"input_tokens": 103}
    assert client.vertex(body, model="count-tokens").status_code == 404
    dated = client.vertex({**body, "model": VERTEX_MODEL}, model="count-tokens", region="us-east5")
    assert "is not supported for token counting" in dated.json()["error"]["message"]


BEDROCK_REFUSES = {
    "examples without their beta": (
        ask("Hi", tools=[tool(input_examples=[{"location": "Oslo"}])]),
        BEDROCK_MODEL,
        "tools.0.custom.input_examples: Extra inputs are not permitted",
    ),
    "tool search without its beta": (
        ask("Hi", tools=[SEARCH]),
        BEDROCK_MODEL,
        "tools.0: Input tag 'tool_search_tool_bm25_20251119' found using 'type' does not match",
    ),
    "tool change without its beta": (
        {"max_tokens": 5, "messages": [USER, ADDITION]},
        "us.anthropic.claude-opus-4-8",
        "messages.1.content.0.type: Input should be 'text'",
    ),
    "stream in the body": (
        ask("Hi", stream=True),
        BEDROCK_MODEL,
        "stream: Extra inputs are not permitted",
    ),
    "version missing": (
        ask("Hi", anthropic_version=None),
        BEDROCK_MODEL,
        "required key [anthropic_version] not found",
    ),
    "new version on an old model": (
        ask("Hi", anthropic_version="2026-10-21"),
        BEDROCK_MODEL,
        "anthropic_version",
    ),
    "eager field": (
        ask("Hi", tools=[tool(eager_input_streaming=True)]),
        BEDROCK_MODEL,
        "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
    ),
    "beta on an old model": (
        ask("Hi", anthropic_beta=["files-api-2025-04-14"]),
        BEDROCK_MODEL,
        "The model returned the following errors: invalid beta flag",
    ),
    "automatic caching": (
        ask("Hi", cache_control={"type": "ephemeral"}),
        BEDROCK_MODEL,
        "cache_control: Extra inputs are not permitted",
    ),
    "web search": (
        ask("Hi", tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        BEDROCK_MODEL,
        "Input tag 'web_search_20250305'",
    ),
    "bare id": (
        ask("Hi"),
        "anthropic.claude-sonnet-4-20250514-v1:0",
        "with on-demand throughput isn\u2019t supported.",
    ),
    "no such model": (
        ask("Hi"),
        "us.does-not-exist-v1:0",
        "The provided model identifier is invalid.",
    ),
    "no such profile": (
        ask("Hi"),
        "jp.anthropic.claude-sonnet-5-5",
        "The provided model identifier is invalid.",
    ),
    "undated id": (
        ask("Hi"),
        "us.anthropic.claude-sonnet-4-5",
        "The provided model identifier is invalid.",
    ),
    "format on 4.8": (
        ask("Hi", output_config={"format": {"type": "json_schema", "schema": {}}}),
        "us.anthropic.claude-opus-4-8",
        "output_config.format: Extra inputs are not permitted",
    ),
    "21 MB": (
        ask("x" * 21_000_000),
        BEDROCK_MODEL,
        "Input is too long for requested model.",
    ),
    "prompt too long": (
        ask("x" * 800_100),
        BEDROCK_MODEL,
        "prompt is too long: 200028 tokens > 200000 maximum",
    ),
}


@pytest.mark.parametrize("name", BEDROCK_REFUSES)
def test_bedrock_refuses(client: Client, name: str) -> None:
    """What depends on the model, the version or the cloud, on Bedrock."""
    body, model, message = BEDROCK_REFUSES[name]
    response = client.bedrock(body, model=model)
    assert response.status_code == 400, response.text
    assert message in response.text
    assert response.headers["x-amzn-errortype"].startswith("ValidationException")


@pytest.mark.parametrize(
    ("betas", "model", "body"),
    [
        (
            ["mid-conversation-tool-changes-2026-07-01"],
            "us.anthropic.claude-opus-4-8",
            {"max_tokens": 5, "messages": [USER, ADDITION, SYSTEM], "tools": [WEATHER]},
        ),
        (
            ["mid-conversation-output-config-2026-07-01"],
            "us.anthropic.claude-opus-4-8",
            {"max_tokens": 5, "messages": [USER, {**SYSTEM, "output_config": {"effort": "low"}}]},
        ),
        (
            ["tool-search-tool-2025-10-19", "tool-examples-2025-10-29"],
            BEDROCK_MODEL,
            ask(
                "Hi",
                tools=[SEARCH, tool(defer_loading=True, input_examples=[{"location": "Oslo"}])],
            ),
        ),
        (
            ["context-management-2025-06-27", "compact-2026-01-12"],
            BEDROCK_MODEL,
            ask(
                "Hi",
                context_management={
                    "edits": [
                        {
                            "type": "clear_tool_uses_20250919",
                            "keep": {"type": "tool_uses", "value": 3},
                        },
                        {"type": "compact_20260112"},
                    ]
                },
            ),
        ),
    ],
)
def test_bedrock_takes_what_a_beta_allows(
    client: Client, betas: list[str], model: str, body: dict[str, Any]
) -> None:
    """Changes of tools and effort in the conversation, search for tools, edits of the context."""
    response = client.bedrock({**body, "anthropic_beta": betas}, model=model)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("trace", "YES"),
        ("performanceconfig-latency", "fast"),
        ("service-tier", "gold"),
    ],
)
def test_bedrock_refuses_unknown_values_of_its_headers(
    client: Client, header: str, value: str
) -> None:
    """AWS's own validation names the values that there are."""
    response = client.bedrock(ask("Hi"), headers={f"x-amzn-bedrock-{header}": value})
    assert response.status_code == 400
    assert f"Value '{value}' at '{header}' failed to satisfy constraint" in response.text


@pytest.mark.parametrize(
    "model", ["anthropic.claude-3-opus-20240229-v1:0", "us.anthropic.claude-opus-4-20250514-v1:0"]
)
def test_bedrock_does_not_answer_for_models_that_it_retired(client: Client, model: str) -> None:
    """AWS says so itself."""
    response = client.bedrock(ask("Hi"), model=model)
    assert response.status_code == 404
    assert "has reached the end of its life" in response.text
    assert response.headers["x-amzn-errortype"].startswith("ResourceNotFoundException")


def test_each_refusal_has_a_request_id_of_its_own(client: Client) -> None:
    """Also those of one request that is sent again."""
    client.emulator.fault(status=429, times=None)
    bedrock = {client.bedrock(ask("Hi")).headers["x-amzn-requestid"] for _ in range(3)}
    newer = {
        client.bedrock({}, model="us.anthropic.claude-opus-5-5").json()["request_id"]
        for _ in range(3)
    }
    vertex = {client.vertex({}).json()["request_id"] for _ in range(3)}
    assert [len(bedrock), len(newer), len(vertex)] == [3, 3, 3]


def test_newer_models_on_bedrock_answer_in_claudes_shape(client: Client) -> None:
    """From 4.7 on the refusal is Claude's own; the front end's stays AWS's."""
    model = "global.anthropic.claude-opus-4-7"
    refused = client.bedrock(ask("Hi", anthropic_beta=["nope-2026-01-01"]), model=model).json()
    assert refused["error"] == {"type": "invalid_request_error", "message": "invalid beta flag"}
    assert client.bedrock(ask("Hi", anthropic_version="2026-10-21"), model=model).status_code == 200
    bare = client.bedrock(ask("Hi"), model="anthropic.claude-opus-4-7").json()
    assert list(bare) == ["message"]


@pytest.mark.parametrize(
    "model",
    [
        "global.anthropic.claude-sonnet-6",
        "us.anthropic.claude-opus-4-6-v1",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile%2Fabc",
    ],
)
def test_bedrock_takes_ids_of_all_forms(client: Client, model: str) -> None:
    """Profiles, old bare ids, ARNs, and models of tomorrow."""
    assert client.bedrock(ask("Hi"), model=model).status_code == 200


def test_bedrock_counts_tokens(client: Client) -> None:
    """The body travels in base64; profiles are not counted."""
    inner = b'{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":"12345678"}]}'
    body = {"input": {"invokeModel": {"body": base64.b64encode(inner).decode()}}}
    base = BEDROCK_MODEL.removeprefix("us.")
    assert client.bedrock(body, model=base, operation="count-tokens").json() == {"inputTokens": 5}
    refused = client.bedrock(body, model=BEDROCK_MODEL, operation="count-tokens")
    assert refused.json() == {"message": "The provided model doesn't support counting tokens."}


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"max_tokens": 1, "x": "\\ud83d"}'])
def test_bodies_that_are_no_json_object(client: Client, body: bytes) -> None:
    """Refused as a bad request; half a surrogate pair as well."""
    url = f"{client.emulator.url}/model/{BEDROCK_MODEL}/invoke"
    headers = {"authorization": f"Bearer {client.emulator.bedrock_api_key}"}
    response = client.http.post(url, content=body, headers=headers)
    assert (response.status_code, list(response.json())) == (400, ["message"])


def test_lenient_emulator_takes_any_body() -> None:
    """For tests of clients that are not about validity."""
    with CloudEmulator(strict=False) as emulator:
        client = Client(emulator)
        assert client.vertex(ask("Hi", fantasy=1)).status_code == 200


GUARDRAIL = {
    "x-amzn-bedrock-guardrailidentifier": "gr1",
    "x-amzn-bedrock-guardrailversion": "3",
}
CONFIG = "amazon-bedrock-guardrailConfig"


@pytest.mark.parametrize(
    "config", [{"tagSuffix": "x1"}, {"streamProcessingMode": "ASYNCHRONOUS"}, {}]
)
def test_bedrock_takes_a_guardrails_settings(client: Client, config: dict[str, str]) -> None:
    """Beside a guardrail; Claude does not see them."""
    tagged = (
        "<amazon-bedrock-guardrails-guardContent_x1>Hi</amazon-bedrock-guardrails-guardContent_x1>"
    )
    response = client.bedrock(ask(tagged, **{CONFIG: config}), headers=GUARDRAIL)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        ({"tagSuffix": "x"}, {}),
        ({"tagSuffix": "x"}, {"x-amzn-bedrock-guardrailidentifier": "gr1"}),
        ({"tagSuffix": "with-dash"}, GUARDRAIL),
        ({"tagSuffix": 5}, GUARDRAIL),
        ({"suffix": "x"}, GUARDRAIL),
        ("x", GUARDRAIL),
    ],
)
def test_bedrock_refuses_wrong_settings_of_a_guardrail(
    client: Client, config: object, headers: dict[str, str]
) -> None:
    """Settings without a guardrail, without its version, or of the wrong form."""
    assert client.bedrock(ask("Hi", **{CONFIG: config}), headers=headers).status_code == 400


def test_vertex_knows_no_guardrail(client: Client) -> None:
    """They are a feature of Bedrock."""
    response = client.vertex(ask("Hi", **{CONFIG: {"tagSuffix": "x"}}))
    assert f"{CONFIG}: Extra inputs are not permitted" in response.text
