"""deepagents runs this model, and caches its prompts without being told.

deepagents is not a requirement of the tests: where it is not installed, they are skipped.
"""

from __future__ import annotations

from typing import Any

import pytest
from clouds import make_model
from langchain_core.messages import HumanMessage

from langchain_claude_cloud.middleware import PromptCachingMiddleware
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

deepagents = pytest.importorskip("deepagents", reason="deepagents is not installed")

pytestmark = pytest.mark.filterwarnings("default")  # the warnings of deepagents are its own

QUESTION: Any = {"messages": [HumanMessage("Write a note.")]}


def cached(body: dict[str, Any]) -> bool:
    """Whether a request asks for a cache anywhere."""
    return "cache_control" in str(body)


@pytest.mark.parametrize("model_name", ["claude-sonnet-4-6", "claude-sonnet-5-5"])
def test_a_deep_agent_caches_its_prompts(
    emulator: CloudEmulator, cloud: str, model_name: str
) -> None:
    """The main agent and its subagent, by the profile that the package registers."""
    agent = deepagents.create_deep_agent(make_model(emulator, cloud, model=model_name))
    task = {"description": "Think.", "subagent_type": "general-purpose"}
    emulator.reply(text("I ask."), tool_use("task", task))
    emulator.reply("Thought.")
    emulator.reply("Done.")
    assert agent.invoke(QUESTION)["messages"][-1].text == "Done."
    assert [cached(request.body) for request in emulator.requests] == [True] * 3


def test_a_model_that_says_how_to_cache_is_obeyed(emulator: CloudEmulator, cloud: str) -> None:
    """False stays False."""
    agent = deepagents.create_deep_agent(make_model(emulator, cloud, prompt_caching=False))
    emulator.reply("Done.")
    agent.invoke(QUESTION)
    assert not cached(emulator.requests[0].body)


def test_the_middleware_may_be_given_as_well(emulator: CloudEmulator, cloud: str) -> None:
    """With its own settings."""
    middleware = [PromptCachingMiddleware(ttl="1h")]
    agent = deepagents.create_deep_agent(make_model(emulator, cloud), middleware=middleware)
    emulator.reply("Done.")
    agent.invoke(QUESTION)
    assert "'ttl': '1h'" in str(emulator.requests[0].body)
