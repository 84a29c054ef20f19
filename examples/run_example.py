"""How the examples get a model: from an emulator, or with ``--live`` from the real cloud.

The real cloud is the one that the environment names (``CLAUDE_CODE_USE_VERTEX=1`` or
``CLAUDE_CODE_USE_BEDROCK=1``), with your credentials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.testing import CloudEmulator

MODEL = "claude-sonnet-5-5"


def is_live() -> bool:
    """Read the command line: whether the real cloud is to be asked.

    Raises:
        SystemExit: The command line asks for help, or has an unknown option.
    """
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--live", action="store_true", help="ask the real cloud")
    return bool(parser.parse_args().live)


@contextmanager
def short_errors() -> Iterator[None]:
    """End the example with one line if the cloud cannot be used.

    Raises:
        SystemExit: It cannot; the message says what to do.
    """
    try:
        yield
    except ClaudeCloudError as error:
        sys.exit(f"{type(error).__name__}: {error}")


@contextmanager
def example_model(
    script: Callable[[CloudEmulator], None] | None = None,
) -> Iterator[ChatClaudeCloud]:
    """Open the model of an example.

    Args:
        script: Queues the answers of the emulator; without it, a small stand-in answers.

    Yields:
        The model.

    Raises:
        SystemExit: The real cloud cannot be used; the message says what to do.
    """
    if is_live():
        with short_errors():
            yield ChatClaudeCloud(model=MODEL, max_tokens=4000)
        return
    with CloudEmulator(event_delay=0.005) as emulator:
        if script is not None:
            script(emulator)
        yield ChatClaudeCloud(model=MODEL, platform=emulator.vertex())
