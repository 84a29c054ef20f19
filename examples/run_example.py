"""How the examples get a model: from an emulator, or with ``--live`` from the real cloud.

The real cloud is the one that the environment names (``CLAUDE_CODE_USE_VERTEX=1`` or
``CLAUDE_CODE_USE_BEDROCK=1``), with your credentials.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator

MODEL = "claude-sonnet-5-5"


@contextmanager
def example_model(
    script: Callable[[CloudEmulator], None] | None = None,
) -> Iterator[ChatClaudeCloud]:
    """Open the model of an example.

    Args:
        script: Queues the answers of the emulator; without it, a small stand-in answers.

    Yields:
        The model.
    """
    if "--live" in sys.argv:
        yield ChatClaudeCloud(model=MODEL, max_tokens=4000)
        return
    with CloudEmulator() as emulator:
        if script is not None:
            script(emulator)
        yield ChatClaudeCloud(model=MODEL, platform=emulator.vertex())
