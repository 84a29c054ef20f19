"""Every block that the vendor's SDK knows goes in and comes out, on the side that it is for."""

from __future__ import annotations

import typing
from typing import Any, Final

import pytest
from answered import WAYS
from anthropic.types.beta import BetaContentBlock, BetaContentBlockParam
from api_histories import LOCATIONS, PDF, PNG
from langchain_core.messages import HumanMessage, ToolMessage
from request_models import model_with

from langchain_claude_cloud.request.messages.conversion import convert_messages

# Loading is what langchain-core calls it.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

Json = dict[str, Any]

MODEL = model_with()
MARKER: Final = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
DIRECT: Final = {"caller": {"type": "direct"}}
TEXT: Final = {"type": "text", "text": "t"}
REFERENCE: Final = {"type": "tool_reference", "tool_name": "f"}
ADDED: Final = {"type": "tool_addition", "tool": REFERENCE}


def _result(kind: str, content: Any, **more: Any) -> list[Json]:
    """Return a server tool's call and its result."""
    name = kind.removesuffix("_tool_result")
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {"q": 1}}
    return [call, {"type": kind, "tool_use_id": "srvtoolu_1", "content": content, **more}]


def _code(kind: str, **more: Any) -> list[Json]:
    ran = {"content": [], "stdout": "1", "stderr": "", "return_code": 0}
    return _result(f"{kind}_tool_result", {"type": f"{kind}_result", **ran, **more})


ANSWERS: Final[dict[str, list[Json]]] = {
    "text": [{**TEXT, "citations": [{**each, "cited_text": "c"} for each in LOCATIONS]}],
    "thinking": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, TEXT],
    "thinking, its signature alone": [{"type": "thinking", "thinking": "", "signature": "s"}, TEXT],
    "redacted_thinking": [{"type": "redacted_thinking", "data": "Rm9v"}, TEXT],
    "tool_use": [
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [None]}, **DIRECT},
        {"type": "tool_use", "id": "toolu_2", "name": "key", "input": {}, "toolset_name": "computer"},
    ],
    "server_tool_use": [*_result("web_search_tool_result", []), TEXT],
    "web_search_tool_result": _result(
        "web_search_tool_result",
        {"type": "web_search_tool_result_error", "error_code": "unavailable"},
        **DIRECT,
    ),
    "web_fetch_tool_result": _result(
        "web_fetch_tool_result",
        {"type": "web_fetch_result", "url": "https://example.com", "retrieved_at": None,
         "content": {"type": "document", "source": PDF, "title": None}},
    ),
    "code_execution_tool_result": _code("code_execution"),
    "bash_code_execution_tool_result": _code("bash_code_execution"),
    "text_editor_code_execution_tool_result": _result(
        "text_editor_code_execution_tool_result",
        {"type": "text_editor_code_execution_create_result", "is_file_update": False},
    ),
    "tool_search_tool_result": _result(
        "tool_search_tool_result",
        {"type": "tool_search_tool_search_result", "tool_references": [REFERENCE]},
    ),
    "advisor_tool_result": _result("advisor_tool_result", {"type": "advisor_result", "text": "4"}),
    "mcp_tool_use": [
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "wiki",
         "input": {"q": 1}},
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": True,
         "content": [TEXT]},
    ],
    "mcp_tool_listing": [
        {"type": "mcp_tool_listing", "mcp_server_name": "wiki",
         "tools": [{"name": "f", "input_schema": {"type": "object"}}]},
        TEXT,
    ],
    "container_upload": [{"type": "container_upload", "file_id": "file_1"}, TEXT],
    "compaction": [
        {"type": "compaction", "content": "So far.", "signature": "s", "tool_changes": [ADDED]},
        TEXT,
    ],
    "fallback": [
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"},
         "trigger": {"type": "refusal", "category": None}},
        TEXT,
    ],
    "one of tomorrow": [{"type": "hologram", "depth": 3, "parts": [TEXT]}, TEXT],
}  # fmt: skip
"""Blocks of the assistant, by the type that is shown."""

