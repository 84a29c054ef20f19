"""Answers in the form of a pydantic class, whole or while they are written.

It runs offline on the emulator; ``--live`` asks the cloud that the environment names
(``CLAUDE_CODE_USE_VERTEX=1`` or ``CLAUDE_CODE_USE_BEDROCK=1``).
"""

from __future__ import annotations

import sys

from pydantic import BaseModel, Field

from langchain_claude_cloud import ChatClaudeCloud


class River(BaseModel):
    """A river."""

    name: str = Field(description="Its name in English.")
    country: str = Field(description="The country in which it ends.")
    length: int = Field(description="In kilometres.")


SCHEMA = {
    "title": "rivers",
    "type": "object",
    "properties": {"rivers": {"type": "array", "items": {"type": "string"}}},
    "required": ["rivers"],
    "additionalProperties": False,
}


def main(llm: ChatClaudeCloud) -> None:
    """Ask for an object, for an object with the message it came in, and for a growing one."""
    river = llm.with_structured_output(River).invoke("The longest river in Portugal.")
    print(river)

    both = llm.with_structured_output(River, include_raw=True).invoke("And in Spain?")
    print(both["parsed"], both["raw"].response_metadata["stop_reason"], both["parsing_error"])

    for known in llm.with_structured_output(SCHEMA).stream("Name five rivers."):
        print(known)


if __name__ == "__main__":
    if "--live" in sys.argv:
        main(ChatClaudeCloud(model="claude-sonnet-5-5", max_tokens=2000))
    else:
        from langchain_claude_cloud.testing import CloudEmulator

        with CloudEmulator() as emulator:
            main(ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.vertex()))
