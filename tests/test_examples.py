"""The examples run, offline, as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHOWN = {
    "vertex_quickstart.py": ["Hello! How can I help you today?", "tokens in this prompt:"],
    "bedrock_quickstart.py": ["France: ", "(us-east-1, global)"],
    "streaming_tools.py": [
        "not run: truncated: the answer was cut by max_tokens",
        "write_file: 270 characters",
        "The paragraph is in rivers.md.",
    ],
    "structured_output.py": ["name='", "end_turn None", "{'rivers': ["],
    "emulator_in_tests.py": ["8 passed"],
}


def test_every_example_is_run() -> None:
    """None is forgotten here."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_example(name: str, tmp_path: Path) -> None:
    """It ends well, and shows what it is about; warnings are errors."""
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-W", "error", str(EXAMPLES / name), "--emulator"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for part in SHOWN[name]:
        assert part in ended.stdout
