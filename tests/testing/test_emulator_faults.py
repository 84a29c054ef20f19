"""Faults by name, refusals of single fields and betas, and faults that would do nothing."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_client import WEATHER, Client, ask

from langchain_claude_cloud.testing import CloudEmulator, FaultKind, text, tool_result, tool_use
from langchain_claude_cloud.testing.faults import make_fault

CLOUDS = ["vertex", "bedrock"]
FORMAT: dict[str, Any] = {
    "format": {
        "type": "json_schema",
        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
    }
}


def _ask(client: Client, cloud: str, body: dict[str, Any]) -> Any:
    return client.vertex(body) if cloud == "vertex" else client.bedrock(body)


@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.name)
def test_every_kind_is_described_and_has_an_effect(kind: FaultKind) -> None:
    """The table of the documentation is made of them."""
    assert kind.description
    make_fault(kind)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(
    "kind",
    [kind for kind in FaultKind if {"status"} >= set(kind.settings) - {"message", "error_type"}],
    ids=lambda kind: kind.name,
)
def test_a_refusal_by_name(emulator: CloudEmulator, cloud: str, kind: FaultKind) -> None:
    """The status that its description begins with, once."""
    emulator.fault(kind)
    client = Client(emulator)
    assert str(_ask(client, cloud, ask("Hi")).status_code) == kind.description[:3]
    assert _ask(client, cloud, ask("Hi")).status_code == 200


def test_settings_come_on_top_of_a_kind(emulator: CloudEmulator, client: Client) -> None:
    """Twice, with the time to wait."""
    emulator.fault(FaultKind.THROTTLED, retry_after=7, times=2)
    answers = [client.vertex(ask("Hi")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_field_is_refused_where_it_is_given(emulator: CloudEmulator, cloud: str) -> None:
    """Requests without it are answered, and do not use the fault up."""
    client = Client(emulator)
    emulator.fault(status=400, field="output_config.format")
    assert _ask(client, cloud, ask("Hi")).status_code == 200
    refused = _ask(client, cloud, ask("Hi", output_config=FORMAT))
    assert refused.status_code == 400
    assert "output_config.format: Extra inputs are not permitted" in refused.text
    assert _ask(client, cloud, ask("Hi", output_config=FORMAT)).status_code == 200


def test_a_beta_is_refused_where_it_is_asked_for(emulator: CloudEmulator, client: Client) -> None:
    """By header on Vertex AI, in the body on Bedrock."""
    beta = "context-1m-2025-08-07"
    emulator.fault(status=400, beta=beta, times=2)
    assert client.vertex(ask("Hi")).status_code == client.bedrock(ask("Hi")).status_code == 200
    on_vertex = client.vertex(ask("Hi"), headers={"anthropic-beta": beta})
    assert f"Unexpected value(s) `{beta}` for the `anthropic-beta` header" in on_vertex.text
    assert "invalid beta flag" in client.bedrock(ask("Hi", anthropic_beta=[beta])).text


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_gateways_own_limit(emulator: CloudEmulator, cloud: str) -> None:
    """A refusal that depends on a value."""
    words = "max_tokens: 1000 > 100, which is the limit of this gateway key"
    emulator.fault(
        status=400,
        error_type="invalid_request_error",
        message=words,
        match=lambda request: request.body["max_tokens"] > 100,
        times=None,
    )
    client = Client(emulator)
    assert words in _ask(client, cloud, ask("Hi")).text
    assert _ask(client, cloud, {**ask("Hi"), "max_tokens": 100}).status_code == 200


def test_a_policy_of_the_organization(emulator: CloudEmulator, client: Client) -> None:
    """Structured outputs and strict tools are refused in Google's shape, with the constraint."""
    emulator.fault(FaultKind.ORGANIZATION_POLICY, times=None)
    strict: dict[str, Any] = {**WEATHER, "strict": True}
    strict["input_schema"] = {**strict["input_schema"], "additionalProperties": False}
    for body in (ask("Hi", output_config=FORMAT), ask("Hi", tools=[strict])):
        error = client.vertex(body).json()["error"]
        assert (error["code"], error["status"]) == (400, "FAILED_PRECONDITION")
        assert "constraints/vertexai.allowedPartnerModelFeatures" in error["message"]
        assert "models/claude-sonnet-4-5@20250929:structured_outputs" in error["message"]
    assert client.vertex(ask("Hi", tools=[WEATHER])).status_code == 200
    assert client.bedrock(ask("Hi", output_config=FORMAT)).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"times": None},
        {"field": "output_config"},
        {"message": "no"},
        {"retry_after": 1},
        {"error_type": "x"},
        {"headers": {"a": "b"}},
        {"stall": 5.0},
        {"end_cleanly": True},
        {"after_events": 5},
        {"cut_after_events": 5, "operation": "invoke"},
        {"bad_checksum_at": 5, "operation": "count_tokens"},
        {"cut_after_events": -1},
        {"status": 429, "retry_after": -1},
    ],
    ids=str,
)
def test_a_fault_without_effect_is_refused(emulator: CloudEmulator, settings: Any) -> None:
    """A test that queues one would test nothing."""
    with pytest.raises(ValueError, match=r"no effect|Nothing goes wrong"):
        emulator.fault(**settings)
    assert emulator.pending == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"status": 200}, "300 to 599"),
        ({"status": 1000}, "300 to 599"),
        ({"status": 429, "times": 0}, "times=0 fits no request"),
    ],
)
def test_a_setting_that_no_answer_has_is_refused(
    emulator: CloudEmulator, settings: Any, says: str
) -> None:
    """A status that refuses nothing, and a fault that is for no request."""
    with pytest.raises(ValueError, match=says):
        emulator.fault(**settings)
    with pytest.raises(ValueError, match="is no block"):
        emulator.reply({"text": "Hi"})
    assert emulator.pending == 0


