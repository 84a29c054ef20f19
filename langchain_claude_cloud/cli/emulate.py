"""The command ``emulate``: both clouds on loopback, until Ctrl-C.

It prints the environment variables that make this package, the vendor's SDK and boto3 talk to
the emulator, ready to be pasted into a shell.
"""

from __future__ import annotations

import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError
from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.environment import environment_variables


def run_emulator(host: str, port: int, *, event_delay: float, strict: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        CommandError: The address is not loopback, the port is taken, or uvicorn is missing.
    """
    stopped = threading.Event()
    try:
        emulator = CloudEmulator(host, port, event_delay=event_delay, strict=strict)
        with (
            emulator,
            tempfile.TemporaryDirectory(prefix="claude-cloud-") as folder,
            _until_signalled(stopped),
        ):
            sys.stdout.write(_instructions(emulator, Path(folder)))
            sys.stdout.flush()
            stopped.wait()
    except (ValueError, ImportError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"The emulator cannot listen on {host}:{port}: {error}") from error
    sys.stdout.write("# stopped\n")


@contextmanager
def _until_signalled(stopped: threading.Event) -> Iterator[None]:
    previous = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _instructions(emulator: CloudEmulator, folder: Path) -> str:
    lines = [
        f"# Both clouds are at {emulator.url}. Ctrl-C stops them. In another shell, at each start:"
    ]
    for cloud, variables in environment_variables(emulator, folder).items():
        lines += ["", f"# {CLOUD_NAMES[cloud]}"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += [
        "",
        "# Where a program does not say which cloud it asks, one of:",
        "#   export CLAUDE_CODE_USE_VERTEX=1",
        "#   export CLAUDE_CODE_USE_BEDROCK=1",
        "",
        "# Answers are scripted over HTTP, for example:",
        f'#   curl {emulator.url}/_emulator/replies -d \'{{"content": ["Hello."]}}\'',
        "",
        f"# A Google access token instead of the file: {emulator.access_token}",
        f"# A Bedrock API key instead of the key pair: {emulator.bedrock_api_key}",
        "",
    ]
    return "\n".join(lines)
