"""Where the recorded exchanges and test vectors are, if they are on this machine."""

from __future__ import annotations

import base64
import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CLAUDE_CLOUD_DATA") or _ROOT.parent / "shared")

needs_data = pytest.mark.skipif(
    not (DATA / "recordings").is_dir(),
    reason="no recordings: set CLAUDE_CLOUD_DATA to the folder that holds recordings/ and vectors/",
)


@cache
def _read(name: str) -> tuple[dict[str, Any], ...]:
    path = DATA / "recordings" / f"{name}.jsonl.gz"
    if not path.is_file():
        return ()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def load_recordings(*names: str) -> list[dict[str, Any]]:
    """Return the recorded exchanges of the named files, with ``body`` as bytes.

    Args:
        names: Of ``anthropic``, ``bedrock``, ``vertex``; all of them when none is given.

    Returns:
        One dict an exchange, in the shape the recordings' README gives, plus ``body``,
        ``file`` and ``line``; empty where the recordings are absent.
    """
    return [
        {**row, "file": name, "line": line, "body": base64.b64decode(row["body_b64"])}
        for name in names or ("anthropic", "bedrock", "vertex")
        for line, row in enumerate(_read(name))
    ]


def load_vector(name: str) -> Any:
    """Return a test vector: parsed JSON, or the text of a ``.hex`` file, or None if absent."""
    path = DATA / "vectors" / name
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else text
