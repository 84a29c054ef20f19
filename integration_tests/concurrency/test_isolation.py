"""One instance, many callers: each call is sent with what it was given, and nothing else."""

from __future__ import annotations

import asyncio
import copy
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import ConfigurableField

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.testing import CloudEmulator

THREADS = 8
CALLS = int(os.environ.get("RACE_CALLS", "800")) // 2
"""How many calls each of two runs makes: RACE_CALLS=100000 makes 100,000 in all."""

AT_ONCE = 200
MODELS = ("claude-sonnet-4-6", "claude-opus-4-8", "claude-haiku-4-5")
PLATFORMS = (
    Vertex(project="p0", region="us-east5", access_token="key-0"),
    Vertex(project="p1", region="europe-west1", access_token="key-1"),
    Bedrock(region="us-east-1", api_key="key-2"),
    Bedrock(region="eu-west-1", api_key="key-3"),
)
"""Whose the credentials are tells their number."""

ADDRESSES = (
    "us-east5-aiplatform.googleapis.com/v1/projects/p0/",
    "europe-west1-aiplatform.googleapis.com/v1/projects/p1/",
    "bedrock-runtime.us-east-1.amazonaws.com/",
    "bedrock-runtime.eu-west-1.amazonaws.com/",
)


class Witness:
    """Both clouds, which see whether what belongs together comes together."""

    def __init__(self) -> None:
        self.mixed: list[str] = []
        self.seen: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer with the prompt."""
        text, url, headers = request.read().decode(), str(request.url), request.headers
        number = int(text.partition("prompt-")[2].split(".")[0])
        self.seen.append(number)
        betas = text + str(headers)
        limits = request.extensions["timeout"]
        checks = {
            "tenant": headers.get("x-tenant") == f"tenant-{number}",
            "model": MODELS[number % 3] in url,
            "platform": ADDRESSES[number % 4] in url,
            "credentials": headers.get("authorization") == f"Bearer key-{number % 4}",
            "max_tokens": f'"max_tokens":{_limit(number)},' in text.replace("}", ","),
            "betas": re.findall(r"beta-\d+-x", betas) == [f"beta-{number}-x"],
            "timeout": limits["read"] == 20.0 + number,
        }
        self.mixed += [f"{number}: {what} {url}" for what, is_own in checks.items() if not is_own]
        answer = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [{"type": "text", "text": f"answer-{number}"}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
        return httpx.Response(200, json=answer)


def _limit(number: int) -> int:
    return 100 + number % 20_000


def arguments(number: int) -> dict[str, Any]:
    """Return everything that a call may have of its own."""
    return {
        "model": MODELS[number % 3],
        "default_headers": {"x-tenant": f"tenant-{number}"},
        "max_tokens": _limit(number),
        "betas": [f"beta-{number}-x"],
        "timeout": 20.0 + number,
    }


def callable_for(model: ChatClaudeCloud, number: int) -> Any:
    """Return what a call goes through: the shared instance, with the call's platform if other."""
    if number % len(PLATFORMS) == 0:
        return model
    field = ConfigurableField(id="platform")
    config = {"configurable": {"platform": PLATFORMS[number % len(PLATFORMS)]}}
    return model.configurable_fields(platform=field).with_config(config)


def test_threads_that_share_an_instance_do_not_mix() -> None:
    """Model, platform, credentials, headers, betas, limits: all per call."""
    witness = Witness()
    with httpx.Client(transport=httpx.MockTransport(witness)) as client:
        llm = ChatClaudeCloud(model=MODELS[0], platform=PLATFORMS[0], http_client=client)

        def call(number: int) -> str:
            answer = callable_for(llm, number).invoke(f"prompt-{number}.", **arguments(number))
            return str(answer.text)

        with ThreadPoolExecutor(THREADS) as pool:
            texts = list(pool.map(call, range(CALLS)))
    assert texts == [f"answer-{number}" for number in range(CALLS)]
    assert witness.mixed == []
    assert sorted(witness.seen) == list(range(CALLS))


async def test_tasks_that_share_an_instance_do_not_mix() -> None:
    """The same on an event loop."""
    witness = Witness()
    async with httpx.AsyncClient(transport=httpx.MockTransport(witness)) as client:
        llm = ChatClaudeCloud(model=MODELS[0], platform=PLATFORMS[0], http_async_client=client)
        gate = asyncio.Semaphore(AT_ONCE)

        async def call(number: int) -> str:
            async with gate:
                one = callable_for(llm, number)
                answer = await one.ainvoke(f"prompt-{number}.", **arguments(number))
            return str(answer.text)

        texts = await asyncio.gather(*(call(number) for number in range(CALLS)))
    assert texts == [f"answer-{number}" for number in range(CALLS)]
    assert witness.mixed == []
    assert sorted(witness.seen) == list(range(CALLS))


