"""What a row of the fault table is: a fault, how it is made, and what must come of it.

Data only. `fault_case` makes the faults happen, `fault_page` writes the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from fault_wire import Answer, Endpoint, Steps

from langchain_claude_cloud.errors import ClaudeCloudError

EVERYWHERE: Final[tuple[Endpoint, ...]] = ("vertex", "bedrock", "messages", "mantle")
VERTEX: Final[tuple[Endpoint, ...]] = ("vertex",)
INVOKE: Final[tuple[Endpoint, ...]] = ("bedrock",)
BEDROCK: Final[tuple[Endpoint, ...]] = ("bedrock", "messages", "mantle")
SSE: Final[tuple[Endpoint, ...]] = ("vertex", "messages", "mantle")
"""Where answers are streamed as server-sent events."""

Connection: TypeAlias = Literal["none", "closed", "kept", "either"]
"""What becomes of the connection: there was none, it was closed, it serves the next call, or one
of these two, as all of the answer may have been read when it is refused."""

Place: TypeAlias = Literal[
    "nobody", "no-host", "plain-text", "untrusted", "handshake-reset", "handshake-stall"
]
"""What stands where the cloud should be."""

Identity: TypeAlias = Literal["service-account", "role", "expired", "wrong-secret"]
"""Who asks: credentials that a token endpoint renews, or ones that are no good."""

Script: TypeAlias = Callable[[Answer], Steps]
"""Says what comes over the wire in place of a good answer."""


_NO_GOOD: Final = ("expired", "wrong-secret")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How a fault is made; what is not given is as it should be.

    Attributes:
        wire: What the server sends for the first requests, one script each; good answers
            follow. A server of raw sockets.
        emulated: The settings of a fault of the emulator, for the first request.
        place: What stands where the server should be.
        identity: Whose credentials sign.
        token: What the token endpoint sends in place of its first token; ``down`` if there
            is none.
        timeout: The model's ``timeout``.
    """

    wire: Sequence[Script] = ()
    emulated: Mapping[str, Any] | None = None
    place: Place | None = None
    identity: Identity | None = None
    token: Steps | Literal["down"] = ()
    timeout: Mapping[str, float] | None = None

    @property
    def lasts(self) -> bool:
        """Whether it comes with every request, as a good answer has no place to come from."""
        return self.place is not None or self.token == "down" or self.identity in _NO_GOOD


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What comes of a fault.

    Attributes:
        error: The class of the exception; None: the answer comes all the same.
        retried: Whether the request is sent again, if ``max_retries`` allows it.
        partial: The text of the partial answer on the exception; None if there is none.
        connection: What becomes of the connection.
        requests: How many requests go out with ``max_retries=0``.
    """

    error: type[ClaudeCloudError] | None = None
    retried: bool = False
    partial: str | None = None
    connection: Connection = "closed"
    requests: int = 1


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault.

    Attributes:
        name: Identifies it.
        title: What happens, for the reader of the table.
        fault: How it is made.
        whole: What comes of it where the answer comes whole; None if it cannot happen.
        streamed: The same where the answer is streamed.
        advice: What to expect and to do, for the reader of the table.
        says: What the exception's text contains, whatever the case of its letters.
        clouds: Where it can happen.
        status: The exception's ``status_code``.
        error_type: The exception's ``error_type``, by cloud; Bedrock's goes for each of its APIs.
        retry_after: The exception's ``retry_after``.
        has_id: Whether the cloud's request id is known.
    """

    name: str
    title: str
    fault: Fault
    whole: Outcome | None
    streamed: Outcome | None
    advice: str
    says: str = ""
    clouds: tuple[Endpoint, ...] = EVERYWHERE
    status: int | None = None
    error_type: Mapping[Endpoint, str | None] = field(default_factory=dict)
    retry_after: float | None = None
    has_id: bool = False

    @property
    def handed_out(self) -> bool:
        """Whether a streaming caller has seen something of the answer before it fails."""
        return self.streamed is not None and bool(self.streamed.partial)


@dataclass(frozen=True)
class Section:
    """Rows that belong together.

    Attributes:
        title: Its heading.
        rows: The rows.
    """

    title: str
    rows: tuple[Row, ...]
