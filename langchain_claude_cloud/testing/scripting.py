"""The script of the emulator: replies, recordings and faults, in order.

The server uses the first entry that fits a request. Without one, the stand-in answers.
"""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, TypedDict, Unpack, get_args

from langchain_claude_cloud.errors.types import Cloud, JsonObject, Operation
from langchain_claude_cloud.testing.blocks import Block
from langchain_claude_cloud.testing.matching import Match, betas_of, has_field, matches
from langchain_claude_cloud.testing.wire import ReceivedRequest

Asked = Operation | Literal["control"]
"""What a scripted entry answers: a request to a model, or one to the control plane."""

_PLATFORMS: Final = (None, *get_args(Cloud))
_OPERATIONS: Final = (None, *get_args(Operation), "control")
_STOP_REASONS: Final = (
    None,
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "compaction",
    "refusal",
    "model_context_window_exceeded",
)


def _check(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse a value that no request or answer has: it would never fit, or never come."""
    if value not in known:
        choices = ", ".join(repr(each) for each in known if each is not None)
        raise ValueError(f"{name}={value!r} is not known. Give one of {choices}.")


def check_settings(owner: str, kind: type, given: Iterable[str]) -> None:
    """Refuse a setting that there is none of, with the name that may be meant.

    Args:
        owner: What was given it.
        kind: The typed dict with the settings that there are.
        given: The names of the settings.

    Raises:
        TypeError: One of them is not known.
    """
    known = kind.__annotations__
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"Did you mean {near[0]!r}?" if near else f"Give {', '.join(known)}."
            raise TypeError(f"{owner}: {name!r} is not known. {meant}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which requests an entry is for; None fits every one.

    Attributes:
        platform: Only this cloud.
        region: Only this region.
        operation: Only this operation: ``invoke``, ``stream``, ``count_tokens``, or ``control``
            (the control plane's lists of models). None fits the first two.
        times: How many requests it answers; None for all from now on.
        match: A text that the newest user turn contains (a question or the result of a tool), a
            match made by `tool_result`, or any function of a `ReceivedRequest`.
        field: A field that the body has, such as ``output_config.format`` or
            ``tools.*.strict``; or several, of which it has one.
        beta: A beta that the request asks for.
    """

    platform: Cloud | None = None
    region: str | None = None
    operation: Asked | None = None
    times: int | None = 1
    match: Match | None = None
    field: str | tuple[str, ...] | None = None
    beta: str | None = None

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ValueError: One of them is not known.
        """
        _check("platform", self.platform, _PLATFORMS)
        _check("operation", self.operation, _OPERATIONS)
        if self.times is not None and self.times < 1:
            raise ValueError(f"times={self.times!r} fits no request: give 1 or more, or None.")

    def fits(
        self,
        platform: Cloud,
        region: str | None,
        operation: Asked,
        request: ReceivedRequest | None = None,
    ) -> bool:
        """Whether a request may be answered by the entry."""
        if self.platform not in {None, platform} or self.region not in {None, region}:
            return False
        if self.operation is None and operation in {"count_tokens", "control"}:
            return False
        if self.operation not in {None, operation}:
            return False
        return request is None or self._fits_content(request)

    def _fits_content(self, request: ReceivedRequest) -> bool:
        fields = (self.field,) if isinstance(self.field, str) else self.field
        if fields and not any(has_field(request.body, each.split(".")) for each in fields):
            return False
        if self.beta is not None and self.beta not in betas_of(request):
            return False
        return matches(self.match, request)


class FilterSettings(TypedDict, total=False):
    """The keyword arguments of every entry: the fields of `Filter`."""

    platform: Cloud | None
    region: str | None
    operation: Asked | None
    times: int | None
    match: Match | None
    field: str | tuple[str, ...] | None
    beta: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Filter):
    """A scripted answer.

    Attributes:
        blocks: The content, in order.
        stop_reason: None for ``tool_use`` when there is a tool call, else ``end_turn``.
        stop_sequence: The stop sequence that was met.
        stop_details: Why a refusal happened.
        usage: Usage keys that replace the estimated ones.
        chunk: Characters a delta; None for uneven pieces, as the clouds send them.
        delay: Seconds between two events.
    """

    blocks: tuple[Block, ...] = ()
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: JsonObject | None = None
    usage: JsonObject | None = None
    chunk: int | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ValueError: One of them is not known.
        """
        # Not super(): dataclasses with slots are made twice, and it names the first.
        Filter.__post_init__(self)
        _check("stop_reason", self.stop_reason, _STOP_REASONS)


class ReplySettings(FilterSettings, total=False):
    """The keyword arguments of `CloudEmulator.reply`: the fields of `Reply`."""

    stop_reason: str | None
    stop_sequence: str | None
    stop_details: JsonObject | None
    usage: JsonObject | None
    chunk: int | None
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Filter):
    """A recorded response.

    Attributes:
        status: The HTTP status.
        headers: Response headers to send.
        kind: ``json``, ``sse`` or ``aws`` (an event stream).
        body: The recorded bytes.
        piece: Bytes a network write; None for one event a write, or the whole.
    """

    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    kind: Literal["json", "sse", "aws"] = "json"
    body: bytes = b""
    piece: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Filter):
    """A fault: a refusal, or damage to an otherwise good answer.

    A fault with ``status`` refuses the request. The others damage the answer, which is
    ``blocks`` if there are any and the stand-in's otherwise.

    Attributes:
        blocks: The answer to damage.
        status: The HTTP status of a refusal.
        error_type: The cloud's name for it (``RESOURCE_EXHAUSTED``, ``ThrottlingException``)
            or Claude's (``overloaded_error``), which then comes in Claude's own shape.
        message: What the refusal says.
        retry_after: Seconds, in the ``retry-after`` header.
        headers: More response headers.
        delay_start: Seconds before the response starts.
        disconnect: Drop the connection before any response.
        cut_after_events: Break the connection after this many events.
        cut_after_bytes: Break the connection after this many bytes of the body.
        end_cleanly: End the shortened body properly, instead of breaking the connection.
        stall_after_events: Go silent after this many events.
        stall: For how many seconds; afterwards the answer continues.
        bad_checksum_at: Damage the frame of this event (from 0): its checksum on Bedrock,
            its JSON on Vertex.
        malformed_tool_json: Damage the JSON of the last tool call; its block still ends.
        max_tokens_in_call: Cut the last tool call short: half its JSON, no end of the
            block, stop reason ``max_tokens``.
        error_event: An ``error`` object (``type``, ``message``) sent in mid-stream.
        exception: The type of a Bedrock exception frame sent in mid-stream, such as
            ``throttlingException``; on Vertex it becomes an error event.
        after_events: After how many events the error event or exception frame comes.
    """

    blocks: tuple[Block, ...] = ()
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    retry_after: float | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    delay_start: float = 0.0
    disconnect: bool = False
    cut_after_events: int | None = None
    cut_after_bytes: int | None = None
    end_cleanly: bool = False
    stall_after_events: int | None = None
    stall: float = 3600.0
    bad_checksum_at: int | None = None
    malformed_tool_json: bool = False
    max_tokens_in_call: bool = False
    error_event: JsonObject | None = None
    exception: str | None = None
    after_events: int = 3


