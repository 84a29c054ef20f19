"""Makes the input of an agent, a state with messages, from an input of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable


def is_agent(runnable: Runnable[Any, Any]) -> bool:
    """Whether a runnable is a graph of LangGraph whose state has messages."""
    return "messages" in getattr(runnable, "channels", ())


def state_of(value: object) -> object:
    """Return the state for an input; what is a state already stays."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, PromptValue):
        return {"messages": value.to_messages()}
    return {"messages": [HumanMessage(value)] if isinstance(value, str) else value}
