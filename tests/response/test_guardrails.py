"""What a guardrail of Bedrock did, whichever event of a stream says it."""

from __future__ import annotations

from typing import Any

import pytest
from answers import ORIGIN, chunks, finish, read, start, text
from langchain_core.messages import AIMessage

from langchain_claude_cloud.chat_models.structured_output import (
    StructuredOutputError,
    StructuredOutputParser,
)
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import ProtocolEventHandler, build_message

ACTION = "amazon-bedrock-guardrailAction"


def _events(*marked: int, stop_reason: str | None = "end_turn") -> list[dict[str, Any]]:
    """Return a stream whose marked events say INTERVENED, and all others NONE."""
    events: list[dict[str, Any]] = [
        start(),
        {"type": "ping"},
        *text(0, "Sorry, ", "blocked."),
        *finish(stop_reason),
    ]
    return [
        {**event, ACTION: "INTERVENED" if number in marked else "NONE"}
        for number, event in enumerate(events)
    ]


@pytest.mark.parametrize("place", range(8))
def test_an_intervention_on_any_event_holds_for_the_message(place: int) -> None:
    """Later events that say NONE do not take it back; Claude's own reason stands beside it."""
    for version in ("v0", "v1"):
        last = chunks(_events(place), version)[-1].response_metadata
        assert last["stop_reason"] == "guardrail_intervened"
        assert last["model_stop_reason"] == "end_turn"
        assert last[ACTION] == "INTERVENED"
    *_, finished = read(_events(place), ProtocolEventHandler(ORIGIN))[1]
    assert finished["metadata"]["stop_reason"] == "guardrail_intervened"


def test_without_an_intervention_the_reason_is_claudes() -> None:
    """The key for Claude's own reason is there only where another takes its place."""
    last = chunks(_events())[-1].response_metadata
    assert (last["stop_reason"], last[ACTION]) == ("end_turn", "NONE")
    assert "model_stop_reason" not in last


def test_a_continued_message_keeps_the_intervention_of_its_first_part() -> None:
    """A pause of the API does not make a blocked answer whole."""
    accumulator: MessageAccumulator[Any] = MessageAccumulator(pauses=1)
    first = {"content": [], "stop_reason": "pause_turn", ACTION: "INTERVENED"}
    accumulator.add_message(first)
    accumulator.add_message({"content": [], "stop_reason": "end_turn", ACTION: "NONE"})
    found = build_message(accumulator, ORIGIN, version="v0").response_metadata
    assert found["stop_reason"] == "guardrail_intervened"


def _reply(content: str, **metadata: Any) -> AIMessage:
    return AIMessage(content, response_metadata={"stop_reason": "guardrail_intervened", **metadata})


def test_structured_output_names_the_guardrail() -> None:
    """Its text in place of a value is no mistake of the model."""
    with pytest.raises(StructuredOutputError, match="guardrail of Bedrock"):
        StructuredOutputParser().invoke(_reply("Sorry, blocked.", model_stop_reason="end_turn"))


def test_a_value_that_a_guardrail_masked_is_a_value() -> None:
    """A guardrail that masks a name intervenes as well; what is whole and fits is returned."""
    reply = _reply('{"name": "{NAME}"}', model_stop_reason="end_turn")
    assert StructuredOutputParser().invoke(reply) == {"name": "{NAME}"}


def test_a_cut_value_stays_an_error_beside_a_guardrail() -> None:
    """Claude's own stop reason says that it was cut."""
    with pytest.raises(StructuredOutputError, match="max_tokens"):
        StructuredOutputParser().invoke(_reply('{"a": 1}', model_stop_reason="max_tokens"))
