"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME]``.

A full run also writes `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report
from benchmarks.cases import FULL, PEERS, SECURE_URL
from benchmarks.contestants import CONTESTANTS
from benchmarks.worker import CASES

_ROOT = Path(__file__).parent.parent
_PAGE = _ROOT / "docs" / "performance.md"
_CONTESTANT_LIMIT = 240.0


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own and give its address.

    Its address with TLS, and the certificate for it, are in the environment of what is started
    meanwhile.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "tests" / "platform")},
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        plain, secure, certificate = process.stdout.readline().split()
        before = dict(os.environ)
        os.environ.update({SECURE_URL: f"https://127.0.0.1:{secure}", "SSL_CERT_FILE": certificate})
        try:
            yield f"http://127.0.0.1:{plain}"
        finally:
            os.environ.clear()
            os.environ.update(before)
            process.stdin.close()


def measured(name: str, url: str, cases: Sequence[str], *, quick: bool) -> list[dict[str, object]]:
    """Run a contestant's cases in a process of its own; what it got to is returned."""
    command = [sys.executable, "-m", "benchmarks.worker", name, url, *cases]
    command += ["--quick"] if quick else []
    try:
        run = subprocess.run(  # noqa: S603 - our own module
            command,
            check=False,
            capture_output=True,
            cwd=_ROOT,
            text=True,
            timeout=_CONTESTANT_LIMIT,
        )
        output, complaint = run.stdout, run.stderr if run.returncode else ""
    except subprocess.TimeoutExpired as error:
        output, complaint = (error.stdout or b"").decode(), "it took too long"
    if complaint:
        print(f"{name} ended early: {complaint.strip()[-500:]}", file=sys.stderr)
    return [json.loads(line) for line in output.splitlines()]


def cases_for(name: str, chosen: Sequence[str]) -> list[str]:
    """Return the cases that a contestant runs."""
    return [case for case in chosen if CONTESTANTS[name].ours or CASES[case].peers]


def is_installed(name: str) -> bool:
    """Tell whether a contestant can be imported here."""
    module = CONTESTANTS[name].import_line.split()[1].split(".")[0]
    return importlib.util.find_spec(module) is not None


def run_all(chosen: Sequence[str], *, quick: bool) -> report.Results:
    """Run the cases with every contestant that is installed."""
    results: dict[str, dict[str, dict[str, object]]] = {case: {} for case in chosen}
    with serving() as url:
        for name in filter(is_installed, CONTESTANTS):
            cases = cases_for(name, chosen)
            print(f"{CONTESTANTS[name].title}: {len(cases)} cases", file=sys.stderr)
            for result in measured(name, url, cases, quick=quick) if cases else []:
                results[str(result.pop("case"))][name] = result
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code is 1 if a budget is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--output", type=Path, help="where the page goes; else docs, if all ran")
    given = parser.parse_args(arguments)
    unknown = set(given.only or ()) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    results = run_all(given.only or list(CASES), quick=given.quick)
    table, remarks = report.rows(results, CASES), report.notes(results, CASES)
    print(report.text_table(table), *remarks, report.machine(), sep="\n")
    output = given.output or (None if given.quick or given.only else _PAGE)
    if output:
        sizes = {"events": FULL.events, "peer_events": PEERS.events}
        output.write_text(report.page(table, remarks, sizes), encoding="utf-8")
    return int(any(row.missed for row in table) and not given.quick)


if __name__ == "__main__":
    sys.exit(main())
