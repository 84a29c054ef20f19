"""LangChain's own ways to go on after a failure, with our exceptions: retries, fallbacks, summaries.

They decide by langchain-core's classes and by ``is_retryable``; all of it with `create_agent` on
both clouds, blocking and on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from clouds import make_model
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
)
from langchain_core import exceptions as core
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.tools import tool

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ContextOverflowError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
)
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

OTHER: Final = {"vertex": "bedrock", "bedrock": "vertex"}
OVERFLOW: Final = "prompt is too long: 210001 tokens > 200000 maximum"
Run = Callable[[Any, Sequence[AnyMessage]], Any]


async def invoked(agent: Any, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Run an agent, blocking."""
    found: list[AnyMessage] = agent.invoke({"messages": list(messages)})["messages"]
    return found


async def ainvoked(agent: Any, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Run an agent on the event loop."""
    found: list[AnyMessage] = (await agent.ainvoke({"messages": list(messages)}))["messages"]
    return found


async def streamed(agent: Any, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Stream an agent's tokens, blocking."""
    state: list[AnyMessage] = []
    given = {"messages": list(messages)}
    for mode, part in agent.stream(given, stream_mode=["messages", "values"]):
        state = part["messages"] if mode == "values" else state
    return state


async def astreamed(agent: Any, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Stream an agent's tokens on the event loop."""
    state: list[AnyMessage] = []
    given = {"messages": list(messages)}
    async for mode, part in agent.astream(given, stream_mode=["messages", "values"]):
        state = part["messages"] if mode == "values" else state
    return state


every_run = pytest.mark.parametrize(
    "run", [invoked, ainvoked, streamed, astreamed], ids=lambda run: run.__name__
)
ASKED: Final = [HumanMessage("What is the weather in Paris?")]


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"Rain in {location}."


def patient(**settings: Any) -> ModelRetryMiddleware:
    """Return the middleware with waits that a test has time for."""
    return ModelRetryMiddleware(initial_delay=0.01, jitter=False, **settings)


@every_run
async def test_the_retry_middleware_tries_again_what_may_pass(
    emulator: CloudEmulator, cloud: str, run: Run
) -> None:
    """With our own retries off, an overload and a throttle are over with the third request."""
    emulator.fault(status=529)
    emulator.fault(status=429)
    agent = create_agent(make_model(emulator, cloud), [get_weather], middleware=[patient()])
    messages = await run(agent, ASKED)
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert [request.status for request in emulator.requests] == [529, 429, 200, 200]


@every_run
async def test_the_retry_middleware_leaves_what_stays(
    emulator: CloudEmulator, cloud: str, run: Run
) -> None:
    """One request: missing credentials are missing at the third try, too."""
    emulator.fault(status=401)
    agent = create_agent(make_model(emulator, cloud), [], middleware=[patient(max_retries=5)])
    with pytest.raises(core.ModelAuthenticationError) as caught:
        await run(agent, ASKED)
    assert isinstance(caught.value, AuthenticationError)
    assert len(emulator.requests) == 1


async def test_the_retry_middleware_leaves_a_quota_of_zero(
    emulator: CloudEmulator, cloud: str
) -> None:
    """A spend limit is a 429 that no waiting helps."""
    emulator.fault(
        status=429, error_type="rate_limit_error", message="You have reached your spend limit."
    )
    agent = create_agent(make_model(emulator, cloud), [], middleware=[patient(max_retries=5)])
    with pytest.raises(RateLimitError):
        await ainvoked(agent, ASKED)
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("run", [streamed, astreamed], ids=lambda run: run.__name__)
async def test_the_retry_middleware_asks_again_after_a_broken_stream(
    emulator: CloudEmulator, cloud: str, run: Run
) -> None:
    """We never do once tokens were shown; whoever wraps the call may, and can tell that it may."""
    emulator.fault(text("Half of it, and no more of it than that."), cut_after_events=6)
    emulator.reply("Whole.")
    agent = create_agent(
        make_model(emulator, cloud, max_retries=2), [], middleware=[patient(max_retries=1)]
    )
    messages = await run(agent, ASKED)
    assert messages[-1].text == "Whole."
    assert len(emulator.requests) == 2


async def test_the_retry_middleware_shows_the_remedy(emulator: CloudEmulator, cloud: str) -> None:
    """Where it goes on with a message in the answer's place, that says what to do."""
    emulator.fault(status=529, times=2)
    agent = create_agent(make_model(emulator, cloud), [], middleware=[patient(max_retries=1)])
    messages = await ainvoked(agent, ASKED)
    assert "OverloadedError" in messages[-1].text
    assert "fail over" in messages[-1].text


@every_run
@pytest.mark.parametrize("status", [401, 429, 529, 400])
async def test_the_fallback_middleware_asks_the_next_model(
    emulator: CloudEmulator, cloud: str, status: int, run: Run
) -> None:
    """On the other cloud, with the same tools and the history of the first."""
    first = {"platform": cloud}
    emulator.reply(tool_use("get_weather", {"location": "Paris"}), **first)  # type: ignore[arg-type]
    emulator.fault(status=status, message="no", **first)  # type: ignore[arg-type]  # a literal
    fallback = ModelFallbackMiddleware(make_model(emulator, OTHER[cloud]))
    agent = create_agent(make_model(emulator, cloud), [get_weather], middleware=[fallback])
    messages = await run(agent, ASKED)
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[1].response_metadata["platform"] == cloud
    assert messages[-1].response_metadata["platform"] == OTHER[cloud]


async def test_the_fallback_middleware_raises_the_last_error(
    emulator: CloudEmulator, cloud: str
) -> None:
    """As ours, whichever model it came from."""
    emulator.fault(status=429)
    emulator.fault(status=529)
    fallback = ModelFallbackMiddleware(make_model(emulator, OTHER[cloud]))
    with pytest.raises(OverloadedError) as caught:
        await ainvoked(create_agent(make_model(emulator, cloud), [], middleware=[fallback]), ASKED)
    assert caught.value.platform == OTHER[cloud]


@every_run
@pytest.mark.parametrize("status", [400, 413])
async def test_the_summary_of_a_history_that_does_not_fit_is_asked_for_shorter(
    emulator: CloudEmulator, cloud: str, status: int, run: Run
) -> None:
    """The middleware knows `ContextOverflowError`, and cuts the middle out of the history."""
    kind = "invalid_request_error"
    emulator.fault(status=status, error_type=kind, message=OVERFLOW)
    emulator.reply("They spoke of rivers.")
    emulator.reply("Done.")
    model = make_model(emulator, cloud, max_retries=2)
    shorten = SummarizationMiddleware(model, trigger=("messages", 5), keep=("messages", 1))
    messages = await run(create_agent(model, [], middleware=[shorten]), long_history())
    assert messages[-1].text == "Done."
    assert "They spoke of rivers." in messages[0].text
    sizes = [len(str(request.body["messages"])) for request in emulator.requests]
    assert [request.status for request in emulator.requests] == [status, 200, 200]
    assert sizes[1] < sizes[0]


def long_history() -> list[AnyMessage]:
    """Return six messages of which the last is a question."""
    history: list[AnyMessage] = []
    for number in range(3):
        history += [HumanMessage(f"{number} " + "river " * 300), AIMessage("Yes. " * 50)]
    return [*history, HumanMessage("Go on.")]


async def test_a_summary_that_cannot_be_had_is_an_error_of_ours(
    emulator: CloudEmulator, cloud: str
) -> None:
    """It is neither retried nor made up."""
    emulator.fault(status=401)
    model = make_model(emulator, cloud)
    shorten = SummarizationMiddleware(model, trigger=("messages", 5), keep=("messages", 1))
    with pytest.raises(AuthenticationError):
        await ainvoked(create_agent(model, [], middleware=[shorten]), long_history())
    assert len(emulator.requests) == 1


QUICK: Final = {"max": 0.001}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, core.ModelRateLimitError),
        (529, core.ModelAPIError),
        (503, core.ModelAPIError),
        (408, core.ModelTimeoutError),
    ],
)
async def test_with_retry_takes_the_classes_of_langchain(
    emulator: CloudEmulator, cloud: str, status: int, kind: type[core.ModelError]
) -> None:
    """One more request, by class; blocking and not."""
    model = make_model(emulator, cloud)
    again: Any = model.with_retry(
        retry_if_exception_type=(kind,), stop_after_attempt=2, exponential_jitter_params=QUICK
    )
    emulator.fault(status=status)
    assert again.invoke("Hi").text
    emulator.fault(status=status)
    assert (await again.ainvoke("Hi")).text
    assert len(emulator.requests) == 4


