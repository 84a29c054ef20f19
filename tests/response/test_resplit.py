"""How arguments are split makes no difference, and half of them is never a call."""

from __future__ import annotations

import functools
import json
import operator
from typing import Any

import pytest
from answers import ORIGIN, WRITERS, chunks, finish, start, text, tool, unpacked
from data import load_recordings, needs_data
from langchain_core.messages import AIMessage, message_chunk_to_message
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from pydantic import BaseModel
from reference_fold import events_of

from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.blocks import ArgumentsError, parse_arguments
from langchain_claude_cloud.response.stream import ResponseStream


def _recorded_inputs() -> list[str]:
    """Return the raw arguments of every recorded call, streamed or not, each once."""
    raws: dict[str, None] = {}
    for row in load_recordings():
        if row["status"] != 200 or row["op"] in ("converse-stream", "converse"):
            continue
        if row["kind"] == "json":
            body = json.loads(row["body"])
            content = body.get("content") if isinstance(body, dict) else None
            for block in content if isinstance(content, list) else ():
                if block.get("type") == "tool_use" and block["input"]:
                    raws[json.dumps(block["input"], ensure_ascii=False)] = None
            continue
        joined: dict[int, str] = {}
        for event in events_of(row["kind"], row["body"]):
            if event["type"] == "content_block_delta" and "partial_json" in event["delta"]:
                index = event["index"]
                joined[index] = joined.get(index, "") + event["delta"]["partial_json"]
        raws.update(dict.fromkeys(raw for raw in joined.values() if raw))
    return list(raws)


INPUTS = _recorded_inputs() or [
    '{"content": "Grüße 🙂 aus Köln", "n": 12.5, "list": [1, {"a": null}]}'
]


def _message(parts: list[Any]) -> AIMessage:
    message = message_chunk_to_message(functools.reduce(operator.add, parts))
    assert isinstance(message, AIMessage)
    return message


@needs_data
def test_there_are_recorded_inputs() -> None:
    """The tests below run on what models really wrote."""
    assert len(INPUTS) > 50


@pytest.mark.parametrize("raw", INPUTS, ids=lambda raw: raw[:24])
def test_a_recorded_input_survives_any_split(raw: str) -> None:
    """One character a fragment, and one byte a packet, inside multi-byte characters too."""
    try:
        expected = parse_arguments(raw)
    except ArgumentsError:
        expected = None  # recorded as cut
    events = [start(), *tool(0, raw, size=1), *finish("tool_use")]
    for version in ("v0", "v1"):
        assert _valid(_message(chunks(events, version))) == expected
    stream: ResponseStream[Any] = ResponseStream(
        "sse", MessageAccumulator(WRITERS["v0"](ORIGIN)), ORIGIN
    )
    events = [start(), *tool(0, raw, size=7), *finish("tool_use")]
    body = "".join(
        f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events
    ).encode()
    pieces = [body[at : at + 1] for at in range(len(body))] if len(raw) < 2_000 else [body]
    parts = [output for piece in pieces for output in stream.feed(piece)]
    assert _valid(_message(unpacked([*parts, *stream.close()]))) == expected


def _valid(message: AIMessage) -> dict[str, Any] | None:
    return message.tool_calls[0]["args"] if message.tool_calls else None


@pytest.mark.parametrize("raw", INPUTS, ids=lambda raw: raw[:24])
def test_no_prefix_of_a_recorded_input_is_a_call(raw: str) -> None:
    """Wherever the model was cut, the finished message has no valid call."""
    stripped = raw.rstrip()
    cuts = range(1, len(stripped))
    for cut in cuts if len(stripped) < 400 else cuts[:: len(stripped) // 97]:
        with pytest.raises(ArgumentsError):
            parse_arguments(stripped[:cut])
    for cut in {1, len(stripped) // 2, len(stripped) - 1} & set(cuts):
        for reason in ("tool_use", "max_tokens", "end_turn"):
            events = [start(), *tool(0, stripped[:cut], size=9), *finish(reason)]
            message = _message(chunks(events))
            assert message.tool_calls == []
            assert message.invalid_tool_calls[0]["args"] == stripped[:cut]


def test_core_never_parses_our_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repairing parser is not reached, by merging, conversion or a large broken input."""

    def repair(*_: object, **__: object) -> None:
        raise AssertionError("core parsed a fragment of ours")

    monkeypatch.setattr("langchain_core.messages.ai.parse_partial_json", repair)
    broken = '{"content": "' + "x" * 500_000 + '" oops "' + "y" * 500_000 + '"}'
    parts = chunks([start(), *tool(0, broken, size=2_000), *finish("tool_use")])
    message = _message(parts)
    assert message_chunk_to_message(parts[0] + parts[1:]) == message
    assert message.invalid_tool_calls[0]["args"] == broken
    assert "character 500016" in (message.invalid_tool_calls[0]["error"] or "")


class Write(BaseModel):
    """Write a file."""

    path: str
    content: str = ""


RAW = '{"path": "a.md", "content": "one two three four five six seven"}'
EVENTS = [start(), *text(0, "I write."), *tool(1, RAW, size=6, name="Write"), *finish("tool_use")]


@pytest.mark.parametrize(
    "parser",
    [
        JsonOutputToolsParser(),
        JsonOutputKeyToolsParser(key_name="Write", first_tool_only=True),
        PydanticToolsParser(tools=[Write], first_tool_only=True),
    ],
    ids=lambda parser: type(parser).__name__,
)
def test_langchains_tool_parsers_stream_on_our_chunks(parser: Any) -> None:
    """They show a call while it is written, as they do with other models, and end with all."""
    values = list(parser.transform(iter(chunks(EVENTS))))
    assert len(values) > 3
    last = values[-1][0]["args"] if isinstance(values[-1], list) else values[-1]
    last = last.model_dump() if isinstance(last, BaseModel) else last
    assert last == json.loads(RAW)
