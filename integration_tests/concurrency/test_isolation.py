"""One instance, many callers: each call is sent with what it was given, and nothing else."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex

THREADS = 8
CALLS = int(os.environ.get("RACE_CALLS", "1600")) // 4
"""How many calls each of four runs makes: RACE_CALLS=100000 makes 100,000 in all."""

AT_ONCE = 200
MODELS = ("claude-sonnet-4-6", "claude-opus-4-8", "claude-haiku-4-5")


class Witness:
    """A cloud that sees whether what belongs together comes together."""

    def __init__(self) -> None:
        self.mixed: list[str] = []
        self.seen: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer with the prompt."""
        text = request.read().decode()
        number = int(text.partition("prompt-")[2].split(".")[0])
        self.seen.append(number)
        tenant = request.headers.get("x-tenant")
        if tenant != f"tenant-{number}" or MODELS[number % 3] not in str(request.url):
            self.mixed.append(f"{number}: {tenant} {request.url}")
        if f'"max_tokens":{_limit(number)},' not in text.replace("}", ","):
            self.mixed.append(f"{number}: max_tokens")
        betas = text + str(request.headers)
        if f"beta-{number}-x" not in betas or betas.count("beta-") - betas.count("-beta-") != 1:
            self.mixed.append(f"{number}: betas")
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


@pytest.fixture(params=["vertex", "bedrock"])
def platform(request: pytest.FixtureRequest) -> Vertex | Bedrock:
    """A platform of each cloud."""
    if request.param == "vertex":
        return Vertex(project="p", region="us-east5", access_token="t")
    return Bedrock(region="us-east-1", api_key="k")


def test_threads_that_share_an_instance_do_not_mix(platform: Vertex | Bedrock) -> None:
    """Model, headers, betas, limits: all per call."""
    witness = Witness()
    with httpx.Client(transport=httpx.MockTransport(witness)) as client:
        llm = ChatClaudeCloud(model=MODELS[0], platform=platform, http_client=client)

        def call(number: int) -> str:
            return llm.invoke(f"prompt-{number}.", **arguments(number)).text

        with ThreadPoolExecutor(THREADS) as pool:
            texts = list(pool.map(call, range(CALLS)))
    assert texts == [f"answer-{number}" for number in range(CALLS)]
    assert witness.mixed == []
    assert sorted(witness.seen) == list(range(CALLS))


async def test_tasks_that_share_an_instance_do_not_mix(platform: Vertex | Bedrock) -> None:
    """The same on an event loop."""
    witness = Witness()
    async with httpx.AsyncClient(transport=httpx.MockTransport(witness)) as client:
        llm = ChatClaudeCloud(model=MODELS[0], platform=platform, http_async_client=client)
        gate = asyncio.Semaphore(AT_ONCE)

        async def call(number: int) -> str:
            async with gate:
                answer = await llm.ainvoke(f"prompt-{number}.", **arguments(number))
            return answer.text

        texts = await asyncio.gather(*(call(number) for number in range(CALLS)))
    assert texts == [f"answer-{number}" for number in range(CALLS)]
    assert witness.mixed == []
    assert sorted(witness.seen) == list(range(CALLS))


def test_what_the_caller_changes_afterwards_counts(platform: Vertex | Bedrock) -> None:
    """Headers and platforms that are changed in place are used as they are at the call."""
    seen: list[tuple[str | None, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers.get("x-token"), request.url.host))
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
            with pytest.raises(Exception, match="503"):
                llm.invoke("Hi", max_tokens=5)
        assert isinstance(llm.platform, list)
        llm.platform.append(Bedrock(region="eu-west-1", api_key="k"))
        with pytest.raises(Exception, match="503"):
            llm.invoke("Hi", max_tokens=5)
    assert [token for token, _ in seen] == ["t1", "t2", "t2", "t2"]
    assert "eu-west-1" in str([host for _, host in seen[2:]])
