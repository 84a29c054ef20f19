"""Keep credentials out of messages, and messages within bounds.

In: a text from a cloud, a proxy or a library. Out: the same without what may be a secret, of
a bounded length, in characters that every terminal and log takes.
"""

from __future__ import annotations

import re
from typing import Final

_SECRETS = re.compile(
    r"(x-amz-security-token[\\\"']*\s*[:=]\s*[\\\"']*|\bbearer\s+(?=\S*\d|\S{16})"
    r"|\bauthorization[\\\"']*\s*[:=]\s*[\\\"']*|\bSignature=)"
    r"(?!AWS4|bearer)[^\s\"'\\,;]+"
    r"|()\bya29\.[\w.\-]+"
    r"|()\b(?:ABSK|bedrock-api-key-)[\w+/=\-]{8,}"
    r"|(\bCredential=)[^\s/]+"
    r"|()\beyJ[\w\-]{8,}\.[\w\-]+(?:\.[\w\-]*)?"  # a JWT: an identity, or an assertion of one
    r"|(://)[^\s/@]+(?=@)",  # a proxy's user and password
    re.IGNORECASE,
)
# C0 and C1 controls but for tab and line feed move a terminal's cursor or colour it; lone
# surrogates cannot be encoded, so that printing them would fail.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_OMITTED: Final = " [...]"
_MARGIN: Final = 4


def redact(text: str) -> str:
    """Take credentials out of a text.

    AWS quotes the canonical request, session token included, when a signature does not
    match, and the Authorization header when it cannot read one.
    """
    return _SECRETS.sub(lambda found: f"{found.group(found.lastindex or 0)}[redacted]", text)


def clean(text: str, limit: int) -> str:
    """Return a text without credentials and control characters, and not over a length.

    Args:
        text: Any text; whatever its size, the work is bounded by the limit.
        limit: How many characters the result has at most.
    """
    # Cut before the search, so that it is quick, but not so close that a secret's beginning
    # is cut off from what tells it to be one.
    shown = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", redact(text[: _MARGIN * limit]))
    return shown if len(shown) <= limit else shown[: limit - len(_OMITTED)] + _OMITTED
