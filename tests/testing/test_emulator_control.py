"""The emulated control planes, asked by AWS's own client and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from langchain_claude_cloud.testing import CloudEmulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[CloudEmulator]:
    """A running emulator with an application inference profile."""
    with CloudEmulator(application_profiles={"a1b2c3": "claude-opus-4-6"}) as running:
        yield running


@pytest.fixture
def boto(emulator: CloudEmulator) -> Any:
    """boto3's client of the control plane."""
    key = emulator.aws_key
    return boto3.client(
        "bedrock",
        region_name="eu-west-1",
        endpoint_url=emulator.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_awss_own_client_lists_models(boto: Any) -> None:
    """It reads the answers by the service's model: names, types and dates fit."""
    summaries = boto.list_foundation_models(byProvider="Anthropic")["modelSummaries"]
    assert len(summaries) > 10
    assert all(each["modelId"].startswith("anthropic.claude-") for each in summaries)
    [old] = [each for each in summaries if "sonnet-4-5" in each["modelId"]]
    assert old["modelLifecycle"]["endOfLifeTime"].year == 2026
    assert boto.list_foundation_models(byProvider="Amazon")["modelSummaries"] == []
    demanded = boto.list_foundation_models(byInferenceType="ON_DEMAND")["modelSummaries"]
    assert 0 < len(demanded) < len(summaries)


def test_awss_own_paginator_walks_the_profiles(boto: Any) -> None:
    """Several pages, of the region's own geographies; the account's come on demand."""
    pages = boto.get_paginator("list_inference_profiles")
    system = list(pages.paginate(typeEquals="SYSTEM_DEFINED"))
    assert len(system) > 2
    ids = [
        each["inferenceProfileId"] for page in system for each in page["inferenceProfileSummaries"]
    ]
    assert len(set(ids)) == len(ids)
    assert {identifier.partition(".")[0] for identifier in ids} == {"eu", "global"}
    [page] = pages.paginate(typeEquals="APPLICATION")
    [own] = page["inferenceProfileSummaries"]
    assert own["inferenceProfileId"] == "a1b2c3"
    small = boto.list_inference_profiles(maxResults=2)
    assert len(small["inferenceProfileSummaries"]) == 2


def test_awss_own_client_asks_what_a_profile_is(boto: Any) -> None:
    """By id and by ARN; and what provisioned throughput runs."""
    own = boto.get_inference_profile(inferenceProfileIdentifier="a1b2c3")
    again = boto.get_inference_profile(inferenceProfileIdentifier=own["inferenceProfileArn"])
    assert own["models"] == again["models"]
    assert own["models"][0]["modelArn"].endswith("/anthropic.claude-opus-4-6-v1")
    system = boto.get_inference_profile(inferenceProfileIdentifier="eu.anthropic.claude-sonnet-5-5")
    assert system["type"] == "SYSTEM_DEFINED"
    arn = "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/a1b2c3"
    provisioned = boto.get_provisioned_model_throughput(provisionedModelId=arn)
    assert provisioned["foundationModelArn"] == own["models"][0]["modelArn"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        boto.get_inference_profile(inferenceProfileIdentifier="unknown")


def test_awss_own_client_is_refused_on_demand(emulator: CloudEmulator, boto: Any) -> None:
    """As an account without the permission is."""
    emulator.fault(status=403, operation="control")
    with pytest.raises(ClientError, match="AccessDenied"):
        boto.list_foundation_models()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/foundation-models?byProvider=anthropic", 200),
        ("/foundation-models?provider=anthropic", 400),
        ("/foundation-models?byProvider=a%2Fb", 400),
        ("/inference-profiles?type=ALL", 400),
        ("/inference-profiles?maxResults=1001", 400),
        ("/inference-profiles?maxResults=x", 400),
        ("/inference-profiles?nextToken=x", 400),
        ("/inference-profiles?typeEquals=APPLICATION", 400),
        ("/provisioned-model-throughput/unknown", 404),
        ("/custom-models", 404),
    ],
)
def test_bedrock_refuses_what_aws_does_not_know(
    emulator: CloudEmulator, path: str, status: int
) -> None:
    """Parameters, their values, and names."""
    headers = {"authorization": f"Bearer {emulator.bedrock_api_key}"}
    response = httpx.get(emulator.url + path, headers=headers, trust_env=False)
    assert response.status_code == status
    if status == 400:
        assert response.headers["x-amzn-errortype"].startswith("ValidationException")


def test_a_page_of_one_type_does_not_lead_to_the_other(emulator: CloudEmulator) -> None:
    """A token belongs to its question."""
    headers = {"authorization": f"Bearer {emulator.bedrock_api_key}"}
    url = f"{emulator.url}/inference-profiles"
    first = httpx.get(url, params={"type": "SYSTEM_DEFINED"}, headers=headers, trust_env=False)
    query = {"type": "APPLICATION", "nextToken": first.json()["nextToken"]}
    assert httpx.get(url, params=query, headers=headers, trust_env=False).status_code == 400


@pytest.mark.parametrize("authorization", ["", "Bearer wrong"])
@pytest.mark.parametrize("path", ["/foundation-models", "/v1beta1/publishers/anthropic/models"])
def test_both_clouds_ask_who_it_is(emulator: CloudEmulator, path: str, authorization: str) -> None:
    """Lists are not public."""
    headers = {"authorization": authorization} if authorization else {}
    response = httpx.get(emulator.url + path, headers=headers, trust_env=False)
    assert response.status_code in {401, 403}


def test_a_signature_for_another_service_does_not_hold(emulator: CloudEmulator) -> None:
    """The control plane's signing name is ``bedrock``."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415  one test's
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415  one test's
    from botocore.credentials import Credentials  # noqa: PLC0415  one test's

    key = emulator.aws_key
    request = AWSRequest("GET", f"{emulator.url}/foundation-models")
    credentials = Credentials(key.access_key_id, key.secret_access_key)
    SigV4Auth(credentials, "bedrock-mantle", "eu-west-1").add_auth(request)
    response = httpx.get(request.url, headers=dict(request.headers), trust_env=False)
    assert response.status_code == 403
    assert "correct service: 'bedrock'" in response.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1beta1/publishers/anthropic/models?pageSize=300&listAllVersions=true", 200),
        ("/v1beta1/publishers/anthropic/models?pageSize=301", 400),
        ("/v1beta1/publishers/anthropic/models?pageToken=x", 400),
        ("/v1beta1/publishers/anthropic/models?maxResults=1", 400),
        ("/v1/publishers/anthropic/models", 404),
    ],
)
def test_vertex_refuses_what_google_does_not_know(
    emulator: CloudEmulator, path: str, status: int
) -> None:
    """Only ``v1beta1`` lists; unknown parameters are errors there."""
    headers = {"authorization": f"Bearer {emulator.access_token}"}
    response = httpx.get(emulator.url + path, headers=headers, trust_env=False)
    assert response.status_code == status
    if status == 400:
        assert response.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_other_publishers_have_nothing_here(emulator: CloudEmulator) -> None:
    """The emulator has Claude alone."""
    headers = {"authorization": f"Bearer {emulator.access_token}"}
    url = f"{emulator.url}/v1beta1/publishers/google/models"
    assert httpx.get(url, headers=headers, trust_env=False).json() == {"publisherModels": []}
