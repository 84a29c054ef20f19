"""Signatures of thinking blocks, which the emulator can check when they come back.

In: the thinking as it was shown. Out: a signature of the clouds' look; a changed block
is found out, one that another server signed is taken on trust.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_KEY = b"langchain-claude-cloud emulator"
_MARK = b"\x12\x2eemulated"
# Real signatures are protobuf messages that start with field 1 or 2, length-delimited.
_FIRST_BYTES = frozenset({0x0A, 0x12})


def sign_thinking(shown: str) -> str:
    """Return the signature for a thinking text (empty when it is omitted)."""
    mac = hmac.new(_KEY, shown.encode(), hashlib.sha256).digest()
    return base64.b64encode(_MARK + mac).decode()


def is_valid(signature: str, shown: str) -> bool:
    """Whether a signature may stand under a thinking text."""
    try:
        decoded = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if decoded.startswith(_MARK):
        return hmac.compare_digest(signature, sign_thinking(shown))
    return bool(decoded) and decoded[0] in _FIRST_BYTES
