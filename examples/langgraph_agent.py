"""An agent with a memory, a tool that needs approval, and a second agent that it asks.

It needs the extra ``agents``. Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.middleware import InvalidToolCallMiddleware
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use


def script(emulator: CloudEmulator) -> None:
    """Queue the answers of both agents."""
    emulator.reply(tool_use("ask_the_librarian", {"question": "Which book is about rivers?"}))
    emulator.reply(text("It is 'Rivers of Iberia'."))
    emulator.reply(tool_use("order_book", {"title": "Rivers of Iberia"}))
    emulator.reply(text("The book is ordered."))
    emulator.reply(text("You ordered 'Rivers of Iberia'."))


@tool
def order_book(title: str) -> str:
    """Order a book."""
    return f"{title} is ordered"


def main(llm: ChatClaudeCloud) -> None:
    """Let the agent work until it needs approval, approve, and ask what happened."""
    librarian = create_agent(llm, tools=[], system_prompt="You know every book. Be brief.")

    @tool
    def ask_the_librarian(question: str) -> str:
        """Ask the librarian, who knows every book."""
        return librarian.invoke({"messages": [("user", question)]})["messages"][-1].text

    agent = create_agent(
        llm,
        tools=[ask_the_librarian, order_book],
        checkpointer=InMemorySaver(),
        middleware=[
            InvalidToolCallMiddleware(),
            HumanInTheLoopMiddleware(interrupt_on={"order_book": True}),
        ],
    )
    thread = {"configurable": {"thread_id": "1"}}
    task = "Find the book about rivers with the librarian's help, then order it."
    waiting = agent.invoke({"messages": [("user", task)]}, thread)
    [request] = waiting["__interrupt__"][0].value["action_requests"]
    print("needs approval:", request["name"], request["args"])
    done = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), thread)
    print(done["messages"][-1].text)
    again = agent.invoke({"messages": [("user", "What did I order?")]}, thread)
    print(again["messages"][-1].text)


if __name__ == "__main__":
    with example_model(script) as model:
        main(model)
