"""Middleware in langchain's agents, on both clouds of an emulator.

The hazard: a model runs out of tokens in the middle of a ``write_file`` call. Half of the
file must not be written, and the model must hear that its call did not run, and write the
file again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain.agents.structured_output import StructuredOutputValidationError, ToolStrategy
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import Runtime
from pydantic import BaseModel

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.middleware import (
    InvalidToolCallMiddleware,
    InvalidToolCallsError,
    PromptCachingMiddleware,
)
from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text, tool_use

CUT = '{"path": "poem.txt", "content": "Twenty lines of a po'
QUESTION: Any = {"messages": [HumanMessage("Write a poem to poem.txt.")]}
THREAD: Any = {"configurable": {"thread_id": "poem"}}


@pytest.fixture(params=["vertex", "bedrock"])
def model(emulator: CloudEmulator, request: pytest.FixtureRequest) -> ChatClaudeCloud:
    """A model on each cloud in turn."""
    platform = getattr(emulator, request.param)()
    return ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform, max_tokens=1024, max_retries=0
    )


class Disk:
    """A tool that writes files, and what it wrote."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def tool(self) -> BaseTool:
        """Return the tool."""

        @tool
        def write_file(path: str, content: str) -> str:
            """Write a file."""
            self.files[path] = content
            return f"{path} written"

        return write_file


@pytest.fixture
def disk() -> Disk:
    """An empty disk."""
    return Disk()


def queue_cut(emulator: CloudEmulator, number: int = 0) -> None:
    """Let the model run out of tokens in the middle of a file."""
    emulator.reply(
        text("I write it."),
        raw_tool_use("write_file", CUT, id=f"toolu_cut_{number}", ended=False),
        stop_reason="max_tokens",
    )


def queue_whole(emulator: CloudEmulator) -> None:
    """Let the model write a file, and answer when it is written."""
    emulator.reply(tool_use("write_file", {"path": "poem.txt", "content": "Short."}))
    emulator.reply("Done.")


def invoked(agent: Any) -> list[Any]:
    """Run an agent without streaming."""
    messages: list[Any] = agent.invoke(QUESTION)["messages"]
    return messages


def invoked_async(agent: Any) -> list[Any]:
    """Run an agent without streaming, on an event loop."""
    messages: list[Any] = asyncio.run(agent.ainvoke(QUESTION))["messages"]
    return messages


def streamed(agent: Any) -> list[Any]:
    """Run an agent whose model streams."""
    *_, (mode, state) = agent.stream(QUESTION, stream_mode=["messages", "values"])
    assert mode == "values"
    messages: list[Any] = state["messages"]
    return messages


def streamed_async(agent: Any) -> list[Any]:
    """Run an agent whose model streams, on an event loop."""

    async def run() -> list[Any]:
        stream = agent.astream(QUESTION, stream_mode=["messages", "values"])
        states = [state async for mode, state in stream if mode == "values"]
        messages: list[Any] = states[-1]["messages"]
        return messages

    return asyncio.run(run())


WAYS: list[Callable[[Any], list[Any]]] = [invoked, invoked_async, streamed, streamed_async]


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_call_is_not_run_and_the_second_attempt_succeeds(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk, way: Callable[[Any], list[Any]]
) -> None:
    """The model is told what it wrote and why it did not run; then it writes the file."""
    agent = create_agent(model, [disk.tool()], middleware=[InvalidToolCallMiddleware()])
    queue_cut(emulator)
    queue_whole(emulator)
    messages = way(agent)
    assert disk.files == {"poem.txt": "Short."}
    kinds = [message.type for message in messages]
    assert kinds == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert messages[-1].text == "Done."
    told = messages[2]
    assert (told.status, told.tool_call_id, told.name) == ("error", "toolu_cut_0", "write_file")
    check_told(emulator, is_streamed=way in (streamed, streamed_async))


def check_told(emulator: CloudEmulator, *, is_streamed: bool) -> None:
    """Assert that the second request holds the call, wrapped, and why it did not run."""
    _, calling, answering = emulator.requests[1].body["messages"]
    (call,) = [block for block in calling["content"] if block["type"] == "tool_use"]
    (result,) = answering["content"]
    assert (result["type"], result["is_error"]) == ("tool_result", True)
    assert result["tool_use_id"] == call["id"] == "toolu_cut_0"
    wrapped = json.loads(result["content"])
    assert call["input"] == {"INVALID_JSON": wrapped["INVALID_JSON"]}
    assert "max_tokens" in wrapped["error"]
    if is_streamed:
        assert wrapped["INVALID_JSON"] == CUT