USERS: Final[dict[str, Json]] = {
    "text": {**TEXT, **MARKER},
    "image": {"type": "image", "source": PNG, "transformations": {"oversized_image": "error"},
              **MARKER},
    "document": {"type": "document", "source": PDF, "title": "T", "context": "C",
                 "citations": {"enabled": True}, **MARKER},
    "document, text": {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                                      "data": "d"}},
    "document, blocks": {"type": "document", "source": {"type": "content", "content": [TEXT]}},
    "document, a string": {"type": "document", "source": {"type": "content", "content": "d"}},
    "search_result": {"type": "search_result", "source": "s", "title": "t", "content": [TEXT],
                      "citations": {"enabled": True}, **MARKER},
    "container_upload": {"type": "container_upload", "file_id": "file_1", **MARKER},
    "one of tomorrow": {"type": "hologram", "depth": 3, "parts": [TEXT], **MARKER},
}  # fmt: skip
"""Blocks of the user, by the type that is shown."""

RESULTS: Final[list[Json]] = [
    TEXT,
    {"type": "image", "source": PNG},
    {"type": "search_result", "source": "s", "title": "t", "content": [TEXT]},
    {"type": "document", "source": PDF, "title": "T"},
    REFERENCE,
    {"type": "browser_state", "tabs": [{"id": "1", "title": "t", "url": "https://example.com"}]},
    {"type": "hologram", "depth": 3},
]
"""What a tool's result may hold."""

# Of system turns, tested beside those.
ELSEWHERE: Final = {"tool_result", "tool_addition", "tool_removal", "mcp_tool_result"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_block_of_an_answer_goes_back_as_it_came(kind: str, way: str) -> None:
    """Streamed or not, in both versions, saved and loaded."""
    content = ANSWERS[kind]
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [ToolMessage("ok", tool_call_id=call_id) for call_id in calls]
    history = [HumanMessage("q"), WAYS[way](content), *results, HumanMessage("and?")]
    assert convert_messages(history, MODEL).messages[1]["content"] == content


@pytest.mark.parametrize("kind", USERS)
def test_a_block_of_the_user_goes_out_as_it_is(kind: str) -> None:
    """With its marker, and all that the API knows of it."""
    (turn,) = convert_messages([HumanMessage([USERS[kind]])], MODEL).messages
    assert turn["content"] == [USERS[kind]]


@pytest.mark.parametrize("block", RESULTS, ids=lambda block: block["type"])
@pytest.mark.parametrize("native", [True, False])
def test_a_block_of_a_result_goes_out_as_it_is(block: Json, *, native: bool) -> None:
    """In a ToolMessage, and in a native tool_result of the user."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [block]}
    plain = ToolMessage([block], tool_call_id="toolu_1")
    message = HumanMessage([result]) if native else plain
    sent = convert_messages([HumanMessage("q"), WAYS["by hand"]([call]), message], MODEL)
    assert sent.messages[2]["content"] == [result]


def _kinds(union: Any) -> set[str]:
    """Return the types of blocks in a union of the SDK's."""
    parts = typing.get_args(union)
    if typing.get_origin(union) is typing.Annotated:
        return _kinds(parts[0])
    if parts:
        return set[str]().union(*(_kinds(part) for part in parts))
    fields = getattr(union, "model_fields", None)
    annotation = fields["type"].annotation if fields else typing.get_type_hints(union)["type"]
    return set(typing.get_args(annotation))


def test_no_block_of_the_vendors_sdk_is_missing() -> None:
    """A new release that knows more is a reason to look at this table."""
    shown = {block["type"] for content in ANSWERS.values() for block in content}
    shown |= {block["type"] for block in USERS.values()} | ELSEWHERE
    assert _kinds(BetaContentBlock) <= shown
    inputs = set[str]().union(*(_input_kinds(p) for p in typing.get_args(BetaContentBlockParam)))
    assert len(inputs) > 15
    assert inputs <= shown


def _input_kinds(part: Any) -> set[str]:
    return _kinds(part) if hasattr(part, "__required_keys__") else set()
