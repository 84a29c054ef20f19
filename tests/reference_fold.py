"""A second, naive reading of recorded responses, to compare the package's with.

It shares no code with the package: SSE is split with a regular expression, event streams are
decoded by botocore, JSON by the standard library, and blocks are built up in plain dicts.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import EventStreamBuffer
from langchain_core.messages import AIMessage

CUT = {"max_tokens", "model_context_window_exceeded", "refusal"}


def events_of(kind: str, body: bytes) -> list[dict[str, Any]]:
    """Return the events of a recorded stream."""
    if kind == "sse":
        lines = re.findall(rb"^data:(.*)$", body, re.MULTILINE)
        return [json.loads(line) for line in lines]
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    payloads = [json.loads(message.payload) for message in buffer]
    return [json.loads(base64.b64decode(payload["bytes"])) for payload in payloads]


@dataclass
class Expected:
    """What a message must hold, whichever way it was read."""

    content: list[dict[str, Any]]
    stop_reason: str | None
    usage: dict[str, Any]
    stop_details: dict[str, Any] = field(default_factory=dict)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    invalid: list[tuple[str, str]] = field(default_factory=list)

    def content_blocks(self) -> list[dict[str, Any]]:
        """Return LangChain's view of the content, by core's translator for valid blocks."""
        blocks = [self._translate(block) for block in self.content]
        if not self.content and not self.invalid:
            blocks = [{"type": "text", "text": ""}]
        return [*blocks, *self._refusal()]

    def _refusal(self) -> list[dict[str, Any]]:
        """Return the block by which LangChain says that the model refused."""
        if self.stop_reason != "refusal":
            return []
        category = self.stop_details.get("category")
        extras = {"extras": {"category": category}} if category else {}
        text = self.stop_details.get("explanation") or ""
        return [{"type": "refusal", "refusal": text, **extras}]

    def _translate(self, block: dict[str, Any]) -> dict[str, Any]:
        message = AIMessage(content=[block], response_metadata={"model_provider": "anthropic"})
        (translated,) = message.content_blocks
        return dict(translated)


def fold(events: list[dict[str, Any]]) -> Expected:
    """Fold the events of one message."""
    message: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    raw: dict[int, str] = {}
    ended: set[int] = set()
    for event in events:
        kind = event["type"]
        if kind == "message_start":
            message = dict(event["message"])
            usage = dict(message.get("usage") or {})
        elif kind == "content_block_start":
            blocks[event["index"]] = json.loads(json.dumps(event["content_block"]))
        elif kind == "content_block_delta":
            _apply(blocks[event["index"]], event["delta"], raw, event["index"])
        elif kind == "content_block_stop":
            ended.add(event["index"])
        elif kind == "message_delta":
            message.update({k: v for k, v in event["delta"].items() if v is not None})
            usage.update({k: v for k, v in event.get("usage", {}).items() if v is not None})
    for index, text in raw.items():
        blocks[index]["raw"] = text
    in_order = [(blocks[index], index in ended) for index in sorted(blocks)]
    return _finish(in_order, message, usage)


def _apply(block: dict[str, Any], delta: dict[str, Any], raw: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case "input_json_delta":
            raw[index] = raw.get(index, "") + delta["partial_json"]
        case "compaction_delta":
            block.update({k: v for k, v in delta.items() if k != "type" and v is not None})


def fold_message(message: dict[str, Any]) -> Expected:
    """Read a message that was not streamed."""
    blocks = [json.loads(json.dumps(block)) for block in message["content"]]
    in_order = [(block, True) for block in blocks]
    stop_reason = message.get("stop_reason")
    if blocks and blocks[-1]["type"] == "tool_use" and stop_reason in CUT:
        blocks[-1]["raw"] = json.dumps(blocks[-1]["input"], ensure_ascii=False)
        in_order[-1] = (blocks[-1], False)
    return _finish(in_order, message, message.get("usage") or {})


def _finish(
    blocks: list[tuple[dict[str, Any], bool]], message: dict[str, Any], usage: dict[str, Any]
) -> Expected:
    details = message.get("stop_details") or {}
    expected = Expected([], message.get("stop_reason"), usage, details)
    for number, (block, ended) in enumerate(blocks):
        text = block.pop("raw", "")
        last = number == len(blocks) - 1
        clean = {k: v for k, v in block.items() if v is not None}
        if clean["type"] == "text" and not clean["text"] and not clean.get("citations"):
            continue
        if clean.get("citations") == []:
            del clean["citations"]
        if clean["type"] == "tool_use":
            _finish_call(
                expected, clean, text, whole=ended and not (last and _is_cut(text, expected))
            )
            continue
        if clean["type"] in ("server_tool_use", "mcp_tool_use") and text:
            clean["input"] = json.loads(text)
        expected.content.append(clean)
    return expected


def _is_cut(text: str, expected: Expected) -> bool:
    return not text and expected.stop_reason in CUT


def _finish_call(expected: Expected, block: dict[str, Any], text: str, *, whole: bool) -> None:
    try:
        arguments = (json.loads(text) if text else block["input"]) if whole else json.loads("cut")
    except ValueError:
        expected.invalid.append((block["id"], text))
        return
    expected.content.append({**block, "input": arguments})
    expected.tool_calls.append(
        {"name": block["name"], "args": arguments, "id": block["id"], "type": "tool_call"}
    )


def without_index(blocks: list[Any]) -> list[Any]:
    """Return content blocks without the positions that only streams have."""
    return [{k: v for k, v in block.items() if k != "index"} for block in blocks]


def check(message: AIMessage, expected: Expected) -> None:
    """Assert that a message holds what was expected."""
    blocks = without_index(message.content_blocks)
    sound = [block for block in blocks if block["type"] != "invalid_tool_call"]
    assert sound == expected.content_blocks()
    assert message.tool_calls == expected.tool_calls
    assert [(call["id"], call["args"]) for call in message.invalid_tool_calls] == expected.invalid
    broken = [block for block in blocks if block["type"] == "invalid_tool_call"]
    assert [(block["id"], block["args"]) for block in broken] == expected.invalid
    assert message.response_metadata.get("stop_reason") == expected.stop_reason
    assert message.response_metadata.get("usage", {}) == expected.usage
    check_usage(message, expected.usage)


def check_usage(message: AIMessage, usage: dict[str, Any]) -> None:
    """Assert that the usage metadata adds up to the raw usage."""
    if not usage:
        assert message.usage_metadata is None
        return
    found = message.usage_metadata
    assert found is not None
    read, written = (usage.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation"))
    assert found["input_tokens"] == usage.get("input_tokens", 0) + read + written
    assert found["output_tokens"] == usage["output_tokens"]
    assert found["total_tokens"] == found["input_tokens"] + found["output_tokens"]
    assert found["input_token_details"]["cache_read"] == read
