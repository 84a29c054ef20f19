"""What a contestant asks the server for, in the text of its prompt.

Every client passes the prompt on unchanged. An address could not carry the scenario: clients
differ in what they do to addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "tool", "malformed"]
Delivery = Literal["batch", "paced", "hold"]

_LINE = re.compile(rb"bench (\w+) (\d+) (\d+) (\w+) (\d+) end")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One answer of the server.

    Attributes:
        kind: Text, a tool call, or a tool call whose arguments have one stray quote.
        events: How many deltas the answer has.
        size: Characters in each.
        delivery: Pieces of 16 kB; one event a packet; or a pause after the first delta.
        delay: Milliseconds between packets, or until an answer that is not streamed.
    """

    kind: Kind = "text"
    events: int = 3
    size: int = 20
    delivery: Delivery = "batch"
    delay: int = 0

    @property
    def prompt(self) -> str:
        """The line to ask for it by."""
        return f"bench {self.kind} {self.events} {self.size} {self.delivery} {self.delay} end"

    def pieces(self) -> list[str]:
        """Return the text of each delta."""
        length = self.events * self.size
        if self.kind == "text":
            text = ("Lorem ipsum dolor sit amet. " * (length // 28 + 1))[:length]
        else:
            head = '{"path": "a.py", "content": "'
            stray = 'x"y ' if self.kind == "malformed" else ""
            line = stray + "    return total + 1\\n" * (length // 22 + 2)
            text = head + line[: length - len(head) - 2].rstrip("\\") + '"}'
        return [text[start : start + self.size] for start in range(0, len(text), self.size)]


def read_scenario(body: bytes) -> Scenario:
    """Find the scenario in a request's body; the last line counts."""
    found = _LINE.findall(body)
    if not found:
        return Scenario()
    kind, events, size, delivery, delay = (part.decode() for part in found[-1])
    return Scenario(kind, int(events), int(size), delivery, int(delay))
