"""The command ``emulate``: both clouds on loopback, until Ctrl-C.

It prints the environment variables that make this package, the vendor's SDK and boto3 talk to
the emulator, ready to be pasted into a shell.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError
from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.environment import environment_variables


def run_emulator(
    host: str,
    port: int,
    *,
    event_delay: float,
    strict: bool,
    buckets: Sequence[str] = (),
    fewest_records: int = 100,
    as_json: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: A loopback address.
        port: The port; 0 for a free one.
        event_delay: Seconds between events.
        strict: Whether to refuse what the clouds would refuse.
        buckets: Created in Cloud Storage and in Amazon S3.
        fewest_records: How many records a batch job on Bedrock has at least.
        as_json: Whether to print the variables as one line of JSON.

    Raises:
        CommandError: The address is not loopback, or the port is taken.
        ImportError: The extra ``emulator`` is not installed.
    """
    stopped = threading.Event()
    try:
        emulator = CloudEmulator(
            host,
            port,
            event_delay=event_delay,
            strict=strict,
            activity_logging=True,
            batch_fewest_records=fewest_records,
        )
        with (
            emulator,
            tempfile.TemporaryDirectory(prefix="claude-cloud-") as folder,
            _until_signalled(stopped),
        ):
            _create(emulator, buckets)
            show = _as_json if as_json else _instructions
            sys.stdout.write(show(emulator, Path(folder)))
            sys.stdout.flush()
            stopped.wait()
    except ValueError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(
            f"The emulator cannot listen on {host}:{port}: {error}. Choose another port with "
            "--port; 0 takes a free one."
        ) from error
    if not as_json:
        sys.stdout.write("# stopped\n")


def _create(emulator: CloudEmulator, buckets: Sequence[str]) -> None:
    """Create buckets on both clouds."""
    for bucket in buckets:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
            raise CommandError(
                f"--bucket {bucket!r}: use 3 to 63 lower-case letters, digits, hyphens and dots."
            )
        emulator.create_bucket(bucket)
        emulator.create_s3_bucket(bucket)


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


def _as_json(emulator: CloudEmulator, folder: Path) -> str:
    found = {
        "url": emulator.url,
        "environment": environment_variables(emulator, folder),
        "access_token": emulator.access_token,
        "bedrock_api_key": emulator.bedrock_api_key,
    }
    return json.dumps(found) + "\n"


def _instructions(emulator: CloudEmulator, folder: Path) -> str:
    lines = [
        f"# Both clouds are at {emulator.url}. Ctrl-C stops them. In another shell, at each start:"
    ]
    for cloud, variables in environment_variables(emulator, folder).items():
        lines += ["", f"# {CLOUD_NAMES[cloud]}"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        if cloud == "bedrock":  # of a real account, they would go before the key pair or with it
            lines += ["unset AWS_BEARER_TOKEN_BEDROCK AWS_PROFILE AWS_SESSION_TOKEN"]
    if not emulator.has_s3:
        lines += ["", "# Batch jobs need a bucket: start with --bucket NAME."]
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
