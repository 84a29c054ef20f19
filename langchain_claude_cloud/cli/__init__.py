"""The command ``claude-cloud``.

The commands need the extra ``cli`` (typer and rich), which is imported when a command runs.
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
            f"claude-cloud needs {missing}, which the extra `cli` of langchain-claude-cloud "
            "installs: in a checkout, pip install '.[cli]'"
        )
    run(sys.argv[1:])
