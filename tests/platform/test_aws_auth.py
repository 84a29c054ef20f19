"""AWS credentials and signatures: the emulator's verifier of signatures is the oracle."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import botocore.credentials
import botocore.session
import httpx
import pytest
from credential_servers import Server, Sts, in_threads, serving
from hypothesis import given
from hypothesis import strategies as st

from langchain_claude_cloud import Bedrock
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    PermissionDeniedError,
)
from langchain_claude_cloud.platform.aws_auth import (
    AwsIdentity,
    AwsKeys,
    AwsSource,
    aws_source,
)
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock import BedrockPlatform
from langchain_claude_cloud.platform.shared_state import ExpiringTable
from langchain_claude_cloud.testing.server.sigv4 import Authorization, SignatureProblem, verify
from langchain_claude_cloud.testing.wire import Incoming

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION_KEYS = AwsKeys("ASIAEXAMPLE", "another/secret", "session/token==")
ROLE = "arn:aws:iam::123456789012:role/claude"


def sign_request(request: OutgoingRequest, keys: AwsKeys) -> dict[str, str]:
    """Return what a platform with these keys signs a request with."""
    named: dict[str, Any] = {
        name: value for name, value in asdict(keys).items() if value is not None
    }
    platform = BedrockPlatform(Bedrock(region="us-east-1", **named))
    platform.prepare()
    return platform.sign(request)


def _received(request: OutgoingRequest, signed: dict[str, str]) -> Incoming:
    """Return a signed request as a server gets it from httpx."""
    made = httpx.Request(
        request.method, request.url, headers={**request.headers, **signed}, content=request.content
    )
    path, _, query = made.url.raw_path.decode().partition("?")
    headers = tuple((name.lower(), value) for name, value in made.headers.multi_items())
    return Incoming(made.method, path, query, headers, request.content)


def _verify(request: OutgoingRequest, keys: AwsKeys, signed: dict[str, str]) -> None:
    """Verify as AWS does; the verifier itself is checked with the published vectors."""
    received = _received(request, signed)
    verify(received, Authorization(signed["authorization"]), keys.secret_access_key)


MODELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:/-_", min_size=1).map(
    lambda name: quote("m" + name, safe="")
)


@given(
    model=MODELS,
    content=st.binary(max_size=200),
    keys=st.sampled_from([KEYS, SESSION_KEYS]),
    metadata=st.text("abc {}:,\"'", max_size=20).map(str.strip),
    base=st.sampled_from(["https://bedrock-runtime.us-east-1.amazonaws.com", "http://127.0.0.1:8080", "https://[::1]:4443", "https://HOST.example:443/proxy"]),
)  # fmt: skip
def test_signatures_verify(
    model: str, content: bytes, keys: AwsKeys, metadata: str, base: str
) -> None:
    """A server that computes the signature for itself comes to the same; few headers are signed."""
    request = OutgoingRequest(
        "POST",
        f"{base}/model/{model}/invoke",
        {
            "content-type": "application/json",
            "x-amzn-bedrock-request-metadata": metadata,
            "x-amzn-trace-id": "a load balancer changes it",
            "user-agent": "not signed",
            "accept": "application/json",
        },
        content,
    )
    signed = sign_request(request, keys)
    _verify(request, keys, signed)
    with pytest.raises(SignatureProblem, match="signature"):
        _verify(replace(request, content=content + b" "), keys, signed)
    names = signed["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    expected = {"content-type", "host", "x-amz-date", "x-amzn-bedrock-request-metadata"}
    assert set(names) == expected | ({"x-amz-security-token"} if keys.session_token else set())
    assert set(signed) == {"authorization", *(expected & {"x-amz-date"}), *({"x-amz-security-token"} & set(names))}  # fmt: skip


def test_a_query_is_signed() -> None:
    """Control plane calls have queries."""
    request = OutgoingRequest(
        "GET", "https://bedrock.us-east-1.amazonaws.com/foundation-models?b=2%2F3&a=x%20y&a=b"
    )
    _verify(request, KEYS, sign_request(request, KEYS))


def test_what_is_signed_can_be_sent_again_with_other_keys() -> None:
    """A retry signs anew: headers of the first signature are not signed twice."""
    request = OutgoingRequest("POST", "https://h.example/model/m/invoke", {"content-type": "a/b"})
    first = sign_request(request, SESSION_KEYS)
    other = AwsKeys("ASIAOTHER", "other", "token2")
    again = sign_request(request.with_headers(first), other)
    assert again["x-amz-security-token"] == "token2"
    _verify(request, other, again)


def test_nothing_that_is_signed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Botocore writes the canonical request, which holds the session token, at DEBUG."""
    request = OutgoingRequest("POST", "https://h.example/model/m/invoke", {"content-type": "a/b"})
    with caplog.at_level(logging.DEBUG):
        signed = sign_request(request, SESSION_KEYS)
        logging.getLogger("botocore.auth").debug("a line of somebody else")
    assert "somebody else" in caplog.text
    assert "session/token" not in caplog.text
    assert signed["authorization"][-32:] not in caplog.text


