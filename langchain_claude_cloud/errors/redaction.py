"""Keep credentials out of texts and headers that are shown, and texts within bounds."""

from __future__ import annotations

import re
from typing import Final, Self

from pydantic import SecretStr

from langchain_claude_cloud.errors.types import Headers

# A JWT is an identity, or an assertion of one. Of a run of its letters only the first "eyJ" is
# looked at: where no dot follows it, none follows a later one (else the time were quadratic).
_JWT = r"(?<![\w\-])(?>([\w\-]*?)\beyJ)[\w\-]{8,}+\.[\w\-]+(?:\.[\w\-]*)?"
_SECRETS = re.compile(
    r"(x-amz-security-token[\\\"']*\s*[:=]\s*[\\\"']*|\bbearer\s+(?=\S*\d|\S{16})"
    r"|\bauthorization[\\\"']*\s*[:=]\s*[\\\"']*|\bSignature="
    # The fields of a key file, or of a login, wherever they are quoted.
    r"|(?<![A-Za-z0-9])(?:private_key(?:_id)?|refresh_token|client_secret|secret_?access_?key|session_?token)"
    r"[\\\"']*\s*[:=]\s*[\\\"']*)"
    r"(?!AWS4|bearer|-----)[^\s\"'\\,;]+"
    r"|()-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END).)*+(?:-----END[A-Z -]*)?"
    r"|()\bya29\.[\w.\-]+"
    r"|()\b(?:ABSK|bedrock-api-key-)[\w+/=\-]{8,}"
    r"|(\bCredential=)[^\s/]+"
    rf"|{_JWT}"
    r"|(://)[^\s/@]+(?=@)",  # a proxy's user and password
    re.IGNORECASE | re.DOTALL,
)
# C0 and C1 controls but for tab and line feed move a terminal's cursor or colour it; lone
# surrogates cannot be encoded, so that printing them would fail.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CREDENTIAL_NAME = re.compile(
    r"assertion|auth|bearer|connection-?string|cookie|cred|csrf|hmac|jw[est]|key|(?<!by)pass|private|pwd"
    r"|saml|secret|session|signature|ticket|token|xsrf"
    r"|(?<![a-z])(?:basic|cert|dsn|login|mfa|nonce|t?otp|pat|psk|pw|pin|sas|sig|sso)(?![a-z])",
    re.IGNORECASE,
)
_CREDENTIAL_VALUE = re.compile(
    r"\s*(?:(?:bearer|basic|negotiate|digest|token|api-?key|aws4-hmac-sha256)\s+\S"
    # How the tokens and keys of widely used services begin.
    r"|(?:sk|pk|rk)-|gh[opsu]_|github_pat_|glpat-|xox[a-z]-|hf_|AKIA|ASIA|AIza)",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?=.*[./\\])[\w .:/\\~@-]{1,300}")
MASK: Final = "**********"
"""What is shown in place of a credential, as pydantic shows a ``SecretStr``."""


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
    shown = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", redact(text[: 4 * limit]))
    return shown if len(shown) <= limit else shown[: limit - len(" [...]")] + " [...]"


def shown_path(text: str) -> str | None:
    """Return a path as it may be shown; None for what looks like a file's contents instead."""
    return text if _PATH.fullmatch(text) and not _is_credential_value(text) else None


def is_credential(name: str, value: str = "") -> bool:
    """Whether a header is likely to carry a credential, by its name or its value."""
    return _CREDENTIAL_NAME.search(name) is not None or _is_credential_value(value)


def _is_credential_value(value: str) -> bool:
    return _CREDENTIAL_VALUE.match(value) is not None or redact(value) != value


def reveal(headers: Headers) -> dict[str, str]:
    """Return headers as they are sent."""
    return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in headers.items()}


def mask_headers(headers: Headers) -> dict[str, str]:
    """Return headers as they may be shown and stored: without the values of credentials."""
    return {k: MASK if isinstance(v, SecretStr) else v for k, v in SafeHeaders(headers).items()}


class SafeHeaders(dict[str, str | SecretStr]):
    """Headers that show no credential when they are printed, serialized or pickled.

    Error trackers and serializers write out what a mapping holds: a credential is a `SecretStr`.
    """

    def __init__(self, headers: Headers) -> None:
        plain = reveal(headers).items()
        super().__init__(
            (k, SecretStr(v) if is_credential(str(k), str(v)) else v) for k, v in plain
        )

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, str]]]:
        return type(self), (mask_headers(self),)

    def __copy__(self) -> Self:
        return type(self)(self)

    copy = __copy__

    def __deepcopy__(self, memo: object) -> Self:
        return self.__copy__()
