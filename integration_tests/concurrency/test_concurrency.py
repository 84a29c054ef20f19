"""One instance, used from many threads, loops and processes; many calls at the same time.

What is asserted is an order of things or a count, as the server sees them, not a duration.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from raw_clouds import PATIENCE, Exchange, RawClouds, answer_events, answer_prompt, until
from raw_models import identity_in_environment, issued_model_on, model_on

from langchain_claude_cloud import ChatClaudeCloud

CLOUDS = ["vertex", "bedrock"]


@pytest.fixture
def server() -> Iterator[RawClouds]:
    """A server that answers with the prompt."""
    with RawClouds() as running:
        yield running


@pytest.fixture
def issuing(server: RawClouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RawClouds:
    """The server, named in the environment as the one that issues credentials."""
    identity_in_environment(server, tmp_path, monkeypatch)
    return server


def _expected(prompt: str) -> str:
    return f"You said: {prompt}"


def _use(llm: ChatClaudeCloud, name: str) -> list[str]:
    """Call a model in both ways, and return what it said."""
    streamed = "".join(chunk.text for chunk in llm.stream(f"{name} streamed"))
    return [llm.invoke(f"{name} whole").text, streamed]


async def _ause(llm: ChatClaudeCloud, name: str) -> list[str]:
    """Do the same on an event loop."""
    streamed = "".join([chunk.text async for chunk in llm.astream(f"{name} streamed")])
    return [(await llm.ainvoke(f"{name} whole")).text, streamed]


def _said(name: str) -> list[str]:
    return [_expected(f"{name} whole"), _expected(f"{name} streamed")]


def test_fifty_threads_share_a_cold_instance(issuing: RawClouds, cloud: str) -> None:
    """Each gets its own answers; one of them gets the credentials, for all."""
    llm = issued_model_on(issuing, cloud)
    barrier = threading.Barrier(50)

    def work(number: int) -> list[str]:
        barrier.wait(PATIENCE)
        return _use(llm, f"thread {number}")

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(work, range(50)))
    assert answers == [_said(f"thread {number}") for number in range(50)]
    assert len(issuing.issuer.issued) == 1
    assert issuing.opened <= 50
    llm.close()
    issuing.wait_closed(issuing.opened)


def test_loops_one_after_another_and_at_once(server: RawClouds, cloud: str) -> None:
    """Loops in threads and threads without one share an instance; no loop leaves a connection."""
    llm = model_on(server, cloud)

    async def main(name: str) -> list[list[str]]:
        return await asyncio.gather(*(_ause(llm, f"{name}.{task}") for task in range(4)))

    def in_loops(name: str) -> None:
        for turn in range(3):
            names = [f"{name}.{turn}.{task}" for task in range(4)]
            assert asyncio.run(main(f"{name}.{turn}")) == [_said(each) for each in names]

    def in_thread(name: str) -> None:
        for turn in range(3):
            assert _use(llm, f"{name}.{turn}") == _said(f"{name}.{turn}")

    with ThreadPoolExecutor(12) as threads:
        work = [threads.submit(in_loops, f"loop {number}") for number in range(8)]
        work += [threads.submit(in_thread, f"thread {number}") for number in range(4)]
        for each in work:
            each.result(PATIENCE)
    llm.close()
    server.wait_closed(server.opened)
    assert server.opened <= 8 * 3 * 4 + 4


async def test_64_calls_are_in_flight_at_once_on_one_thread(cloud: str) -> None:
    """The server answers none of them before it has all."""

    async def answer_all_at_once(exchange: Exchange) -> None:
        if await until(lambda: server.peak == 64):
            threads.append(threading.active_count())
            await answer_prompt(exchange)

    threads: list[int] = []
    with RawClouds(answer_all_at_once) as server:
        llm = model_on(server, cloud)
        before = threading.active_count()
        calls = [llm.ainvoke(f"task {number}") for number in range(64)]
        answers = await asyncio.gather(*calls)
        assert [each.text for each in answers] == [_expected(f"task {n}") for n in range(64)]
        assert max(threads) <= before
        await llm.aclose()


async def test_silent_streams_do_not_hold_up_another(cloud: str) -> None:
    """A ninth stream is answered to its end while eight others wait for their first word."""
    released = threading.Event()

    async def answer(exchange: Exchange) -> None:
        if exchange.prompt.startswith("silent"):
            await exchange.begin()
            await exchange.events(answer_events()[:1])
            await until(released.is_set)
            await exchange.events(answer_events("late")[1:])
            await exchange.end()
        else:
            await answer_prompt(exchange)

    said: list[str] = []

    async def read(name: str) -> None:
        async for chunk in llm.astream(name):
            said.extend([chunk.text] if chunk.text else [])

    with RawClouds(answer) as server:
        llm = model_on(server, cloud)
        silent = [asyncio.create_task(read(f"silent {number}")) for number in range(8)]
        assert await until(lambda: server.active == 8)
        await read("ninth")
        assert said == ["You said: ", "ninth"]
        released.set()
        await asyncio.gather(*silent)
        assert said[2:] == ["late"] * 8
        await llm.aclose()


@pytest.mark.parametrize("instances", [1, 20], ids=["one instance", "twenty instances"])
async def test_200_cold_tasks_make_one_request_for_credentials(
    issuing: RawClouds, cloud: str, instances: int
) -> None:
    """Whether they share an instance or not; and all of them sign with what it gave."""

    async def hold() -> None:
        # Until every task has had its turn, and would have asked for a token too.
        await asyncio.sleep(0.2)

    issuing.issuer.before_answer = hold
    models = [issued_model_on(issuing, cloud) for _ in range(instances)]
    calls = [models[number % instances].ainvoke(f"task {number}") for number in range(200)]
    answers = await asyncio.gather(*calls)
    assert [each.text for each in answers] == [_expected(f"task {n}") for n in range(200)]
    assert len(issuing.issuer.issued) == 1
    assert {each.identity for each in issuing.requests} <= {"token-1", "ASIA1"}
    await models[0].aclose()


_IN_A_CHILD = """
import asyncio, os, sys
sys.path[:0] = {folders!r}
from raw_models import issued_model_on, model_on
from langchain_claude_cloud import ChatClaudeCloud

