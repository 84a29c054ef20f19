"""Where the control planes are, and what their refusals advise."""

from __future__ import annotations

import gzip
import json
import re
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from langchain_claude_cloud import Bedrock, Vertex
from langchain_claude_cloud.calls.lookup import list_models
from langchain_claude_cloud.calls.steps import Prepare, Send, Wait
from langchain_claude_cloud.catalogue.bedrock import Lookup
from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.control_plane import requests as control_plane
from langchain_claude_cloud.control_plane.available_models import ask_for_models, ask_for_target
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from langchain_claude_cloud.platform.base import HttpResponse
from langchain_claude_cloud.routing.routes import Route

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
GATEWAY = "https://gateway.example/bedrock"


def bedrock_route(
    region: str = "us-east-1", base_url: str | None = None, model: str = "claude-sonnet-5-5"
) -> Route:
    """Return a route whose platform is ready to sign."""
    keys: dict[str, Any] = {"access_key_id": "AKIA0", "secret_access_key": "s"}
    project = "p" if base_url == GATEWAY and not model.startswith("arn:") else None
    route = Route(Bedrock(region=region, base_url=base_url, project=project, **keys), model)
    route.platform.prepare()
    return route


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """Botocore's description of the control plane."""
    folder = resources.files("botocore").joinpath("data/bedrock/2023-04-20")
    data: dict[str, Any] = json.loads(
        gzip.decompress(folder.joinpath("service-2.json.gz").read_bytes())
    )
    return data


@pytest.mark.parametrize(
    ("region", "base_url", "address"),
    [
        ("us-east-1", None, "https://bedrock.us-east-1.amazonaws.com"),
        ("us-gov-west-1", None, "https://bedrock.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", None, "https://bedrock.cn-north-1.amazonaws.com.cn"),
        ("eu-west-1", GATEWAY, GATEWAY),
        ("eu-west-1", "http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        (
            "us-east-1",
            "https://bedrock-runtime-fips.us-east-1.amazonaws.com",
            "https://bedrock-fips.us-east-1.amazonaws.com",
        ),
        (
            "us-east-1",
            "https://vpce-0123-abc.bedrock-runtime.us-east-1.vpce.amazonaws.com",
            "https://bedrock.us-east-1.amazonaws.com",
        ),
    ],
)
def test_the_address_follows_the_runtimes(region: str, base_url: str | None, address: str) -> None:
    """AWS's own hosts have a sibling; a gateway serves both; a private endpoint does not."""
    assert control_plane.bedrock_address(bedrock_route(region, base_url)) == address


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://bedrock-fips.us-east-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://bedrock.us-east-1.api.aws"),
        ({"AWS_ENDPOINT_URL_BEDROCK": "https://own.example/"}, "https://own.example"),
        (
            {"AWS_ENDPOINT_URL_BEDROCK": "https://own.example", "AWS_ENDPOINT_URL": GATEWAY},
            "https://own.example",
        ),
        ({"AWS_ENDPOINT_URL": GATEWAY}, GATEWAY),
        ({"ANTHROPIC_BEDROCK_BASE_URL": GATEWAY}, GATEWAY),
        (
            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": GATEWAY},
            "https://bedrock.us-east-1.amazonaws.com",
        ),
        (
            {
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": GATEWAY,
                "AWS_ENDPOINT_URL": "https://all.example",
            },
            "https://all.example",
        ),
        (
            {"AWS_ENDPOINT_URL_BEDROCK": GATEWAY, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://bedrock.us-east-1.amazonaws.com",
        ),
    ],
)
def test_the_environment_names_the_address_as_for_botocore(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], address: str
) -> None:
    """A variable of the runtime alone says nothing about the control plane."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert control_plane.bedrock_address(bedrock_route()) == address


def test_an_address_without_tls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed requests go to no one who listens."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "http://control.example")
    with pytest.raises(ConfigurationError, match="must start with https://"):
        control_plane.bedrock_address(bedrock_route())


def parameters(service: dict[str, Any], operation: str) -> set[str]:
    """Return the query parameters that botocore's model of an operation has."""
    shape = service["operations"][operation]["input"]["shape"]
    return {member["locationName"] for member in service["shapes"][shape]["members"].values()}


def asked_of_bedrock() -> list[str]:
    """Return where the models are asked for: those of the region, and two pages of each kind."""
    asking = ask_for_models(bedrock_route(base_url=GATEWAY))
    answers: list[dict[str, str]] = [{}, {"nextToken": "a+/= b"}, {}, {"nextToken": "a+/= b"}]
    urls = [next(asking).url, *(asking.send(answer).url for answer in answers)]
    with pytest.raises(StopIteration):
        asking.send({})
    return [url.removeprefix(GATEWAY) for url in urls]


def test_requests_are_those_of_botocores_model(service: dict[str, Any]) -> None:
    """Paths and parameters are known to the service's own model."""
    listing = service["operations"]["ListFoundationModels"]
    models, _, request, *_ = asked_of_bedrock()
    url = urlsplit(models)
    assert url.path == listing["http"]["requestUri"]
    asked = dict(parse_qsl(url.query))
    assert asked == {"byProvider": "anthropic", "projectIdentifier": "p"}
    assert set(asked) <= parameters(service, "ListFoundationModels")

    profiles = service["operations"]["ListInferenceProfiles"]
    url = urlsplit(request)
    assert url.path == profiles["http"]["requestUri"]
    asked = dict(parse_qsl(url.query))
    assert asked == {
        "maxResults": "1000",
        "type": "SYSTEM_DEFINED",
        "nextToken": "a+/= b",
        "projectIdentifier": "p",
    }
    assert set(asked) <= parameters(service, "ListInferenceProfiles")
    assert "+" not in url.query  # a signature would read it as one


