"""Anthropic's own tools on both clouds: what is offered, what it needs, what it streams."""

from __future__ import annotations

from typing import Any, Final

import pytest
from clouds import make_model
from data import load_recordings, needs_data
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import StructuredTool

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.testing import CloudEmulator, ReceivedRequest

# What events of v3 are called in langchain-core.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

SERVER_TOOLS: Final = {
    "web_search_20250305": "web_search",
    "web_search_20260209": "web_search",
    "web_search_20260318": "web_search",
    "web_fetch_20250910": "web_fetch",
    "web_fetch_20260309": "web_fetch",
    "code_execution_20250522": "code_execution",
    "code_execution_20250825": "code_execution",
    "code_execution_20260120": "code_execution",
    "tool_search_tool_bm25_20251119": "tool_search_tool_bm25",
    "tool_search_tool_regex_20251119": "tool_search_tool_regex",
    "tool_search_tool_regex": "tool_search_tool_regex",
    "advisor_20260301": "advisor",
    "mcp_toolset": None,
}
CLIENT_TOOLS: Final = {
    "bash_20250124": ("bash", {}),
    "text_editor_20250728": ("str_replace_based_edit_tool", {}),
    "memory_20250818": ("memory", {}),
    "computer_20250124": ("computer", {"display_width_px": 800, "display_height_px": 600}),
    "computer_20251124": ("computer", {"display_width_px": 800, "display_height_px": 600}),
}
CLIENT_BETAS: Final = {
    "memory_20250818": "context-management-2025-06-27",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
}
# Whether a model takes tool search, and whether it needs a beta for it on Bedrock.
MODELS: Final = {
    "claude-opus-4-1": (False, True),
    "claude-sonnet-4-5": (True, True),
    "claude-sonnet-4-6": (True, True),
    "claude-opus-4-8": (True, False),
    "claude-sonnet-5-5": (True, False),
}
SEARCH_BETA: Final = "tool-search-tool-2025-10-19"
FINE_GRAINED: Final = "fine-grained-tool-streaming-2025-05-14"


def _offered(kind: str, cloud: str, model: str) -> bool:
    """Say what the clouds' pages say: basic web search on Google's, tool search on both."""
    if kind == "web_search_20250305":
        return cloud == "vertex"
    return kind.startswith("tool_search_tool_") and MODELS[model][0]


def _betas(sent: ReceivedRequest) -> set[str]:
    header = sent.headers.get("anthropic-beta", "")
    listed = [*header.split(","), *sent.body.get("anthropic_beta", [])]
    return {beta for beta in listed if beta and beta != FINE_GRAINED}


def _region(cloud: str, model: str) -> dict[str, str]:
    # Google serves older models in regions only.
    return {"region": "us-east5"} if (cloud, model) == ("vertex", "claude-opus-4-1") else {}


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="server tools, bash, editor, memory and computer tools are a KeyError",
)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", SERVER_TOOLS)
def test_a_server_tool_reaches_the_cloud_that_runs_it_or_is_refused_here(
    emulator: CloudEmulator, cloud: str, kind: str, model: str
) -> None:
    """With the beta that the cloud wants for it; a refusal shows what each cloud offers."""
    tool = {"type": kind, **({"name": SERVER_TOOLS[kind]} if SERVER_TOOLS[kind] else {})}
    bound = make_model(emulator, cloud, model=model).bind_tools([tool, _weather()])
    if not _offered(kind, cloud, model):
        with pytest.raises(InvalidInputError, match="is not offered on") as refused:
            bound.invoke("Hi")
        assert "Vertex AI" in str(refused.value)
        assert "Amazon Bedrock" in str(refused.value)
        assert "web_search_20250305" in str(refused.value)
        assert not emulator.requests
        return
    bound.invoke("Hi")
    (sent,) = emulator.requests
    assert sent.status == 200
    assert sent.body["tools"][0] == tool
    expected = {SEARCH_BETA} if cloud == "bedrock" and MODELS[model][1] else set()
    assert _betas(sent) == ({"web-search-2025-03-05"} if kind.startswith("web") else expected)


def _weather(**extras: Any) -> StructuredTool:
    def get_weather(city: str) -> str:
        """Look the weather up."""
        return city

    return StructuredTool.from_function(get_weather, extras=extras or None)


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="server tools, bash, editor, memory and computer tools are a KeyError",
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
@pytest.mark.parametrize("kind", CLIENT_TOOLS)
def test_tools_that_the_caller_runs_are_offered_on_both_clouds(
    emulator: CloudEmulator, cloud: str, kind: str, model: str
) -> None:
    """Bash, text editor, memory and computer, with the beta where there is one."""
    name, more = CLIENT_TOOLS[kind]
    tool = {"type": kind, "name": name, **more}
    make_model(emulator, cloud, model=model).bind_tools([tool]).invoke("Hi")
    (sent,) = emulator.requests
    assert sent.status == 200
    assert sent.body["tools"] == [tool]
    assert _betas(sent) == ({CLIENT_BETAS[kind]} if kind in CLIENT_BETAS else set())


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"])
@pytest.mark.parametrize("kind", ["computer_20250124", "computer_20251124"])
def test_the_old_computer_tools_end_with_the_models_5_5_on_google_cloud(
    emulator: CloudEmulator, cloud: str, kind: str, model: str
) -> None:
    """Refused there before anything is sent, with the tool that took their place."""
    bound = make_model(emulator, cloud, model=model).bind_tools(
        [{"type": kind, "name": "computer", "display_width_px": 800, "display_height_px": 600}]
    )
    if cloud == "bedrock":
        bound.invoke("Hi")
        assert emulator.requests[-1].status == 200
        return
    with pytest.raises(InvalidInputError, match="computer_toolset_20260801"):
        bound.invoke("Hi")
    assert not emulator.requests
    make_model(emulator, cloud, model=model).bind_tools(
        [{"type": "computer_toolset_20260801"}]
    ).invoke("Hi")
    assert emulator.requests[-1].status == 200


