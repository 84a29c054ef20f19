"""Histories that a thread may hold for good: each is answered, on both clouds, streamed and not."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest
from clouds import THINKING_MODEL, make_model, small_png
from langchain.agents import create_agent
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import StructuredTool
from tool_corpus import FORMS, NAMES

from langchain_claude_cloud.middleware import DanglingToolCallMiddleware
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

CALL: Final[Any] = {"name": "look", "args": {"a": 1}, "id": "toolu_1"}
ASK: Final = HumanMessage("And now?")


def look(a: int = 0) -> str:
    """Look."""
    return str(a)


def _answered(*content: Any, call: AIMessage | None = None) -> list[AnyMessage]:
    """Return a turn whose call a tool answered."""
    call = call or AIMessage("", tool_calls=[CALL])
    return [HumanMessage("Go."), call, ToolMessage(list(content), tool_call_id="toolu_1"), ASK]


def _of_converse(kind: str) -> Any:
    use = {"toolUse": {"toolUseId": "toolu_1", "name": "look", "input": {"a": 1}}}
    result = {"toolUseId": "toolu_1", "status": "success", "content": [{kind: {"a": 1}}]}
    if kind == "text":
        result["content"] = [{"text": "found"}]
    return [
        {"role": "user", "content": [{"text": "Go."}, {"cachePoint": {"type": "default"}}]},
        {"role": "assistant", "content": [{"text": "Wait."}, use]},
        {"role": "user", "content": [{"toolResult": result}, {"text": "And now?"}]},
    ]


PNG: Final = base64.encodebytes(small_png() + b"x" * 300).decode()
MARK: Final = {"type": "ephemeral"}
HISTORIES: Final[dict[str, Any]] = {
    "a resource link in a result": _answered(
        {"type": "file", "url": "db://rows/1", "mime_type": "application/json"}
    ),
    "an archive in a result": _answered(
        {"type": "file", "base64": "UEsDBA==", "mime_type": "application/zip"}
    ),
    "a local file in a result": _answered({"type": "image", "url": "file:///tmp/a.png"}),
    "a drawing in a result": _answered(
        {"type": "image", "base64": "PHN2Zy8+", "mime_type": "image/svg+xml"}
    ),
    "data in a result": _answered({"type": "json", "json": {"rows": [1, 2]}}),
    "base64 in lines": [
        HumanMessage([{"type": "image", "base64": PNG, "mime_type": "image/png"}, "What is it?"])
    ],
    "half a character": [HumanMessage("caf\udce9"), AIMessage("\ud83d"), ASK],
    "an infinite number": [
        HumanMessage("Go."),
        AIMessage(
            "",
            invalid_tool_calls=[
                InvalidToolCall(
                    type="invalid_tool_call",
                    name="look",
                    args='{"a": 1e400}',
                    id="toolu_1",
                    error=None,
                )
            ],
        ),
        ASK,
    ],
    "a refusal": [
        HumanMessage("Go."),
        AIMessage([{"type": "refusal", "refusal": "No."}]),
        ASK,
    ],
    "six breakpoints": [
        SystemMessage([{"type": "text", "text": "s", "cache_control": MARK}]),
        HumanMessage([{"type": "text", "text": str(n), "cache_control": MARK} for n in range(5)]),
    ],
    "Converse's own": _of_converse("text"),
    "Converse's own, with data": _of_converse("json"),
    "OpenAI's own": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call|1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"a": 1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call|1", "content": "found"},
    ],
    "thinking of another model": [
        HumanMessage("Go."),
        AIMessage(
            [{"type": "thinking", "thinking": "Hm.", "signature": "other"}, "Yes."],
            response_metadata={"model_provider": "google_genai", "model_name": "gemini-3"},
        ),
        ASK,
    ],
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_model_goes_on(emulator: CloudEmulator, cloud: str, history: str) -> None:
    """No refusal of the cloud's, no error of ours."""
    model = make_model(emulator, cloud, model=THINKING_MODEL).bind_tools([look])
    emulator.reply("On we go.")
    assert model.invoke(HISTORIES[history]).text == "On we go."
    emulator.reply("On we go.")
    assert "".join(chunk.text for chunk in model.stream(HISTORIES[history])) == "On we go."
    assert [request.status for request in emulator.requests] == [200, 200]


@pytest.mark.parametrize(
    "history",
    [
        [HumanMessage("Go."), AIMessage("", tool_calls=[CALL]), ASK],
        [
            HumanMessage("Go."),
            AIMessage("", tool_calls=[CALL, {**CALL, "id": "toolu_2"}]),
            ToolMessage("1", tool_call_id="toolu_2"),
            ASK,
        ],
        [HumanMessage("Go."), AIMessage("A worker's answer.", name="worker")],
        [HumanMessage("Go."), AIMessage("Wait.", tool_calls=[CALL])],
    ],
)
def test_an_agent_with_the_middleware_goes_on(
    emulator: CloudEmulator, cloud: str, history: list[AnyMessage]
) -> None:
    """Calls that nobody answered, and an answer at the end."""
    model = make_model(emulator, cloud, model=THINKING_MODEL)
    agent = create_agent(model, [look], middleware=[DanglingToolCallMiddleware()])
    emulator.reply("On we go.")
    assert agent.invoke({"messages": history})["messages"][-1].text == "On we go."


def test_an_agent_with_thirty_odd_tools_answers(emulator: CloudEmulator, cloud: str) -> None:
    """It calls one whose name and whose keys the API refuses, and reads the result."""
    forms = [*dict.fromkeys(FORMS)][-36:]
    tools = [
        StructuredTool(
            name=name, description="d", args_schema=FORMS[form], func=lambda **given: str(given)
        )
        for name, form in zip([*NAMES, *forms], [*forms[: len(NAMES)], *forms], strict=True)
    ]
    by_name = {tool.name: tool for tool in tools}
    agent = create_agent(make_model(emulator, cloud), tools)
    emulator.reply(tool_use("keys_with_spaces", {"Account_Number": "7"}))
    emulator.reply(text("Found."))
    messages = agent.invoke({"messages": [HumanMessage("Look 7 up.")]})["messages"]
    assert len(by_name) > 36
    assert messages[1].tool_calls[0]["args"] == {"Account Number": "7"}
    assert messages[2].text == "{'Account Number': '7'}"
    assert messages[-1].text == "Found."
    assert [request.status for request in emulator.requests] == [200, 200]
    assert len(emulator.requests[0].body["tools"]) > 36
