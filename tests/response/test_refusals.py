"""A refusal is LangChain's standard block, on every path and at every version of the content."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from answers import ORIGIN, Event, chunks, finish, read, start, text, tool
from langchain_core.exceptions import ModelRefusalError
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, message_chunk_to_message
from langchain_core.output_parsers import JsonOutputParser
from reference_fold import without_index

from langchain_claude_cloud.chat_models.structured_output import (
    StructuredOutputError,
    StructuredOutputParser,
)
from langchain_claude_cloud.response.message import ProtocolEventHandler, build_message

DETAILS = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
REFUSAL = {"type": "refusal", "refusal": "Not that.", "extras": {"category": "cyber"}}

CONTENTS: dict[str, list[Event]] = {
    "nothing": [],
    "an empty text": text(0),
    "a text": text(0, "I will"),
    "a text and a cut call": [*text(0, "I will"), *tool(1, '{"path"', ended=False)],
}


def _events(content: list[Event], **delta: Any) -> list[Event]:
    ending = finish("refusal")
    ending[0]["delta"].update({"stop_details": DETAILS, **delta})
    return [start(), *content, *ending]


def _messages(events: list[Event]) -> dict[str, AIMessage]:
    found: dict[str, AIMessage] = {}
    for version in ("v0", "v1"):
        merged = functools.reduce(operator.add, chunks(events, version))
        assert merged.content_blocks[-1]["type"] == "refusal"
        found[f"merged {version}"] = merged
        found[f"chunks {version}"] = message_chunk_to_message(merged)
    accumulated, protocol = read(events, ProtocolEventHandler(ORIGIN))
    found |= {
        version: build_message(accumulated, ORIGIN, version=version)  # type: ignore[arg-type]
        for version in ("v0", "v1")
    }
    stream = ChatModelStream()
    for event in protocol:
        stream.dispatch(event)
    assert stream.output_message is not None
    found["events"] = stream.output_message
    return found


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_refused_answer_ends_with_the_refusal_block(content: list[Event]) -> None:
    """The same blocks on every path: what was said before, then why nothing follows."""
    found = _messages(_events(content))
    expected = without_index(found["v0"].content_blocks)
    assert expected[-1] == REFUSAL
    assert sum(block["type"] == "refusal" for block in expected) == 1
    for path, message in found.items():
        assert without_index(message.content_blocks) == expected, path
        with pytest.raises(ModelRefusalError, match=r"cyber.*Not that"):
            JsonOutputParser().invoke(message)


@pytest.mark.parametrize("details", [None, {"type": "refusal", "category": None}])
def test_a_refusal_without_details_has_an_empty_text(details: Any) -> None:
    """The stop reason alone says that the model refused."""
    for message in _messages(_events([], stop_details=details)).values():
        assert without_index(message.content_blocks)[-1] == {"type": "refusal", "refusal": ""}


def test_events_of_a_refusal_show_its_type() -> None:
    """The finish of the block is a refusal to whoever reads the event as the dict it is."""
    _, events = read(_events(text(0, "I will")), ProtocolEventHandler(ORIGIN))
    *_, opened, finished, last = events
    assert opened["content"] == finished["content"] == REFUSAL
    assert finished["content"]["type"] == "refusal"
    assert (opened["index"], finished["index"], last["event"]) == (1, 1, "message-finish")


@pytest.mark.parametrize("path", ["v0", "v1", "chunks v0", "chunks v1", "events"])
def test_structured_output_raises_langchains_error_and_ours(path: str) -> None:
    """Callers that know only one of the two classes handle it alike."""
    message = _messages(_events(text(0, '{"a": 1}')))[path]
    parser = StructuredOutputParser()
    with pytest.raises(ModelRefusalError, match=r"category cyber.*Not that") as caught:
        parser.invoke(message)
    assert isinstance(caught.value, StructuredOutputError)
    assert caught.value.raw_message is caught.value.message
