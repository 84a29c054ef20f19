"""The command line: what it prints, and how it exits."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from langchain_claude_cloud import ChatClaudeCloud, __version__
from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.cli import demo_script
from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.cli.common import CloudName, CommandError, Target
from langchain_claude_cloud.cli.demo import Agent, run_demo
from langchain_claude_cloud.cli.demo_view import View
from langchain_claude_cloud.cli.demo_wire import Wire
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use
from langchain_claude_cloud.testing.environment import environment_variables

PROGRAM = "from langchain_claude_cloud.cli import main; main()"
FILE = {"path": "a.md", "content": "one\n" * 20}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wraps little."""
    monkeypatch.setenv("COLUMNS", "250")


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command line; return its status, its output and its complaints."""
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def plain(output: str) -> str:
    """Return what a wrapped table or panel says, in one line."""
    return re.sub(r"[\s\u2500-\u257f]+", " ", output)


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the program in a process of its own."""
    return subprocess.Popen(  # noqa: S603  # it starts this package
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """A running emulator."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture
def environment_of(
    emulator: CloudEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CloudEmulator:
    """An emulator that the environment leads to, as `claude-cloud emulate` prints it."""
    for variables in environment_variables(emulator, tmp_path).values():
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    return emulator


# demo


@pytest.mark.parametrize("platform", ["vertex", "bedrock"])
def test_demo_shows_every_step(capsys: pytest.CaptureFixture[str], platform: str) -> None:
    """Arguments grow, a call is cut, goes back as raw text, and the second one is run."""
    code, out, _ = command(capsys, "demo", "--platform", platform)
    shown = plain(out)
    assert code == 0
    assert {"vertex": "Vertex AI", "bedrock": "Amazon Bedrock"}[platform] in shown
    assert re.search(r"arguments grew: \d+ -> \d+ -> \d+", shown)
    assert "truncated: the answer was cut by max_tokens" in shown
    assert '"INVALID_JSON":' in shown
    assert '"is_error": true' in shown
    assert shown.index("cut off") < shown.index("write_file was run: wrote")
    assert shown.count("write_file was run") == 1
    assert re.search(r"all \d+ 0 \d+", shown)
    assert "All steps did what they should" in shown


def test_demo_grows_in_a_terminal() -> None:
    """Text and arguments are drawn again and again while they are written."""
    screen = io.StringIO()
    run_demo(Console(file=screen, force_terminal=True, width=100), [CloudName.VERTEX], Target())
    drawn = screen.getvalue()
    assert drawn.count("[being written]") > 3
    assert drawn.count("All steps did what they should") == 1


def agent(emulator: CloudEmulator, wire: type[Wire] = Wire) -> Agent:
    """Return the demo's agent on an emulator that a test scripts."""
    platform = emulator.vertex()
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
    console = Console(file=io.StringIO())
    return Agent(model, wire(platform, model.model, emulator), View(console), live=False)


def test_demo_fails_when_no_call_was_cut(emulator: CloudEmulator) -> None:
    """A loop without the point of the demo is no success."""
    emulator.reply(tool_use("get_weather", {"city": "Lisbon"}))
    emulator.reply(tool_use("write_file", FILE))
    emulator.reply(text("Done."))
    with pytest.raises(CommandError, match="no call was cut off"):
        agent(emulator).run()


def test_demo_fails_when_the_second_attempt_does_not_come(emulator: CloudEmulator) -> None:
    """A model that gives up after the cut call has not written the file."""
    emulator.reply(tool_use("get_weather", {"city": "Lisbon"}))
    emulator.fault(tool_use("write_file", FILE), max_tokens_in_call=True)
    emulator.reply(text("I give up."))
    with pytest.raises(CommandError, match="wrote no file"):
        agent(emulator).run()


def test_demo_fails_when_a_call_is_broken_otherwise(emulator: CloudEmulator) -> None:
    """Malformed arguments are not the cut that is to be shown."""
    emulator.reply(tool_use("get_weather", {"city": "Lisbon"}))
    emulator.fault(tool_use("write_file", FILE), malformed_tool_json=True)
    with pytest.raises(CommandError, match="not because of max_tokens"):
        agent(emulator).run()


def test_demo_fails_when_the_wire_says_something_else(emulator: CloudEmulator) -> None:
    """What goes back to the model is compared with the raw text."""

    class Repaired(Wire):
        """A wire on which the cut call was repaired."""

        def pair(self, messages: Any, call_id: str) -> Any:
            call, result = super().pair(messages, call_id)
            return {**call, "input": FILE}, result

    demo_script.write(emulator)
    with pytest.raises(CommandError, match="something else than its raw text"):
        agent(emulator, Repaired).run()


@pytest.mark.parametrize("platform", ["vertex", "bedrock"])
def test_live_demo_asks_what_the_environment_names(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    """With the user's own settings, a small limit, and more room where it was too small."""
    emulator = environment_of
    emulator.reply(tool_use("get_weather", {"city": "Lisbon"}))
    emulator.reply(text("Well then, first of all"), stop_reason="max_tokens")
    emulator.fault(tool_use("write_file", FILE), max_tokens_in_call=True)
    emulator.reply(tool_use("write_file", FILE))
    emulator.reply(text("Done."))
    code, out, err = command(capsys, "demo", "--live", "--platform", platform)
    assert (code, err) == (0, "")
    assert "asked again with more room" in plain(out)
    assert '"INVALID_JSON":' in plain(out)
    limits = [request.body["max_tokens"] for request in emulator.requests]
    assert limits == [8000, 500, 1000, 8000, 8000]


def test_live_demo_without_credentials_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """And exits with a failure, without a traceback."""
    code, _, err = command(capsys, "demo", "--live", "--platform", "bedrock")
    assert code == 1
    assert "set AWS_REGION" in err


def test_demo_refuses_another_platform(capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error."""
    code, _, err = command(capsys, "demo", "--platform", "azure")
    assert code == 2
    assert "vertex, bedrock, both" in err


# chat


def test_chat_streams_and_remembers() -> None:
    """Lines from a pipe, answers with what they cost; the stand-in counts what it was sent."""
    chat = start("chat", "--emulator", "--platform", "bedrock", stdin=subprocess.PIPE)
    out, _ = chat.communicate("Hello\n\nHow are you?\n/quit\nnever asked\n", timeout=60)
    assert chat.returncode == 0, out
    assert "claude-sonnet-5-5 on Amazon Bedrock" in out
    assert "Hello! How can I help you today?" in out
    costs = [int(count) for count in re.findall(r"\((\d+) tokens in, \d+ out\)", out)]
    assert len(costs) == 2
    assert costs[0] < costs[1]


def test_chat_goes_on_after_an_error(environment_of: CloudEmulator) -> None:
    """What the cloud refused is shown and forgotten."""
    environment_of.fault(status=400, message="Not like this.")
    chat = start("chat", "--platform", "vertex", "--system", "Be brief.", stdin=subprocess.PIPE)
    out, _ = chat.communicate("Bad\nGood\n", timeout=60)
    assert chat.returncode == 0, out
    assert "InvalidRequestError" in out
    assert "Not like this." in out
    first, second = (request.body for request in environment_of.requests)
    assert [turn["content"] for turn in first["messages"]] == ["Bad"]
    assert [turn["content"] for turn in second["messages"]] == ["Good"]
    assert second["system"] == "Be brief."


def test_chat_needs_to_know_the_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is guessed."""
    code, _, err = command(capsys, "chat")
    assert code == 1
    assert "Nothing says which cloud to ask" in err


# doctor


def test_doctor_says_where_everything_comes_from(
    environment_of: CloudEmulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Values, origins, no secrets; and with --call, one request."""
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-haiku-5-5")
    code, out, _ = command(capsys, "doctor", "--region", "eu-west-1", "--call")
    shown = plain(out)
    assert code == 0
    assert "platform: bedrock (CLAUDE_CODE_USE_BEDROCK)" in shown
    assert "region eu-west-1 --region" in shown
    assert "model claude-haiku-5-5 ANTHROPIC_MODEL" in shown
    assert "AWS key pair AWS_ACCESS_KEY_ID" in shown
    assert "global.anthropic.claude-haiku-5-5" in shown
    assert "answered in" in shown
    assert re.search(r"listed yes, among \d+ models the control plane", shown)
    assert "nothing to fix" in shown
    assert len(environment_of.requests) == 1
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        assert os.environ[name] not in out


def test_doctor_without_call_sends_no_model_request(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token is fetched, nothing more; a key file's kind is told, not its content."""
    code, out, _ = command(capsys, "doctor", "--platform", "vertex", "--project", "mine")
    shown = plain(out)
    assert code == 0
    assert "project mine --project" in shown
    assert "region global CLOUD_ML_REGION" in shown
    assert "service account key GOOGLE_APPLICATION_CREDENTIALS" in shown
    assert "PRIVATE KEY" not in out
    assert "ya29" not in out
    assert environment_of.requests == []
    assert len(environment_of.token_requests) == 1


def test_doctor_examines_both_clouds_and_says_what_to_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is set: each cloud's first problem is named, with its remedy."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    code, out, _ = command(capsys, "doctor")
    shown = plain(out)
    assert code == 1
    assert "Both are examined." in shown
    assert "a file that cannot be read" in shown
    assert "to fix: AuthenticationError: No usable Google credentials" in shown
    assert "to fix: ConfigurationError: Amazon Bedrock needs a region" in shown


def test_doctor_needs_no_right_to_list(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may call, but not list, has nothing to fix."""
    environment_of.fault(status=403, operation="control")
    code, out, _ = command(capsys, "doctor", "--platform", "vertex", "--call")
    assert code == 0
    assert "listed not known: PermissionDeniedError" in plain(out)


def test_doctor_warns_of_a_retired_model(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the cloud does."""
    del environment_of
    code, out, _ = command(capsys, "doctor", "--platform", "bedrock", "--model", "claude-3-5-haiku")
    assert code == 1
    assert "claude-3-5-haiku is retired" in plain(out)


@pytest.mark.parametrize(
    ("platform", "option"), [("vertex", "--profile"), ("bedrock", "--project")]
)
def test_doctor_refuses_options_of_the_other_cloud(
    capsys: pytest.CaptureFixture[str], platform: str, option: str
) -> None:
    """They would do nothing."""
    code, _, err = command(capsys, "doctor", "--platform", platform, option, "x")
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
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    kind: str,
) -> None:
    """By the variables, in the order in which they count."""
    for name, value in {"AWS_REGION": "us-east-1", **variables}.items():
        monkeypatch.setenv(name, value)
    _, out, _ = command(capsys, "doctor", "--platform", "bedrock")
    assert kind in plain(out)
    assert "hidden-value" not in out


# models


def test_models_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, ids, limits, and what only one cloud takes; retired ones on demand."""
    code, out, _ = command(capsys, "models")
    _, everything, _ = command(capsys, "models", "--all")
    assert code == 0
    for model in all_models():
        assert f" {model.name} " in everything
        assert (f" {model.name} " in out) == (model.status != "retired")
    assert "Bedrock: anthropic.claude-haiku-4-5-20251001-v1:0" in out
    assert "Vertex AI: claude-haiku-4-5@20251001" in out
    assert "1,000,000" in out
    assert "(Vertex AI only)" in out


@pytest.mark.parametrize("platform", ["vertex", "bedrock"])
def test_live_models_are_the_accounts_own(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    """Asked as the environment says; ids to copy, and the cloud's own status."""
    code, out, err = command(capsys, "models", "--live", "--platform", platform)
    assert (code, err) == (0, "")
    assert environment_of.control_requests
    assert environment_of.requests == []
    assert "claude-sonnet-5-5" in out
    if platform == "bedrock":
        assert "us.anthropic.claude-sonnet-5-5" in out
        assert "legacy" in out
        assert "until 2026-11-30" in out
        assert "provisioned throughput only" in out
    else:
        assert "claude-haiku-4-5@20251001" in out
        assert "public_preview" in out


def test_live_models_say_what_is_missing(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The permission, without a traceback."""
    environment_of.fault(status=403, operation="control")
    code, _, err = command(capsys, "models", "--live", "--platform", "bedrock")
    assert code == 1
    assert "bedrock:ListInferenceProfiles" in err


# emulate


def read_exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read what the emulator prints until it has said everything."""
    assert process.stdout is not None
    exports = {}
    for line in process.stdout:
        found = re.fullmatch(r"export (\w+)=(.*)\n", line)
        if found:
            exports[found[1]] = found[2]
        if "API key" in line:
            break
    return exports


def test_emulate_prints_what_clients_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables are enough for both clouds; Ctrl-C ends it and removes the key file."""
    process = start("emulate", "--port", "0")
    try:
        exports = read_exports(process)
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        for platform in ("vertex", "bedrock"):
            model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
            assert model.invoke("Hello").text == "Hello! How can I help you today?"
        assert Path(exports["GOOGLE_APPLICATION_CREDENTIALS"]).is_file()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert out.endswith("# stopped\n")
    assert not Path(exports["GOOGLE_APPLICATION_CREDENTIALS"]).exists()


def test_emulate_says_that_a_port_is_taken(
    emulator: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not with a traceback."""
    code, _, err = command(capsys, "emulate", "--port", emulator.url.rpartition(":")[2])
    assert code == 1
    assert "cannot listen on 127.0.0.1" in err


def test_emulate_stays_on_loopback(capsys: pytest.CaptureFixture[str]) -> None:
    """It hands out credentials to whoever asks."""
    code, _, err = command(capsys, "emulate", "--host", "192.0.2.1")
    assert code == 1
    assert "loopback only" in err


# the program


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's."""
    assert command(capsys, "--version")[:2] == (0, f"{__version__}\n")


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_names_it(missing: str) -> None:
    """The package installs without typer and rich; the program then says what to install."""
    program = f"import sys; sys.modules[{missing!r}] = None; {PROGRAM}"
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert "langchain-claude-cloud[cli]" in ended.stderr
    assert "Traceback" not in ended.stderr
