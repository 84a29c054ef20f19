"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from environment import clean_environment, loopback, pytest_collection

from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.environment import environment_variables

__all__ = ["clean_environment", "loopback", "pytest_collection"]


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """A running emulator."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[CloudEmulator]:
    """An emulator that serves all tests of a module."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture
def emulated_clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudEmulator]:
    """The environment of a user whose clouds are an emulator."""
    with CloudEmulator() as emulator:
        for variables in environment_variables(emulator, tmp_path).values():
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
        yield emulator
