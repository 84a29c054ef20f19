"""A deep agent: it plans, has files, and gives a part of its task to another agent.

Prompts are cached without a setting: the package registers this with deepagents.
It needs the extra ``examples``. Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from deepagents import create_deep_agent
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use


def script(emulator: CloudEmulator) -> None:
    """Queue the answers of both agents."""
    task = {"description": "Which rivers end in Portugal?", "subagent_type": "geographer"}
    emulator.reply(tool_use("task", task))
    emulator.reply(text("The Tagus and the Douro."))
    note = "# Rivers\n\n* Tagus\n* Douro\n"
    emulator.reply(tool_use("write_file", {"file_path": "/rivers.md", "content": note}))
    emulator.reply(text("The list is in /rivers.md."))


def main(llm: ChatClaudeCloud) -> None:
    """Let the agent work, and show the file that it wrote."""
    geographer = {
        "name": "geographer",
        "description": "Knows every river. Ask it one question at a time.",
        "system_prompt": "You are a geographer. Answer in one sentence.",
    }
    agent = create_deep_agent(llm, subagents=[geographer])
    question = "Ask the geographer which rivers end in Portugal, then write the list to /rivers.md."
    done = agent.invoke({"messages": [("user", question)]})
    for name, file in done.get("files", {}).items():
        print(name, *file["content"], sep="\n")
    print(done["messages"][-1].text)


if __name__ == "__main__":
    with example_model(script) as model:
        main(model)
