"""Credentials that run out, or are called expired, while many calls are under way.

The server issues them itself, numbered, and knows which one signed each request.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_clouds import Exchange, RawClouds, answer_prompt, until
from raw_models import identity_in_environment, issued_model_on, model_on

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import AuthenticationError

FIRST = {"token-1", "ASIA1"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawClouds]:
    """A server that is named in the environment as the one that issues credentials."""
    with RawClouds() as running:
        identity_in_environment(running, tmp_path, monkeypatch)
        yield running


async def _refuse(exchange: Exchange) -> None:
    await exchange.refuse_credentials()


async def _refuse_the_first(exchange: Exchange) -> None:
    """Call the credentials that were issued first expired."""
    if exchange.identity in FIRST:
        await exchange.refuse_credentials()
    else:
        await answer_prompt(exchange)


def _ask(llm: ChatClaudeCloud, mode: str) -> str:
    """Ask a model in one of the ways there are."""
    if mode == "thread":
        return llm.invoke("hi").text
    if mode == "thread, streamed":
        return "".join(chunk.text for chunk in llm.stream("hi"))

    async def read() -> str:
        if mode == "loop":
            return (await llm.ainvoke("hi")).text
        return "".join([chunk.text async for chunk in llm.astream("hi")])

    return asyncio.run(read())


MODES = ["thread", "thread, streamed", "loop", "loop, streamed"]


@pytest.mark.parametrize("mode", MODES)
def test_expired_credentials_are_renewed_and_the_call_answered(
    server: RawClouds, cloud: str, mode: str
) -> None:
    """One renewal, one more request; the caller sees nothing of it, even without retries."""
    server.handler = _refuse_the_first
    llm = issued_model_on(server, cloud)
    assert _ask(llm, mode) == "You said: hi"
    assert len(server.issuer.issued) == 2
    signed = [each.identity for each in server.requests]
    assert signed in (["token-1", "token-2"], ["ASIA1", "ASIA2"])
    llm.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_second_refusal_is_an_error(server: RawClouds, cloud: str, mode: str) -> None:
    """Renewed credentials that are refused too are not renewed once more, retries or not."""
    server.handler = _refuse
    llm = issued_model_on(server, cloud, max_retries=2)
    with pytest.raises(AuthenticationError) as caught:
        _ask(llm, mode)
    assert caught.value.status_code in (401, 403)
    assert (len(server.requests), len(server.issuer.issued)) == (2, 2)
    llm.close()


@pytest.mark.parametrize("mode", MODES)
def test_credentials_that_nobody_can_renew_are_an_error_at_once(
    server: RawClouds, cloud: str, mode: str
) -> None:
    """A given token, and given keys, are sent once."""
    server.handler = _refuse
    llm = model_on(server, cloud, max_retries=2)
    with pytest.raises(AuthenticationError):
        _ask(llm, mode)
    assert (len(server.requests), len(server.issuer.issued)) == (1, 0)
    llm.close()


async def test_64_refused_calls_lead_to_one_renewal(server: RawClouds, cloud: str) -> None:
    """All are in flight when their credentials are refused; all are answered after it."""

    async def refuse_together(exchange: Exchange) -> None:
        if exchange.identity in FIRST:
            await until(lambda: server.peak == 64)
        await _refuse_the_first(exchange)

    server.handler = refuse_together
    llm = issued_model_on(server, cloud)
    answers = await asyncio.gather(*(llm.ainvoke(f"task {number}") for number in range(64)))
    assert [each.text for each in answers] == [f"You said: task {number}" for number in range(64)]
    assert (len(server.requests), len(server.issuer.issued)) == (128, 2)
    await llm.aclose()


async def test_a_long_run_outlives_its_credentials(server: RawClouds, cloud: str) -> None:
    """Eight callers go on over three generations of credentials, and every call is answered."""
    # Google's say when they end; of AWS's, which last a quarter of an hour at least, the
    # server thinks better after so many requests.
    server.issuer.lifetime = 1 if cloud == "vertex" else 3600
    most = math.inf if cloud == "vertex" else 60
    used: Counter[str] = Counter()
    refused: list[str] = []

    async def check(exchange: Exchange) -> None:
        used[exchange.identity] += 1
        number = int(exchange.identity.removeprefix("token-").removeprefix("ASIA"))
        age = time.monotonic() - server.issuer.issued[number - 1]
        if age > server.issuer.lifetime or used[exchange.identity] > most:
            refused.append(exchange.identity)
            await exchange.refuse_credentials()
        else:
            await answer_prompt(exchange)

    server.handler = check
    llm = issued_model_on(server, cloud)
    answered = [0] * 8

    async def run(number: int) -> None:
        while len(server.issuer.issued) < 4:
            assert (await llm.ainvoke(f"run {number}")).text == f"You said: run {number}"
            answered[number] += 1
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(run, range(8)))
    assert min(answered) > 0
    assert len(server.requests) == sum(answered) + len(refused)
    assert len(refused) <= 8 * 5, "each caller is refused once by a generation, at most"
    assert len(server.issuer.issued) in (4, 5), "one more, if the last ran out on the way"
    await llm.aclose()


async def test_cancelled_calls_leave_the_credentials_to_the_others(
    server: RawClouds, cloud: str
) -> None:
    """The task that asked first is cancelled while the token is on its way; nobody else is."""
    released = asyncio.Event()

    async def hold() -> None:
        await until(released.is_set)

    server.issuer.before_answer = hold
    llm = issued_model_on(server, cloud)
    calls = [asyncio.create_task(llm.ainvoke(f"task {number}")) for number in range(16)]
    assert await until(lambda: len(server.issuer.issued) == 1)
    for call in calls[:15]:
        call.cancel()
    released.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[:15])
    assert await calls[15] is results[15]
    assert (len(server.requests), len(server.issuer.issued)) == (1, 1)
    await llm.aclose()


@pytest.mark.parametrize("mode", MODES)
def test_the_quota_project_goes_along_before_and_after_a_renewal(
    server: RawClouds, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google bills the project that the environment names."""
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "billed")
    server.handler = _refuse_the_first
    llm = issued_model_on(server, "vertex")
    assert _ask(llm, mode) == "You said: hi"
    sent = [each.headers["x-goog-user-project"] for each in server.requests]
    assert sent == ["billed", "billed"]
    llm.close()
