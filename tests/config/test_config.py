"""Vertex and Bedrock: arguments, environment, and secrets that stay where they are."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
import threading
import traceback
import warnings
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core._api import LangChainBetaWarning
from langchain_core.load import dumpd, dumps, load
from pydantic import BaseModel, SecretStr, ValidationError

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsKeys
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock import BedrockPlatform, credentials_of
from langchain_claude_cloud.platform.credentials import CredentialSource
from langchain_claude_cloud.platform.google_auth import GoogleSource
from langchain_claude_cloud.platform.vertex import VertexPlatform
from langchain_claude_cloud.routing.routes import make_routes

CANARY = "CANARY7f3a"
Config = Vertex | Bedrock


class Session:
    """Stands in for a boto3.Session: like one, it cannot be pickled or copied deeply."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def get_credentials(self) -> None:
        """Return no credentials."""


KEYS = {"access_key_id": f"{CANARY}-id", "secret_access_key": f"{CANARY}-secret"}
EXPLICIT: dict[str, Config] = {
    "token": Vertex(access_token=SecretStr(f"{CANARY}-token"), project="p"),
    "keys": Bedrock(**KEYS, region="us-east-1"),
    "temporary": Bedrock(**KEYS, session_token=f"{CANARY}-session"),
    "api_key": Bedrock(api_key=f"{CANARY}-api"),
    "credentials": Vertex(credentials=Session()),
    "session": Bedrock(session=Session()),
}
each_explicit = pytest.mark.parametrize("config", EXPLICIT.values(), ids=EXPLICIT)


