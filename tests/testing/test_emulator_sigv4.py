"""Signatures: the emulator's own verification against public vectors and real signers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from data import load_vector, needs_data
from emulator_client import BEDROCK_MODEL, ask

from langchain_claude_cloud.testing import AwsKey, CloudEmulator
from langchain_claude_cloud.testing.server.sigv4 import (
    Authorization,
    SignatureProblem,
    canonical_request,
    sign,
    verify,
)
from langchain_claude_cloud.testing.wire import Incoming

_BODY = json.dumps({"anthropic_version": "bedrock-2023-05-31", **ask("Hi \u4f60\u597d")}).encode()


def _signed(
    url: str,
    key: AwsKey,
    *,
    service: str = "bedrock",
    region: str = "eu-west-1",
    body: bytes = _BODY,
) -> dict[str, str]:
    credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token)
    request = AWSRequest("POST", url, data=body, headers={"content-type": "application/json"})
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def _post(url: str, headers: dict[str, str], body: bytes = _BODY) -> httpx.Response:
    return httpx.post(url, content=body, headers=headers, trust_env=False)


@pytest.mark.parametrize(
    "model",
    [
        BEDROCK_MODEL,
        BEDROCK_MODEL.replace(":", "%3A"),
        "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fabc123",
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile%2Fabc123",
    ],
)
def test_takes_what_botocore_signs(emulator: CloudEmulator, model: str) -> None:
    """The path is verified as it was sent, escaped or not."""
    url = f"{emulator.url}/model/{model}/invoke"
    response = _post(url, _signed(url, emulator.aws_key))
    assert response.status_code == 200, response.text
    assert emulator.requests[0].region == "eu-west-1"


@pytest.mark.parametrize(
    "damage", ["body", "path", "header", "service", "secret", "key", "unsigned"]
)
def test_refuses_what_does_not_match(emulator: CloudEmulator, damage: str) -> None:
    """Each part that the signature covers is covered indeed."""
    url = f"{emulator.url}/model/{BEDROCK_MODEL}/invoke"
    key = emulator.aws_key
    if damage == "secret":
        key = AwsKey(key.access_key_id, "wrong")
    if damage == "key":
        key = AwsKey("AKIAUNKNOWN", key.secret_access_key)
    headers = _signed(url, key, service="bedrock-mantle" if damage == "service" else "bedrock")
    if damage == "header":
        headers["X-Amz-Date"] = headers["X-Amz-Date"][:-2] + "0Z"
        headers["content-type"] = "text/plain"
    if damage == "unsigned":
        headers["x-amzn-bedrock-trace"] = "ENABLED"
        headers["x-amz-extra"] = "not signed"
    sent = url.replace("sonnet-4-5-20250929", "opus-4-5-20251101") if damage == "path" else url
    response = _post(sent, headers, _BODY + b" " if damage == "body" else _BODY)
    assert response.status_code == 403
    expected = "UnrecognizedClientException" if damage == "key" else "InvalidSignatureException"
    assert response.headers["x-amzn-errortype"].startswith(expected)
    assert list(response.json()) == ["message"]


def test_temporary_keys_need_their_token_and_expire(emulator: CloudEmulator) -> None:
    """A session token is checked, and an expired key is called expired."""
    url = f"{emulator.url}/model/{BEDROCK_MODEL}/invoke"
    key = emulator.issue_aws_key(3600)
    assert _post(url, _signed(url, key)).status_code == 200
    without = AwsKey(key.access_key_id, key.secret_access_key)
    assert "UnrecognizedClient" in _post(url, _signed(url, without)).headers["x-amzn-errortype"]
    expired = emulator.issue_aws_key(-1)
    assert "ExpiredToken" in _post(url, _signed(url, expired)).headers["x-amzn-errortype"]


@pytest.mark.parametrize("region", ["us-east1", "us-esat-1", "mars-east-1", "global", "us-east-1a"])
def test_regions_that_aws_does_not_have(emulator: CloudEmulator, region: str) -> None:
    """A signature for one is refused, as a host name would be that is none."""
    url = f"{emulator.url}/model/global.anthropic.claude-sonnet-5-5/invoke"
    response = _post(url, _signed(url, emulator.aws_key, region=region))
    assert response.status_code == 403
    assert response.json()["message"] == "Credential should be scoped to a valid region."


def test_no_credentials_and_wrong_keys(emulator: CloudEmulator) -> None:
    """Missing and wrong bearer keys are 403 on Bedrock."""
    url = f"{emulator.url}/model/{BEDROCK_MODEL}/invoke"
    missing = _post(url, {})
    wrong = _post(url, {"authorization": "Bearer nope"})
    assert missing.json() == {"message": "Missing Authentication Token"}
    assert (missing.status_code, wrong.status_code) == (403, 403)
    assert wrong.headers["x-amzn-errortype"].startswith("AccessDeniedException")


def test_boto3_sees_the_exception(emulator: CloudEmulator) -> None:
    """The error type travels where botocore looks for it."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=emulator.url,
        aws_access_key_id=emulator.aws_key.access_key_id,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError) as caught:
        client.invoke_model(modelId=BEDROCK_MODEL, body=_BODY)
    client.close()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_old_and_future_signatures_are_refused() -> None:
    """More than five minutes off, either way."""
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    for shift, good in ((-299, True), (-301, False), (301, False), (0, True)):
        stamp = (now + timedelta(seconds=shift)).strftime("%Y%m%dT%H%M%SZ")
        headers = (("host", "h"), ("x-amz-date", stamp))
        request = Incoming("POST", "/model/m/invoke", "", headers, b"{}")
        scope = "20261121/us-east-1/bedrock/aws4_request"
        signature = sign(canonical_request(request, ["host", "x-amz-date"]), stamp, scope, "s")
        header = f"AWS4-HMAC-SHA256 Credential=k/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
        if good:
            verify(request, Authorization(header), "s", now=now)
        else:
            with pytest.raises(SignatureProblem, match="expired"):
                verify(request, Authorization(header), "s", now=now)


