"""`batch.run` and `batch.arun` on the emulator: many inputs, one record each, whatever happens.

BATCH_PROMPTS=20000 makes the test that kills the process a long one, which also looks at the rate.
On a machine that is busy with other things, BATCH_QUOTA=30 requests a second show it, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, messages_from_dict
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.batch import InputRowError, RunReport, arun, run
from langchain_claude_cloud.errors import (
    ConfigurationError,
    InvalidInputError,
    PermissionDeniedError,
)
from langchain_claude_cloud.testing import CloudEmulator

PROMPTS = int(os.environ.get("BATCH_PROMPTS", "300"))
QUOTA = int(os.environ.get("BATCH_QUOTA", "100"))
MOST_MEMORY_KB = 200_000
CHILD = """
import sys
from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.batch import run
url, token, count, output = sys.argv[1:]
platform = Vertex(project="p", region="global", base_url=url, access_token=token)
llm = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_tokens=50)
report = run(llm, (f"Prompt {n}." for n in range(int(count))), output, progress=False)
with open("/proc/self/status") as status:  # ru_maxrss begins with what the parent took
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
print(report, f"peak: {peak} kB, rate: {report.rate:.1f}, finished: {report.finished}", flush=True)
"""


class River(BaseModel):
    """A river."""

    name: str
    length_km: int


@pytest.fixture
def llm(emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model on the emulator."""
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=emulator.vertex(), max_tokens=50)


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of an output."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT id, message, parsed, usage, error FROM records").fetchall()
    columns = ("message", "parsed", "usage", "error")
    return [
        {"id": row[0]} | {key: cell and json.loads(cell) for key, cell in zip(columns, row[1:], strict=True)}
        for row in rows
    ]  # fmt: skip


def rows(count: int) -> list[dict[str, Any]]:
    """Return rows with ids."""
    return [{"id": f"row-{n}", "input": f"Prompt {n}."} for n in range(count)]


def quiet(*arguments: Any, **options: Any) -> RunReport:
    """Run without progress."""
    return run(*arguments, progress=False, **options)


