"""The stand-in's answer: thinking, then a text or the tool calls that it chooses, within limits."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import Block, text, thinking
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.scripting import Reply
from langchain_claude_cloud.testing.stand_in.arguments import minimal_instance, quoted_texts
from langchain_claude_cloud.testing.stand_in.conversation import Conversation, read

_CHARACTERS = 4
_SHORTEST_WORD = 4
"""Letters of a word in a tool's name that a question can name it by: not ``get``, not ``my``."""


def answer(call: Call) -> Reply:
    """Return the stand-in's answer to a call."""
    body = call.body
    conversation = read(body)
    calls = _choose_calls(body, conversation)
    blocks = _thinking(call, conversation)
    if calls:
        forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
        if not forced and not call.rules.hides_talk_between_tools:
            blocks.append(text(f"I'll use {_names(calls)} for that."))
        blocks += calls
    else:
        blocks.append(text(_answer_text(body, conversation)))
    reply = _stopped(blocks, body.get("stop_sequences") or [])
    return _limited(reply, int(body.get("max_tokens") or 10**9))


def _names(calls: Sequence[Block]) -> str:
    return " and ".join(dict.fromkeys(call.name for call in calls))


def _thinking(call: Call, conversation: Conversation) -> list[Block]:
    config = call.body.get("thinking") or {}
    kind = config.get("type")
    forced = (call.body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    thinks = kind in {"adaptive", "enabled"} or (kind is None and call.rules.thinks_by_default)
    if not thinks or forced or conversation.prefill:
        return []
    display = config.get("display") or (
        "omitted" if call.rules.omits_thinking_text else "summarized"
    )
    if display == "omitted":
        return [thinking()]
    return [thinking(f'The user wrote: "{_short(conversation.question)}"')]


def _short(question: str) -> str:
    plain = " ".join(question.split())
    return plain if len(plain) <= 200 else plain[:197] + "..."  # noqa: PLR2004  # keeps answers readable


def _answer_text(body: JsonObject, conversation: Conversation) -> str:
    schema = _format_schema(body)
    if schema is None and not conversation.results:
        schema = _schema_in_words(conversation.question)
    if schema is not None:
        value = minimal_instance(schema, conversation.question)
        return _continued(json.dumps(value, ensure_ascii=False), conversation)
    return _continued(_sentence(conversation), conversation) or "."


def _format_schema(body: JsonObject) -> JsonObject | None:
    config = body.get("output_config")
    given = config.get("format") if isinstance(config, dict) else None
    schema = given.get("schema") if isinstance(given, dict) else None
    return schema if isinstance(schema, dict) else None


def _continued(answer: str, conversation: Conversation) -> str:
    """Go on from a prefill instead of starting over."""
    prefill = conversation.prefill
    if not prefill:
        return answer
    return answer.removeprefix(prefill) if answer.startswith(prefill) else " " + answer


def _sentence(conversation: Conversation) -> str:
    if conversation.results:
        return "The tools answered. " + "\n".join(
            f"{result.name} failed: {result.text}"
            if result.is_error
            else f"{result.name}: {result.text}"
            for result in conversation.results
        )
    sent = "".join(f" You sent {name}." for name in conversation.media)
    return f'I am the stand-in for Claude. You wrote: "{_short(conversation.question)}"{sent}'


def _schema_in_words(question: str) -> JsonObject | None:
    """Return a schema with the keys that a question asks for in JSON, in quotation marks."""
    words = question.lower()
    keys = [text for text in quoted_texts(question) if " " not in text]
    if not keys or "json" not in words or "key" not in words:
        return None
    return {"type": "object", "properties": {key: {} for key in keys}, "required": keys}


def _choose_calls(body: JsonObject, conversation: Conversation) -> list[Block]:
    """Return the tool calls that the conversation asks for; none means: answer in words."""
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool.get("input_schema"), dict)]
    choice = body.get("tool_choice") or {"type": "auto"}
    if not tools or choice.get("type") == "none":
        return []
    chosen = _chosen_tools(tools, choice, conversation)
    calls = [_call(tool, conversation.question) for tool in chosen]
    return calls[:1] if choice.get("disable_parallel_tool_use") else calls


def _chosen_tools(
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


def _stopped(blocks: Sequence[Block], sequences: list[str]) -> Reply:
    """Cut the answer before the first stop sequence in its text."""
    for index, block in enumerate(blocks):
        found = [(block.text.find(s), s) for s in sequences if s in block.text]
        if block.kind != "text" or not found:
            continue
        at, sequence = min(found)
        cut = (replace(block, text=block.text[:at]),) if at else ()
        kept = (*blocks[:index], *cut)
        return Reply(blocks=kept, stop_reason="stop_sequence", stop_sequence=sequence)
    return Reply(blocks=tuple(blocks))


def _limited(reply: Reply, max_tokens: int) -> Reply:
    """Cut the answer where its tokens run out, in the middle of JSON if need be."""
    left = max_tokens * _CHARACTERS
    kept: list[Block] = []
    for block in reply.blocks:
        if len(block.text) > left:
            if left > 0:
                kept.append(replace(block, text=block.text[:left]))
            return Reply(blocks=tuple(kept), stop_reason="max_tokens")
        left -= len(block.text)
        kept.append(block)
    return reply
