"""The examples run, offline, as they are.

`make examples` runs them with ``--live`` too, and those that need the extra ``examples``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHOWN = {
    "vertex_quickstart.py": ["I am the stand-in for Claude.", "tokens in this prompt:"],
    "bedrock_quickstart.py": ["France: ", "(us-east-1, global)"],
    "streaming_tools.py": [
        "not run: truncated: the answer was cut by max_tokens",
        "write_file: 270 characters",
        "The paragraph is in rivers.md.",
    ],
    "structured_output.py": ["name='", "end_turn None", "{'rivers': ["],
    "caching.py": ["read from it: 4500"],
    "thinking.py": ["[thinking]", "At least three.", "The Tagus."],
    "documents.py": ["answer: ", "tokens in: "],
    "failover.py": ["answered by: vertex", "failed: bedrock RateLimitError 429"],
    "many_prompts.py": ["answered: 15 failed: 0", "answered: 5 skipped: 15"],
    "batch_on_bedrock.py": [
        "partial: 300 inputs, 200 answered",
        "answered: 300 first: river-100 last: river-399",
    ],
    "batch_on_vertex.py": ["expired: 20 inputs, 12 answered", "completed: 20 inputs, 20 answered"],
    "langgraph_agent.py": ["needs approval: order_book", "You ordered 'Rivers of Iberia'."],
    # Its last line ends the process, with the status of the tests that it runs.
    "emulator_in_tests.py": ["8 passed"],
}
WITH_EXTRA = {"deep_agent.py", "fastapi_service.py", "mcp_tools.py", "run_notebook.py"}
"""Those that need the extra ``examples``."""
HELPERS = {"mcp_server.py", "run_example.py", "test_examples.py"}
END = "-- end of an example --"

# One process for all of them: to import the package takes longer than any of them runs.
RUN_ALL = f"""
import runpy, sys
names = sys.argv[1:]
sys.argv[1:] = []
sys.path.insert(0, {str(EXAMPLES)!r})
for name in names:
    runpy.run_path(name, run_name="__main__")
    print({END!r}, flush=True)
"""

PYTEST_WITH_FEW_PLUGINS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p pytest_asyncio.plugin -p pytest_timeout "
    "-p langchain_claude_cloud.testing.pytest_plugin",
}
"""For the example that runs pytest: those that the project's configuration is for."""


def test_every_example_is_run() -> None:
    """None is forgotten here."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SHOWN, *WITH_EXTRA, *HELPERS}


def test_examples(tmp_path: Path) -> None:
    """Each ends well, and shows what it is about; warnings are errors."""
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-W", "error", "-c", RUN_ALL, *(str(EXAMPLES / name) for name in SHOWN)],
        cwd=tmp_path,
        env=os.environ | PYTEST_WITH_FEW_PLUGINS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outputs = ended.stdout.split(END)
    assert len(outputs) == len(SHOWN)
    for name, output in zip(SHOWN, outputs, strict=True):
        for part in SHOWN[name]:
            assert part in output, name
