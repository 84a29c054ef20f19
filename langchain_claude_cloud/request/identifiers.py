"""Replaces ids and names of tool calls that the API refuses by ones that it accepts.

Histories of other models hold such ids and names. The replacement depends on the text alone:
a call and its result still match, and a cached prompt stays the same from request to request.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
UNFIT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
"""What it does not accept there."""

NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
"""What the API accepts as the name of a tool."""

LONGEST_NAME: Final = 128


def wire_id(call_id: str) -> str:
    """Return the id of a client tool's call in a form that the API accepts.

    Args:
        call_id: The id LangChain knows the call by; not empty.

    Returns:
        The id itself if it matches ``^[a-zA-Z0-9_-]+$``, else one derived from its hash.
    """
    if _ID.fullmatch(call_id):
        return call_id
    return f"toolu_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def wire_name(name: str) -> str:
    """Return the name of a called tool in a form that the API accepts.

    For tools that only the history knows; those of the request are named by `request.tool_names`.
    """
    if NAME.fullmatch(name):
        return name
    return UNFIT_IN_NAME.sub("_", name)[:LONGEST_NAME] or "unnamed_tool"
