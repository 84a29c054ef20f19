"""Credentials of every kind, with token endpoints of the tests' own behind them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import botocore.loaders
import botocore.session
from fault_row import Fault
from fault_servers import Heard, Listener, Reply, Servers, nobody
from fault_wire import Endpoint, plain
from google.oauth2 import service_account

from langchain_claude_cloud.testing import CloudEmulator

_ROLE: Final = "arn:aws:iam::123456789012:role/reader"


@contextmanager
def fields_of_identity(
    servers: Servers, fault: Fault, cloud: Endpoint, emulator: CloudEmulator
) -> Iterator[dict[str, Any]]:
    """Give the platform's fields that say who asks; none for good credentials.

    Args:
        servers: Where the token endpoint runs.
        fault: Says who asks, and what the token endpoint does.
        cloud: Whose credentials they are.
        emulator: Issues the ones that it then refuses.
    """
    if fault.identity in ("service-account", "role"):
        with _token_endpoint(servers, fault, cloud) as url:
            yield from _renewed(cloud, url, emulator)
    elif fault.identity == "expired":
        yield _expired(cloud, emulator)
    elif fault.identity == "wrong-secret":
        yield {"access_key_id": emulator.aws_key.access_key_id, "secret_access_key": "x" * 40}
    else:
        yield {}


def _renewed(cloud: Endpoint, url: str, emulator: CloudEmulator) -> Iterator[dict[str, Any]]:
    if cloud == "vertex":
        info = {**emulator.service_account_info(), "token_uri": f"{url}/token"}
        credentials = service_account.Credentials.from_service_account_info(info)
        yield {"credentials": credentials}
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config"
        path.write_text(f"[default]\nregion = us-east-1\nendpoint_url = {url}\nmax_attempts = 1\n")
        session = botocore.session.Session()
        session.register_component("data_loader", _service_descriptions())
        session.set_config_variable("config_file", str(path))
        session.set_credentials("AKIASOURCE", "source-secret")
        yield {"session": session, "role_arn": _ROLE}


def _expired(cloud: Endpoint, emulator: CloudEmulator) -> dict[str, Any]:
    if cloud == "vertex":
        return {"access_token": emulator.issue_token(lifetime=-60)}
    key = emulator.issue_aws_key(lifetime=-60)
    return {
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "session_token": key.session_token,
    }


@cache
def _service_descriptions() -> botocore.loaders.Loader:
    # To read those of STS anew for each session takes most of the time of its cases.
    return botocore.loaders.create_loader()


@contextmanager
def _token_endpoint(servers: Servers, fault: Fault, cloud: Endpoint) -> Iterator[str]:
    if fault.token == "down":
        with nobody() as port:
            yield f"http://127.0.0.1:{port}"
        return
    first = fault.token

    def handle(heard: Heard) -> Reply:
        if heard.number == 1 and first:
            return first
        return google_token(heard.number) if cloud == "vertex" else sts_keys(heard.number)

    listener = servers.start(Listener(handle))
    try:
        yield listener.origin
    finally:
        servers.stop(listener)


def google_token(number: int) -> Reply:
    """Return what Google's token endpoint answers."""
    token = {"access_token": f"token-{number}", "expires_in": 3600, "token_type": "Bearer"}
    return plain("200 OK", json.dumps(token).encode())


def sts_keys(number: int) -> Reply:
    """Return what AWS STS answers to AssumeRole."""
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    body = (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        f"<Credentials><AccessKeyId>ASIA{number}</AccessKeyId>"
        f"<SecretAccessKey>secret{number}</SecretAccessKey>"
        f"<SessionToken>session{number}</SessionToken><Expiration>{expires}</Expiration>"
        f"</Credentials><AssumedRoleUser><Arn>{_ROLE}</Arn><AssumedRoleId>A:s</AssumedRoleId>"
        "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )
    return plain("200 OK", body.encode(), kind="text/xml")


def sts_error(code: str) -> Reply:
    """Return a refusal of AWS STS."""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
    return plain("403 Forbidden", body.encode(), kind="text/xml")
