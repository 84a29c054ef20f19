"""langchain's agents and LangGraph on both clouds of the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_tools import Weather, add, get_weather
from clouds import THINKING_MODEL, make_model
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text, tool_use

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

QUESTION = {"messages": [HumanMessage("What is the weather in Paris, and what is 2 + 3?")]}
LONG = "Twenty lines of a poem about rivers. " * 20
CUT = '{"path": "/tmp/poem.txt", "content": "Twenty lines of a po'


def queue_two_tools(emulator: CloudEmulator) -> None:
    """Let the model call both tools at once, then answer."""
    emulator.reply(
        text("Let me look."),
        tool_use("get_weather", {"location": "Paris"}),
        tool_use("add", {"a": 2, "b": 3}),
    )
    emulator.reply(text("Sunny, and 5."))


def check_two_tools(messages: list[Any]) -> None:
    """Assert that both tools ran, once each, and the model answered."""
    kinds = [message.type for message in messages]
    assert kinds == ["human", "ai", "tool", "tool", "ai"]
    results = {message.content for message in messages if message.type == "tool"}
    assert results == {"It is sunny in Paris.", "5"}
    assert messages[-1].text == "Sunny, and 5."
    assert [call["name"] for call in messages[1].tool_calls] == ["get_weather", "add"]
    assert messages[1].invalid_tool_calls == []


def check_history_on_the_wire(emulator: CloudEmulator) -> None:
    """Assert that the second request held both calls and both results, in order."""
    *_, calling, answering = emulator.requests[-1].body["messages"]
    calls = [block for block in calling["content"] if block["type"] == "tool_use"]
    assert [block["input"] for block in calls] == [{"location": "Paris"}, {"a": 2, "b": 3}]
    results = [block["tool_use_id"] for block in answering["content"]]
    assert results == [block["id"] for block in calls]


def test_an_agent_calls_two_tools(emulator: CloudEmulator, cloud: str) -> None:
    """Without streaming, each turn is one plain request."""
    agent = create_agent(make_model(emulator, cloud), [get_weather, add])
    queue_two_tools(emulator)
    check_two_tools(agent.invoke(QUESTION)["messages"])
    check_history_on_the_wire(emulator)
    assert [request.operation for request in emulator.requests] == ["invoke", "invoke"]


async def test_an_agent_calls_two_tools_on_an_event_loop(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The same with ``ainvoke``."""
    agent = create_agent(make_model(emulator, cloud), [get_weather, add])
    queue_two_tools(emulator)
    found = await agent.ainvoke(QUESTION)
    check_two_tools(found["messages"])
    check_history_on_the_wire(emulator)


def check_streamed(parts: list[tuple[str, Any]]) -> None:
    """Assert that updates hold whole messages, and messages come in pieces."""
    updates = [part for mode, part in parts if mode == "updates"]
    found = [message for part in updates for node in part.values() for message in node["messages"]]
    check_two_tools([QUESTION["messages"][0], *found])
    chunks = [part[0] for mode, part in parts if mode == "messages"]
    ours = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk)]
    fragments = [fragment for chunk in ours for fragment in chunk.tool_call_chunks]
    assert len(ours) > 10
    assert len(fragments) > 4, "tool arguments did not come in fragments"
    joined = "".join(fragment["args"] or "" for fragment in fragments if fragment["index"] == 1)
    assert joined.replace(" ", "") == '{"location":"Paris"}'


def test_an_agent_streams(emulator: CloudEmulator, cloud: str) -> None:
    """Both stream modes at once; each turn is a stream on the wire."""
    agent = create_agent(make_model(emulator, cloud), [get_weather, add])
    queue_two_tools(emulator)
    check_streamed(list(agent.stream(QUESTION, stream_mode=["updates", "messages"])))
    check_history_on_the_wire(emulator)
    assert [request.operation for request in emulator.requests] == ["stream", "stream"]


async def test_an_agent_streams_on_an_event_loop(emulator: CloudEmulator, cloud: str) -> None:
    """The same with ``astream``."""
    agent = create_agent(make_model(emulator, cloud), [get_weather, add])
    queue_two_tools(emulator)
    modes = ["updates", "messages"]
    check_streamed([part async for part in agent.astream(QUESTION, stream_mode=modes)])
    check_history_on_the_wire(emulator)