def revive(dumped: dict[str, Any], **kwargs: Any) -> Any:
    """Load what LangChain serialized."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return load(
            dumped,
            allowed_objects=[Vertex, Bedrock],
            valid_namespaces=["langchain_claude_cloud"],
            **kwargs,
        )


COPIES: dict[str, Any] = {
    "pickle": lambda config: pickle.loads(pickle.dumps(config)),  # noqa: S301  our own bytes
    "load": lambda config: revive(dumpd(config)),
    "model_dump": lambda config: type(config).model_validate(config.model_dump()),
    "model_dump_json": lambda config: type(config).model_validate_json(config.model_dump_json()),
    "twice": lambda config: revive(dumpd(pickle.loads(pickle.dumps(config)))),  # noqa: S301  as above
}
each_copy = pytest.mark.parametrize("remake", COPIES.values(), ids=COPIES)


def used_by(config: Config) -> Any:
    """Return the credentials that the platform would use."""
    if isinstance(config, Bedrock):
        return credentials_of(config)
    source = VertexPlatform(config)._find_credentials()
    if isinstance(source, GoogleSource):
        return source._given
    return SecretStr(source.headers()["authorization"].removeprefix("Bearer "))


def secrets_of(config: Config) -> list[str]:
    """Return the secrets that the platform would use, in the open."""
    credentials = used_by(config)
    if isinstance(credentials, SecretStr):
        return [credentials.get_secret_value()]
    keys = getattr(credentials, "keys", None)
    return [value for value in astuple(keys) if value is not None] if keys else []


# Fields and defaults


def test_the_fields_and_their_defaults() -> None:
    """The public fields are these and no others."""
    assert {name: field.default for name, field in Vertex.model_fields.items()} == {
        **dict.fromkeys(["project", "region", "credentials", "access_token"]),
        **dict.fromkeys(["credentials_info", "base_url"]),
        "anthropic_version": "vertex-2023-10-16",
        **dict.fromkeys(["count_tokens_region", "quota_project", "request_type"]),
    }
    nothing = (
        "region profile access_key_id secret_access_key session_token api_key session role_arn "
        "external_id role_session_name base_url base_model guardrail service_tier latency trace "
        "project request_metadata workspace"
    )
    assert {name: field.default for name, field in Bedrock.model_fields.items()} == {
        **dict.fromkeys(nothing.split()),
        "inference_profile": "auto",
        "api": "invoke",
        "unsigned": False,
        "guard_last_turn_only": False,
        "anthropic_version": "bedrock-2023-05-31",
    }


def test_a_class_knows_its_cloud() -> None:
    """What tells the two apart is not an isinstance check everywhere."""
    assert (Vertex.cloud, Bedrock.cloud) == ("vertex", "bedrock")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vertex(regoin="eu"), "no field 'regoin'. Did you mean 'region'"),
        (lambda: Bedrock(aws_access_key_id=CANARY), "Did you mean 'access_key_id'"),
        (lambda: Bedrock(zzz=1), "It has: region, profile"),
        (lambda: Vertex(region=3), "region: Input should be a valid string"),
        (lambda: Vertex(region="Europe West"), "region 'Europe West' is malformed"),
        (lambda: Vertex(region="us-east5/../x"), "region .* is malformed"),
        (lambda: Vertex(count_tokens_region="a.b"), "count_tokens_region .* is malformed"),
        (lambda: Vertex(project="a/b"), "project 'a/b' is malformed"),
        (lambda: Vertex(project="a..b"), "project .* is malformed"),
        (lambda: Vertex(quota_project="a b"), "quota_project .* is malformed"),
        (lambda: Vertex(project=""), "project is empty"),
        (lambda: Vertex(request_type="fast"), "request_type: Input should be 'dedicated'"),
        (lambda: Vertex(credentials="key.json"), "GOOGLE_APPLICATION_CREDENTIALS"),
        (lambda: Vertex(credentials=Path("key.json")), "GOOGLE_APPLICATION_CREDENTIALS"),
        (lambda: Vertex(credentials={"type": CANARY}), "GOOGLE_APPLICATION_CREDENTIALS"),
        (lambda: Vertex(access_token=f"{CANARY}\n"), "access_token has a line break"),
        (lambda: Vertex(access_token=""), "access_token is empty"),
        (lambda: Vertex(credentials_info=CANARY), "contents of a key file"),
        (lambda: Vertex(credentials_info={"private_key": CANARY}), "contents of a key file"),
        (lambda: Vertex(credentials_info=f'["{CANARY}"]'), "contents of a key file"),
        (lambda: Vertex(credentials_info={"type": "x", "k": {CANARY}}), "contents of a key file"),
        (
            lambda: Vertex(credentials_info={"type": CANARY}, access_token=CANARY),
            "conflict: access_token and credentials_info",
        ),
        (lambda: Vertex(anthropic_version="a\r\nb"), "anthropic_version has a line break"),
        (
            lambda: Vertex(access_token=CANARY, credentials=Session()),
            "explicit credentials conflict",
        ),
        (lambda: Bedrock(access_key_id=CANARY), "needs secret_access_key, which is missing"),
        (lambda: Bedrock(secret_access_key=CANARY), "needs access_key_id, which is missing"),
        (lambda: Bedrock(session_token=CANARY), "session_token needs access_key_id"),
        (lambda: Bedrock(api_key=CANARY, **KEYS), "conflict: access_key_id and api_key"),
        (lambda: Bedrock(api_key=CANARY, profile="x"), "conflict: profile and api_key"),
        (lambda: Bedrock(api_key=CANARY, session=Session()), "conflict: api_key and session"),
        (
            lambda: Bedrock(api_key=CANARY, role_arn="arn:aws:iam::123456789012:role/x"),
            "conflict: api_key and role_arn",
        ),
        (lambda: Bedrock(profile="x", **KEYS), "explicit credentials conflict"),
        (lambda: Bedrock(session=Session(), profile="x"), "explicit credentials conflict"),
        (lambda: Bedrock(session="default"), "a boto3.Session"),
        (lambda: Bedrock(role_arn="admin"), "role_arn 'admin' is malformed"),
        (lambda: Bedrock(external_id="x"), "external_id needs role_arn"),
        (lambda: Bedrock(role_session_name="xy"), "role_session_name needs role_arn"),
        (lambda: Bedrock(access_key_id=3, secret_access_key=CANARY), "access_key_id: Input"),
        (lambda: Bedrock(inference_profile="mars"), "inference_profile: Input should be 'auto'"),
        (lambda: Bedrock(service_tier="gold"), "service_tier: Input should be 'priority'"),
        (lambda: Bedrock(latency="low"), "latency: Input should be 'standard'"),
        (lambda: Bedrock(trace="yes"), "trace: Input should be"),
        (lambda: Bedrock(guardrail="abc"), "guardrail: give 'id:version'"),
        (lambda: Bedrock(guardrail="abc:x"), "guardrail: give 'id:version'"),
        (lambda: Bedrock(guardrail="a\nb:1"), "guardrail: give 'id:version'"),
        (lambda: Bedrock(guardrail={"guardrailIdentifier": "abc"}), "guardrailVersion"),
        (
            lambda: Bedrock(
                guardrail={
                    "guardrailIdentifier": "abc",
                    "guardrailVersion": "1",
                    "trace": "ENABLED",
                }
            ),
            "trace is a field of its own",
        ),
        (lambda: Bedrock(guardrail=3), "guardrail: Input should be a valid dictionary"),
        (lambda: Bedrock(request_metadata={"a": 1}), "request_metadata: Input should be"),
        (lambda: Bedrock(request_metadata={"a": "x" * 9000}), "8500 characters"),
        (lambda: Bedrock(region="us-east-1", withheld=["region"]), "withheld lists names"),
        (lambda: Bedrock(withheld="session"), "withheld lists names"),
    ],
)
def test_a_constructor_refuses(make: Any, message: str) -> None:
    """Each refusal names the field and the way out, never the value of a secret."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        make()
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert caught.value.platform in {"vertex", "bedrock"}


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example.com",
        "https://gateway.example.com:8443/bedrock",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:8080",
        "http://localhost:8080/v1",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    """Any host by https, loopback by http as well."""
    assert Vertex(base_url=url).effective_base_url() == url
    assert Bedrock(base_url=f"{url}/").effective_base_url() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        f"https://user:{CANARY}@example.com",
        f"https://{CANARY}@example.com",
        "https://@example.com",
        f"https://example.com?key={CANARY}",
        "https://example.com?",
        "https://example.com/#x",
        "ftp://example.com",
        "example.com",
        "https://",
        "https://[::1",
        "https://example.com:port",
        "https://exam ple.com",
        "https://example.com\\@evil.com",
        "https://example.com/\r\nx",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    """A secret never goes out in the open, nor to an address that hides another."""
    for make in (Vertex, Bedrock):
        with pytest.raises(ConfigurationError, match="base_url") as caught:
            make(base_url=url)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("given_as", "identifier", "version"),
    [
        ("abc123:1", "abc123", "1"),
        ("abc123:DRAFT", "abc123", "DRAFT"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc:7",
            "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc",
            "7",
        ),
        ({"guardrailIdentifier": "abc", "guardrailVersion": "2"}, "abc", "2"),
        ({"guardrailIdentifier": "abc", "guardrailVersion": 2}, "abc", "2"),
    ],
)
def test_a_guardrail_is_a_mapping_or_a_short_form(
    given_as: Any, identifier: str, version: str
) -> None:
    """Both forms become the names that the API has for them."""
    expected = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    assert Bedrock(guardrail=given_as).guardrail == expected


