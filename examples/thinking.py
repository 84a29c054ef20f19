"""Thinking as it streams, and kept for the next turn.

Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from langchain_core.messages import HumanMessage
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text, thinking


def script(emulator: CloudEmulator) -> None:
    """Queue two answers, the first with thinking."""
    emulator.reply(thinking("Tagus, Douro, Guadiana cross the border."), text("At least three."))
    emulator.reply(text("The Tagus."))


def main(llm: ChatClaudeCloud) -> None:
    """Ask, show thinking apart from the answer, and ask about the answer."""
    messages = [HumanMessage("How many large rivers flow from Spain to Portugal?")]
    answer = None
    for chunk in llm.stream(messages, thinking="adaptive"):
        for block in chunk.content_blocks:
            if block["type"] == "reasoning" and block.get("reasoning"):
                print("[thinking]", block["reasoning"])
            elif block["type"] == "text":
                print(block["text"], end="")
        answer = chunk if answer is None else answer + chunk
    print()
    # The answer goes back as it is: its thinking carries a signature.
    second = llm.invoke([*messages, answer, HumanMessage("Which one of them ends at Lisbon?")])
    print(second.text)


if __name__ == "__main__":
    with example_model(script) as model:
        main(model)