def test_importing_the_signer_does_not_import_botocore() -> None:
    """The first call to Bedrock does; a Bedrock API key never needs it."""
    script = (
        "import sys\n"
        "from langchain_claude_cloud.platform.bedrock import BedrockPlatform\n"
        "from langchain_claude_cloud import Bedrock\n"
        "from langchain_claude_cloud.platform.base import OutgoingRequest\n"
        "bearer = BedrockPlatform(Bedrock(region='us-east-1', api_key='k'))\n"
        "bearer.prepare()\n"
        "bearer.sign(OutgoingRequest('POST', 'https://h.example/'))\n"
        "keys = {'access_key_id': 'A', 'secret_access_key': 's'}\n"
        "signing = BedrockPlatform(Bedrock(region='us-east-1', **keys))\n"
        "print('botocore' in sys.modules)\n"
        "signing.prepare()\n"
        "print('botocore' in sys.modules)\n"
    )
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, check=True)  # noqa: S603  our own
    assert done.stdout.split() == ["False", "True"]


def test_keys_do_not_show_their_secrets() -> None:
    """A repr has the key id alone."""
    assert "secret" not in repr(SESSION_KEYS)
    assert "token" not in repr(SESSION_KEYS).replace("session_token", "")


@pytest.fixture
def sts() -> Sts:
    """What the STS endpoint answers."""
    return Sts()


