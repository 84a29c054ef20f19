"""Signing: when credentials are prepared, renewed, and how often."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_fakes import Exchange, FakePlatform, Server, asend, read_stream, receive

from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError
from langchain_claude_cloud.platform.timeouts import aprepare, prepare

both = pytest.mark.parametrize("mode", ["thread", "loop"])


async def _answer(exchange: Exchange) -> None:
    await exchange.reply()


def _wants(token: str, body: bytes = b'{"error": "expired"}') -> Callable[..., object]:
    """Return a handler that refuses every token but one."""

    async def answer(exchange: Exchange) -> None:
        if exchange.headers["authorization"] == f"Bearer {token}":
            await exchange.stream(exchange.body)
        else:
            await exchange.reply(401, body)

    return answer


@both
def test_credentials_are_prepared_once(mode: str) -> None:
    """The first call prepares, the second does not."""
    platform = FakePlatform()
    with Server(_answer) as server:
        for _ in range(3):
            receive(mode, platform, server.request())
    assert platform.prepares == 1


@both
def test_expired_credentials_are_renewed_once_and_the_request_sent_again(mode: str) -> None:
    """A refused token is replaced; headers that only the old one needed are gone."""
    platform = FakePlatform()
    with Server(_wants("token-2")) as server:
        assert receive(mode, platform, server.request(b"hello")).body == b"hello"
        assert read_stream(mode, platform, server.request(b"again")) == b"again"
        first, second, third = server.requests
        assert (first.headers["authorization"], first.headers["x-first"]) == ("Bearer token-1", "1")
        assert second.headers["authorization"] == "Bearer token-2"
        assert "x-first" not in second.headers
        assert second.body == b"hello"
        assert third.headers["authorization"] == "Bearer token-2"
        assert second.connection == first.connection
    assert platform.refreshes == 1


@both
@pytest.mark.parametrize(
    ("can_refresh", "body", "requests"),
    [(True, b"expired", 2), (False, b"expired", 1), (True, b"no such key", 1)],
)
def test_a_refusal_that_renewal_does_not_help_is_raised(
    mode: str,
    can_refresh: bool,  # noqa: FBT001  a table
    body: bytes,
    requests: int,
) -> None:
    """One renewal, not more; none where it has no chance."""
    platform = FakePlatform(can_refresh=can_refresh)
    with Server(_wants("token-99", body)) as server:
        with pytest.raises(AuthenticationError) as caught:
            receive(mode, platform, server.request())
        assert caught.value.status_code == 401
        assert len(server.requests) == requests


@both
def test_another_refusal_after_the_renewal_is_the_one_that_counts(mode: str) -> None:
    """What the second answer says is raised, not what the first said."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(401 if exchange.number == 1 else 503, b"expired")

    with Server(answer) as server:
        with pytest.raises(ClaudeCloudError) as caught:
            receive(mode, FakePlatform(), server.request())
        assert caught.value.status_code == 503


@both
def test_missing_credentials_fail_before_anything_is_sent(mode: str) -> None:
    """What prepare raises comes out as it is."""
    platform = FakePlatform(failure=AuthenticationError("set the variable"))
    with Server(_answer) as server:
        with pytest.raises(AuthenticationError, match="set the variable"):
            receive(mode, platform, server.request())
        assert server.opened == 0


async def test_cold_tasks_prepare_once_and_leave_the_executor_alone() -> None:
    """200 tasks that start at once make one token request, in a thread of its own."""
    was_free = threading.Event()
    in_time: list[bool] = []
    platform = FakePlatform(until=lambda: in_time.append(was_free.wait(10)))
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(max_workers=1)
    loop.set_default_executor(executor)

    async def use_the_executor() -> None:
        while not platform.prepares:  # noqa: ASYNC110  the count grows in another thread
            await asyncio.sleep(0.01)
        await asyncio.to_thread(was_free.set)

    with Server(_answer) as server:
        _, *responses = await asyncio.gather(
            use_the_executor(),
            *[asend(platform, server.request()) for _ in range(200)],
        )
        assert len(responses) == len(server.requests) == 200
    assert platform.prepares == 1
    assert in_time == [True], "the executor was busy with the credentials"


async def test_tasks_that_fail_together_have_an_error_each() -> None:
    """Each says on its own what it was doing: its model, its attempts before."""
    platform = FakePlatform(prepare_seconds=0.1, failure=AuthenticationError("set the variable"))
    errors = await asyncio.gather(*[aprepare(platform) for _ in range(3)], return_exceptions=True)
    assert [str(error) for error in errors] == ["set the variable"] * 3
    for error in errors:
        assert isinstance(error, AuthenticationError)
        error.add_note("mine")
    assert [getattr(error, "__notes__", None) for error in errors] == [["mine"]] * 3


async def test_the_loop_runs_while_credentials_are_prepared() -> None:
    """A token endpoint that is slow stops nobody else."""
    went_on = threading.Event()
    platform = FakePlatform(until=lambda: went_on.wait(10))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while ticks < 10:
            await asyncio.sleep(0.01)
            ticks += 1
        assert platform.version == 0
        went_on.set()

    await asyncio.gather(aprepare(platform), tick())
    assert went_on.is_set()
    assert platform.threads
    assert threading.current_thread().name not in platform.threads


async def test_tasks_with_expired_credentials_renew_once() -> None:
    """100 refusals of the same token are one renewal of it."""
    platform = FakePlatform(version=1)
    with Server(_wants("token-2")) as server:
        await asyncio.gather(*[asend(platform, server.request()) for _ in range(100)])
    assert platform.version == 2


async def test_a_cancelled_task_leaves_the_preparation_to_the_others() -> None:
    """The one that happened to start it is not the one that owns it."""
    is_cancelled = threading.Event()
    platform = FakePlatform(until=lambda: is_cancelled.wait(10))
    first = asyncio.create_task(aprepare(platform))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(aprepare(platform)) for _ in range(5)]
    await asyncio.sleep(0.05)
    first.cancel()
    is_cancelled.set()
    await asyncio.gather(*others)
    assert platform.prepares == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failed_preparation_is_everybodys_and_tried_again_later() -> None:
    """All who waited learn why; a later call starts over."""
    platform = FakePlatform(prepare_seconds=0.05, failure=AuthenticationError("no key"))
    outcomes = await asyncio.gather(*[aprepare(platform) for _ in range(5)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [AuthenticationError] * 5
    assert platform.prepares == 1
    platform.failure = None
    await aprepare(platform)
    assert (platform.prepares, platform.version) == (2, 1)


def test_threads_prepare_directly() -> None:
    """Outside of event loops it is an ordinary call."""
    platform = FakePlatform()
    prepare(platform)
    prepare(platform)
    assert platform.prepares == 1


async def test_large_bodies_are_signed_off_the_loop() -> None:
    """A hash over megabytes would hold up everybody else; a small body is not worth a thread."""
    platform = FakePlatform(version=1)
    with Server(_answer) as server:
        for size in (1_000_000, 1_000_001):
            await asend(platform, server.request(b"x" * size))
    small, large = platform.sign_threads
    assert small == threading.get_ident()
    assert large != threading.get_ident()


async def test_preparing_is_shared_by_the_platform_itself() -> None:
    """Not by its address, which another platform may have once the first is gone."""
    done = threading.Event()
    platform = FakePlatform(until=done.wait)
    waiting = asyncio.create_task(aprepare(platform))
    await asyncio.sleep(0)
    ((_, work),) = vars(asyncio.get_running_loop())["_langchain_claude_cloud_flights"]
    done.set()
    await waiting
    assert work.__self__ is platform