@pytest.fixture(params=[".jsonl", ".sqlite"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The output of a run, of each kind."""
    return tmp_path / f"out{request.param}"


def test_each_input_has_one_record(llm: ChatClaudeCloud, output: Path) -> None:
    """With the caller's id, the whole message and its tokens; the report adds them up."""
    report = quiet(llm, rows(20), output)
    found = records(output)
    assert {record["id"] for record in found} == {f"row-{n}" for n in range(20)}
    assert len(found) == 20
    (message,) = messages_from_dict([found[0]["message"]])
    assert isinstance(message, AIMessage)
    assert message.usage_metadata == found[0]["usage"]
    assert (report.answered, report.failed, report.skipped) == (20, 0, 0)
    assert report.usage is not None
    assert report.usage["total_tokens"] == sum(one["usage"]["total_tokens"] for one in found)
    assert report.cost is not None
    assert report.cost.total > 0


def test_a_second_run_asks_for_what_is_missing(
    llm: ChatClaudeCloud, emulator: CloudEmulator, output: Path
) -> None:
    """What is answered is skipped, what failed is tried again and has one record then."""
    emulator.fault(status=400, match=lambda body: "Prompt 3." in str(body), times=1)
    first = quiet(llm, rows(6), output)
    assert (first.answered, first.failed) == (5, 1)
    (failed,) = [record for record in records(output) if record["error"]]
    assert failed["id"] == "row-3"
    assert failed["error"]["type"] == "InvalidRequestError"
    assert failed["error"]["text"]
    asked = len(emulator.requests)
    left = quiet(llm, rows(6), output, retry_failed=False)
    assert (left.answered, left.failed, left.skipped) == (0, 0, 6)
    second = quiet(llm, iter(rows(8)), output)
    assert (second.answered, second.failed, second.skipped) == (3, 0, 5)
    assert len(emulator.requests) == asked + 3
    found = records(output)
    assert sorted(record["id"] for record in found) == [f"row-{n}" for n in range(8)]
    assert not any(record["error"] for record in found)


def test_skipped_inputs_that_have_changed_are_counted(llm: ChatClaudeCloud, output: Path) -> None:
    """The prompt, not the id; an output of an older version does not say what was asked."""
    quiet(llm, rows(3), output)
    changed = [*rows(2), {"id": "row-2", "input": "Another prompt."}]
    report = quiet(llm, changed, output)
    assert (report.skipped, report.changed) == (3, 1)
    assert "3 skipped (1 of them changed)" in str(report)
    if output.suffix == ".sqlite":
        with closing(sqlite3.connect(output)) as database:
            database.execute("ALTER TABLE records DROP COLUMN input_hash")
    else:
        old = [{**record, "input_hash": None} for record in records(output)]
        output.write_text("".join(json.dumps(record) + "\n" for record in old))
    report = quiet(llm, [*changed, {"id": "row-3", "input": "New."}], output)
    assert (report.answered, report.skipped, report.changed) == (1, 3, 0)


def test_inputs_without_ids_are_known_by_their_content(llm: ChatClaudeCloud, output: Path) -> None:
    """In another process, too: equal inputs have equal ids."""
    assert quiet(llm, ["One.", [HumanMessage("Two.")]], output).answered == 2
    report = quiet(llm, ["One.", HumanMessage("Two."), "Three."], output)
    assert (report.answered, report.skipped) == (1, 2)


def test_a_line_that_was_torn_is_written_anew(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """A killed process may leave a part of a line."""
    output = tmp_path / "out.jsonl"
    quiet(llm, rows(3), output)
    whole = output.read_bytes()
    for torn in (whole[:-40], whole[:-1]):
        output.write_bytes(torn)
        quiet(llm, rows(3), output)
        assert sorted(record["id"] for record in records(output)) == ["row-0", "row-1", "row-2"]


@pytest.mark.parametrize("text", ["no record", "no record\n", '{"name": 1}\n'])
def test_another_s_file_is_left_alone(llm: ChatClaudeCloud, tmp_path: Path, text: str) -> None:
    """A wrong name of the output destroys nothing."""
    output = tmp_path / "notes.jsonl"
    output.write_text(text)
    with pytest.raises(ValueError, match="not a record of a run"):
        quiet(llm, ["Hi"], output)
    assert output.read_text() == text


def test_a_process_that_is_killed_loses_and_repeats_nothing(
    emulator: CloudEmulator, tmp_path: Path
) -> None:
    """SIGKILL twice, with a quota and faults: each id is answered once in the end."""
    taken: deque[float] = deque()

    def refuses(_: Any) -> bool:
        now = time.monotonic()
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= QUOTA:
            return True
        taken.append(now)
        return False

    emulator.fault(status=429, match=refuses, times=None)
    emulator.fault(status=500, match=lambda _: hash(time.monotonic()) % 50 == 0, times=None)
    output = tmp_path / "out.jsonl"
    arguments = [emulator.vertex_url, emulator.access_token, str(PROMPTS), str(output)]
    for part in (0.3, 0.6):
        child = start(arguments)
        wait_for(lambda part=part: lines(output) >= part * PROMPTS, child)
        child.kill()
        child.communicate()
    for _ in range(3):
        child = start(arguments)
        text, _ = child.communicate(timeout=100 + PROMPTS / 20)
        assert child.returncode == 0, text
        peak, rate, finished = map(float, re.findall(r"(?:peak|rate|finished): ([\d.]+)", text))
        assert peak < MOST_MEMORY_KB, text
        # Less than a minute says little of the rate.
        assert finished < 60 * QUOTA or rate >= 0.9 * QUOTA, text
        if " 0 failed" in text:
            break
    counts = Counter(record["id"] for record in records(output))
    assert len(counts) == PROMPTS
    assert set(counts.values()) == {1}
    assert not any(record["error"] for record in records(output))
    emulator.reset()  # a slow machine may never have reached the quota


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    return subprocess.Popen(  # noqa: S603  # it starts this package
        [sys.executable, "-c", CHILD, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def lines(output: Path) -> int:
    """Return how many lines a file has."""
    return output.read_bytes().count(b"\n") if output.exists() else 0


def wait_for(condition: Any, child: subprocess.Popen[str]) -> None:
    """Wait until something is so, while a process lives."""
    while not condition():
        assert child.poll() is None, child.communicate()[0]
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_a_report(
    emulator: CloudEmulator, tmp_path: Path, number: signal.Signals
) -> None:
    """What is under way is finished; the next run does the rest."""
    emulator.reply("Yes.", delay=0.05, times=None)
    output = tmp_path / "out.jsonl"
    arguments = [emulator.vertex_url, emulator.access_token, "5000", str(output)]
    child = start(arguments)
    wait_for(lambda: lines(output) > 20, child)
    child.send_signal(number)
    text, _ = child.communicate(timeout=30)
    assert child.returncode == 0, text
    assert "interrupted" in text
    found = Counter(record["id"] for record in records(output))
    assert f" {len(found):,} answered" in text
    assert set(found.values()) == {1}


def test_a_quota_loses_nothing(
    llm: ChatClaudeCloud, emulator: CloudEmulator, tmp_path: Path
) -> None:
    """Throttled requests wait for each other, and fewer are under way."""
    served: deque[float] = deque()

    def refuses(_: Any) -> bool:
        now = time.monotonic()
        while served and served[0] <= now - 1:
            served.popleft()
        served.extend([now] * (len(served) < 40))
        return len(served) >= 40 and served[-1] != now

    emulator.fault(status=429, match=refuses, times=None)
    report = quiet(llm, rows(200), tmp_path / "out.jsonl")
    assert (report.answered, report.failed) == (200, 0)


async def test_inputs_are_read_as_they_are_needed(tmp_path: Path) -> None:
    """However many there are, only what is under way is in memory."""
    read = done = most = 0

    def source() -> Iterator[str]:
        nonlocal read, most
        for number in range(3000):
            read += 1
            most = max(most, read - done)
            yield f"Prompt {number}."

    async def answer(_: str) -> AIMessage:
        nonlocal done
        await asyncio.sleep(0)
        done += 1
        return AIMessage("Yes.")

    report = await arun(RunnableLambda(answer), source(), tmp_path / "o.jsonl", max_in_flight=7, progress=False)  # fmt: skip
    assert report.answered == 3000
    assert most <= 9


@pytest.mark.parametrize("again", [iter, list])
def test_a_duplicate_id_names_both_rows(llm: ChatClaudeCloud, tmp_path: Path, again: Any) -> None:
    """And loses no answer that was under way; nor is there an output before one is."""
    output = tmp_path / "out.jsonl"
    inputs = again([*rows(4), {"id": "row-1", "input": "Other."}, *rows(9)[5:]])
    with pytest.raises(InputRowError, match="input 5: its id 'row-1' is that of input 2") as caught:
        quiet(llm, inputs, output)
    expected = 0 if again is list else 4
    assert (len(records(output)) if output.exists() else None) == (expected or None)
    assert caught.value.row == 5
    assert caught.value.report is not None
    assert caught.value.report.answered == expected


def test_inputs_that_fail_lose_no_answer(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """What was under way is written, as it is paid."""

    def failing() -> Iterator[dict[str, Any]]:
        yield from rows(4)
        raise OSError("The database is gone.")

    with pytest.raises(OSError, match="database is gone"):
        quiet(llm, failing(), tmp_path / "out.jsonl")
    assert len(records(tmp_path / "out.jsonl")) == 4


def test_an_output_that_cannot_be_opened_leaves_no_lock(
    llm: ChatClaudeCloud, tmp_path: Path
) -> None:
    """Such as a folder of that name."""
    (tmp_path / "out.sqlite").mkdir()
    with pytest.raises(InvalidInputError, match="Name another output"):
        quiet(llm, ["Hi"], tmp_path / "out.sqlite")
    assert [each.name for each in tmp_path.iterdir()] == ["out.sqlite"]


FILES = {
    "a.jsonl": (b'{"input": "a"}\n{"input": \n', "line 2: this line is not JSON"),
    "b.jsonl": (b'{"input": "a"}\n\n{"text": "b"}\n', "line 3: there is no column 'input'"),
    "c.jsonl": (b'"a"\n" "\n', "line 2: the input is empty"),
    "d.jsonl": (b'"a"\n"\xff"\n', "line 2: this is not UTF-8, save the file as UTF-8"),
    "e.csv": (b"id,input\n1,a\n2,b,c\n", "line 3: it has more values"),
    "f.csv": (b"id,input\n1,a\n,b\n", "line 3: '' cannot be an id"),
    "g.jsonl": (b"5\n", "line 1: a int has no columns"),
    "h.jsonl": (b'[{"input": "a"}]\n', "line 1: a list is the messages of one input"),
    "i.JSONL": (b'{"id": "\\ud800", "input": "a"}\n', "line 1: .* it holds half a character"),
    "j.csv": (b"id,input\n1,a\n2,f\xfcr\n", "line 3: this is not UTF-8, save"),
    "k.csv": (b"id,input\n1,a\n2\n", "line 3: the input is empty"),
    "l.parquet": (b"PAR1 and no more", "row 1: this is not Parquet"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_row_is_named_before_anything_is_sent(
    llm: ChatClaudeCloud, emulator: CloudEmulator, tmp_path: Path, name: str
) -> None:
    """A file is checked as a whole first."""
    content, problem = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputRowError, match=problem):
        quiet(llm, tmp_path / name, tmp_path / "out.jsonl")
    assert not emulator.requests


def test_files_of_each_kind_are_read(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """JSONL with a byte order mark, CSV with long cells, Parquet."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    long = "word " * 40_000
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"id": 1, "input": "a"}\n"plain"\n')
    (tmp_path / "b.csv").write_text(f'id,input\n1,"{long}"\n2,"two\nlines"\n', encoding="utf-8")
    table = pyarrow.table({"key": [1, 2], "text": ["a", "b"]})
    parquet.write_table(table, tmp_path / "c.parquet")
    assert quiet(llm, tmp_path / "a.jsonl", tmp_path / "a.out.jsonl").answered == 2
    assert quiet(llm, str(tmp_path / "b.csv"), tmp_path / "b.out.jsonl").answered == 2
    named = quiet(llm, tmp_path / "c.parquet", tmp_path / "c.jsonl", id="key", input="text")
    assert named.answered == 2
    assert {record["id"] for record in records(tmp_path / "c.jsonl")} == {1, 2}


def test_structured_output_is_parsed(llm: ChatClaudeCloud, output: Path) -> None:
    """The record has the value, and the tokens of the call; with the raw answer if wanted."""
    structured = ChatClaudeCloud(model=llm.model, platform=llm.platform).with_structured_output
    quiet(structured(River), ["The longest river of Spain?"], output)
    (record,) = records(output)
    River.model_validate(record["parsed"])
    assert record["usage"]["total_tokens"] > 0
    quiet(structured(River, include_raw=True), ["And of Portugal?"], output)
    both = next(one for one in records(output) if one["message"])
    River.model_validate(both["parsed"])


def test_chains_get_what_a_function_makes_of_the_row(llm: ChatClaudeCloud, output: Path) -> None:
    """Any Runnable that ends in the model; what it returns is in the record."""
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{city}?")])
    cities = [{"city": "Lisbon"}, {"city": "Porto"}]
    report = quiet(prompt | llm | StrOutputParser(), cities, output, id="city", input=dict)
    assert report.answered == 2
    assert {record["id"] for record in records(output)} == {"Lisbon", "Porto"}
    assert all(isinstance(record["parsed"], str) for record in records(output))
    assert report.usage is not None


def test_an_agent_gets_prompts_as_messages(
    llm: ChatClaudeCloud, emulator: CloudEmulator, output: Path
) -> None:
    """A text, messages or a state; its last answer is in the record."""
    inputs = [
        "One?",
        [HumanMessage("Two?")],
        {"id": 3, "input": {"messages": [("user", "Three?")]}},
    ]
    agent = create_agent(llm, response_format=River)
    report = quiet(agent, inputs, output)
    assert report.answered == 3
    found = records(output)
    assert all(River.model_validate(record["parsed"]) for record in found)
    asked = {str(request.body["messages"][0]["content"]) for request in emulator.requests}
    assert all(any(word in each for each in asked) for word in ("One?", "Two?", "Three?"))


def test_what_fails_for_all_ends_the_run(
    llm: ChatClaudeCloud, emulator: CloudEmulator, tmp_path: Path
) -> None:
    """A missing permission is an error after some inputs, not a file full of failures."""
    emulator.fault(status=403, times=None)
    with pytest.raises(PermissionDeniedError) as caught:
        quiet(llm, rows(2000), tmp_path / "out.jsonl")
    assert "0 answered" in str(caught.value.__notes__)
    assert len(records(tmp_path / "out.jsonl")) < 100


def test_bad_arguments_are_refused(llm: ChatClaudeCloud, tmp_path: Path) -> None:
    """Before anything is sent, with what would do."""
    for options in ({"max_in_flight": 0}, {"max_in_flight": True}, {"requests_per_minute": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            quiet(llm, ["Hi"], tmp_path / "out.jsonl", **options)
    with pytest.raises(ConfigurationError, match=r"must end in .jsonl or .sqlite"):
        quiet(llm, ["Hi"], tmp_path / "out.txt")
    with pytest.raises(ValueError, match="Single prompts are given as a list"):
        quiet(llm, "Hi", tmp_path / "out.jsonl")
    for one in (HumanMessage("Hi"), {"id": 1, "input": "Hi"}):
        with pytest.raises(ValueError, match="give an iterable of rows, such as a list"):
            quiet(llm, one, tmp_path / "out.jsonl")
    with pytest.raises(ConfigurationError, match="runnable is a str"):
        quiet("claude", ["Hi"], tmp_path / "out.jsonl")
    with pytest.raises(InputRowError, match="input 1: the input is empty"):
        quiet(llm, [{"id": 1, "input": float("nan")}], tmp_path / "out.jsonl")


def test_two_runs_do_not_share_a_file(llm: ChatClaudeCloud, output: Path) -> None:
    """The second one says why it does not begin."""

    def nested(_: Any) -> str:
        with pytest.raises(ConfigurationError, match="Another run"):
            asyncio.run(arun(llm, ["Other."], output, progress=False))
        return "Hi"

    assert quiet(RunnableLambda(nested) | llm, ["Hi"], output).answered == 1
    assert [each.name for each in output.parent.iterdir()] == [output.name]


def test_progress_is_a_function_or_lines(
    llm: ChatClaudeCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function gets each report; without a terminal there are lines."""
    seen: list[RunReport] = []
    run(llm, rows(3), tmp_path / "out.jsonl", progress=seen.append)
    assert [report.answered for report in seen] == [1, 2, 3, 3]
    assert seen[0].total == 3
    run(llm, rows(4), tmp_path / "out.jsonl")
    assert "4 of 4 inputs, 1 answered, 0 failed, 3 skipped" in capsys.readouterr().err


def test_a_narrow_terminal_shows_the_whole_report(tmp_path: Path) -> None:
    """In several lines if need be: the time left is at the end."""
    pty = pytest.importorskip("pty")
    script = (
        "import sys\n"
        "from langchain_core.runnables import RunnableLambda\n"
        "from langchain_claude_cloud.batch import run\n"
        "run(RunnableLambda(len), ['One?', 'Two?'], sys.argv[1])\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    command = [sys.executable, "-c", script, str(tmp_path / "out.jsonl")]
    subprocess.run(command, stderr=theirs, env=environment, check=True)  # noqa: S603  # this package
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "2 of 2 inputs" in shown
    assert re.search(r"[\d.]+ a\s+second", shown)
