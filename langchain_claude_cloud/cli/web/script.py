"""What the emulator says in the web demo: a plan, a file, and a closing sentence."""

from __future__ import annotations

from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use

_DAYS = (
    "Walk up to the castle before nine, while the streets are cool.",
    "Take tram 28 to its last stop, and walk back along the river.",
    "Go to the tile museum; the train back passes the old customs house.",
    "Spend the morning on the ferry, and the afternoon in the gardens.",
    "Leave the last day free: you will want to go back somewhere.",
)
_FILE = "# Five days in Lisbon\n\n" + "".join(
    f"## Day {number}\n\n{day} Have lunch close by, and rest when it is hot.\n\n"
    for number, day in enumerate(_DAYS, 1)
)


def write_script(emulator: CloudEmulator, *, cut: bool) -> None:
    """Queue the answers of one run.

    Args:
        emulator: Whose script it is.
        cut: Whether the first call ends in the middle, as at ``max_tokens``.
    """
    call = tool_use("write_file", {"path": "lisbon.md", "content": _FILE})
    opening = (
        thinking("Five days: one theme a day, and short distances."),
        text("I write it down."),
    )
    if cut:
        emulator.fault(*opening, call, max_tokens_in_call=True)
        emulator.reply(text("The call was cut off. I send it again."), call)
    else:
        emulator.reply(*opening, call)
    emulator.reply(text("The plan for Lisbon is in lisbon.md."))
