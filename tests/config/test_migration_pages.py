"""The migration pages: what the peer's block asks for, the block of this package asks for too.

They run with the peers themselves, ``make test-peers``. The blocks are those of the pages: the
environment alone leads them to an emulator. The emulator has no Converse API, so a small server
takes that one's place.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from langchain_claude_cloud.testing import CloudEmulator

pytestmark = [
    pytest.mark.skipif("PEERS_ARE_INSTALLED" not in os.environ, reason="make test-peers"),
    pytest.mark.filterwarnings("ignore"),
]

PAGES: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "migration"
OF_THE_CLOUD: Final = {"anthropic_version", "model"}
HEADERS: Final = ("x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion")
ANSWER: Final = {
    "output": {"message": {"role": "assistant", "content": [{"text": "The Tagus."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12},
    "metrics": {"latencyMs": 1},
}


def block(page: str, language: str) -> str:
    """Return the block of a page in ``py``, the peer's, or in ``python``, of this package."""
    found = re.search(
        rf"^```{language}\n(.*?)^```", PAGES.joinpath(page).read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, page
    return found[1]


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without what is the cloud's, and with each text in its short form."""
    kept = {name: value for name, value in body.items() if name not in OF_THE_CLOUD}
    (message,) = kept["messages"]
    if not isinstance(message["content"], str):
        (part,) = message["content"]
        kept["messages"] = [{**message, "content": part["text"]}]
    return kept


@pytest.fixture
def emulator(
    emulated_clouds: CloudEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CloudEmulator:
    """An emulator that answers the peers too: Anthropic's own API as Claude Platform on AWS."""
    workspace = f"anthropic-workspace-id: {emulated_clouds.workspace}"
    key = emulated_clouds.aws_key
    profile = tmp_path / "profiles"
    profile.write_text(
        f"[work]\naws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret_access_key}\n"
    )
    for name, value in {
        "ANTHROPIC_API_URL": emulated_clouds.url,
        "ANTHROPIC_API_KEY": emulated_clouds.claude_platform_api_key,
        "ANTHROPIC_CUSTOM_HEADERS": workspace,
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
    }.items():
        monkeypatch.setenv(name, value)
    return emulated_clouds


@pytest.mark.parametrize(
    "page",
    [
        "chat-anthropic.md",
        "chat-anthropic-vertex.md",
        "chat-bedrock.md",
        "chat-anthropic-bedrock.md",
    ],
)
def test_both_blocks_send_the_same(
    page: str, emulator: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """And print the same answer."""
    exec(block(page, "py"), {})  # noqa: S102  # our page
    theirs = capsys.readouterr().out
    exec(block(page, "python"), {})  # noqa: S102  # our page
    assert capsys.readouterr().out == theirs
    before, after = emulator.requests
    assert plain(after.body) == plain(before.body)
    if page != "chat-anthropic.md":  # which leaves Anthropic's own API for a cloud
        place = (before.platform, before.project, before.region, before.model)
        assert (after.platform, after.project, after.region, after.model) == place
        assert [after.headers.get(name) for name in HEADERS] == [
            before.headers.get(name) for name in HEADERS
        ]


class Converse(BaseHTTPRequestHandler):
    """Answers a request of the Converse API, and keeps it."""

    requests: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:  # the library's name
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append((self.path, body))
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def converse_server() -> Iterator[HTTPServer]:
    """A server of the Converse API."""
    Converse.requests = []
    with HTTPServer(("127.0.0.1", 0), Converse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_call_of_converse_becomes_one_of_the_messages_api(
    emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same model, system prompt, question, length, effort and latency."""
    page = "chat-bedrock-converse.md"
    exec(block(page, "python"), {})  # noqa: S102  # our page
    with converse_server() as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", address)
        exec(block(page, "py"), {})  # noqa: S102  # our page
    ((path, before),) = Converse.requests
    (after,) = emulator.requests
    assert path == f"/model/{after.model}/converse"
    assert (
        after.headers["x-amzn-bedrock-performanceconfig-latency"]
        == (before.pop("performanceConfig")["latency"])
    )
    assert plain(after.body) == {
        "system": before["system"][0]["text"],
        "messages": [{"role": "user", "content": before["messages"][0]["content"][0]["text"]}],
        "max_tokens": before["inferenceConfig"]["maxTokens"],
        **before["additionalModelRequestFields"],
    }
