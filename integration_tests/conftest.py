"""Fixtures that every test may use, and the option that lets tests ask the real clouds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from environment import clean_environment, loopback, pytest_collection

from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.testing import CloudEmulator

__all__ = ["clean_environment", "loopback", "pytest_collection"]

_CALLERS = dict(os.environ)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--live``."""
    parser.addoption(
        "--live",
        action="store_true",
        help="also run the tests marked `live`, against the real clouds, with your credentials",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what asks the real clouds, unless that is wanted."""
    if config.getoption("--live"):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]


@pytest.fixture
def callers_environment(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the caller's own cloud settings back, which every other test is kept from."""
    del clean_environment
    for name in set(os.environ) - set(_CALLERS):
        monkeypatch.delenv(name)
    for name, value in _CALLERS.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def emulator_settings() -> dict[str, Any]:
    """Settings of the module's emulator; a module may have others."""
    return {}


@pytest.fixture(scope="module")
def running_emulator(emulator_settings: dict[str, Any]) -> Iterator[CloudEmulator]:
    """An emulator that serves all tests of a module."""
    with CloudEmulator(**emulator_settings) as running:
        yield running


@pytest.fixture
def emulator(running_emulator: CloudEmulator) -> Iterator[CloudEmulator]:
    """A running emulator without a script, and a process that has learned nothing yet.

    What a test queues, it uses up.
    """
    running_emulator.reset()
    MEMORY.reset()
    yield running_emulator
    MEMORY.reset()
    running_emulator.verify()


@pytest.fixture(params=["vertex", "bedrock"])
def cloud(request: pytest.FixtureRequest) -> str:
    """The name of a cloud: each in turn."""
    name: str = request.param
    return name