def _vector_cases() -> list[Any]:
    vectors = load_vector("sigv4.json") or {"cases": []}
    # The endpoint normalizes paths, as all services but S3 do; and a token that is added
    # after signing is a custom of no service here.
    return [
        case
        for case in vectors["cases"]
        if case["context.json"]["normalize"] and not case["context.json"].get("omit_session_token")
    ]


@needs_data
@pytest.mark.parametrize("case", _vector_cases(), ids=lambda case: case["case"])
def test_agrees_with_the_public_vectors(case: dict[str, Any]) -> None:
    """AWS's own cases: the canonical request is the same, and the signature holds."""
    request = _parse(case["header-signed-request.txt"])
    authorization = Authorization(request.header("authorization") or "")
    context = case["context.json"]
    now = datetime.fromisoformat(context["timestamp"])
    secret = context["credentials"]["secret_access_key"]
    canonical = canonical_request(request, authorization.signed_headers)
    assert canonical == case["header-canonical-request.txt"]
    verify(request, authorization, secret, service=context["service"], now=now)
    with pytest.raises(SignatureProblem):
        verify(request, authorization, secret + "x", service=context["service"], now=now)


@needs_data
def test_the_vectors_are_there() -> None:
    """The parametrized test above would pass with no cases."""
    assert len(_vector_cases()) >= 15


def _parse(text: str) -> Incoming:
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    method, target = first.removesuffix(" HTTP/1.1").split(" ", maxsplit=1)
    path, _, query = target.partition("?")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith(" "):
            name, value = headers.pop()
            headers.append((name, f"{value} {line.strip()}"))
        elif line:
            name, _, value = line.partition(":")
            headers.append((name.lower(), value))
    return Incoming(method, path, query, tuple(headers), body.encode())
