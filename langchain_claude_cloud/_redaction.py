"""Keep credentials out of messages.

In: a text from a cloud, a proxy or a library. Out: the same without what may be a secret.
"""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"(x-amz-security-token\"?\s*[:=]\s*\"?|\bbearer\s+(?=\S*\d|\S{16})|\bauthorization\s*[:=]\s*|\bSignature=)"
    r"(?!AWS4|bearer)[^\s\"'\\,;]+"
    r"|()\bya29\.[\w.\-]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Take credentials out of a text.

    AWS quotes the canonical request, session token included, when a signature does not
    match, and the Authorization header when it cannot read one.
    """
    return _SECRETS.sub(lambda found: f"{found.group(1) or ''}[redacted]", text)
