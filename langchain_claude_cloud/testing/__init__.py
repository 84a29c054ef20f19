"""An emulator of both clouds, for testing applications offline.

`CloudEmulator` is an HTTP server on this machine that answers as a test's script says. It needs the
extra ``emulator`` (starlette, uvicorn and jsonschema), which is imported when it starts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langchain_claude_cloud.testing.blocks import (
        Block,
        raw_tool_use,
        redacted_thinking,
        server_tool_use,
        text,
        thinking,
        tool_use,
    )
    from langchain_claude_cloud.testing.emulator import CloudEmulator
    from langchain_claude_cloud.testing.environment import environment_variables
    from langchain_claude_cloud.testing.faults import FaultKind
    from langchain_claude_cloud.testing.matching import Match, tool_result
    from langchain_claude_cloud.testing.recording.recording import Recording
    from langchain_claude_cloud.testing.scripting import Fault, Replay, Reply
    from langchain_claude_cloud.testing.server.batch_state import BatchFault
    from langchain_claude_cloud.testing.server.state import AwsKey
    from langchain_claude_cloud.testing.wire import ControlRequest, ReceivedRequest

__all__ = [
    "AwsKey",
    "BatchFault",
    "Block",
    "CloudEmulator",
    "ControlRequest",
    "Fault",
    "FaultKind",
    "Match",
    "ReceivedRequest",
    "Recording",
    "Replay",
    "Reply",
    "environment_variables",
    "raw_tool_use",
    "redacted_thinking",
    "server_tool_use",
    "text",
    "thinking",
    "tool_result",
    "tool_use",
]

_HOMES: Final = {
    "AwsKey": "server.state",
    "BatchFault": "server.batch_state",
    "CloudEmulator": "emulator",
    "ControlRequest": "wire",
    "Fault": "scripting",
    "FaultKind": "faults",
    "Match": "matching",
    "ReceivedRequest": "wire",
    "Recording": "recording.recording",
    "Replay": "scripting",
    "Reply": "scripting",
    "environment_variables": "environment",
    "tool_result": "matching",
}
"""Modules of the names that are not in `blocks`."""


def __getattr__(name: str) -> object:
    """Import a public name on first use: the pytest plugin is loaded by every run of pytest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'blocks')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
