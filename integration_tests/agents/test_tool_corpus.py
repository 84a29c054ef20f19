"""Every form of schema in the corpus is taken by both running_emulator, and calls come back as it says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from tool_corpus import FORMS, NAMES

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.request.tools import convert_tool
from langchain_claude_cloud.testing import CloudEmulator


@pytest.fixture(scope="module", params=["vertex", "bedrock"])
def model(running_emulator: CloudEmulator, request: pytest.FixtureRequest) -> ChatClaudeCloud:
    """A model on each cloud."""
    platform = (
        running_emulator.vertex() if request.param == "vertex" else running_emulator.bedrock()
    )
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform)


def _tool(name: str, schema: Any) -> StructuredTool:
    return StructuredTool(name=name, description="d", args_schema=schema, func=str)


def test_there_are_more_than_a_hundred_forms() -> None:
    """Each another one."""
    assert len({str(schema) for schema in FORMS.values()}) == len(FORMS) > 100


@pytest.mark.parametrize("form", FORMS)
def test_a_call_of_each_form_comes_back(model: ChatClaudeCloud, form: str) -> None:
    """Its arguments fit the tool's own schema, and the conversation goes on."""
    tool = _tool(form, FORMS[form])
    bound = model.bind_tools([tool], tool_choice=form)
    message = bound.invoke("look")
    (call,) = message.tool_calls
    assert call["name"] == form
    own = convert_tool(tool)["input_schema"]
    assert set(own.get("properties") or {}) >= set((FORMS[form] or {}).get("properties") or {})
    Draft202012Validator(own).validate(call["args"])
    history = [HumanMessage("look"), message, ToolMessage("done", tool_call_id=call["id"])]
    model.bind_tools([tool]).invoke(history)


@pytest.mark.parametrize("name", NAMES)
def test_tools_of_every_name_are_called_by_it(model: ChatClaudeCloud, name: str) -> None:
    """Streamed, too."""
    bound = model.bind_tools([_tool(name, FORMS["odata_options"])], tool_choice=name)
    assert bound.invoke("look").tool_calls[0]["name"] == name
    chunks = [part for chunk in bound.stream("look") for part in chunk.tool_call_chunks]
    assert {part["name"] for part in chunks if part["name"]} == {name}


def test_all_of_them_together(model: ChatClaudeCloud) -> None:
    """One agent with all the tools of all its servers."""
    tools = [_tool(name, schema) for name, schema in FORMS.items()]
    tools += [_tool(name, {}) for name in NAMES]
    assert model.bind_tools(tools).invoke("look").content
