"""Marks the texts of a request that a guardrail of Bedrock checks.

On InvokeModel that is done by tags around the texts, with a suffix that the body names
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html). Without any tag
a guardrail looks at the whole prompt, every earlier turn and the system prompt included.
"""

from __future__ import annotations

import hashlib
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import GuardedText

_CONFIG: Final = "amazon-bedrock-guardrailConfig"
_SUFFIX_LENGTH: Final = 20
_HOLDERS: Final = {"text": "text", "tool_result": "content"}
"""Where blocks hold what a guardrail may look at, by their types."""


def tag_guarded_texts(body: JsonObject, *, last_turn: bool) -> JsonObject:
    """Return a body with tags around the texts that are to be guarded.

    Args:
        body: A Messages API body; not changed.
        last_turn: Whether to guard what the user, or the tools, said last; else only what
            ``guard_content`` blocks hold.
    """
    messages, given = body["messages"], body.get(_CONFIG) or {}
    # Nobody can write a text that holds the end of a tag that depends on all of the text.
    digest = hashlib.sha256(repr(messages).encode()).hexdigest()
    suffix = given.get("tagSuffix") or digest[:_SUFFIX_LENGTH]
    tag = f"amazon-bedrock-guardrails-guardContent_{suffix}"
    last = max((n for n, m in enumerate(messages) if m["role"] == "user"), default=-1)
    tagged = [
        {**m, "content": _tagged(m["content"], tag, whole=last_turn and number == last)}
        for number, m in enumerate(messages)
    ]
    if tagged == messages:
        return body
    return {**body, "messages": tagged, _CONFIG: {**given, "tagSuffix": suffix}}


def _tagged(content: object, tag: str, *, whole: bool) -> object:
    """Return content with tags around its guarded texts: all of them, or those that say so."""
    if isinstance(content, str):
        is_guarded = whole or isinstance(content, GuardedText)
        return f"<{tag}>{content}</{tag}>" if is_guarded else content
    if not isinstance(content, list):
        return content
    return [
        {**block, key: _tagged(block[key], tag, whole=whole)}
        if (key := _HOLDERS.get(block["type"])) in block
        else block
        for block in content
    ]
