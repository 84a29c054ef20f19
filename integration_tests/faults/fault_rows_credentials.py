"""Faults of credentials: token endpoints that are down, slow or refuse, and expired ones."""

from __future__ import annotations

import json
from typing import Final

from fault_credentials import google_token, sts_error, sts_keys
from fault_row import BEDROCK, VERTEX, Fault, Outcome, Row, Script, Section
from fault_wire import Answer, Break, Endpoint, Steps, plain

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConnectionFailedError,
    PermissionDeniedError,
    RequestTimeoutError,
)

_SLOW: Final = 0.2
_INVALID_GRANT: Final = json.dumps(
    {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
).encode()


def _unissued(error: type[ClaudeCloudError], *, retried: bool = False) -> Outcome:
    """Return the outcome of a token that is not to be had: no request is sent."""
    return Outcome(error=error, retried=retried, connection="none", requests=0)


def _hanging(name: str, title: str, clouds: tuple[Endpoint, ...]) -> Row:
    """Return the row of a token endpoint that never answers a call whose time is limited."""
    return Row(
        name=name,
        title=title,
        fault=Fault(
            identity="service-account" if clouds == VERTEX else "role",
            token=[Break.STALL],
            timeout={"total": 1.0},
        ),
        whole=_unissued(RequestTimeoutError),
        streamed=_unissued(RequestTimeoutError),
        advice="Raise `timeout={'total': seconds}`; without it the cloud's own library gives up.",
        says="sent no credentials within",
        clouds=clouds,
    )


def _google(name: str, title: str, token: Steps, outcome: Outcome, advice: str, says: str) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(identity="service-account", token=token),
        whole=outcome,
        streamed=outcome,
        advice=advice,
        says=says,
        clouds=VERTEX,
    )


def _sts(
    name: str, title: str, token: Steps, outcome: Outcome, advice: str, says: str, code: str = ""
) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(identity="role", token=token),
        whole=outcome,
        streamed=outcome,
        advice=advice,
        says=says,
        clouds=BEDROCK,
        status=403 if code else None,
        error_type={"bedrock": code or None},
    )


_LOG_IN: Final = "Log in again, or give other credentials; the text lists the ways."
_NETWORK: Final = "Check the network and `HTTPS_PROXY`."
_NOTHING: Final = "Nothing to do: renewed by itself, once."
_RENEWED: Final = Outcome(connection="kept", requests=2)
_SIGNED_IN_VAIN: Final = Outcome(error=AuthenticationError, connection="kept")


def _unauthenticated(answer: Answer) -> Steps:
    error = {
        "code": 401,
        "message": "Request had invalid credentials.",
        "status": "UNAUTHENTICATED",
    }
    return answer.plain("401 Unauthorized", json.dumps({"error": error}).encode())


def _expired_session(answer: Answer) -> Steps:
    message = {"message": "The security token included in the request is expired"}
    return answer.plain(
        "403 Forbidden", json.dumps(message).encode(), "x-amzn-errortype: ExpiredTokenException"
    )


def _renewal(name: str, title: str, *scripts: Script, vertex: bool, outcome: Outcome) -> Row:
    fails = outcome.error is not None
    return Row(
        name=name,
        title=title,
        fault=Fault(identity="service-account" if vertex else "role", wire=scripts),
        whole=outcome,
        streamed=outcome,
        advice=_LOG_IN if fails else _NOTHING,
        says="credentials" if fails else "",
        clouds=VERTEX if vertex else BEDROCK,
        status=(401 if vertex else 403) if fails else None,
        has_id=fails,
    )


_TWICE: Final = Outcome(error=AuthenticationError, connection="kept", requests=2)