@pytest.mark.parametrize(
    "platform", [PLATFORMS[0], PLATFORMS[2].model_copy(update={"request_metadata": {"team": ""}})]
)
def test_what_the_caller_changes_afterwards_counts(platform: Vertex | Bedrock) -> None:
    """Headers and platforms that are changed in place are used as they are at the call."""
    seen: list[tuple[str | None, str]] = []
    metadata: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers.get("x-token"), request.url.host))
        metadata.append(request.headers.get("x-amzn-bedrock-request-metadata"))
        return httpx.Response(503)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        llm = ChatClaudeCloud(
            model=MODELS[0],
            platform=[platform],
            default_headers={"x-token": "t1"},
            http_client=client,
            max_retries=0,
        )
        for token in ("t1", "t2"):
            assert llm.default_headers is not None
            llm.default_headers["x-token"] = token
            if isinstance(platform, Bedrock):
                assert platform.request_metadata is not None
                platform.request_metadata["team"] = token
            with pytest.raises(Exception, match="503"):
                llm.invoke("Hi", max_tokens=5)
        assert isinstance(llm.platform, list)
        llm.platform.append(Bedrock(region="eu-west-1", api_key="k"))
        with pytest.raises(Exception, match="503"):
            llm.invoke("Hi", max_tokens=5)
    assert [token for token, _ in seen] == ["t1", "t2", "t2", "t2"]
    expected = {"vertex": [None, None], "bedrock": ['{"team":"t1"}', '{"team":"t2"}']}
    assert metadata[:2] == expected[platform.cloud]
    assert "eu-west-1" in str([host for _, host in seen[2:]])


@pytest.mark.parametrize(
    ("cloud", "variables"),
    [
        ("vertex", ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION")),
        ("vertex", ("ANTHROPIC_VERTEX_PROJECT_ID", "VERTEX_REGION_CLAUDE_4_6_SONNET")),
        ("bedrock", ("AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION")),
    ],
)
def test_a_model_stays_where_it_was_made(
    cloud: str, variables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model is made in another environment before the first is asked, and afterwards."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.url} {request.headers.get('authorization')}")
        return httpx.Response(503)

    def make(owner: str, region: str) -> ChatClaudeCloud:
        for name, value in zip(variables, (owner, region), strict=True):
            monkeypatch.setenv(name, value)
        token = {"api_key": "token"} if cloud == "vertex" else {}
        return ChatClaudeCloud(
            model=MODELS[0], platform=cloud, max_retries=0, http_client=client, **token
        )

    def asked(model: ChatClaudeCloud, name: str | None = None, **headers: str) -> str:
        with pytest.raises(Exception, match="503"):
            model.invoke("Hi", max_tokens=5, model=name, default_headers=headers)
        return seen[-1]

    regions = ("europe-west1", "us-east5") if cloud == "vertex" else ("eu-west-1", "us-east-1")
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        first, second = make("owner-1", regions[0]), make("owner-2", regions[1])
        for number in range(2):
            for model, owner, region in zip((first, second), ("1", "2"), regions, strict=True):
                asked(model, "claude-haiku-4-5")
                for url in (asked(model), asked(model, **{"x-request": str(number)})):
                    assert f"owner-{owner}" in url
                    assert region in url


def test_an_answer_of_the_cache_is_that_of_the_fields_as_they_are(emulator: CloudEmulator) -> None:
    """Of a copy, after an assignment, and after a change in place."""
    first = ChatClaudeCloud(model=MODELS[0], platform=emulator.vertex(), cache=InMemoryCache())
    first.invoke("Hi")
    first.invoke("Hi")
    assert len(emulator.requests) == 1
    other = first.model_copy(update={"model": MODELS[1]})
    other.invoke("Hi")
    other.temperature = 0.5
    other.invoke("Hi")
    other.platform = emulator.bedrock()
    other.invoke("Hi")
    other.stop_sequences = ["x"]
    other.invoke("Hi")
    other.stop_sequences.append("y")
    other.invoke("Hi")
    copy.copy(other).invoke("Hi")
    first.invoke("Hi")
    assert len(emulator.requests) == 6