def test_a_callers_mapping_is_neither_kept_nor_changed() -> None:
    """What the caller does to it afterwards changes nothing."""
    metadata = {"team": "search"}
    config = Bedrock(request_metadata=metadata)
    metadata["team"] = "other"
    assert config.request_metadata == {"team": "search"}


@settings(deadline=None)  # no test depends on the clock
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_any_arguments_are_taken_or_refused(values: dict[str, Any]) -> None:
    """Nothing but a ConfigurationError comes out of bad arguments."""
    for make in (Vertex, Bedrock):
        try:
            make(**values)
        except ConfigurationError:
            assert values
        else:
            assert set(values) <= set(make.model_fields)


@given(st.text())
def test_any_text_for_a_field_is_safe_or_refused(text: str) -> None:
    """No field lets a control character through, and a region or project no slash."""
    for make, name in ((Vertex, "region"), (Vertex, "project"), (Bedrock, "profile")):
        try:
            value = getattr(make(**{name: text}), name)
        except ConfigurationError:
            continue
        assert value == text
        assert not any(ord(letter) < 32 for letter in value)
        assert name == "profile" or not set(value) & set("/?#@\\ %")


def test_fields_are_not_assigned_to() -> None:
    """An assignment would skip the checks; the refusal does not show the value."""
    config = Bedrock(region="us-east-1")
    with pytest.raises(ConfigurationError, match="use model_copy") as caught:
        config.api_key = SecretStr(CANARY)  # type: ignore[misc]
    assert CANARY not in str(caught.value)


# Environment


@pytest.mark.parametrize(
    ("environment", "argument", "project"),
    [
        ({}, None, None),
        ({"GCLOUD_PROJECT": "c"}, None, "c"),
        ({"GCLOUD_PROJECT": "c", "GOOGLE_CLOUD_PROJECT": "b"}, None, "b"),
        ({"GOOGLE_CLOUD_PROJECT": "b", "ANTHROPIC_VERTEX_PROJECT_ID": "a"}, None, "a"),
        ({"ANTHROPIC_VERTEX_PROJECT_ID": "", "GOOGLE_CLOUD_PROJECT": "b"}, None, "b"),
        ({"ANTHROPIC_VERTEX_PROJECT_ID": "a"}, "argument", "argument"),
    ],
)
def test_where_the_project_comes_from(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    argument: str | None,
    project: str | None,
) -> None:
    """Argument, then three variables in order; None leaves it to the credentials."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Vertex(project=argument).effective_project() == project


@pytest.mark.parametrize(
    ("environment", "argument", "region"),
    [
        ({}, None, "global"),
        ({"CLOUD_ML_REGION": "us"}, None, "us"),
        ({"CLOUD_ML_REGION": "us", "VERTEX_REGION_CLAUDE_3_5_HAIKU": "eu"}, None, "eu"),
        ({"CLOUD_ML_REGION": "us", "VERTEX_REGION_CLAUDE_HAIKU_3_5": "eu"}, None, "eu"),
        ({"CLOUD_ML_REGION": "us", "VERTEX_REGION_CLAUDE_HAIKU_4_5": "eu"}, None, "us"),
        ({"VERTEX_REGION_CLAUDE_3_5_HAIKU": "eu"}, "us-east5", "us-east5"),
    ],
)
def test_where_the_region_on_vertex_comes_from(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    argument: str | None,
    region: str,
) -> None:
    """Argument, the model's own variable, the general one, global."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for model in ("claude-3-5-haiku", "claude-3-5-haiku@20241022"):
        assert Vertex(region=argument).region_for(model) == region


