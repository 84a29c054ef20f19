"""The benchmarks run, on tiny sizes: that they do and what they print, not how long it takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_CASES = ("stream-text", "astream-tool", "native-tool", "merge", "malformed", "frames", "request")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What ``python -m benchmarks`` runs, in this process: what it measures is in others."""
    monkeypatch.syspath_prepend(_ROOT)
    main: Callable[[list[str]], int] = importlib.import_module("benchmarks.__main__").main
    return lambda *arguments: main(["--quick", *arguments])


@pytest.mark.timeout(300)  # of 12 s of CPU in processes of its own, on a busy machine
def test_quick_run_prints_a_row_for_each_case_and_writes_the_page(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each case has a row with a figure for both clouds; the page holds the same table."""
    page = tmp_path / "performance.md"
    chosen = [part for case in _CASES for part in ("--only", case)]
    status = run(*chosen, "--output", str(page))
    printed = capsys.readouterr()
    assert status == 0, printed.err
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][2:7] == ["Vertex", "Bedrock", "Messages", "Mantle", "floor"]
    measured = cells[2:]
    assert len(measured) == len(_CASES)
    for row in measured:
        assert float(row[2]) > 0, row
        assert float(row[3]) > 0, row
        assert row[0] in printed.out


@pytest.mark.parametrize("arguments", [("--only", "no-such-case"), ("--nonsense",)])
def test_what_it_does_not_know_is_refused(
    arguments: tuple[str, ...], run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown case or option ends it with the usage, before anything runs."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert "usage: benchmarks" in capsys.readouterr().err


def test_the_simulation_of_many_prompts_finds_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit of one's own avoids refusals, regions add up, jobs cost half: the same each time."""
    monkeypatch.syspath_prepend(_ROOT)
    scale = importlib.import_module("benchmarks.scale")
    alone, limited, regions, jobs = (
        way(1_000, 300)
        for way in (scale.one_process, scale.with_limit, scale.failover, scale.batch)
    )
    assert alone.refused > limited.refused == 0
    assert regions.seconds < alone.seconds < jobs.seconds
    assert jobs.dollars == alone.dollars / 2
    scale._simulated.cache_clear()
    assert scale.one_process(1_000, 300) == alone
