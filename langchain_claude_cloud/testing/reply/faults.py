"""Damages a good answer in the ways that real answers are damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from langchain_claude_cloud.errors.types import Cloud
from langchain_claude_cloud.testing import wire
from langchain_claude_cloud.testing.reply.events import Message
from langchain_claude_cloud.testing.reply.framing import damage
from langchain_claude_cloud.testing.reply.render import Renderer
from langchain_claude_cloud.testing.scripting import Fault

_MESSAGES = {
    400: "The request is not valid.",
    401: "Request had invalid authentication credentials.",
    403: "You don't have access to the model with the specified model ID.",
    404: "The model was not found.",
    408: "Model has timed out in processing the request. Try your request again.",
    413: "Prompt is too long",
    429: "Too many requests, please wait before trying again.",
    500: "The system encountered an unexpected error during processing. Try your request again.",
    503: "Too many connections, please wait before trying again.",
    529: "Overloaded",
}
_CLAUDE_TYPES = {413: "invalid_request_error", 529: "overloaded_error"}


def refusal_of(
    fault: Fault, cloud: Cloud, request: wire.ReceivedRequest | None = None
) -> wire.Refusal:
    """Return the refusal that a fault stands for, of one request."""
    status = fault.status or 500
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = f"{fault.retry_after:g}"
    kind = fault.error_type or _CLAUDE_TYPES.get(status, "")
    message = fault.message or _MESSAGES.get(status, f"HTTP {status}")
    if status == 400 and fault.message is None and (fault.field or fault.beta):  # noqa: PLR2004
        kind, message = "invalid_request_error", _text_of_refusal(fault, cloud)
    if request is not None:
        message = message.replace("{model}", request.model)
        message = message.replace("{project}", request.project or "")
    by_claude = kind.endswith("_error") or (cloud == "vertex" and status in _CLAUDE_TYPES)
    return wire.Refusal(
        status,
        message,
        kind=kind,
        source="claude" if by_claude else "cloud",
        headers=headers,
        delay=fault.delay_start,
    )


def _text_of_refusal(fault: Fault, cloud: Cloud) -> str:
    """Return how a cloud refuses a field or a beta that it does not know."""
    if fault.beta is not None:
        if cloud == "bedrock":
            return "invalid beta flag"
        return wire.unexpected_betas([fault.beta])
    name = fault.field if isinstance(fault.field, str) else (fault.field or ("",))[0]
    return f"{name.replace('*', '0')}: Extra inputs are not permitted"


def refusal_of_broken_stream(fault: Fault) -> wire.Refusal | None:
    """Return what a mid-stream error is for a request that does not stream."""
    if fault.error_event is not None:
        kind = str(fault.error_event.get("type", "api_error"))
        status = 529 if kind == "overloaded_error" else 500
        return wire.Refusal(status, str(fault.error_event.get("message", "")), kind=kind)
    if fault.exception is not None:
        kind = fault.exception[:1].upper() + fault.exception[1:]
        return wire.Refusal(503, fault.message or _MESSAGES[503], kind=kind, source="cloud")
    return None


def apply_to_message(message: Message, fault: Fault) -> Message:
    """Return the message with its last tool call malformed or cut, if asked for."""
    calls = [i for i, block in enumerate(message.blocks) if block.kind == "tool_use"]
    if not calls or not (fault.malformed_tool_json or fault.max_tokens_in_call):
        return message
    at = calls[-1]
    block = message.blocks[at]
    if fault.max_tokens_in_call:
        half = block.text[: max(1, len(block.text) // 2)] or '{"'
        cut = replace(block, text=half, ended=False)
        return replace(message, blocks=(*message.blocks[:at], cut), stop_reason="max_tokens")
    bent = replace(block, text=_bend(block.text))
    return replace(message, blocks=(*message.blocks[:at], bent, *message.blocks[at + 1 :]))


def _bend(raw: str) -> str:
    """JSON that a repairing parser would take for whole: an unescaped quote, no end."""
    if not raw.startswith("{"):
        return '{"broken": "'
    return raw[:-1].rstrip() + ', "note": "say "hi""'


def apply_to_events(
    frames: Iterator[bytes], fault: Fault, renderer: Renderer
) -> Iterator[wire.Step]:
    """Yield the frames with the fault's silence, damage or error among them."""
    for number, data in enumerate(frames):
        if number == fault.stall_after_events:
            yield wire.Pause(fault.stall)
        if number == fault.cut_after_events:
            if not fault.end_cleanly:
                yield wire.Cut()
            return
        if number == fault.after_events and _breaks(fault):
            yield _broken(fault, renderer)
            return
        yield damage(data) if number == fault.bad_checksum_at else data
    if _breaks(fault):
        yield _broken(fault, renderer)


def _breaks(fault: Fault) -> bool:
    return fault.error_event is not None or fault.exception is not None


def _broken(fault: Fault, renderer: Renderer) -> bytes:
    if fault.error_event is not None:
        return renderer.error(fault.error_event)
    return renderer.exception(fault.exception or "", fault.message or _MESSAGES[503])


def apply_to_steps(steps: Iterable[wire.Step], fault: Fault) -> Iterator[wire.Step]:
    """Yield the steps up to the byte at which the fault cuts the body."""
    left = fault.cut_after_bytes
    for step in steps:
        if left is None or not isinstance(step, bytes):
            yield step
            continue
        if len(step) >= left:
            yield step[:left]
            if not fault.end_cleanly:
                yield wire.Cut()
            return
        left -= len(step)
        yield step