def test_without_the_middleware_the_loop_ends(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """What langchain does by itself: nothing is written, and nobody tries again."""
    queue_cut(emulator)
    messages = invoked(create_agent(model, [disk.tool()]))
    assert [message.type for message in messages] == ["human", "ai"]
    assert disk.files == {}


def test_the_valid_call_of_a_message_runs_beside_the_invalid_one(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """Both have one result when the model is asked again."""
    agent = create_agent(model, [disk.tool()], middleware=[InvalidToolCallMiddleware()])
    emulator.reply(
        tool_use("write_file", {"path": "title.txt", "content": "Rivers"}, id="toolu_whole"),
        raw_tool_use("write_file", CUT, id="toolu_cut", ended=False),
        stop_reason="max_tokens",
    )
    queue_whole(emulator)
    messages = streamed(agent)
    assert disk.files == {"title.txt": "Rivers", "poem.txt": "Short."}
    results = {m.tool_call_id: m.status for m in messages[2:4] if isinstance(m, ToolMessage)}
    assert results == {"toolu_whole": "success", "toolu_cut": "error"}
    sent = emulator.requests[1].body["messages"][-1]["content"]
    assert {block["tool_use_id"]: block.get("is_error", False) for block in sent} == {
        "toolu_whole": False,
        "toolu_cut": True,
    }


@pytest.mark.parametrize("is_async", [False, True])
def test_attempts_that_are_used_up_raise(
    emulator: CloudEmulator,
    model: ChatClaudeCloud,
    disk: Disk,
    is_async: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The error names the tool, the number of attempts and the reason, and has the answer."""
    agent: Any = create_agent(
        model, [disk.tool()], middleware=[InvalidToolCallMiddleware(max_attempts=2)]
    )
    for number in range(3):
        queue_cut(emulator, number)
    with pytest.raises(
        InvalidToolCallsError, match=r"write_file .* 3 times .*max_tokens"
    ) as caught:
        (invoked_async if is_async else invoked)(agent)
    assert isinstance(caught.value, ClaudeCloudError)
    assert isinstance(caught.value.partial_message, AIMessage)
    assert caught.value.partial_message.invalid_tool_calls[0]["id"] == "toolu_cut_2"
    assert len(emulator.requests) == 3
    assert disk.files == {}


def test_attempts_that_are_used_up_end_the_run(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """The last message says so; each call has its result before it."""
    guard = InvalidToolCallMiddleware(max_attempts=1, on_exhausted="end")
    agent = create_agent(model, [disk.tool()], middleware=[guard])
    queue_cut(emulator, 0)
    queue_cut(emulator, 1)
    messages = invoked(agent)
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert "write_file with invalid arguments 2 times" in messages[-1].text
    assert disk.files == {}


def test_no_attempts_at_all(emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk) -> None:
    """With none allowed, the first invalid call stops the run."""
    guard = InvalidToolCallMiddleware(max_attempts=0)
    agent = create_agent(model, [disk.tool()], middleware=[guard])
    queue_cut(emulator)
    with pytest.raises(InvalidToolCallsError, match="invalid arguments once"):
        invoked(agent)


def test_attempts_are_counted_in_a_row(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """A whole call in between starts the count anew, and so does another agent's thread."""
    guard = InvalidToolCallMiddleware(max_attempts=1)
    for _ in range(2):
        agent = create_agent(model, [disk.tool()], middleware=[guard])
        queue_cut(emulator, 0)
        emulator.reply(tool_use("write_file", {"path": "a", "content": "b"}, id="toolu_a"))
        queue_cut(emulator, 1)
        queue_whole(emulator)
        assert invoked(agent)[-1].text == "Done."


def test_a_thread_goes_on_after_the_attempts_were_used_up(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """The checkpoint has a result for each call, valid ones too; a new question counts anew."""
    saver = InMemorySaver()
    guard = InvalidToolCallMiddleware(max_attempts=1)
    agent: Any = create_agent(model, [disk.tool()], middleware=[guard], checkpointer=saver)
    queue_cut(emulator, 0)
    emulator.reply(
        tool_use("write_file", {"path": "title.txt", "content": "Rivers"}, id="toolu_whole"),
        raw_tool_use("write_file", CUT, id="toolu_cut_1", ended=False),
        stop_reason="max_tokens",
    )
    with pytest.raises(InvalidToolCallsError):
        agent.invoke(QUESTION, THREAD)
    assert disk.files == {"title.txt": "Rivers"}
    queue_cut(emulator, 2)
    queue_whole(emulator)
    after = agent.invoke({"messages": [HumanMessage("Shorter.")]}, THREAD)["messages"]
    assert after[-1].text == "Done."
    assert disk.files["poem.txt"] == "Short."
    answered = [message.tool_call_id for message in after if message.type == "tool"]
    assert len(answered) == len(set(answered)) == 5


def test_a_run_that_was_interrupted_goes_on_counting(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """The count is in the messages: a new instance, resuming from a checkpoint, knows it."""
    saver = InMemorySaver()

    def make_agent(**options: Any) -> Any:
        guard = InvalidToolCallMiddleware(max_attempts=1)
        tools = [disk.tool()]
        return create_agent(model, tools, middleware=[guard], checkpointer=saver, **options)

    queue_cut(emulator, 0)
    after_failure = ["InvalidToolCallMiddleware.after_model"]
    stopped = make_agent(interrupt_after=after_failure).invoke(QUESTION, THREAD)
    assert stopped["messages"][-1].status == "error"
    queue_cut(emulator, 1)
    with pytest.raises(InvalidToolCallsError, match="2 times"):
        make_agent().invoke(None, THREAD)


def test_what_the_model_is_told_can_be_chosen(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """A function of the invalid call gives the text."""

    def tell(call: InvalidToolCall) -> str:
        return f"{call['name']} did not run. Write at most ten lines."

    guard = InvalidToolCallMiddleware(message=tell)
    agent = create_agent(model, [disk.tool()], middleware=[guard])
    queue_cut(emulator)
    queue_whole(emulator)
    assert invoked(agent)[2].content == "write_file did not run. Write at most ten lines."
    sent = emulator.requests[1].body["messages"][-1]["content"][0]
    assert "Write at most ten lines." in json.dumps(sent["content"])


class Poem(BaseModel):
    """A poem."""

    title: str


@pytest.mark.parametrize("way", [invoked, streamed_async])
@pytest.mark.parametrize("form", [Poem, ToolStrategy(Poem)], ids=["provider", "tool"])
def test_an_agent_with_a_response_format_tries_again_too(
    emulator: CloudEmulator,
    model: ChatClaudeCloud,
    disk: Disk,
    form: Any,
    way: Callable[[Any], list[Any]],
) -> None:
    """Such an agent would take the cut answer for its final one, and fail to parse it."""
    guard = InvalidToolCallMiddleware()
    agent: Any = create_agent(model, [disk.tool()], middleware=[guard], response_format=form)
    queue_cut(emulator)
    emulator.reply(tool_use("write_file", {"path": "poem.txt", "content": "Short."}))
    if form is Poem:
        emulator.reply('{"title": "Rivers"}')
    else:
        emulator.reply(tool_use("Poem", {"title": "Rivers"}))
    way(agent)
    assert disk.files == {"poem.txt": "Short."}


def test_output_that_is_wrong_by_itself_still_raises(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """The middleware hides no other failure of a response format."""
    guard = InvalidToolCallMiddleware()
    agent: Any = create_agent(model, [], middleware=[guard], response_format=Poem)
    emulator.reply("no JSON")
    with pytest.raises(StructuredOutputValidationError):
        agent.invoke(QUESTION)


def test_an_agent_without_tools_is_left_as_it_is(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """An answer without calls passes through."""
    emulator.reply("Hello.")
    agent = create_agent(model, [], middleware=[InvalidToolCallMiddleware()])
    assert [message.text for message in invoked(agent)][1:] == ["Hello."]


@pytest.mark.parametrize(
    "arguments", [{"max_attempts": -1}, {"on_exhausted": "stop"}], ids=["negative", "unknown"]
)
def test_wrong_settings_are_refused(arguments: dict[str, Any]) -> None:
    """A misspelt setting does not wait for the first invalid call."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        InvalidToolCallMiddleware(**arguments)


def markers(body: dict[str, Any]) -> list[Any]:
    """Return all cache markers in a body, in order."""
    found = [body["cache_control"]] if "cache_control" in body else []
    holders = [*body.get("tools", []), *body.get("system", [])]
    for message in body["messages"]:
        holders += message["content"] if isinstance(message["content"], list) else []
    return found + [block["cache_control"] for block in holders if "cache_control" in block]


SYSTEM = SystemMessage(["You write ", {"type": "text", "text": "poems."}, "Short ones."])


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="the caching middleware loses a system prompt that is a list of strings, and knows its own model only",
)
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_an_agents_prompt_is_cached_and_loses_no_text(
    emulator: CloudEmulator,
    model: ChatClaudeCloud,
    disk: Disk,
    ttl: Any,
    is_async: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Each request has breakpoints with the life asked for; plain strings stay."""
    agent = create_agent(
        model,
        [disk.tool()],
        system_prompt=SYSTEM,
        middleware=[PromptCachingMiddleware(ttl=ttl)],
    )
    queue_whole(emulator)
    (invoked_async if is_async else invoked)(agent)
    for request in emulator.requests:
        found = markers(request.body)
        assert found
        assert all(marker["type"] == "ephemeral" for marker in found)
        assert {marker.get("ttl", "5m") for marker in found} == {ttl}
        said = "".join(block["text"] for block in request.body["system"])
        assert said.replace("\n", "") == "You write poems.Short ones."


def test_short_conversations_are_not_cached(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """Below ``min_messages``, the system prompt counted, nothing is marked."""
    caching = PromptCachingMiddleware(min_messages=3)
    agent = create_agent(model, [disk.tool()], system_prompt="Write.", middleware=[caching])
    queue_whole(emulator)
    invoked(agent)
    assert [bool(markers(request.body)) for request in emulator.requests] == [False, True]


@pytest.mark.parametrize("setting", [False, "1h"])
def test_a_model_that_says_how_to_cache_is_obeyed(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk, setting: Any
) -> None:
    """The middleware fills a gap, it overrides nobody."""
    decided = model.model_copy(update={"prompt_caching": setting})
    agent = create_agent(decided, [disk.tool()], middleware=[PromptCachingMiddleware()])
    queue_whole(emulator)
    invoked(agent)
    found = {marker.get("ttl") for marker in markers(emulator.requests[0].body)}
    assert found == ({"1h"} if setting else set())


def test_a_bound_model_is_found_in_its_binding(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """`bind` wraps the model; the middleware looks inside."""
    bound: Any = model.bind(stop=["END"])
    emulator.reply("Hello.")
    agent = create_agent(bound, [], middleware=[PromptCachingMiddleware(ttl="1h")])
    invoked(agent)
    assert {marker["ttl"] for marker in markers(emulator.requests[0].body)} == {"1h"}
    emulator.reply("Hello.")
    says: Any = model.bind(prompt_caching=False)
    invoked(create_agent(says, [], middleware=[PromptCachingMiddleware()]))
    assert markers(emulator.requests[1].body) == []


class Other(FakeMessagesListChatModel):
    """Another provider's model, which refuses arguments that it does not know."""

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **given: Any
    ) -> Any:
        assert given == {}
        return super()._generate(messages, stop, run_manager)


def test_other_models_are_left_alone(emulator: CloudEmulator, model: ChatClaudeCloud) -> None:
    """Also one that `ModelFallbackMiddleware`, before ours in the list, falls back to."""
    other = Other(responses=[AIMessage("Hello from elsewhere.")])
    agent = create_agent(other, [], middleware=[PromptCachingMiddleware()])
    assert invoked(agent)[-1].text == "Hello from elsewhere."
    emulator.fault(status=529, error_type="overloaded_error")
    stack: list[Any] = [ModelFallbackMiddleware(other), PromptCachingMiddleware()]
    falling = create_agent(model, [], middleware=stack)
    assert invoked(falling)[-1].text == "Hello from elsewhere."
    assert markers(emulator.requests[0].body)


def test_both_kinds_of_middleware_work_together(
    emulator: CloudEmulator, model: ChatClaudeCloud, disk: Disk
) -> None:
    """The second attempt is cached as well."""
    stack: list[Any] = [InvalidToolCallMiddleware(), PromptCachingMiddleware()]
    agent = create_agent(model, [disk.tool()], middleware=stack)
    queue_cut(emulator)
    queue_whole(emulator)
    invoked(agent)
    assert disk.files == {"poem.txt": "Short."}
    assert all(markers(request.body) for request in emulator.requests)


def test_an_unknown_life_is_refused() -> None:
    """The API knows two."""
    with pytest.raises(ValueError, match="5m, 1h"):
        PromptCachingMiddleware(ttl="2h")  # type: ignore[arg-type]


def test_without_langchain_the_extra_is_named() -> None:
    """Only the middleware needs langchain; its absence is explained, and nothing else fails."""
    script = (
        "import sys; sys.modules['langchain'] = None\n"
        "import langchain_claude_cloud.tool_calls\n"
        "try:\n"
        "    import langchain_claude_cloud.middleware\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ".[agents]" in ran.stdout


def test_the_hooks_can_be_awaited() -> None:
    """A subclass awaits them with `super()`."""
    call = invalid_tool_call(name="f", args="{", id="t1", error="cut")
    state: Any = {"messages": [HumanMessage("q"), AIMessage("", invalid_tool_calls=[call])]}
    guard = InvalidToolCallMiddleware(0, "end")
    runtime: Runtime[Any] = Runtime()
    assert asyncio.run(guard.aafter_model(state, runtime)) == guard.after_model(state, runtime)
    stopped = asyncio.run(guard.abefore_model(state, runtime))
    assert stopped is not None
    assert stopped["jump_to"] == "end"
