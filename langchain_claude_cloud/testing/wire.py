"""The requests, responses and refusals that the parts of the server exchange.

No HTTP library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

from langchain_claude_cloud.errors.types import BedrockApiName, Cloud, JsonObject, Operation


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP request as it came over the wire.

    Attributes:
        method: The HTTP method.
        raw_path: The path with its percent-escapes, as a signature covers it.
        query: The query string, undecoded.
        headers: Names in lower case and values, in order.
        body: The body's bytes.
    """

    method: str
    raw_path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value, or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def betas(self) -> frozenset[str]:
        """The betas that its headers ask for."""
        values = ",".join(value for name, value in self.headers if name == "anthropic-beta")
        return frozenset(beta.strip() for beta in values.split(",") if beta.strip())


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence inside a response, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a connection in the middle of a response."""


Step: TypeAlias = bytes | Pause | Cut


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A response.

    Attributes:
        status: The HTTP status; 0 drops the connection without a response.
        headers: Response headers.
        body: The bytes, or the steps of a streamed body.
        delay: Seconds before the response starts.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterable[Step] = b""
    delay: float = 0.0


ErrorSource = Literal["claude", "cloud"]
Outcome = Literal["pending", "complete", "cut", "disconnected"]


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818  # a refusal of the emulated cloud, not an error of ours
    """A request that the cloud, or Claude behind it, does not accept."""

    status: int
    message: str
    _: KW_ONLY
    kind: str = "invalid_request_error"
    source: ErrorSource = "claude"
    headers: Mapping[str, str] = field(default_factory=dict)
    details: tuple[JsonObject, ...] = ()
    delay: float = 0.0


def invalid(path: str, problem: str) -> Refusal:
    """Return the 400 for one field, as pydantic words it: ``path: problem``."""
    return Refusal(400, f"{path}: {problem}" if path else problem)


def unexpected_betas(names: Iterable[str]) -> str:
    """Return how the endpoints that name refused betas word it."""
    listed = "`, `".join(sorted(names))
    return (
        f"Unexpected value(s) `{listed}` for the `anthropic-beta` header. Please consult our "
        "documentation at docs.anthropic.com or try again without the header."
    )


def cloud_refusal(status: int, message: str, kind: str = "") -> Refusal:
    """Return a refusal by the cloud itself, in front of Claude."""
    return Refusal(status, message, kind=kind, source="cloud")


def validation_error(message: str) -> Refusal:
    """Return a refusal of AWS's for a bad value."""
    return cloud_refusal(400, message, "ValidationException")


@dataclass(slots=True, kw_only=True)
class ReceivedRequest:
    """A model request that the emulator received.

    Attributes:
        platform: The cloud whose path was used.
        operation: What was asked for.
        model: The model's id as it stood in the URL (or the body, for token counting on
            Vertex and the Messages API of Bedrock), decoded.
        region: The location in the path, or the region of the signature; None if unknown.
        project: The Google project in the path; None on Bedrock.
        headers: Header names in lower case to values.
        body: The parsed JSON body; empty if it is not JSON.
        raw: The body's bytes.
        path: The raw path.
        status: The response's status; 0 while there is none, or for a dropped connection.
        api: Which of Bedrock's APIs was called, by the name in `Bedrock`'s ``api``; None on
            Vertex.
        outcome: How the response ended: ``pending``, ``complete``, ``cut`` (by a fault) or
            ``disconnected`` (the client went away first).
    """

    platform: Cloud
    operation: Operation
    model: str
    region: str | None = None
    project: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)
    raw: bytes = b""
    path: str = ""
    status: int = 0
    api: BedrockApiName | None = None
    outcome: Outcome = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest:
    """A request to a cloud's control plane: for its list of models, or what an ARN stands for.

    Attributes:
        platform: The cloud whose path was used.
        path: The raw path.
        query: The query string, undecoded.
        headers: Header names in lower case to values.
    """

    platform: Cloud
    path: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict)
