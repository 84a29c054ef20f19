"""Whatever a caller gives a call, the call works or fails with an error of the package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.options import CALL_NAMES
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
)

ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
    "content": [{"type": "text", "text": "fine"}], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
PLATFORMS: dict[str, Callable[[], Vertex | Bedrock]] = {
    "vertex": lambda: Vertex(project="p", region="us-east5", access_token="t"),
    "bedrock": lambda: Bedrock(region="us-east-1", api_key="k"),
}
both_clouds = pytest.mark.parametrize("cloud", PLATFORMS)
both_ways = pytest.mark.parametrize("way", ["sync", "async"])


def _answer(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=ANSWER)


def _model(cloud: str, **fields: Any) -> ChatClaudeCloud:
    return ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=PLATFORMS[cloud](), max_tokens=10, **fields
    )


@contextmanager
def _connected(
    cloud: str, answer: Callable[[httpx.Request], httpx.Response] = _answer, **fields: Any
) -> Iterator[ChatClaudeCloud]:
    """A model whose clients have no network."""
    network = httpx.MockTransport(answer)
    with httpx.Client(transport=network) as client:
        yield _model(
            cloud,
            http_client=client,
            http_async_client=httpx.AsyncClient(transport=network),
            **fields,
        )


def _call(llm: ChatClaudeCloud, way: str, prompt: Any = "Hi", **arguments: Any) -> str:
    if way == "sync":
        return llm.invoke(prompt, **arguments).text
    return asyncio.run(llm.ainvoke(prompt, **arguments)).text


@both_clouds
@pytest.mark.parametrize("field", ["http_client", "http_async_client"])
def test_a_client_of_the_wrong_kind_is_refused(cloud: str, field: str) -> None:
    """By the constructor, and by the call where pydantic did not look."""
    wrong: list[Any] = [5, object(), httpx]
    wrong.append(httpx.AsyncClient() if field == "http_client" else httpx.Client())
    for client in wrong:
        with pytest.raises(ConfigurationError, match=field):
            _model(cloud, **{field: client})
        with pytest.raises(ConfigurationError, match=field):
            _model(cloud).model_copy(update={field: client}).invoke("Hi")


@both_clouds
@both_ways
def test_a_closed_client_is_named(cloud: str, way: str) -> None:
    """It was open when the model was made."""
    network = httpx.MockTransport(_answer)
    client, other = httpx.Client(transport=network), httpx.AsyncClient(transport=network)
    llm = _model(cloud, http_client=client, http_async_client=other)
    client.close()
    asyncio.run(other.aclose())
    with pytest.raises(ConfigurationError, match="is closed"):
        _call(llm, way)


@both_clouds
@both_ways
@pytest.mark.parametrize("name", ["content-length", "Content-Length", "Transfer-Encoding"])
def test_headers_of_the_body_are_refused(cloud: str, way: str, name: str) -> None:
    """From the model and from the call; nothing is sent."""
    with _connected(cloud, default_headers={name: "5"}) as llm:
        with pytest.raises(ConfigurationError, match=name):
            _call(llm, way)
        with pytest.raises(ConfigurationError, match=name):
            _call(
                llm.model_copy(update={"default_headers": None}), way, default_headers={name: "5"}
            )


@both_clouds
@both_ways
def test_a_platform_that_is_assigned_is_read_as_the_constructors(
    cloud: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `model_copy` and by assignment: names work, what is no platform is refused."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "k")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "p")
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return _answer(request)

    with _connected(cloud, answer) as llm:
        assert _call(llm.model_copy(update={"platform": "bedrock"}), way) == "fine"
        llm.platform = ["bedrock"]
        assert _call(llm, way) == "fine"
        assert all("bedrock" in host for host in asked)
        wrong: list[Any] = [5, "azure", [], [None], {"region": "x"}, object(), Vertex]
        for platform in wrong:
            with pytest.raises(ConfigurationError):
                _call(llm.model_copy(update={"platform": platform}), way)
        for update in ({"model": None}, {"model": 5}, {"default_headers": 5}):
            with pytest.raises(InvalidInputError):
                _call(llm.model_copy(update=update), way)


@both_clouds
@pytest.mark.parametrize("is_read", [True, False])
def test_a_refusal_that_a_hook_raises_is_the_clouds(cloud: str, is_read: bool) -> None:  # noqa: FBT001  a table
    """It is of its status, with its text where the hook read it, and is not sent again."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        body = {
            "error": {"type": "invalid_request_error", "message": "no good"},
            "message": "no good",
        }
        return httpx.Response(400, json=body)

    def hook(response: httpx.Response) -> None:
        if is_read:
            response.read()
        response.raise_for_status()

    async def ahook(response: httpx.Response) -> None:
        if is_read:
            await response.aread()
        response.raise_for_status()

    network = httpx.MockTransport(answer)
    client = httpx.Client(transport=network, event_hooks={"response": [hook]})
    other = httpx.AsyncClient(transport=network, event_hooks={"response": [ahook]})
    llm = _model(cloud, http_client=client, http_async_client=other)
    for way in ("sync", "async"):
        with pytest.raises(InvalidRequestError) as caught:
            _call(llm, way)
        assert caught.value.status_code == 400
        assert not is_read or "no good" in str(caught.value)
    assert len(seen) == 2


