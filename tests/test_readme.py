"""The README's examples, run as they are.

They name real platforms; the substitution is made by the environment alone, with the
variables that `claude-cloud emulate` prints: addresses and credentials of an emulator. Each block
runs by itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from langchain_claude_cloud import errors
from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.testing import CloudEmulator

README = Path(__file__).resolve().parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
ERRORS = README.parent.joinpath("docs/errors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_blocks_run(emulated_clouds: CloudEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block runs by itself and prints something, and both clouds are asked."""
    assert len(BLOCKS) > 6
    printed = []
    for block in BLOCKS:
        namespace: dict[str, Any] = {"__name__": "readme"}
        line = TEXT[: TEXT.index(block)].count("\n")
        exec(compile("\n" * line + block, str(README), "exec"), namespace)  # noqa: S102  # the README is ours
        printed.append(capsys.readouterr().out)
    assert all(printed)
    out = "".join(printed)
    assert "write_file so far:" in out
    assert "wrote " in out
    assert {request.platform for request in emulated_clouds.requests} == {"vertex", "bedrock"}


def test_the_model_of_the_examples_has_a_future() -> None:
    """It is in the catalogue, active, and the only one."""
    names = set(re.findall(r'model="([^"]+)"', "".join(BLOCKS)))
    assert names == {"claude-sonnet-5-5"}
    info = resolve(names.pop(), "vertex").info
    assert info.status == "active"
    assert (info.retires_not_before or "9999") > "2027-06"


def test_all_errors_are_listed() -> None:
    """The table has each class of the tree but its base, and no other."""
    listed = set(re.findall(r"^\| `(\w+Error)` \|", ERRORS, re.MULTILINE))
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ClaudeCloudError)
    }
    assert listed == classes - {"ClaudeCloudError"}


def test_links_lead_somewhere() -> None:
    """Files are there, headings too."""
    headings = {title.lower() for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:].replace("-", " ") in headings
        else:
            assert (README.parent / target).is_file(), target
