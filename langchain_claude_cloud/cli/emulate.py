"""The command ``emulate``: both clouds on loopback, until Ctrl-C.

In: an address. Out: a running emulator, and on stdout the environment variables that make
this package, the vendor's SDK and boto3 talk to it, ready to be pasted into a shell.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langchain_claude_cloud.cli.common import CommandError
from langchain_claude_cloud.testing import CloudEmulator


def run_emulator(host: str, port: int, *, event_delay: float, strict: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        CommandError: The address is not loopback, the port is taken, or uvicorn is missing.
    """
    stopped = threading.Event()
    try:
        emulator = CloudEmulator(host, port, event_delay=event_delay, strict=strict)
        with emulator, _credentials_file(emulator) as path, _until_signalled(stopped):
            sys.stdout.write(_instructions(emulator, path))
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


@contextmanager
def _credentials_file(emulator: CloudEmulator) -> Iterator[Path]:
    """Write a service account's key, whose tokens come from the emulator.

    gcloud's user credentials will not do: google-auth takes no address from their file.
    """
    with tempfile.TemporaryDirectory(prefix="claude-cloud-") as folder:
        path = Path(folder) / "service-account.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(emulator.service_account_info()), encoding="utf-8")
        yield path


def environment(emulator: CloudEmulator, credentials: Path) -> dict[str, dict[str, str]]:
    """Return the variables that lead clients to an emulator, by cloud.

    Args:
        emulator: It is running.
        credentials: A file with Google credentials for it.
    """
    key = emulator.aws_key
    return {
        "Vertex AI": {
            "ANTHROPIC_VERTEX_BASE_URL": emulator.vertex_url,
            "ANTHROPIC_VERTEX_PROJECT_ID": emulator.project,
            "CLOUD_ML_REGION": "global",
            "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        },
        "Amazon Bedrock": {
            "ANTHROPIC_BEDROCK_BASE_URL": emulator.url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": emulator.url,
            "AWS_REGION": emulator.region,
            "AWS_DEFAULT_REGION": emulator.region,  # the one that boto3 reads
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        },
    }


def _instructions(emulator: CloudEmulator, credentials: Path) -> str:
    lines = [f"# Both clouds are at {emulator.url}. Ctrl-C stops them. In another shell:"]
    for cloud, variables in environment(emulator, credentials).items():
        lines += ["", f"# {cloud}"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += [
        "",
        "# Where a program does not say which cloud it asks, one of:",
        "#   export CLAUDE_CODE_USE_VERTEX=1",
        "#   export CLAUDE_CODE_USE_BEDROCK=1",
        "",
        f"# A Google access token instead of the file: {emulator.access_token}",
        f"# A Bedrock API key instead of the key pair: {emulator.bedrock_api_key}",
        "",
    ]
    return "\n".join(lines)
