"""Recorded requests, sent to the emulator: it takes what was taken and refuses what was refused."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest
from data import load_recordings, needs_data
from emulator_client import Client

from langchain_claude_cloud.catalogue.models import find

pytestmark = needs_data

_BETAS = ["context-management-2025-06-27", "compact-2026-01-12", "tool-search-tool-2025-10-19"]
_MORE_BETAS = {
    "vertex": ["web-search-2025-03-05", "computer-use-2025-01-24", "computer-use-2025-11-24"],
    "bedrock": [
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "mid-conversation-tool-changes-2026-07-01",
    ],
}
# What the clouds do not serve, of what api.anthropic.com was recorded to take.
_NOT_SERVED = re.compile(
    r"has reached the end of its life|claude-3-5-haiku@20241022` was not found"
    r"|tools\.\d+: Input tag '(code_execution|web_fetch|advisor|mcp|web_search_20260209|computer_)"
    r"|Input tag '(url|file)' found"
    r"|(container|mcp_servers|output_format|output_config\.task_budget): Extra inputs"
    r'|first message must use the "user" role'
)
_NOT_SERVED_BY = {
    "vertex": re.compile(r"messages\.\d+\.content\.\d+\.type: Input should be 'text'"),
    "bedrock": re.compile(r"Input tag 'web_search_20250305'|^cache_control: Extra inputs"),
}


def test_requests_of_the_clouds_are_answered_as_they_were(client: Client) -> None:
    """The same status and, where it was refused, the same body and type.

    Not Converse, not Gemini, and not models that are gone.
    """
    emulator = client.emulator
    keys = {"vertex": emulator.access_token, "bedrock": emulator.bedrock_api_key}
    foreign = re.compile("converse|gemini|claude-v2|claude-3-opus|claude-3-5-haiku")
    wrong = []
    for row in load_recordings("vertex", "bedrock"):
        if row["request"] is None or foreign.search(row["op"] + row["url"]):
            continue
        response = client.http.post(
            emulator.url + urlsplit(row["url"]).path,
            json=row["request"],
            headers={"authorization": f"Bearer {keys[row['file']]}"},
        )
        told = row["headers"].get("x-amzn-errortype", "").partition(":")[0]
        kind = response.headers.get("x-amzn-errortype", "")
        refused = row["status"] >= 400
        same = response.json() == json.loads(row["body"]) and told in kind if refused else True
        if response.status_code != row["status"] or not same:
            wrong.append((row["file"], row["line"], response.text[:300]))
    assert wrong == []


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_requests_of_anthropics_api_are_taken_but_for_what_a_cloud_does_not_serve(
    client: Client, cloud: str
) -> None:
    """Every recorded request that was answered; its betas were not recorded, so all are sent."""
    wrong = []
    for row in load_recordings("anthropic"):
        body = row["request"]
        model = find(body["model"]) if isinstance(body, dict) and "max_tokens" in body else None
        if row["status"] != 200 or model is None:
            continue
        given = {key: value for key, value in body.items() if key not in {"model", "stream"}}
        betas = _BETAS + _MORE_BETAS[cloud]
        if cloud == "vertex":
            headers = {"anthropic-beta": ",".join(betas)}
            response = client.vertex(given, model=str(model.vertex_id), headers=headers)
        else:
            prefix = min((f"{each}." for each in model.bedrock_prefixes), default="")
            name = f"{prefix}{model.bedrock_id}"
            response = client.bedrock({**given, "anthropic_beta": betas}, model=name)
        if response.status_code == 200:
            continue
        told = response.json()
        message = told.get("error", told)["message"]
        if not (_NOT_SERVED.search(message) or _NOT_SERVED_BY[cloud].search(message)):
            wrong.append((row["line"], message))
    assert wrong == []
