"""Makes the response to a call: from the script, a recording or the stand-in, with faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing import wire
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.reply import events, faults, recordings
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_uuid
from langchain_claude_cloud.testing.reply.render import Renderer
from langchain_claude_cloud.testing.reply.signatures import bindings
from langchain_claude_cloud.testing.reply.tokens import count_input
from langchain_claude_cloud.testing.scripting import Fault, Replay, Reply
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.stand_in import answer as stand_in_answer
from langchain_claude_cloud.testing.validation import check
from langchain_claude_cloud.testing.validation.betas import check_betas

_JSON = {"content-type": "application/json"}
_FINE_GRAINED_BETA = "fine-grained-tool-streaming-2025-05-14"
_FRAME_BYTES, _PIECE_BYTES = 300, 12
"""About the length of a frame with a few words in it, and of the words."""

STREAM_TYPES = {
    "sse": "text/event-stream; charset=utf-8",
    "event-stream": "application/vnd.amazon.eventstream",
}


def answer(state: State, call: Call, received: wire.ReceivedRequest) -> wire.Outgoing:
    """Judge a request and answer it.

    Raises:
        Refusal: The request is not valid, or a scripted fault refuses it.
    """
    bound = call.rules.always_binds_thinking or (
        call.rules.binds_thinking and state.settings.thinking_binding
    )
    call = replace(call, binds_thinking=bound)
    check_betas(call)
    try:
        if state.settings.strict:
            check(call)
        if call.operation == "count_tokens":
            counted = count_tokens(call, state, received)
            return wire.Outgoing(200, _JSON, json.dumps(counted).encode())
        return respond(state, call, received)
    except RecursionError:
        raise wire.Refusal(400, "The request body is not valid JSON: nested too deeply") from None


def answer_record(state: State, call: Call, received: wire.ReceivedRequest) -> JsonObject:
    """Return the answer to a record of a batch job.

    Raises:
        Refusal: The record is not valid, or a scripted fault refuses it.
    """
    outgoing = answer(state, call, received)
    if not isinstance(outgoing.body, bytes) or not outgoing.body:
        raise wire.Refusal(500, "Internal server error", kind="api_error")
    message: JsonObject = json.loads(outgoing.body)
    return message


def respond(state: State, call: Call, request: wire.ReceivedRequest) -> wire.Outgoing:
    """Answer a valid invoke or stream request.

    Raises:
        Refusal: A scripted fault refuses it.
    """
    entry = state.script.take(call.cloud, call.region, call.operation, request)
    if entry is None and state.settings.unscripted == "error":
        raise wire.Refusal(400, state.note_unscripted(request))
    if isinstance(entry, Replay):
        return recordings.serve(entry, call)
    fault = entry if isinstance(entry, Fault) else Fault()
    if fault.disconnect:
        return wire.Outgoing(0, {}, delay=fault.delay_start)
    if fault.status is not None:
        raise faults.refusal_of(fault, call.cloud, request)
    message = faults.apply_to_message(_message(state, call, entry), fault)
    delay = entry.delay if isinstance(entry, Reply) else 0.0
    if call.operation == "stream":
        return _streamed(call, message, fault, delay or state.settings.event_delay)
    refused = faults.refusal_of_broken_stream(fault)
    if refused is not None:
        raise refused
    return _whole(call, message, fault)


def _message(state: State, call: Call, entry: Reply | Fault | None) -> events.Message:
    seed = call.seed
    reply = entry if isinstance(entry, Reply) else Reply(blocks=entry.blocks if entry else ())
    if reply.blocks:
        seed = hashlib.sha256(seed + repr(reply.blocks).encode()).digest()
    else:
        answer = stand_in_answer(call)
        reply = replace(
            reply,
            blocks=answer.blocks,
            stop_reason=reply.stop_reason or answer.stop_reason,
            stop_sequence=reply.stop_sequence or answer.stop_sequence,
        )
    return events.Message(
        cloud=call.cloud,
        model=call.rules.name,
        seed=seed,
        blocks=reply.blocks,
        stop_reason=reply.stop_reason or events.stop_reason_for(reply.blocks),
        stop_sequence=reply.stop_sequence,
        stop_details=reply.stop_details,
        input_usage=state.cache.use(
            call.body,
            scope=f"{call.cloud}:{call.region}:{call.rules.name}",
            minimum=call.rules.min_cacheable,
        ),
        usage=reply.usage or {},
        chunk=reply.chunk,
        binding=bindings(call.rules.name, call.body)[-1] if call.binds_thinking else b"",
    )


def _headers(call: Call, seed: bytes) -> dict[str, str]:
    if call.cloud == "bedrock":
        return {"x-amzn-requestid": make_uuid(seed)}
    return {}


def _whole(call: Call, message: events.Message, fault: Fault) -> wire.Outgoing:
    headers = _headers(call, message.seed) | _JSON
    if call.is_invoke_model:
        headers |= {
            "x-amzn-bedrock-input-token-count": str(message.input_usage.fresh),
            "x-amzn-bedrock-output-token-count": str(message.output_tokens),
            "x-amzn-bedrock-invocation-latency": "400",
        }
    data = dumps(events.as_json(message)).encode()
    if fault.cut_after_bytes is None:
        return wire.Outgoing(200, headers, data, delay=fault.delay_start)
    return wire.Outgoing(
        200, headers, faults.apply_to_steps([data], fault), delay=fault.delay_start
    )


def _streamed(call: Call, message: events.Message, fault: Fault, delay: float) -> wire.Outgoing:
    renderer = Renderer(call.cloud, message, call.framing)
    stream = events.stream(message, whole_arguments=not _asks_for_arguments(call))
    frames = faults.apply_to_events(renderer.frames(stream), fault, renderer)
    steps = faults.apply_to_steps(_paced(frames, delay), fault)
    kind = STREAM_TYPES[call.framing]
    headers = _headers(call, message.seed) | {"content-type": kind}
    if call.is_invoke_model:
        headers["x-amzn-bedrock-content-type"] = "application/json"
    return wire.Outgoing(200, headers, steps, delay=fault.delay_start)


def _asks_for_arguments(call: Call) -> bool:
    """Whether a request wants the arguments of tools while they are written.

    A scripted call of a tool that the request does not have is streamed, too.
    """
    tools = call.body.get("tools")
    if not tools:
        return True
    eager = any(isinstance(each, dict) and each.get("eager_input_streaming") for each in tools)
    return eager or _FINE_GRAINED_BETA in call.betas


def _paced(frames: Iterator[wire.Step], delay: float) -> Iterator[wire.Step]:
    """Pause before each frame; longer before a long one, which takes longer to write."""
    for number, step in enumerate(frames):
        if delay and number:
            length = len(step) if isinstance(step, bytes) else 0
            yield wire.Pause(delay * max(1, (length - _FRAME_BYTES) // _PIECE_BYTES))
        yield step


def count_tokens(call: Call, state: State, request: wire.ReceivedRequest) -> JsonObject:
    """Return the token count of a request, as the cloud words it.

    Raises:
        Refusal: A scripted fault refuses it.
    """
    entry = state.script.take(call.cloud, call.region, call.operation, request)
    if isinstance(entry, Fault) and entry.status is not None:
        raise faults.refusal_of(entry, call.cloud, request)
    name = "inputTokens" if call.is_invoke_model else "input_tokens"
    given = entry.usage if isinstance(entry, Reply) else None
    return {name: (given or {}).get("input_tokens", count_input(call.body))}
