"""What happens when a cloud does not answer: retries, other platforms, broken streams."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any, Final

import pytest
from clouds import make_model, platform_of, small_png
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from ways import (
    OTHER,
    SOON,
    WAYS,
    WORDS,
    Way,
    ainvoke,
    ainvoke_long,
    asked,
    every_stream,
    every_way,
    invoke,
    invoke_long,
    pair,
)

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    OverloadedError,
    RequestTooLargeError,
    StreamInterruptedError,
)
from langchain_claude_cloud.testing import CloudEmulator, FaultKind, raw_tool_use, text

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return location


SWITCHING: Final = (401, 403, 404, 429, 503, 529)


@every_stream
@pytest.mark.parametrize("kind", [FaultKind.ERROR_EVENT, FaultKind.CUT_STREAM])
async def test_a_stream_moves_on_while_the_model_thinks_unseen(
    emulator: CloudEmulator, cloud: str, kind: FaultKind, way: Way
) -> None:
    """Models that think by default begin with thinking that has a signature and no text."""
    emulator.fault(kind, platform=cloud)  # type: ignore[arg-type]  # a literal
    answer = await way(pair(emulator, cloud, model="claude-sonnet-5-5"))
    assert answer.text
    assert asked(emulator) == [cloud, OTHER[cloud]]


@every_way
@pytest.mark.parametrize("status", SWITCHING)
async def test_the_next_platform_is_asked(
    emulator: CloudEmulator, cloud: str, status: int, way: Way
) -> None:
    """Refusals that another endpoint may not share switch to it, at once and once."""
    emulator.fault(status=status, platform=cloud)  # type: ignore[arg-type]  # a literal
    emulator.reply(WORDS)
    answer = await way(pair(emulator, cloud))
    assert answer.text == WORDS
    assert asked(emulator) == [cloud, OTHER[cloud]]
    assert answer.response_metadata["platform"] == OTHER[cloud]


@every_way
async def test_a_refused_connection_switches(emulator: CloudEmulator, cloud: str, way: Way) -> None:
    """A platform that is not there counts as one that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    nobody = platform_of(emulator, cloud, base_url=f"http://127.0.0.1:{port}")
    there = platform_of(emulator, OTHER[cloud])
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=[nobody, there], max_tokens=512, max_retries=0
    )
    emulator.reply(WORDS)
    answer = await way(model)
    assert answer.text == WORDS
    assert answer.response_metadata["platform"] == OTHER[cloud]
    with pytest.raises(ConnectionFailedError):
        await way(model.model_copy(update={"platform": [nobody]}))


@every_way
@pytest.mark.parametrize("status", [400, 413])
async def test_a_bad_request_does_not_switch(
    emulator: CloudEmulator, cloud: str, status: int, way: Way
) -> None:
    """What is wrong with the request is wrong everywhere."""
    emulator.fault(status=status, error_type="invalid_request_error", message="messages: no")
    with pytest.raises(InvalidRequestError) as caught:
        await way(pair(emulator, cloud, max_retries=2))
    assert isinstance(caught.value, RequestTooLargeError) == (status == 413)
    assert asked(emulator) == [cloud]


