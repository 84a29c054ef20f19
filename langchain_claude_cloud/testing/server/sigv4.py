"""Verifies AWS Signature Version 4 from a request as it came over the wire.

Written from the AWS reference (Create a signed AWS API request), without botocore: a client that
signs with botocore must agree with someone else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from langchain_claude_cloud.testing.wire import Incoming

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/]+)/"
    r"(?P<service>[^/]+)/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
MAX_SKEW_SECONDS = 300


class SignatureProblem(Exception):  # noqa: N818  # becomes a refusal, never reaches a caller
    """Why a signature is not accepted."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Authorization:
    """The parts of an Authorization header."""

    def __init__(self, value: str) -> None:
        match = _AUTHORIZATION.fullmatch(value.strip())
        if match is None:
            raise SignatureProblem(
                "IncompleteSignatureException",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' "
                "parameters.",
            )
        self.key: str = match["key"]
        self.date: str = match["date"]
        self.region: str = match["region"]
        self.service: str = match["service"]
        self.signed_headers: list[str] = match["headers"].split(";")
        self.signature: str = match["signature"]

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def scope_of(request: Incoming) -> tuple[str, str | None]:
    """Return the service and the region that a request is signed for; an API key names none."""
    try:
        authorization = Authorization(request.header("authorization") or "")
    except SignatureProblem:
        return "", None
    return authorization.service, authorization.region


def verify(
    request: Incoming,
    authorization: Authorization,
    secret: str,
    *,
    service: str = "bedrock",
    now: datetime | None = None,
) -> None:
    """Check a request's signature.

    Args:
        request: The request as it came.
        authorization: Its parsed Authorization header.
        secret: The secret key of the claimed access key.
        service: The signing name that the endpoint expects.
        now: The time; for test vectors.

    Raises:
        SignatureProblem: The signature does not hold.
    """
    timestamp = request.header("x-amz-date") or ""
    _check_scope(authorization, timestamp, service)
    _check_skew(timestamp, now or datetime.now(UTC))
    _check_signed_headers(request, authorization.signed_headers)
    canonical = canonical_request(request, authorization.signed_headers)
    expected = sign(canonical, timestamp, authorization.scope, secret)
    if not hmac.compare_digest(expected, authorization.signature):
        raise SignatureProblem(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details.",
        )


def _check_scope(authorization: Authorization, timestamp: str, service: str) -> None:
    if authorization.service != service:
        raise SignatureProblem(
            "InvalidSignatureException",
            f"Credential should be scoped to correct service: '{service}'.",
        )
    if not re.fullmatch(r"\d{8}T\d{6}Z", timestamp) or timestamp[:8] != authorization.date:
        raise SignatureProblem(
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
            f"from HTTP: '{authorization.date}' != '{timestamp[:8]}'.",
        )


def _check_skew(timestamp: str, now: datetime) -> None:
    signed = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs((now - signed).total_seconds()) > MAX_SKEW_SECONDS:
        raise SignatureProblem(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is now earlier than "
            f"{now.strftime('%Y%m%dT%H%M%SZ')} (+/- 5 min.)",
        )


def _check_signed_headers(request: Incoming, signed: list[str]) -> None:
    must = {"host"} | {name for name, _ in request.headers if name.startswith("x-amz-")}
    missing = sorted(must - set(signed))
    if missing or signed != sorted(signed):
        what = f"'{missing[0]}' must be a 'SignedHeader'" if missing else "they must be sorted"
        raise SignatureProblem(
            "InvalidSignatureException", f"{what} in the AWS Authorization header."
        )


def canonical_request(request: Incoming, signed_headers: list[str]) -> str:
    """Return the canonical request that the signature covers."""
    headers = "".join(f"{name}:{_value(request, name)}\n" for name in signed_headers)
    return "\n".join(
        (
            request.method.upper(),
            _canonical_path(request.raw_path),
            _canonical_query(request.query),
            headers,
            ";".join(signed_headers),
            _payload_hash(request),
        )
    )


def _value(request: Incoming, name: str) -> str:
    values = [" ".join(value.split()) for key, value in request.headers if key == name]
    return ",".join(values)


def _payload_hash(request: Incoming) -> str:
    actual = hashlib.sha256(request.body).hexdigest()
    claimed = request.header("x-amz-content-sha256")
    if claimed is not None and claimed != actual:
        raise SignatureProblem(
            "InvalidSignatureException",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    return actual


def _canonical_path(raw_path: str) -> str:
    """The path as sent, without dot segments, percent-encoded once more (not on S3)."""
    segments: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    path = "/" + "/".join(segments)
    if raw_path.endswith(("/", "/.", "/..")) and path != "/":
        path += "/"
    return quote(path, safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted((_encode(key), _encode(value)) for key, _, value in pairs)
    return "&".join(f"{key}={value}" for key, value in encoded)


def _encode(value: str) -> str:
    return quote(unquote(value), safe="-_.~")


def sign(canonical: str, timestamp: str, scope: str, secret: str) -> str:
    """Return the signature of a canonical request, in hexadecimal."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
