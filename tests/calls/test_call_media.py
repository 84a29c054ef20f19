"""Media by URL: got once for a conversation, bounded, and missing without harm in older turns."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from clock import Clock
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.media import CallMedia
from langchain_claude_cloud.calls.memory import HOUR, MEMORY, Memory
from langchain_claude_cloud.calls.steps import Fetch
from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.errors import InvalidInputError, RequestTooLargeError
from langchain_claude_cloud.platform.shared_state import ExpiringTable
from langchain_claude_cloud.platform.timeouts import Timeouts

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
BASE = "https://media.example"
ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
    "content": [{"type": "text", "text": "fine"}], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
VERTEX = Vertex(project="p", region="us-east5", access_token="t")
BEDROCK = Bedrock(region="us-east-1", api_key="k")


def _cache(clock: Clock) -> ExpiringTable[FetchedMedia]:
    memory = Memory()
    memory.reset(clock)
    return memory.media


def _body(*urls: str) -> dict[str, Any]:
    blocks = [{"type": "image", "source": {"type": "url", "url": url}} for url in urls]
    return {"messages": [{"role": "user", "content": blocks}]}


def _get(media: CallMedia, body: dict[str, Any], limit: int = 30_000_000) -> Fetch | None:
    """Return what a call's media has to fetch, and give it a picture for each."""
    urls = [block["source"]["url"] for block in body["messages"][0]["content"]]
    steps = media.get(body, dict.fromkeys(urls, True), limit, Timeouts())
    step = next(steps, None)
    if step is None:
        return None
    assert isinstance(step, Fetch)
    with pytest.raises(StopIteration):
        steps.send([FetchedMedia("image/png", PNG) for _ in step.urls])
    return step


def test_the_next_turn_fetches_what_is_new() -> None:
    """For an hour; a failure is not kept."""
    clock = Clock(100.0)
    cache = _cache(clock)
    assert _get(CallMedia(cache), _body(f"{BASE}/a"))
    step = _get(CallMedia(cache), _body(f"{BASE}/a", f"{BASE}/b"))
    assert step is not None
    assert step.urls == [f"{BASE}/b"]
    clock.now += HOUR
    assert _get(CallMedia(cache), _body(f"{BASE}/a"))


def test_the_cache_is_bounded_in_bytes() -> None:
    """What was used least recently makes room."""
    cache: ExpiringTable[FetchedMedia] = ExpiringTable(100, Clock(100.0), lambda it: len(it.data))
    for name in "abc":
        cache.put(name, FetchedMedia("image/png", b"x" * 40), HOUR)
        cache.get("a")
    assert cache.size == 80
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]
    cache.put("huge", FetchedMedia("image/png", b"x" * 101), HOUR)
    assert cache.size == 0


def test_what_is_kept_counts_into_the_sum() -> None:
    """A request's media may have what the cloud takes, less a quarter for base64."""
    cache = _cache(Clock(100.0))
    cache.put(f"{BASE}/a", FetchedMedia("image/png", PNG.ljust(1000)), HOUR)
    step = _get(CallMedia(cache), _body(f"{BASE}/a", f"{BASE}/b"), limit=4000)
    assert step is not None
    assert step.most_bytes == 2000


def _model(platform: Any, sent: list[Any], **fields: Any) -> ChatClaudeCloud:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.host, json.loads(request.content)))
        return httpx.Response(200, json=ANSWER)

    network = httpx.MockTransport(answer)
    return ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform, max_tokens=10, max_retries=0,
        http_client=httpx.Client(transport=network),
        http_async_client=httpx.AsyncClient(transport=network), **fields,
    )  # fmt: skip


def _expired(url: str) -> bytes:
    path = url.removeprefix(BASE)  # as urllib3 names it
    raise OSError(f"{url} has expired (Max retries exceeded with url: {path})")


def _image(name: str) -> list[str | dict[str, Any]]:
    return [{"type": "image", "url": f"{BASE}/{name}.png?sig=hidden"}]


OLD: list[BaseMessage] = [
    HumanMessage(_image("old")),
    AIMessage("", tool_calls=[{"name": "draw", "args": {}, "id": "1"}]),
    ToolMessage(_image("result"), tool_call_id="1"),
]


@pytest.mark.parametrize("platform", [VERTEX, BEDROCK], ids=["vertex", "bedrock"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_an_expired_link_of_an_old_turn_becomes_text(
    platform: Any, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread goes on; the link's signature is neither sent nor logged."""
    MEMORY.reset()
    sent: list[Any] = []
    llm = _model(platform, sent, url_fetcher=_expired)
    prompt = [*OLD, AIMessage("Here."), HumanMessage("And now?")]
    answer = llm.invoke(prompt) if way == "sync" else asyncio.run(llm.ainvoke(prompt))
    assert answer.text == "fine"
    text = json.dumps(sent[0][1])
    assert text.count("cannot be shown") == 2
    assert "hidden" not in text + caplog.text
    assert "old.png" in caplog.text


def test_an_expired_link_of_the_newest_message_is_an_error() -> None:
    """It is what the user asks about."""
    sent: list[Any] = []
    llm = _model(VERTEX, sent, url_fetcher=_expired)
    with pytest.raises(InvalidInputError, match=r"new\.png"):
        llm.invoke([*OLD, HumanMessage(_image("new"))])
    assert sent == []


def test_a_result_after_the_newest_message_is_still_a_result() -> None:
    """The user's words are known; what a tool returned may be missing."""
    sent: list[Any] = []
    llm = _model(VERTEX, sent, url_fetcher=_expired)
    asked = [HumanMessage("Draw."), *OLD[1:]]
    assert llm.invoke(asked).text == "fine"


def test_no_more_is_fetched_than_a_request_may_hold() -> None:
    """60 URLs of 2 MB stop where the cloud's limit is."""
    sent: list[Any] = []
    fetched: list[str] = []

    def large(url: str) -> bytes:
        fetched.append(url)
        return PNG + b"\0" * 2_000_000

    prompt = [HumanMessage([block for number in range(60) for block in _image(str(number))])]
    for platform, most in ((VERTEX, 30_000_000), (BEDROCK, 20_000_000)):
        fetched.clear()
        with pytest.raises(RequestTooLargeError, match="URLs in the messages"):
            _model(platform, sent, url_fetcher=large).invoke(prompt)
        assert len(fetched) * 2_000_000 <= most
    assert sent == []


def test_a_cloud_that_takes_more_is_asked() -> None:
    """What is too much for Bedrock may fit Vertex AI."""
    sent: list[Any] = []
    llm = _model([BEDROCK, VERTEX], sent, url_fetcher=lambda _: PNG + b"\0" * 3_000_000)
    prompt = [HumanMessage([block for number in range(6) for block in _image(str(number))])]
    assert llm.invoke(prompt).text == "fine"
    assert "aiplatform" in sent[0][0]
