"""Requests that real services accepted come out again when they are built from LangChain's.

What may differ is written down in `_same_to_the_api`: forms that mean the same, and what the
package leaves out on purpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from data import needs_data
from recorded_requests import Json, rebuild, recorded_requests
from request_models import model_with, released

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import build_request

pytestmark = needs_data

# Before the models that refuse one sampling parameter beside another: older ones were recorded.
MODEL = released(model_with(), "2024-06-20")


def _same_to_the_api(body: Json) -> Json:
    """Return a body in one form for all that mean the same.

    Neighbouring turns of a role are one, a string is a text block, ``false`` and null flags
    are absent. Blank text goes: the API refuses it today. A conversation that the assistant
    opens gets a user turn before it, which the clouds wanted longer than the service that was
    recorded.
    """
    rest = {key: value for key, value in body.items() if key not in ("model", "anthropic_version")}
    if not rest.get("stream"):
        rest.pop("stream", None)
    turns: list[Json] = []
    for message in body["messages"]:
        blocks = list(_blocks(message["content"]))
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message["role"], "content": blocks})
    opened = turns[0] == {"role": "user", "content": [{"type": "text", "text": "."}]}
    return {**rest, "messages": turns[1:] if opened else turns}


def _blocks(content: str | list[Json]) -> Iterator[Json]:
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if block.get("type") == "text" and not block["text"].strip():
            continue
        same = {
            key: value
            for key, value in block.items()
            if (key, value) not in (("is_error", False), ("citations", None))
        }
        if same.get("type") == "tool_result" and not same.get("content"):
            same.pop("content", None)
        yield same


def _names_a_file(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("type") == "file" or any(map(_names_a_file, value.values()))
    return isinstance(value, list) and any(map(_names_a_file, value))


def test_recorded_requests_come_out_again() -> None:
    """All but those that name an uploaded file, which neither cloud knows."""
    compared = 0
    for row in recorded_requests():
        body = row["request"]
        messages, options = rebuild(body)
        if _names_a_file(body["messages"]):
            with pytest.raises(InvalidInputError, match="no Files API"):
                build_request(messages, options, MODEL)
            continue
        request = build_request(messages, options, MODEL)
        assert _same_to_the_api(request.body) == _same_to_the_api(body), (row["file"], row["line"])
        compared += 1
    assert compared > 400


def test_a_conversation_grows_without_changing_its_beginning() -> None:
    """Recorded conversations keep their prompt cache: each request starts like the last."""
    grown = 0
    bodies = [row["request"] for row in recorded_requests()]
    requests = [body for body in bodies if not _names_a_file(body["messages"])]
    for before, after in itertools.pairwise(requests):
        count = len(before["messages"])
        if count >= len(after["messages"]) or after["messages"][:count] != before["messages"]:
            continue
        short, long = (
            build_request(*rebuild(body), MODEL).body["messages"] for body in (before, after)
        )
        assert long[: len(short)] == short
        grown += 1
    assert grown
