"""Common failures of the clouds, by name, and the check that a fault has an effect."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from typing import Final, Unpack

from langchain_claude_cloud.testing.blocks import Block, as_block
from langchain_claude_cloud.testing.scripting import Fault, FaultSettings, Filter, check_settings


class FaultKind(Enum):
    """A failure by name; its value is the fault's settings.

    ``emulator.fault(FaultKind.THROTTLED)`` queues one. Further settings replace its own:
    ``emulator.fault(FaultKind.THROTTLED, retry_after=0, times=2)``.
    """

    def __init__(self, description: str, settings: FaultSettings) -> None:
        self.description = description
        self.settings = settings

    THROTTLED = ("429: too many requests", {"status": 429})
    OVERLOADED = ("529: the model is overloaded", {"status": 529})
    UNAVAILABLE = ("503: the service is unavailable", {"status": 503})
    SERVER_ERROR = ("500: the service failed", {"status": 500})
    UNAUTHENTICATED = ("401: the credentials are not accepted", {"status": 401})
    FORBIDDEN = ("403: no permission for the model", {"status": 403})
    NOT_FOUND = ("404: no such model", {"status": 404})
    TOO_LARGE = ("413: the request is too large", {"status": 413})
    CONTEXT_OVERFLOW = (
        "400: the prompt is longer than the context window",
        {"status": 400, "message": "prompt is too long: 250000 tokens > 200000 maximum"},
    )
    NO_ROOM_FOR_ANSWER = (
        "400: the prompt fits, but not together with `max_tokens`",
        {
            "status": 400,
            "error_type": "invalid_request_error",
            "message": "input length and `max_tokens` exceed context limit: 142251 + 64000 > "
            "200000, decrease input length or `max_tokens` and try again",
        },
    )
    ORGANIZATION_POLICY = (
        "400, Vertex AI: a policy of the organization forbids structured outputs and strict tools",
        {
            "status": 400,
            "platform": "vertex",
            "error_type": "FAILED_PRECONDITION",
            "field": ("output_config.format", "tools.*.strict"),
            "message": "Organization Policy constraint "
            "constraints/vertexai.allowedPartnerModelFeatures violated for "
            "projects/{project} attempting to use a disallowed partner model feature "
            "publishers/anthropic/models/{model}:structured_outputs.",
        },
    )
    SCHEMA_TOO_COMPLEX = (
        "400: a schema is too complex for constrained decoding",
        {
            "status": 400,
            "error_type": "invalid_request_error",
            "field": ("output_config.format", "tools.*.strict"),
            "message": "Schema is too complex for compilation.",
        },
    )
    DATA_RETENTION = (
        "400, Bedrock: the account has not agreed to data retention",
        {
            "status": 400,
            "platform": "bedrock",
            "error_type": "ValidationException",
            "message": "data retention mode 'default' is not available for this model",
        },
    )
    DISCONNECTED = ("the connection is closed before any answer", {"disconnect": True})
    SLOW_START = ("the answer starts after a minute", {"delay_start": 60.0})
    CUT_STREAM = (
        "the connection breaks after five events of a stream",
        {"cut_after_events": 5, "operation": "stream"},
    )
    ENDED_STREAM = (
        "a stream ends properly, but in the middle",
        {"cut_after_events": 5, "end_cleanly": True, "operation": "stream"},
    )
    STALLED_STREAM = (
        "a stream falls silent after five events",
        {"stall_after_events": 5, "operation": "stream"},
    )
    DAMAGED_FRAME = (
        "the sixth event is damaged: its checksum on Bedrock, its JSON on Vertex AI",
        {"bad_checksum_at": 5, "operation": "stream"},
    )
    ERROR_EVENT = (
        "an error event in a stream",
        {
            "error_event": {"type": "overloaded_error", "message": "Overloaded"},
            "operation": "stream",
        },
    )
    EXCEPTION_FRAME = (
        "an exception frame in a stream; an error event on Vertex AI",
        {"exception": "throttlingException", "operation": "stream"},
    )
    CUT_TOOL_CALL = (
        "`max_tokens` is reached in the middle of the arguments of the last tool call",
        {"max_tokens_in_call": True},
    )
    MALFORMED_TOOL_JSON = (
        "the arguments of the last tool call are no valid JSON",
        {"malformed_tool_json": True},
    )


_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "error_type": ("status",),
    "message": ("status", "exception"),
    "retry_after": ("status",),
    "headers": ("status",),
    "end_cleanly": ("cut_after_events", "cut_after_bytes"),
    "stall": ("stall_after_events",),
    "after_events": ("error_event", "exception"),
}
"""Settings of a fault that do nothing without one of some others."""

_COUNTED: Final = (
    *("retry_after", "delay_start", "cut_after_events", "cut_after_bytes", "stall_after_events"),
    *("stall", "bad_checksum_at", "after_events"),
)
_IN_STREAMS: Final = ("cut_after_events", "stall_after_events", "bad_checksum_at")


def make_fault(
    *blocks: FaultKind | Block | str | Mapping[str, object], **settings: Unpack[FaultSettings]
) -> Fault:
    """Return a fault.

    Args:
        blocks: A kind or none, then the answer to damage.
        settings: Fields of `Fault`, on top of the kind's.

    Returns:
        The fault.

    Raises:
        ValueError: A setting has a value that no request has, or has no effect.
    """
    given: FaultSettings = {}
    for kind in blocks[:1]:
        if isinstance(kind, FaultKind):
            given.update(kind.settings)
            blocks = blocks[1:]
    given.update(settings)
    check_settings("fault", FaultSettings, given)
    answer = tuple(as_block(each) for each in blocks if not isinstance(each, FaultKind))
    if len(answer) < len(blocks):
        raise ValueError("One fault has one kind, and it comes first.")
    entry = Fault(blocks=answer, **given)
    _check_effect(entry, answer)
    return entry


def _check_effect(entry: Fault, answer: tuple[Block, ...]) -> None:
    plain = Fault()
    names = [each.name for each in dataclasses.fields(Fault)]
    changed = {name for name in names if getattr(entry, name) != getattr(plain, name)}
    if not changed - {each.name for each in dataclasses.fields(Filter)} - {"blocks"}:
        raise ValueError(
            "Nothing goes wrong with that fault. Give FaultKind.THROTTLED, status=429, or another."
        )
    if entry.status is not None and entry.status not in range(300, 600):
        raise ValueError(f"status={entry.status!r} is no refusal: give 300 to 599.")
    for name in sorted(changed & {*_COUNTED}):
        if not 0 <= getattr(entry, name) < math.inf:
            raise ValueError(f"{name}={getattr(entry, name)!r} has no effect: give 0 or more.")
    for name, needed in _NEEDS.items():
        if name in changed and not changed & {*needed}:
            raise ValueError(f"{name} has no effect without {' or '.join(needed)}.")
    refused = sorted(changed & {"status", "disconnect"})
    if refused and answer:
        raise ValueError(f"The blocks are never sent: {refused[0]} leaves no answer.")
    in_stream = sorted(changed & {*_IN_STREAMS})
    if in_stream and entry.operation not in {None, "stream"}:
        raise ValueError(f"{in_stream[0]} has no effect on operation={entry.operation!r}.")
    in_call = sorted(changed & {"malformed_tool_json", "max_tokens_in_call"})
    if in_call and answer and not any(block.kind == "tool_use" for block in answer):
        raise ValueError(f"{in_call[0]} has no effect on an answer without a tool call.")
