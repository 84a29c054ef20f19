"""Google's token endpoint and metadata server; what its data services have in common."""

from __future__ import annotations

import base64
import binascii
import json
import time
from functools import cache
from http import HTTPStatus
from urllib.parse import parse_qs, parse_qsl

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_JSON = {"content-type": "application/json; charset=utf-8"}
_DATA_JSON = {"content-type": "application/json; charset=UTF-8"}
_REASONS = {401: "authError", 403: "forbidden", 404: "notFound", 409: "duplicate"}
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# google-auth signs for this one whatever the key file's token_uri is.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_METADATA = "/computeMetadata/v1"
_CLIENT_ID = "emulator.apps.googleusercontent.com"
_CLIENT_SECRET = "emulator-client-secret"


def service_account_email(project: str) -> str:
    """Return the e-mail address of the emulator's service account."""
    return f"claude@{project}.iam.gserviceaccount.com"


def check_permission(state: State, permission: str, resource: str) -> None:
    """Refuse what `CloudEmulator.deny` forbids the caller.

    Raises:
        Refusal: 403, which names the permission.
    """
    if permission in state.batches.denied:
        email = service_account_email(state.settings.project)
        raise cloud_refusal(
            403,
            f"{email} does not have {permission} access to {resource}. Permission '{permission}' "
            "denied on resource (or it may not exist).",
        )


def error_response(refused: Refusal) -> Outgoing:
    """Return an error as the older JSON APIs of Google word it, with a reason."""
    reason = _REASONS.get(refused.status, "invalid")
    detail = {"message": refused.message, "domain": "global", "reason": reason}
    error = {"code": refused.status, "message": refused.message, "errors": [detail]}
    return Outgoing(refused.status, _DATA_JSON, dumps({"error": error}).encode())


def answer(value: JsonObject, status: int = HTTPStatus.OK) -> Outgoing:
    """Return JSON."""
    return Outgoing(status, _DATA_JSON, dumps(value).encode())


def query_of(request: Incoming) -> dict[str, str]:
    """Return the parameters of a query string."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


@cache
def _key_pair() -> tuple[str, str]:
    """A private key and its public half, in PEM; one for the process, as making it is slow."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # needed by few tests
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  # the same

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def service_account_info(state: State) -> JsonObject:
    """Return the content of a service account's key file for this emulator."""
    project = state.settings.project
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "emulated",
        "private_key": _key_pair()[0],
        "client_email": service_account_email(project),
        "client_id": "100000000000000000000",
        "token_uri": f"{state.url}/token",
        "universe_domain": "googleapis.com",
    }


def authorized_user_info(state: State) -> JsonObject:
    """Return the content of ``application_default_credentials.json`` for this emulator."""
    return {
        "type": "authorized_user",
        "client_id": _CLIENT_ID,
        "client_secret": _CLIENT_SECRET,
        "refresh_token": state.refresh_token,
        "token_uri": f"{state.url}/token",
        "quota_project_id": state.settings.project,
    }


def serve(state: State, request: Incoming) -> Outgoing | None:
    """Answer a token or metadata request; None for any other path."""
    if request.raw_path == "/token" and request.method == "POST":
        return _token(state, request)
    if request.raw_path.rstrip("/") == "" and request.header("metadata-flavor") == "Google":
        return Outgoing(200, {"metadata-flavor": "Google"}, b"computeMetadata/\n")
    if request.raw_path.startswith(_METADATA):
        return _metadata(state, request)
    return None


def _token(state: State, request: Incoming) -> Outgoing:
    form = {k: v[0] for k, v in parse_qs(request.body.decode("utf-8", "replace")).items()}
    state.token_requests.append(form)
    grant = form.get("grant_type")
    if grant == _JWT_GRANT:
        problem = _check_assertion(state, form.get("assertion", ""))
    elif grant == "refresh_token":
        problem = _check_refresh(state, form)
    else:
        problem = ("unsupported_grant_type", f"Invalid grant_type: {grant}")
    if problem is not None:
        error = {"error": problem[0], "error_description": problem[1]}
        return Outgoing(400, _JSON, json.dumps(error).encode())
    return _issued(state, {"scope": _SCOPE})


def _issued(state: State, extra: JsonObject) -> Outgoing:
    lifetime = state.settings.token_lifetime
    token = {
        "access_token": state.issue_token(),
        "expires_in": max(0, int(lifetime) - 1),
        "token_type": "Bearer",
        **extra,
    }
    return Outgoing(200, _JSON, json.dumps(token).encode())


def _check_refresh(state: State, form: dict[str, str]) -> tuple[str, str] | None:
    if (form.get("client_id"), form.get("client_secret")) != (_CLIENT_ID, _CLIENT_SECRET):
        return "invalid_client", "The OAuth client was not found."
    if form.get("refresh_token") != state.refresh_token:
        return "invalid_grant", "Token has been expired or revoked."
    return None


def _check_assertion(state: State, assertion: str) -> tuple[str, str] | None:
    parts = assertion.split(".")
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (ValueError, IndexError, binascii.Error):
        return "invalid_grant", "Invalid JWT: Not a valid JWT."
    signed = ".".join(parts[:2]).encode()
    if header.get("alg") != "RS256" or not _is_signed(signed, signature):
        return "invalid_grant", "Invalid JWT Signature."
    return _check_claims(state, claims)


def _check_claims(state: State, claims: JsonObject) -> tuple[str, str] | None:
    now = time.time()
    if claims.get("iss") != service_account_email(state.settings.project):
        return "invalid_grant", "Invalid grant: account not found"
    if claims.get("aud") not in {_AUDIENCE, f"{state.url}/token"}:
        return "invalid_grant", "Invalid JWT: Failed audience check."
    if not claims.get("iat", now + 1e6) - 60 <= now < claims.get("exp", 0):
        return (
            "invalid_grant",
            (
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe."
            ),
        )
    if _SCOPE not in str(claims.get("scope", "")).split():
        return "invalid_scope", "Invalid OAuth scope or ID token audience provided."
    return None


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _is_signed(signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # needed by few tests
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  # the same
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415  # the same

    public = serialization.load_pem_public_key(_key_pair()[1].encode())
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _metadata(state: State, request: Incoming) -> Outgoing:
    headers = {"metadata-flavor": "Google"}
    if request.header("metadata-flavor") != "Google":
        return Outgoing(403, headers, b"Missing Metadata-Flavor:Google header.")
    path = request.raw_path.removeprefix(_METADATA)
    email = service_account_email(state.settings.project)
    if path.endswith("/token"):
        state.token_requests.append({"grant_type": "metadata"})
        issued = _issued(state, {})
        return Outgoing(200, {**issued.headers, **headers}, issued.body)
    texts = {
        "/project/project-id": state.settings.project,
        "/universe/universe-domain": "googleapis.com",
        "/instance/service-accounts/default/email": email,
    }
    if path in texts:
        return Outgoing(200, {**headers, "content-type": "application/text"}, texts[path].encode())
    if path.startswith("/instance/service-accounts/") and "recursive" in request.query:
        info = {"aliases": ["default"], "email": email, "scopes": [_SCOPE]}
        return Outgoing(200, {**headers, **_JSON}, json.dumps(info).encode())
    return Outgoing(404, headers, b"not found")
