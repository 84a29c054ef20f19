"""The command line: what it prints, and how it exits."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from rich.console import Console

from langchain_claude_cloud import ChatClaudeCloud, __version__
from langchain_claude_cloud.batch import BedrockBatch, submit
from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.cli.chat import Chat
from langchain_claude_cloud.cli.common import CloudName, CommandError, Target
from langchain_claude_cloud.cli.demo import Agent, run_demo, write_script
from langchain_claude_cloud.cli.models import served_by
from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use
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
    assert len(re.findall(r"arguments came in \d+ pieces", shown)) == 3
    assert "truncated: the answer was cut by max_tokens" in shown
    assert '"INVALID_JSON":' in shown
    assert '"is_error": true' in shown
    assert shown.index("cut off") < shown.index("write_file was run: wrote")
    assert shown.count("write_file was run") == 1
    assert len(re.findall(r"\d+ tokens in, \d+ out", shown)) == 4
    assert "All steps did what they should" in shown


def test_demo_fits_into_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns, and no colours where the user wants none."""
    monkeypatch.setenv("NO_COLOR", "1")
    screen = io.StringIO()
    run_demo(Console(file=screen, width=80), [CloudName.VERTEX], Target())
    lines = screen.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in screen.getvalue()


def agent(emulator: CloudEmulator, turns: Any = None) -> Agent:
    """Return the demo's agent on an emulator that a test scripts."""
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.vertex())
    sent = turns or (lambda _: emulator.requests[-1].body["messages"])
    return Agent(Console(file=io.StringIO()), model, sent)


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

    def repaired(_: Any) -> list[dict[str, Any]]:
        """Return what would be sent if the cut call were repaired."""
        turns = emulator.requests[-1].body["messages"]
        changed: list[dict[str, Any]] = json.loads(
            json.dumps(turns).replace("INVALID_JSON", "content")
        )
        return changed

    write_script(emulator)
    with pytest.raises(CommandError, match="something else than its raw text"):
        agent(emulator, repaired).run()


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
    assert "> " not in out  # a prompt is for a terminal
    assert 'The user wrote: "Hello"\nI am the stand-in for Claude.' in out  # its thinking, too
    costs = [int(count) for count in re.findall(r"\((\d+) tokens in, \d+ out", out)]
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


def test_chat_takes_commands(emulator: CloudEmulator, tmp_path: Path) -> None:
    """Help, another model, the conversation in a file; a wrong one is no question."""
    screen = io.StringIO()
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.vertex())
    chat = Chat(Console(file=screen, width=80), model, "Be brief.")
    emulator.reply(thinking("Let me think."), text("One."))
    emulator.reply(text("Two."), tool_use("save", {"a": 1}))
    saved = tmp_path / "talk.json"
    for line in (
        "/help",
        "first",
        "/model claude-haiku-4-5",
        "second",
        f"/save {saved}",
        "/save",
        "/sing",
        "/model claude-hiku-4-5",
        "/save /no/such/folder/x",
    ):
        chat.take(line)
    shown = screen.getvalue()
    assert [request.model for request in emulator.requests] == [
        "claude-sonnet-5-5",
        "claude-haiku-4-5@20251001",
    ]
    for words in ("/model NAME", "Let me think.\nOne.", 'save {"a": 1}', "5 messages written"):
        assert words in shown
    assert "There is no command /sing" in shown
    assert "Give a file" in shown
    assert "claude-hiku-4-5 is not in the catalogue; did you mean claude-haiku-4-5" in plain(shown)
    assert "No such file" in shown
    kinds = [message["type"] for message in json.loads(saved.read_text())]
    assert kinds == ["system", "human", "ai", "human", "ai"]


def test_chat_fails_if_the_last_question_was_not_answered(environment_of: CloudEmulator) -> None:
    """For scripts."""
    environment_of.fault(status=400, message="Not like this.", times=None)
    chat = start("chat", "--platform", "vertex", stdin=subprocess.PIPE)
    out, _ = chat.communicate("Bad\n", timeout=60)
    assert chat.returncode == 1, out


def test_chat_needs_to_know_the_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is guessed, and it names its options, not the arguments in Python."""
    said = "Nothing says which cloud to ask: give --platform vertex or --platform bedrock.\n"
    assert command(capsys, "chat") == (1, "", f"claude-cloud: {said}")


def test_an_error_names_the_options_for_what_it_advises(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text of the error is for users of Python, too."""
    code, _, err = command(capsys, "models", "--live", "--platform", "bedrock")
    assert code == 1
    assert "pass `region`" in err
    assert err.endswith("Options that may help: --region.\n")


# count


