"""What is installed: names, files, metadata, and what importing it costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata, resources

import pytest

import langchain_claude_cloud

ROOT = resources.files("langchain_claude_cloud")
HEAVY = {"boto3", "botocore", "google.auth", "httpx", "httpcore", "uvicorn", "starlette", "rich"}
CORE = (
    "import langchain_core.language_models.chat_models, langchain_core.messages, "
    "langchain_core.tools, langchain_core.output_parsers, langchain_core.utils.function_calling"
)


FOR_CALLS = (
    *("errors.parsing", "errors.explanation"),
    *("calls.retries", "calls.driver", "platform.http.sending"),
)
"""What no model needs before it is called."""


def modules_after(*statements: str) -> list[set[str]]:
    """Return which modules are loaded after each statement, in a process of their own."""
    lines = ["import json, sys", "found = []"]
    for statement in statements:
        lines += [statement, "found.append(list(sys.modules))"]
    lines.append("print(json.dumps(found))")
    ended = subprocess.run(  # noqa: S603  # it starts this package
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [set(names) for names in json.loads(ended.stdout)]


def test_public_names_are_there() -> None:
    """All of them can be imported, and nothing else is promised."""
    names = ["AvailableModel", "Bedrock", "ChatClaudeCloud", "Vertex", "__version__"]
    assert sorted(langchain_claude_cloud.__all__) == names
    assert dir(langchain_claude_cloud) == names
    for name in names:
        assert getattr(langchain_claude_cloud, name)
    with pytest.raises(AttributeError, match="ChatClaude'"):
        _ = langchain_claude_cloud.ChatClaude


def test_importing_the_package_imports_nothing() -> None:
    """Not even LangChain; its names are imported when they are used."""
    before, after = modules_after("pass", "import langchain_claude_cloud")
    assert {name for name in after - before if name.startswith("langchain")} == {
        "langchain_claude_cloud"
    }


def test_a_model_is_made_without_the_clouds_libraries() -> None:
    """They and the HTTP client are imported by the first call; core's own imports aside."""
    make = (
        "from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex\n"
        "ChatClaudeCloud(model='claude-sonnet-5-5', "
        "platform=[Vertex(project='some-project'), Bedrock(region='us-east-1')])"
    )
    core, made = modules_after(CORE, make)
    assert "langchain_claude_cloud.chat_models" in made
    assert (made - core) & HEAVY == set()
    assert not made & {f"langchain_claude_cloud.{name}" for name in FOR_CALLS}


def test_the_emulator_is_imported_without_its_server() -> None:
    """The module of an extra can be imported without the extra."""
    core, after = modules_after(CORE, "import langchain_claude_cloud.testing")
    assert (after - core) & HEAVY == set()


def test_data_files_are_installed() -> None:
    """The catalogue, tables of facts, and the mark that says that the package is typed."""
    assert (ROOT / "py.typed").is_file()
    assert json.loads((ROOT / "catalogue" / "models.json").read_text(encoding="utf-8"))["models"]
    for table in ("errors/known_errors.toml", "config/migration.toml"):
        assert tomllib.loads(ROOT.joinpath(*table.split("/")).read_text(encoding="utf-8"))


def test_requirements_are_the_promised_ones() -> None:
    """What importing and calling needs; the rest comes with extras."""
    requirements = metadata.requires("langchain-claude-cloud") or []
    bare = {re.split(r"[ <>=!;]", one)[0] for one in requirements if "extra ==" not in one}
    assert bare == {
        "boto3",
        "botocore",
        "google-auth[requests]",
        "httpcore",
        "httpx",
        "aiohttp",
        "httpx-aiohttp",
        "jiter",
        "langchain-core",
        "pydantic",
        "jsonschema",
        "referencing",
        "tenacity",
        "typing-extensions",
    }
    extras = metadata.metadata("langchain-claude-cloud").get_all("Provides-Extra")
    assert set(extras or ()) == {
        "agents",
        "all",
        "batch",
        "bench",
        "batch-vertex",
        "check",
        "cli",
        "cost",
        "dask",
        "docs",
        "emulator",
        "examples",
        "ray",
        "record",
        "spark",
        "test",
    }


def test_metadata() -> None:
    """Version, license, command, pytest plugin."""
    described = metadata.metadata("langchain-claude-cloud")
    assert described["Version"] == langchain_claude_cloud.__version__
    assert described["License-Expression"] == "MIT"
    points = metadata.distribution("langchain-claude-cloud").entry_points
    found = {(point.group, point.name): point.value for point in points}
    assert found["console_scripts", "claude-cloud"] == "langchain_claude_cloud.cli:main"
    assert found["pytest11", "claude_cloud"] == "langchain_claude_cloud.testing.pytest_plugin"
