"""Count the functions and files of the package that one streamed tool call with one failover runs.

Run it as ``python tools/call_path.py`` (``--list`` names them). The emulator answers: the first
platform with a 529, the second with a tool call. Comprehensions, lambdas and module bodies are
no functions here.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import threading
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType

import langchain_claude_cloud
from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, tool_use

PACKAGE = Path(langchain_claude_cloud.__file__).parent
TOOL = {
    "name": "get_weather",
    "description": "Say what the weather is.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
NOT_THE_CALL = ("testing", "cli")


def measure() -> dict[str, set[str]]:
    """Return the names of the functions that ran, by file."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    with CloudEmulator() as emulator:
        platforms = [emulator.vertex(), emulator.bedrock()]
        model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platforms, max_tokens=500)
        bound = model.bind_tools([TOOL])
        list(bound.stream("Hello"))  # modules are imported, the connection is open
        emulator.reset()
        emulator.fault(status=529)
        emulator.reply(tool_use("get_weather", {"city": "Paris"}))
        own = threading.get_ident()
        sys.setprofile(lambda *args: note(*args) if threading.get_ident() == own else None)
        try:
            chunks = list(bound.stream("What is the weather in Paris?"))
        finally:
            sys.setprofile(None)
        assert [request.status for request in emulator.requests] == [529, 200]
        assert any(chunk.tool_call_chunks for chunk in chunks)
    return by_file(seen)


def by_file(seen: set[CodeType]) -> dict[str, set[str]]:
    """Return functions of the package alone, by their file."""
    found: dict[str, set[str]] = defaultdict(set)
    for code in seen:
        path = Path(code.co_filename)
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # a class's body is no function
        if PACKAGE not in path.parents or code.co_name.startswith("<") or not is_function:
            continue
        name = path.relative_to(PACKAGE)
        if name.parts[0] not in NOT_THE_CALL:
            found[str(name)].add(code.co_qualname)
    return found


def main() -> None:
    """Print the two numbers, and the names if they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the functions")
    wanted = parser.parse_args()
    found = measure()
    if wanted.list:
        for path, names in sorted(found.items()):
            print(f"{path} ({len(names)})")
            print("".join(f"    {name}\n" for name in sorted(names)), end="")
    print(f"{sum(map(len, found.values()))} functions in {len(found)} files")


if __name__ == "__main__":
    main()