@pytest.mark.parametrize(
    ("cloud", "model"), [("vertex", "claude-sonnet-5-5"), ("bedrock", "claude-sonnet-4-5")]
)
def test_count_asks_the_cloud(
    environment_of: CloudEmulator,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    cloud: str,
    model: str,
) -> None:
    """The number alone goes to stdout."""
    (tmp_path / "text.txt").write_text("word " * 100)
    options = ("--platform", cloud, "--model", model)
    code, out, err = command(capsys, "count", str(tmp_path / "text.txt"), *options)
    assert code == 0
    assert 100 < int(out) < 200
    assert model in err
    assert [request.operation for request in environment_of.requests] == ["count_tokens"]
    file = str(tmp_path / "text.txt")
    found = json.loads(command(capsys, "count", file, *options, "--json")[1])
    assert found == {"platform": cloud, "model": model, "tokens": int(out), "estimated": False}
    code, _, err = command(capsys, "count", str(tmp_path / "missing.txt"), *options)
    assert code == 1
    assert "cannot be read" in err


@pytest.mark.parametrize("given", [b"f\xfcr", None])
def test_count_says_what_is_wrong_with_stdin(given: bytes | None) -> None:
    """Not UTF-8, or closed."""
    program = f"{PROGRAM}" if given else f"import os; os.close(0); {PROGRAM}"
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-c", program, "count", "--platform", "bedrock"],
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert b"claude-cloud: stdin cannot be read" in ended.stderr


