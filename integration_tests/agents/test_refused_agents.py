"""An agent whose model refuses: LangChain's middleware sees it, and the thread goes on."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import make_model
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRefusalMiddleware
from langchain_core.exceptions import ModelRefusalError
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_claude_cloud.testing import CloudEmulator, text

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

VERSIONS = ["v0", "v1"]
SAID = ["", "I will"]
QUESTION: Any = {"messages": [HumanMessage("How is it done?")]}


def _refuse(emulator: CloudEmulator, said: str) -> None:
    emulator.reply(text(said), stop_reason="refusal")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("said", SAID)
async def test_the_refusal_middleware_sees_every_refusal(
    emulator: CloudEmulator, cloud: str, version: Any, said: str
) -> None:
    """Invoked, streamed, as events: a refusal is an error, never a final answer."""
    model = make_model(emulator, cloud, output_version=version)
    agent = create_agent(model, middleware=[ModelRefusalMiddleware()])
    for _ in range(4):
        _refuse(emulator, said)
    with pytest.raises(ModelRefusalError):
        agent.invoke(QUESTION)
    with pytest.raises(ModelRefusalError):
        await agent.ainvoke(QUESTION)
    with pytest.raises(ModelRefusalError):
        list(agent.stream(QUESTION, stream_mode="messages"))
    run = await agent.astream_events(QUESTION, version="v3")
    with pytest.raises(ModelRefusalError):
        await run.output()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("said", SAID)
def test_a_thread_goes_on_after_a_refusal(
    emulator: CloudEmulator, cloud: str, version: Any, said: str
) -> None:
    """The refusal block stays in the history and off the wire; no empty turn is sent."""
    model = make_model(emulator, cloud, output_version=version)
    agent = create_agent(model, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    _refuse(emulator, said)
    refused = agent.invoke(QUESTION, thread)["messages"][-1]
    assert isinstance(refused, AIMessage)
    assert refused.content_blocks[-1]["type"] == "refusal"
    emulator.reply("Another way, then.")
    found = agent.invoke({"messages": [HumanMessage("And legally?")]}, thread)
    assert found["messages"][-1].text == "Another way, then."
    sent = emulator.requests[-1].body["messages"]
    assert [turn["role"] for turn in sent] == (["user", "assistant", "user"] if said else ["user"])
    assert all(turn["content"] for turn in sent)
