"""Token estimates and the prompt cache.

Estimates are four characters a token, and a flat number for an image or a PDF. The cache tells
what of a prompt was read from it, written to it, and neither.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import content_blocks

_CHARACTERS = 4
_MEDIA_TOKENS = 1_600
_TTL_SECONDS = {"5m": 300.0, "1h": 3600.0}
_LOOKBACK = 20


def estimate(text: str) -> int:
    """Return the tokens of a text: a quarter of its characters, rounded up."""
    return -(-len(text) // _CHARACTERS)


@dataclass(frozen=True, slots=True)
class Part:
    """A cacheable piece of a prompt, in the order tools, system, messages.

    Attributes:
        content: Canonical JSON without ``cache_control``.
        tokens: How much it counts.
        ttl: Set where a cache breakpoint stands on it.
    """

    content: str
    tokens: int
    ttl: str | None


@dataclass(frozen=True, slots=True)
class InputUsage:
    """Input tokens by what the prompt cache did.

    Attributes:
        fresh: Neither read from the cache nor written to it.
        read: Read from the cache.
        written_5m: Written for five minutes.
        written_1h: Written for an hour.
    """

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        """All input tokens."""
        return self.fresh + self.read + self.written_5m + self.written_1h

    def as_json(self) -> JsonObject:
        """Return the usage keys of ``message_start``."""
        return {
            "input_tokens": self.fresh,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


def parts_of(body: JsonObject) -> list[Part]:
    """Return the pieces of a request's prompt in cache order."""
    parts = [_part(piece) for piece in _pieces(body)]
    ttl = _ttl(body)
    if ttl is not None and parts:
        last = parts[-1]
        parts[-1] = Part(last.content, last.tokens, last.ttl or ttl)
    return parts


def count_input(body: JsonObject) -> int:
    """Return a request's estimated input tokens."""
    return sum(part.tokens for part in parts_of(body)) + 3


def _pieces(body: JsonObject) -> Iterator[tuple[str, object]]:
    for tool in body.get("tools") or []:
        yield "tool", tool
    for block in content_blocks(body.get("system")):
        yield "system", block
    for message in body.get("messages") or []:
        for block in content_blocks(message.get("content")):
            yield str(message.get("role")), block


def _part(piece: tuple[str, object]) -> Part:
    place, block = piece
    bare = (
        {k: v for k, v in block.items() if k != "cache_control"}
        if isinstance(block, dict)
        else block
    )
    content = json.dumps([place, bare], sort_keys=True, ensure_ascii=False)
    return Part(content, _tokens(block, content), _ttl(block))


def _tokens(block: object, content: str) -> int:
    if not isinstance(block, dict):
        return estimate(content)
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "base64":
        return _MEDIA_TOKENS
    return estimate(str(block.get("text")) if block.get("type") == "text" else content)


def _ttl(holder: object) -> str | None:
    control = holder.get("cache_control") if isinstance(holder, dict) else None
    return str(control.get("ttl") or "5m") if isinstance(control, dict) else None


class PromptCache:
    """Remembers prompt prefixes, as the clouds do between a breakpoint and the next call."""

    def __init__(self) -> None:
        self._expiry: dict[str, float] = {}

    def use(self, body: JsonObject, *, scope: str, minimum: int) -> InputUsage:
        """Return a request's input usage, and remember what it writes.

        Args:
            body: The request.
            scope: What shares a cache: cloud, region and model.
            minimum: Tokens below which a prefix is not cached.
        """
        parts = parts_of(body)
        keys, sums = _prefixes(parts, scope)
        marks = [
            (index, part.ttl)
            for index, part in enumerate(parts)
            if part.ttl is not None and sums[index] >= minimum
        ]
        total = (sums[-1] if sums else 0) + 3
        if not marks:
            return InputUsage(fresh=total)
        read_to = self._longest_known(keys, [index for index, _ in marks])
        return self._write(keys, sums, marks, read_to, total)

    def _longest_known(self, keys: list[str], marks: list[int]) -> int:
        now = time.monotonic()
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - _LOOKBACK), -1):
                if self._expiry.get(keys[index], 0.0) > now:
                    return index
        return -1

    def _write(
        self,
        keys: list[str],
        sums: list[int],
        marks: list[tuple[int, str]],
        read_to: int,
        total: int,
    ) -> InputUsage:
        read = done = sums[read_to] if read_to >= 0 else 0
        written = {"5m": 0, "1h": 0}
        now = time.monotonic()
        self._expiry = {key: end for key, end in self._expiry.items() if end > now}
        for index, ttl in marks:
            self._expiry[keys[index]] = now + _TTL_SECONDS.get(ttl, 300.0)
            if sums[index] > done:
                written[ttl if ttl in written else "5m"] += sums[index] - done
                done = sums[index]
        return InputUsage(total - done, read, written["5m"], written["1h"])


def _prefixes(parts: list[Part], scope: str) -> tuple[list[str], list[int]]:
    digest = hashlib.sha256(scope.encode())
    keys: list[str] = []
    sums: list[int] = []
    total = 0
    for part in parts:
        digest.update(part.content.encode())
        total += part.tokens
        keys.append(digest.hexdigest())
        sums.append(total)
    return keys, sums
