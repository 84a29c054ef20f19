#!/usr/bin/env python
"""Print which installed packages have another version than a lock names."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def locked_versions(lock: str) -> dict[str, str]:
    """Return the version of each package of a lock that is for this Python and system.

    Args:
        lock: The text of the lock: a requirement with ``==`` a line, and comments.

    Returns:
        The versions by the packages' normalized names.
    """
    lines = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    found = [Requirement(line) for line in lines]
    here = [one for one in found if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}


def moved(locked: dict[str, str], installed: dict[str, str]) -> list[str]:
    """Return a line for each package whose version is another than the locked one.

    Args:
        locked: The versions of the lock, by normalized names.
        installed: The versions that are installed, by normalized names.

    Returns:
        The lines, by name. What is locked and not installed is left out: a lock is for
        every extra and every system.
    """
    return [
        f"{name}: {locked.get(name, 'not in the lock')} -> {version}"
        for name, version in sorted(installed.items())
        if locked.get(name) != version
    ]


def main() -> None:
    """Print what moved from the lock that the command line names."""
    (lock,) = sys.argv[1:]
    installed = {
        canonicalize_name(one.name): one.version
        for one in metadata.distributions()
        if one.name not in {"pip", "setuptools", "langchain-claude-cloud"}
    }
    lines = moved(locked_versions(Path(lock).read_text(encoding="utf-8")), installed)
    heading = f"{len(lines)} packages differ from {lock}"
    sys.stdout.write("\n".join([heading, *(f"  {line}" for line in lines), ""]))


if __name__ == "__main__":
    main()
