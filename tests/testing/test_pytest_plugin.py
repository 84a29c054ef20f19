"""The pytest plugin, as users' own tests see it: run in folders of their own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

APPLICATION = """
from langchain_claude_cloud import ChatClaudeCloud

def title_of(document):
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", max_retries=0)
    return llm.invoke("A title for: " + document).text
"""


ARGUMENTS = ("-q", "-p", "no:langsmith_plugin", "--strict-markers")


def _write(pytester: pytest.Pytester, tests: str, name: str = "test_application") -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(application=APPLICATION)
    pytester.makepyfile(**{name: tests})


def test_a_script_that_does_not_fit_fails_the_test_by_name(pytester: pytest.Pytester) -> None:
    """A reply left over, a request without one that the application swallows; an own failure.

    Those pass that fit: code that builds its own model, on both clouds; a given model; a fault;
    the stand-in.
    """
    _write(
        pytester,
        """
import pytest
from application import title_of
from langchain_claude_cloud.testing import FaultKind

@pytest.mark.claude_cloud
def test_title(claude_emulator, request):
    claude_emulator.reply("Rivers", match="The Tagus")
    assert title_of("The Tagus flows.") == "Rivers"
    assert claude_emulator.requests[0].platform in request.node.name

@pytest.mark.asyncio
@pytest.mark.claude_cloud("bedrock", model="claude-sonnet-4-6")
async def test_model(claude_model, claude_emulator):
    claude_emulator.reply("Yes")
    assert (await claude_model.ainvoke("Well?")).text == "Yes"
    assert claude_emulator.requests[0].model == "global.anthropic.claude-sonnet-4-6"

def test_fault(claude_model, claude_emulator):
    claude_emulator.fault(FaultKind.THROTTLED, retry_after=0)
    claude_emulator.reply("Second")
    assert claude_model.invoke("Well?").text == "Second"

@pytest.mark.claude_cloud("vertex", unscripted="stand_in")
def test_stand_in(claude_model):
    assert claude_model.invoke("Hello").text
""",
    )
    _write(
        pytester,
        """
from application import title_of

def test_left_over(claude_emulator):
    claude_emulator.reply("never asked for")

def test_used(claude_emulator):
    claude_emulator.reply("always", times=None)
    assert title_of("Rome") == "always"

def test_never_used(claude_emulator):
    claude_emulator.reply("always", times=None)

def test_missing(claude_emulator):
    claude_emulator.reply("for Rome", match="Rome", times=None)
    title_of("Rome")
    try:
        title_of("Paris")
    except Exception:
        pass

def test_own(claude_emulator):
    claude_emulator.reply("this is left over, too")
    assert 1 == 2
""",
        "test_scripts",
    )
    result = pytester.runpytest_subprocess(*ARGUMENTS)
    result.assert_outcomes(passed=6, failed=4)
    failed = ("left_over", "never_used", "missing", "own")
    result.stdout.fnmatch_lines([f"*FAILED*::test_{name} *" for name in failed])
    result.stdout.fnmatch_lines(["*never used: Reply(*never asked for*"])
    result.stdout.fnmatch_lines(["*no reply for vertex *Paris*"])
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])
    result.stdout.no_fnmatch_line("*never used*left over, too*")


def test_an_unknown_cloud_is_refused(pytester: pytest.Pytester) -> None:
    """It is a mistake in the mark."""
    _write(
        pytester,
        """
import pytest

@pytest.mark.claude_cloud("azure")
def test_any(claude_emulator):
    pass
""",
    )
    result = pytester.runpytest_inprocess(*ARGUMENTS)
    assert result.ret
    result.stdout.fnmatch_lines(["*'azure' is none of vertex and bedrock*"])


def test_other_tests_do_not_import_the_package(pytester: pytest.Pytester) -> None:
    """The plugin is loaded by every run of pytest."""
    _write(
        pytester,
        """
import sys

def test_any():
    assert "langchain_claude_cloud.testing.pytest_plugin" in sys.modules
    assert "langchain_core" not in sys.modules
""",
    )
    result = pytester.runpytest_subprocess(*ARGUMENTS)
    result.assert_outcomes(passed=1)
