"""Decides whether a scripted entry fits a request, by its text, its fields and its betas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import content_blocks
from langchain_claude_cloud.testing.wire import ReceivedRequest

Match: TypeAlias = str | Callable[[ReceivedRequest], bool]
"""A text that the newest user turn must contain, or a function that judges a request."""


def tool_result(content: str = "", *, name: str | None = None) -> Match:
    """Return a match for requests whose newest turn has the result of a tool.

    Args:
        content: What the result must contain.
        name: The tool that was called.
    """

    def judge(request: ReceivedRequest) -> bool:
        names = _called(request.body)
        return any(
            content in _text(block.get("content"))
            and name in {None, names.get(str(block.get("tool_use_id")))}
            for block in _newest(request.body)
            if block.get("type") == "tool_result"
        )

    return judge


def matches(match: Match | None, request: ReceivedRequest) -> bool:
    """Whether a request fits what an entry asks for."""
    if match is None:
        return True
    if isinstance(match, str):
        return match in _text(_newest(request.body))
    return bool(match(request))


def betas_of(request: ReceivedRequest) -> frozenset[str]:
    """Return the betas that a request asks for, by header or in its body."""
    header = request.headers.get("anthropic-beta", "").split(",")
    body = request.body.get("anthropic_beta")
    return frozenset(beta.strip() for beta in header if beta.strip()) | frozenset(
        str(beta) for beta in (body if isinstance(body, list) else [])
    )


def has_field(value: object, path: Sequence[str]) -> bool:
    """Whether there is a value at a path of keys and indices; ``*`` stands for every index."""
    if not path:
        return value not in (None, False)
    key, *rest = path
    if isinstance(value, dict):
        return key in value and has_field(value[key], rest)
    if isinstance(value, list):
        chosen = value if key == "*" else [v for n, v in enumerate(value) if str(n) == key]
        return any(has_field(each, rest) for each in chosen)
    return False


def _newest(body: JsonObject) -> list[JsonObject]:
    """The blocks of the user's newest turn: everything since the model spoke last."""
    blocks: list[JsonObject] = []
    messages = body.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if not isinstance(message, dict) or message.get("role") == "assistant":
            break
        blocks = [*content_blocks(message.get("content")), *blocks]
    return blocks


def _text(content: object) -> str:
    return "\n".join(_texts(content))


def _texts(content: object) -> Iterator[str]:
    for block in content_blocks(content):
        yield str(block.get("text", ""))
        yield from _texts(block.get("content"))


def _called(body: JsonObject) -> dict[str, str]:
    """The names of the tools that were called, by the ids of the calls."""
    messages = body.get("messages")
    return {
        str(block.get("id")): str(block.get("name"))
        for message in (messages if isinstance(messages, list) else [])
        for block in content_blocks(message.get("content") if isinstance(message, dict) else None)
        if block.get("type") == "tool_use"
    }
