"""LangChain's wrappers around the model, and many callers of it at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from clouds import MODEL, make_model
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import ConfigurableField, Runnable
from raw_clouds import Exchange, RawClouds, answer_events
from raw_models import model_on

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, ReceivedRequest

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

ANSWER: Final = "One two three four five six seven eight nine ten eleven twelve. " * 5


def configurable_fields(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Override a field by the config."""
    field = ConfigurableField(id="longest")
    return model.configurable_fields(max_tokens=field).with_config(configurable={"longest": 321})


def configurable_alternatives(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Choose another model by the config."""
    other = model.model_copy(update={"max_tokens": 321})
    choice = model.configurable_alternatives(ConfigurableField(id="which"), other=other)
    return choice.with_config(configurable={"which": "other"})


def bind(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Bind an argument."""
    return model.bind(max_tokens=321)


def model_copy(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Copy the model."""
    return model.model_copy(update={"max_tokens": 321})


def with_config(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Configure a binding."""
    return model.bind(max_tokens=321).with_config(tags=["some"], run_name="asking")


def with_retry(model: ChatClaudeCloud, _: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Let LangChain retry."""
    return model.bind(max_tokens=321).with_retry(stop_after_attempt=2)


def with_fallbacks(model: ChatClaudeCloud, broken: ChatClaudeCloud) -> Runnable[Any, Any]:
    """Fall back from a model that nobody serves."""
    return broken.with_fallbacks([model.bind(max_tokens=321)])


WRAPPERS: Final = (
    configurable_fields,
    configurable_alternatives,
    bind,
    model_copy,
    with_config,
    with_retry,
    with_fallbacks,
)
Wrapper = Callable[[ChatClaudeCloud, ChatClaudeCloud], Runnable[Any, Any]]


@pytest.fixture(params=WRAPPERS, ids=lambda wrapper: wrapper.__name__)
def wrapped(
    request: pytest.FixtureRequest, emulator: CloudEmulator, cloud: str
) -> Runnable[Any, Any]:
    """A model in a wrapper that makes ``max_tokens`` 321."""
    wrapper: Wrapper = request.param
    model = make_model(emulator, cloud)
    return wrapper(model, make_model(emulator, cloud, model="claude-opus-4-8-nobody"))


def refuse_unknown_model(emulator: CloudEmulator, wrapped: Runnable[Any, Any]) -> None:
    """Queue the refusal that `with_fallbacks` falls back from."""
    if hasattr(wrapped, "fallbacks"):
        emulator.fault(status=404, error_type="not_found_error", message="no such model")


def check_streamed(chunks: list[AIMessageChunk], last: ReceivedRequest) -> None:
    """Assert that an answer came in pieces, and that the override reached the wire."""
    assert len(chunks) > 5
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert "".join(chunk.text for chunk in chunks) == ANSWER
    assert last.body["max_tokens"] == 321
    assert last.operation == "stream"


def test_streaming_survives_a_wrapper(emulator: CloudEmulator, wrapped: Runnable[Any, Any]) -> None:
    """Chunks arrive one by one, and what the wrapper overrides is sent."""
    refuse_unknown_model(emulator, wrapped)
    emulator.reply(ANSWER)
    check_streamed(list(wrapped.stream("Count.")), emulator.requests[-1])


async def test_async_streaming_survives_a_wrapper(
    emulator: CloudEmulator, wrapped: Runnable[Any, Any]
) -> None:
    """The same with ``astream``."""
    refuse_unknown_model(emulator, wrapped)
    emulator.reply(ANSWER)
    chunks = [chunk async for chunk in wrapped.astream("Count.")]
    check_streamed(chunks, emulator.requests[-1])


async def test_a_wrapper_passes_arguments_of_plain_calls(
    emulator: CloudEmulator, wrapped: Runnable[Any, Any]
) -> None:
    """``invoke``, ``ainvoke`` and ``abatch`` send the override, too."""
    for _ in range(3):
        refuse_unknown_model(emulator, wrapped)
        emulator.reply(ANSWER)
    answers = [wrapped.invoke("Count."), await wrapped.ainvoke("Count.")]
    answers += await wrapped.abatch(["Count."])
    assert [answer.text for answer in answers] == [ANSWER] * 3
    good = [request for request in emulator.requests if request.status == 200]
    assert [request.body["max_tokens"] for request in good] == [321] * 3
    assert {request.operation for request in good} == {"invoke"}


def test_a_call_changes_neither_model_nor_wrapper(emulator: CloudEmulator, cloud: str) -> None:
    """What a call says is forgotten after it."""
    model = make_model(emulator, cloud)
    before = model.model_dump_json()
    model.invoke("hello", max_tokens=10, model="claude-opus-4-8", stop=["x"])
    model.invoke("hello")
    assert model.model_dump_json() == before
    first, second = emulator.requests
    assert (first.body["max_tokens"], second.body["max_tokens"]) == (10, 1024)
    assert "opus" in first.model
    assert MODEL in second.model
    assert "stop_sequences" not in second.body


def test_twenty_threads_share_a_model(emulator: CloudEmulator, cloud: str) -> None:
    """Each thread gets the answer to its own question, whole."""
    model = make_model(emulator, cloud)
    questions = [f"say {number:03}" for number in range(40)]

    def ask(question: str) -> str:
        return "".join(chunk.text for chunk in model.stream(question))

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, questions))
    assert all(q in answer for q, answer in zip(questions, answers, strict=True))


async def test_fifty_tasks_share_a_model(emulator: CloudEmulator, cloud: str) -> None:
    """Each task gets the answer to its own question, whole."""
    model = make_model(emulator, cloud)
    questions = [f"say {number:03}" for number in range(50)]

    async def ask(question: str) -> str:
        return "".join([chunk.text async for chunk in model.astream(question)])

    answers = await asyncio.gather(*map(ask, questions))
    assert all(q in answer for q, answer in zip(questions, answers, strict=True))


def test_a_model_works_on_one_event_loop_after_another(emulator: CloudEmulator, cloud: str) -> None:
    """Nothing of a closed loop is used again, nor is a sync call between them disturbed."""
    model = make_model(emulator, cloud)

    async def ask() -> str:
        streamed = "".join([chunk.text async for chunk in model.astream("hello")])
        assert (await model.ainvoke("hello")).text == streamed
        return streamed

    first = asyncio.run(ask())
    between = model.invoke("hello").text
    second = asyncio.run(ask())
    assert first == between == second


def test_models_work_on_loops_of_different_threads(emulator: CloudEmulator, cloud: str) -> None:
    """Two loops at the same time, one model."""
    model = make_model(emulator, cloud)

    async def ask() -> list[str]:
        answers = await asyncio.gather(*(model.ainvoke(f"say {n}") for n in range(5)))
        return [answer.text for answer in answers]

    with ThreadPoolExecutor(2) as threads:
        one, other = (threads.submit(asyncio.run, ask()) for _ in range(2))
        assert one.result() == other.result()


async def test_async_streams_use_no_threads(emulator: CloudEmulator, cloud: str) -> None:
    """After the first call, which loads credentials, the body of a stream needs no thread."""
    model = make_model(emulator, cloud)
    await model.ainvoke("hello")
    await _settled_threads()
    before = set(threading.enumerate())
    emulator.reply(ANSWER, delay=0.002)
    seen: set[threading.Thread] = set()
    async for _ in model.astream("Count."):
        seen |= set(threading.enumerate())
    assert seen <= before


async def _settled_threads() -> None:
    """Wait for threads that have nothing left to do to end."""
    for _ in range(20):
        await asyncio.sleep(0.01)


async def answer_with_a_long_tail(exchange: Exchange) -> None:
    """Answer with a body that goes on for a while after the last event that matters."""
    await exchange.begin()
    await exchange.events(answer_events("Hello!"))
    await exchange.events([{"type": "nothing"}] * 120)
    await exchange.end()


@pytest.fixture
def server() -> Iterator[RawClouds]:
    """A server that counts connections."""
    with RawClouds(answer_with_a_long_tail) as running:
        yield running


def test_the_last_event_frees_the_connection(server: RawClouds, cloud: str) -> None:
    """Who stops at the last event, as core does with v3 events, holds no connection."""
    model = model_on(server, cloud)
    held: list[object] = []
    for _ in range(3):
        stream = model.stream_events("hello", version="v3")
        assert stream.output.text == "Hello!"
        chunks = model.stream("hello")
        while next(chunks).chunk_position != "last":
            pass
        held += [stream, chunks]
    assert (server.opened, server.closed) == (1, 0)
    model.close()


async def test_the_last_chunk_frees_the_connection_of_a_loop(server: RawClouds, cloud: str) -> None:
    """The same on an event loop."""
    model = model_on(server, cloud)
    held: list[object] = []
    for _ in range(3):
        stream = await model.astream_events("hello", version="v3")
        assert await stream.text == "Hello!"
        chunks = model.astream("hello")
        while (await anext(chunks)).chunk_position != "last":
            pass
        held += [stream, chunks]
    assert (server.opened, server.closed) == (1, 0)
    await model.aclose()


async def test_an_abandoned_async_stream_ends_the_request(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Who stops listening hangs up: the cloud does not go on writing."""
    model = make_model(emulator, cloud)
    emulator.reply(ANSWER, delay=0.05)
    stream = model.astream("Count.")
    assert isinstance(stream, AsyncIterator)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    await _until(lambda: emulator.requests[0].outcome == "disconnected")


def test_an_abandoned_stream_ends_the_request(emulator: CloudEmulator, cloud: str) -> None:
    """The same in a thread."""
    model = make_model(emulator, cloud)
    emulator.reply(ANSWER, delay=0.05)
    stream = model.stream("Count.")
    assert isinstance(stream, Iterator)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    asyncio.run(_until(lambda: emulator.requests[0].outcome == "disconnected"))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the server has no event to wait for
            await asyncio.sleep(0.01)
