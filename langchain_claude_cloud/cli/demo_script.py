"""What the demo is about: a task, two tools, and what the emulator says.

In: tool calls. Out: their results, and files that are kept in memory.
"""

from __future__ import annotations

from typing import Final

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, tool

from langchain_claude_cloud.testing.blocks import text, tool_use
from langchain_claude_cloud.testing.emulator import CloudEmulator

_TASK: Final = (
    "Look up the weather in Lisbon with get_weather, and nothing else at first. When you have it, "
    "write a packing list, with a reason for each thing, to packing.md with one call of "
    "write_file. If a call of yours was not run, send it again. At last say in one sentence what "
    "you did."
)
_LONG: Final = " The list has at least 40 lines."
"""So that a small ``max_tokens`` of a real model ends inside the call."""

EVENT_DELAY: Final = 0.012
"""Seconds between two events of the emulator's streams: about as fast as a fast model."""

_FILE: Final = "packing.md"
_ITEMS: Final = (
    ("light jacket", "17 degrees in the evening, and wind from the river"),
    ("walking shoes", "the hills are steep and the paving is smooth"),
    ("sunglasses", "the light off the white walls is strong"),
    ("umbrella", "showers are likely on the second day"),
    ("water bottle", "the old town has few shops"),
    ("transit card", "it is taken by trams, ferries and lifts"),
    ("plug adapter", "the sockets are of type F"),
    ("notebook", "somebody will want to know where you were"),
)


def task(*, live: bool) -> str:
    """Return what the model is asked to do."""
    return _TASK + (_LONG if live else "")


class Workspace:
    """The tools, and what they did."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.has_weather = False
        self.tools: list[BaseTool] = self._make_tools()

    def _make_tools(self) -> list[BaseTool]:
        @tool
        def get_weather(city: str) -> str:
            """Look up the weather forecast for a city."""
            self.has_weather = True
            return f"{city}: 17 to 24 degrees, windy, showers on the second day."

        @tool
        def write_file(path: str, content: str) -> str:
            """Write a file, replacing what was there."""
            self.files[path] = content
            return f"wrote {len(content)} characters to {path}"

        return [get_weather, write_file]

    def execute(self, call: ToolCall) -> ToolMessage:
        """Run a call and return its result."""
        by_name = {one.name: one for one in self.tools}
        if call["name"] not in by_name:
            return ToolMessage(
                f"There is no tool {call['name']}.", tool_call_id=call["id"] or "", status="error"
            )
        result: ToolMessage = by_name[call["name"]].invoke(call)
        return result


def write(emulator: CloudEmulator) -> None:
    """Script one run of the demo."""
    lines = [f"{number}. {item}: {why}" for number, (item, why) in enumerate(_ITEMS, 1)]
    arguments = {"path": _FILE, "content": "# Packing for Lisbon\n\n" + "\n".join(lines) + "\n"}
    emulator.reply(
        text("First I look up the weather."), tool_use("get_weather", {"city": "Lisbon"})
    )
    emulator.fault(
        text("Windy, with showers. I write the list."),
        tool_use("write_file", arguments),
        max_tokens_in_call=True,
    )
    emulator.reply(
        text("That call was cut off. I send it again, whole."), tool_use("write_file", arguments)
    )
    emulator.reply(text(f"I looked up the weather in Lisbon and wrote a list to {_FILE}."))
