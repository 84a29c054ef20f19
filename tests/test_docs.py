"""The pages of the documentation: their Python blocks run, and every page is reachable.

The blocks name real platforms. The environment alone points them to an emulator, with the
variables that `claude-cloud emulate` prints. The blocks of a page run in one namespace, from
top to bottom, as a reader would paste them.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langchain_claude_cloud.testing import CloudEmulator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if "_build" not in path.parts
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILES = re.MULTILINE | re.DOTALL


@pytest.fixture
def aws_profile(
    emulated_clouds: CloudEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The AWS profile that pages name."""
    key, path = emulated_clouds.aws_key, tmp_path / "profiles"
    secret = f"aws_secret_access_key = {key.secret_access_key}"
    path.write_text(f"[work]\naws_access_key_id = {key.access_key_id}\n{secret}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))


@pytest.mark.usefixtures("aws_profile")
@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if BLOCK.search(text)])
def test_the_python_blocks_of_a_page_run(page: str, emulated_clouds: CloudEmulator) -> None:
    """A reader can paste them one after another."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    text = PAGES[page]
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(DOCS / page), "exec"), namespace)  # noqa: S102  # ours
    assert emulated_clouds.requests or "CloudEmulator" in text or "def answer" in text


def test_the_suite_of_the_testing_page_runs(tmp_path: Path) -> None:
    """An agent and its tests, in files that the page names, with the plugin alone."""
    files = re.findall(r"^```py\n# (\w+\.py)\n(.*?)^```", PAGES["how-to/testing.md"], FILES)
    assert [name for name, _ in files] == ["my_agent.py", "test_my_agent.py", "test_rivers.py"]
    for name, code in files[:2]:  # the third one is recorded from a real cloud
        tmp_path.joinpath(name).write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:langsmith_plugin", str(tmp_path)]
    # From an empty folder: the project's own configuration is not the reader's.
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603  # pytest on our page
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_every_page_is_in_the_table_of_contents() -> None:
    """A page that nothing leads to is not read."""
    listed = set(re.findall(r"^([\w/-]+)$", PAGES["index.md"], re.MULTILINE))
    assert {page.removesuffix(".md") for page in PAGES} - {"index"} == listed


MODULES = (
    "",
    ".cost",
    ".errors",
    ".events",
    ".middleware",
    ".structured",
    ".testing",
    ".tool_calls",
)


@pytest.mark.parametrize("name", [f"langchain_claude_cloud{each}" for each in MODULES])
def test_the_reference_lists_every_public_name(name: str) -> None:
    """By itself, or among the members of its module."""
    page = PAGES["reference/api.md"]
    module = re.search(rf"automodule:: {re.escape(name)}\n((?:   :.*\n)*)", page)
    if module and re.search(r":members:$", module[1], re.MULTILINE):
        return
    members = re.findall(r"\w+", module[1]) if module else []
    listed = {*members, *re.findall(rf":: {re.escape(name)}\.(\w+)$", page, re.MULTILINE)}
    public = set(importlib.import_module(name).__all__) - {"__version__"}
    assert public <= listed


def test_links_between_pages_lead_somewhere() -> None:
    """A relative link names a file that is there."""
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (DOCS / page).parent.joinpath(target).is_file(), f"{page}: {target}"


def test_no_page_names_a_package_on_an_index() -> None:
    """The package has no release yet: a name on an index would be somebody else's."""
    for page, text in PAGES.items():
        assert not re.search(r"(pip|uv|poetry) (install|add)[^\n]*langchain-claude-cloud", text), (
            page
        )
