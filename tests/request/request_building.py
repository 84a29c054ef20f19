"""Requests built for tests, with a check that nothing given is changed."""

from __future__ import annotations

import copy
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from request_models import model_with

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.request.body import MessagesRequest, RequestOptions, build_request

Q: list[BaseMessage] = [HumanMessage("q")]
MODEL = model_with()
SCHEMA = {"type": "object", "properties": {}}


def build(
    messages: list[BaseMessage] | None = None, model: ResolvedModel = MODEL, **options: Any
) -> MessagesRequest:
    """Return a request; what it was built from must stay as it was."""
    given = RequestOptions(**options)
    messages = Q if messages is None else messages
    before = copy.deepcopy((messages, options))
    request = build_request(messages, given, model)
    assert (messages, options) == before
    return request


def tool(name: str = "f", **more: Any) -> dict[str, Any]:
    """Return a custom tool."""
    return {"name": name, "input_schema": SCHEMA, **more}
