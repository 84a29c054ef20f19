"""Decides which tools to call, and how often.

In: a conversation, tools and a tool choice. Out: the calls with their arguments.
"""

from __future__ import annotations

import json
import re

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import Block
from langchain_claude_cloud.testing.stand_in.arguments import Filler
from langchain_claude_cloud.testing.stand_in.conversation import Conversation
from langchain_claude_cloud.testing.stand_in.phrases import Phrases, find_phrases

_COMMON_WORDS = """
about and any are call calls can does fetch for from function get gets given give has have into
its let look made make new not one only out return returns run set show take takes tell that the
their them then these they this tool tools two use used user uses using was what when which will
with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_USE_TOOL = re.compile(r"\b(?:use|using|call)\b.{0,20}\btools?\b", re.IGNORECASE)
_INSISTS = re.compile(r"\banswer by calling this tool\b", re.IGNORECASE)
_MENTIONED = 100
_MIN_LETTERS = 3
_MIN_DESCRIPTION_WORDS = 2


def choose_calls(body: JsonObject, conversation: Conversation) -> list[Block]:
    """Return the tool calls that the conversation asks for; none means: answer in words."""
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool.get("input_schema"), dict)]
    choice = body.get("tool_choice") or {"type": "auto"}
    if not tools or choice.get("type") == "none":
        return []
    chosen = _choose_tools(tools, choice, conversation)
    phrases = find_phrases(conversation.question)
    calls = [call for tool in chosen for call in _calls(tool, phrases, alone=len(chosen) == 1)]
    return calls[:1] if choice.get("disable_parallel_tool_use") else calls


def _choose_tools(
    tools: list[JsonObject], choice: JsonObject, conversation: Conversation
) -> list[JsonObject]:
    if choice.get("type") == "tool":
        return [tool for tool in tools if tool.get("name") == choice.get("name")]
    if conversation.results:
        wanted = _to_retry(tools, conversation)
    else:
        wanted = _asked_for(tools, conversation.question)
    if choice.get("type") == "any" and not wanted:
        called = {result.name for result in conversation.results}
        return [tool for tool in tools if tool["name"] not in called][:1] or tools[:1]
    return wanted


def _to_retry(tools: list[JsonObject], conversation: Conversation) -> list[JsonObject]:
    """Tools whose one call so far failed: a model tries once more."""
    results = conversation.results
    failed = {
        result.name
        for result in results
        if result.is_error and sum(other.name == result.name for other in results) == 1
    }
    return [tool for tool in tools if tool["name"] in failed]


def _asked_for(tools: list[JsonObject], question: str) -> list[JsonObject]:
    insisting = [t for t in tools if _INSISTS.search(str(t.get("description", "")))]
    if insisting:
        return insisting[:1]
    scores = [_score(tool, question) for tool in tools]
    mentioned = [t for t, score in zip(tools, scores, strict=True) if score >= _MENTIONED]
    if mentioned:
        return mentioned
    best = max(scores, default=0)
    if best > 0:
        return [tools[scores.index(best)]]
    if len(tools) == 1 and _USE_TOOL.search(question):
        return tools
    return []


def _score(tool: JsonObject, question: str) -> int:
    name = str(tool["name"])
    if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", question):
        return _MENTIONED
    asked = _stems(question)
    by_name = len(_stems(re.sub(r"[_-]|(?<=[a-z])(?=[A-Z])", " ", name)) & asked)
    by_description = len(_stems(str(tool.get("description", ""))) & asked)
    if by_name:
        return 10 * by_name + by_description
    return by_description if by_description >= _MIN_DESCRIPTION_WORDS else 0


def _stems(text: str) -> set[str]:
    words = (word.lower() for word in re.findall(r"[^\W\d_]+", text))
    return {w.removesuffix("s") for w in words if len(w) >= _MIN_LETTERS and w not in _COMMON}


def _calls(tool: JsonObject, phrases: Phrases, *, alone: bool) -> list[Block]:
    subjects = phrases.lists if alone and _takes_one_text(tool["input_schema"]) else ()
    if not subjects:
        return [_call(tool, phrases, None)]
    return [_call(tool, phrases, (subject,)) for subject in subjects]


def _takes_one_text(schema: JsonObject) -> bool:
    properties = schema.get("properties") or {}
    needed = schema.get("required") or list(properties)
    kinds = [properties.get(name, {}).get("type") for name in needed]
    return kinds == ["string"]


def _call(tool: JsonObject, phrases: Phrases, names: tuple[str, ...] | None) -> Block:
    schema = tool["input_schema"]
    arguments = Filler(phrases, schema, names).fill({"type": "object", **schema})
    raw = json.dumps(arguments, ensure_ascii=False) if arguments else ""
    return Block(kind="tool_use", name=str(tool["name"]), text=raw)
