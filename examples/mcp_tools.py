"""An agent that uses the tools of an MCP server.

It needs the extra ``examples``. Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

SERVER = Path(__file__).with_name("mcp_server.py")


def script(emulator: CloudEmulator) -> None:
    """Queue the answers."""
    emulator.reply(tool_use("length_of_river", {"name": "Tagus"}))
    emulator.reply(text("The Tagus is 1,007 km long."))


async def main(llm: ChatClaudeCloud) -> None:
    """Start the server, show its tools, and let an agent use them."""
    client = MultiServerMCPClient(
        {"rivers": {"transport": "stdio", "command": sys.executable, "args": [str(SERVER)]}}
    )
    tools = await client.get_tools()
    print("tools:", ", ".join(tool.name for tool in tools))
    agent = create_agent(llm, tools)
    done = await agent.ainvoke({"messages": [("user", "How long is the Tagus? Look it up.")]})
    for message in done["messages"]:
        print(f"{message.type}: {message.text}")
    await llm.aclose()


if __name__ == "__main__":
    with example_model(script) as model:
        asyncio.run(main(model))
