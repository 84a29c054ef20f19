"""The pages of the documentation: their Python blocks run, and every page is reachable.

The blocks name real platforms. The environment alone points them to an emulator, with the
variables that `claude-cloud emulate` prints. The blocks of a page run in one namespace, from
top to bottom, as a reader would paste them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.environment import environment_variables

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if "_build" not in path.parts
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# The errors' page shows how to catch them around a call that the reader has.
PREAMBLES = {
    "reference/errors.md": "from langchain_claude_cloud import ChatClaudeCloud\nllm = ChatClaudeCloud(model='claude-sonnet-5-5', platform='vertex')\n"
}


@pytest.fixture
def emulated_clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudEmulator]:
    """The environment of a user whose clouds are an emulator."""
    with CloudEmulator() as emulator:
        for variables in environment_variables(emulator, tmp_path).values():
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
        yield emulator


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if BLOCK.search(text)])
def test_the_python_blocks_of_a_page_run(page: str, emulated_clouds: CloudEmulator) -> None:
    """A reader can paste them one after another."""
    namespace: dict[str, Any] = {"__name__": "page"}
    text = PAGES[page]
    exec(PREAMBLES.get(page, ""), namespace)  # noqa: S102  # ours
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(DOCS / page), "exec"), namespace)  # noqa: S102  # ours
    assert emulated_clouds.requests or "CloudEmulator" in text or "def answer" in text


def test_every_page_is_in_the_table_of_contents() -> None:
    """A page that nothing leads to is not read."""
    listed = set(re.findall(r"^([\w/-]+)$", PAGES["index.md"], re.MULTILINE))
    assert {page.removesuffix(".md") for page in PAGES} - {"index"} == listed


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
