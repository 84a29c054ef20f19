"""Requests that real services accepted, built again: what they refuse and what they keep."""

from __future__ import annotations

import itertools

import pytest
from data import needs_data
from recorded_requests import names_a_file, rebuild, recorded_requests
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import build_request

pytestmark = needs_data

MODEL = model_with()


def test_requests_that_name_an_uploaded_file_are_refused() -> None:
    """Neither cloud has the Files API; every other recorded request is taken."""
    refused = 0
    for row in recorded_requests():
        body = row["request"]
        if names_a_file(body["messages"]):
            with pytest.raises(InvalidInputError, match="no Files API"):
                build_request(*rebuild(body), MODEL)
            refused += 1
    assert refused


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
