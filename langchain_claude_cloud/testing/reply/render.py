"""Puts what one cloud adds around the common events, and frames them.

Server-sent events have pings; event-stream frames have Bedrock's invocation metrics.
"""

from __future__ import annotations

from collections.abc import Iterator

from langchain_claude_cloud.errors.types import Cloud, Framing, JsonObject
from langchain_claude_cloud.testing.reply.events import Message
from langchain_claude_cloud.testing.reply.framing import chunk_frame, exception_frame, sse_event
from langchain_claude_cloud.testing.reply.ids import Noise, make_id

_ERROR_TYPES = {
    "validationException": "invalid_request_error",
    "throttlingException": "rate_limit_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}


class Renderer:
    """Frames the events of one message."""

    def __init__(self, cloud: Cloud, message: Message, framing: Framing) -> None:
        self._cloud = cloud
        self._is_sse = framing == "sse"
        self._message = message
        self._noise = Noise(b"frames" + message.seed)

    def frames(self, events: Iterator[JsonObject]) -> Iterator[bytes]:
        """Yield each event in the cloud's framing."""
        for event in events:
            yield self.event(self._decorated(event))
            if event["type"] == "message_start" and self._is_sse:
                yield self.event({"type": "ping"})

    def event(self, event: JsonObject) -> bytes:
        """Return one event in the cloud's framing."""
        if self._is_sse:
            return sse_event(event, self._noise)
        return chunk_frame(event, self._noise)

    def error(self, error: JsonObject) -> bytes:
        """Return a mid-stream error event."""
        event: JsonObject = {"type": "error", "error": error}
        if self._is_sse:
            event["request_id"] = make_id("req", self._cloud, self._message.seed)
        return self.event(event)

    def exception(self, kind: str, message: str) -> bytes:
        """Return an exception frame, or the server-sent error event that comes closest."""
        if self._is_sse:
            return self.error({"type": _ERROR_TYPES.get(kind, "api_error"), "message": message})
        payload: JsonObject = {"message": message}
        if kind == "modelStreamErrorException":
            payload |= {"originalStatusCode": 503, "originalMessage": message}
        return exception_frame(kind, payload)

    def _decorated(self, event: JsonObject) -> JsonObject:
        if event["type"] != "message_stop" or self._is_sse:
            return event
        usage = self._message.input_usage
        metrics: JsonObject = {
            "inputTokenCount": usage.fresh,
            "outputTokenCount": self._message.output_tokens,
            "invocationLatency": 400,
            "firstByteLatency": 120,
        }
        if usage.total != usage.fresh:
            metrics["cacheReadInputTokenCount"] = usage.read
            metrics["cacheWriteInputTokenCount"] = usage.written_5m + usage.written_1h
        return {**event, "amazon-bedrock-invocationMetrics": metrics}
