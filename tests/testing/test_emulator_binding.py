"""Thinking is bound to what stands before it, for the models and accounts that have it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from emulator_client import WEATHER, Client, ask

from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use

Body = dict[str, Any]
BETA = "thinking-binding-controls-2026-08-01"
CLOUDS = ["vertex", "bedrock"]


def _send(client: Client, cloud: str, body: Body, model: str, *, beta: bool = False) -> Any:
    if cloud == "vertex":
        headers = {"anthropic-beta": BETA} if beta else {}
        return client.vertex(body, model=model, headers=headers)
    given = {**body, "anthropic_beta": [BETA]} if beta else body
    return client.bedrock(given, model=f"us.anthropic.{model}")


def _conversation(client: Client, cloud: str, model: str) -> Body:
    """Return a request that brings an answer with thinking and a call back."""
    client.emulator.reply(
        thinking("Let me look."), tool_use("get_weather", {"location": "Rome"}, id="toolu_1")
    )
    body = ask("Weather?", system="Today is Monday.", tools=[WEATHER])
    answer = _send(client, cloud, body, model).json()
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
    body["messages"] += [
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [result]},
    ]
    return body


def _other_system(body: Body) -> None:
    body["system"] = "Today is Tuesday."


def _no_tools(body: Body) -> None:
    body["tools"] = [{**WEATHER, "description": "Another description"}]


def _earlier_message(body: Body) -> None:
    body["messages"][0]["content"] = "A summary."


def _message_before(body: Body) -> None:
    body["messages"].insert(0, {"role": "user", "content": "Before."})


CHANGES = [_other_system, _no_tools, _earlier_message, _message_before]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-fable-5-2"])
def test_a_changed_prefix_is_refused(
    client: Client, cloud: str, change: Callable[[Body], None], model: str
) -> None:
    """System prompt, tools or an earlier message; without the blocks, or to drop them, it is taken."""
    body = _conversation(client, cloud, model)
    assert _send(client, cloud, body, model).status_code == 200
    changed = copy.deepcopy(body)
    change(changed)
    refused = _send(client, cloud, changed, model)
    assert refused.status_code == 400
    place = next(n for n, each in enumerate(changed["messages"]) if each["role"] == "assistant")
    assert f"messages.{place}.content.0: Invalid `signature` in `thinking` block. " in refused.text
    assert (BETA in refused.text) is (cloud == "bedrock")
    dropping = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    assert _send(client, cloud, {**changed, "thinking": dropping}, model).status_code == 400
    taken = _send(client, cloud, {**changed, "thinking": dropping}, model, beta=True)
    assert taken.status_code == 200, taken.text
    del changed["messages"][place]["content"][0]
    assert _send(client, cloud, changed, model).status_code == 200


@pytest.mark.parametrize("cloud", CLOUDS)
def test_another_model_is_another_conversation(client: Client, cloud: str) -> None:
    """A thread does not move to another model of the generation with its thinking."""
    body = _conversation(client, cloud, "claude-sonnet-5-5")
    refused = _send(client, cloud, body, "claude-haiku-5-5")
    assert "bound to a different conversation" in refused.text
    assert _send(client, cloud, body, "claude-sonnet-4-6").status_code == 200


def test_another_cloud_is_the_same_conversation(client: Client) -> None:
    """A failover takes the thinking along."""
    body = _conversation(client, "vertex", "claude-sonnet-5-5")
    assert _send(client, "bedrock", body, "claude-sonnet-5-5").status_code == 200


def test_cache_breakpoints_and_other_thinking_do_not_count(client: Client) -> None:
    """They move or go with each turn."""
    body = _conversation(client, "vertex", "claude-sonnet-5-5")
    client.emulator.reply(thinking("So."), text("Sunny."))
    answer = _send(client, "vertex", body, "claude-sonnet-5-5").json()
    body["messages"] += [
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "Thanks"},
    ]
    del body["messages"][1]["content"][0]
    mark = {"cache_control": {"type": "ephemeral"}}
    body["tools"] = [{**WEATHER, **mark}]
    body["messages"][2]["content"][0] |= mark
    assert _send(client, "vertex", body, "claude-sonnet-5-5").status_code == 200


@pytest.mark.parametrize("cloud", CLOUDS)
def test_models_before_have_no_binding(client: Client, cloud: str) -> None:
    """A changed system prompt is taken; the setting is refused, beta or not."""
    body = _conversation(client, cloud, "claude-opus-5")
    _other_system(body)
    assert _send(client, cloud, body, "claude-opus-5").status_code == 200
    dropping = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    refused = _send(client, cloud, {**body, "thinking": dropping}, "claude-opus-5", beta=True)
    assert "block_binding: Extra inputs are not permitted" in refused.text


@pytest.mark.parametrize("cloud", CLOUDS)
def test_older_accounts_have_it_for_the_newest_models_alone(cloud: str) -> None:
    """Fable and Mythos 5.2 bind for every account."""
    with CloudEmulator(thinking_binding=False) as emulator:
        client = Client(emulator)
        for model, status in (("claude-sonnet-5-5", 200), ("claude-fable-5-2", 400)):
            body = _conversation(client, cloud, model)
            _other_system(body)
            assert _send(client, cloud, body, model).status_code == status


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_streamed_answer_is_bound_as_a_whole_one(client: Client, cloud: str) -> None:
    """The signature comes in a delta."""
    body = ask("Hi", system="a")
    client.emulator.reply(thinking("Hm."), text("Hello."))
    if cloud == "vertex":
        events = client.vertex_events(body, model="claude-sonnet-5-5")
    else:
        events = client.bedrock_events(body, model="us.anthropic.claude-sonnet-5-5")
    (signature,) = [
        event["delta"]["signature"]
        for event in events
        if event.get("delta", {}).get("type") == "signature_delta"
    ]
    block = {"type": "thinking", "thinking": "Hm.", "signature": signature}
    body["messages"] += [
        {"role": "assistant", "content": [block, {"type": "text", "text": "Hello."}]},
        {"role": "user", "content": "Go on"},
    ]
    assert _send(client, cloud, body, "claude-sonnet-5-5").status_code == 200
    body["system"] = "b"
    assert _send(client, cloud, body, "claude-sonnet-5-5").status_code == 400
