"""Puts the stand-in's answer together: thinking, then words or tool calls, within limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import Block, text, thinking
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.stand_in.arguments import minimal_instance, quoted_texts
from langchain_claude_cloud.testing.stand_in.choose import choose_calls
from langchain_claude_cloud.testing.stand_in.conversation import Conversation, read

_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What the stand-in says.

    Attributes:
        blocks: The content.
        stop_reason: Why it ends.
        stop_sequence: The stop sequence that was met.
    """

    blocks: tuple[Block, ...]
    stop_reason: str
    stop_sequence: str | None = None


def answer(call: Call) -> Answer:
    """Return the stand-in's answer to a call."""
    body = call.body
    conversation = read(body)
    calls = choose_calls(body, conversation)
    blocks = [*_thinking(call, conversation)]
    if calls:
        forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
        if not forced and not call.rules.hides_talk_between_tools:
            blocks.append(text(f"I'll use {_names(calls)} for that."))
        said = Answer((*blocks, *calls), "tool_use")
    else:
        said = Answer((*blocks, text(_words(body, conversation))), "end_turn")
    said = _stopped(said, body.get("stop_sequences") or [])
    return _limited(said, int(body.get("max_tokens") or 10**9))


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


def _words(body: JsonObject, conversation: Conversation) -> str:
    schema = _format_schema(body)
    if schema is None and not conversation.results:
        schema = _schema_in_words(conversation.question)
    if schema is not None:
        value = minimal_instance(schema, conversation.question)
        return _go_on(json.dumps(value, ensure_ascii=False), conversation)
    return _go_on(_sentence(conversation), conversation) or "."


def _format_schema(body: JsonObject) -> JsonObject | None:
    config = body.get("output_config")
    given = config.get("format") if isinstance(config, dict) else None
    schema = given.get("schema") if isinstance(given, dict) else None
    return schema if isinstance(schema, dict) else None


def _go_on(said: str, conversation: Conversation) -> str:
    """Go on from a prefill instead of starting over."""
    prefill = conversation.prefill
    if not prefill:
        return said
    return said.removeprefix(prefill) if said.startswith(prefill) else " " + said


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


def _stopped(said: Answer, sequences: list[str]) -> Answer:
    """Cut the answer before the first stop sequence in its text."""
    for index, block in enumerate(said.blocks):
        found = [(block.text.find(s), s) for s in sequences if s in block.text]
        if block.kind != "text" or not found:
            continue
        at, sequence = min(found)
        kept = said.blocks[:index] + ((replace(block, text=block.text[:at]),) if at else ())
        return Answer(kept, "stop_sequence", sequence)
    return said


def _limited(said: Answer, max_tokens: int) -> Answer:
    """Cut the answer where its tokens run out, in the middle of JSON if need be."""
    left = max_tokens * _CHARACTERS
    kept: list[Block] = []
    for block in said.blocks:
        if len(block.text) > left:
            if left > 0:
                kept.append(replace(block, text=block.text[:left]))
            return Answer(tuple(kept), "max_tokens")
        left -= len(block.text)
        kept.append(block)
    return said
