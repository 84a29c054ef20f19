"""The content blocks of a reply, as a test writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from langchain_claude_cloud.errors.types import JsonObject

BlockKind = Literal["text", "thinking", "redacted_thinking", "tool_use", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One content block of a reply.

    Attributes:
        kind: What it is; ``json`` is sent whole when the block starts, as server tools'
            results are.
        text: The text, the thinking, the redacted data, or the tool input as JSON text.
        name: The tool's name.
        id: The tool call's id; None for one made from the request.
        signature: A thinking block's signature; None for one that the emulator can verify.
        citations: Citations of a text block, sent after its text.
        ended: Whether ``content_block_stop`` is sent; None: unless ``max_tokens`` cut the
            last tool call.
        payload: A ``json`` block as it is.
    """

    kind: BlockKind
    text: str = ""
    name: str = ""
    id: str | None = None
    signature: str | None = None
    citations: tuple[JsonObject, ...] = ()
    ended: bool | None = None
    payload: JsonObject = field(default_factory=dict)


def text(value: str, *, citations: Sequence[JsonObject] = ()) -> Block:
    """Return a text block."""
    return Block(kind="text", text=value, citations=tuple(citations))


def thinking(value: str = "", *, signature: str | None = None) -> Block:
    """Return a thinking block; with ``display: omitted`` its text is empty."""
    return Block(kind="thinking", text=value, signature=signature)


def redacted_thinking(data: str = "EmulatedRedactedThinking") -> Block:
    """Return a block of encrypted thinking."""
    return Block(kind="redacted_thinking", text=data)


def tool_use(
    name: str,
    arguments: Mapping[str, object] | None = None,
    *,
    id: str | None = None,  # noqa: A002  # the wire's name
) -> Block:
    """Return a tool call with complete, valid arguments; without arguments its input is empty."""
    raw = json.dumps(dict(arguments), ensure_ascii=False) if arguments else ""
    return Block(kind="tool_use", name=name, text=raw, id=id)


def raw_tool_use(
    name: str,
    raw: str,
    *,
    id: str | None = None,  # noqa: A002  # the wire's name
    ended: bool | None = None,
) -> Block:
    """Return a tool call whose input is exactly this text, valid JSON or not."""
    return Block(kind="tool_use", name=name, text=raw, id=id, ended=ended)


def server_tool_use(
    name: str,
    arguments: Mapping[str, object] | None = None,
    *,
    id: str = "srvtoolu_01Emulated",  # noqa: A002  # the wire's name
) -> Block:
    """Return the call of a tool that the API runs itself, such as ``web_search``.

    A paused answer (``stop_reason="pause_turn"``) ends with one.
    """
    payload = {"type": "server_tool_use", "id": id, "name": name, "input": dict(arguments or {})}
    return Block(kind="json", payload=payload)


def content_blocks(content: object) -> list[JsonObject]:
    """Return the content of a message, a result or a system prompt as blocks."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def as_block(value: Block | str | Mapping[str, object]) -> Block:
    """Return a block from what a test may write: a block, a text, or block JSON."""
    if isinstance(value, Block):
        return value
    if isinstance(value, str):
        return text(value)
    if "type" not in value:
        raise ValueError(
            f"{value!r:.80} is no block: give a text, text(...), tool_use(...), or a dict with its "
            "'type'."
        )
    return Block(kind="json", payload=dict(value))
