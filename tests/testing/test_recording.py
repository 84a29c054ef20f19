"""Recording what a test exchanges with a cloud, and replaying it when there is none."""

from __future__ import annotations

import asyncio
import operator
import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import PermissionDeniedError, RateLimitError
from langchain_claude_cloud.testing import (
    CloudEmulator,
    environment_variables,
    raw_tool_use,
    text,
    thinking,
    tool_use,
)
from langchain_claude_cloud.testing.recording.recording import Recording
from langchain_claude_cloud.testing.recording.yaml_file import OneLine, from_yaml, to_yaml

pytest_plugins = ["pytester"]

PLATFORMS = {
    "vertex": Vertex(project="recorded-project"),
    "bedrock": Bedrock(region="eu-west-1"),
    "messages": Bedrock(region="eu-west-1", api="messages"),
    "mantle": Bedrock(region="eu-west-1", api="mantle"),
}


@tool
def save(title: str) -> str:
    """Save a document."""
    return title


def add(*chunks: AIMessage) -> AIMessage:
    """Return the sum of chunks."""
    total = reduce(operator.add, chunks)
    assert isinstance(total, AIMessageChunk)
    return total


@pytest.fixture
def to_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[CloudEmulator], None]:
    """Lead the environment to an emulator."""

    def lead(emulator: CloudEmulator) -> None:
        for variables in environment_variables(emulator, tmp_path).values():
            for name, value in variables.items():
                monkeypatch.setenv(name, value)

    return lead


@pytest.fixture
def to_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Recording], None]:
    """Give a replay the environment that the plugin gives it."""

    def lead(recording: Recording) -> None:
        for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "AWS_"))]:
            monkeypatch.delenv(name)
        for name, value in recording.environment(tmp_path).items():
            monkeypatch.setenv(name, value)

    return lead


def _ask(name: str) -> list[AIMessage]:
    """Everything that a model does, with an answer that goes back; streamed and not."""
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=PLATFORMS[name], max_tokens=500)
    model = llm.bind_tools([save])
    question = HumanMessage("Save this:\n\ttwo lines  \nin all.")
    whole = model.invoke([question])
    streamed = add(*model.stream([question]))
    asked = [question, streamed, ToolMessage("saved", tool_call_id="toolu_one")]

    async def later() -> list[AIMessage]:
        parts = [part async for part in model.astream(asked)]
        return [await model.ainvoke(asked), add(*parts)]

    return [whole, streamed, *asyncio.run(later()), AIMessage(str(llm.count_tokens("Hello")))]


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_replay_answers_as_the_cloud_did(
    name: str,
    tmp_path: Path,
    to_emulator: Callable[[CloudEmulator], None],
    to_nowhere: Callable[[Recording], None],
) -> None:
    """On both clouds, all APIs, sync and async, whole and streamed; nothing listens any more."""
    call = tool_use("save", {"title": "Two\nlines"}, id="toolu_one")
    with CloudEmulator() as emulator:
        to_emulator(emulator)
        for _ in range(2):
            emulator.reply(thinking("It is to be saved."), call)
        emulator.reply(text("Saved,\nas you asked."), times=None)
        made = Recording(tmp_path / "one.yaml", records=True)
        with made.use():
            live = _ask(name)
            made.finish()
        assert len(emulator.requests) == 5
    replayed = Recording(tmp_path / "one.yaml", records=False)
    to_nowhere(replayed)
    with replayed.use():
        again = _ask(name)
        replayed.finish()
    for one, other in zip(live, again, strict=True):
        assert one.text == other.text
        assert one.tool_calls == other.tool_calls
        assert one.usage_metadata == other.usage_metadata
    written = made.path.read_text(encoding="utf-8")
    assert "          Save this:\n          \ttwo lines  \n          in all.\n" in written
    region = "global" if name == "vertex" else "eu-west-1"
    assert replayed.environment(tmp_path).get("AWS_REGION") in {"us-east-1", region}


def test_nothing_of_the_account_is_recorded(
    tmp_path: Path, to_emulator: Callable[[CloudEmulator], None]
) -> None:
    """Neither keys, tokens, project, account, role, request ids nor signatures."""
    message = "User: arn:aws:sts::998877665544:assumed-role/Admin/ada is not authorized"
    with CloudEmulator(project="secret-project-1") as emulator:
        to_emulator(emulator)
        recording = Recording(tmp_path / "one.yaml", records=True)
        with recording.use():
            for platform in ("vertex", "bedrock"):
                emulator.reply(thinking("Hm.", signature="c2VjcmV0LXNpZ25hdHVyZQ=="), text("Yes."))
                emulator.fault(
                    status=403, error_type="AccessDeniedException", message=message, retry_after=9
                )
                llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
                llm.invoke("Is it secret-project-1?")
                with pytest.raises(PermissionDeniedError):
                    llm.invoke("And now?")
            recording.finish()
        hidden = [emulator.project, emulator.aws_key.access_key_id, "ya29.", "AWS4-HMAC", "Admin"]
    written = recording.path.read_text(encoding="utf-8")
    hidden += ["998877665544", "c2VjcmV0LXNpZ25hdHVyZQ", "127.0.0.1", "authorization"]
    assert [each for each in hidden if each in written] == []
    assert written.count("assumed-role") == 0
    assert "arn:aws:sts::123456789012:user/recorded" in written
    assert "Is it recorded-project?" in written


