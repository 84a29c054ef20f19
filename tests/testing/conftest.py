"""An emulator and a client for it, per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emulator_client import Client

from langchain_claude_cloud.testing import CloudEmulator


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """A running emulator."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture
def client(emulator: CloudEmulator) -> Client:
    """A client of that emulator."""
    return Client(emulator)
