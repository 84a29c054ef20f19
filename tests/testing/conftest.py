"""An emulator and a client for it, per test."""

from __future__ import annotations

import pytest
from emulator_client import Client

from langchain_claude_cloud.testing import CloudEmulator


@pytest.fixture
def client(emulator: CloudEmulator) -> Client:
    """A client of that emulator."""
    return Client(emulator)