def test_a_list_of_platforms_goes_on_where_the_old_computer_tool_is_taken(
    emulator: CloudEmulator,
) -> None:
    """The route that cannot take it is left out of that call."""
    llm = ChatClaudeCloud(
        model="claude-opus-5-5", platform=[emulator.vertex(), emulator.bedrock()], max_retries=0
    )
    tool = {"type": "computer_20251124", "name": "computer"}
    answer = llm.bind_tools([{**tool, "display_width_px": 800, "display_height_px": 600}]).invoke(
        "Hi"
    )
    assert answer.response_metadata["platform"] == "bedrock"


@pytest.mark.peer_defect(
    peers="ChatAnthropicBedrock", defect="tool search is sent under the first-party beta: 400"
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-5-5"])
def test_what_a_tool_says_in_its_extras_reaches_the_cloud(
    emulator: CloudEmulator, cloud: str, model: str
) -> None:
    """Loading on demand, examples, callers, strictness, a cache marker: each under its name."""
    extras = {
        "defer_loading": True,
        "input_examples": [{"city": "Rome"}],
        "allowed_callers": ["direct"],
        "strict": True,
    }
    search = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
    marked = {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}
    bound = make_model(emulator, cloud, model=model).bind_tools(
        [search, marked, _weather(**extras)]
    )
    bound.invoke("Hi")
    (sent,) = emulator.requests
    assert sent.status == 200
    assert sent.body["tools"][1] == marked
    assert {key: sent.body["tools"][2][key] for key in extras} == extras
    old_bedrock = cloud == "bedrock" and MODELS.get(model, (True, False))[1]
    assert _betas(sent) == ({SEARCH_BETA, "tool-examples-2025-10-29"} if old_bedrock else set())


def _with_server_tools() -> list[Any]:
    kinds = ("server_tool_use", "mcp_tool_use")
    return [
        pytest.param(row, id=f"{row['file']}-{row['line']}")
        for row in load_recordings("anthropic")
        if row["kind"] == "sse" and row["status"] == 200 and row["n_message_start"] == 1
        # Gone on with, in test_pauses.py.
        if row["stop_reason"] != "pause_turn"
        if any(f'"type":"{kind}"'.encode() in row["body"].replace(b" ", b"") for kind in kinds)
    ]


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
    defect="a server tool's stream becomes a call without name and id",
)
@needs_data
@pytest.mark.parametrize("row", _with_server_tools())
def test_a_stream_with_server_tools_has_no_phantom_calls(
    emulator: CloudEmulator, cloud: str, row: dict[str, Any]
) -> None:
    """Neither chunks nor whole messages nor events call a tool that the server ran."""
    client = row["body"].replace(b" ", b"").count(b'"content_block":{"type":"tool_use"')
    emulator.replay(row, times=5)
    for version in ("v0", "v1"):
        model = make_model(emulator, cloud, output_version=version)
        chunks = list(model.stream("?"))
        assert len({chunk["index"] for each in chunks for chunk in each.tool_call_chunks}) == client
        assert all(each["id"] for each in _merged(chunks).tool_calls)
        _check(_merged(chunks), client)
        _check(model.model_copy(update={"streaming": True}).invoke("?"), client)
    stream = make_model(emulator, cloud).stream_events("?", version="v3")
    kinds = [
        event["content"]["type"] for event in stream if event["event"] == "content-block-finish"
    ]
    assert kinds.count("tool_call") == client
    assert kinds.count("server_tool_call") > 0
    _check(stream.output, client)


def _merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    return chunks[0] + chunks[1:]


def _check(message: AIMessage, client: int) -> None:
    assert len(message.tool_calls) == client
    assert message.invalid_tool_calls == []
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds.count("tool_call") == client
    assert "server_tool_call" in kinds
    assert "invalid_tool_call" not in kinds


@needs_data
def test_there_are_recorded_streams_with_server_tools() -> None:
    """They cover the test above."""
    assert len(_with_server_tools()) >= 10


def test_web_search_is_counted_without_its_beta(emulator: CloudEmulator) -> None:
    """Google's token counter refuses the beta that its search wants (claude-code#12429)."""
    tool = {"type": "web_search_20250305", "name": "web_search"}
    model = make_model(emulator, "vertex")
    assert model.count_tokens("Hi", tools=[tool]) > 0
    assert [_betas(sent) for sent in emulator.requests] == [set()]
    model.bind_tools([tool]).invoke("Hi")
    assert _betas(emulator.requests[-1]) == {"web-search-2025-03-05"}
