"""Reads a conversation: what was asked, what tools were called for it, and what they returned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import content_blocks


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool returned.

    Attributes:
        name: The tool.
        text: Its text; media are named in brackets.
        is_error: Whether the call failed.
    """

    name: str
    text: str
    is_error: bool


@dataclass(slots=True)
class Conversation:
    """A conversation as the stand-in sees it.

    Attributes:
        question: The text of the last user turn that has any.
        results: Tool results that came after it.
        media: Names of the images and documents in that turn.
        prefill: The text that the answer must continue.
    """

    question: str = ""
    results: list[Result] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    prefill: str = ""


def read(body: JsonObject) -> Conversation:
    """Return the conversation of a request."""
    conversation = Conversation()
    names: dict[str, str] = {}
    for role, blocks in _turns(body):
        if role == "user":
            _read_user(conversation, blocks, names)
        for block in blocks:
            if block.get("type") == "tool_use":
                names[str(block.get("id"))] = str(block.get("name"))
        conversation.prefill = ""
        if role == "assistant" and not any(b.get("type") == "tool_use" for b in blocks):
            conversation.prefill = "".join(str(b.get("text", "")) for b in blocks)
    return conversation


def _turns(body: JsonObject) -> Iterator[tuple[str, list[JsonObject]]]:
    turns: list[tuple[str, list[JsonObject]]] = []
    for message in body.get("messages") or []:
        role, blocks = str(message.get("role")), content_blocks(message.get("content"))
        if turns and turns[-1][0] == role:
            turns[-1] = (role, [*turns[-1][1], *blocks])
        elif role != "system":
            turns.append((role, blocks))
    yield from turns


def _read_user(conversation: Conversation, blocks: list[JsonObject], names: dict[str, str]) -> None:
    results = [b for b in blocks if b.get("type") == "tool_result"]
    rest = [b for b in blocks if b.get("type") != "tool_result"]
    said = _text(rest)
    if said.strip() or not results:
        conversation.question = said
        conversation.media = [
            _media_name(b) for b in rest if b.get("type") in {"image", "document"}
        ]
        conversation.results = []
    for block in results if not said.strip() else []:
        conversation.results.append(
            Result(
                names.get(str(block.get("tool_use_id")), "tool"),
                _result_text(block.get("content")),
                bool(block.get("is_error")),
            )
        )


def _text(content: object) -> str:
    texts = (str(b.get("text", "")) for b in content_blocks(content) if b.get("type") == "text")
    return "\n".join(text for text in texts if text)


def _result_text(content: object) -> str:
    return "\n".join(
        str(block["text"]) if "text" in block else f"[{_media_name(block)}]"
        for block in content_blocks(content)
    )


def _media_name(block: JsonObject) -> str:
    source = block.get("source")
    kind = source.get("media_type") if isinstance(source, dict) else None
    title = block.get("title")
    return " ".join(str(part) for part in (block.get("type"), kind, title) if part)