TOKENS: Final = Section(
    "Credentials",
    (
        Row(
            name="token-down",
            title="Google's token endpoint is down",
            fault=Fault(identity="service-account", token="down"),
            whole=_unissued(ConnectionFailedError, retried=True),
            streamed=_unissued(ConnectionFailedError, retried=True),
            advice=_NETWORK,
            says="check the network",
            clouds=VERTEX,
        ),
        _google(
            "token-refused",
            "Google's token endpoint refuses",
            plain("400 Bad Request", _INVALID_GRANT),
            _unissued(AuthenticationError),
            _LOG_IN,
            "gcloud auth application-default login",
        ),
        _google(
            "token-nonsense",
            "Google's token endpoint answers with a page in HTML",
            plain("200 OK", b"<html>Sign in</html>", kind="text/html"),
            _unissued(AuthenticationError),
            _LOG_IN,
            "gcloud auth application-default login",
        ),
        _google(
            "token-slow",
            "Google's token endpoint is slow",
            [_SLOW, *google_token(1)],
            Outcome(connection="kept"),
            "Nothing to do: other calls wait for the same token, and no event loop for any.",
            "",
        ),
        _hanging("token-hangs", "Google's token endpoint never answers", VERTEX),
        _hanging("sts-hangs", "AWS STS never answers", BEDROCK),
        Row(
            name="sts-down",
            title="AWS STS is down",
            fault=Fault(identity="role", token="down"),
            whole=_unissued(ConnectionFailedError, retried=True),
            streamed=_unissued(ConnectionFailedError, retried=True),
            advice=_NETWORK,
            says="check the network",
            clouds=BEDROCK,
        ),
        _sts(
            "sts-reset",
            "The connection to AWS STS is reset",
            [Break.RESET],
            _unissued(ConnectionFailedError, retried=True),
            _NETWORK,
            "check the network",
        ),
        _sts(
            "sts-denied",
            "AWS STS does not let the role be assumed",
            sts_error("AccessDenied"),
            _unissued(PermissionDeniedError),
            "Check the role and its trust policy.",
            "trust policy",
            "AccessDenied",
        ),
        _sts(
            "sts-expired",
            "The credentials for AWS STS have expired",
            sts_error("ExpiredToken"),
            _unissued(AuthenticationError),
            _LOG_IN,
            "aws sso login",
            "ExpiredToken",
        ),
        _sts(
            "sts-slow",
            "AWS STS is slow",
            [_SLOW, *sts_keys(1)],
            Outcome(connection="kept"),
            "Nothing to do: other calls wait for the same keys, and no event loop for any.",
            "",
        ),
        Row(
            name="expired-token",
            title="A given access token has expired",
            fault=Fault(identity="expired", emulated={}),
            whole=_SIGNED_IN_VAIN,
            streamed=_SIGNED_IN_VAIN,
            advice="Only its owner can renew it: pass a fresh one, or `credentials`.",
            says="fresh `access_token`",
            clouds=VERTEX,
            status=401,
            error_type={"vertex": "UNAUTHENTICATED"},
        ),
        Row(
            name="expired-keys",
            title="Given temporary keys have expired",
            fault=Fault(identity="expired", emulated={}),
            whole=_SIGNED_IN_VAIN,
            streamed=_SIGNED_IN_VAIN,
            advice="Only their owner can renew them; `profile` and `role_arn` renew themselves.",
            says="renew the credentials",
            clouds=BEDROCK,
            status=403,
            error_type={"bedrock": "ExpiredTokenException"},
        ),
        Row(
            name="wrong-secret",
            title="The signature is wrong",
            fault=Fault(identity="wrong-secret", emulated={}),
            whole=_SIGNED_IN_VAIN,
            streamed=_SIGNED_IN_VAIN,
            advice="Check the secret access key, and that no proxy changes the request.",
            says="check the secret access key",
            clouds=BEDROCK,
            status=403,
            error_type={"bedrock": "InvalidSignatureException"},
        ),
        _renewal(
            "token-renewed",
            "The cloud calls a token expired that can be renewed",
            _unauthenticated,
            vertex=True,
            outcome=_RENEWED,
        ),
        _renewal(
            "token-in-vain",
            "The renewed token is refused too",
            _unauthenticated,
            _unauthenticated,
            vertex=True,
            outcome=_TWICE,
        ),
        _renewal(
            "keys-renewed",
            "The cloud calls keys expired that can be renewed",
            _expired_session,
            vertex=False,
            outcome=_RENEWED,
        ),
        _renewal(
            "keys-in-vain",
            "The renewed keys are refused too",
            _expired_session,
            _expired_session,
            vertex=False,
            outcome=_TWICE,
        ),
    ),
)

CREDENTIAL_SECTIONS: Final = (TOKENS,)