@pytest.mark.parametrize(
    ("environment", "argument", "region"),
    [
        ({}, None, None),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, None, "us-west-2"),
        ({"AWS_DEFAULT_REGION": "us-west-2", "AWS_REGION": "eu-west-1"}, None, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1"}, "us-east-1", "us-east-1"),
    ],
)
def test_where_the_region_on_bedrock_comes_from(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    argument: str | None,
    region: str | None,
) -> None:
    """Argument, then two variables; None leaves it to the profile, never to us-east-1."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Bedrock(region=argument).effective_region() == region


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "https://c.example"}, "https://c.example"),
        (
            {
                "AWS_ENDPOINT_URL": "https://c.example",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://b.example",
            },
            "https://b.example",
        ),
        (
            {
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://b.example",
                "ANTHROPIC_BEDROCK_BASE_URL": "https://a.example/",
            },
            "https://a.example",
        ),
        (
            {
                "AWS_ENDPOINT_URL": "https://c.example",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            None,
        ),
    ],
)
def test_where_the_address_of_bedrock_comes_from(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str | None
) -> None:
    """Anthropic's variable goes before AWS's; an argument goes before all."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Bedrock().effective_base_url() == url
    assert Bedrock(base_url="https://x.example").effective_base_url() == "https://x.example"


def test_where_the_address_of_vertex_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable, behind the argument."""
    monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", "https://a.example/v1/")
    assert Vertex().effective_base_url() == "https://a.example/v1"
    assert Vertex(base_url="https://x.example").effective_base_url() == "https://x.example"


@pytest.mark.parametrize(
    ("variable", "value", "use"),
    [
        ("AWS_REGION", "us-east-1.evil.com/", lambda: Bedrock().effective_region()),
        ("CLOUD_ML_REGION", "evil.com#", lambda: Vertex().region_for("claude-opus-5")),
        ("GOOGLE_CLOUD_PROJECT", "a/../b", lambda: Vertex().effective_project()),
        ("AWS_ENDPOINT_URL", "http://evil.com", lambda: Bedrock().effective_base_url()),
        (
            "ANTHROPIC_VERTEX_BASE_URL",
            f"https://{CANARY}@x.com",
            lambda: Vertex().effective_base_url(),
        ),
        ("AWS_BEARER_TOKEN_BEDROCK", f"{CANARY}\r\nx: y", lambda: credentials_of(Bedrock())),
    ],
)
def test_a_malformed_variable_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, use: Any
) -> None:
    """The environment is checked like an argument, when it is used."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        use()
    assert CANARY not in str(caught.value)


