"""What may be a credential is shown nowhere, and looking for it takes little time."""

from __future__ import annotations

import copy
import pickle
import time
from typing import Final

import pytest

from langchain_claude_cloud.errors.redaction import SafeHeaders, mask_headers, redact, reveal

JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PEM: Final = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n-----END PRIVATE KEY-----\\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"assertion {JWT} refused", "assertion [redacted] refused"),
        (f"token-{JWT}", "token-[redacted]"),
        (f"-eyJ-{JWT}", "-[redacted]"),
        (f'{{"private_key": "{PEM}", "client_email": "a@b"}}', '{"private_key": "[redacted]\\n", "client_email": "a@b"}'),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ\ncut", "[redacted]"),
        ("'refresh_token': '1//0abc', x", "'refresh_token': '[redacted]', x"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7", "aws_secret_access_key = [redacted]"),
        ("eyJ is how a JWT begins", "eyJ is how a JWT begins"),
        ("a session token expired", "a session token expired"),
    ],
)  # fmt: skip
def test_credentials_are_taken_out_of_texts(text: str, shown: str) -> None:
    """Whatever quotes them: a gateway, a library, a file's contents in place of its path."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "part",
    ["-eyJ", "-eyJaaaaaaaa.", "eyJ.", "bearer ", "-----BEGIN PRIVATE KEY-----", "private_key", "-"],
)
def test_the_work_grows_with_the_text_and_not_faster(part: str) -> None:
    """A hostile body of 64 kB is searched in the time of an honest one."""
    texts = [(part * size)[:size] for size in (16_000, 64_000)]
    took = []
    for text in texts:
        rounds = []
        for _ in range(3):
            started = time.process_time()
            redact(text)
            rounds.append(time.process_time() - started)
        took.append(min(rounds))
    assert took[1] < 8 * took[0] + 0.05


@pytest.mark.parametrize(
    "name",
    [
        *("x-goog-iap-jwt-assertion", "cf-access-jwt-assertion", "x-passphrase", "session"),
        *("X-Session-Id", "x-pwd", "x-bearer", "authorization", "cookie", "x-api-key"),
        *("x-pat", "x-otp", "x-sig", "x-hmac", "x-creds", "x-user-pass", "dsn", "x-saml-response"),
        *("x-ticket", "x-csrf", "x-connection-string", "x-private", "x_sas", "x-sso"),
        *("x-pw", "x-totp", "x-mfa-code", "x-jwe"),
    ],
)
def test_headers_whose_name_tells_are_masked(name: str) -> None:
    """Identity proxies put their assertions into headers of their own."""
    headers = SafeHeaders({name: "canary", "x-team": "red"})
    copied = pickle.loads(pickle.dumps(headers))  # noqa: S301  our own bytes
    for shown in (repr(headers), repr(mask_headers(headers)), str({**headers}), str(dict(copied))):
        assert "canary" not in shown
        assert "red" in shown


def test_a_copy_of_headers_is_another() -> None:
    """It keeps the credentials, and a change of it leaves the first alone."""
    headers = SafeHeaders({"x-api-key": "canary"})
    for copied in (copy.copy(headers), copy.deepcopy(headers), headers.copy()):
        assert type(copied) is SafeHeaders
        assert reveal(copied) == {"x-api-key": "canary"}
        copied["x-team"] = "red"
    assert "x-team" not in headers


@pytest.mark.parametrize("name", ["x-bypass-cache", "x-opinion", "x-design", "x-pattern", "accept"])
def test_other_headers_are_shown(name: str) -> None:
    """Their names only resemble those of credentials."""
    assert mask_headers({name: "red"}) == {name: "red"}


@pytest.mark.parametrize(
    "value",
    [
        *(JWT, f"Bearer {JWT}", "bearer abc", "Basic dXNlcjpwYXNz", "Token abc", "ApiKey abc"),
        *("AWS4-HMAC-SHA256 Credential=A/b", "sk-ant-api03-abc", "ghp_abc", "ya29.abc", "AKIA1"),
        *("https://user:pw@host/", "ABSKabcdefgh"),
    ],
)
def test_headers_whose_value_tells_are_masked(value: str) -> None:
    """A name such as x-user says nothing; a JWT says all."""
    assert mask_headers({"x-user": value, "x-team": "red"}) == {
        "x-user": "**********",
        "x-team": "red",
    }
