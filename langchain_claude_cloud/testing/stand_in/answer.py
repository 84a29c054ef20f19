"""Puts an answer together: thinking, words or tool calls, and the limits of the request.

In: a valid call. Out: the blocks, and why the answer ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import Block, text, thinking
from langchain_claude_cloud.testing.server.call import Call
from langchain_claude_cloud.testing.stand_in.arguments import Filler
from langchain_claude_cloud.testing.stand_in.choose import choose_calls
from langchain_claude_cloud.testing.stand_in.conversation import Conversation, read
from langchain_claude_cloud.testing.stand_in.phrases import find_phrases

_CHARACTERS = 4
_GREETING = re.compile(r"\s*(?:hello|hi|hey|good (?:morning|evening))\b", re.IGNORECASE)


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
    return [thinking(f"The user wants: {_short(conversation.question)} I know what to say.")]


def _short(question: str) -> str:
    plain = " ".join(question.split())
    return plain if len(plain) <= 200 else plain[:197] + "..."  # noqa: PLR2004  # keeps thinking readable


def _words(body: JsonObject, conversation: Conversation) -> str:
    schema = _format_schema(body)
    if schema is not None:
        filler = Filler(find_phrases(conversation.question), schema)
        return _go_on(json.dumps(filler.fill(schema), ensure_ascii=False), conversation)
    return _go_on(_prose(conversation), conversation) or "."


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


def _prose(conversation: Conversation) -> str:
    question = conversation.question
    if conversation.results:
        return _report(conversation)
    keys = _json_keys(question)
    if keys:
        properties = {key: {"type": "string"} for key in keys}
        schema: JsonObject = {"type": "object", "properties": properties, "required": keys}
        return json.dumps(Filler(find_phrases(""), schema).fill(schema), ensure_ascii=False)
    if _GREETING.match(question):
        return "Hello! How can I help you today?"
    if conversation.media:
        return f"You sent me {', '.join(conversation.media)}. {_echo(question)}"
    return _echo(question)


def _echo(question: str) -> str:
    return (
        f'You wrote: "{_short(question)}" '
        "I am the emulator's stand-in for Claude, so this is all that I have to say about it."
    )


def _report(conversation: Conversation) -> str:
    lines = [
        f"{result.name} failed: {result.text}"
        if result.is_error
        else f"{result.name}: {result.text}"
        for result in conversation.results
    ]
    return "Here is what I found. " + "\n".join(lines)


def _json_keys(question: str) -> list[str]:
    """The keys that a prompt asks for in JSON, in quotation marks."""
    if "json" not in question.lower() or "key" not in question.lower():
        return []
    return [phrase for phrase in find_phrases(question).quoted if " " not in phrase]


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
