"""Random conversations come out as they went in, in whichever form LangChain holds them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest
from answered import WAYS
from api_histories import Json, api_histories
from hypothesis import HealthCheck, example, given, settings
from intended_differences import LOST_IN_OPENAIS_FORM, needed
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
    convert_to_openai_messages,
    messages_from_dict,
    messages_to_dict,
)
from recorded_requests import rebuild
from request_models import model_with
from wild_histories import wild_histories

from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.request.messages.conversion import convert_messages
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.model_rules import rules_for
from langchain_claude_cloud.testing.validation.body import check
from langchain_claude_cloud.testing.wire import Refusal

# Loading is what langchain-core calls it.
pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

MODEL = model_with()
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANOTHER_FORM: Final = {"text as a string or as a block"}


TOOL = {"name": "f", "input_schema": {"type": "object"}}
"""What the references in results name."""


def refused_by_the_api(body: Json, name: str = "claude-sonnet-4-5", cloud: Any = "vertex") -> str:
    """Return why the emulator's validation would refuse a body; nothing if it takes it."""
    rules = rules_for(name)
    assert rules is not None
    version = "vertex-2023-10-16" if cloud == "vertex" else "bedrock-2023-05-31"
    whole = {"anthropic_version": version, "max_tokens": 64, **body}
    call = Call(cloud=cloud, operation="invoke", model=name, rules=rules, region=None, body=whole)
    try:
        check(call)
    except Refusal as refusal:
        return str(refusal)
    return ""


def _compare(messages: list[BaseMessage], turns: list[Json]) -> None:
    sent = convert_messages(messages, MODEL).messages
    assert needed({"messages": sent}, {"messages": turns}) <= ANOTHER_FORM


def _history(turns: list[Json], way: str) -> list[BaseMessage]:
    def answered(content: Any) -> AIMessage:
        return WAYS[way](content)

    return rebuild({"messages": turns, "max_tokens": 1}, answered)[0]


@pytest.mark.parametrize("way", WAYS)
@FEW
@given(turns=api_histories())
def test_a_conversation_comes_out_as_it_was(way: str, turns: list[Json]) -> None:
    """Answers as the package hands them out, in each form; the rest as people write it."""
    assert not refused_by_the_api({"messages": turns, "tools": [TOOL]})
    _compare(_history(turns, way), turns)


def _dumped(messages: list[BaseMessage]) -> list[BaseMessage]:
    return list(loads(dumps(messages), allowed_objects="messages"))


def _as_dicts(messages: list[BaseMessage]) -> list[BaseMessage]:
    return messages_from_dict(json.loads(json.dumps(messages_to_dict(messages))))


def _pickled(messages: list[BaseMessage]) -> list[BaseMessage]:
    return pickle.loads(pickle.dumps(messages))  # type: ignore[no-any-return]  # noqa: S301 - ours


SAVED: Final[dict[str, Callable[[list[BaseMessage]], list[BaseMessage]]]] = {
    "dumped and loaded": _dumped,
    "as dicts": _as_dicts,
    "pickled": _pickled,
}


@pytest.mark.parametrize("version", ["whole, v0", "streamed, v1"])
@pytest.mark.parametrize("form", SAVED)
@FEW
@given(turns=api_histories())
def test_a_saved_conversation_comes_out_as_it_was(
    form: str, version: str, turns: list[Json]
) -> None:
    """Whole histories, results included, after a checkpoint."""
    _compare(SAVED[form](_history(turns, version)), turns)


@FEW
@given(turns=api_histories())
def test_a_conversation_of_dicts_comes_out_as_it_was(turns: list[Json]) -> None:
    """The API's own messages as dicts, which LangChain takes in place of its own."""
    _compare(convert_to_messages(turns), turns)


@FEW
@given(turns=api_histories())
def test_a_conversation_in_openais_form_keeps_what_that_form_can_hold(turns: list[Json]) -> None:
    """Text, pictures, documents, thinking, calls and results; what is lost is listed."""
    _losses(turns)


def _losses(turns: list[Json]) -> set[str]:
    written = convert_to_openai_messages(
        _history(turns, "by hand"), pass_through_unknown_blocks=True
    )
    sent = convert_messages(convert_to_messages(written), MODEL).messages
    return needed({"messages": sent}, {"messages": turns}, LOST_IN_OPENAIS_FORM)


def test_every_loss_of_openais_form_exists() -> None:
    """One that LangChain no longer causes is taken off the list."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    failed = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True}
    one, two = ({"type": "text", "text": text} for text in ("one", "two"))
    turns: list[Json] = [
        {"role": "user", "content": [{**one, "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [one, two]},
        {"role": "user", "content": [one]},
        {"role": "assistant", "content": [{**call, "caller": {"type": "direct"}}, one]},
        {"role": "user", "content": [{**failed, "content": [one, two]}]},
    ]
    found = _losses(turns)
    assert found == {each.name for each in LOST_IN_OPENAIS_FORM}
    assert all(each.reason for each in LOST_IN_OPENAIS_FORM)


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-5-5"])
@settings(FEW, max_examples=40)
@example(
    history=[AIMessage([{"type": "web_search_tool_result", "tool_use_id": "s", "content": []}])]
)
@example(history=[AIMessage([{"type": "thinking", "thinking": "cut"}]), HumanMessage("?")])
@given(history=wild_histories())
def test_any_history_becomes_one_that_the_api_takes_or_is_refused_here(
    name: str, cloud: Any, history: list[BaseMessage]
) -> None:
    """Nothing that the API would answer with a 400 leaves, whatever the history holds."""
    before = copy.deepcopy(history)
    model = resolve(name, cloud, region="us-east-1")
    try:
        request = build_request(history, RequestOptions(max_tokens=64), model)
    except InvalidInputError:
        body = None
    else:
        body = request.body
    assert body is None or not refused_by_the_api(body, name, cloud)
    assert history == before
