"""Fixtures that every test may use, and the option that lets tests ask the real clouds."""

from __future__ import annotations

import os

import pytest
from environment import clean_environment, loopback, pytest_collection

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
