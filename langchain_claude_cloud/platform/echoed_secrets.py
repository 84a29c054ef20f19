"""Takes the credentials of a request out of a refusal that quotes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

_SHORTEST_SECRET: Final = 8


def without_secrets(body: bytes, secrets: Iterable[str | None]) -> bytes:
    """Return a refusal's body without the credentials of the request that it may quote.

    Args:
        body: The body, in which gateways and debugging endpoints may echo a request.
        secrets: The credentials themselves, so that no pattern has to guess what one is.
            What is too short to be one is left alone.
    """
    for secret in secrets:
        if secret is not None and len(secret) >= _SHORTEST_SECRET:
            for form in {secret, quote(secret, safe=""), secret.replace("/", "\\/")}:
                body = body.replace(form.encode(), b"[redacted]")
    return body
