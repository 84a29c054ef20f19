"""The benchmarks run, on tiny sizes: that they do and what they print, not how long it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_CASES = ("stream-text", "astream-tool", "native-tool", "merge", "malformed", "frames", "request")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks", "--quick", *arguments],
        check=False,
        capture_output=True,
        cwd=_ROOT,
        text=True,
        timeout=100,
    )


def test_quick_run_prints_a_row_for_each_case_and_writes_the_page(tmp_path: Path) -> None:
    """Each case has a row with a figure for both clouds; the page holds the same table."""
    page = tmp_path / "performance.md"
    chosen = [part for case in _CASES for part in ("--only", case)]
    run = _run(*chosen, "--output", str(page))
    assert run.returncode == 0, run.stderr
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][2:5] == ["Vertex", "Bedrock", "floor"]
    measured = cells[2:]
    assert len(measured) == len(_CASES)
    for row in measured:
        assert float(row[2]) > 0, row
        assert float(row[3]) > 0, row
        assert row[0] in run.stdout


@pytest.mark.parametrize("arguments", [("--only", "no-such-case"), ("--nonsense",)])
def test_what_it_does_not_know_is_refused(arguments: tuple[str, ...]) -> None:
    """An unknown case or option ends it with the usage, before anything runs."""
    run = _run(*arguments)
    assert run.returncode == 2
    assert "usage: benchmarks" in run.stderr
