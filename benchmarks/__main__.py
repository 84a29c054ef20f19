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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import picture, report
from benchmarks.cases import FULL, PEERS, SECURE_URL
from benchmarks.contestants import CONTESTANTS
from benchmarks.streaming import EVENTS_A_STREAM, EVENTS_IN_PACKETS
from benchmarks.worker import CASES, OF_STREAMS

_ROOT = Path(__file__).parent.parent
_PAGE = _ROOT / "docs" / "performance.md"
_LIMIT = 780.0
"""How many seconds all contestants may take together."""


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
        # The second is botocore's name for the first.
        certificates = dict.fromkeys(("SSL_CERT_FILE", "AWS_CA_BUNDLE"), certificate)
        os.environ.update({SECURE_URL: f"https://127.0.0.1:{secure}", **certificates})
        try:
            yield f"http://127.0.0.1:{plain}"
        finally:
            os.environ.clear()
            os.environ.update(before)
            process.stdin.close()


def measured(
    name: str, url: str, cases: Sequence[str], *, quick: bool, limit: float
) -> list[dict[str, object]]:
    """Run a contestant's cases in a process of its own; what it got to in time is returned."""
    command = [sys.executable, "-m", "benchmarks.worker", name, url, *cases]
    command += ["--quick"] if quick else []
    try:
        run = subprocess.run(  # noqa: S603 - our own module
            command,
            check=False,
            capture_output=True,
            cwd=_ROOT,
            text=True,
            timeout=limit,
        )
        output, complaint = run.stdout, run.stderr if run.returncode else ""
    except subprocess.TimeoutExpired as error:
        output, complaint = (error.stdout or b"").decode(), "it took too long"
    if complaint:
        print(f"{name} ended early: {complaint.strip()[-500:]}", file=sys.stderr)
    return [json.loads(line) for line in output.splitlines()]


def cases_for(name: str, chosen: Sequence[str]) -> list[str]:
    """Return the cases that a contestant runs."""
    who = CONTESTANTS[name]
    if who.streams_alone:
        chosen = [case for case in chosen if case in OF_STREAMS]
    return [case for case in chosen if who.ours or CASES[case].peers]


def is_installed(name: str) -> bool:
    """Tell whether a contestant can be imported here."""
    module = CONTESTANTS[name].import_line.split()[1].split(".")[0]
    return importlib.util.find_spec(module) is not None


def run_all(chosen: Sequence[str], *, quick: bool) -> report.Results:
    """Run the cases with every contestant that is installed."""
    results: dict[str, dict[str, dict[str, object]]] = {case: {} for case in chosen}
    with serving() as url:
        ends = time.monotonic() + _LIMIT
        names = [name for name in CONTESTANTS if is_installed(name) and cases_for(name, chosen)]
        for done, name in enumerate(names):
            cases = cases_for(name, chosen)
            left = ends - time.monotonic()
            # This package has the most cases; a peer that hangs must not take the others' time.
            share = left / (len(names) - done) * (4 if CONTESTANTS[name].ours else 2)
            print(f"{CONTESTANTS[name].title}: {len(cases)} cases", file=sys.stderr)
            for result in measured(name, url, cases, quick=quick, limit=min(left, share)):
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
        sizes = {
            "events": FULL.events,
            "peer_events": PEERS.events,
            "packets": EVENTS_IN_PACKETS,
            "wake_ups": EVENTS_A_STREAM,
        }
        drawn = picture.draw(results, CASES, report.UNITS, output.with_suffix(".svg"))
        output.write_text(report.page(table, remarks, sizes, drawn=drawn), encoding="utf-8")
    return int(any(row.missed for row in table) and not given.quick)


if __name__ == "__main__":
    sys.exit(main())
