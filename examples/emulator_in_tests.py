"""How an application is tested on the emulator: with pytest, offline, over real HTTP.

Run it with pytest, or as a program. The fixtures come from the package's pytest plugin.
``--live`` runs the application itself once, on the real cloud.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from run_example import MODEL, is_live

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import RateLimitError
from langchain_claude_cloud.testing import CloudEmulator, FaultKind, text, tool_use

pytestmark = pytest.mark.claude_cloud("vertex", "bedrock")  # each test runs on both


def title_of(llm: ChatClaudeCloud, document: str) -> str:
    """Return a title; this is the application that is tested."""
    return llm.invoke(f"A title for this, in three words:\n\n{document}").text.strip()


def test_what_the_model_says_is_returned(
    claude_model: ChatClaudeCloud, claude_emulator: CloudEmulator
) -> None:
    """A scripted answer, and a look at what was sent."""
    claude_emulator.reply(text("Rivers of Portugal\n"))
    assert title_of(claude_model, "The Tagus flows ...") == "Rivers of Portugal"
    assert "The Tagus" in str(claude_emulator.requests[0].body["messages"])


def test_a_throttled_request_is_sent_again(
    claude_model: ChatClaudeCloud, claude_emulator: CloudEmulator
) -> None:
    """One fault, and then the answer."""
    claude_emulator.fault(FaultKind.THROTTLED, retry_after=0)
    claude_emulator.reply(text("Second time lucky"))
    assert title_of(claude_model, "...") == "Second time lucky"


def test_it_gives_up_in_the_end(
    claude_model: ChatClaudeCloud, claude_emulator: CloudEmulator
) -> None:
    """A fault that stays."""
    claude_emulator.fault(FaultKind.THROTTLED, retry_after=0, times=None)
    with pytest.raises(RateLimitError):
        title_of(claude_model, "...")


def test_a_cut_call_is_not_a_call(
    claude_model: ChatClaudeCloud, claude_emulator: CloudEmulator
) -> None:
    """max_tokens in the middle of the arguments."""
    claude_emulator.fault(tool_use("save", {"title": "Rivers"}), max_tokens_in_call=True)
    answer = claude_model.invoke("Save it.")
    assert answer.tool_calls == []
    assert answer.invalid_tool_calls[0]["name"] == "save"


if __name__ == "__main__":
    if is_live():
        print(title_of(ChatClaudeCloud(model=MODEL), "The Tagus rises in Spain, ends at Lisbon."))
    else:
        program = [sys.executable, "-m", "pytest", "-q", __file__]
        sys.exit(subprocess.call(program))  # noqa: S603  # it starts pytest on this file