def test_an_answer_that_is_never_given_is_refused(emulator: CloudEmulator) -> None:
    """A refusal has no blocks, and a text no arguments to cut."""
    with pytest.raises(ValueError, match="never sent"):
        emulator.fault(text("x"), status=429)
    with pytest.raises(ValueError, match="without a tool call"):
        emulator.fault(text("x"), max_tokens_in_call=True)
    with pytest.raises(ValueError, match="comes first"):
        emulator.fault(text("x"), FaultKind.CUT_STREAM)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_replies_by_content(emulator: CloudEmulator, cloud: str) -> None:
    """Parallel calls are answered in whatever order they come."""
    emulator.reply("sunny", match="Rome")
    emulator.reply("rainy", match="Paris")
    client = Client(emulator)
    said = [
        _ask(client, cloud, ask(f"Weather in {city}?")).json()["content"][0]["text"]
        for city in ("Paris", "Rome")
    ]
    assert said == ["rainy", "sunny"]


def _after_call(*results: str) -> dict[str, Any]:
    calls = [
        {"type": "tool_use", "id": f"t{n}", "name": "get_weather", "input": {}}
        for n in range(len(results))
    ]
    answers = [
        {"type": "tool_result", "tool_use_id": f"t{n}", "content": [{"type": "text", "text": each}]}
        for n, each in enumerate(results)
    ]
    body = ask("Weather in Rome?", tools=[WEATHER])
    body["messages"] += [
        {"role": "assistant", "content": calls},
        {"role": "user", "content": answers},
    ]
    return body


@pytest.mark.parametrize("cloud", CLOUDS)
def test_replies_by_the_result_of_a_tool(emulator: CloudEmulator, cloud: str) -> None:
    """By the tool's name and by what it gave; a question is no result."""
    client = Client(emulator)
    emulator.reply("Take a hat.", match=tool_result("sunny", name="get_weather"))
    emulator.reply("Take a coat.", match=tool_result("snow"))
    emulator.reply("Which one?", match=tool_result(name="search"))
    emulator.reply(tool_use("get_weather", {}), match="Rome")
    ways = [
        _after_call("rain", "snow"),
        _after_call("sunny"),
        ask("sunny in Rome?", tools=[WEATHER]),
    ]
    found = [_ask(client, cloud, body).json()["content"][0] for body in ways]
    assert found[0]["text"] == "Take a coat."
    assert found[1]["text"] == "Take a hat."
    assert found[2]["type"] == "tool_use"
    assert emulator.pending == 1
    emulator.reset()