@both_clouds
@both_ways
def test_what_a_clients_transport_raises_is_typed(cloud: str, way: str) -> None:
    """A hook or a transport of the caller's may raise anything."""

    def answer(_: httpx.Request) -> httpx.Response:
        raise LookupError("my own")

    with (
        _connected(cloud, answer) as llm,
        pytest.raises(ConfigurationError, match=r"LookupError.*my own"),
    ):
        _call(llm, way)


def _none(_: str) -> Any:
    return None


def _no_file(_: str) -> bytes:
    raise FileNotFoundError("gone")


def _of_text(_: str) -> Any:
    return "text"


@both_clouds
@both_ways
@pytest.mark.parametrize("fetcher", [_none, _no_file, _of_text])
def test_a_fetcher_that_gives_no_bytes_is_named(cloud: str, way: str, fetcher: Any) -> None:
    """The URL is named without what may be secret in it."""
    prompt = [HumanMessage([{"type": "image", "url": "https://media.example/a.png?sig=hidden"}])]
    with (
        _connected(cloud, url_fetcher=fetcher) as llm,
        pytest.raises(InvalidInputError, match=r"url_fetcher.*media\.example/a\.png") as caught,
    ):
        _call(llm, way, prompt)
    assert "hidden" not in str(caught.value)


NAMES = sorted(CALL_NAMES - {"ls_structured_output_format", "structured_output_format"})
"""All but what LangChain passes along for itself, and reads before the model is called."""

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70_000), st.floats(), st.text(max_size=6),
    st.binary(max_size=4), st.just(object()), st.sampled_from([int, Vertex, len]),
    st.sampled_from(["name", "type", "text", "json_schema", "auto", "any", "tool", "ephemeral"]),
)  # fmt: skip
keys = st.one_of(
    st.sampled_from(
        ["type", "name", "input_schema", "schema", "json_schema", "properties", "connect", "total",
         "display", "budget_tokens", "edits", "ttl", "tools", "messages", "system", "betas"]
    ),
    st.text(max_size=3),
    st.integers(0, 3),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
)


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


arguments = st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=3)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 1},
        {"properties": [{"type": "string"}]},
        {"properties": {"a": {"properties": "b"}}},
        {"properties": {}, "required": 5},
        {"$ref": "#/$defs/A", "$defs": 5},
        {"properties": {}, "definitions": [1]},
    ],
)
def test_a_malformed_output_schema_is_refused(schema: dict[str, Any]) -> None:
    """Before anything is sent, by an error that names the keyword, or it is sent without it."""
    with _connected("vertex", max_retries=0) as llm, suppress(InvalidInputError):
        _call(llm, "sync", timeout=5, response_format=schema)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cloud=st.sampled_from(sorted(PLATFORMS)),
    way=st.sampled_from(["sync", "async"]),
    given_=arguments,
)
def test_no_argument_of_a_call_raises_anything_else(cloud: str, way: str, given_: Any) -> None:
    """Any value under any name, alone and together."""
    with _connected(cloud, max_retries=0) as llm, suppress(ClaudeCloudError):
        _call(llm, way, **{"timeout": 5, "max_retries": 0, **given_})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [5, [5], {5: 5}, b"x", object(), 10**400, {"type": ["x"]}, _nested(3000)],
    ids=["int", "list", "dict", "bytes", "object", "huge", "odd_type", "deep"],
)
def test_each_argument_by_itself(name: str, value: Any) -> None:
    """The plainest mistakes, under every name."""
    for cloud in PLATFORMS:
        with _connected(cloud, max_retries=0) as llm:
            try:
                text = _call(llm, "sync", **{name: value})
            except ClaudeCloudError as error:
                text = str(error)
        assert text


@pytest.mark.parametrize("name", ["model_kwargs", "thinking", "context_management"])
def test_a_field_that_holds_itself_is_refused(name: str) -> None:
    """By the constructor: LangChain's own serialization of the model would not end."""
    itself: dict[str, Any] = {"type": "enabled"}
    itself["again"] = itself
    with pytest.raises(ClaudeCloudError, match=f"{name}.*nested"):
        _model("vertex", **{name: itself})