def test_a_stream_that_fails_is_replayed_as_it_failed(
    tmp_path: Path,
    to_emulator: Callable[[CloudEmulator], None],
    to_nowhere: Callable[[Recording], None],
) -> None:
    """Bedrock's exception frame and Vertex AI's error event; half a tool call stays half."""

    def ask(platform: str) -> None:
        llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
        with pytest.raises(RateLimitError):
            list(llm.stream("Well?"))
        assert llm.bind_tools([save]).invoke("Save").invalid_tool_calls[0]["args"] == '{"title": '

    with CloudEmulator() as emulator:
        to_emulator(emulator)
        recording = Recording(tmp_path / "one.yaml", records=True)
        with recording.use():
            for platform in ("vertex", "bedrock"):
                emulator.fault(text("Well, this is it."), exception="throttlingException")
                emulator.reply(raw_tool_use("save", '{"title": '))
                ask(platform)
            recording.finish()
    replayed = Recording(recording.path, records=False)
    to_nowhere(replayed)
    with replayed.use():
        for platform in ("vertex", "bedrock"):
            ask(platform)
        replayed.finish()
    assert 'exception: "throttlingException"' in recording.path.read_text(encoding="utf-8")


def test_a_changed_request_fails_by_name_in_a_suite_of_a_user(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    to_emulator: Callable[[CloudEmulator], None],
) -> None:
    """One run records from an emulator; the next replays without it, and names what changed."""
    pytester.makeini(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function"
    )
    pytester.makepyfile(
        test_app="""
import os
import pytest
from langchain_claude_cloud import ChatClaudeCloud

def ask(question):
    day = ("system", "It is day " + os.environ["DAY"])
    return ChatClaudeCloud(model="claude-sonnet-5-5").invoke([day, question]).text

@pytest.mark.claude_cloud
def test_ignored(claude_recording):
    claude_recording.ignore("body.system")
    assert ask("Well?")

def test_model(claude_recording, claude_model):
    assert claude_model.invoke("Well?").text

@pytest.mark.usefixtures("claude_recording")
def test_changed():
    ask("Well?")

def test_swallowed(claude_recording):
    try:
        ask("Well?")
    except BaseException:
        pass

def test_more(claude_recording):
    for _ in os.environ["DAY"]:
        ask("Again") if _ == "2" else None

def test_less(claude_recording):
    if os.environ["DAY"] == "1":
        ask("Well?")

def test_credentials(claude_recording):
    if os.environ["DAY"] == "22":
        import requests
        requests.post("https://sts.amazonaws.com/")

def test_new(claude_recording):
    if os.environ["DAY"] == "1":
        assert 1 == 2
"""
    )

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-q", "-p", "no:langsmith_plugin", *arguments)

    monkeypatch.setenv("DAY", "1")
    with CloudEmulator() as emulator:
        to_emulator(emulator)
        run("--claude-record").assert_outcomes(passed=8, failed=1)
        assert {each.platform for each in emulator.requests} == {"vertex", "bedrock"}
    monkeypatch.setenv("DAY", "22")
    result = run()
    result.assert_outcomes(passed=3, failed=5, errors=1)
    shown = str(result.stdout)
    assert "test_swallowed - AssertionError" in shown
    assert "A request is not as it was recorded, changed: body.system" in shown
    assert "-  system: It is day 1\n" in shown
    assert "+  system: It is day 22\n" in shown
    assert "One request more than was recorded" in shown
    assert "Recorded, but not asked for any more" in shown
    assert "A replay does not ask sts.amazonaws.com" in shown
    assert "There is no recording" in shown
    assert "pytest --claude-record" in shown


def test_texts_are_written_as_they_are_read() -> None:
    """Whatever control characters, blanks and marks of YAML they hold."""
    texts = [
        "a\n b \n\tc\n",
        "\ta\nb",
        "x\x85y",
        "no",
        "a: b\n ",
        "\u2028",
        "# |\n- >",
        "é\r\n",
        "",
    ]
    value = {"blocks": texts, "events": [OneLine({"type": each, "d": [each]}) for each in texts]}
    assert from_yaml(to_yaml(value)) == value
