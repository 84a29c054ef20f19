"""Requests that real services accepted, built again: what they refuse and what they keep."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from data import needs_data
from recorded_requests import names_a_file, rebuild, recorded_requests
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import build_request

pytestmark = needs_data

MODEL = model_with()


def test_requests_that_name_an_uploaded_file_are_refused() -> None:
    """Neither cloud has the Files API; in a tool's result a line of text says so."""
    refused = told = 0
    for row in recorded_requests():
        body = row["request"]
        if not names_a_file(body["messages"]):
            continue
        if any(names_a_file(block) for block in blocks_but_results(body)):
            with pytest.raises(InvalidInputError, match="no Files API"):
                build_request(*rebuild(body), MODEL)
            refused += 1
        else:
            assert "no Files API" in json.dumps(build_request(*rebuild(body), MODEL).body)
            told += 1
    assert refused
    assert told


def blocks_but_results(body: Any) -> Iterator[Any]:
    """Yield the blocks of a recorded conversation that are no tool's results."""
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] != "tool_result":
                yield block


def test_a_conversation_grows_without_changing_its_beginning() -> None:
    """Recorded conversations keep their prompt cache: each request starts like the last."""
    grown = 0
    bodies = [row["request"] for row in recorded_requests()]
    requests = [body for body in bodies if not names_a_file(body["messages"])]
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
