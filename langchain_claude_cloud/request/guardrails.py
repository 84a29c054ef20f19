"""Marks the texts of a request that a guardrail of Bedrock checks.

On InvokeModel that is done by tags around the texts, with a suffix that the body names
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html). Without any tag
a guardrail looks at the whole prompt, every earlier turn and the system prompt included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import GuardedText

_CONFIG: Final = "amazon-bedrock-guardrailConfig"
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
    if not any(_guarded(body["messages"], last_turn=last_turn)):
        return body
    messages = deepcopy(body["messages"])
    places = list(_guarded(messages, last_turn=last_turn))
    given = body.get(_CONFIG) or {}
    # Nobody can write a text that holds the end of a tag that depends on all of the text.
    guarded = "\0".join(holder[key] for holder, key in places)
    digest = hashlib.sha256(guarded.encode("utf-8", "surrogatepass")).hexdigest()
    suffix = given.get("tagSuffix") or digest[:20]
    tag = f"amazon-bedrock-guardrails-guardContent_{suffix}"
    for holder, key in places:
        holder[key] = f"<{tag}>{holder[key]}</{tag}>"
    return {**body, "messages": messages, _CONFIG: {**given, "tagSuffix": suffix}}


def _guarded(messages: list[JsonObject], *, last_turn: bool) -> Iterator[tuple[JsonObject, str]]:
    """Yield where the texts are that are to be guarded: what holds each, and its key there."""
    last = max((n for n, each in enumerate(messages) if each["role"] == "user"), default=-1)
    for number, message in enumerate(messages):
        yield from _texts(message, "content", whole=last_turn and number == last)


def _texts(holder: JsonObject, key: str, *, whole: bool) -> Iterator[tuple[JsonObject, str]]:
    """Yield where the texts of content are: all of them, or those that say so."""
    content = holder[key]
    if isinstance(content, str):
        if whole or isinstance(content, GuardedText):
            yield holder, key
        return
    for block in content if isinstance(content, list) else [content]:
        for name in _HOLDS_TEXT.get(block.get("type"), ()):
            if name in block:
                yield from _texts(block, name, whole=whole)