def test_the_environment_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump says what the user set, and a later change of the environment counts."""
    for name in ("CLOUD_ML_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", CANARY)
    vertex, bedrock = Vertex(), Bedrock()
    assert (repr(vertex), repr(bedrock)) == ("Vertex()", "Bedrock()")
    assert set(dumpd(vertex)["kwargs"]) == {"anthropic_version"}
    assert set(dumpd(bedrock)["kwargs"]) == {"anthropic_version", "api", "inference_profile"}
    assert revive(dumpd(vertex)) == vertex
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p2")
    assert vertex.effective_project() == "p2"


# Settings


def test_settings_for_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the platform needs is decided, from arguments and environment."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("VERTEX_REGION_CLAUDE_5_OPUS", "eu")
    credentials = Session()
    config = Vertex(
        credentials=credentials,
        base_url="https://x.example",
        count_tokens_region="europe-west1",
        quota_project="billing",
        request_type="shared",
        anthropic_version="2026-10-21",
    )
    platform = VertexPlatform(config, "claude-opus-5", {"X-Team": "a"})
    assert used_by(config) is credentials
    base = "https://x.example/v1/projects/p/locations"
    assert platform.endpoint("m", "invoke").startswith(f"{base}/eu/")
    assert platform.endpoint("m", "count_tokens").startswith(f"{base}/europe-west1/")
    body, headers = platform.rewrite({}, [], model_id="m", operation="invoke")
    assert body == {"anthropic_version": "2026-10-21"}
    assert headers["x-vertex-ai-llm-request-type"] == "shared"
    assert headers["x-team"] == "a"
    platform._credentials = CredentialSource()
    assert platform.sign(OutgoingRequest("POST", ""))["x-goog-user-project"] == "billing"


@pytest.mark.parametrize("api", ["messages", "mantle"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("guardrail", "a:1"), ("trace", True), ("service_tier", "flex"), ("latency", "optimized"), ("project", "p"), ("request_metadata", {"a": "b"})],
)  # fmt: skip
def test_what_only_invoke_model_has_is_refused_elsewhere(api: Any, name: str, value: Any) -> None:
    """A guardrail that is silently ignored is none."""
    with pytest.raises(ConfigurationError, match=f"{name} cannot be used with api='{api}'"):
        Bedrock(**{name: value}, api=api)
    Bedrock(**{name: value}, api="invoke")


def test_mantle_has_no_inference_profiles() -> None:
    """A model is asked for by its bare id there, and by its profile on the runtime."""
    with pytest.raises(ConfigurationError, match="inference_profile cannot"):
        Bedrock(api="mantle", inference_profile="global")
    ids = {}
    for api in ("invoke", "messages", "mantle"):
        config = Bedrock(region="us-east-1", api=api)  # type: ignore[arg-type]
        (route,) = make_routes([config], "claude-sonnet-5-5")
        ids[api] = route.resolve_in("us-east-1").model_id
    assert ids["invoke"] == ids["messages"] == "global.anthropic.claude-sonnet-5-5"
    assert ids["mantle"] == "anthropic.claude-sonnet-5-5"


def test_unsigned_requests_go_to_a_gateway_and_as_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS would refuse them, and a key beside them would be ignored."""
    with pytest.raises(ConfigurationError, match="unsigned requests need base_url"):
        BedrockPlatform(Bedrock(unsigned=True))
    for identity in (KEYS, {"api_key": "k"}, {"profile": "p"}, {"role_arn": "arn:aws:iam::123456789012:role/r"}):  # fmt: skip
        with pytest.raises(ConfigurationError, match="have no identity"):
            Bedrock(unsigned=True, base_url="https://gw.example", **identity)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", CANARY)
    assert used_by(Bedrock(unsigned=True, base_url="https://gw.example")) is None


def test_an_api_key_may_be_a_function() -> None:
    """It reaches the platform as it is, and leaves by no dump, pickle or repr."""
    provide = partial(str, CANARY)  # whose own repr shows what it holds
    config = Bedrock(api_key=provide)
    for same in (config, config.model_copy(update={"region": "us-east-1"}), copy.deepcopy(config)):
        assert used_by(same) is provide
    for shown in (config.model_dump(), json.loads(config.model_dump_json())):
        assert shown["api_key"] is None
        assert shown["withheld"] == ["api_key"]
    for hidden in (json.dumps(dumpd(config)), repr(config), repr(BedrockPlatform(config))):
        assert CANARY not in hidden
    with pytest.raises(ConfigurationError, match="does not keep it"):
        used_by(pickle.loads(pickle.dumps(config)))  # noqa: S301  our own
    with pytest.raises(ConfigurationError, match="conflict"):
        Bedrock(api_key=provide, profile="p")


def test_the_region_of_an_arn_reaches_the_platform() -> None:
    """For want of any other."""
    platform = BedrockPlatform(Bedrock(api_key="k"), APPLICATION.replace("us-east-1", "eu-west-1"))
    platform.prepare()
    assert platform.region == "eu-west-1"
    for model in ("claude-sonnet-5-5", "arn:aws:bedrock:::foundation-model/anthropic.claude-x"):
        with pytest.raises(ConfigurationError, match="needs a region"):
            BedrockPlatform(Bedrock(api_key="k"), model).prepare()


PROJECT = "arn:aws:bedrock:us-east-1:123456789012:project/proj_1"
APPLICATION = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
PROVISIONED = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc"


@pytest.mark.parametrize("project", ["proj_1", "default", PROJECT])
@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-x"])  # fmt: skip
def test_a_project_goes_with_models_and_system_profiles(project: str, model: str) -> None:
    """An id, an ARN, or the word for the account's own, where the region is called."""
    Bedrock(region="us-east-1", project=project).check_project(model, "us-east-1")
    Bedrock(region="us-east-1", project=project).check_project(model, None)


@pytest.mark.parametrize("model", [APPLICATION, PROVISIONED])
def test_no_project_but_the_default_goes_with_other_arns(model: str) -> None:
    """AWS refuses those; the model says so before anything is sent."""
    for project in ("proj_1", PROJECT):
        with pytest.raises(ConfigurationError, match="only foundation models and"):
            ChatClaudeCloud(model=model, platform=Bedrock(region="us-east-1", project=project))
    for project in (None, "default", PROJECT.replace("proj_1", "default")):
        ChatClaudeCloud(model=model, platform=Bedrock(region="us-east-1", project=project))


