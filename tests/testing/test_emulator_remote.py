"""The emulator is scripted over HTTP, by tests in other processes and languages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from emulator_client import WEATHER, Client, ask

from langchain_claude_cloud.testing import CloudEmulator


def _send(emulator: CloudEmulator, method: str, name: str, body: Any = None) -> httpx.Response:
    return Client(emulator).http.request(method, f"{emulator.url}/_emulator/{name}", json=body)


def test_replies_and_requests(emulator: CloudEmulator, client: Client) -> None:
    """Blocks as the API has them; settings as `CloudEmulator.reply` has them."""
    content = [
        {"type": "thinking", "thinking": "Hm."},
        "I look.",
        {"type": "tool_use", "name": "get_weather", "input": {"location": "Rome"}, "id": "t1"},
    ]
    queued = _send(emulator, "POST", "replies", {"content": content, "match": "Rome"})
    assert (queued.status_code, queued.json()) == (200, {"pending": 1})
    assert client.vertex(ask("Paris")).status_code == 200
    answer = client.vertex(ask("Rome", tools=[WEATHER])).json()
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use"]
    assert answer["content"][2]["input"] == {"location": "Rome"}
    seen = _send(emulator, "GET", "requests").json()
    assert [each["body"]["messages"][0]["content"] for each in seen] == ["Paris", "Rome"]
    assert (seen[1]["platform"], seen[1]["status"], seen[1]["outcome"]) == (
        "vertex",
        200,
        "complete",
    )


def test_a_reply_by_the_result_of_a_tool(emulator: CloudEmulator, client: Client) -> None:
    """The match is an object."""
    match = {"tool_result": {"content": "sunny", "name": "get_weather"}}
    assert _send(emulator, "POST", "replies", {"content": ["A hat."], "match": match}).is_success
    call = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}
    body = ask("q", tools=[WEATHER])
    body["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    assert client.bedrock(body).json()["content"][0]["text"] == "A hat."


def test_faults_by_name(emulator: CloudEmulator, client: Client) -> None:
    """With settings on top, and with an answer to damage."""
    assert _send(emulator, "POST", "faults", {"kind": "throttled", "retry_after": 3}).is_success
    raw = {"type": "tool_use", "name": "f", "raw": '{"a": [1], "b'}
    assert _send(emulator, "POST", "faults", {"content": [raw], "delay_start": 0.01}).is_success
    assert client.vertex(ask("q")).headers["retry-after"] == "3"
    assert client.bedrock(ask("q")).json()["content"][0]["input"] == {"a": [1]}


def test_verification_and_reset(emulator: CloudEmulator) -> None:
    """What is left over is named; a reset forgets it."""
    assert _send(emulator, "GET", "verification").status_code == 200
    _send(emulator, "POST", "replies", {"content": ["left over"]})
    refused = _send(emulator, "GET", "verification")
    assert refused.status_code == 409
    assert "left over" in refused.json()["message"]
    assert _send(emulator, "DELETE", "script").json() == {"pending": 0}
    assert _send(emulator, "GET", "verification").status_code == 200


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("replies", {"content": ["x"], "fantasy": 1}, "'fantasy' is not known"),
        ("replies", {"content": [5]}, "A block is a text"),
        ("replies", ["x"], "Give a JSON object"),
        ("replies", {"content": ["x"], "platform": "azure"}, "platform='azure' is not known"),
        ("faults", {}, "Nothing goes wrong"),
        ("faults", {"kind": "sulking"}, "throttled"),
        ("faults", {"kind": "throttled", "content": ["x"]}, "never sent"),
    ],
)
def test_mistakes_are_named(emulator: CloudEmulator, name: str, body: Any, words: str) -> None:
    """With status 400; nothing is queued."""
    refused = _send(emulator, "POST", name, body)
    assert refused.status_code == 400
    assert words in refused.json()["message"]
    assert emulator.pending == 0
    assert _send(emulator, "PUT", name, body).status_code == 404
