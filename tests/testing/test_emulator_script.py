"""Scripted replies, recordings and faults, on both clouds."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from data import load_recordings, needs_data
from emulator_client import (
    BEDROCK_MODEL,
    WEATHER,
    Client,
    ask,
    folded_input,
    frames,
    sse,
    tool_calls,
)

from langchain_claude_cloud.testing import (
    CloudEmulator,
    raw_tool_use,
    redacted_thinking,
    text,
    thinking,
    tool_use,
)
from langchain_claude_cloud.testing.model_rules import rules_for

ASK_WEATHER = ask("weather in Rome?", tools=[WEATHER])
PING = {"type": "ping"}


def stream(client: Client, cloud: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a stream, without pings."""
    events = client.vertex_events(body) if cloud == "vertex" else client.bedrock_events(body)
    return [event for event in events if event != PING]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_blocks_come_in_order(emulator: CloudEmulator, client: Client, cloud: str) -> None:
    """Thinking, text, a call, and a block that is sent whole."""
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    blocks = (
        thinking("Hm."),
        redacted_thinking("c2VjcmV0"),
        "Well, ",
        text("I look."),
        found,
        tool_use("f", {"a": "\u00e9"}),
    )
    emulator.reply(*blocks, chunk=2, usage={"input_tokens": 7, "output_tokens": 9})
    events = stream(client, cloud, ask("Hi"))
    starts = [e["content_block"] for e in events if e["type"] == "content_block_start"]
    assert [s["type"] for s in starts] == [
        "thinking",
        "redacted_thinking",
        "text",
        "text",
        "web_search_tool_result",
        "tool_use",
    ]
    assert starts[1]["data"] == "c2VjcmV0"
    assert starts[4] == found
    assert folded_input(events) == '{"a": "\u00e9"}'
    assert events[0]["message"]["usage"]["input_tokens"] == 7
    assert events[-2]["usage"]["output_tokens"] == 9
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    first = next(e for e in events if e.get("delta", {}).get("type") == "input_json_delta")
    assert first["delta"]["partial_json"] == ""
    pieces = [e["delta"]["text"] for e in events if e.get("delta", {}).get("type") == "text_delta"]
    assert pieces[:3] == ["We", "ll", ", "]


def test_what_only_one_cloud_adds(emulator: CloudEmulator, client: Client) -> None:
    """Ping and padding on Vertex; filler and metrics on Bedrock."""
    emulator.reply("Hello there, how are you today?", times=2)
    raw = client.vertex({**ask("Hi"), "stream": True})
    assert raw.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert 'data: {"type": "ping"}\n\n' in raw.text
    assert "  }\n" in raw.text
    assert sse(raw.content)[1] == PING
    aws = client.bedrock(ask("Hi"), operation="invoke-with-response-stream")
    assert aws.headers["content-type"] == "application/vnd.amazon.eventstream"
    buffer = EventStreamBuffer()
    buffer.add_data(aws.content)
    messages = list(buffer)
    assert list(messages[0].headers) == [":event-type", ":content-type", ":message-type"]
    assert all(json.loads(m.payload)["p"].startswith("abcd") for m in messages)
    last = frames(aws.content)[-1]
    assert last["type"] == "message_stop"
    assert set(last["amazon-bedrock-invocationMetrics"]) == {
        "inputTokenCount",
        "outputTokenCount",
        "invocationLatency",
        "firstByteLatency",
    }


def test_queue_is_used_in_order_then_the_stand_in_answers(
    emulator: CloudEmulator, client: Client
) -> None:
    """One entry a request; token counting uses none."""
    emulator.reply("one")
    emulator.reply("two", times=2)
    body = {"model": "claude-sonnet-4-5", "messages": ask("Hi")["messages"]}
    client.vertex(body, model="count-tokens", region="us-east5")
    said = [client.vertex(ask("Hi")).json()["content"][0]["text"] for _ in range(4)]
    assert said == ["one", "two", "two", 'I am the stand-in for Claude. You wrote: "Hi"']
    assert emulator.pending == 0