class Server:
    url = {url!r}

def in_child(work):
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def use(name):
    assert llm.invoke(name + " whole").text == "You said: " + name + " whole"
    asyncio.run(ause(name))

async def ause(name):
    assert (await llm.ainvoke(name + " on a loop")).text == "You said: " + name + " on a loop"
"""

_FORK_AMID_STREAMS = """
def on_a_thread():
    use("parent")
    stream = llm.stream("parent streams")
    text = next(stream).text
    child = in_child(lambda: use("child"))
    assert os.waitpid(child, 0)[1] == 0
    text += "".join(chunk.text for chunk in stream)
    assert text == "You said: parent streams", text

async def on_a_loop():
    stream = llm.astream("parent streams on a loop")
    text = (await anext(stream)).text
    child = in_child(lambda: use("child of a loop"))
    assert os.waitpid(child, 0)[1] == 0
    text += "".join([chunk.text async for chunk in stream])
    assert text == "You said: parent streams on a loop", text
    await ause("parent again")

for cloud in {clouds!r}:
    llm = model_on(Server, cloud)
    on_a_thread()
    asyncio.run(on_a_loop())
"""


def _run(script: str, stdin: bytes = b"") -> bytes:
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(  # noqa: S603  our own interpreter and script
        command, input=stdin, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_forked_child_uses_the_instance_amid_its_parents_streams(server: RawClouds) -> None:
    """The child opens connections of its own; the parent's streams go on as if nothing was."""

    def children() -> int:
        return sum(each.prompt.startswith("child") for each in server.requests)

    async def answer(exchange: Exchange) -> None:
        if not exchange.prompt.startswith("parent streams"):
            await answer_prompt(exchange)
            return
        before = children()
        events = answer_events("You said: ", exchange.prompt)
        await exchange.begin()
        await exchange.events(events[:3])
        await until(lambda: children() == before + 2)
        await exchange.events(events[3:])
        await exchange.end()

    server.handler = answer
    script = _IN_A_CHILD + _FORK_AMID_STREAMS
    _run(script.format(folders=sys.path, url=server.url, clouds=CLOUDS))
    by_connection: dict[int, set[str]] = {}
    for each in server.requests:
        family = "child" if each.prompt.startswith("child") else "parent"
        by_connection.setdefault(each.connection, set()).add(family)
    assert len(server.requests) == 9 * len(CLOUDS)
    assert all(len(families) == 1 for families in by_connection.values()), by_connection


_FORK_AMID_A_RENEWAL = """
import threading
llm = issued_model_on(Server, {cloud!r})
assert llm.invoke("first").text == "You said: first"
renewing = threading.Thread(target=lambda: llm.invoke("second"))
renewing.start()
sys.stdin.read(1)
child = in_child(lambda: llm.invoke("child"))
status = os.waitpid(child, 0)[1]
renewing.join()
assert status == 0
"""


def test_a_child_forked_amid_a_renewal_of_credentials_does_not_wait_for_it(
    issuing: RawClouds, cloud: str
) -> None:
    """The thread that renews them is not there in the child, nor are its locks."""
    # So short that both clouds' libraries renew what they got before it is used again.
    issuing.issuer.lifetime = 0 if cloud == "vertex" else 500
    script = (_IN_A_CHILD + _FORK_AMID_A_RENEWAL).format(
        folders=sys.path, url=issuing.url, cloud=cloud
    )
    process = subprocess.Popen(  # noqa: S603  our own interpreter and script
        [sys.executable, "-c", script], stdin=subprocess.PIPE, start_new_session=True
    )

    held: list[int] = []

    async def hold_one() -> None:
        if len(issuing.requests) == 1 and not held:
            held.append(len(issuing.issuer.issued))
            os.write(descriptor, b"!")
            await until(lambda: len(issuing.issuer.issued) > held[0])

    issuing.issuer.before_answer = hold_one
    with process:
        assert process.stdin is not None
        descriptor = process.stdin.fileno()
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert sorted(each.prompt for each in issuing.requests) == ["child", "first", "second"]


_UNPICKLE = """
import asyncio, pickle, sys
for llm in pickle.load(sys.stdin.buffer):
    name = llm.platform.cloud
    assert llm.invoke(name).text == "You said: " + name
    assert asyncio.run(llm.ainvoke(name)).text == "You said: " + name
"""


def test_a_warm_instance_works_in_another_process(issuing: RawClouds) -> None:
    """It is pickled with its pools and credentials in use, and finds its own over there."""
    models = [issued_model_on(issuing, cloud) for cloud in CLOUDS]
    for llm in models:
        assert _use(llm, "here") == _said("here")
    _run(_UNPICKLE, pickle.dumps(models))
    assert len(issuing.requests) == 2 * 2 + 2 * 2
    assert len(issuing.issuer.issued) == 4
    for llm in models:
        llm.close()
