"""Judges request bodies as the clouds do, by hand-written rules.

Wording follows recorded and publicly quoted errors where there are some.
"""

from __future__ import annotations

from langchain_claude_cloud.testing.validation.body import check

__all__ = ["check"]
