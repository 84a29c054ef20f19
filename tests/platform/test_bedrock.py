"""Amazon Bedrock: addresses, bodies, headers, and who signs."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from credential_servers import Server, Sts, serving
from data import load_recordings, needs_data
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests as control_plane
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidInputError,
    RateLimitError,
)
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.bedrock import (
    BedrockPlatform,
    credentials_of,
    default_base_url,
)
from langchain_claude_cloud.platform.credentials import BearerToken
from langchain_claude_cloud.routing.routes import Route
from langchain_claude_cloud.testing import CloudEmulator

BODY = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
REQUEST = OutgoingRequest(
    "POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke", {"content-type": "a/b"}, b"{}"
)  # fmt: skip
ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"
KEYS: dict[str, Any] = {
    "access_key_id": SecretStr("AKIAEXPLICIT"),
    "secret_access_key": SecretStr("verysecret"),
}


def make(
    model: str = "", extra_headers: dict[str, str] | None = None, **fields: Any
) -> BedrockPlatform:
    """Return a platform as a route makes it from what the user sets."""
    return BedrockPlatform(Bedrock(**fields), model, extra_headers)


def platform(**fields: Any) -> BedrockPlatform:
    """Return a prepared platform with explicit keys."""
    made = make(**{"region": "us-east-1", **KEYS, **fields})
    made.prepare()
    return made


def test_it_is_a_platform() -> None:
    """The plain facts of every platform; no secret in a repr."""
    bedrock: Platform = platform()
    assert (bedrock.name, bedrock.region, bedrock.framing) == (
        "bedrock",
        "us-east-1",
        "event-stream",
    )
    assert bedrock.max_body_bytes == 20_000_000
    assert "secret" not in repr(bedrock)
    assert copy.deepcopy(bedrock) is bedrock
    assert "verysecret" not in repr(credentials_of(Bedrock(**KEYS)))


@pytest.mark.parametrize("dual_stack", [False, True])
@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize(
    "region",
    ["us-east-1", "eu-central-1", "ap-northeast-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1"],
)  # fmt: skip
def test_hosts_are_those_of_botocores_rules(
    region: str, monkeypatch: pytest.MonkeyPatch, *, fips: bool, dual_stack: bool
) -> None:
    """Every partition, with and without FIPS and dual stack, as AWS's own rules have it."""
    loader = botocore.session.Session().get_component("data_loader")
    rules = loader.load_service_model("bedrock-runtime", "endpoint-rule-set-1")
    provider = EndpointProvider(rules, loader.load_data("partitions"))
    try:
        oracle = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
    except Exception:  # noqa: BLE001  what the partition has not, the rules refuse
        pytest.fail(f"botocore has no endpoint for {region}")
    assert default_base_url(region, fips=fips, dual_stack=dual_stack) == oracle
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", str(fips).lower())
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", str(dual_stack))
    made = make(region=region, **KEYS)
    assert made.endpoint("m", "invoke") == f"{oracle}/model/m/invoke"
    made.prepare()
    assert made.endpoint("m", "invoke") == f"{oracle}/model/m/invoke"


