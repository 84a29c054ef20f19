"""The token endpoint and the metadata server, with google-auth as the client."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests
from emulator_client import Client, ask
from google.auth import exceptions
from google.auth.transport.requests import Request
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from langchain_claude_cloud.testing import CloudEmulator

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def refreshed(credentials: Any) -> str:
    """Refresh credentials and return their token."""
    with requests.Session() as session:
        session.trust_env = False
        credentials.refresh(Request(session))
    return str(credentials.token)


def works(client: Client, token: str) -> bool:
    """Whether the Vertex side takes a token."""
    return client.vertex(ask("Hi"), headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_service_account(emulator: CloudEmulator, client: Client) -> None:
    """The signed assertion is verified and exchanged."""
    info = emulator.service_account_info()
    credentials = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    assert works(client, refreshed(credentials))
    assert emulator.token_requests[0]["grant_type"].endswith("jwt-bearer")


def test_service_account_refusals(emulator: CloudEmulator) -> None:
    """No scope, another account, another scope."""
    info = emulator.service_account_info()
    for changed, scopes, problem in (
        ({}, None, "invalid_scope"),
        ({"client_email": "x@y.z"}, [SCOPE], "account not found"),
        ({"private_key_id": "k"}, ["https://www.googleapis.com/auth/drive"], "invalid_scope"),
    ):
        credentials = service_account.Credentials.from_service_account_info(
            {**info, **changed}, scopes=scopes
        )
        with pytest.raises(exceptions.RefreshError, match=problem):
            refreshed(credentials)


def test_a_foreign_key_is_refused(emulator: CloudEmulator) -> None:
    """An assertion that somebody else signed."""
    header, claims = "eyJhbGciOiJSUzI1NiJ9", "eyJpc3MiOiJ4In0"
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": f"{header}.{claims}.AAAA",
    }
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(f"{emulator.url}/token", data=form)
    assert (response.status_code, response.json()["error_description"]) == (
        400,
        "Invalid JWT Signature.",
    )


def test_user_credentials(emulator: CloudEmulator, client: Client) -> None:
    """What `gcloud auth application-default login` leaves behind."""
    info = emulator.authorized_user_info()
    credentials = user_credentials.Credentials.from_authorized_user_info(info)
    credentials._token_uri = info["token_uri"]
    assert works(client, refreshed(credentials))
    wrong = user_credentials.Credentials.from_authorized_user_info({**info, "refresh_token": "x"})
    wrong._token_uri = info["token_uri"]
    with pytest.raises(exceptions.RefreshError, match="invalid_grant"):
        refreshed(wrong)


def test_tokens_expire(emulator: CloudEmulator, client: Client) -> None:
    """By their lifetime, and on demand; a new one is good again."""
    short, standard = emulator.issue_token(-1), emulator.issue_token()
    assert not works(client, short)
    assert works(client, standard)
    emulator.expire_tokens()
    assert not works(client, standard)
    assert works(client, emulator.access_token)


def test_refused_tokens_in_googles_shape(client: Client) -> None:
    """401 UNAUTHENTICATED; an array for a stream."""
    headers = {"authorization": "Bearer nope"}
    error = client.vertex(ask("Hi"), headers=headers).json()["error"]
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    streamed = client.vertex(ask("Hi"), headers=headers, method="streamRawPredict").json()
    assert streamed[0]["error"]["code"] == 401
    missing = client.vertex(ask("Hi"), headers={"authorization": ""}).json()["error"]
    assert "missing required authentication credential" in missing["message"]


def test_googles_own_client_of_the_metadata_server(emulator: CloudEmulator, client: Client) -> None:
    """As on a virtual machine; its address is read when google-auth is imported."""
    program = (
        "import google.auth.compute_engine as c, google.auth.transport.requests as t, requests\n"
        "s = requests.Session(); s.trust_env = False\n"
        "k = c.Credentials(); k.refresh(t.Request(s)); print(k.token, k.service_account_email)\n"
    )
    environment = {"GCE_METADATA_HOST": emulator.url.removeprefix("http://"), "PATH": ""}
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    token, email = done.stdout.split()
    assert email.endswith(f"@{emulator.project}.iam.gserviceaccount.com")
    assert works(client, token)


def test_metadata_server(emulator: CloudEmulator, client: Client) -> None:
    """The token of the default service account, with the header that proves intent."""
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    with requests.Session() as session:
        session.trust_env = False
        token = session.get(emulator.url + path, headers={"Metadata-Flavor": "Google"}).json()
        assert session.get(emulator.url + path).status_code == 403
        project = session.get(
            f"{emulator.url}/computeMetadata/v1/project/project-id",
            headers={"Metadata-Flavor": "Google"},
        )
    assert works(client, token["access_token"])
    assert project.text == emulator.project
