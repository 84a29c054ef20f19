"""Fixtures of the tests that run on an emulator: a plugin, named in ``pytest_plugins``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_claude_cloud.testing import CloudEmulator


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[CloudEmulator]:
    """An emulator that serves all tests of a module."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture
def emulator(running_emulator: CloudEmulator) -> Iterator[CloudEmulator]:
    """A running emulator without a script; what a test queues, it uses up."""
    running_emulator.reset()
    yield running_emulator
    left = running_emulator.pending
    running_emulator.reset()
    assert left == 0, f"{left} queued answers were never asked for"


@pytest.fixture(params=["vertex", "bedrock"])
def cloud(request: pytest.FixtureRequest) -> str:
    """The name of a cloud: each in turn."""
    name: str = request.param
    return name
