"""The emulator stays on this machine, and nothing that comes from a network is executed."""

from __future__ import annotations

import ast
import socket
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

import langchain_claude_cloud
from langchain_claude_cloud.cli.app import app
from langchain_claude_cloud.testing import CloudEmulator

PACKAGE = Path(langchain_claude_cloud.__file__).parent
ELSEWHERE = [
    "0.0.0.0",  # noqa: S104  that is what must be refused
    "::", "", "*", "10.0.0.1", "192.168.1.1", "169.254.169.254", "example.com", "0", "127.1",
    "127.0.0.1.example.com", "localhost.example.com", "::ffff:0.0.0.0", "fe80::1%lo", "2130706433",
    "127.0.0.1\n", " 127.0.0.1", "8.8.8.8", socket.gethostname() + ".", "0x7f000001",
]  # fmt: skip


@pytest.mark.parametrize("host", ELSEWHERE)
def test_the_emulator_refuses_to_listen_elsewhere(host: str) -> None:
    """It hands out credentials, so nobody else may ask; it never gets as far as binding."""
    with pytest.raises(ValueError, match="loopback only"):
        CloudEmulator(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_the_emulator_listens_on_loopback_alone(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where variables of its server say otherwise; the socket itself is asked."""
    for name in ("HOST", "UVICORN_HOST", "BIND", "SERVER_HOST"):
        monkeypatch.setenv(name, "0.0.0.0")  # noqa: S104  that is what must not happen
    with CloudEmulator(host) as emulator:
        thread = emulator._thread
        assert thread is not None
        address = thread._socket.getsockname()[0]
        assert address == ("127.0.0.1" if host == "localhost" else host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com"])  # noqa: S104  as above
def test_the_command_refuses_to_listen_elsewhere(host: str) -> None:
    """``claude-cloud emulate --host`` is no way around it."""
    result = CliRunner().invoke(app, ["emulate", "--host", host, "--port", "0"])
    assert result.exit_code != 0
    assert "loopback" in str(result.exception)


FORBIDDEN_MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml", "ruamel", "jsonpickle", "joblib",
    "xml", "lxml", "code", "runpy",
}  # fmt: skip
# Recordings are the user's own files; they are read by YAML's safe loader.
MAY_IMPORT = {"testing/recording/yaml_file.py"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
LOADERS_OF_LANGCHAIN = {"load", "loads", "Reviver", "load_prompt"}


@cache
def _nodes() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(PACKAGE)), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def _imports(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(alias.name, "") for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "", alias.name) for alias in node.names]
    return []


def test_no_module_imports_what_executes_data() -> None:
    """Remote data goes through jiter and json: not yaml, not pickle, not langchain's loader."""
    seen = 0
    for path, node in _nodes():
        for module, name in _imports(node):
            seen += 1
            assert module.split(".")[0] not in FORBIDDEN_MODULES or path in MAY_IMPORT, path
            assert not (
                module.startswith("langchain_core.load") and name in LOADERS_OF_LANGCHAIN
            ), path
    assert seen > 500


def test_no_module_evaluates_text() -> None:
    """Nor are there calls that turn text into code."""
    for path, node in _nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, path


def test_no_module_turns_certificate_checks_off() -> None:
    """There is no such switch, in any spelling that Python's libraries have."""
    for path, node in _nodes():
        if isinstance(node, ast.keyword) and node.arg in ("verify", "check_hostname"):
            assert not (isinstance(node.value, ast.Constant) and node.value.value is False), path
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("CERT_NONE", "_create_unverified_context"), path
