"""The command ``claude-cloud``: demo, chat, doctor, models, emulate.

In: a command line. Out: an exit status. The commands need the extra ``cli`` (typer and
rich), which is imported when the command runs.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with its status: 0, or 1 when something went wrong."""
    try:
        from langchain_claude_cloud.cli.app import run  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"typer", "rich"}:
            raise
        sys.exit(
            f"claude-cloud needs {missing}, which is in the extra `cli`: "
            'pip install "langchain-claude-cloud[cli]"'
        )
    run(sys.argv[1:])