def test_a_misspelt_model_gets_a_near_name(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On stderr, of each command that takes any name, because a new model has none here either."""
    (tmp_path / "text.jsonl").write_text('"Hello"\n')
    file, wrong = (
        str(tmp_path / "text.jsonl"),
        ("--platform", "vertex", "--model", "claude-sonet-5"),
    )
    for name in (["count", file], ["batch", "estimate", file], ["cost", "--output-tokens", "1"]):
        _, _, err = command(capsys, *name, *wrong)
        assert "claude-sonet-5 is not in the catalogue; did you mean claude-sonnet-5" in err
    assert [request.operation for request in environment_of.requests] == ["count_tokens"]


# models


def test_models_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each; retired ones on demand."""
    code, out, _ = command(capsys, "models")
    _, everything, _ = command(capsys, "models", "--all")
    assert code == 0
    for model in all_models():
        assert re.search(rf"^{model.name} ", everything, re.MULTILINE)
        listed = re.search(rf"^{model.name} ", out, re.MULTILINE) is not None
        assert listed == bool(served_by(model))


@pytest.mark.parametrize("columns", ["80", "120"])
def test_models_fit_into_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """No line is wrapped, and none has colours."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = command(capsys, "models")
    lines = out.splitlines()
    current = [model for model in all_models() if served_by(model)]
    assert len(lines) == len(current) + 2
    assert all(len(line) <= int(columns) for line in lines)
    assert "\x1b" not in out


def test_models_tells_all_about_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Its ids, limits, and what only one cloud takes; a part of a name filters."""
    code, out, _ = command(capsys, "models", "claude-haiku-4-5")
    assert code == 0
    assert "anthropic.claude-haiku-4-5-20251001-v1:0" in out
    assert "claude-haiku-4-5@20251001" in out
    assert "200,000 tokens" in out
    assert "(Vertex AI only)" in out
    _, filtered, _ = command(capsys, "models", "opus")
    assert "claude-opus-5-5" in filtered
    assert "sonnet" not in filtered


def test_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For other programs."""
    _, out, _ = command(capsys, "models", "--all", "--json")
    assert [model["name"] for model in json.loads(out)] == [model.name for model in all_models()]
    _, out, _ = command(capsys, "models", "claude-sonnet-5-5", "--json")
    (only,) = json.loads(out)
    assert only["vertex_id"] == "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("models", "--region", "us-east-1"), "--region does nothing without --live"),
        (("models", "--platform", "vertex"), "--platform does nothing without --live"),
        (("models", "opus", "--live"), "NAME does nothing with --live"),
        (("chat", "--emulator", "--region", "eu"), "--region does nothing with --emulator"),
        (("web", "--project", "mine"), "--project does nothing without --live"),
    ],
)
def test_options_without_effect_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """A usage error."""
    code, _, err = command(capsys, *arguments)
    assert code == 2
    assert words in plain(err)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpt", "gpt is not in the catalogue. `claude-cloud models` lists"),
        ("claude-opus-5.5", "did you mean claude-opus-5-5 or "),
    ],
)
def test_models_does_not_know_a_name(
    capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    """And says so, with what may be meant."""
    code, _, err = command(capsys, "models", name)
    assert code == 1
    assert said in err


@pytest.mark.parametrize(
    "name", ["claude-sonnet-4-5@20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"]
)
def test_models_finds_a_model_by_its_id(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """As a cloud or an inference profile calls it."""
    code, out, _ = command(capsys, "models", name)
    assert code == 0
    assert "model claude-sonnet-4-5 Vertex AI" in plain(out)


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


def read_exports(process: subprocess.Popen[str]) -> tuple[dict[str, str], list[str]]:
    """Read what the emulator prints until it has said everything: what it sets and unsets."""
    assert process.stdout is not None
    exports: dict[str, str] = {}
    unset: list[str] = []
    for line in process.stdout:
        found = re.fullmatch(r"export (\w+)=(.*)\n", line)
        if found:
            exports[found[1]] = found[2]
        if line.startswith("unset "):
            unset = line.split()[1:]
        if "API key" in line:
            break
    return exports, unset


def test_emulate_prints_what_clients_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables are enough for both clouds; Ctrl-C ends it and removes the key file.

    Those of a real account do not get in the way, nor does a proxy: it is on this machine.
    """
    for name in ("AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"):
        monkeypatch.setenv(name, "of-a-real-account")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    process = start("emulate", "--port", "0")
    try:
        exports, unset = read_exports(process)
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        for name in unset:
            monkeypatch.delenv(name)
        for platform in ("vertex", "bedrock"):
            model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
            assert "stand-in for Claude" in model.invoke("Hello").text
        assert Path(exports["GOOGLE_APPLICATION_CREDENTIALS"]).is_file()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert out.endswith("# stopped\n")
    assert not Path(exports["GOOGLE_APPLICATION_CREDENTIALS"]).exists()


def test_emulate_has_buckets_for_batch_jobs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In Cloud Storage and in S3; requests are logged, so that `doctor` has nothing to warn of."""
    options = ("--port", "0", "--bucket", "prompts", "--fewest-records", "1", "--json")
    process = start("emulate", *options)
    try:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        for variables in found["environment"].values():
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
        with closing(boto3.client("s3")) as client:
            assert [each["Name"] for each in client.list_buckets()["Buckets"]] == ["prompts"]
        llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform="bedrock")
        small = BedrockBatch(role="arn:aws:iam::123456789012:role/Batch", fewest_records=1)
        reference = tmp_path / "reference.json"
        job = submit(llm, ["Hi"], storage="s3://prompts", reference=reference, options=small)
        assert job.wait(every=0.1, progress=False).succeeded == 1
        with closing(boto3.client("bedrock")) as client:
            assert "loggingConfig" in client.get_model_invocation_logging_configuration()
        objects = f"{found['url']}/storage/v1/b/prompts/o"
        sent = {"Authorization": f"Bearer {found['access_token']}"}
        assert requests.get(objects, headers=sent, timeout=10).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == ""
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("missing", "extra", "arguments"),
    [
        ("moto.server", "emulator", ["emulate", "--port", "0", "--bucket", "prompts"]),
        ("pyarrow", "batch", ["batch", "estimate", "in.parquet", "--platform", "vertex"]),
    ],
)
def test_a_command_without_its_extra_names_it(
    tmp_path: Path, missing: str, extra: str, arguments: list[str]
) -> None:
    """The emulator does not start with the buckets of one cloud."""
    (tmp_path / "in.parquet").touch()
    program = f"import sys; sys.modules[{missing!r}] = None; {PROGRAM}"
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f".[{extra}]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_emulate_refuses_a_name_that_no_bucket_has(capsys: pytest.CaptureFixture[str]) -> None:
    """Not with a traceback."""
    code, _, err = command(capsys, "emulate", "--port", "0", "--bucket", "My Bucket")
    assert code == 1
    assert "--bucket 'My Bucket': use 3 to 63 lower-case letters" in err


def test_emulate_says_that_a_port_is_taken(
    emulator: CloudEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not with a traceback."""
    code, _, err = command(capsys, "emulate", "--port", emulator.url.rpartition(":")[2])
    assert code == 1
    assert "cannot listen on 127.0.0.1" in err
    assert "Choose another port with --port" in err


def test_emulate_stays_on_loopback(capsys: pytest.CaptureFixture[str]) -> None:
    """It hands out credentials to whoever asks."""
    code, _, err = command(capsys, "emulate", "--host", "192.0.2.1")
    assert code == 1
    assert "loopback only" in err


# batch


def test_batch_run_goes_on(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A table of prompts, a system prompt, a schema; the second time nothing is sent."""
    inputs, schema = tmp_path / "in.csv", tmp_path / "schema.json"
    inputs.write_text("key,question\na,One?\nb,Two?\n", encoding="utf-8")
    value = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    schema.write_text(json.dumps({"title": "Answer", **value}), encoding="utf-8")
    output = tmp_path / "out.jsonl"
    options = ["--platform", "vertex", "--system", "Be brief.", "--schema", str(schema)]
    options += ("--input", "question", "--id", "key", "--tokens-per-minute", "100000")
    for done in ("2 answered, 0 failed, 0 skipped", "0 answered, 0 failed, 2 skipped"):
        code, _, err = command(capsys, "batch", "run", str(inputs), str(output), *options)
        assert (code, done in err) == (0, True), err
    code, out, _ = command(capsys, "batch", "run", str(inputs), str(output), *options, "--json")
    assert (code, json.loads(out)["skipped"]) == (0, 2)
    assert len(environment_of.requests) == 2
    schema.write_text("[1]", encoding="utf-8")
    code, _, err = command(capsys, "batch", "run", str(inputs), str(output), *options)
    assert (code, "schema.json is not a JSON schema" in err) == (1, True), err
    schema.write_text(json.dumps({"title": "Answer", **value}), encoding="utf-8")
    inputs.write_text("key,question\na,Other?\nb,Two?\n", encoding="utf-8")
    code, _, err = command(capsys, "batch", "run", str(inputs), str(output), *options)
    assert (code, "1 skipped inputs are not what was answered" in err) == (0, True), err
    assert len(environment_of.requests) == 2
    assert all("Be brief." in str(request.body["system"]) for request in environment_of.requests)
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert {record["id"] for record in records} == {"a", "b"}
    assert all("a" in record["parsed"] for record in records)


def test_batch_run_says_nothing_but_what_is_wrong_with_its_input(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No report of a run that did not begin."""
    (tmp_path / "in.jsonl").write_text('{"input": \n', encoding="utf-8")
    files = [str(tmp_path / name) for name in ("in.jsonl", "out.jsonl")]
    options = ("--platform", "vertex", "--max-in-flight", "2")
    code, out, err = command(capsys, "batch", "run", *files, *options)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "in.jsonl, line 1: this line is not JSON" in err
    assert not environment_of.requests
    assert not (tmp_path / "out.jsonl").exists()


def test_batch_estimate_compares_calls_with_jobs(
    environment_of: CloudEmulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Tokens, dollars by the price list or a given table, time at a quota; nothing is sent."""
    inputs, prices = tmp_path / "in.jsonl", tmp_path / "prices.json"
    inputs.write_text('{"text": "word word word "}\n' * 2_001, encoding="utf-8")
    table = {"claude-sonnet-5-5": {"input": 10, "output": 100, "batch": 0.25}}
    prices.write_text(json.dumps(table), encoding="utf-8")
    options = ["--model", "claude-sonnet-5-5", "--platform", "bedrock", "--answer-tokens", "100"]
    options += ["--input", "text", "--requests-per-minute", "1000", "--json"]
    code, out, err = command(capsys, "batch", "estimate", str(inputs), *options)
    assert code == 0, err
    found = json.loads(out)
    assert (found["inputs"], found["output_tokens"]) == (2_001, 200_100)
    assert found["live"]["seconds"] == pytest.approx(120, rel=0.01)
    assert found["batch"]["dollars"] == pytest.approx(found["live"]["dollars"] / 2)
    assert found["batch"]["jobs"] == 1
    inputs.write_text('"Hi"\n', encoding="utf-8")
    given = ["--prices", str(prices), *options[:-1]]
    code, out, err = command(capsys, "batch", "estimate", str(inputs), *given)
    assert code == 0, err
    assert "0.010  " in out
    assert "at least 100 inputs needed" in out
    prices.write_text("{}", encoding="utf-8")
    code, _, err = command(capsys, "batch", "estimate", str(inputs), *given)
    assert code == 1
    assert "has no prices of claude-sonnet-5-5" in err
    assert not environment_of.requests


# the program


COMMANDS = ["demo", "chat", "doctor", "models", "count", "cost", "emulate", "web", "batch"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """It says what the command takes."""
    code, out, _ = command(capsys, name, "--help")
    assert (code, out) == command(capsys, name, "-h")[:2]
    assert code == 0
    assert f" {name} [OPTIONS]" in plain(out)


def test_help_says_which_variables_do_what_the_options_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those that are read where an option is left out."""
    out = plain(command(capsys, "chat", "--help")[1])
    for name in ("CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_MODEL"):
        assert name in out
    for name in ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "AWS_REGION", "AWS_PROFILE"):
        assert name in out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """These, and no others."""
    code, out, _ = command(capsys, "--help")
    assert code == 0
    assert re.findall(r"^  (\w+)  ", out.partition("Commands:")[2], re.MULTILINE) == COMMANDS


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's."""
    assert command(capsys, "--version")[:2] == (0, f"{__version__}\n")


def test_it_runs_as_a_module() -> None:
    """Where the program is not on the path."""
    ended = subprocess.run(  # it starts this package
        [sys.executable, "-m", "langchain_claude_cloud", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout == f"{__version__}\n"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_names_it(missing: str) -> None:
    """The package installs without typer and rich; the program then says what to install."""
    program = f"import sys; sys.modules[{missing!r}] = None; {PROGRAM}"
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ".[cli]" in ended.stderr
    assert "Traceback" not in ended.stderr
