"""What LangChain's other integrations for Claude get wrong is right here.

``pytest -m peer_defect`` runs all tests of such defects; those here are of what no other module
tests. The versions: langchain-anthropic 1.7.7 (ChatAnthropic), langchain-google-vertexai 3.2.5
(ChatAnthropicVertex), langchain-aws 1.9.1 (ChatBedrock, ChatBedrockConverse,
ChatAnthropicBedrock).
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from answers import ORIGIN, finish, opened, start, stopped
from answers import read as read_stream
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool as make_tool
from pydantic import BaseModel

from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.request.messages.conversion import convert_messages
from langchain_claude_cloud.request.tools import convert_tool
from langchain_claude_cloud.response.message import ChunkHandler

Json = dict[str, Any]

MODEL = resolve("claude-sonnet-4-6", "vertex", region="global")
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
QUESTION = HumanMessage("q")


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


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="an image_url given as a string is a TypeError, and one's cache marker is lost",
)
def test_an_image_url_may_be_a_string_and_keeps_its_marker() -> None:
    """ChatAnthropic: TypeError for the string, and no marker."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    given = {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}", **HOUR}
    assert _asked([given]) == [{"type": "image", "source": source, **HOUR}]


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="edits of tool_calls are ignored, since each block names its caller",
)
def test_edited_calls_win_over_blocks_that_name_their_caller() -> None:
    """ChatAnthropic sends the block as it was, so that a person's edit is not made."""
    block = {**CALL, "caller": {"type": "direct"}}
    edited = _called(block, {"a": 2}, model_provider="anthropic", stop_reason="tool_use")
    assert _sent(edited, DONE)[0]["content"] == [{**block, "input": {"a": 2}}]


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="the cache marker of a call is lost")
def test_a_call_keeps_its_marker() -> None:
    """ChatAnthropic drops it, and with it the prompt cache of all that is before."""
    assert _sent(_called({**CALL, **HOUR}, {"a": 1}), DONE)[0]["content"] == [{**CALL, **HOUR}]


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="names of called tools that another model made up are sent: 400"
)
def test_names_of_other_models_calls_are_fitted() -> None:
    """ChatAnthropic sends the name as it is, which the API refuses."""
    (block,) = _sent(_called({**CALL, "name": "a tool.of/theirs"}, {}), DONE)[0]["content"]
    assert block["name"] == "a_tool_of_theirs"


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="a native tool_result without content is a KeyError"
)
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


@pytest.mark.peer_defect(peers="ChatAnthropicVertex", defect="citations are dropped from history")
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


@pytest.mark.peer_defect(
    peers="ChatBedrock",
    defect="the life of a cache marker is dropped, so that an hour becomes five minutes",
)
@pytest.mark.peer_defect(peers="ChatBedrockConverse", defect="cache markers of blocks are dropped")
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


@pytest.mark.peer_defect(
    peers="ChatBedrock", defect="a document moves in front of the text before it"
)
@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="a PDF as a standard block, or a native document, is an error",
)
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


@pytest.mark.peer_defect(
    peers="ChatBedrockConverse", defect="a document in a tool's result is an error"
)
def test_a_result_may_hold_documents() -> None:
    """ChatBedrockConverse: an error."""
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    standard = {"type": "file", "base64": PDF, "mime_type": "application/pdf"}
    answered = _sent(_called(CALL, {"a": 1}), ToolMessage([standard], tool_call_id="toolu_1"))
    assert answered[1]["content"][0]["content"] == [{"type": "document", "source": source}]


@pytest.mark.peer_defect(peers="ChatBedrock", defect="a failed tool is reported as a success")
def test_a_failed_tool_is_reported_as_failed() -> None:
    """ChatBedrock sends the text alone, and the model takes it for a success."""
    failed = ToolMessage("no such file", tool_call_id="toolu_1", status="error")
    assert _sent(_called(CALL, {"a": 1}), failed)[1]["content"][0]["is_error"] is True


@pytest.mark.peer_defect(peers="all of them", defect="an unknown tool of Anthropic's is a KeyError")
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


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex, ChatBedrock",
    defect="strict is ignored for dicts, ignored altogether, or a TypeError",
)
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


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="a tool without a description is a KeyError"
)
def test_a_tool_needs_no_description() -> None:
    """ChatAnthropicVertex: KeyError 'description'."""
    schema = {"title": "f", "type": "object", "properties": {"city": {"type": "string"}}}
    wire = convert_tool(schema)
    assert wire["name"] == "f"
    assert wire["input_schema"]["properties"] == {"city": {"type": "string"}}


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="an input that is no object is pydantic's own error"
)
@pytest.mark.parametrize("given", ["Rome", ["Rome"], 3])
def test_an_input_that_is_no_object_is_an_invalid_call(given: Any) -> None:
    """ChatAnthropic: pydantic's ValidationError, and the answer is lost."""
    block = {**CALL, "input": given}
    events = [start(), opened(0, block), stopped(0), *finish("tool_use")]
    _, chunks = read_stream(events, ChunkHandler(ORIGIN, version="v1"))
    message = chunks[0] + chunks[1:]
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["f"]
    assert message.content_blocks[0]["type"] == "invalid_tool_call"
