"""Whatever a client sends, the emulator refuses it as a cloud does: never a failure of its own."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from emulator_client import BEDROCK_MODEL, VERTEX_MODEL, WEATHER, Client, ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.testing import CloudEmulator


def _raw(emulator: CloudEmulator, cloud: str, data: bytes) -> httpx.Response:
    client = Client(emulator)
    if cloud == "vertex":
        path = (
            f"/v1/projects/p/locations/global/publishers/anthropic/models/{VERTEX_MODEL}:rawPredict"
        )
        token = emulator.access_token
    else:
        path, token = f"/model/{BEDROCK_MODEL}/invoke", emulator.bedrock_api_key
    headers = {"authorization": f"Bearer {token}"}
    return client.http.post(emulator.url + path, content=data, headers=headers)


VERSIONS = {"vertex": "vertex-2023-10-16", "bedrock": "bedrock-2023-05-31"}
CLOSED = {**WEATHER["input_schema"], "additionalProperties": False}  # type: ignore[dict-item]
GOOD: dict[str, Any] = {
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "tools": [{**WEATHER, "input_schema": CLOSED, "strict": True}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stop_sequences": ["x"],
    "output_config": {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}},
                "additionalProperties": False,
                "$defs": {"A": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            },
        }
    },
    "messages": [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "EgA="},
                {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"location": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "r"}],
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "d"},
                },
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
            ],
        },
    ],
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (*path, index))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = new
    return changed


WRONG = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    ["x"],
    [[]],
    [{}],
    {"x": None},
    {"type": []},
)


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_the_unchanged_body_is_taken(running_emulator: CloudEmulator, cloud: str) -> None:
    """Else a change of it might never be looked at."""
    body = {"anthropic_version": VERSIONS[cloud], **GOOD}
    response = _raw(running_emulator, cloud, json.dumps(body).encode())
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("place", list(_places(GOOD)), ids=lambda place: ".".join(map(str, place)))
def test_any_value_at_any_place(
    running_emulator: CloudEmulator, cloud: str, place: tuple[Any, ...]
) -> None:
    """A field of the wrong kind is taken or refused with 400."""
    for wrong in WRONG:
        body = {"anthropic_version": VERSIONS[cloud], **_with(GOOD, place, wrong)}
        response = _raw(running_emulator, cloud, json.dumps(body).encode())
        assert response.status_code in {200, 400}, (wrong, response.text)


FOUND = {"type": "tool_reference", "tool_name": "get_weather"}
WITH_BETAS: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "anthropic_beta": [
        "context-management-2025-06-27",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
    ],
    "max_tokens": 100,
    "context_management": {
        "edits": [
            {"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 1}},
        ]
    },
    "tools": [
        WEATHER,
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    ],
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "search_result",
                    "source": "s",
                    "title": "t",
                    "content": [{"type": "text", "text": "x"}],
                }
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "text",
                    "text": "x",
                    "citations": [
                        {
                            "type": "search_result_location",
                            "cited_text": "x",
                            "search_result_index": 0,
                            "start_block_index": 0,
                            "end_block_index": 1,
                            "source": "s",
                            "title": "t",
                        }
                    ],
                },
                {"type": "server_tool_use", "id": "s1", "name": "tool_search", "input": {}},
                {
                    "type": "tool_search_tool_result",
                    "tool_use_id": "s1",
                    "content": {
                        "type": "tool_search_tool_search_result",
                        "tool_references": [FOUND],
                    },
                },
                {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [FOUND]}],
        },
        {
            "role": "system",
            "content": [
                {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "get_weather"}}
            ],
            "output_config": {"effort": "low"},
        },
    ],
}


def test_any_value_at_any_place_of_what_betas_allow(client: Client) -> None:
    """Of fields and blocks that newer models take."""
    model = "us.anthropic.claude-opus-4-8"
    response = client.bedrock(WITH_BETAS, model=model)
    assert response.status_code == 200, response.text
    for place in _places(WITH_BETAS):
        for wrong in ([], {}, None, ["x"], {"type": []}):
            response = client.bedrock(_with(WITH_BETAS, place, wrong), model=model)
            assert response.status_code in {200, 400}, (place, wrong, response.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.sampled_from(list(_places(GOOD))), value=JSON, cloud=st.sampled_from(list(VERSIONS))
)
def test_any_json_at_any_place(
    running_emulator: CloudEmulator, place: Any, value: Any, cloud: str
) -> None:
    """The same, with JSON that nobody chose."""
    body = {"anthropic_version": VERSIONS[cloud], **_with(GOOD, place, value)}
    response = _raw(running_emulator, cloud, json.dumps(body).encode())
    assert response.status_code in {200, 400}, response.text


NESTED = [
    b"[" * 200_000 + b"]" * 200_000,
    b'{"messages":' * 200_000 + b"1" + b"}" * 200_000,
    json.dumps(ask("q"))[:-1].encode() + b',"tools":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    json.dumps(ask("q"))[:-1].encode() + b',"metadata":' + b'{"a":' * 900 + b"1" + b"}" * 901,
]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("data", [b"", b"null", b"1", b"{", b"\xff", *NESTED], ids=range(9))
def test_what_is_no_request_is_refused(
    running_emulator: CloudEmulator, cloud: str, data: bytes
) -> None:
    """No JSON, no object, or nested too deeply."""
    assert _raw(running_emulator, cloud, data).status_code == 400


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    "messages",
    [[1, None], [{"role": ["x"], "content": "q"}], [{"role": {}, "content": "q"}], {}, 1],
)
def test_messages_that_are_none(running_emulator: CloudEmulator, cloud: str, messages: Any) -> None:
    """The refusal names the place."""
    body = {"anthropic_version": VERSIONS[cloud], **ask("q"), "messages": messages}
    response = _raw(running_emulator, cloud, json.dumps(body).encode())
    assert response.status_code == 400
    assert "messages" in response.text


def test_only_the_newest_requests_are_kept() -> None:
    """A server that runs for days does not fill the memory."""
    with CloudEmulator(keep_requests=3) as emulator:
        client = Client(emulator)
        for number in range(5):
            client.vertex(ask(f"question {number}"))
        said = [request.body["messages"][0]["content"] for request in emulator.requests]
    assert said == ["question 2", "question 3", "question 4"]
