"""How long a call may take in all, and who is told when it goes elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import httpx
import pytest
from clouds import fresh_region, make_model, platform_of
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from pydantic import BaseModel, SecretStr
from ways import (
    LONG,
    OTHER,
    SOON,
    STREAMS,
    WAYS,
    WHOLE,
    WORDS,
    Way,
    aevents,
    ainvoke,
    asked,
    astream,
    events,
    every_stream,
    every_way,
    invoke,
    pair,
    stream,
)

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    ContextOverflowError,
    InvalidInputError,
    OverloadedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from langchain_claude_cloud.testing import CloudEmulator, text

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

HANGING: Final = 20.0
"""What no test takes, unless something hangs."""


@pytest.fixture(scope="module", autouse=True)
def warmed_up(running_emulator: CloudEmulator) -> None:
    """What is imported on the first call must not count as time of the clouds."""
    for cloud in OTHER:
        model = make_model(running_emulator, cloud)
        model.invoke("Hi")
        list(model.stream("Hi"))


TELLING: Final = (*WHOLE, events, aevents, *LONG)
"""Where langchain-core hands the callbacks of a call on; it does not for chunks."""


async def failing(way: Way, model: ChatClaudeCloud, **arguments: Any) -> ClaudeCloudError:
    """Return the error of a call, which must not hang."""
    begin = time.monotonic()
    with pytest.raises(ClaudeCloudError) as caught:
        await way(model, **arguments)
    assert time.monotonic() - begin < HANGING
    return caught.value


def at_once(models: dict[Way, ChatClaudeCloud], ask: Callable[[Way, Any], Any]) -> list[Any]:
    """Ask models at the same time, each in a thread with a loop: most of it is waiting."""
    with ThreadPoolExecutor(len(models)) as threads:
        asking = [threads.submit(asyncio.run, ask(way, model)) for way, model in models.items()]
        return [each.result() for each in asking]


# A worker of pytest may stand still for half a second while the garbage collector runs.
TOTAL: Final = 1.2


def out_of_time(
    emulator: CloudEmulator, cloud: str, ways: Iterable[Way], *blocks: Any, **fault: Any
) -> Iterator[ClaudeCloudError]:
    """Give the errors of calls that have `TOTAL` seconds in all, and of which each was sent once."""
    asyncio.run(make_model(emulator, cloud).ainvoke("Hello"))  # loads what the first call loads
    emulator.reset()
    models = {}
    for way in ways:
        region = fresh_region(cloud)
        emulator.fault(*blocks, **fault, region=region)
        models[way] = make_model(
            emulator, cloud, max_retries=5, timeout={"total": TOTAL}
        ).model_copy(update={"platform": platform_of(emulator, cloud, region=region)})
    errors = at_once(models, failing)
    assert len(emulator.requests) == len(models)
    for way, error in zip(models, errors, strict=True):
        assert isinstance(error, RequestTimeoutError), way.__name__
        assert f"'total': {TOTAL}" in str(error), way.__name__
        yield error


# The total time of a call


def test_a_call_ends_when_its_time_is_up(emulator: CloudEmulator, cloud: str) -> None:
    """A cloud that does not begin to answer is left after the total, not after ``start``."""
    for error in out_of_time(emulator, cloud, WAYS, delay_start=60.0):
        assert f"the rest of the call's {TOTAL:g} s" in str(error.__cause__)
        assert (error.platform, error.status_code) == (cloud, None)


def test_silence_before_the_first_content_counts(emulator: CloudEmulator, cloud: str) -> None:
    """A response that has begun is no answer yet."""
    ways = (*STREAMS, *LONG)
    errors = out_of_time(emulator, cloud, ways, text(WORDS), stall_after_events=1, stall=60.0)
    assert len(list(errors)) == len(ways)


def test_a_whole_answer_is_in_time_or_not_there(emulator: CloudEmulator, cloud: str) -> None:
    """Streamed internally, its parts do not stop the clock; what came is on the exception."""
    begun = {"stall_after_events": 8, "stall": 60.0}
    for error in out_of_time(emulator, cloud, LONG, text(WORDS), **begun):
        partial = error.partial_message
        assert isinstance(partial, AIMessage)
        assert 0 < len(partial.text) < len(WORDS)


def test_a_stream_that_has_content_takes_its_time(emulator: CloudEmulator, cloud: str) -> None:
    """What is handed out is not cut off: from then on ``idle`` counts alone."""
    emulator.reply(text(WORDS), delay=0.05, chunk=10, times=2)
    model = make_model(emulator, cloud, timeout={"total": 0.6})

    async def timed(way: Way, model: ChatClaudeCloud) -> tuple[str, float]:
        begin = time.monotonic()
        return (await way(model)).text, time.monotonic() - begin

    for said, took in at_once(dict.fromkeys((stream, astream), model), timed):
        assert said == WORDS
        assert took > 0.6


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_a_wait_that_is_too_long_is_not_waited_for(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """The throttle is raised at once, and says why."""
    emulator.fault(status=429, retry_after=30.0)
    error = await failing(way, make_model(emulator, cloud, max_retries=5, timeout={"total": 10}))
    assert isinstance(error, RateLimitError)
    assert "'total'" in error.__notes__[0]
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_the_time_is_that_of_all_routes_and_attempts(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """The second platform has what the first left; the earlier error is chained."""
    emulator.fault(status=529)
    emulator.fault(delay_start=60.0)
    error = await failing(way, pair(emulator, cloud, max_retries=5, timeout={"total": 0.6}))
    assert isinstance(error, RequestTimeoutError)
    assert asked(emulator) == [cloud, OTHER[cloud]]
    chain = [error]
    while isinstance(chain[-1].__cause__, ClaudeCloudError):
        chain.append(chain[-1].__cause__)
    assert isinstance(chain[-1], OverloadedError)
    assert chain[-1].platform == cloud


async def test_a_route_is_not_blamed_for_a_call_s_own_hurry(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The next call, with more time, goes there again."""
    model = pair(emulator, cloud)
    emulator.fault(delay_start=60.0)
    await failing(astream, model, timeout={"total": 0.4})
    assert (await model.ainvoke("Count.")).response_metadata["platform"] == cloud


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_the_time_of_a_call_holds_for_the_caller_s_own_client(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """The client's own limits are longer."""
    emulator.fault(delay_start=60.0)
    with httpx.Client(timeout=60.0) as client:
        async with httpx.AsyncClient(timeout=60.0) as async_client:
            clients = {"http_client": client, "http_async_client": async_client}
            model = make_model(emulator, cloud, timeout={"total": 0.4}, **clients)
            error = await failing(way, model)
    assert isinstance(error, RequestTimeoutError)
    assert "0.4 s" in str(error)


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_the_time_of_a_call_holds_while_a_url_is_fetched(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A `url_fetcher` that does not come back ends the call, before anything is sent."""
    released = threading.Event()

    def fetch(_: str) -> bytes:
        released.wait(60.0)
        return b""

    picture: list[str | dict[str, Any]] = [{"type": "image", "url": "https://example.com/a.png"}]
    timeout = {"total": 0.4}
    model = make_model(emulator, cloud, timeout=timeout, url_fetcher=fetch)
    ask = partial(asyncio.to_thread, model.invoke) if way is invoke else model.ainvoke
    with pytest.raises(RequestTimeoutError, match=r"0\.4 s"):
        await ask([HumanMessage(picture)])
    released.set()
    assert asked(emulator) == []


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_the_time_of_a_call_holds_while_an_arn_is_looked_up(
    emulator: CloudEmulator, way: Way
) -> None:
    """A control plane that is silent ends the call, before anything is sent."""
    emulator.fault(delay_start=60.0, operation="control")
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
    model = ChatClaudeCloud(
        model=profile,
        platform=emulator.bedrock(region="us-east-1"),
        max_retries=0,
        timeout={"total": 0.4},
    )
    error = await failing(way, model)
    assert isinstance(error, RequestTimeoutError)
    assert asked(emulator) == []


async def test_the_total_is_no_limit_of_a_phase(emulator: CloudEmulator, cloud: str) -> None:
    """With time to spare, ``start`` and its advice hold as ever."""
    emulator.fault(delay_start=60.0)
    timeout = {"total": 30.0, "start": 0.2}
    error = await failing(ainvoke, make_model(emulator, cloud, timeout=timeout))
    assert "'start': seconds" in str(error)


def test_a_total_that_is_no_time_is_refused(emulator: CloudEmulator) -> None:
    """In the constructor, as the others are."""
    with pytest.raises(ConfigurationError, match="total"):
        make_model(emulator, "vertex", timeout={"total": 0})


# What is not sent twice


@pytest.mark.parametrize("way", WHOLE, ids=lambda way: way.__name__)
async def test_a_read_timeout_of_a_whole_answer_is_sent_once(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """It may still be written, and be billed: neither here again nor on the other cloud."""
    emulator.fault(delay_start=60.0)
    error = await failing(way, pair(emulator, cloud, max_retries=5), timeout={"start": 0.2})
    assert isinstance(error, RequestTimeoutError)
    assert not error.is_retryable
    assert asked(emulator) == [cloud]


@every_stream
async def test_a_stream_that_does_not_begin_is_asked_for_elsewhere(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A closed stream is written no further: nothing is billed twice."""
    emulator.fault(delay_start=60.0)
    emulator.reply(WORDS)
    answer = await way(pair(emulator, cloud), timeout={"start": 0.2})
    assert answer.text == WORDS
    assert asked(emulator) == [cloud, OTHER[cloud]]


# Who is told


class Retries(BaseCallbackHandler):
    """Keeps what ``on_retry`` brings."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def on_retry(self, retry_state: Any, **_: Any) -> None:
        """Keep a state."""
        self.states.append(retry_state)


class AsyncRetries(AsyncCallbackHandler):
    """The same on an event loop."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    async def on_retry(self, retry_state: Any, **_: Any) -> None:
        """Keep a state."""
        await asyncio.sleep(0)
        self.states.append(retry_state)


@pytest.mark.parametrize("way", TELLING, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", [Retries, AsyncRetries])
async def test_callbacks_are_told_of_a_switch(
    emulator: CloudEmulator, cloud: str, way: Way, kind: type[Retries]
) -> None:
    """LangChain's own ``on_retry``: which attempt failed, why, and where the next one goes."""
    emulator.fault(status=529)
    emulator.reply(WORDS)
    handler = kind()
    assert (await way(pair(emulator, cloud, callbacks=[handler]))).text == WORDS
    (state,) = handler.states
    assert state.attempt_number == 1
    assert isinstance(state.outcome.exception(), OverloadedError)
    assert state.kwargs["failed"]["platform"] == cloud
    assert state.kwargs["next"]["platform"] == OTHER[cloud]
    assert state.upcoming_sleep == 0.0


async def test_callbacks_are_told_of_a_retry(emulator: CloudEmulator, cloud: str) -> None:
    """With how long the call has slept."""
    emulator.fault(status=529, retry_after=SOON, times=2)
    handler = Retries()
    await make_model(emulator, cloud, max_retries=2, callbacks=[handler]).ainvoke("Count.")
    assert [state.attempt_number for state in handler.states] == [1, 2]
    first, second = handler.states
    assert 0 < first.upcoming_sleep < 10
    assert second.idle_for == pytest.approx(first.upcoming_sleep + second.upcoming_sleep)


class Tracer(BaseTracer):
    """Keeps runs as LangSmith's tracer does."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run)


async def test_traces_show_the_attempts(emulator: CloudEmulator, cloud: str) -> None:
    """A tracer notes each as an event of the run, and the run goes on."""
    emulator.fault(status=503)
    tracer = Tracer()
    await pair(emulator, cloud).ainvoke("Count.", config={"callbacks": [tracer]})
    (run,) = tracer.runs
    (retry,) = [event for event in run.events if event["name"] == "retry"]
    assert retry["kwargs"]["exception_type"] == "ServerError"
    assert run.error is None


async def test_callbacks_are_told_nothing_where_nothing_failed(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Nor of a failure that ends the call."""
    handler = Retries()
    model = pair(emulator, cloud, callbacks=[handler])
    model.invoke("Count.")
    emulator.fault(status=400, message="messages: no", error_type="invalid_request_error")
    await failing(ainvoke, model)
    assert handler.states == []


@every_way
async def test_the_answer_s_metadata_list_what_failed_elsewhere(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """Once, whichever way it was asked; the same on every path."""
    emulator.fault(status=429, retry_after=9)
    emulator.reply(WORDS)
    answer = await way(pair(emulator, cloud))
    (failed,) = answer.response_metadata["failed_attempts"]
    assert failed["platform"] == cloud
    assert failed["region"]
    assert failed["error"] == "RateLimitError"
    assert failed["status_code"] == 429
    assert json.loads(json.dumps(failed)) == failed


@pytest.mark.parametrize("way", [invoke, astream], ids=lambda way: way.__name__)
async def test_without_a_switch_the_metadata_have_no_such_list(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A retry in the same place is none."""
    emulator.fault(status=529, retry_after=SOON)
    answer = await way(make_model(emulator, cloud, max_retries=1))
    assert "failed_attempts" not in answer.response_metadata


async def test_a_switch_is_logged(
    emulator: CloudEmulator, cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line: from where, why, and to where."""
    emulator.fault(status=503)
    with caplog.at_level(logging.WARNING, logger="langchain_claude_cloud"):
        await pair(emulator, cloud).ainvoke("Count.")
    (line,) = [record.getMessage() for record in caplog.records]
    for part in (cloud, "ServerError", "503", OTHER[cloud]):
        assert part in line


# Many calls, mixed clouds


async def test_many_calls_return_to_a_route_one_by_one(emulator: CloudEmulator, cloud: str) -> None:
    """One of them tries; the others stay where they are until it has answered."""
    model = pair(emulator, cloud)
    emulator.fault(status=429, retry_after=0.2, platform=cloud)  # type: ignore[arg-type]  # a literal
    await model.ainvoke("Count.")
    await asyncio.sleep(0.3)
    emulator.fault("Back.", platform=cloud, delay_start=0.5)  # type: ignore[arg-type]  # a literal
    before = len(emulator.requests)
    await asyncio.gather(*(model.ainvoke("Count.") for _ in range(20)))
    names = asked(emulator)[before:]
    assert names.count(cloud) < 10
    assert (await model.ainvoke("Count.")).response_metadata["platform"] == cloud


class Hanging(AsyncCallbackHandler):
    """Takes long over ``on_retry``."""

    def __init__(self) -> None:
        self.is_told = False

    async def on_retry(self, *_: Any, **__: Any) -> None:
        """Wait."""
        self.is_told = True
        await asyncio.sleep(HANGING)


async def cancelled(call: Coroutine[Any, Any, Any], until: Callable[[], bool]) -> None:
    """Cancel a call that waits for something, as soon as it does."""
    task = asyncio.create_task(call)
    async with asyncio.timeout(HANGING):
        while not until():  # noqa: ASYNC110  the emulator is another thread
            await asyncio.sleep(SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def aevents_closed(model: ChatClaudeCloud) -> Any:
    """Stream events, and close the stream whatever happens: core leaves it running otherwise."""
    async with await model.astream_events("Count.", version="v3") as events:
        return await events


@pytest.mark.parametrize("way", [ainvoke, astream, aevents_closed], ids=lambda way: way.__name__)
async def test_a_cancelled_trial_lets_the_next_call_try(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """It found out nothing: nobody waits half a minute for it.

    The endpoint failed, and did not throttle: a call that is told to wait for its pace, which a
    slow machine makes longer, may go to the other platform.
    """
    model = pair(emulator, cloud)
    emulator.fault(status=503, retry_after=SOON, platform=cloud)  # type: ignore[arg-type]  # a literal
    await model.ainvoke("Count.")
    await asyncio.sleep(0.05)
    before = len(emulator.requests)
    emulator.fault(delay_start=HANGING, platform=cloud)  # type: ignore[arg-type]  # a literal
    await cancelled(way(model), lambda: len(emulator.requests) > before)
    assert (await ainvoke(model)).response_metadata["platform"] == cloud


async def test_a_trial_that_is_cancelled_before_it_is_sent_lets_the_next_call_try(
    emulator: CloudEmulator, cloud: str
) -> None:
    """One route failed, the other is to be tried, and callbacks are being told."""
    first, second = fresh_region(cloud), fresh_region(cloud)
    regions = [platform_of(emulator, cloud, region=region) for region in (first, second)]
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", max_tokens=64, max_retries=0, platform=regions
    )
    emulator.fault(status=503, retry_after=SOON, times=2)
    with pytest.raises(ServerError):
        await model.ainvoke("Count.")
    await asyncio.sleep(0.05)
    emulator.fault(status=503, retry_after=10.0)
    handler = Hanging()
    telling = model.with_config(callbacks=[handler])
    await cancelled(telling.ainvoke("Count."), lambda: handler.is_told)
    assert (await model.ainvoke("Count.")).response_metadata["region"] == second


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return location


class Weather(BaseModel):
    """The weather at a place."""

    place: str
    degrees: int


@pytest.mark.parametrize(
    "model_name", ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8"]
)
async def test_names_tools_and_schemas_fit_the_cloud_that_answers(
    emulator: CloudEmulator, cloud: str, model_name: str
) -> None:
    """All of it is bound before it is known which; the name resolves on each."""
    model = pair(emulator, cloud, model=model_name)
    emulator.fault(status=503)
    answer = model.bind_tools([get_weather], tool_choice="any").invoke("Weather in Paris?")
    assert [call["name"] for call in answer.tool_calls] == ["get_weather"]
    assert asked(emulator) == [cloud, OTHER[cloud]]
    MEMORY.reset()
    emulator.fault(status=503)
    parsed = await model.with_structured_output(Weather).ainvoke("Weather in Paris?")
    assert isinstance(parsed, Weather)
    assert asked(emulator)[2:] == [cloud, OTHER[cloud]]


async def test_no_route_leaves_the_residency(emulator: CloudEmulator) -> None:
    """Every route is checked, not the first alone; and the one that answers lies inside."""
    inside: list[Bedrock | Vertex]
    inside = [emulator.bedrock(region="eu-west-1"), emulator.vertex(region="eu")]
    given: Any = {"model": "claude-sonnet-4-6", "max_tokens": 512, "residency": "eu"}
    for outside in (emulator.vertex(), emulator.bedrock(region="us-east-1")):
        with pytest.raises(ConfigurationError, match="residency"):
            ChatClaudeCloud(platform=[*inside, outside], **given)
    model = ChatClaudeCloud(platform=inside, max_retries=0, **given)
    emulator.fault(status=503)
    metadata = (await model.ainvoke("Count.")).response_metadata
    assert (metadata["platform"], metadata["region"]) == ("vertex", "eu")
    first = emulator.requests[0]
    assert "eu.anthropic" in first.path or "anthropic." in first.path
    assert "global." not in first.path


async def test_what_one_call_learned_helps_those_under_way(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Calls that were sent together are all refused; each is sent again without it."""
    message = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    region = fresh_region(cloud)
    platform = platform_of(emulator, cloud, region=region)
    model = ChatClaudeCloud(
        model="claude-haiku-4-5", platform=platform, max_tokens=512, max_retries=0
    ).bind_tools([get_weather])
    emulator.fault(
        status=400, error_type="invalid_request_error", message=message, times=5, delay_start=0.2
    )
    barrier = threading.Barrier(5)

    async def one() -> str:
        await asyncio.to_thread(barrier.wait)
        return str([chunk async for chunk in model.astream("Hi")][-1].chunk_position)

    assert await asyncio.gather(*(one() for _ in range(5))) == ["last"] * 5
    assert [request.status for request in emulator.requests].count(400) == 5


@pytest.mark.parametrize("status", [400, 413])
@every_way
async def test_a_prompt_that_does_not_fit_is_said_so_on_both_clouds(
    emulator: CloudEmulator, cloud: str, status: int, way: Way
) -> None:
    """Vertex AI says 413 for it at times; it goes nowhere else and is not sent again."""
    message = "prompt is too long: 210001 tokens > 200000 maximum"
    emulator.fault(status=status, error_type="invalid_request_error", message=message)
    error = await failing(way, pair(emulator, cloud, max_retries=2))
    assert isinstance(error, ContextOverflowError)
    assert asked(emulator) == [cloud]


async def test_the_whole_story_is_in_the_traceback(emulator: CloudEmulator, cloud: str) -> None:
    """When all routes fail: each attempt, where it was and why."""
    emulator.fault(status=503)
    emulator.fault(status=529)
    error = await failing(ainvoke, pair(emulator, cloud))
    assert isinstance(error, OverloadedError)
    assert isinstance(error.__cause__, ServerError)
    (note,) = error.__notes__
    assert "ServerError" in note


async def test_an_answer_of_another_form_shows_the_attempts_before_it(cloud: str) -> None:
    """One platform was down, and something in place of the other answered in its own way."""

    def answer(request: httpx.Request) -> httpx.Response:
        is_first = "first" in request.url.host
        return httpx.Response(503) if is_first else httpx.Response(200, content=b"[]")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        model = ChatClaudeCloud(
            model="claude-sonnet-4-6",
            max_tokens=64,
            max_retries=0,
            http_async_client=client,
            platform=[somewhere(cloud, name) for name in ("first", "second")],
        )
        error = await failing(ainvoke, model)
    assert "documented form" in str(error)
    assert isinstance(error.__cause__, ServerError)
    assert error.__cause__.status_code == 503
    assert any("503" in note for note in error.__notes__)


async def test_media_that_cannot_be_had_are_an_error_with_a_place(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Also what is found out before the request is sent says for whom it was."""
    image = {"type": "image", "source_type": "url", "url": "https://127.0.0.1/x.png"}
    model = make_model(emulator, cloud)
    with pytest.raises(InvalidInputError) as caught:
        await model.ainvoke([HumanMessage([image])])
    error = caught.value
    assert (error.platform, error.model) == (cloud, "claude-sonnet-4-6")
    assert error.region


def somewhere(cloud: str, name: str) -> Vertex | Bedrock:
    """Return a platform at an address of a name."""
    if cloud == "vertex":
        token = SecretStr("ya29.some-token")
        return Vertex(project="p", access_token=token, base_url=f"https://{name}.example")
    key = SecretStr("ABSKsome-key")
    return Bedrock(region="us-east-1", api_key=key, base_url=f"https://{name}.example")
