"""A stand-in for both clouds, to test applications with, offline.

In: what a test scripts. Out: `CloudEmulator`, a real HTTP server on loopback. It needs
the extra ``emulator`` (starlette and uvicorn), which is imported when an emulator starts.
"""

from __future__ import annotations

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
from langchain_claude_cloud.testing.faults import FaultKind
from langchain_claude_cloud.testing.matching import Match, tool_result
from langchain_claude_cloud.testing.scripting import Fault, Replay, Reply
from langchain_claude_cloud.testing.server.state import AwsKey
from langchain_claude_cloud.testing.server.wire import ControlRequest, ReceivedRequest

__all__ = [
    "AwsKey",
    "Block",
    "CloudEmulator",
    "ControlRequest",
    "Fault",
    "FaultKind",
    "Match",
    "ReceivedRequest",
    "Replay",
    "Reply",
    "raw_tool_use",
    "redacted_thinking",
    "server_tool_use",
    "text",
    "thinking",
    "tool_result",
    "tool_use",
]