def test_a_project_is_used_in_its_own_region() -> None:
    """An ARN names the region; an id cannot tell."""
    with pytest.raises(ConfigurationError, match="another region than eu-west-1"):
        ChatClaudeCloud(
            model="claude-sonnet-5-5", platform=Bedrock(region="eu-west-1", project=PROJECT)
        )


@pytest.mark.parametrize("project", ["", "a b", "a/b", "a.b", PROJECT + "/x", "arn:aws:s3:::x"])
def test_what_is_no_project_is_refused(project: str) -> None:
    """It goes into a header and a query."""
    with pytest.raises(ConfigurationError, match="project"):
        Bedrock(project=project)


def test_settings_for_bedrock() -> None:
    """Every field arrives, and its mappings are copies."""
    fields: dict[str, Any] = {
        "region": "us-east-1",
        "base_url": "https://x.example",
        "guardrail": {"guardrailIdentifier": "abc", "guardrailVersion": "1"},
        "service_tier": "flex",
        "latency": "optimized",
        "trace": "enabled_full",
        "project": "proj_1",
        "request_metadata": {"team": "a"},
        "anthropic_version": "2026-10-21",
    }
    role = {
        "role_arn": "arn:aws:iam::123456789012:role/path/name",
        "external_id": "partner:1",
        "role_session_name": "agent@1",
    }
    config = Bedrock(**fields, **role, **KEYS, session_token="t")
    platform = BedrockPlatform(config, extra_headers={"X-Team": "a"})
    assert used_by(config) == AwsIdentity(
        keys=AwsKeys(*KEYS.values(), "t"), region="us-east-1", **role
    )
    assert platform.endpoint("m", "invoke") == "https://x.example/model/m/invoke"
    body, headers = platform.rewrite({}, [], model_id="m", operation="invoke")
    assert body == {"anthropic_version": "2026-10-21"}
    assert {name: value for name, value in headers.items() if name.startswith("x-")} == {
        "x-team": "a",
        "x-amzn-bedrock-guardrailidentifier": "abc",
        "x-amzn-bedrock-guardrailversion": "1",
        "x-amzn-bedrock-trace": "ENABLED_FULL",
        "x-amzn-bedrock-service-tier": "flex",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-projectidentifier": "proj_1",
        "x-amzn-bedrock-request-metadata": '{"team":"a"}',
    }
    assert config.guardrail is not None
    config.guardrail["guardrailVersion"] = "2"  # what is changed in it counts from the next call
    _, headers = platform.rewrite({}, [], model_id="m", operation="invoke")
    assert headers["x-amzn-bedrock-guardrailversion"] == "2"


@pytest.mark.parametrize("session", [Session(), None])
def test_a_session_or_profile_reaches_the_platform(session: Session | None) -> None:
    """Both are explicit identities, which boto3 resolves at the first call."""
    config = Bedrock(session=session) if session else Bedrock(profile="work")
    identity = used_by(config)
    assert isinstance(identity, AwsIdentity)
    assert identity.session is session
    assert identity.profile == (None if session else "work")


@pytest.mark.parametrize(
    ("config", "used"),
    [
        (Bedrock(), True),
        (Bedrock(region="us-east-1", guardrail="a:1"), True),
        (Bedrock(**KEYS), False),
        (Bedrock(profile="x"), False),
        (Bedrock(session=Session()), False),
        (Bedrock(role_arn="arn:aws:iam::123456789012:role/x"), False),
    ],
)
def test_the_bearer_token_of_the_environment_is_for_those_who_gave_nothing(
    monkeypatch: pytest.MonkeyPatch, config: Bedrock, *, used: bool
) -> None:
    """An explicit credential of any kind goes before ``AWS_BEARER_TOKEN_BEDROCK``."""
    identity = used_by(config)
    assert isinstance(identity, AwsIdentity)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-environment")
    now = used_by(config)
    assert now == (SecretStr("from-environment") if used else identity)


def test_an_explicit_api_key_goes_before_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was given is what is used."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-environment")
    assert secrets_of(Bedrock(api_key="given")) == ["given"]


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nauthorization: b"},
        {"x\ny": "a"},
        {"x y": "a"},
        {"": "a"},
        {"x": "a\x00"},
        {"x": 3},
        {3: "x"},
        {"x:y": "a"},
    ],
)
def test_headers_that_smuggle_are_refused(headers: dict[Any, Any]) -> None:
    """One header cannot bring another."""
    for use in (
        lambda: VertexPlatform(Vertex(), "claude-opus-5", headers),
        lambda: BedrockPlatform(Bedrock(), extra_headers=headers),
    ):
        with pytest.raises(ConfigurationError, match=r"header .* cannot be sent"):
            use()


# Secrets


