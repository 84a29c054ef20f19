"""What LangChain's other integrations for Claude get wrong is right here.

The list is `peer_defects`. Tests here are of those that no other module tests; what needs a
cloud is in `integration_tests/other_clients/test_peer_defects_cloud.py`.
"""

from __future__ import annotations

import ast
import base64
import functools
from pathlib import Path
from typing import Any

import pytest
from answers import ORIGIN, finish, opened, start, stopped
from answers import read as read_stream
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool as make_tool
from peer_defects import DEFECTS, Defect
from pydantic import BaseModel

from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.request.messages.conversion import convert_messages
from langchain_claude_cloud.request.tools import convert_tool
from langchain_claude_cloud.response.handlers import StandardChunkHandler

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
MODEL = resolve("claude-sonnet-4-6", "vertex", region="global")
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
QUESTION = HumanMessage("q")


@functools.cache
def _names(path: str) -> frozenset[str]:
    """Return the names of the tests and classes of tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.does)
def test_every_defect_is_tested(defect: Defect) -> None:
    """Each names tests that exist, what is wrong, and what is right."""
    assert defect.tests
    for test in defect.tests:
        path, _, name = test.partition("::")
        assert name.lower().startswith("test")
        assert name in _names(path), test
    assert all((defect.peers, defect.does, defect.right))


@pytest.mark.parametrize(
    "path",
    ["tests/test_peer_defects.py", "integration_tests/other_clients/test_peer_defects_cloud.py"],
)
def test_every_test_is_of_a_defect(path: str) -> None:
    """What is tested here is on the list."""
    listed = {test.partition("::")[2] for each in DEFECTS for test in each.tests if path in test}
    tests = {name for name in _names(path) if name.startswith("test_")}
    assert tests - listed <= {"test_every_defect_is_tested", "test_every_test_is_of_a_defect"}


def _sent(*messages: BaseMessage) -> list[Json]:
    """Return the turns behind the opening question."""
    return convert_messages([QUESTION, *messages], MODEL).messages[1:]


def _asked(content: Any) -> Any:
    """Return what becomes of a user's content."""
    (turn,) = convert_messages([HumanMessage(content)], MODEL).messages
    return turn["content"]


def _called(block: Json, args: Json, **metadata: Any) -> AIMessage:
    call = {"type": "tool_call", "id": block["id"], "name": block["name"], "args": args}
    return AIMessage([block], tool_calls=[call], response_metadata=metadata)


CALL: Json = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
DONE = ToolMessage("done", tool_call_id="toolu_1")


def test_an_image_url_may_be_a_string_and_keeps_its_marker() -> None:
    """ChatAnthropic: TypeError for the string, and no marker."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    given = {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}", **HOUR}
    assert _asked([given]) == [{"type": "image", "source": source, **HOUR}]


def test_edited_calls_win_over_blocks_that_name_their_caller() -> None:
    """ChatAnthropic sends the block as it was, so that a person's edit is not made."""
    block = {**CALL, "caller": {"type": "direct"}}
    edited = _called(block, {"a": 2}, model_provider="anthropic", stop_reason="tool_use")
    assert _sent(edited, DONE)[0]["content"] == [{**block, "input": {"a": 2}}]


def test_a_call_keeps_its_marker() -> None:
    """ChatAnthropic drops it, and with it the prompt cache of all that is before."""
    assert _sent(_called({**CALL, **HOUR}, {"a": 1}), DONE)[0]["content"] == [{**CALL, **HOUR}]


def test_names_of_other_models_calls_are_fitted() -> None:
    """ChatAnthropic sends the name as it is, which the API refuses."""
    (block,) = _sent(_called({**CALL, "name": "a tool.of/theirs"}, {}), DONE)[0]["content"]
    assert block["name"] == "a_tool_of_theirs"


def test_a_native_result_may_have_no_content() -> None:
    """ChatAnthropic: KeyError."""
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    answered = _sent(_called(CALL, {"a": 1}), HumanMessage([result]))
    assert answered[1]["content"] == [result]


