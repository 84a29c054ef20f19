"""Prompt caching: the same prefix is written once and read afterwards."""

from __future__ import annotations

from typing import Any

from emulator_client import BEDROCK_MODEL, VERTEX_MODEL, Client, ask

LONG = "All work and no play makes Jack a dull boy. " * 120  # about 1,300 tokens
MARK = {"type": "ephemeral"}


def system(ttl: str | None = None) -> list[dict[str, Any]]:
    """Return a long system prompt with a breakpoint."""
    control = MARK if ttl is None else {**MARK, "ttl": ttl}
    return [{"type": "text", "text": LONG, "cache_control": control}]


def usage(response: Any) -> tuple[int, int, int]:
    """Return fresh, written and read input tokens."""
    counted = response.json()["usage"]
    return (
        counted["input_tokens"],
        counted["cache_creation_input_tokens"],
        counted["cache_read_input_tokens"],
    )


def test_second_call_reads_what_the_first_wrote(client: Client) -> None:
    """Also when the question behind the prefix differs."""
    first = usage(client.vertex(ask("Hello", system=system())))
    second = usage(client.vertex(ask("Hi, you", system=system())))
    assert first[1] == second[2] > 1024
    assert first[2] == second[1] == 0
    assert (first[0], second[0]) == (5, 5)


def test_ttl_is_told_apart(client: Client) -> None:
    """The breakdown says for how long it was written."""
    counted = client.vertex(ask("Hello", system=system("1h"))).json()["usage"]["cache_creation"]
    assert counted["ephemeral_1h_input_tokens"] > 1024
    assert counted["ephemeral_5m_input_tokens"] == 0


def test_a_growing_conversation_reads_its_past(client: Client) -> None:
    """A breakpoint that moves finds the earlier one within the look-back."""
    turns: list[dict[str, Any]] = []
    reads = []
    for question in ("Hello", "Hi again", "And again"):
        turns.append({"role": "user", "content": [{"type": "text", "text": question + LONG}]})
        marked = [
            *turns[:-1],
            {"role": "user", "content": [{**turns[-1]["content"][0], "cache_control": MARK}]},
        ]
        answer = client.vertex({"max_tokens": 50, "messages": marked})
        turns.append({"role": "assistant", "content": answer.json()["content"]})
        reads.append(usage(answer))
    assert [r[2] > 0 for r in reads] == [False, True, True]
    assert reads[2][2] > reads[1][2]
    assert all(r[1] > 1000 for r in reads)


def test_short_prompts_are_not_cached(client: Client) -> None:
    """Below the model's minimum nothing is written, silently."""
    short = [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert usage(client.vertex(ask("Hello", system=short)))[1:] == (0, 0)


def test_caches_are_apart(client: Client) -> None:
    """By cloud, by model and by region; and another prefix is another entry."""
    client.vertex(ask("Hello", system=system()))
    assert usage(client.bedrock(ask("Hello", system=system()), model=BEDROCK_MODEL))[2] == 0
    assert usage(client.vertex(ask("Hello", system=system()), region="us-east5"))[2] == 0
    assert usage(client.vertex(ask("Hello", system=system()), model="claude-sonnet-4-6"))[2] == 0
    changed = [{**system()[0], "text": "!" + LONG}]
    assert usage(client.vertex(ask("Hello", system=changed), model=VERTEX_MODEL))[2] == 0


def test_streams_and_metrics_say_the_same(client: Client) -> None:
    """`message_start` has the cache counts, and Bedrock's metrics as well."""
    client.bedrock(ask("Hello", system=system()))
    events = client.bedrock_events(ask("Hello", system=system()))
    started = events[0]["message"]["usage"]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert started["cache_read_input_tokens"] == metrics["cacheReadInputTokenCount"] > 1024
    assert "cache_read_input_tokens" not in events[-2]["usage"]


def test_automatic_caching_on_vertex(client: Client) -> None:
    """A top-level mark stands on the last block."""
    body = ask(LONG, cache_control=MARK)
    assert usage(client.vertex(body))[1] > 1024
    assert usage(client.vertex(body))[2] > 1024