@each_explicit
def test_no_secret_shows(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    """Not in repr, str, a dump, JSON, a serialized form, a pickle, or a log line."""
    logging.getLogger("test").warning("%s %r", config, config)
    logging.getLogger("test").warning("%s", config.model_dump())
    shown = [
        repr(config),
        str(config),
        f"{config}",
        repr([config]),
        str(config.model_dump()),
        config.model_dump_json(),
        json.dumps(config.model_dump(mode="json")),
        dumps(config),
        repr(pickle.dumps(config)),
        caplog.text,
    ]
    for text in shown:
        assert CANARY not in text
    assert CANARY not in str(vars(pickle.loads(pickle.dumps(config))))  # noqa: S301  our own bytes


@each_explicit
def test_objects_are_in_no_dump(config: Config) -> None:
    """Credentials and sessions are neither shown nor dumped."""
    for text in (repr(config), str(config.model_dump()), dumps(config)):
        assert "Session object" not in text
    assert not {"credentials", "session"} & set(config.model_dump())


class Holder(BaseModel, hide_input_in_errors=True):
    """Another model that takes a configuration, as the chat model does."""

    platform: Vertex | Bedrock


@pytest.mark.parametrize(
    "validate",
    [
        lambda: Bedrock.model_validate({"access_key_id": CANARY}),
        lambda: Bedrock.model_validate({"api_key": CANARY, "latency": CANARY}),
        lambda: Bedrock.model_validate({"api_key": CANARY, "profile": "x"}),
        lambda: Bedrock.model_validate_json(json.dumps({"secret_access_key": CANARY})),
        lambda: Bedrock.model_validate_json(f'{{"api_key": "{CANARY}'),
        lambda: Bedrock.model_validate(CANARY),
        lambda: Vertex.model_validate({"project": json.dumps({"private_key": CANARY})}),
        lambda: Holder.model_validate({"platform": {"access_key_id": CANARY}}),
    ],
)
def test_pydantics_own_errors_show_no_value(validate: Any) -> None:
    """Validation without the constructor raises pydantic's error, without the input."""
    with pytest.raises(ValidationError) as caught:
        validate()
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


@each_explicit
def test_copies_keep_secrets(config: Config) -> None:
    """copy, deepcopy and model_copy give the same identity; objects are shared."""
    region = "us" if isinstance(config, Vertex) else "us-west-2"
    updated = config.model_copy(update={"region": region})
    deep = config.model_copy(deep=True)
    for copied in (copy.copy(config), copy.deepcopy(config), config.model_copy(), deep, updated):
        assert secrets_of(copied) == secrets_of(config)
        for name in ("credentials", "session"):
            assert getattr(copied, name, None) is getattr(config, name, None)
    assert copy.deepcopy(config) == config
    assert updated.region == region


def test_a_deep_copy_shares_no_mapping() -> None:
    """The one kind of field that could be changed in place is copied."""
    config = Bedrock(request_metadata={"a": "b"}, guardrail="a:1")
    copied = copy.deepcopy(config)
    assert copied == config
    assert copied.request_metadata is not config.request_metadata
    assert copied.guardrail is not config.guardrail


def test_model_copy_checks_what_is_updated() -> None:
    """An update goes through the same checks, and a plain secret is wrapped."""
    config = Bedrock(**KEYS)
    with pytest.raises(ConfigurationError, match="region 'EU' is malformed"):
        config.model_copy(update={"region": "EU"})
    with pytest.raises(ConfigurationError, match="Did you mean 'region'"):
        config.model_copy(update={"regio": "eu-west-1"})
    assert CANARY not in repr(config.model_copy(update={"session_token": f"{CANARY}-session"}))


VARIABLES = {
    "token": {"VERTEX_ACCESS_TOKEN": "e0"},
    "keys": {"AWS_ACCESS_KEY_ID": "e1", "AWS_SECRET_ACCESS_KEY": "e2"},
    "temporary": {
        "AWS_ACCESS_KEY_ID": "e1",
        "AWS_SECRET_ACCESS_KEY": "e2",
        "AWS_SESSION_TOKEN": "e3",
    },
    "api_key": {"AWS_BEARER_TOKEN_BEDROCK": "e4"},
}


@each_copy
@pytest.mark.parametrize("kind", VARIABLES)
def test_a_copy_without_its_secret_reads_the_variable_or_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, kind: str, remake: Any
) -> None:
    """No copy comes up with another identity, whatever the environment offers."""
    others = {name: value for more in VARIABLES.values() for name, value in more.items()}
    for name in set(others) - set(VARIABLES[kind]):
        monkeypatch.setenv(name, "another-identity")
    copied = remake(EXPLICIT[kind])
    assert CANARY not in str(vars(copied))
    for name, value in VARIABLES[kind].items():
        with pytest.raises(ConfigurationError, match=f"{name} is not set") as caught:
            used_by(copied)
        assert "explicitly" in str(caught.value)
        monkeypatch.setenv(name, value)
    found = sorted(secrets_of(copied))
    extra = ["another-identity"] if kind == "keys" else []
    # Keys from the environment bring the environment's session token: the three belong together.
    assert found == sorted([*extra, *VARIABLES[kind].values()])