@pytest.mark.newest
def test_botocore_has_no_new_parameters(service: dict[str, Any]) -> None:
    """A parameter that only botocore's model has may be one that this package should send."""
    not_ours = {"byCustomizationType", "byOutputModality", "byInferenceType"}
    models, _, request, *_ = asked_of_bedrock()
    known = parameters(service, "ListFoundationModels") - not_ours
    assert known <= set(dict(parse_qsl(urlsplit(models).query)))
    known = parameters(service, "ListInferenceProfiles")
    assert known <= set(dict(parse_qsl(urlsplit(request).query)))


def test_application_profiles_are_listed_without_a_project() -> None:
    """They belong to none, and AWS refuses a request for them that names one."""
    *_, request, _ = asked_of_bedrock()
    assert dict(parse_qsl(urlsplit(request).query)) == {
        "maxResults": "1000",
        "type": "APPLICATION",
    }


def test_lookups_are_those_of_botocores_model(service: dict[str, Any]) -> None:
    """Each kind of ARN is asked about at the path of its own operation, as one segment."""
    for lookup in (Lookup(**row) for row in catalogue_file()["arn_lookups"].values() if row):
        operation = service["operations"][lookup.permission.removeprefix("bedrock:")]
        path = re.sub(r"\{\w+\}", "", operation["http"]["requestUri"])
        request = next(ask_for_target(bedrock_route(base_url=GATEWAY, model=ARN), lookup))
        assert request.method == operation["http"]["method"]
        assert request.url == f"{GATEWAY}{path}{ARN.replace(':', '%3A').replace('/', '%2F')}"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://aiplatform.googleapis.com/v1beta1"),
        ({"region": "eu"}, "https://aiplatform.eu.rep.googleapis.com/v1beta1"),
        ({"region": "us-east5"}, "https://us-east5-aiplatform.googleapis.com/v1beta1"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "http://127.0.0.1:1/v1beta1"),
        ({"base_url": "https://gateway.example"}, "https://gateway.example/v1beta1"),
        ({"base_url": "https://gateway.example/vertex"}, "https://gateway.example/vertex"),
    ],
)
def test_model_garden_is_at_the_platforms_host(settings: dict[str, str], address: str) -> None:
    """Under ``v1beta1``, and with the project whose quota is used."""
    config = Vertex(project="my-project", access_token=SecretStr("t"), **settings)
    route = Route(config, "claude-sonnet-5-5")
    route.platform.prepare()
    asking = ask_for_models(route)
    next(asking)
    request = asking.send({"nextPageToken": "a/b="})
    url, _, query = request.url.partition("?")
    assert url == f"{address}/publishers/anthropic/models"
    assert dict(parse_qsl(query)) == {
        "pageSize": "100",
        "listAllVersions": "true",
        "pageToken": "a/b=",
    }
    assert request.headers["x-goog-user-project"] == "my-project"
    bare = asking.throw(PermissionDeniedError("no serviceusage.services.use"))
    assert "x-goog-user-project" not in bare.headers


def test_a_refusal_names_the_permissions_and_nothing_of_models() -> None:
    """What would help a refused call would mislead here."""
    platform, permissions = bedrock_route().platform, ["bedrock:GetInferenceProfile"]
    body = b'{"message": "User u is not authorized to perform: bedrock:GetInferenceProfile"}'
    headers = {"x-amzn-errortype": "AccessDeniedException:http://x"}
    refused = platform.read_error(403, headers, body, model="m")
    control_plane.explain_refusal(refused, platform, permissions, "And more.")
    text = str(refused)
    assert "403 AccessDeniedException" in text
    assert "Allow the identity bedrock:GetInferenceProfile. And more." in text
    assert "InvokeModel" not in text
    throttled = platform.read_error(429, {}, b'{"message": "slow down"}', model="m")
    told = str(throttled)
    control_plane.explain_refusal(throttled, platform, permissions)
    assert str(throttled) == told


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<html>Please log in</html>", ServerError, 200),
        (
            b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"}}',
            NotFoundError,
            404,
        ),
    ],
)
def test_what_answers_in_place_of_a_control_plane_is_shown(
    body: bytes, kind: type[ClaudeCloudError], status: int
) -> None:
    """It may be a proxy's page, or an error in spite of its status."""
    asking = list_models(bedrock_route(), timeout=None, max_retries=0)
    assert isinstance(next(asking), Prepare)
    assert isinstance(asking.send(None), Send)
    with pytest.raises(kind) as caught:
        asking.send(HttpResponse(200, {"x-amzn-requestid": "r-1"}, body))
    error = caught.value
    assert (error.status_code, error.body, error.request_id) == (status, body.decode(), "r-1")


def test_a_throttle_that_comes_with_status_200_is_tried_again() -> None:
    """As one with its own status."""
    asking = list_models(bedrock_route(), timeout=None, max_retries=1)
    next(asking)
    asking.send(None)
    throttle = b'{"message":"Rate exceeded","__type":"ThrottlingException"}'
    assert isinstance(asking.send(HttpResponse(200, {}, throttle)), Wait)
    assert isinstance(asking.send(None), Send)
    with pytest.raises(RateLimitError):
        asking.send(HttpResponse(200, {}, throttle))