@pytest.fixture
def endpoint(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An STS endpoint that botocore is pointed at."""
    with serving(sts) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A configuration with the profile ``work``."""
    (tmp_path / "aws-config").write_text("[profile work]\nregion = eu-north-1\n")
    path = tmp_path / "aws-credentials"
    path.write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = worksecret\n")
    return path


def _used(source: AwsSource) -> dict[str, str]:
    """Return the headers of a request that a source signed."""
    request = OutgoingRequest("POST", "https://h.example/model/m/invoke")
    return sign_request(request, source.keys())


def test_explicit_keys_need_no_preparation() -> None:
    """They are ready at once, and nobody can renew them."""
    source = AwsSource(AwsIdentity(keys=SESSION_KEYS))
    assert not source.needs_prepare()
    assert source.keys() == SESSION_KEYS
    assert source.refresh(_used(source)) is False


def test_the_environments_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain's first link; rotated variables are another identity."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "envsecret")
    source = aws_source(AwsIdentity())
    assert source.needs_prepare()
    source.prepare()
    assert not source.needs_prepare()
    assert source.keys() == AwsKeys("AKIAENV", "envsecret")
    assert aws_source(AwsIdentity()) is source
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAROTATED")
    rotated = aws_source(AwsIdentity())
    rotated.prepare()
    assert rotated.keys().access_key_id == "AKIAROTATED"


@pytest.mark.usefixtures("profile")
def test_an_identity_has_one_source_in_the_process() -> None:
    """Equal keys, roles and profiles, and one session, are one identity; others are others."""
    session = boto3.Session(profile_name="work")
    for make in (
        AwsIdentity,
        lambda: AwsIdentity(keys=AwsKeys("A", "s")),
        lambda: AwsIdentity(keys=AwsKeys("A", "s"), role_arn=ROLE, external_id="x", region="r"),
        lambda: AwsIdentity(profile="work", role_arn=ROLE),
        lambda: AwsIdentity(session=session),
        lambda: AwsIdentity(session=session, role_arn=ROLE),
    ):
        assert aws_source(make()) is aws_source(make())
    role = AwsIdentity(keys=AwsKeys("A", "s"), role_arn=ROLE, external_id="x", region="r")
    for other in (
        replace(role, keys=AwsKeys("A", "other")),
        replace(role, keys=AwsKeys("A", "s", "token")),
        replace(role, role_arn=f"{ROLE}2"),
        replace(role, external_id="y"),
        replace(role, region="r2"),
        replace(role, role_session_name="n"),
        replace(role, keys=None, session=session),
        replace(role, keys=None, session=boto3.Session(profile_name="work")),
        replace(role, keys=None, profile="work"),
    ):
        assert aws_source(role) is not aws_source(other)
    # The region matters to STS alone.
    east, west = AwsIdentity(profile="work", region="e"), AwsIdentity(profile="work", region="w")
    assert aws_source(east) is aws_source(west)


def test_tables_are_bounded_and_forget_what_is_idle() -> None:
    """What nobody asks for makes room, and goes after its time, without being asked for."""
    now = [0.0]
    table: ExpiringTable[list[str]] = ExpiringTable(3, lambda: now[0])

    def get(name: str) -> list[str]:
        return table.update(name, lambda known: known or [name], 60.0)

    first = get("first")
    for name in ("a", "b", "first", "c"):
        get(name)
    assert len(table) == 3
    assert get("first") is first
    now[0] = 61.0
    assert get("first") is not first
    assert len(table) == 1
    table.clear()
    assert len(table) == 0


def test_a_session_need_not_be_hashable() -> None:
    """It is told by itself."""

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def get_credentials(self) -> None:
            """Have none."""

    own = Unhashable()
    assert aws_source(AwsIdentity(session=own)) is aws_source(AwsIdentity(session=own))


def test_a_renewed_role_reads_its_base_anew(endpoint: Server, sts: Sts, profile: Path) -> None:
    """The file's keys were replaced meanwhile; who uses them without a role is not harmed."""
    plain = aws_source(AwsIdentity(profile="work"))
    plain.prepare()
    source = aws_source(_role())
    source.prepare()
    profile.write_text("[work]\naws_access_key_id = AKIANEW\naws_secret_access_key = new\n")
    assert source.refresh(_used(source)) is True
    assert sts.count == 2
    assert "Credential=AKIANEW/" in endpoint.requests[1].headers["authorization"]
    assert not plain.needs_prepare()
    assert plain.keys() == AwsKeys("AKIANEW", "new")


@pytest.mark.usefixtures("profile")
def test_a_profile_has_keys_and_a_region() -> None:
    """Both come from the configuration files."""
    source = aws_source(AwsIdentity(profile="work"))
    assert source.setting("region") == "eu-north-1"
    source.prepare()
    assert source.keys() == AwsKeys("AKIAWORK", "worksecret")


def test_a_refused_key_is_read_again_from_its_file(profile: Path) -> None:
    """Tools that write temporary keys into the file are noticed on the first refusal."""
    source = aws_source(AwsIdentity(profile="work"))
    source.prepare()
    used = _used(source)
    assert source.refresh(used) is False
    profile.write_text("[work]\naws_access_key_id = AKIANEW\naws_secret_access_key = new\n")
    assert source.refresh(used) is True
    assert source.keys() == AwsKeys("AKIANEW", "new")
    assert source.refresh(used) is True


@pytest.mark.parametrize("kind", ["boto3", "botocore"])
@pytest.mark.usefixtures("profile")
def test_a_given_session_is_used(kind: str) -> None:
    """Either library's session serves, with its region."""
    session: object = (
        boto3.Session(profile_name="work")
        if kind == "boto3"
        else botocore.session.Session(profile="work")
    )
    source = aws_source(AwsIdentity(session=session))
    assert source.setting("region") == "eu-north-1"
    source.prepare()
    assert source.keys() == AwsKeys("AKIAWORK", "worksecret")


def test_any_object_with_credentials_is_a_session() -> None:
    """A stand-in needs get_credentials() alone."""

    class Own:
        region_name = "eu-west-3"

        def get_credentials(self) -> botocore.credentials.Credentials:
            return botocore.credentials.Credentials("AKIAOWN", "own", "token")

    source = aws_source(AwsIdentity(session=Own()))
    assert source.setting("region") == "eu-west-3"
    source.prepare()
    assert source.keys() == AwsKeys("AKIAOWN", "own", "token")


@pytest.mark.parametrize("way", ["keys", "profile", "session"])
@pytest.mark.usefixtures("profile")
def test_a_role_is_assumed_with_the_other_credentials(way: str, endpoint: Server) -> None:
    """The external id and the session's name go along; the caller's keys sign."""
    identity = AwsIdentity(
        role_arn=ROLE,
        external_id="external",
        role_session_name="chat",
        region="eu-west-1",
        keys=AwsKeys("AKIAWORK", "worksecret") if way == "keys" else None,
        profile="work" if way == "profile" else None,
        session=boto3.Session(profile_name="work") if way == "session" else None,
    )
    source = aws_source(identity)
    assert source.needs_prepare()
    source.prepare()
    assert source.keys() == AwsKeys("ASIA1", "secret1", "session1")
    (request,) = endpoint.requests
    form = request.form
    assert form["RoleArn"] == ROLE
    assert form["ExternalId"] == "external"
    assert form["RoleSessionName"] == "chat"
    assert "Credential=AKIAWORK/" in request.headers["authorization"]
    assert "/eu-west-1/sts/" in request.headers["authorization"]


def _role() -> AwsIdentity:
    return AwsIdentity(role_arn=ROLE, profile="work")


@pytest.mark.usefixtures("profile", "endpoint")
def test_fifty_cold_threads_assume_a_role_once(sts: Sts) -> None:
    """STS is asked once, and everybody signs with its keys."""
    sts.delay = 0.1

    def work() -> object:
        source = aws_source(_role())
        source.prepare()
        return source.keys()

    assert in_threads(50, work) == [AwsKeys("ASIA1", "secret1", "session1")] * 50
    assert sts.count == 1


@pytest.mark.usefixtures("endpoint")
def test_a_profile_of_a_role_is_asked_once_for_further_roles(sts: Sts, profile: Path) -> None:
    """Two regions and two roles: its own role is assumed once, as is each of theirs."""
    (profile.parent / "aws-config").write_text(
        f"[profile dev]\nrole_arn = {ROLE}\nsource_profile = work\nregion = eu-north-1\n"
    )
    for region in ("us-east-1", "eu-west-1"):
        for role in (ROLE, f"{ROLE}2"):
            aws_source(AwsIdentity(profile="dev", role_arn=role, region=region)).prepare()
    assert sts.count == 1 + 4


@pytest.mark.usefixtures("endpoint")
def test_who_read_the_configuration_first_shares_a_refusal_too(sts: Sts, profile: Path) -> None:
    """As calls do: the region is the profile's. Each asked STS, one after the other."""
    (profile.parent / "aws-config").write_text(
        f"[profile dev]\nrole_arn = {ROLE}\nsource_profile = work\nregion = eu-north-1\n"
    )
    sts.refusal, sts.delay = "AccessDenied", 1.0

    def work() -> None:
        source = aws_source(AwsIdentity(profile="dev"))
        source.setting("region")
        source.prepare()

    assert {type(each) for each in in_threads(10, work)} == {PermissionDeniedError}
    assert sts.count == 1


@pytest.mark.usefixtures("profile", "endpoint")
def test_who_waited_for_a_refusal_shares_it(sts: Sts) -> None:
    """Fifty callers do not ask STS one after the other; a later one asks anew."""
    sts.delay, sts.refusal = 0.2, "AccessDenied"
    outcomes = in_threads(50, lambda: aws_source(_role()).prepare())
    assert {type(each) for each in outcomes} == {PermissionDeniedError}
    assert len(set(map(id, outcomes))) == 50
    assert sts.count == 1
    sts.refusal = None
    aws_source(_role()).prepare()
    assert sts.count == 2


@pytest.mark.usefixtures("profile", "endpoint")
def test_a_role_called_expired_is_assumed_again_once(sts: Sts) -> None:
    """Twenty refused requests lead to one more AssumeRole."""
    source = aws_source(_role())
    source.prepare()
    used = _used(source)
    assert in_threads(20, lambda: source.refresh(used)) == [True] * 20
    assert sts.count == 2
    assert source.keys() == AwsKeys("ASIA2", "secret2", "session2")


@pytest.mark.usefixtures("profile", "endpoint")
def test_keys_about_to_expire_are_renewed_but_still_used(sts: Sts) -> None:
    """In botocore's advisory quarter of an hour a failing STS does no harm."""
    sts.lifetime = 800
    source = aws_source(_role())
    source.prepare()
    sts.refusal = "AccessDenied"
    source._next_attempt = 0.0
    assert source.needs_prepare()
    source.prepare()
    assert source.keys() == AwsKeys("ASIA1", "secret1", "session1")
    assert not source.needs_prepare()


@pytest.mark.usefixtures("profile", "endpoint")
def test_keys_that_expired_are_renewed_before_use(sts: Sts) -> None:
    """In the mandatory window every caller waits for new keys."""
    sts.lifetime = 300
    source = aws_source(_role())
    source.prepare()
    assert source.needs_prepare()
    sts.lifetime = 3600
    source.prepare()
    assert source.keys().access_key_id == "ASIA2"
    assert not source.needs_prepare()


def test_web_identity(endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kubernetes service account's token is exchanged, as botocore's chain does."""
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    source = aws_source(AwsIdentity())
    source.prepare()
    assert source.keys().session_token == "session1"
    assert endpoint.requests[0].form["WebIdentityToken"] == "a.b.c"


@pytest.mark.usefixtures("profile", "endpoint")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDenied", PermissionDeniedError),
        ("ExpiredToken", AuthenticationError),
        ("Throttling", ConnectionFailedError),
    ],
)
def test_a_role_that_is_refused(
    code: str, expected: type[Exception], sts: Sts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STS's code is kept; the message names what to check; a throttle may be tried again."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    sts.refusal = code
    with pytest.raises(expected, match="sts:AssumeRole") as caught:
        aws_source(_role()).prepare()
    assert getattr(caught.value, "error_type", None) == code


@pytest.mark.usefixtures("profile")
def test_an_sts_that_is_not_there_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own exceptions do not leak."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ConnectionFailedError):
        aws_source(_role()).prepare()


def test_no_credentials_list_the_ways() -> None:
    """Nothing is configured: what to do."""
    with pytest.raises(AuthenticationError) as caught:
        aws_source(AwsIdentity()).prepare()
    for way in ("`profile`", "AWS_PROFILE", "aws sso login", "AWS_BEARER_TOKEN_BEDROCK"):
        assert way in str(caught.value)


def test_an_unknown_profile_is_refused_by_name() -> None:
    """A typing error in a profile never falls back to another identity."""
    source = aws_source(AwsIdentity(profile="wrok"))
    for call in (source.prepare, lambda: source.setting("region")):
        with pytest.raises(ConfigurationError, match="wrok"):
            call()


def test_half_a_key_pair_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore calls it partial credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    with pytest.raises(ConfigurationError, match=r"(?i)aws_secret_access_key"):
        aws_source(AwsIdentity()).prepare()


def test_keys_before_prepare_are_an_error() -> None:
    """Signing first is the caller's mistake, and says so."""
    with pytest.raises(AuthenticationError, match="loaded"):
        AwsSource(AwsIdentity()).keys()


@pytest.mark.usefixtures("profile", "endpoint")
def test_a_role_that_cannot_be_one_is_refused() -> None:
    """What botocore does not even send is a matter of configuration."""
    with pytest.raises(ConfigurationError, match="RoleArn"):
        aws_source(AwsIdentity(role_arn="role", profile="work", region="eu-west-1")).prepare()


@pytest.mark.parametrize(
    "output",
    [
        "[]",
        "5",
        '{"Version": 1, "AccessKeyId": "AKIAX", "SecretAccessKey": "hidden", "Expiration": 5}',
    ],
)
def test_a_process_that_writes_something_else_is_an_error_of_ours(
    output: str, tmp_path: Path
) -> None:
    """Botocore takes apart what it wrote without looking at it first."""
    (tmp_path / "output").write_text(output)
    (tmp_path / "aws-config").write_text(
        f"[profile odd]\ncredential_process = cat {tmp_path / 'output'}\n"
    )
    with pytest.raises(AuthenticationError, match="credential_process") as caught:
        aws_source(AwsIdentity(profile="odd")).prepare()
    assert "hidden" not in str(caught.value)


@pytest.mark.usefixtures("endpoint")
def test_threads_that_share_a_platform_assume_its_role_once(sts: Sts) -> None:
    """Also where its keys are explicit."""
    sts.delay = 0.1
    platform = BedrockPlatform(
        Bedrock(
            region="eu-west-1", access_key_id="AKIAX", secret_access_key="secret", role_arn=ROLE
        )
    )
    in_threads(20, platform.prepare)
    assert sts.count == 1


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("how", ["profile", "chained profile", "session"])
def test_an_mfa_code_without_a_terminal_is_an_error_that_says_what_to_do(
    how: str, tmp_path: Path
) -> None:
    """Nothing is read from standard input, which may be somebody else's (pytest's refuses it)."""
    device = "arn:aws:iam::123456789012:mfa/me"
    (tmp_path / "aws-config").write_text(
        f"[profile mfa]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = work\n"
        f"mfa_serial = {device}\n"
        f"[profile chained]\nrole_arn = {ROLE}2\nsource_profile = mfa\n"
    )
    (tmp_path / "aws-credentials").write_text(
        "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = worksecret\n"
    )
    identity = {
        "profile": AwsIdentity(profile="mfa"),
        "chained profile": AwsIdentity(profile="chained"),
        "session": AwsIdentity(session=AsksForCode()),
    }[how]
    with pytest.raises(AuthenticationError, match="MFA code") as caught:
        aws_source(identity).prepare()
    assert "session_token" in str(caught.value)
    assert device in str(caught.value) or how == "session"


class AsksForCode:
    """A session that reads a code from standard input by itself."""

    def get_credentials(self) -> botocore.credentials.Credentials:
        """Find the end of the input."""
        raise EOFError


class Incomplete:
    """A session whose credentials lack something."""

    def __init__(self, credentials: object) -> None:
        self.credentials = credentials

    def get_credentials(self) -> object:
        """Return what it was made with, or raise it."""
        if isinstance(self.credentials, Exception):
            raise self.credentials
        return self.credentials


class Frozen:
    """Credentials that freeze to nothing."""

    def get_frozen_credentials(self) -> None:
        """Return nothing."""


class FailsLater:
    """Credentials that can be frozen once."""

    def __init__(self) -> None:
        self._frozen = [botocore.credentials.ReadOnlyCredentials("AKIA", "s", None)]

    def get_frozen_credentials(self) -> botocore.credentials.ReadOnlyCredentials:
        """Return the credentials, or raise what a session of the user's may raise."""
        if not self._frozen:
            raise KeyError("hidden")
        return self._frozen.pop()


def test_credentials_that_fail_later_are_an_error_of_ours() -> None:
    """They were good when they were found; what they raise does not leak."""
    source = aws_source(AwsIdentity(session=Incomplete(FailsLater())))
    source.prepare()
    with pytest.raises(AuthenticationError, match="AWS credentials") as caught:
        source.keys()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("role", [None, ROLE])
@pytest.mark.parametrize(
    "credentials",
    [
        botocore.credentials.Credentials(None, None),
        botocore.credentials.Credentials("", ""),
        botocore.credentials.Credentials("AKIA", None),
        Frozen(),
        object(),
        Exception("hidden"),
        KeyError("hidden"),
    ],
    ids=[
        "None",
        "empty",
        "no secret",
        "freezes to nothing",
        "no credentials",
        "Exception",
        "KeyError",
    ],
)
def test_a_session_without_usable_keys_is_an_error_of_ours(
    credentials: object, role: str | None
) -> None:
    """Nothing is signed with the key id ``None``; what a session raises does not leak."""
    source = aws_source(AwsIdentity(session=Incomplete(credentials), role_arn=role))
    with pytest.raises(AuthenticationError, match="AWS credentials") as caught:
        source.prepare()
    assert "`access_key_id` and `secret_access_key`" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.usefixtures("profile")
def test_sts_is_asked_once_and_not_waited_for_long(sts: Sts, endpoint: Server) -> None:
    """The call has retries and a time limit of its own."""
    sts.refusal, sts.status = "InternalFailure", 500
    with pytest.raises(ConnectionFailedError) as caught:
        aws_source(_role()).prepare()
    assert caught.value.is_retryable
    assert len(endpoint.requests) == 1
    config = aws_source(_role()).read(lambda session: session.get_default_client_config())
    assert config is not None
    assert (config.connect_timeout, config.read_timeout) == (5, 10)


def test_the_session_of_a_user_is_not_changed() -> None:
    """Its clients keep their own configuration."""
    session = boto3.Session(
        aws_access_key_id="A", aws_secret_access_key="s", region_name="eu-west-1"
    )
    aws_source(AwsIdentity(session=session)).prepare()
    assert session._session.get_default_client_config() is None
