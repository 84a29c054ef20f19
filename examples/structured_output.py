"""Answers in the form of a pydantic class, whole or while they are written.

Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from pydantic import BaseModel, Field
from run_example import example_model

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

    both = llm.with_structured_output(River, include_raw=True).invoke("The longest river in Spain.")
    print(both["parsed"], both["raw"].response_metadata["stop_reason"], both["parsing_error"])

    for known in llm.with_structured_output(SCHEMA).stream("Name five rivers."):
        print(known)


if __name__ == "__main__":
    with example_model() as model:
        main(model)
