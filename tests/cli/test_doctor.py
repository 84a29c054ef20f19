"""The command ``doctor``: against the emulator, playing clouds in every state."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from canaries import canary, everything_logged, shown

from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.cli.identity import until
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.testing import CloudEmulator, FaultKind

CLOUDS = ["vertex", "bedrock"]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def emulator(emulated_clouds: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> CloudEmulator:
    """An emulator that the environment leads to."""
    monkeypatch.setenv("COLUMNS", "250")
    return emulated_clouds


def doctor(capsys: Output, *arguments: str) -> tuple[int, str, str]:
    """Run the command; return its status, its output in one line, and its complaints."""
    with pytest.raises(SystemExit) as ended:
        run(["doctor", *arguments])
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, re.sub(r"[\s\u2500-\u257f]+", " ", captured.out), captured.err


def checks(capsys: Output, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command with ``--json``; return its status, and the checks by name."""
    with pytest.raises(SystemExit) as ended:
        run(["doctor", "--json", *arguments])
    assert isinstance(ended.value.code, int)
    (report,) = json.loads(capsys.readouterr().out)["clouds"]
    found = {check["name"]: (check["outcome"], check["detail"]) for check in report["checks"]}
    return ended.value.code, found


def test_it_says_who_and_where_everything_comes_from(
    emulator: CloudEmulator, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and their origins; a masked key; a call, a stream, tool arguments, a schema."""
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-haiku-5-5")
    code, shown, _ = doctor(capsys, "--region", "eu-west-1")
    assert code == 0
    key = os.environ["AWS_ACCESS_KEY_ID"]
    for words in (
        "platform: bedrock (CLAUDE_CODE_USE_BEDROCK)",
        "region eu-west-1 --region",
        "model claude-haiku-5-5 ANTHROPIC_MODEL",
        "AWS key pair AWS_ACCESS_KEY_ID",
        f"ok credentials: key AKIA...{key[-4:]}, found by env",
        "global.anthropic.claude-haiku-5-5",
        "ok listing: listed among",
        "ok call: answered",
        "ok stream: answered in",
        "ok tool arguments: streamed in",
        "ok structured output: native",
        "Amazon Bedrock can be used.",
    ):
        assert words in shown
    assert key not in shown
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in shown
    assert {request.region for request in emulator.requests} == {"eu-west-1"}


def test_a_service_account_is_named_and_its_key_is_not_shown(
    emulator: CloudEmulator, capsys: Output
) -> None:
    """By the address in the key file."""
    code, shown, _ = doctor(capsys, "--platform", "vertex", "--project", "mine")
    assert code == 0
    assert "project mine --project" in shown
    assert "region global CLOUD_ML_REGION" in shown
    assert "service account key GOOGLE_APPLICATION_CREDENTIALS" in shown
    assert f"ok credentials: {emulator.service_account_info()['client_email']}" in shown
    assert "PRIVATE KEY" not in shown
    assert "ya29" not in shown
    assert {request.project for request in emulator.requests} == {"mine"}


@pytest.mark.parametrize("what", ["usable", "refused", "contents", "wrong", "offline"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_it_shows_no_secret(
    emulator: CloudEmulator,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    form: list[str],
) -> None:
    """Whatever the state: in its report, in what is logged, in what it complains of."""
    info = emulator.service_account_info()
    secrets = [*info["private_key"].splitlines()[1:4], os.environ["AWS_SECRET_ACCESS_KEY"]]
    if what == "refused":
        emulator.fault(status=403, times=None)
    elif what == "contents":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", json.dumps(info))
    elif what == "wrong":
        secrets += [canary(), canary("ABSK")]
        monkeypatch.setenv("AWS_SESSION_TOKEN", secrets[-2])
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", secrets[-1])
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", info["private_key"])
    options = [*form, *(["--offline"] if what == "offline" else [])]
    with everything_logged() as lines, pytest.raises(SystemExit):
        run(["doctor", *options])
    printed = capsys.readouterr()
    assert printed.out
    assert shown({"out": printed.out, "err": printed.err, "log": lines}, secrets) == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_offline_nothing_is_sent_and_nothing_is_green(
    emulator: CloudEmulator, capsys: Output, cloud: str
) -> None:
    """What was not tried is not called well."""
    code, shown, _ = doctor(capsys, "--platform", cloud, "--offline")
    assert code == 0
    assert "not tried everything: leave --offline out to try it" in shown
    assert "can be used" not in shown
    assert [*emulator.requests, *emulator.token_requests, *emulator.control_requests] == []


def test_without_anything_set_each_cloud_says_what_to_do(
    capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are examined; the options that choose are named."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    code, shown, _ = doctor(capsys)
    assert code == 1
    assert "both are examined (--platform," in shown
    assert "AuthenticationError: No usable Google credentials" in shown
    assert "ConfigurationError: Amazon Bedrock needs a region" in shown


def test_one_usable_cloud_is_success(
    emulator: CloudEmulator, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's fault is shown all the same."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    code, shown, _ = doctor(capsys)
    assert code == 0
    assert "Vertex AI can be used." in shown
    assert "Amazon Bedrock cannot be used as it is set up." in shown
    assert emulator.requests


def no_credentials(emulator: CloudEmulator, folder: Path) -> dict[str, str | None]:
    """Nothing in the environment, no files, no metadata server."""
    del emulator
    names = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    # Older versions of google-auth do not know NO_GCE_CHECK, and ask this address.
    metadata = {"NO_GCE_CHECK": "true", "GCE_METADATA_IP": "127.0.0.1:1"}
    nowhere = {"CLOUDSDK_CONFIG": str(folder), **metadata}
    return {**dict.fromkeys(names), **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}


def expired(emulator: CloudEmulator, folder: Path) -> dict[str, str | None]:
    """A session key whose time is over, an account that was deleted."""
    key = emulator.issue_aws_key(lifetime=-1)
    info = {**emulator.service_account_info(), "client_email": "gone@example.com"}
    (folder / "gone.json").write_text(json.dumps(info))
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "gone.json"),
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_SESSION_TOKEN": key.session_token,
    }


def wrong_secret(emulator: CloudEmulator, folder: Path) -> dict[str, str | None]:
    """The secret of another key."""
    del emulator, folder
    return {"AWS_SECRET_ACCESS_KEY": "wrong"}


def refused(status: int, message: str = "", kind: str = "") -> dict[str, Any]:
    """The settings of a fault that stays."""
    given = {"message": message, "error_type": kind}
    return {"status": status, "times": None, **{name: text for name, text in given.items() if text}}


Change = Callable[[CloudEmulator, Path], dict[str, str | None]]


@dataclass(frozen=True)
class State:
    """What is wrong with a cloud, and what the command has to say about it."""

    cloud: str
    words: tuple[str, ...]
    check: str = "call"
    outcome: str = "failed"
    change: Change | None = None
    kind: FaultKind | None = None
    fault: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


STATES = {
    "no credentials on Vertex": State(
        "vertex",
        ("gcloud auth application-default login",),
        check="credentials",
        change=no_credentials,
    ),
    "no credentials on Bedrock": State(
        "bedrock",
        ("aws sso login", "AWS_PROFILE", "--profile"),
        check="credentials",
        change=no_credentials,
    ),
    "an expired login on Vertex": State(
        "vertex",
        ("missing, expired or not accepted", "gcloud auth application-default login"),
        kind=FaultKind.UNAUTHENTICATED,
    ),
    "a deleted account on Vertex": State(
        "vertex",
        ("account not found", "gcloud auth application-default login"),
        check="credentials",
        change=expired,
    ),
    "an expired key on Bedrock": State(
        "bedrock", ("is expired", "Renew the credentials (aws sso login"), change=expired
    ),
    "a wrong secret": State(
        "bedrock", ("Check the secret access key", "--profile"), change=wrong_secret
    ),
    "a wrong project": State(
        "vertex",
        ("CONSUMER_INVALID", "Check `project`", "--project"),
        fault=refused(403, "Permission denied on resource project wrong. (CONSUMER_INVALID)"),
        options=("--project", "wrong"),
    ),
    "a project of somebody else": State(
        "vertex",
        ("roles/aiplatform.user", "--project"),
        fault=refused(403, "Permission 'aiplatform.endpoints.predict' denied on resource '//x'."),
    ),
    "an account without access": State(
        "bedrock", ("Get access to", "--profile, --region, --model"), kind=FaultKind.FORBIDDEN
    ),
    "a wrong region on Vertex": State(
        "vertex",
        ("is served in the region europe-west1", '`region="global"`', "--region"),
        options=("--region", "europe-west1"),
    ),
    "a wrong region on Bedrock": State(
        "bedrock",
        ("model identifier is invalid", "--region"),
        fault=refused(400, "The provided model identifier is invalid.", "ValidationException"),
        options=("--region", "eu-west-3"),
    ),
    "no quota on Vertex": State(
        "vertex",
        ("IAM & Admin > Quotas", '"us" and "eu" have quotas of their own'),
        kind=FaultKind.THROTTLED,
        fault={"retry_after": 0},
    ),
    "no quota on Bedrock": State(
        "bedrock",
        ("set a lower `max_tokens`", "Service Quotas", "--region"),
        kind=FaultKind.THROTTLED,
        fault={"retry_after": 0, "message": "Too many tokens, please wait before trying again."},
    ),
    "streams denied on Vertex": State(
        "vertex",
        ("holds back streamRawPredict",),
        check="stream",
        kind=FaultKind.FORBIDDEN,
        fault={"operation": "stream"},
    ),
    "streams denied on Bedrock": State(
        "bedrock",
        ("the permission bedrock:InvokeModelWithResponseStream",),
        check="stream",
        kind=FaultKind.FORBIDDEN,
        fault={"operation": "stream"},
    ),
    "a policy on Vertex": State(
        "vertex",
        ("constraints/vertexai.allowedPartnerModelFeatures", "add this model's feature"),
        check="structured output",
        outcome="warning",
        kind=FaultKind.ORGANIZATION_POLICY,
    ),
    "a policy on Bedrock": State(
        "bedrock",
        ("service control policy denies it in eu-north-1", "inference profile"),
        fault=refused(
            403,
            "User: u is not authorized to perform: bedrock:InvokeModel on resource: "
            "arn:aws:bedrock:eu-north-1::foundation-model/m with an explicit deny in a "
            "service control policy",
        ),
    ),
    "no data retention on Bedrock": State(
        "bedrock", ("PutAccountDataRetention",), kind=FaultKind.DATA_RETENTION
    ),
    "no data sharing on Vertex": State(
        "vertex",
        ("Accept data sharing with the publisher", "Model Garden"),
        fault=refused(400, "m requires data sharing to be enabled for publisher anthropic."),
    ),
    "a retired model": State(
        "bedrock",
        ("is retired: choose another with --model",),
        check="lifecycle",
        options=("--model", "claude-3-5-haiku"),
    ),
    "a model that ends soon": State(
        "vertex",
        ("deprecated, until 2026-11-30 at least",),
        check="lifecycle",
        outcome="warning",
        options=("--model", "claude-sonnet-4-5"),
    ),
    "a model that Anthropic retired": State(
        "vertex",
        ("is retired: choose another with --model", "Source: Anthropic"),
        check="lifecycle",
        outcome="warning",
        options=("--model", "claude-3-7-sonnet"),
    ),
    "no listing on Vertex": State(
        "vertex",
        ("could not be read, and is not needed",),
        check="listing",
        outcome="warning",
        fault={"status": 403, "operation": "control"},
    ),
    "no listing on Bedrock": State(
        "bedrock",
        ("could not be read, and is not needed",),
        check="listing",
        outcome="warning",
        fault={"status": 403, "operation": "control"},
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_each_state_is_told_with_what_to_do(
    emulator: CloudEmulator,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    """What failed, the remedy, and the options of the command; the status follows."""
    state = STATES[name]
    for variable, value in (state.change(emulator, tmp_path) if state.change else {}).items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    if state.kind or state.fault:
        settings = {"times": None, **state.fault}
        emulator.fault(*([state.kind] if state.kind else []), **settings)
    code, found = checks(capsys, "--platform", state.cloud, *state.options)
    assert state.check in found, found
    outcome, detail = found[state.check]
    assert outcome == state.outcome, found
    assert [words for words in state.words if words not in detail] == [], detail
    assert code == (1 if state.outcome == "failed" else 0)
    emulator.reset()


def test_an_account_that_lists_the_model_as_legacy(emulator: CloudEmulator, capsys: Output) -> None:
    """The cloud's own date."""
    _, found = checks(capsys, "--platform", "bedrock", "--model", "claude-sonnet-4-5")
    assert found["listing"][0] == "warning"
    assert "legacy, until 2026-11-30" in found["listing"][1]
    assert emulator.control_requests


@pytest.mark.parametrize("columns", ["80", "120"])
def test_it_fits_into_a_terminal(
    emulator: CloudEmulator, capsys: Output, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """No line is longer, and none has colours."""
    del emulator
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit):
        run(["doctor", "--platform", "bedrock", "--offline"])
    out = capsys.readouterr().out
    assert all(len(line) <= int(columns) for line in out.splitlines())
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("platform", "option"), [("vertex", "--profile"), ("bedrock", "--project")]
)
def test_doctor_refuses_options_of_the_other_cloud(
    capsys: Output, platform: str, option: str
) -> None:
    """They would do nothing."""
    code, _, err = doctor(capsys, "--platform", platform, option, "x")
    assert code == 1
    assert f"{option} does nothing" in err


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"AWS_BEARER_TOKEN_BEDROCK": "hidden-value"}, "Bedrock API key"),
        ({"AWS_PROFILE": "work"}, "AWS profile AWS_PROFILE=work"),
        ({"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIA0"}, "key pair AWS_ACCESS_KEY_ID"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, "web identity"),
    ],
)
def test_doctor_tells_kinds_of_aws_credentials(
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    kind: str,
) -> None:
    """By the variables, in the order in which they count."""
    for name, value in {"AWS_REGION": "us-east-1", **variables}.items():
        monkeypatch.setenv(name, value)
    _, out, _ = doctor(capsys, "--platform", "bedrock", "--offline")
    assert kind in out
    assert "hidden-value" not in out


