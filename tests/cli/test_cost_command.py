"""The command ``cost``, and where the other commands show prices."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.cli.app import run
from langchain_claude_cloud.cli.chat import Chat
from langchain_claude_cloud.testing import CloudEmulator

Output = pytest.CaptureFixture[str]


def cost(capsys: Output, *arguments: str) -> tuple[int, str, str]:
    """Run the command; return its status, its output and its complaints."""
    with pytest.raises(SystemExit) as ended:
        run(["cost", *arguments])
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err


@pytest.mark.parametrize("columns", ["80", "120"])
def test_prices_per_million_need_no_credentials(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """A line a place, in a terminal's width, and what the table does not know."""
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = cost(capsys, "--model", "claude-sonnet-5-5")
    assert code == 0
    lines = {line.split("  ")[0]: line.split()[-5:] for line in out.splitlines()}
    assert lines["Vertex AI, global"] == ["2.00", "10.00", "0.10", "2.50", "4.00"]
    assert lines["Bedrock, regional"] == ["2.20", "11.00", "0.11", "2.75", "4.40"]
    assert "batch jobs" in " ".join(out.split())
    assert "10 % more from Sonnet 4.5 on" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= int(columns)


def test_a_prompt_of_a_known_length_is_priced(capsys: Output) -> None:
    """With its answer; only the cloud that is named."""
    code, out, _ = cost(
        capsys, "--platform", "vertex", "--input-tokens", "1000000", "--output-tokens", "500000"
    )
    assert code == 0
    assert "1,000,000 tokens in, 500,000 out" in out
    assert "Vertex AI, global  2.0000  5.0000  7.0000" in out
    assert "Bedrock, global" not in out


def test_a_small_sum_is_not_rounded_to_nothing(capsys: Output) -> None:
    """Two digits of it show."""
    tokens = ("--input-tokens", "5", "--output-tokens", "3", "--platform", "vertex")
    _, out, _ = cost(capsys, "--model", "claude-sonnet-5-5", *tokens)
    assert "0.000010  0.000030  0.000040" in out


def test_programs_read_the_prices(capsys: Output) -> None:
    """As JSON: each place by its cloud and profile, per million tokens or for two lengths."""
    code, out, _ = cost(capsys, "--model", "claude-sonnet-4-5", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["per_tokens"], found["long_prompts_cost_more"]) == (1_000_000, True)
    prices = {(row["platform"], row["inference_profile"]): row for row in found["prices"]}
    assert prices["vertex", None]["dollars"]["cache_read"] == pytest.approx(0.3)
    assert prices["bedrock", "us"]["dollars"]["output"] == pytest.approx(16.5)
    kinds = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"]
    assert sorted(prices["bedrock", "global"]["dollars"]) == sorted(kinds)
    lengths = ("--input-tokens", "1000", "--output-tokens", "500", "--platform", "vertex")
    found = json.loads(cost(capsys, "--model", "claude-sonnet-5-5", *lengths, "--json")[1])
    assert (found["input_tokens"], found["output_tokens"]) == (1_000, 500)
    assert [row["dollars"]["total"] for row in found["prices"]] == [pytest.approx(0.007)]


def test_a_file_is_counted_by_the_cloud(
    emulated_clouds: CloudEmulator, capsys: Output, tmp_path: Path
) -> None:
    """And then priced."""
    file = tmp_path / "prompt.txt"
    file.write_text("A question. " * 100)
    code, out, err = cost(capsys, str(file), "--platform", "bedrock")
    assert code == 0
    assert "counted by Amazon Bedrock" in err
    assert "Bedrock, regional" in out
    assert [request.operation for request in emulated_clouds.requests] == ["count_tokens"]


def test_a_model_whose_long_prompts_cost_more_is_marked(capsys: Output) -> None:
    """Sonnet 4.5, over 200,000 tokens."""
    _, out, _ = cost(capsys, "--model", "claude-sonnet-4-5")
    assert "Long prompts cost more" in out
    _, out, _ = cost(capsys, "--model", "claude-sonnet-5-5")
    assert "Long prompts" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--region", "us-east-1"), 2, "--region does nothing without FILE"),
        (("prompt.txt", "--input-tokens", "5"), 2, "--input-tokens does nothing with FILE"),
        (("--model", "claude-nobody-1"), 1, "does not have claude-nobody-1"),
        (("missing.txt", "--platform", "vertex"), 1, "missing.txt cannot be read"),
    ],
)
def test_what_it_cannot_do_is_said(
    capsys: Output, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Options without effect, models without a price, files that are not there."""
    found, _, err = cost(capsys, *arguments)
    assert found == code
    assert words in " ".join(err.split())


def test_chat_says_once_what_the_price_does_not_know() -> None:
    """A regional endpoint of Vertex AI costs more than the table says."""
    shown = io.StringIO()
    with CloudEmulator() as emulator:
        model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.vertex(region="eu"))
        chat = Chat(Console(file=shown, width=250), model, None)
        chat.take("Hello")
        chat.take("Hello again")
    assert shown.getvalue().count("about $0.000") == 2
    assert shown.getvalue().count("cost 10 % more") == 1
