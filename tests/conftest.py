"""Fixtures that every test may use."""

from __future__ import annotations

from environment import clean_environment, loopback, pytest_collection

__all__ = ["clean_environment", "loopback", "pytest_collection"]