def test_entries_may_be_for_one_route(emulator: CloudEmulator, client: Client) -> None:
    """A region throttles while the others serve: what failover is tested with."""
    emulator.fault(status=429, platform="vertex", region="us-east5", times=None)
    emulator.reply("only for Bedrock", platform="bedrock")
    assert client.vertex(ask("Hi"), region="us-east5").status_code == 429
    assert client.vertex(ask("Hi"), region="europe-west1").status_code == 200
    assert client.vertex(ask("Hi"), region="us-east5").status_code == 429
    assert client.bedrock(ask("Hi")).json()["content"][0]["text"] == "only for Bedrock"
    emulator.reset()
    assert client.vertex(ask("Hi"), region="us-east5").status_code == 200


def test_scripted_messages_differ_in_their_ids(emulator: CloudEmulator, client: Client) -> None:
    """Two calls in one conversation must not share an id."""
    emulator.reply(tool_use("f"))
    emulator.reply(tool_use("g"))
    ids = {tool_calls(client.vertex(ask("Hi")).json())[0]["id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_truncated_and_malformed_calls(emulator: CloudEmulator, client: Client, cloud: str) -> None:
    """Raw input as it is; at max_tokens the cut block does not end."""
    emulator.reply("Writing.", raw_tool_use("write", '{"path": "a", "te'), stop_reason="max_tokens")
    events = stream(client, cloud, ask("Hi"))
    assert folded_input(events) == '{"path": "a", "te'
    assert [e["index"] for e in events if e["type"] == "content_block_stop"] == [0]
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    emulator.reply(raw_tool_use("write", '{"path": }'))
    events = stream(client, cloud, ask("Hi"))
    assert folded_input(events) == '{"path": }'
    assert [e["index"] for e in events if e["type"] == "content_block_stop"] == [0]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_faults_in_the_call(emulator: CloudEmulator, client: Client, cloud: str) -> None:
    """The stand-in's own call, malformed or cut."""
    emulator.fault(malformed_tool_json=True)
    events = stream(client, cloud, ASK_WEATHER)
    with pytest.raises(json.JSONDecodeError):
        json.loads(folded_input(events))
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    emulator.fault(max_tokens_in_call=True)
    events = stream(client, cloud, ASK_WEATHER)
    whole = json.dumps({"location": "example location"})
    assert whole.startswith(folded_input(events))
    assert 0 < len(folded_input(events)) < len(whole)
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    ("fault", "clean"),
    [
        ({"cut_after_events": 3}, False),
        ({"cut_after_bytes": 200}, False),
        ({"cut_after_events": 3, "end_cleanly": True}, True),
    ],
)
def test_cut_streams(
    emulator: CloudEmulator,
    client: Client,
    cloud: str,
    fault: Any,
    clean: bool,  # noqa: FBT001  # a case's column
) -> None:
    """The connection breaks, or the body just ends."""
    emulator.fault(**fault)
    if clean:
        events = stream(client, cloud, ask("Hi"))
        assert "message_stop" not in [event["type"] for event in events]
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            stream(client, cloud, ask("Hi"))
    assert emulator.requests[-1].outcome == ("complete" if clean else "cut")


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_connection_dropped_before_the_response(
    emulator: CloudEmulator, client: Client, cloud: str
) -> None:
    """No status at all; the next request is served again."""
    emulator.fault(disconnect=True)
    send = client.vertex if cloud == "vertex" else client.bedrock
    with pytest.raises(httpx.TransportError):
        send(ask("Hi"))
    assert send(ask("Hi")).status_code == 200
    assert [(r.status, r.outcome) for r in emulator.requests] == [(0, "cut"), (200, "complete")]


def test_a_cut_body_without_streaming(emulator: CloudEmulator, client: Client) -> None:
    """JSON that ends in the middle."""
    emulator.fault(cut_after_bytes=30)
    with pytest.raises(httpx.RemoteProtocolError):
        client.vertex(ask("Hi"))


def test_stall_and_delay(emulator: CloudEmulator, client: Client) -> None:
    """A silence in mid-stream, and one before the response."""
    emulator.fault("one two three", stall_after_events=4, stall=0.15)
    emulator.fault(delay_start=0.15)
    for _ in range(2):
        before = time.perf_counter()
        assert stream(client, "vertex", ask("Hi"))[-1]["type"] == "message_stop"
        assert time.perf_counter() - before > 0.1


def test_a_client_that_leaves_is_noticed(emulator: CloudEmulator) -> None:
    """What a cancelled stream must show: the connection is closed."""
    emulator.fault("one two three", stall_after_events=4)
    path = (
        "/projects/p/locations/global/publishers/anthropic/models/claude-opus-4-8:streamRawPredict"
    )
    body = {**ask("Hi"), "anthropic_version": "vertex-2023-10-16", "stream": True}
    headers = {"authorization": f"Bearer {emulator.access_token}"}
    with (
        httpx.Client(trust_env=False) as http,
        http.stream("POST", emulator.vertex_url + path, json=body, headers=headers) as response,
    ):
        next(response.iter_bytes())
    deadline = time.monotonic() + 5
    while emulator.requests[0].outcome == "pending" and time.monotonic() < deadline:
        time.sleep(0.005)
    assert emulator.requests[0].outcome == "disconnected"


def test_damaged_frames(emulator: CloudEmulator, client: Client) -> None:
    """A checksum that does not hold on Bedrock, broken JSON on Vertex."""
    emulator.fault(bad_checksum_at=2, times=2)
    with pytest.raises(ChecksumMismatch):
        stream(client, "bedrock", ask("Hi"))
    with pytest.raises(json.JSONDecodeError):
        stream(client, "vertex", ask("Hi"))


def test_errors_in_mid_stream(emulator: CloudEmulator, client: Client) -> None:
    """An error event in both framings; an exception frame on Bedrock only."""
    error = {"type": "overloaded_error", "message": "Overloaded"}
    emulator.fault(error_event=error, after_events=3, times=2)
    assert stream(client, "bedrock", ask("Hi"))[-1] == {"type": "error", "error": error}
    last = stream(client, "vertex", ask("Hi"))[-1]
    assert (last["type"], last["error"]) == ("error", error)
    emulator.fault(exception="throttlingException", message="Slow down", after_events=3, times=2)
    aws = client.bedrock(ask("Hi"), operation="invoke-with-response-stream")
    buffer = EventStreamBuffer()
    buffer.add_data(aws.content)
    final: Any = list(buffer)[-1]
    assert final.headers == {
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert json.loads(final.payload) == {"message": "Slow down"}
    assert stream(client, "vertex", ask("Hi"))[-1]["error"]["type"] == "rate_limit_error"


def test_refusals_in_each_shape(emulator: CloudEmulator, client: Client) -> None:
    """Google's object and array, Claude's object, AWS's header."""
    emulator.fault(status=429, message="Quota exceeded", retry_after=7, times=3)
    google = client.vertex(ask("Hi"))
    assert google.headers["retry-after"] == "7"
    assert google.json()["error"] == {
        "code": 429,
        "message": "Quota exceeded",
        "status": "RESOURCE_EXHAUSTED",
    }
    assert client.vertex({**ask("Hi"), "stream": True}, method="streamRawPredict").json() == [
        google.json()
    ]
    aws = client.bedrock(ask("Hi"))
    assert (aws.status_code, aws.json(), aws.headers["retry-after"]) == (
        429,
        {"message": "Quota exceeded"},
        "7",
    )
    assert aws.headers["x-amzn-errortype"].startswith("ThrottlingException:http")
    emulator.fault(status=529)
    overloaded = client.vertex(ask("Hi")).json()
    assert overloaded["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    emulator.fault(
        status=400, error_type="invalid_request_error", message="x: Extra inputs are not permitted"
    )
    assert (
        client.bedrock(ask("Hi"), model="global.anthropic.claude-opus-4-8")
        .json()["error"]["message"]
        .startswith("x:")
    )


def _streams() -> list[dict[str, Any]]:
    rows = [r for r in load_recordings() if r["status"] == 200 and r.get("n_message_start") == 1]
    sses = [r for r in rows if r["kind"] == "sse"]
    events = [r for r in rows if r["kind"] == "aws" and "/invoke" in r["url"]]
    return [*sses[:40], *events[:12]]


@needs_data
def test_recordings_are_served_as_they_are_or_reframed(
    emulator: CloudEmulator, client: Client
) -> None:
    """Byte for byte in their own framing, event for event in the other."""
    rows = _streams()
    assert len(rows) >= 40
    for row in rows:
        emulator.replay(row, times=2, piece=700)
        google = client.vertex(ask("Hi"), method="streamRawPredict")
        aws = client.bedrock(ask("Hi"), operation="invoke-with-response-stream")
        own = google if row["kind"] == "sse" else aws
        assert own.content == row["body"]
        on_vertex = [e for e in sse(google.content) if e["type"] != "ping"]
        on_bedrock = frames(aws.content)
        assert _without_metrics(on_vertex) == _without_metrics(on_bedrock)


def _without_metrics(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "amazon-bedrock-invocationMetrics"} for e in events]


def test_token_counts_can_be_scripted(emulator: CloudEmulator, client: Client) -> None:
    """A count, or a refusal to count."""
    body = {"model": "claude-sonnet-4-5", "messages": ask("Hi")["messages"]}
    emulator.reply(operation="count_tokens", usage={"input_tokens": 199_999})
    emulator.fault(operation="count_tokens", status=503)
    counted = client.vertex(body, model="count-tokens", region="us-east5")
    assert counted.json() == {"input_tokens": 199_999}
    assert client.vertex(body, model="count-tokens", region="us-east5").status_code == 503


@needs_data
def test_recorded_errors_keep_status_headers_and_body(
    emulator: CloudEmulator, client: Client
) -> None:
    """A quoted error is an error here, too."""
    row = next(r for r in load_recordings("vertex") if r["status"] == 429)
    emulator.replay(row)
    response = client.vertex(ask("Hi"), method="streamRawPredict")
    assert (response.status_code, response.content) == (429, row["body"])
    assert response.headers["server"] == row["headers"]["server"]


def test_a_recording_may_be_plain_text(emulator: CloudEmulator, client: Client) -> None:
    """Hand-written SSE is enough."""
    emulator.replay({"body": 'event: x\ndata: {"type":"message_stop"}\n\n'}, times=2)
    assert sse(client.vertex(ask("Hi"), method="streamRawPredict").content) == [
        {"type": "message_stop"}
    ]
    assert (
        frames(client.bedrock(ask("Hi"), model=BEDROCK_MODEL).content)[0]["type"] == "message_stop"
    )
    with pytest.raises(TypeError, match="body"):
        emulator.replay({"status": 200})


def test_settings_are_checked(emulator: CloudEmulator) -> None:
    """A misspelt setting is an error that says what was meant, not a fault that never happens."""
    with pytest.raises(TypeError, match="Did you mean 'cut_after_events'"):
        emulator.fault(cut_after_event=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Did you mean 'stop_reason'"):
        emulator.reply("x", stop_reasn="end_turn")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"not known\. Give .*piece"):
        emulator.replay({"body": "{}"}, words=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Did you mean 'unscripted'"):
        CloudEmulator(unscriptd="error")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"FaultKind\.THROTTLED"):
        emulator.fault("throttled")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"operation": "count"}, "count_tokens"),
        ({"platform": "aws"}, "bedrock"),
        ({"stop_reason": "pause"}, "pause_turn"),
    ],
)
def test_a_setting_that_nothing_has_is_refused(settings: dict[str, Any], named: str) -> None:
    """It would never fit a request, and the test would wonder why."""
    with pytest.raises(ValueError, match=named):
        CloudEmulator().reply("x", **settings)


