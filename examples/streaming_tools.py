"""An agent's loop whose tool arguments are seen while they are written.

A call that is cut off, or malformed, is never run: it comes in `invalid_tool_calls`, and the
model is told. Offline on the emulator, with one call cut off; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use


@tool
def write_file(path: str, content: str) -> str:
    """Write a file."""
    return f"wrote {len(content)} characters to {path}"


def ask(llm: ChatClaudeCloud, messages: list[BaseMessage]) -> AIMessage:
    """Stream one answer; show how much of a file's content is known so far."""
    answer = None
    for chunk in llm.bind_tools([write_file]).stream(messages):
        answer = chunk if answer is None else answer + chunk
        for call in answer.tool_calls:
            print(f"\r{call['name']}: {len(call['args'].get('content', ''))} characters", end="")
    print()
    return answer


def run_agent(llm: ChatClaudeCloud, task: str) -> str:
    """Ask and run tools until there is nothing more to run."""
    messages: list[BaseMessage] = [HumanMessage(task)]
    while True:
        answer = ask(llm, messages)
        messages.append(answer)
        messages += [write_file.invoke(call) for call in answer.tool_calls]
        for broken in answer.invalid_tool_calls:
            print("not run:", broken["error"])
            refusal = f"Not run: {broken['error']}. Send the whole call again."
            messages.append(ToolMessage(refusal, tool_call_id=broken["id"], status="error"))
        if not (answer.tool_calls or answer.invalid_tool_calls):
            return answer.text


TASK = "Write a paragraph about rivers to rivers.md with write_file."


def script(emulator: CloudEmulator) -> None:
    """Queue the answers: the call is cut off, sent again, and followed by a sentence."""
    call = tool_use("write_file", {"path": "rivers.md", "content": "A river. " * 30})
    emulator.fault(call, max_tokens_in_call=True)
    emulator.reply(call)
    emulator.reply(text("The paragraph is in rivers.md."))


if __name__ == "__main__":
    with example_model(script) as model:
        print(run_agent(model, TASK))