def test_an_agent_runs_with_a_model_that_thinks(emulator: CloudEmulator, cloud: str) -> None:
    """The stand-in thinks, calls a tool and reports, its own thinking sent back unchanged."""
    model = make_model(emulator, cloud, model=THINKING_MODEL)
    agent = create_agent(model, [get_weather])
    found = agent.invoke({"messages": [HumanMessage("What is the weather in 'Paris'?")]})
    kinds = [message.type for message in found["messages"]]
    assert kinds == ["human", "ai", "tool", "ai"]
    (sent,) = [m for m in emulator.requests[-1].body["messages"] if m["role"] == "assistant"]
    assert sent["content"][0]["type"] == "thinking"
    assert sent["content"][0]["signature"]
    assert "It is sunny in Paris." in found["messages"][-1].text


def test_an_agent_answers_in_a_form_by_a_tool(emulator: CloudEmulator, cloud: str) -> None:
    """`ToolStrategy` forces a tool whose arguments are the answer."""
    agent = create_agent(make_model(emulator, cloud), [], response_format=ToolStrategy(Weather))
    emulator.reply(tool_use("Weather", {"location": "Paris", "is_sunny": True}))
    found = agent.invoke({"messages": [HumanMessage("How is Paris?")]})
    assert found["structured_response"] == Weather(location="Paris", is_sunny=True)
    assert emulator.requests[0].body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("form", [ProviderStrategy(Weather), Weather], ids=["provider", "auto"])
async def test_an_agent_answers_in_a_form_by_structured_outputs(
    emulator: CloudEmulator, cloud: str, form: Any
) -> None:
    """`ProviderStrategy`, and a bare schema where the profile tells, use ``output_config``."""
    agent = create_agent(make_model(emulator, cloud), [get_weather], response_format=form)
    emulator.reply(tool_use("get_weather", {"location": "Paris"}))
    emulator.reply('{"location": "Paris", "is_sunny": true}')
    found = await agent.ainvoke({"messages": [HumanMessage("How is Paris?")]})
    assert found["structured_response"] == Weather(location="Paris", is_sunny=True)
    sent = emulator.requests[-1].body["output_config"]["format"]
    assert sent["type"] == "json_schema"
    assert set(sent["schema"]["properties"]) == {"location", "is_sunny"}


def test_an_older_model_answers_in_a_form_by_a_tool(emulator: CloudEmulator, cloud: str) -> None:
    """Where there are no structured outputs, langchain takes `ToolStrategy`."""
    model = make_model(emulator, cloud, model="claude-sonnet-4")
    agent = create_agent(model, [], response_format=Weather)
    emulator.reply(tool_use("Weather", {"location": "Paris", "is_sunny": True}))
    found = agent.invoke({"messages": [HumanMessage("How is Paris?")]})
    assert found["structured_response"] == Weather(location="Paris", is_sunny=True)
    assert "output_config" not in emulator.requests[0].body
    assert emulator.requests[0].body["tools"][0]["name"] == "Weather"


def file_writer(written: list[str]) -> BaseTool:
    """Return a tool that notes what it was told to write."""

    @tool
    def write_file(path: str, content: str) -> str:
        """Write a file."""
        written.append(f"{Path(path).name}: {content}")
        return "written"

    return write_file


def queue_cut_call(emulator: CloudEmulator) -> None:
    """Let the model run out of tokens in the middle of a file."""
    emulator.reply(
        text("I write it."),
        raw_tool_use("write_file", CUT, id="toolu_cut", ended=False),
        stop_reason="max_tokens",
    )


def check_cut(messages: list[Any]) -> None:
    """Assert that the last message has the cut call as an invalid one, everywhere."""
    last = messages[-1]
    assert isinstance(last, AIMessage)
    assert last.tool_calls == []
    (broken,) = last.invalid_tool_calls
    assert (broken["id"], broken["args"]) == ("toolu_cut", CUT)
    assert "max_tokens" in (broken["error"] or "")
    kinds = [block["type"] for block in last.content_blocks]
    assert kinds == ["text", "invalid_tool_call"]


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_an_agent_does_not_execute_a_cut_call(
    emulator: CloudEmulator, cloud: str, version: str
) -> None:
    """Half a file is never written, on an event loop or off it."""
    written: list[str] = []
    model = make_model(emulator, cloud, output_version=version)
    agent = create_agent(model, [file_writer(written)])
    question: Any = {"messages": [HumanMessage("Write a poem to /tmp/poem.txt.")]}
    queue_cut_call(emulator)
    modes = ["values", "messages"]
    parts: list[Any] = [part async for part in agent.astream(question, stream_mode=modes)]
    check_cut(parts[-1][1]["messages"])
    queue_cut_call(emulator)
    parts = list(agent.stream(question, stream_mode=modes))
    check_cut(parts[-1][1]["messages"])
    assert written == []


