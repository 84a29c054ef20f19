"""How much of the package one call runs through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "call_path.py"


def test_a_call_with_a_failover_can_be_read_from_end_to_end() -> None:
    """One streamed tool call with one failover runs at most 240 functions in 40 files."""
    run = subprocess.run(  # noqa: S603  our own tool
        [sys.executable, str(TOOL)], capture_output=True, text=True, check=True, timeout=100
    )
    functions, files = [int(word) for word in run.stdout.split() if word.isdigit()][-2:]
    assert 100 < functions <= 240
    assert 20 < files <= 40
