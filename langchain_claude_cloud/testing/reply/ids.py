"""Ids and other filler that look like the clouds' and follow from the content alone."""

from __future__ import annotations

import hashlib
import string

from langchain_claude_cloud.errors.types import Cloud

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FILLER = string.ascii_lowercase + string.ascii_uppercase + string.digits
_SHORT = {"vertex": "vrtx", "bedrock": "bdrk"}


def _digits(seed: bytes, length: int) -> str:
    number = int.from_bytes(hashlib.sha512(seed).digest(), "big")
    letters: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def make_id(kind: str, cloud: Cloud, seed: bytes) -> str:
    """Return an id such as ``msg_vrtx_01...`` or ``toolu_bdrk_01...``.

    Args:
        kind: ``msg``, ``toolu`` or ``req``.
        cloud: Which cloud's infix it gets.
        seed: What it stands for.
    """
    return f"{kind}_{_SHORT[cloud]}_01{_digits(kind.encode() + b':' + seed, 22)}"


def make_uuid(seed: bytes) -> str:
    """Return a request id as AWS writes it."""
    digest = hashlib.sha256(b"uuid:" + seed).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


class Noise:
    """An endless row of small numbers that follows from a seed."""

    def __init__(self, seed: bytes) -> None:
        self._state = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") | 1

    def below(self, limit: int) -> int:
        """Return the next number, from 0 to below the limit."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 33) % limit

    def spaces(self) -> str:
        """Return the spaces that Vertex puts before an event's last brace."""
        return " " * self.below(16)

    def padding(self) -> str:
        """Return the letters that Bedrock puts into ``p`` to hide an event's length."""
        return _FILLER[: 4 + self.below(58)]

    def piece(self, value: str, chunk: int | None) -> list[str]:
        """Split a text into deltas of a fixed or an uneven number of characters."""
        pieces: list[str] = []
        start = 0
        while start < len(value):
            size = chunk or 1 + self.below(20)
            pieces.append(value[start : start + size])
            start += size
        return pieces