def test_an_agent_does_not_execute_a_cut_call_of_a_plain_answer(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Without streaming the API repairs nothing, but cannot say where it stopped."""
    written: list[str] = []
    agent = create_agent(make_model(emulator, cloud), [file_writer(written)])
    emulator.reply(
        tool_use("write_file", {"path": "a", "content": "half"}, id="toolu_cut"),
        stop_reason="max_tokens",
    )
    last = agent.invoke({"messages": [HumanMessage("Write.")]})["messages"][-1]
    assert last.tool_calls == []
    assert [call["id"] for call in last.invalid_tool_calls] == ["toolu_cut"]
    assert written == []


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    """A checkpointer: one that keeps objects serialized in memory, one in a file."""
    if request.param == "memory":
        yield InMemorySaver()
        return
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as in_file:
        yield in_file


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
def test_a_checkpoint_keeps_an_invalid_call_invalid(
    emulator: CloudEmulator, cloud: str, saver: BaseCheckpointSaver[Any], *, streamed: bool
) -> None:
    """What comes out of a checkpoint is invalid still, and goes back with an error result."""
    written: list[str] = []
    agent = create_agent(make_model(emulator, cloud), [file_writer(written)], checkpointer=saver)
    thread: Any = {"configurable": {"thread_id": "poem"}}
    queue_cut_call(emulator)
    question: Any = {"messages": [HumanMessage("Write a poem to /tmp/poem.txt.")]}
    if streamed:
        for _ in agent.stream(question, thread, stream_mode="messages"):
            pass
    else:
        agent.invoke(question, thread)
    stored = saver.get(thread)
    assert stored is not None
    restored = stored["channel_values"]["messages"]
    check_restored(restored[-1], streamed=streamed)
    emulator.reply("Shorter, then.")
    after = agent.invoke({"messages": [HumanMessage("Go on.")]}, thread)
    assert after["messages"][-1].text == "Shorter, then."
    assert written == []
    check_error_result(emulator.requests[-1].body["messages"])


def check_restored(last: AIMessage, *, streamed: bool) -> None:
    """Assert that a message from a checkpoint is plain and its cut call is still invalid."""
    assert type(last) is AIMessage
    assert last.tool_calls == []
    assert [call["id"] for call in last.invalid_tool_calls] == ["toolu_cut"]
    if streamed:
        assert last.invalid_tool_calls[0]["args"] == CUT
    assert "tool_call" not in [block["type"] for block in last.content_blocks]
    assert "tool_use" not in [block["type"] for block in last.content if isinstance(block, dict)]


def check_error_result(sent: list[Any]) -> None:
    """Assert that the model is shown its call and that it failed."""
    (calling,) = [message for message in sent if message["role"] == "assistant"]
    (call,) = [block for block in calling["content"] if block["type"] == "tool_use"]
    assert call["id"] == "toolu_cut"
    answer = sent[-1]["content"][0]
    assert (answer["type"], answer["tool_use_id"]) == ("tool_result", "toolu_cut")
    assert answer["is_error"] is True


def test_messages_mode_streams_the_arguments_of_a_file(emulator: CloudEmulator, cloud: str) -> None:
    """A long argument comes in many pieces, long before the tool runs."""
    written: list[str] = []
    agent = create_agent(make_model(emulator, cloud), [file_writer(written)])
    emulator.reply(tool_use("write_file", {"path": "poem.txt", "content": LONG}), chunk=10)
    emulator.reply("Done.")
    before = []
    question: Any = {"messages": [HumanMessage("Write a poem.")]}
    for message, _ in agent.stream(question, stream_mode="messages"):
        if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
            assert written == []
            before += [fragment["args"] or "" for fragment in message.tool_call_chunks]
    assert len(before) > 30
    assert LONG in "".join(before)
    assert written == [f"poem.txt: {LONG}"]


async def test_events_v3_of_a_graph_stream_tool_arguments(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Through a whole agent, v3 events bring arguments as they are written."""
    written: list[str] = []
    agent = create_agent(make_model(emulator, cloud), [file_writer(written)])
    emulator.reply(tool_use("write_file", {"path": "poem.txt", "content": LONG}), chunk=10)
    emulator.reply("Done.")
    question: Any = {"messages": [HumanMessage("Write a poem.")]}
    run = await agent.astream_events(question, version="v3")
    deltas = 0
    async for message in run.messages:
        async for chunk in message.tool_calls:
            deltas += bool(chunk.get("args"))
    assert deltas > 30
    assert written == [f"poem.txt: {LONG}"]
    output = await run.output()
    assert output is not None
    assert isinstance(output["messages"][-2], ToolMessage)
