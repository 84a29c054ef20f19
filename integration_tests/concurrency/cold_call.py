"""A process's first call, on an event loop with a heartbeat: what the loop itself imported.

The arguments are a server's URL and clouds; credentials are in the environment. For each cloud
it prints a JSON object in a line with ``text``, ``cpu`` (seconds of one turn), and ``imported``:
the modules that the loop's thread looked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

from lag_meter import Heartbeat

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex

imported: list[str] = []


class Recorder(MetaPathFinder):
    """Notes what the main thread, which runs the loop, has to import."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Find nothing; the other finders do."""
        del path, target
        if threading.current_thread() is threading.main_thread():
            imported.append(fullname)


async def main(url: str, cloud: str) -> None:
    """Call a model once, and print what came of it."""
    vertex = Vertex(project="p", region="global", base_url=f"{url}/v1")
    platform = vertex if cloud == "vertex" else Bedrock(region="us-east-1", base_url=url)
    llm = ChatClaudeCloud(model="claude-sonnet-4-6", max_tokens=100, platform=platform)
    sys.meta_path.insert(0, Recorder())
    async with Heartbeat() as heart:
        text = (await llm.ainvoke("hi")).text
    found = {"text": text, "cpu": heart.cpu, "imported": imported}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def in_processes(url: str, clouds: Sequence[str]) -> None:
    """Make the first call of a process for each cloud: in forks of this one, which makes none."""
    for cloud in clouds:
        child = os.fork()
        if not child:
            asyncio.run(main(url, cloud))
            return
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"The call on {cloud} failed.")


if __name__ == "__main__":
    in_processes(sys.argv[1], sys.argv[2:])
