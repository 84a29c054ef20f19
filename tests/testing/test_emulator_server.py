"""The emulator as a server: where it listens, how it starts and stops, what it records."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress

import httpx
import pytest
from emulator_client import Client, ask

from langchain_claude_cloud.testing import CloudEmulator, text


@pytest.mark.parametrize("host", [".".join("0000"), "::", "192.168.1.4", "example.com"])
def test_listens_on_loopback_only(host: str) -> None:
    """A server that hands out credentials must not be reachable from outside."""
    with pytest.raises(ValueError, match="loopback"):
        CloudEmulator(host)


def test_starts_and_stops_quickly() -> None:
    """A test suite starts hundreds of emulators: none waits for a time limit."""
    with CloudEmulator():
        pass
    before = time.perf_counter()
    for _ in range(5):
        with CloudEmulator() as emulator:
            assert emulator.url.startswith("http://127.0.0.1:")
    assert time.perf_counter() - before < 20


def test_connections_that_come_while_it_stops_are_closed() -> None:
    """A test that leaves one behind fails a later test, by the warning of the garbage collector."""

    def connect(port: int) -> None:
        with suppress(OSError):
            while True:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            with CloudEmulator() as emulator:
                port = int(emulator.url.rpartition(":")[2])
                thread = threading.Thread(target=connect, args=(port,))
                thread.start()
            thread.join()
        gc.collect()
    assert [str(each.message) for each in caught] == []


def test_several_run_at_once_and_do_not_share_credentials() -> None:
    """A token of one emulator is refused by another."""
    with CloudEmulator() as first, CloudEmulator() as second:
        assert first.url != second.url
        stranger = Client(second)
        token = {"authorization": f"Bearer {first.access_token}"}
        assert stranger.vertex(ask("Hi"), headers=token).status_code == 401
        assert stranger.vertex(ask("Hi")).status_code == 200
        assert [r.status for r in second.requests] == [401, 200]
        assert first.requests == []


async def test_runs_as_an_async_context_manager() -> None:
    """The server lives in its own thread, so an event loop can talk to it."""
    async with CloudEmulator() as emulator:
        url = f"{emulator.url}/model/us.anthropic.claude-opus-4-5-20251101-v1:0/invoke"
        headers = {"authorization": f"Bearer {emulator.bedrock_api_key}"}
        body = ask("Hello", anthropic_version="bedrock-2023-05-31")
        async with httpx.AsyncClient(trust_env=False) as http:
            answers = await asyncio.gather(
                *(http.post(url, json=body, headers=headers) for _ in range(20))
            )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


def test_stop_breaks_a_stalled_stream_at_once() -> None:
    """A stream that hangs does not make the suite hang."""
    emulator = CloudEmulator().start()
    client = Client(emulator)
    emulator.fault(text("never to be finished"), stall_after_events=2, stall=3600)
    broken: list[Exception] = []

    def read() -> None:
        try:
            client.vertex_events(ask("Hi"))
        except httpx.HTTPError as error:
            broken.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not emulator.requests or emulator.requests[0].status == 0:
        time.sleep(0.005)
    before = time.perf_counter()
    emulator.stop()
    thread.join(30)
    assert time.perf_counter() - before < 20
    assert isinstance(broken[0], httpx.RemoteProtocolError | httpx.ReadError)
    assert not any(t.name == "cloud-emulator" for t in threading.enumerate())


def test_url_needs_a_running_server() -> None:
    """A platform made too early would point nowhere."""
    with pytest.raises(RuntimeError, match="not running"):
        _ = CloudEmulator().url


def test_a_missing_extra_is_named() -> None:
    """Without uvicorn the package imports, and starting says what to install."""
    program = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from langchain_claude_cloud.testing import CloudEmulator\n"
        "try:\n    CloudEmulator().start()\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ".[emulator]" in done.stdout


def test_records_what_came_in(emulator: CloudEmulator, client: Client) -> None:
    """Tests look at the requests instead of patching a client."""
    client.vertex(ask("Hi"), region="europe-west1", headers={"x-extra": "1"})
    client.bedrock(
        ask("Hi"),
        model="arn:aws:bedrock:us-east-1:1:inference-profile%2Fus.anthropic.claude-opus-4-1-20250805-v1:0",
    )
    google, aws = emulator.requests
    assert (google.platform, google.operation, google.region, google.project) == (
        "vertex",
        "invoke",
        "europe-west1",
        "p",
    )
    assert google.headers["x-extra"] == "1"
    assert google.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert aws.model.endswith("inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0")
    assert "%2F" in aws.path
    assert (google.status, google.outcome, aws.status) == (200, "complete", 200)


def test_unknown_paths_are_404(emulator: CloudEmulator) -> None:
    """A client that builds a wrong URL learns which."""
    response = httpx.post(f"{emulator.url}/v1/messages", json={}, trust_env=False)
    assert response.status_code == 404
    assert "/v1/messages" in response.text


def test_the_server_leaves_uvicorns_loggers_alone() -> None:
    """An application that runs uvicorn itself keeps its own log settings."""
    import logging  # noqa: PLC0415  # only this test

    before = [
        (logging.getLogger(n).level, logging.getLogger(n).propagate)
        for n in ("uvicorn.error", "uvicorn.access")
    ]
    with CloudEmulator():
        pass
    after = [
        (logging.getLogger(n).level, logging.getLogger(n).propagate)
        for n in ("uvicorn.error", "uvicorn.access")
    ]
    assert before == after
