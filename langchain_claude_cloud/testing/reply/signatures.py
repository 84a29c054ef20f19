"""Signs thinking blocks, and checks the signatures when the blocks come back.

A block of Claude's 5.5 generation is bound to the model and to what stood before it in the
conversation: tools, system prompt and messages. A changed block is found out on every model.
A signature that another server made is taken on trust.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import content_blocks

_KEY = b"langchain-claude-cloud emulator"
_MARK = b"\x12\x2eemulated"
_DIGEST = 32
# Real signatures are protobuf messages that start with field 1 or 2, length-delimited.
_FIRST_BYTES = frozenset({0x0A, 0x12})
_THINKING = frozenset({"thinking", "redacted_thinking"})


def sign_thinking(shown: str, binding: bytes = b"") -> str:
    """Return a signature.

    Args:
        shown: The thinking text; empty when it is omitted.
        binding: What the block is bound to, as `bindings` gives it; empty for no binding.
    """
    mac = hmac.new(_KEY, binding + shown.encode(), hashlib.sha256).digest()
    return base64.b64encode(_MARK + mac + binding).decode()


def is_valid(signature: str, shown: str) -> bool:
    """Whether a signature may stand under a thinking text."""
    decoded = _decode(signature)
    if decoded.startswith(_MARK):
        return hmac.compare_digest(signature, sign_thinking(shown, _binding_of(decoded)))
    return bool(decoded) and decoded[0] in _FIRST_BYTES


def is_bound_elsewhere(signature: str, binding: bytes) -> bool:
    """Whether a valid signature is bound to another conversation than this one."""
    decoded = _decode(signature)
    return decoded.startswith(_MARK) and _binding_of(decoded) not in {b"", binding}


def _decode(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _binding_of(decoded: bytes) -> bytes:
    return decoded[len(_MARK) + _DIGEST :]


def bindings(model: str, body: JsonObject) -> list[bytes]:
    """Return what the thinking in each message is bound to, and at the end that of the answer.

    Messages of one assistant turn have the same. Neither other thinking blocks nor cache
    breakpoints count.

    Args:
        model: The model's name.
        body: A valid request.
    """
    digest = hashlib.sha256(_canonical([model, body.get("tools"), body.get("system")]))
    found: list[bytes] = []
    role = None
    for message in body["messages"]:
        if role == message["role"] == "assistant":
            found.append(found[-1])
        else:
            found.append(digest.digest())
        role = message["role"]
        for block in content_blocks(message["content"]):
            if block["type"] not in _THINKING:
                digest.update(_canonical([role, block]))
    found.append(found[-1] if role == "assistant" else digest.digest())
    return found


def _canonical(value: object) -> bytes:
    return json.dumps(_without_breakpoints(value), sort_keys=True).encode()


def _without_breakpoints(value: object) -> object:
    if isinstance(value, list):
        return [_without_breakpoints(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_breakpoints(each) if key == "content" else each
        for key, each in value.items()
        if key != "cache_control"
    }
