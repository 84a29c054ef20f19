"""A bound tool is a plain dict to LangChain, and converting it again changes nothing."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel
from request_building import build

from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.tools import convert_tool, convert_tools

GIVEN = {
    "name": "a/b",
    "input_schema": {
        "properties": {"$a": {"type": "string"}, "b": {}},
        "anyOf": [{"required": ["$a"]}, {"required": ["b"]}],
    },
}


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        dict,
        lambda tool: pickle.loads(pickle.dumps(tool)),  # noqa: S301 - its own bytes
        lambda tool: json.loads(json.dumps(tool)),
        lambda tool: {**tool, "cache_control": {"type": "ephemeral"}},
        convert_tool,
    ],
)
def test_a_copy_is_sent_as_the_tool_itself(copied: Callable[[Any], Any]) -> None:
    """LangChain's middleware copies tools, and users keep them."""
    (tool,) = convert_tools([GIVEN])
    again = convert_tool(copied(tool))
    assert again["name"] == "a/b"
    assert again["description"] == tool["description"]
    sent = build(tools=(again,)).body["tools"][0]
    assert sent["name"] == "a_b"
    # `b` may hold any keys, `a` among them: the key that stands for `$a` is one of its own.
    renamed, kept = sent["input_schema"]["properties"]
    assert re.fullmatch(r"a_\w+", renamed)
    assert kept == "b"
    assert sent["input_schema"] == build(tools=(tool,)).body["tools"][0]["input_schema"]


def test_it_is_dumped_by_langchain() -> None:
    """Traces hold the tools of a call."""
    assert json.loads(dumps(convert_tool(GIVEN)))["name"] == "a/b"


def test_one_that_cannot_be_sent_is_left_out_after_a_copy_too() -> None:
    """Its schema stays as it was given."""
    bad = convert_tool({"name": "bad", "input_schema": {"type": "array"}})
    request = build(tools=(convert_tool(dict(bad)),))
    assert "tools" not in request.body
    assert "'bad' left out" in request.notices[0]


def test_references_to_tools_name_them_as_they_are_sent() -> None:
    """A search of the caller's own finds tools by their own names."""
    call = AIMessage("", tool_calls=[{"name": "find", "args": {}, "id": "1"}])
    found = [{"type": "tool_reference", "tool_name": "a/b"}]
    history = [HumanMessage("q"), call, ToolMessage(found, tool_call_id="1")]
    tools = convert_tools([GIVEN, {"name": "find", "input_schema": {}}])
    (result,) = build(history, tools=tools).body["messages"][2]["content"]
    assert result["content"] == [{"type": "tool_reference", "tool_name": "a_b"}]


class Unknown:
    """A class that pydantic knows nothing of."""


def takes_callable(act: Callable[[int], int]) -> None:
    """Act."""


def takes_unknown(thing: Unknown) -> None:
    """Use it."""


class Constructed:
    """A class that only its constructor describes."""

    def __init__(self, name: str) -> None:
        self.name = name


class HoldsCallable(BaseModel):
    """Act."""

    act: Callable[[int], int]


class Dangling(BaseModel):
    """Refer to nothing."""

    other: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037 - on purpose


UNDESCRIBABLE = {
    "a function": takes_callable,
    "an unknown type": takes_unknown,
    "a class": HoldsCallable,
    "a missing type": Dangling,
    "a class with a constructor": Constructed,
    "a partial function": functools.partial(takes_callable),
}


@pytest.mark.parametrize("given", UNDESCRIBABLE.values(), ids=list(UNDESCRIBABLE))
def test_what_has_no_json_schema_is_a_typed_error(given: Any) -> None:
    """As a tool and as a form of output, on one line."""
    with pytest.raises(
        InvalidInputError, match=r"is not a tool.*no JSON schema \(.+\)\. A tool is"
    ):
        convert_tool(given)
    model = ChatClaudeCloud(model="claude-sonnet-4-5", platform=Vertex(project="p"))
    with pytest.raises(InvalidInputError):
        model.with_structured_output(given)
