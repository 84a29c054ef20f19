"""How an application is tested on the emulator: with pytest, offline, over real HTTP.

Run it with pytest, or as a program. It always uses the emulator; ``--emulator`` changes
nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import RateLimitError
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use


def title_of(llm: ChatClaudeCloud, document: str) -> str:
    """Return a title; this is the application that is tested."""
    return llm.invoke(f"A title for this, in three words:\n\n{document}").text.strip()


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """Both clouds on a free port of this machine."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture(params=["vertex", "bedrock"])
def llm(request: pytest.FixtureRequest, emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model on each cloud in turn."""
    platform = emulator.vertex() if request.param == "vertex" else emulator.bedrock()
    return ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=1)


def test_what_the_model_says_is_returned(llm: ChatClaudeCloud, emulator: CloudEmulator) -> None:
    """A scripted answer, and a look at what was sent."""
    emulator.reply(text("Rivers of Portugal\n"))
    assert title_of(llm, "The Tagus flows ...") == "Rivers of Portugal"
    assert "The Tagus" in str(emulator.requests[0].body["messages"])


def test_a_throttled_request_is_sent_again(llm: ChatClaudeCloud, emulator: CloudEmulator) -> None:
    """One fault, and then the answer."""
    emulator.fault(status=429, retry_after=0)
    emulator.reply(text("Second time lucky"))
    assert title_of(llm, "...") == "Second time lucky"


def test_it_gives_up_in_the_end(llm: ChatClaudeCloud, emulator: CloudEmulator) -> None:
    """A fault that stays."""
    emulator.fault(status=429, retry_after=0, times=None)
    with pytest.raises(RateLimitError):
        title_of(llm, "...")


def test_a_cut_call_is_not_a_call(llm: ChatClaudeCloud, emulator: CloudEmulator) -> None:
    """max_tokens in the middle of the arguments."""
    emulator.fault(tool_use("save", {"title": "Rivers"}), max_tokens_in_call=True)
    answer = llm.invoke("Save it.")
    assert answer.tool_calls == []
    assert answer.invalid_tool_calls[0]["name"] == "save"


if __name__ == "__main__":
    program = [sys.executable, "-m", "pytest", "-q", __file__]
    sys.exit(subprocess.call(program))  # noqa: S603  # it starts pytest on this file