class FaultSettings(FilterSettings, total=False):
    """The keyword arguments of `CloudEmulator.fault`: the fields of `Fault`."""

    status: int | None
    error_type: str | None
    message: str | None
    retry_after: float | None
    headers: Mapping[str, str]
    delay_start: float
    disconnect: bool
    cut_after_events: int | None
    cut_after_bytes: int | None
    end_cleanly: bool
    stall_after_events: int | None
    stall: float
    bad_checksum_at: int | None
    malformed_tool_json: bool
    max_tokens_in_call: bool
    error_event: JsonObject | None
    exception: str | None
    after_events: int


class ReplaySettings(FilterSettings, total=False):
    """The keyword arguments of `CloudEmulator.replay` beside the recording."""

    piece: int | None


Entry = Reply | Replay | Fault


def make_replay(recording: Mapping[str, object], **settings: Unpack[ReplaySettings]) -> Replay:
    """Return a replay of a recorded exchange.

    Args:
        recording: ``body`` (bytes or text) or ``body_b64``, with ``status``, ``headers``
            and ``kind`` (``json``, ``sse``, ``aws``; guessed from the bytes when absent).
        settings: Fields of `Replay`.

    Returns:
        The replay.

    Raises:
        TypeError: There is no body.
    """
    check_settings("replay", ReplaySettings, settings)
    body = recording.get("body", recording.get("body_b64"))
    if isinstance(body, str):
        body = base64.b64decode(body) if "body" not in recording else body.encode()
    if not isinstance(body, bytes):
        raise TypeError("A recording needs `body` (bytes or text) or `body_b64`.")
    status, headers = recording.get("status", 200), recording.get("headers") or {}
    return Replay(
        status=status if isinstance(status, int) else 200,
        headers={str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
        kind=_kind(recording.get("kind"), body),
        body=body,
        **settings,
    )


def _kind(given: object, body: bytes) -> Literal["json", "sse", "aws"]:
    if given == "json" or body[:1] in {b"{", b"["}:
        return "json"
    if given == "aws" or body[:1] == b"\x00":
        return "aws"
    return "sse"


@dataclass(slots=True, eq=False)
class _Queued:
    """An entry in the queue."""

    entry: Entry
    left: int | None
    is_used: bool = False


class Script:
    """The queue of entries, filled by a test and emptied by the server's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[_Queued] = []

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, entry: Entry) -> None:
        """Queue an entry behind the others."""
        with self._lock:
            self._queue.append(_Queued(entry, entry.times))

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._queue.clear()

    def unused(self) -> list[Entry]:
        """Return the entries that wait for more requests; not those for all from now on."""
        with self._lock:
            return [each.entry for each in self._queue if each.left is not None or not each.is_used]

    def take(
        self,
        platform: Cloud,
        region: str | None,
        operation: Asked,
        request: ReceivedRequest | None = None,
    ) -> Entry | None:
        """Return the first entry for a request and count it as used, or None."""
        with self._lock:
            for queued in self._queue:
                if queued.entry.fits(platform, region, operation, request):
                    self._use(queued)
                    return queued.entry
        return None

    def _use(self, queued: _Queued) -> None:
        queued.is_used = True
        if queued.left is not None:
            queued.left -= 1
            if queued.left < 1:
                self._queue.remove(queued)
