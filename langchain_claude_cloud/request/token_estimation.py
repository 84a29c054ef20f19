"""Estimates how many tokens messages have, by their size alone.

There is no public tokenizer of Claude. The numbers here are fitted to recorded prompts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors.types import JsonObject

ESTIMATE_ERROR: Final = 0.35
"""How far an estimate may be off, as a part of the count: nine in ten recorded prompts of more
than 100 tokens lie within it. Images and PDFs are guessed at, and text that is not in words
(base64, hashes) may have twice as many tokens."""

PER_MESSAGE: Final = 4
"""What a turn costs besides its content."""

_FLAT: Final = {"image": 1_600, "image_url": 1_600, "file": 2_000, "document": 2_000}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a message is.

    Attributes:
        tokens: Its estimated tokens.
        digest: Tells it from other messages.
    """

    tokens: float
    digest: int


def size_of_tools(tools: Iterable[JsonObject], per_token: float) -> float:
    """Return the estimated tokens of tools, and of what the API says about them.

    Args:
        tools: As they are in a request.
        per_token: Characters of plain text that a token of the model has.
    """
    # The API adds 40 tokens for each, and 400 for having any (recorded prompts).
    sizes = [_text_size(_dump(tool), per_token) + 40 for tool in tools]
    return sum(sizes) + (400 if sizes else 0)


def size_of(message: BaseMessage, per_token: float) -> Size:
    """Return how large a message is.

    Args:
        message: Any message.
        per_token: Characters of plain text that a token of the model has.
    """
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    told = [[call["name"], call["args"]] for call in calls if isinstance(message.content, str)]
    pieces = (*_pieces(message.content), *(("text", _dump(call)) for call in told))
    sizes = (_FLAT.get(kind) or _text_size(text, per_token) for kind, text in pieces)
    for_tools = 30 if calls or message.type == "tool" else 0
    return Size(PER_MESSAGE + sum(sizes) + for_tools, hash((message.type, pieces)))


def quota_tokens_of(
    messages: Iterable[BaseMessage], body: JsonObject, model: ResolvedModel
) -> float:
    """Return how many tokens of a quota a request takes when it begins.

    Bedrock takes ``max_tokens`` besides the prompt, and gives back what was not used. Google
    does not say that Vertex AI does.

    Args:
        messages: The prompt.
        body: The request that was made of it.
        model: The model on its cloud.
    """
    per_token = model.info.characters_per_token
    prompt = sum(size_of(message, per_token).tokens for message in messages)
    reserved = body["max_tokens"] if model.cloud == "bedrock" else 0
    return prompt + size_of_tools(body.get("tools") or (), per_token) + reserved


def _pieces(content: object) -> Iterator[tuple[str, str]]:
    """Yield what content is made of: its kind (text, or one of media), and a text."""
    for item in content if isinstance(content, list) else [content]:
        block = item if isinstance(item, dict) else {"text": str(item)}
        kind, source = block.get("type"), block.get("source")
        if isinstance(block.get("text"), str):
            yield "text", block["text"]
        elif kind == "tool_result" and isinstance(block.get("content"), list):
            yield from _pieces(block["content"])
        elif kind in _FLAT and not (isinstance(source, dict) and source.get("type") == "text"):
            yield str(kind), _dump(block)
        else:
            yield "text", _dump({key: block[key] for key in block if key != "signature"})


def _dump(block: object) -> str:
    return json.dumps(block, default=str, ensure_ascii=False)


def _text_size(text: str, per_token: float) -> float:
    if text.isascii():
        return len(text) / per_token
    encoded = len(text.encode("utf-8", "surrogatepass"))
    plain = sum(character.isascii() for character in text)
    return plain / per_token + (encoded - plain) / 3  # bytes of other scripts
