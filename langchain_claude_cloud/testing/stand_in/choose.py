"""Decides which tools the stand-in calls."""

from __future__ import annotations

import json
import re

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import Block
from langchain_claude_cloud.testing.stand_in.arguments import minimal_instance
from langchain_claude_cloud.testing.stand_in.conversation import Conversation

_SHORTEST_WORD = 4
"""Letters of a word in a tool's name that a question can name it by: not ``get``, not ``my``."""


def choose_calls(body: JsonObject, conversation: Conversation) -> list[Block]:
    """Return the tool calls that the conversation asks for; none means: answer in words."""
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool.get("input_schema"), dict)]
    choice = body.get("tool_choice") or {"type": "auto"}
    if not tools or choice.get("type") == "none":
        return []
    chosen = _choose_tools(tools, choice, conversation)
    calls = [_call(tool, conversation.question) for tool in chosen]
    return calls[:1] if choice.get("disable_parallel_tool_use") else calls


def _choose_tools(
    tools: list[JsonObject], choice: JsonObject, conversation: Conversation
) -> list[JsonObject]:
    if choice.get("type") == "tool":
        return [tool for tool in tools if tool.get("name") == choice.get("name")]
    if conversation.results:
        wanted = [tool for tool in tools if _failed_once(tool, conversation)]
    else:
        wanted = [tool for tool in tools if _is_asked_for(tool, conversation.question)]
    if choice.get("type") == "any" and not wanted:
        called = {result.name for result in conversation.results}
        return [tool for tool in tools if tool["name"] not in called][:1] or tools[:1]
    return wanted


def _failed_once(tool: JsonObject, conversation: Conversation) -> bool:
    """Whether the one call of a tool so far failed: a model tries once more."""
    results = [result for result in conversation.results if result.name == tool["name"]]
    return len(results) == 1 and results[0].is_error


def _is_asked_for(tool: JsonObject, question: str) -> bool:
    """Whether a question has a word of the tool's name, or the tool insists on being called."""
    if "answer by calling this tool" in str(tool.get("description", "")).lower():
        return True
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", str(tool["name"]))
    telling = [word.lower() for word in words if len(word) >= _SHORTEST_WORD]
    return any(re.search(rf"(?<![a-z]){word}", question.lower()) for word in telling)


def _call(tool: JsonObject, question: str) -> Block:
    arguments = minimal_instance({"type": "object", **tool["input_schema"]}, question)
    raw = json.dumps(arguments, ensure_ascii=False) if arguments else ""
    return Block(kind="tool_use", name=str(tool["name"]), text=raw)