async def test_with_retry_does_not_take_other_classes(emulator: CloudEmulator, cloud: str) -> None:
    """What was not asked to be retried is raised as it is."""
    again: Any = make_model(emulator, cloud).with_retry(
        retry_if_exception_type=(core.ModelRateLimitError,), exponential_jitter_params=QUICK
    )
    emulator.fault(status=400, message="no", error_type="invalid_request_error", times=2)
    with pytest.raises(InvalidRequestError):
        await again.ainvoke("Hi")
    with pytest.raises(InvalidRequestError):
        again.invoke("Hi")
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("status", [401, 429, 529])
async def test_with_fallbacks_asks_the_next(
    emulator: CloudEmulator, cloud: str, status: int
) -> None:
    """Whole or streamed: before any content another model may answer."""
    chain = make_model(emulator, cloud).with_fallbacks(
        [make_model(emulator, OTHER[cloud])], exceptions_to_handle=(core.ModelError,)
    )
    emulator.fault(status=status, platform=cloud, times=4)  # type: ignore[arg-type]  # a literal
    spoken = chain | StrOutputParser()
    assert spoken.invoke("Hi")
    assert await spoken.ainvoke("Hi")
    assert "".join(spoken.stream("Hi"))
    assert "".join([part async for part in spoken.astream("Hi")])


async def test_with_fallbacks_takes_over_before_content_only(
    emulator: CloudEmulator, cloud: str
) -> None:
    """A stream that breaks off in the middle is an error of the chain."""
    chain = make_model(emulator, cloud).with_fallbacks([make_model(emulator, OTHER[cloud])])
    emulator.fault(text("Half of it, and no more of it than that."), cut_after_events=6)
    with pytest.raises(StreamInterruptedError):
        [part async for part in chain.astream("Hi")]
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("status", [400, 413])
async def test_an_overflow_is_langchain_s_overflow(
    emulator: CloudEmulator, cloud: str, status: int
) -> None:
    """Whatever the status, and whatever the cloud's words for it."""
    for words in (
        OVERFLOW,
        "Input is too long for requested model.",
        "input length and `max_tokens` exceed context limit: 193125 + 21333 > 200000, decrease",
    ):
        emulator.fault(status=status, message=words)
        with pytest.raises(core.ContextOverflowError) as caught:
            await make_model(emulator, cloud, max_retries=2).ainvoke("Hi")
        assert isinstance(caught.value, ContextOverflowError)
    assert len(emulator.requests) == 3
