"""Marks the texts of a request that a guardrail of Bedrock checks.

On InvokeModel that is done by tags around the texts, with a suffix that the body names
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html). Without any tag
a guardrail looks at the whole prompt, every earlier turn and the system prompt included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import GuardedText

_CONFIG: Final = "amazon-bedrock-guardrailConfig"
_SUFFIX_LENGTH: Final = 20
_HOLDS_TEXT: Final[Mapping[object, tuple[str, ...]]] = {
    "text": ("text", "data"),
    "document": ("source",),
    **dict.fromkeys(("content", "search_result", "tool_result"), ("content",)),
}
"""Where blocks and the sources of documents have text, by their type."""


def tag_guarded_texts(body: JsonObject, *, last_turn: bool) -> JsonObject:
    """Return a body with tags around the texts that are to be guarded.

    Args:
        body: A Messages API body; not changed.
        last_turn: Whether to guard what the user, or the tools, said last; else only what
            ``guard_content`` blocks hold.
    """
    messages = body["messages"]
    last = max((n for n, m in enumerate(messages) if m["role"] == "user"), default=-1)
    whole = last if last_turn else -1
    guarded: list[str] = []

    def collect(text: str) -> str:
        guarded.append(text)
        return text

    _map_texts(messages, whole, collect)
    if not guarded:
        return body
    given = body.get(_CONFIG) or {}
    # Nobody can write a text that holds the end of a tag that depends on all of the text.
    digest = hashlib.sha256("\0".join(guarded).encode("utf-8", "surrogatepass")).hexdigest()
    suffix = given.get("tagSuffix") or digest[:_SUFFIX_LENGTH]
    tag = f"amazon-bedrock-guardrails-guardContent_{suffix}"

    def wrap(text: str) -> str:
        return f"<{tag}>{text}</{tag}>"

    tagged = _map_texts(messages, whole, wrap)
    return {**body, "messages": tagged, _CONFIG: {**given, "tagSuffix": suffix}}


def _map_texts(
    messages: list[JsonObject], last: int, change: Callable[[str], str]
) -> list[JsonObject]:
    """Return messages with each guarded text as `change` returns it."""
    return [
        {**message, "content": _map_content(message["content"], change, whole=number == last)}
        for number, message in enumerate(messages)
    ]


def _map_content(content: object, change: Callable[[str], str], *, whole: bool) -> object:
    """Return content with its guarded texts changed: all of them, or those that say so."""
    if isinstance(content, str):
        return change(content) if whole or isinstance(content, GuardedText) else content
    if isinstance(content, list):
        return [_map_content(each, change, whole=whole) for each in content]
    if not isinstance(content, dict):
        return content
    keys = [key for key in _HOLDS_TEXT.get(content.get("type"), ()) if key in content]
    return content | {key: _map_content(content[key], change, whole=whole) for key in keys}