@each_copy
@pytest.mark.parametrize(("kind", "name"), [("credentials",) * 2, ("session",) * 2])
def test_a_copy_without_its_object_asks_for_it_again(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str, remake: Any
) -> None:
    """Credentials and sessions cannot come from the environment; passing them again helps."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another-identity")
    monkeypatch.setenv("VERTEX_ACCESS_TOKEN", "another-identity")
    copied = remake(EXPLICIT[kind])
    with pytest.raises(ConfigurationError, match=f"Pass {name} again"):
        used_by(copied)
    session = Session()
    repaired = copied.model_copy(update={name: session})
    given = used_by(repaired)
    assert (given if name == "credentials" else given.session) is session


@each_copy
@each_explicit
def test_a_copy_is_still_an_explicit_identity(config: Config, remake: Any) -> None:
    """The marker counts as given: a copy conflicts with what the original conflicts with."""
    copied = remake(config)
    other: dict[str, Any] = {"credentials": Session(), "access_token": "x"}
    if isinstance(config, Bedrock):
        other = {"profile": "x"}
    kept = {name: value for name, value in other.items() if getattr(config, name, None) is None}
    with pytest.raises(ConfigurationError, match="explicit credentials conflict"):
        copied.model_copy(update=kept)


@each_copy
@pytest.mark.parametrize(
    "config",
    [
        Vertex(),
        Bedrock(),
        Bedrock(inference_profile=None),
        Vertex(project="p", region="eu", base_url="https://x.example", request_type="shared"),
        Bedrock(guardrail="abc:1", request_metadata={"a": "b"}, trace=True, profile="x"),
    ],
)
def test_what_is_no_secret_survives(config: Config, remake: Any) -> None:
    """A configuration without explicit secrets is the same after each round trip."""
    assert remake(config) == config
    assert "withheld" not in config.model_dump()


def test_load_may_be_given_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain's own ways to hand a secret to ``load`` work."""
    dumped = dumpd(EXPLICIT["keys"])
    secrets = {"AWS_ACCESS_KEY_ID": "m1", "AWS_SECRET_ACCESS_KEY": "m2"}
    loaded = revive(dumped, secrets_map=secrets)
    assert secrets_of(loaded) == ["m1", "m2"]
    for name, value in secrets.items():
        monkeypatch.setenv(name, f"env-{value}")
    loaded = revive(dumped, secrets_from_env=True)
    assert secrets_of(loaded) == ["env-m1", "env-m2"]


def test_the_serialized_form_names_the_class_and_the_variables() -> None:
    """What is stored tells a reader where the secrets are to come from."""
    dumped = dumpd(EXPLICIT["keys"])
    assert dumped["id"] == ["langchain_claude_cloud", "config", "Bedrock"]
    assert dumped["kwargs"]["access_key_id"]["id"] == ["AWS_ACCESS_KEY_ID"]
    assert dumped["kwargs"]["withheld"] == ["access_key_id", "secret_access_key"]


def test_a_constructor_imports_no_cloud_library_and_no_transport() -> None:
    """What needs files, boto3, google-auth or the network happens at the first call."""
    code = (
        "import sys;"
        "from langchain_claude_cloud.config import Bedrock, Vertex;"
        "Vertex(project='p'); Bedrock(profile='missing', region='us-east-1');"
        "late = ['boto3', 'botocore', 'google.auth', 'langchain_claude_cloud.platform'];"
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["api_key", "api_keyy"])
def test_nothing_is_assigned_to_a_platform_and_no_value_shown(name: str) -> None:
    """Pydantic's refusal of a name that is no field would show the value."""
    with pytest.raises(ConfigurationError, match="cannot be changed; use model_copy") as caught:
        setattr(Bedrock(), name, "hunter2")
    assert "hunter2" not in f"{caught.value} {caught.value.__context__}"


def test_arguments_have_names() -> None:
    """A position says nothing about what is meant, and the refusal shows how it is done."""
    with pytest.raises(ConfigurationError, match=r"ChatClaudeCloud\(model="):
        ChatClaudeCloud("claude-sonnet-5-5")
    for config in (Vertex, Bedrock):
        with pytest.raises(ConfigurationError, match=rf"{config.__name__}\(region="):
            config("us-east-1")


@pytest.mark.parametrize("platform", [{"region": "us-east-1"}, [{"region": "us-east-1"}]])
def test_a_platform_is_no_dict(platform: object) -> None:
    """A region alone could be of either cloud, and must not choose one."""
    with pytest.raises(ConfigurationError, match=r"Vertex\(...\) or Bedrock\(...\)"):
        ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