@every_stream
async def test_nothing_is_asked_again_after_content(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A stream that breaks off in the middle is an error, with what had arrived."""
    emulator.fault(text(WORDS), cut_after_events=8)
    with pytest.raises(StreamInterruptedError) as caught:
        await way(pair(emulator, cloud, max_retries=2))
    check_partial(caught.value)
    assert asked(emulator) == [cloud]


def check_partial(error: ClaudeCloudError) -> None:
    """Assert that an exception carries the beginning of the answer."""
    partial = error.partial_message
    assert isinstance(partial, AIMessage)
    assert 0 < len(partial.text) < len(WORDS)
    assert WORDS.startswith(partial.text)
    assert "stop_reason" not in {
        key for key, value in partial.response_metadata.items() if value is not None
    }
    assert partial.response_metadata["usage"]["input_tokens"] > 0
    assert error.is_retryable


@every_stream
async def test_a_partial_message_shows_an_open_call_as_invalid(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A call that a broken stream left open is never a valid one."""
    raw = '{"location": "a very long name of a very small place"}'
    emulator.fault(text("Hm."), raw_tool_use("get_weather", raw), cut_after_events=9)
    with pytest.raises(StreamInterruptedError) as caught:
        await way(make_model(emulator, cloud))
    partial = caught.value.partial_message
    assert isinstance(partial, AIMessage)
    assert partial.tool_calls == []
    (broken,) = partial.invalid_tool_calls
    assert raw.startswith(broken["args"] or "?")
    assert [block["type"] for block in partial.content_blocks] == ["text", "invalid_tool_call"]


@pytest.mark.parametrize("way", [invoke_long, ainvoke_long], ids=lambda way: way.__name__)
async def test_an_answer_that_is_wanted_whole_is_asked_for_again(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """Nothing was handed out yet: an internal stream that breaks off is retried, or switches."""
    emulator.fault(text(WORDS), cut_after_events=8)
    emulator.reply("Whole.")
    answer = await way(pair(emulator, cloud))
    assert answer.text == "Whole."
    assert answer.response_metadata["platform"] == OTHER[cloud]
    assert asked(emulator) == [cloud, OTHER[cloud]]
    emulator.fault(text(WORDS), cut_after_events=8)
    with pytest.raises(StreamInterruptedError) as caught:
        await way(make_model(emulator, cloud))
    check_partial(caught.value)


async def test_invoke_with_streaming_raises_what_the_stream_raises(
    emulator: CloudEmulator, cloud: str
) -> None:
    """``streaming=True`` streams in langchain-core, chunk by chunk: no second try."""
    model = make_model(emulator, cloud, streaming=True, max_retries=2)
    for way in (invoke, ainvoke):
        emulator.fault(text(WORDS), cut_after_events=8)
        with pytest.raises(StreamInterruptedError) as caught:
            await way(model)
        check_partial(caught.value)
    assert len(emulator.requests) == 2


BEFORE_CONTENT: Final = (
    {"error_event": {"type": "overloaded_error", "message": "Overloaded"}, "after_events": 0},
    {"error_event": {"type": "api_error", "message": "Internal"}, "after_events": 1},
    {"exception": "serviceUnavailableException", "after_events": 1},
    {"cut_after_events": 0},
    {"cut_after_events": 1},
    {"disconnect": True},
)


@every_stream
@pytest.mark.parametrize("how", BEFORE_CONTENT, ids=lambda how: "-".join(map(str, how)))
async def test_a_stream_that_fails_before_content_switches(
    emulator: CloudEmulator, cloud: str, way: Way, how: Any
) -> None:
    """Before the first content another platform may answer; nobody sees any of the first."""
    emulator.fault(*said_before(how), **how)
    emulator.reply("Whole.")
    assert (await way(pair(emulator, cloud))).text == "Whole."
    assert asked(emulator) == [cloud, OTHER[cloud]]


def said_before(how: dict[str, Any]) -> list[Any]:
    """Return what a fault cuts; what leaves no answer has nothing to cut."""
    return [] if how.keys() & {"disconnect", "status"} else [text(WORDS)]


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_retries_end(emulator: CloudEmulator, cloud: str, retries: int) -> None:
    """After ``max_retries`` more requests the last error is raised."""
    emulator.fault(status=529, retry_after=SOON, times=retries + 1)
    with pytest.raises(OverloadedError) as caught:
        await make_model(emulator, cloud, max_retries=retries).ainvoke("Count.")
    assert caught.value.retry_after == SOON
    assert len(emulator.requests) == retries + 1


async def test_the_cloud_says_how_long_to_wait(emulator: CloudEmulator, cloud: str) -> None:
    """``retry-after`` is waited for, on every try."""
    emulator.fault(status=429, retry_after=0.3)
    emulator.reply(WORDS)
    begin = time.monotonic()
    await make_model(emulator, cloud, max_retries=1).ainvoke("Count.")
    assert 0.25 < time.monotonic() - begin < 20


async def test_each_platform_is_tried_before_any_is_retried(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Rounds of all platforms; the error that is raised shows those before it."""
    emulator.fault(status=529, retry_after=SOON, times=4)
    with pytest.raises(OverloadedError) as caught:
        await pair(emulator, cloud, max_retries=1).ainvoke("Count.")
    names = asked(emulator)
    assert sorted(names[:2]) == sorted(names[2:]) == ["bedrock", "vertex"]
    assert names[0] == cloud
    assert isinstance(caught.value.__cause__, OverloadedError)
    assert caught.value.__cause__.platform != caught.value.platform


async def test_a_platform_that_throttled_cools_down(emulator: CloudEmulator, cloud: str) -> None:
    """For as long as it said, calls of every model instance go to the other one first."""
    emulator.fault(status=429, retry_after=60, platform=cloud)  # type: ignore[arg-type]  # a literal
    model = pair(emulator, cloud)
    for _ in range(3):
        await model.ainvoke("Count.")
    pair(emulator, cloud).invoke("Count.")
    assert asked(emulator) == [cloud, *[OTHER[cloud]] * 4]


async def test_a_platform_that_has_cooled_down_is_asked_again(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Its time is up, and the first route is the first again."""
    emulator.fault(status=429, retry_after=SOON, platform=cloud)  # type: ignore[arg-type]  # a literal
    model = pair(emulator, cloud)
    assert (await model.ainvoke("Count.")).response_metadata["platform"] == OTHER[cloud]
    await asyncio.sleep(10 * SOON)
    assert (await model.ainvoke("Count.")).response_metadata["platform"] == cloud


async def test_another_model_does_not_cool_down(emulator: CloudEmulator, cloud: str) -> None:
    """Quotas are per model: what one used up, another still has."""
    emulator.fault(status=429, retry_after=60, platform=cloud)  # type: ignore[arg-type]  # a literal
    await pair(emulator, cloud).ainvoke("Count.")
    await pair(emulator, cloud, model="claude-opus-4-8").ainvoke("Count.")
    assert asked(emulator) == [cloud, OTHER[cloud], cloud]


async def test_healthy_platforms_are_stuck_to(emulator: CloudEmulator, cloud: str) -> None:
    """While the first answers, the second is never asked: its prompt cache would be cold."""
    model = pair(emulator, cloud)
    for way in WAYS:
        await way(model)
    assert set(asked(emulator)) == {cloud}


async def test_regions_of_one_cloud_stand_in_for_each_other(emulator: CloudEmulator) -> None:
    """The metadata names the region and the profile that answered."""
    regions = ["us-east-1", "eu-west-1"]
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6",
        platform=[emulator.bedrock(region=region) for region in regions],
        max_tokens=512,
        max_retries=0,
    )
    assert model.invoke("Count.").response_metadata["region"] == "us-east-1"
    emulator.fault(status=503, region="us-east-1")
    metadata = (await model.ainvoke("Count.")).response_metadata
    assert (metadata["platform"], metadata["region"]) == ("bedrock", "eu-west-1")
    assert metadata["inference_profile"]
    assert [request.region for request in emulator.requests] == [regions[0], *regions]


async def test_the_body_is_built_for_the_platform_that_answers(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The same bound tool streams by a field on Vertex and by a beta on Bedrock."""
    model = pair(emulator, cloud, model="claude-sonnet-4-5").bind_tools([get_weather])
    emulator.fault(status=529)
    async for _ in model.astream("What is the weather in Paris?"):
        pass
    bodies = {request.platform: request.body for request in emulator.requests}
    assert bodies["vertex"]["tools"][0]["eager_input_streaming"] is True
    assert "anthropic_beta" not in bodies["vertex"]
    assert "eager_input_streaming" not in bodies["bedrock"]["tools"][0]
    assert bodies["bedrock"]["anthropic_beta"] == ["fine-grained-tool-streaming-2025-05-14"]


@pytest.mark.parametrize("way", [invoke, ainvoke], ids=lambda way: way.__name__)
async def test_media_are_fetched_once_for_all_attempts(
    emulator: CloudEmulator, cloud: str, way: Way
) -> None:
    """A picture by URL is got once, however often the request is sent."""
    got: list[str] = []

    def fetch(url: str) -> bytes:
        got.append(url)
        return small_png()

    model = pair(emulator, cloud, url_fetcher=fetch, max_retries=1)
    picture = {"type": "image", "url": "https://example.com/one.png"}
    emulator.fault(status=529, retry_after=SOON, times=2)
    question = [HumanMessage([{"type": "text", "text": "What is it?"}, picture])]
    answer = await model.ainvoke(question) if way is ainvoke else model.invoke(question)
    assert answer.text
    assert got == ["https://example.com/one.png"]
    assert len(emulator.requests) == 3


def test_an_exact_id_of_one_cloud_is_refused_beside_another(emulator: CloudEmulator) -> None:
    """It could only ever be asked on one of the two."""
    with pytest.raises(ConfigurationError, match="exact id of one cloud"):
        pair(emulator, "vertex", model="global.anthropic.claude-sonnet-4-6")