def test_a_fault_that_does_nothing_is_refused() -> None:
    """Also where it says which requests it is for."""
    for settings in ({}, {"region": "us-east-1"}):
        with pytest.raises(ValueError, match="Nothing goes wrong"):
            CloudEmulator().fault(text("x"), **settings)


@pytest.mark.parametrize("name", ["claude-sonet-5-5", "claude-opuss-5", "claude-sonnet-latest"])
def test_a_misspelled_model_is_not_found(name: str) -> None:
    """As on the clouds; a model of tomorrow is there."""
    assert rules_for(name) is None
    assert rules_for("claude-sonnet-9") is not None
    assert rules_for("claude-nova-1") is not None


def test_a_request_without_a_reply_is_told_what_was_waiting() -> None:
    """The refusal shows the question and the conditions of the replies that did not fit."""
    with CloudEmulator(unscripted="error") as emulator:
        client = Client(emulator)
        nothing = client.vertex(ask("Who wrote Emma?"))
        emulator.reply("Rain.", match="weather", platform="bedrock")
        other = client.vertex(ask("Who wrote Emma?"))
    assert nothing.status_code == other.status_code == 400
    assert "No scripted reply fits vertex invoke" in nothing.text
    assert "Who wrote Emma?" in nothing.text
    assert "No reply is waiting." in nothing.text
    waiting = (
        "Reply(platform='bedrock', match='weather', blocks=[Block(kind='text', text='Rain.')])"
    )
    assert waiting in other.text
