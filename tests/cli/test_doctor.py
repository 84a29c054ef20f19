"""The command ``doctor``: against the emulator, playing clouds in every state."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from langchain_claude_cloud.cli.app import run
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


STATES: dict[str, tuple[dict[str, Any], tuple[str, ...], str, str, str]] = {
    "no quota": (
        {"kind": FaultKind.THROTTLED, "times": None, "retry_after": 0},
        (),
        "call",
        "failed",
        "RateLimitError",
    ),
    "no permission": (
        {"kind": FaultKind.FORBIDDEN, "times": None},
        (),
        "call",
        "failed",
        "PermissionDeniedError",
    ),
    "streams denied": (
        {"kind": FaultKind.FORBIDDEN, "times": None, "operation": "stream"},
        (),
        "stream",
        "failed",
        "PermissionDeniedError",
    ),
    "no listing": (
        {"status": 403, "operation": "control"},
        (),
        "listing",
        "warning",
        "not allowed, and not needed",
    ),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("name", STATES)
def test_each_state_is_told(emulator: CloudEmulator, capsys: Output, name: str, cloud: str) -> None:
    """What failed, and the error with its remedy."""
    settings, arguments, check, outcome, words = STATES[name]
    kinds = [settings["kind"]] if "kind" in settings else []
    given = {key: value for key, value in settings.items() if key != "kind"}
    emulator.fault(*kinds, **given)
    code, found = checks(capsys, "--platform", cloud, *arguments)
    assert found[check][0] == outcome
    assert words in found[check][1]
    assert code == (1 if outcome == "failed" else 0)
    if name == "streams denied" and cloud == "bedrock":
        assert "bedrock:InvokeModelWithResponseStream" in found[check][1]
    emulator.reset()


def test_a_policy_of_the_organization_is_named(emulator: CloudEmulator, capsys: Output) -> None:
    """It is no hindrance: the package asks with a tool."""
    emulator.fault(FaultKind.ORGANIZATION_POLICY, times=None)
    code, found = checks(capsys, "--platform", "vertex")
    assert code == 0
    assert found["structured output"][0] == "warning"
    assert "constraints/vertexai.allowedPartnerModelFeatures" in found["structured output"][1]


def test_data_retention_is_named(emulator: CloudEmulator, capsys: Output) -> None:
    """As the cloud words it."""
    emulator.fault(FaultKind.DATA_RETENTION, times=None)
    code, found = checks(capsys, "--platform", "bedrock")
    assert code == 1
    assert "data retention" in found["call"][1]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "AuthenticationError"),
        ({"AWS_SESSION_TOKEN": "expired"}, "AuthenticationError"),
    ],
)
def test_credentials_that_are_refused(
    emulator: CloudEmulator,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    words: str,
) -> None:
    """Found out by the call, not by looking at them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, found = checks(capsys, "--platform", "bedrock")
    assert code == 1
    assert found["call"][0] == "failed"
    assert words in found["call"][1]
    assert emulator.requests


def test_a_wrong_region_and_a_retired_model(emulator: CloudEmulator, capsys: Output) -> None:
    """A region that lacks the model; a model that the cloud has no more."""
    code, found = checks(capsys, "--platform", "vertex", "--region", "europe-west1")
    assert code == 1
    assert "NotFoundError" in found["call"][1]
    code, found = checks(capsys, "--platform", "bedrock", "--model", "claude-3-5-haiku")
    assert code == 1
    assert "is retired: choose another with --model" in found["lifecycle"][1]
    assert emulator.requests


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