LOCATIONS: tuple[Json, ...] = (
    {"type": "char_location", "document_index": 0, "document_title": "T",
     "start_char_index": 0, "end_char_index": 3},
    {"type": "page_location", "document_index": 0, "document_title": "T",
     "start_page_number": 1, "end_page_number": 2},
    {"type": "content_block_location", "document_index": 0, "document_title": "T",
     "start_block_index": 0, "end_block_index": 1},
    {"type": "web_search_result_location", "url": "https://example.com", "title": "T",
     "encrypted_index": "Eo8B"},
    {"type": "search_result_location", "search_result_index": 0, "source": "kb://1",
     "title": "T", "start_block_index": 0, "end_block_index": 1},
)  # fmt: skip


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: location["type"])
def test_citations_of_every_kind_go_back(location: Json, version: str) -> None:
    """ChatAnthropicVertex copies the text and leaves them out."""
    citation = {**location, "cited_text": "cats"}
    given: Json = {"type": "text", "text": "Cats.", "citations": [{**citation, "file_id": None}]}
    message = AIMessage([given], response_metadata={"model_provider": "anthropic"})
    if version == "v1":
        metadata = {"model_provider": "anthropic", "output_version": "v1"}
        message = AIMessage(message.content_blocks, response_metadata=metadata)  # type: ignore[arg-type]
    (turn, _) = _sent(message, HumanMessage("and?"))
    assert turn["content"] == [{"type": "text", "text": "Cats.", "citations": [citation]}]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "t"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
        {
            "type": "search_result",
            "source": "s",
            "title": "t",
            "content": [{"type": "text", "text": "t"}],
        },
    ],
    ids=lambda block: block["type"],
)
def test_the_life_of_a_marker_is_kept(block: Json) -> None:
    """ChatBedrock drops the ttl, ChatBedrockConverse the marker."""
    assert _asked([{**block, **HOUR}]) == [{**block, **HOUR}]
    results = _sent(
        _called(CALL, {"a": 1}), ToolMessage([{**block, **HOUR}], tool_call_id="toolu_1")
    )
    # Inside of a result the API takes none; on it, it does.
    expected = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [block], **HOUR}
    assert results[1]["content"] == [expected]


def test_documents_stay_where_they_were() -> None:
    """ChatBedrock puts them first; ChatBedrockConverse: KeyError for the native one."""
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    native = {"type": "document", "source": source, "citations": {"enabled": True}}
    standard = {"type": "file", "base64": PDF, "mime_type": "application/pdf"}
    text = {"type": "text", "text": "Compare this"}
    content = _asked([text, native, {**text, "text": "with that"}, standard])
    assert content == [
        text, native, {**text, "text": "with that"}, {"type": "document", "source": source},
    ]  # fmt: skip


def test_a_result_may_hold_documents() -> None:
    """ChatBedrockConverse: an error."""
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    standard = {"type": "file", "base64": PDF, "mime_type": "application/pdf"}
    answered = _sent(_called(CALL, {"a": 1}), ToolMessage([standard], tool_call_id="toolu_1"))
    assert answered[1]["content"][0]["content"] == [{"type": "document", "source": source}]


def test_a_failed_tool_is_reported_as_failed() -> None:
    """ChatBedrock sends the text alone, and the model takes it for a success."""
    failed = ToolMessage("no such file", tool_call_id="toolu_1", status="error")
    assert _sent(_called(CALL, {"a": 1}), failed)[1]["content"][0]["is_error"] is True


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_tool_of_a_type_not_known_yet_passes(cloud: Any) -> None:
    """ChatAnthropic: KeyError 'parameters'; ChatAnthropicVertex: KeyError 'description'."""
    tool = {"type": "telescope_20300101", "name": "telescope", "zoom": 3}
    options = RequestOptions(tools=(convert_tool(tool),))
    model = resolve("claude-sonnet-4-6", cloud, region="us-east-1")
    assert build_request([QUESTION], options, model).body["tools"] == [tool]


class Place(BaseModel):
    """A place."""

    city: str


@make_tool
def weather(city: str) -> str:
    """Look the weather up."""
    return city


@pytest.mark.parametrize(
    "tool",
    [
        Place,
        weather,
        {"name": "f", "description": "d", "input_schema": Place.model_json_schema()},
        {"type": "function", "function": {"name": "f", "parameters": Place.model_json_schema()}},
    ],
    ids=["pydantic", "tool", "the API's", "OpenAI's"],
)
def test_strict_reaches_tools_of_every_form(tool: Any) -> None:
    """ChatAnthropic: not dicts; ChatBedrock: none; ChatAnthropicVertex: TypeError."""
    wire = convert_tool(tool, strict=True)
    assert wire["strict"] is True
    assert wire["input_schema"]["additionalProperties"] is False
    assert wire["input_schema"]["required"] == ["city"]


def test_a_tool_needs_no_description() -> None:
    """ChatAnthropicVertex: KeyError 'description'."""
    schema = {"title": "f", "type": "object", "properties": {"city": {"type": "string"}}}
    wire = convert_tool(schema)
    assert wire["name"] == "f"
    assert wire["input_schema"]["properties"] == {"city": {"type": "string"}}


@pytest.mark.parametrize("given", ["Rome", ["Rome"], 3])
def test_an_input_that_is_no_object_is_an_invalid_call(given: Any) -> None:
    """ChatAnthropic: pydantic's ValidationError, and the answer is lost."""
    block = {**CALL, "input": given}
    events = [start(), opened(0, block), stopped(0), *finish("tool_use")]
    _, chunks = read_stream(events, StandardChunkHandler(ORIGIN))
    message = chunks[0] + chunks[1:]
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["f"]
    assert message.content_blocks[0]["type"] == "invalid_tool_call"
