"""Roles of other accounts end to end, and clocks that are wrong.

STS and Google's token endpoint are loopback servers, for the real botocore and google-auth; the
model requests go to the emulator, which verifies each signature.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

import boto3
import pytest
from credential_servers import Reply, Request, Server, json_reply, service_account, serving
from google.oauth2 import service_account as google_service_account

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    PermissionDeniedError,
)
from langchain_claude_cloud.testing import CloudEmulator

ROLE: Final = "arn:aws:iam::123456789012:role/claude-of-another-account"
EXPIRED: Final = (
    "Signature expired: 20261121T120000Z is now earlier than 20261121T125500Z "
    "(20261121T130000Z - 5 min.)"
)
TOO_EARLY: Final = (
    "Signature not yet current: 20261121T140000Z is still later than 20261121T130500Z "
    "(20261121T130000Z + 5 min.)"
)
SHORT_LIVED: Final = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


@pytest.fixture
def emulator(running_emulator: CloudEmulator) -> CloudEmulator:
    """A running emulator without a script."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture(autouse=True)
def all_healthy() -> None:
    """Forget which routes of this process are cooling down."""
    MEMORY.reset()


@dataclass
class EmulatorSts:
    """Answers AssumeRole with keys that the emulator knows.

    Attributes:
        emulator: Issues the keys.
        lifetime: For how many seconds they are said to last.
        really: For how many seconds they do; None as long as they are said to.
        refusal: A code and a text to answer instead.
        count: How often it was asked.
    """

    emulator: CloudEmulator
    lifetime: float = 3600.0
    really: float | None = None
    refusal: tuple[str, str] | None = None
    count: int = 0

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        self.count += 1
        assert request.form["RoleArn"] == ROLE
        if self.refusal is not None:
            code, words = self.refusal
            error = (
                f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>"
            )
            return _xml(f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>", 403)
        key = self.emulator.issue_aws_key(self.lifetime if self.really is None else self.really)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
        return _xml(
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleResult><Credentials><AccessKeyId>{key.access_key_id}</AccessKeyId>"
            f"<SecretAccessKey>{key.secret_access_key}</SecretAccessKey>"
            f"<SessionToken>{key.session_token}</SessionToken><Expiration>{until}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )


def _xml(body: str, status: int = 200) -> Reply:
    return Reply(status, body.encode(), {"content-type": "text/xml"})


@pytest.fixture
def sts(emulator: CloudEmulator) -> EmulatorSts:
    """What STS answers."""
    return EmulatorSts(emulator)


@pytest.fixture
def endpoint(sts: EmulatorSts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An STS that botocore is pointed at."""
    with serving(sts) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield server


def model_with_role(emulator: CloudEmulator, **fields: Any) -> ChatClaudeCloud:
    """Return a model that asks as a role of another account."""
    key = emulator.aws_key
    platform = emulator.bedrock(
        role_arn=ROLE,
        external_id="external",
        role_session_name="chat",
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
    )
    given: Any = {"model": "claude-sonnet-4-6", "max_tokens": 256, "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=platform, **given)


def signers(emulator: CloudEmulator) -> list[str]:
    """Return the access keys that signed the model requests."""
    return [
        request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        for request in emulator.requests
    ]


async def test_a_role_s_keys_sign_the_requests(
    emulator: CloudEmulator, sts: EmulatorSts, endpoint: Server
) -> None:
    """The caller's own keys go to STS alone; all calls share the role's."""
    model = model_with_role(emulator)
    model.invoke("Hi")
    await model.ainvoke("Hi")
    async for _ in model.astream("Hi"):
        pass
    assert sts.count == 1
    assert len(set(signers(emulator))) == 1
    assert signers(emulator)[0].startswith("ASIA")
    (request,) = endpoint.requests
    assert (request.form["ExternalId"], request.form["RoleSessionName"]) == ("external", "chat")
    assert f"Credential={emulator.aws_key.access_key_id}/" in request.headers["authorization"]


@pytest.mark.usefixtures("endpoint")
async def test_a_hundred_cold_calls_assume_the_role_once(
    emulator: CloudEmulator, sts: EmulatorSts
) -> None:
    """Off the event loop, and for all of them."""
    model = model_with_role(emulator)
    await asyncio.gather(*(model.ainvoke("Hi") for _ in range(30)))
    assert sts.count == 1


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("base", ["keys", "session"])
async def test_all_models_of_a_process_share_a_role(
    emulator: CloudEmulator, sts: EmulatorSts, base: str
) -> None:
    """Ten models, each call with headers of its own, 200 cold tasks: one AssumeRole."""
    key = emulator.aws_key
    given: dict[str, Any] = {
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
    }
    if base == "session":
        session = boto3.Session(*given.values(), region_name=emulator.region)
        given = {"session": session}
    models = [
        ChatClaudeCloud(
            model="claude-sonnet-4-6",
            max_tokens=256,
            max_retries=0,
            platform=emulator.bedrock(role_arn=ROLE, external_id="partner", **given),
        )
        for _ in range(10)
    ]
    calls = (
        models[number % 10].ainvoke("Hi", default_headers={"x-tenant": str(number)})
        for number in range(200)
    )
    await asyncio.gather(*calls)
    assert sts.count == 1
    for number in range(10):
        models[number].invoke("Hi", default_headers={"x-tenant": f"again-{number}"})
    assert sts.count == 1
    assert len(set(signers(emulator))) == 1


@pytest.mark.usefixtures("endpoint")
async def test_another_external_id_is_another_role(
    emulator: CloudEmulator, sts: EmulatorSts
) -> None:
    """Nobody is given the keys of a session that somebody else may have."""
    key = emulator.aws_key
    for external_id in ("one", "two", "one"):
        platform = emulator.bedrock(
            role_arn=ROLE, external_id=external_id,
            access_key_id=key.access_key_id, secret_access_key=key.secret_access_key,
        )  # fmt: skip
        model = ChatClaudeCloud(model="claude-sonnet-4-6", max_tokens=256, platform=platform)
        await model.ainvoke("Hi")
    assert sts.count == 2
    first, second, third = signers(emulator)
    assert first == third != second


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream"])
async def test_keys_that_ran_out_are_renewed_before_the_next_call(
    emulator: CloudEmulator, sts: EmulatorSts, way: str
) -> None:
    """By what STS said: no request is sent with keys that are known to be old."""
    model = model_with_role(emulator)
    sts.lifetime, sts.really = 60.0, 3600.0  # within botocore's mandatory window at once
    await ask(model, way)
    sts.lifetime = 3600.0
    await ask(model, way)
    await ask(model, way)
    assert [request.status for request in emulator.requests] == [200] * 3
    first, *others = signers(emulator)
    assert first not in others
    assert len(set(others)) == 1


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream"])
async def test_keys_that_the_cloud_calls_expired_are_renewed_within_the_call(
    emulator: CloudEmulator, sts: EmulatorSts, way: str
) -> None:
    """A revoked session, or a clock that is late: once, and the caller sees nothing of it."""
    sts.really = -1.0
    model = model_with_role(emulator)
    with pytest.raises(AuthenticationError):
        await ask(model, way)
    assert sts.count == 2, "assumed, called expired, assumed once more, and no further"
    sts.really = None
    await ask(model, way)
    assert [request.status for request in emulator.requests] == [403, 403, 403, 200]
    assert sts.count == 3


async def ask(model: ChatClaudeCloud, way: str) -> None:
    """Ask in one of the ways."""
    if way == "invoke":
        model.invoke("Hi")
    elif way == "ainvoke":
        await model.ainvoke("Hi")
    else:
        async for _ in model.astream("Hi"):
            pass


@pytest.mark.usefixtures("endpoint")
async def test_a_role_that_may_not_be_assumed_switches(
    emulator: CloudEmulator, sts: EmulatorSts
) -> None:
    """Nothing is sent to that platform; the next one answers."""
    sts.refusal = ("AccessDenied", "User is not authorized to perform sts:AssumeRole")
    model = model_with_role(emulator)
    first = model._routes_for(model.model, {})[0].config
    model = model.model_copy(update={"platform": [first, emulator.vertex()]})
    answer = await model.ainvoke("Hi")
    assert answer.response_metadata["platform"] == "vertex"
    assert [request.platform for request in emulator.requests] == ["vertex"]
    with pytest.raises(PermissionDeniedError, match="sts:AssumeRole"):
        await model_with_role(emulator).ainvoke("Hi")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current"),
        (403, "InvalidSignatureException", EXPIRED),
        (403, "InvalidSignatureException", TOO_EARLY),
        (400, "InvalidSignatureException", EXPIRED),
        (403, "SignatureDoesNotMatch", EXPIRED),
        (403, "RequestExpired", "Request has expired."),
    ],
)
@pytest.mark.parametrize("ahead", [-3300, 3300])
async def test_a_wrong_clock_is_named_as_the_cause(
    emulator: CloudEmulator, status: int, kind: str, words: str, ahead: int
) -> None:
    """Not a wrong key: the message says to set the clock, and by how much it is off."""
    date = formatdate(time.time() - ahead, usegmt=True)
    emulator.fault(status=status, error_type=kind, message=words, headers={"date": date})
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=emulator.bedrock(), max_tokens=256, max_retries=2
    )
    with pytest.raises(AuthenticationError, match="clock") as caught:
        await model.ainvoke("Hi")
    check_clock(caught.value)
    assert len(emulator.requests) == 1, "another signature would be as late"


def check_clock(error: ClaudeCloudError) -> None:
    """Assert that an error says what to do about a clock, and does not send people elsewhere."""
    text = str(error)
    assert "set this machine's clock" in text
    for wrong in ("secret access key", "trust policy", "gcloud auth", "permission"):
        assert wrong not in text
    assert not error.is_retryable


async def test_a_wrong_clock_is_named(emulator: CloudEmulator) -> None:
    """The signature is refused for its time; to log in again would not help."""
    emulator.fault(status=403, error_type="RequestTimeTooSkewed")
    with pytest.raises(AuthenticationError) as caught:
        await ChatClaudeCloud(
            model="claude-sonnet-4-6", platform=emulator.bedrock(), max_tokens=256
        ).ainvoke("Hi")
    assert "set this machine's clock (NTP)" in str(caught.value)


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("code", "words"),
    [("SignatureDoesNotMatch", EXPIRED), ("RequestExpired", "Request has expired.")],
)
async def test_sts_says_that_the_clock_is_wrong(
    emulator: CloudEmulator, sts: EmulatorSts, code: str, words: str
) -> None:
    """The role and its trust policy are not to blame."""
    sts.refusal = (code, words)
    with pytest.raises(AuthenticationError) as caught:
        await model_with_role(emulator).ainvoke("Hi")
    check_clock(caught.value)
    assert emulator.requests == []


def test_google_says_that_the_clock_is_wrong(emulator: CloudEmulator) -> None:
    """A service account's assertion carries this machine's time."""
    refusal = json_reply({"error": "invalid_grant", "error_description": SHORT_LIVED}, 400)
    with serving(lambda _: refusal) as server:
        credentials: Any = google_service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            service_account(server.url)
        )
        model = ChatClaudeCloud(
            model="claude-sonnet-4-6",
            platform=emulator.vertex(credentials=credentials),
            max_tokens=256,
        )
        with pytest.raises(AuthenticationError) as caught:
            model.invoke("Hi")
    assert "short-lived token" in str(caught.value)
    check_clock(caught.value)
    assert emulator.requests == []


@pytest.mark.parametrize("platform", [Vertex(access_token="stale"), Bedrock(api_key="stale")])
async def test_keys_that_nobody_can_renew_are_sent_once(
    emulator: CloudEmulator, platform: Any
) -> None:
    """The error says how to get others."""
    url = emulator.vertex_url if platform.cloud == "vertex" else emulator.url
    is_vertex = platform.cloud == "vertex"
    update = {"base_url": url, "region": "us-east5" if is_vertex else "us-east-1"}
    update |= {"project": "some-project"} if is_vertex else {}
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform.model_copy(update=update), max_tokens=256
    )
    with pytest.raises((AuthenticationError, PermissionDeniedError)) as caught:
        await model.ainvoke("Hi")
    assert "access_token" in str(caught.value) or "api_key" in str(caught.value)
    assert "stale" not in str(caught.value)
    assert len(emulator.requests) == 1