@pytest.mark.parametrize("cloud", CLOUDS)
def test_it_says_whether_requests_are_logged(
    emulator: CloudEmulator, capsys: Output, cloud: str
) -> None:
    """Off, on with the place, or not known; none of it is a failure."""
    found = {}
    for state in ("off", "on", "refused"):
        emulator._state.settings.activity_logging = state == "on"
        if state == "refused":
            emulator.fault(status=403, operation="control", times=None)
        status, told = checks(capsys, "--platform", cloud)
        assert status == 0
        found[state] = told["activity logging"]
    assert found["off"] == ("warning", found["off"][1])
    assert "at least 30 days" in found["off"][1]
    assert found["refused"][0] == "warning"
    permission = "aiplatform" if cloud == "vertex" else "GetModelInvocationLoggingConfiguration"
    assert permission in found["refused"][1]
    assert found["on"][0] == "ok"
    assert ("bq://" if cloud == "vertex" else "/bedrock/invocations") in found["on"][1]


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        (
            "AWS_BEARER_TOKEN_BEDROCK",
            "bedrock-api-key-"
            + base64.b64encode(
                b"bedrock.amazonaws.com/?X-Amz-Date=20261127T100000Z&X-Amz-Expires=43200"
            ).decode(),
            "2026-11-27 22:00 UTC",
        ),
        ("AWS_BEARER_TOKEN_BEDROCK", "ABSKlong-term", None),
        ("AWS_SESSION_TOKEN", "t", "some hours after it was made"),
    ],
)
def test_it_knows_when_credentials_end(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, end: str | None
) -> None:
    """Those that nothing renews: a short-term key says it itself."""
    for other in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    assert until(Bedrock(region="us-east-1")) == end
