"""The command ``count``: how many tokens a text is for a model."""

from __future__ import annotations

import json

from langchain_core.messages import HumanMessage
from rich.console import Console

from langchain_claude_cloud.chat_models.token_counting import EstimatedCount
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError, Target


def run_count(console: Console, target: Target, path: str, *, as_json: bool = False) -> None:
    """Print the number of tokens of a file, counted by the cloud.

    Args:
        console: Where to.
        target: Which cloud and model.
        path: The file, or ``-`` for stdin.
        as_json: Whether to print JSON.

    Raises:
        CommandError: The file cannot be read, or has no text.
        ClaudeCloudError: The cloud did not count.
    """
    count = count_file(target, path)
    found = {
        "platform": target.config().cloud,
        "model": target.model_name,
        "tokens": int(count),
        "estimated": isinstance(count, EstimatedCount),
    }
    console.out(json.dumps(found) if as_json else str(found["tokens"]))


def count_file(target: Target, path: str) -> int:
    """Return the number of tokens of a file, and say on stderr who counted them.

    Args:
        target: Which cloud and model.
        path: The file, or ``-`` for stdin.

    Raises:
        CommandError: The file cannot be read, or has no text.
        ClaudeCloudError: The cloud did not count.
    """
    text = _read(path)
    if not text.strip():
        raise CommandError("There is no text to count.")
    count = target.chat_model().count_tokens([HumanMessage(text)])
    name = CLOUD_NAMES[target.config().cloud]
    who = f"counted by {name}"
    if isinstance(count, EstimatedCount):
        who = f"estimated, within {count.error:.0%}: {name} does not count it"
    Console(stderr=True).print(f"{target.model_name}, {who}", style="dim", highlight=False)
    return count


def _read(path: str) -> str:
    is_stdin = path == "-"
    source = 0 if is_stdin else path
    try:
        with open(source, encoding="utf-8", closefd=not is_stdin) as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        name = "stdin" if is_stdin else path
        raise CommandError(f"{name} cannot be read: {error}") from error
