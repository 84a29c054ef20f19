"""Tools, and a form of an answer, that agents of several tests have."""

from __future__ import annotations

from langchain_core.tools import tool
from pydantic import BaseModel


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It is sunny in {location}."


@tool
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


class Weather(BaseModel):
    """The weather at a place."""

    location: str
    is_sunny: bool