def test_a_profile_may_ask_for_fips(tmp_path: Path) -> None:
    """The configuration file's wish is honoured for its own credentials."""
    (tmp_path / "aws-config").write_text(
        "[profile gov]\nregion = us-gov-west-1\nuse_fips_endpoint = true\n"
    )
    (tmp_path / "aws-credentials").write_text(
        "[gov]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    made = make(profile="gov")
    made.prepare()
    assert made.endpoint("m", "invoke").startswith(
        "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/"
    )


@pytest.mark.parametrize("how", ["profile", "session", "boto3 session", "environment"])
def test_the_certificates_of_a_profile_are_its_platforms(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ca_bundle`` holds for the requests as it does for STS; explicit keys read no file."""
    (tmp_path / "aws-config").write_text(
        "[profile work]\nregion = eu-west-1\nca_bundle = /etc/company.pem\n"
    )
    (tmp_path / "aws-credentials").write_text(
        "[work]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    identity: dict[str, Any] = {
        "profile": {"profile": "work"},
        "session": {"session": botocore.session.Session(profile="work")},
        "boto3 session": {"session": boto3.Session(profile_name="work")},
        "environment": {},
    }[how]
    if how == "environment":
        monkeypatch.setenv("AWS_PROFILE", "work")
    made = make(**identity)
    assert made.ca_bundle is None
    made.prepare()
    assert made.ca_bundle == "/etc/company.pem"
    assert platform().ca_bundle is None


@pytest.mark.parametrize(
    ("operation", "verb"),
    [("invoke", "invoke"), ("stream", "invoke-with-response-stream"), ("count_tokens", "count-tokens")],
)  # fmt: skip
def test_addresses(operation: Any, verb: str) -> None:
    """The id is encoded as a whole, as botocore does; an ARN's region is not the host's."""
    made = platform()
    host = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert (
        made.endpoint("us.anthropic.claude-x-v1:0", operation)
        == f"{host}/model/us.anthropic.claude-x-v1%3A0/{verb}"
    )
    assert made.endpoint(ARN, operation) == (
        f"{host}/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3A"
        f"application-inference-profile%2Fabc123/{verb}"
    )


@needs_data
def test_addresses_are_those_of_recorded_requests() -> None:
    """What other clients sent to Bedrock is what we would send, but for their raw colons."""
    verbs: dict[str, Any] = {
        "invoke": "invoke",
        "invoke-with-response-stream": "stream",
        "count-tokens": "count_tokens",
    }
    count = 0
    for row in load_recordings("bedrock"):
        parts = urlsplit(row["url"])
        *_, model, verb = ["", "", *parts.path.split("/")]
        if parts.netloc.startswith("bedrock-runtime.") and verb in verbs:
            made = platform(region=parts.netloc.split(".")[1])
            assert made.endpoint(unquote(model), verbs[verb]) == row["url"].replace(
                model, model.replace(":", "%3A")
            )
            count += 1
    assert count > 20


@given(st.text(min_size=1))
def test_no_model_id_changes_the_path(model_id: str) -> None:
    """An id is one segment of the path, or it is refused."""
    try:
        url = platform().endpoint(model_id, "invoke")
    except InvalidInputError:
        return
    _, kind, segment, verb = urlsplit(url).path.split("/")
    assert (kind, verb) == ("model", "invoke")
    assert unquote(segment) == model_id
    assert segment not in (".", "..")


@pytest.mark.parametrize(
    "model_id", ["", ".", "..", "../x", "/x", "x?y", "x#y", "x%2Fy", "x y", "x\n", "é"]
)
def test_path_tricks_are_refused(model_id: str) -> None:
    """Each is refused by name, before anything is sent."""
    with pytest.raises(InvalidInputError):
        platform().endpoint(model_id, "invoke")


@pytest.mark.parametrize("region", ["evil.example/", "us-east-1.evil", "US", "-x", "x\n"])
def test_a_region_cannot_become_another_host(region: str, tmp_path: Path) -> None:
    """Neither an argument nor a profile moves the signature to another host."""
    with pytest.raises(ConfigurationError):
        make(region=region)
    if "\n" not in region:
        (tmp_path / "aws-config").write_text(f"[default]\nregion = {region}\n")
        with pytest.raises(ConfigurationError):
            make(**KEYS).prepare()


@pytest.mark.parametrize(
    "base_url", ["http://gateway.example", "https://u:p@h.example", "https://h.example?x"]
)
def test_an_address_that_would_leak_credentials_is_refused(base_url: str) -> None:
    """Credentials go over https."""
    with pytest.raises(ConfigurationError):
        platform(base_url=base_url)


def test_another_address_keeps_region_and_path() -> None:
    """A gateway gets Bedrock's path; the signature is for the region."""
    made = platform(base_url="http://127.0.0.1:8080/proxy/")
    assert made.endpoint("m:0", "invoke") == "http://127.0.0.1:8080/proxy/model/m%3A0/invoke"
    assert "/us-east-1/bedrock/aws4_request" in made.sign(REQUEST)["authorization"]


@pytest.mark.parametrize(
    ("api", "host", "service", "counting"),
    [
        ("messages", "bedrock-runtime.us-east-1.amazonaws.com", "bedrock", "/model/us.anthropic.claude-x-4-5-20250929-v1%3A0/count-tokens"),
        ("mantle", "bedrock-mantle.us-east-1.api.aws", "bedrock-mantle", "/anthropic/v1/messages/count_tokens"),
    ],
)  # fmt: skip
def test_the_messages_api_has_its_own_host_path_and_signing_name(
    api: Any, host: str, service: str, counting: str
) -> None:
    """Version and betas are headers, the model is in the body, streams are SSE."""
    made = platform(api=api)
    model = "us.anthropic.claude-x-4-5-20250929-v1:0"
    for operation in ("invoke", "stream"):
        url = made.endpoint(model, operation)  # type: ignore[arg-type]
        assert url == f"https://{host}/anthropic/v1/messages"
        body, headers = made.rewrite(
            BODY, ["a", "b"], model_id="us.anthropic.claude-x", operation=operation,  # type: ignore[arg-type]
        )  # fmt: skip
        stream = {"stream": True} if operation == "stream" else {}
        assert body == {"model": "us.anthropic.claude-x", **BODY, **stream}
        assert headers["anthropic-version"] == "2023-06-01"
        assert headers["anthropic-beta"] == "a,b"
        assert not [name for name in headers if name.startswith("x-amzn")]
    assert made.endpoint(model, "count_tokens") == f"https://{host}{counting}"
    assert made.framing == "sse"
    assert f"/us-east-1/{service}/aws4_request" in made.sign(REQUEST)["authorization"]
    asking = OutgoingRequest("GET", "https://h.example/", signing_name=control_plane.SIGNING_NAME)
    control = made.sign(asking)
    assert "/us-east-1/bedrock/aws4_request" in control["authorization"]
    route = Route(Bedrock(region="us-east-1", api=api, **KEYS), "claude-x")
    route.platform.prepare()
    assert control_plane.bedrock_address(route) == "https://bedrock.us-east-1.amazonaws.com"


def test_the_users_own_betas_are_sent_beside_the_packages() -> None:
    """A header of the user's does not take the place of what the request needs."""
    made = platform(api="mantle", extra_headers={"Anthropic-Beta": "c, a"})
    _, headers = made.rewrite(BODY, ["a", "b"], model_id="m", operation="invoke")
    assert headers["anthropic-beta"] == "a,b,c"


def test_a_model_on_mantle_has_a_short_id() -> None:
    """Without date and version; the version header can be chosen."""
    made = platform(api="mantle", anthropic_version="2026-10-21")
    for long, short in (
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5"),
        ("anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6"),
        ("anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"),
    ):
        sent, headers = made.rewrite(BODY, [], model_id=long, operation="invoke")
        assert sent["model"] == short
        assert headers["anthropic-version"] == "2026-10-21"
    counted, _ = made.rewrite({"messages": []}, [], model_id="m", operation="count_tokens")
    assert counted == {"model": "m", "messages": []}


def test_an_arns_region_is_used_for_want_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, the environment and a profile go first."""
    made = make(model=ARN, **KEYS)
    made.prepare()
    assert made.region == "eu-west-1"
    assert platform(model=ARN).region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    made = make(model=ARN, **KEYS)
    made.prepare()
    assert made.region == "eu-west-3"


def test_a_gateway_that_signs_gets_no_signature() -> None:
    """No credentials are looked for, and none is sent."""
    made = make(region="us-east-1", base_url="https://gw.example", unsigned=True)
    made.prepare()
    assert not made.needs_prepare()
    assert made.sign(REQUEST) == {}
    assert made.refresh({}) is False


def test_an_api_key_may_come_from_a_function() -> None:
    """It is asked once, and again when the cloud refuses the key."""
    keys = iter(["first", "second", "second"])
    asked = []

    def provide() -> str:
        asked.append(1)
        return next(keys)

    made = make(region="us-east-1", api_key=provide)
    assert made.needs_prepare()
    made.prepare()
    made.prepare()
    used = made.sign(REQUEST)
    assert (used, len(asked)) == ({"authorization": "Bearer first"}, 1)
    refused = made.read_error(403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message": "Authentication failed: Please make sure your API Key is valid. first"}', model="m")  # fmt: skip
    assert made.is_expired(refused)
    assert "first" not in str(refused.body).replace("[redacted]", "") or len("first") < 8
    assert made.refresh(used) is True
    assert made.sign(REQUEST) == {"authorization": "Bearer second"}
    assert made.refresh(used) is True, "another call has renewed it already"
    assert len(asked) == 2
    assert made.refresh(made.sign(REQUEST)) is False, "the function has no other"


def test_a_key_from_a_file_may_end_in_a_line_break() -> None:
    """The function reads it, as mounted secrets are."""
    made = make(region="us-east-1", api_key=lambda: "key-of-a-file\n")
    made.prepare()
    assert made.sign(REQUEST) == {"authorization": "Bearer key-of-a-file"}


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_function_for_a_key_that_is_async_is_told_so() -> None:
    """It is called in a thread, which has no loop."""

    async def provide() -> str:
        return "key"

    made = make(region="us-east-1", api_key=provide)
    with pytest.raises(AuthenticationError, match="must not be async"):
        made.prepare()


@pytest.mark.parametrize("answer", ["", " ", None, 5, "a\nb", RuntimeError("hidden")])
def test_a_function_without_a_key_is_an_error_of_ours(answer: object) -> None:
    """What it raised is not shown."""

    def provide() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = make(region="us-east-1", api_key=provide)
    with pytest.raises(AuthenticationError, match="api_key") as caught:
        made.prepare()
    assert "hidden" not in str(caught.value)


def test_the_suffix_of_guarded_tags_goes_into_the_body() -> None:
    """Beside the guardrail's headers; counting has none."""
    made = platform(guardrail={"guardrailIdentifier": "g", "guardrailVersion": "1", "tagSuffix": "x1"})  # fmt: skip
    body, headers = made.rewrite(BODY, [], model_id="m", operation="stream")
    assert body["amazon-bedrock-guardrailConfig"] == {"tagSuffix": "x1"}
    assert headers["x-amzn-bedrock-guardrailidentifier"] == "g"
    plain, _ = platform().rewrite(BODY, [], model_id="m", operation="stream")
    assert "amazon-bedrock-guardrailConfig" not in plain


def test_bodies() -> None:
    """The version and the betas go in; a version of the user's own stays."""
    made = platform()
    before = copy.deepcopy(BODY)
    for operation in ("invoke", "stream"):
        body, _ = made.rewrite(BODY, [], model_id="m", operation=operation)  # type: ignore[arg-type]
        assert body == {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": BODY["messages"],
            "max_tokens": 8,
        }
    own = {**BODY, "anthropic_version": "2026-10-21"}
    body, headers = made.rewrite(own, ["a", "b"], model_id="m", operation="invoke")
    assert body["anthropic_version"] == "2026-10-21"
    assert body["anthropic_beta"] == ["a", "b"]
    assert "anthropic-beta" not in headers
    assert before == BODY
    assert "anthropic_beta" not in own


@needs_data
def test_the_body_for_counting_is_the_recorded_one() -> None:
    """CountTokens takes an InvokeModel body in base64, as a recorded request shows."""
    rows = [
        row
        for row in load_recordings("bedrock")
        if row["op"] == "count-tokens" and row["status"] == 200
    ]
    assert rows
    for row in rows:
        recorded = json.loads(base64.b64decode(row["request"]["input"]["invokeModel"]["body"]))
        plain = {key: value for key, value in recorded.items() if not key.startswith("anthropic_")}
        body, headers = platform(service_tier="flex").rewrite(
            plain,
            recorded.get("anthropic_beta", []),
            model_id="m",
            operation="count_tokens",
        )
        assert json.loads(base64.b64decode(body["input"]["invokeModel"]["body"])) == recorded
        assert headers == {"content-type": "application/json", "accept": "application/json"}


def test_counting_fills_in_the_required_field() -> None:
    """An InvokeModel body must have max_tokens, a body to be counted has none."""
    body, _ = platform().rewrite({"messages": []}, [], model_id="m", operation="count_tokens")
    assert list(body) == ["input"]
    assert json.loads(base64.b64decode(body["input"]["invokeModel"]["body"]))["max_tokens"] == 1


def test_headers() -> None:
    """Every option of InvokeModel is a header; a stream asks for frames of JSON."""
    made = platform(
        guardrail={"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT"},
        trace="enabled_full",
        service_tier="priority",
        latency="optimized",
        project="proj_1",
        request_metadata={"team": "a\u00e9"},
        extra_headers={"X-Team": "a"},
    )
    _, headers = made.rewrite(BODY, [], model_id="m", operation="stream")
    assert headers == {
        "content-type": "application/json",
        "accept": "application/vnd.amazon.eventstream",
        "x-amzn-bedrock-accept": "application/json",
        "x-amzn-bedrock-guardrailidentifier": "g1",
        "x-amzn-bedrock-guardrailversion": "DRAFT",
        "x-amzn-bedrock-trace": "ENABLED_FULL",
        "x-amzn-bedrock-service-tier": "priority",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-projectidentifier": "proj_1",
        "x-amzn-bedrock-request-metadata": '{"team":"a\\u00e9"}',
        "x-team": "a",
    }
    _, plain = platform().rewrite(BODY, [], model_id="m", operation="invoke")
    assert plain == {"content-type": "application/json", "accept": "application/json"}


def botocores_headers(operation: str) -> set[str]:
    """Return the headers that AWS's own model of an operation has."""
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return {
        member.serialization["name"].lower()
        for member in shape.members.values()
        if member.serialization.get("location") == "header"
    }


def our_headers(operation: Any) -> set[str]:
    """Return the headers that we send with every option set."""
    made = platform(
        guardrail={"guardrailIdentifier": "g", "guardrailVersion": "1"}, trace=True, service_tier="flex",
        latency="standard", request_metadata={"a": "b"}, project="p",
    )  # fmt: skip
    return set(made.rewrite(BODY, [], model_id="m", operation=operation)[1])


OPERATIONS = [("invoke", "InvokeModel"), ("stream", "InvokeModelWithResponseStream")]


@pytest.mark.parametrize(("operation", "botocores"), OPERATIONS)
def test_option_headers_are_known_to_botocore(operation: str, botocores: str) -> None:
    """What we send has a name in AWS's own model of the operation."""
    assert our_headers(operation) - {"accept"} <= botocores_headers(botocores)


@pytest.mark.newest
@pytest.mark.parametrize(("operation", "botocores"), OPERATIONS)
def test_botocore_has_no_new_headers(operation: str, botocores: str) -> None:
    """A header that only botocore's model has is an option that this package lacks."""
    assert botocores_headers(botocores) <= our_headers(operation)


def test_counting_sends_no_options() -> None:
    """CountTokens has no headers of its own."""
    assert botocores_headers("CountTokens") == set()
    assert our_headers("count_tokens") == {"content-type", "accept"}


@pytest.mark.parametrize(
    ("trace", "sent"), [(True, "ENABLED"), (False, "DISABLED"), ("enabled", "ENABLED")]
)
def test_trace(trace: object, sent: str) -> None:
    """A switch or AWS's own word."""
    _, headers = platform(trace=trace).rewrite(BODY, [], model_id="m", operation="invoke")
    assert headers["x-amzn-bedrock-trace"] == sent


def test_explicit_keys_sign() -> None:
    """Ready after preparing; the session token goes along; nobody can renew them."""
    made = make(region="us-east-1", session_token=SecretStr("st"), **KEYS)
    assert made.needs_prepare()
    with pytest.raises(AuthenticationError, match="prepare"):
        made.sign(REQUEST)
    made.prepare()
    assert not made.needs_prepare()
    signed = made.sign(REQUEST)
    assert set(signed) == {"authorization", "x-amz-date", "x-amz-security-token"}
    assert "Credential=AKIAEXPLICIT/" in signed["authorization"]
    assert made.refresh(signed) is False


def test_the_users_own_host_is_signed() -> None:
    """Behind a forwarded port, AWS compares the signature with the host that it is called by."""
    headers = {"host": "bedrock-runtime.us-east-1.amazonaws.com"}
    with CloudEmulator() as emulator:
        model = ChatClaudeCloud(
            model="claude-sonnet-4-6", platform=emulator.bedrock(), default_headers=headers
        )
        assert model.invoke("Hi").content


@pytest.mark.parametrize("given_part", ["access_key_id", "secret_access_key", "session_token"])
def test_half_a_key_pair_is_refused(given_part: str) -> None:
    """Both parts, or neither."""
    with pytest.raises(ConfigurationError, match="access_key"):
        make(**{given_part: SecretStr("x")})


def test_an_api_key_is_a_bearer_token() -> None:
    """A Bedrock API key needs no AWS credentials at all, and no signature."""
    made = make(region="us-east-1", api_key=SecretStr("bedrock-key"))
    made.prepare()
    assert made.sign(REQUEST) == {"authorization": "Bearer bedrock-key"}
    assert made.refresh(made.sign(REQUEST)) is False


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A configuration with the profile ``work``."""
    (tmp_path / "aws-config").write_text("[profile work]\nregion = eu-north-1\n")
    path = tmp_path / "aws-credentials"
    path.write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n")
    return path


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("way", ["profile", "session", "AWS_PROFILE", "api_key"])
def test_the_profiles_region_fills_in(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No region is given: the profile's or session's is found at the first call."""
    settings: dict[str, Any] = {}
    if way == "profile":
        settings["profile"] = "work"
    elif way == "session":
        settings["session"] = boto3.Session(profile_name="work")
    else:
        monkeypatch.setenv("AWS_PROFILE", "work")
    if way == "api_key":
        settings["api_key"] = SecretStr("k")
    made = make(**settings)
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        made.endpoint("m", "invoke")
    made.prepare()
    assert made.region == "eu-north-1"
    assert made.endpoint("m", "invoke").startswith(
        "https://bedrock-runtime.eu-north-1.amazonaws.com/"
    )


def test_a_first_call_that_failed_reads_the_environment_again(
    profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile that the user names after it, not the default one of the same files."""
    monkeypatch.setenv("AWS_PROFILE", "none")
    made = make(region="us-east-1")
    with pytest.raises(ConfigurationError, match="none"):
        made.prepare()
    with profile.open("a") as file:
        file.write("[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    made.prepare()
    assert "Credential=AKIAWORK/" in made.sign(REQUEST)["authorization"]


@pytest.mark.parametrize("settings", [KEYS, {"api_key": SecretStr("k")}])
def test_no_region_names_the_variable(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no silent us-east-1; whoever then sets the variable need not make a new model."""
    made = make(**settings)
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        made.prepare()
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    made.prepare()
    assert made.region == "eu-north-1"


@pytest.mark.usefixtures("profile")
def test_an_explicit_region_wins_over_the_profiles() -> None:
    """Keys from the profile, region from the argument."""
    made = make(region="us-west-2", profile="work")
    made.prepare()
    assert made.region == "us-west-2"
    assert "Credential=AKIAWORK/" in made.sign(REQUEST)["authorization"]


def test_rotated_keys_are_picked_up_after_a_refusal(profile: Path) -> None:
    """The refused request's own headers tell which keys were used."""
    made = make(profile="work")
    made.prepare()
    used = made.sign(REQUEST)
    assert made.refresh(used) is False
    profile.write_text("[work]\naws_access_key_id = AKIANEW\naws_secret_access_key = n\n")
    assert made.refresh(used) is True
    assert "Credential=AKIANEW/" in made.sign(REQUEST)["authorization"]
    assert made.refresh(used) is True


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sts, Server]]:
    """An STS endpoint that botocore is pointed at."""
    answers = Sts()
    with serving(answers) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield answers, server


def test_a_role_signs_and_is_assumed_again_when_expired(sts: tuple[Sts, Server]) -> None:
    """From explicit keys to a role's temporary keys, and to the next ones."""
    made = platform(
        role_arn="arn:aws:iam::123456789012:role/claude",
        external_id="external",
        role_session_name="chat",
    )
    first = made.sign(REQUEST)
    assert "Credential=ASIA1/" in first["authorization"]
    assert first["x-amz-security-token"] == "session1"
    assert made.refresh(first) is True
    second = made.sign(REQUEST)
    assert second["x-amz-security-token"] == "session2"
    assert made.refresh(first) is True
    assert sts[0].count == 2


@pytest.mark.parametrize(
    ("name", "message", "expired"),
    [
        ("ExpiredTokenException", "The security token included in the request is expired", True),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", True),
        ("ValidationException", "The security token included in the request is expired", True),
        ("InvalidSignatureException", "Signature expired: a is now earlier than b", False),
        ("AccessDeniedException", "You don't have access to the model with the specified model ID.", False),
    ],
)  # fmt: skip
def test_which_refusals_are_expired_credentials(name: str, message: str, *, expired: bool) -> None:
    """New keys help against expired ones, not against a wrong clock."""
    made = platform()
    body = json.dumps({"message": message}).encode()
    for status in (400, 403):
        error = made.read_error(status, {"x-amzn-errortype": f"{name}:http://x/"}, body, model="m")
        assert made.is_expired(error) is expired
        assert (error.platform, error.model, error.region) == ("bedrock", "m", "us-east-1")


def test_all_first_calls_to_another_service_are_sent_again() -> None:
    """Those that were signed before the first refusal named the service too; each once."""
    made = platform(api="mantle", base_url="https://gw.example")
    used = made.sign(REQUEST)
    body = b'{"message": "Credential should be scoped to correct service: \'bedrock\'."}'
    kind = {"x-amzn-errortype": "InvalidSignatureException"}
    for _ in range(2):
        assert made.is_expired(made.read_error(403, kind, body, model="m"))
        assert made.refresh(used) is True
    again = made.sign(REQUEST)
    assert "/bedrock/aws4_request" in again["authorization"]
    assert made.refresh(again) is False


def test_a_throttle_is_not_an_expired_credential() -> None:
    """Other refusals are left to the retry policy."""
    made = platform()
    error = made.read_error(429, {"x-amzn-errortype": "ThrottlingException"}, b"{}", model="m")
    assert type(error) is RateLimitError
    assert not made.is_expired(error)


def test_a_key_that_cannot_be_asked_for_again_is_used_on() -> None:
    """A vault that fails for a moment costs no call; the cloud says when the key has expired."""
    keys = iter(["key-1"])
    source = BearerToken(lambda: next(keys))
    assert source.needs_prepare()
    source.prepare()
    used = source.headers()
    source._due = 0.0
    assert source.needs_prepare()
    source.prepare()
    assert source.headers() == used
    assert not source.needs_prepare(), "asked again only after a while"
    with pytest.raises(AuthenticationError, match="StopIteration"):
        source.refresh(used)
