"""What a call says is laid over what the model's fields say."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.options import CallOptions, read_options
from langchain_claude_cloud.errors import ConfigurationError, InvalidInputError

MODEL = ChatClaudeCloud(
    model="claude-sonnet-5-5", platform=Vertex(project="p", access_token="t"), betas=["own"]
)


def _read(**arguments: Any) -> CallOptions:
    return read_options(MODEL, arguments, stop=None, stream=False)


@pytest.mark.parametrize(
    ("given", "betas"),
    [
        (None, ("own",)),
        ([], ()),
        (["a", "b"], ("a", "b")),
        ("a", ("a",)),
        ("a, b,", ("a", "b")),
    ],
)
def test_betas_are_a_list_or_stand_in_one_string(given: Any, betas: tuple[str, ...]) -> None:
    """A string is no list of its letters."""
    assert _read(betas=given).request.betas == betas


@pytest.mark.parametrize("name", ["streaming", "stream_usage", "residency", "tokens_per_minute"])
def test_a_field_that_no_call_takes_is_said_to_be_the_models(name: str) -> None:
    """It is known, but not there."""
    with pytest.raises(InvalidInputError, match=f"{name} cannot be given to a call: set it on"):
        _read(**{name: None})


def test_every_argument_that_a_call_does_not_take_is_told() -> None:
    """Who has several is not told one after the other."""
    with pytest.raises(InvalidInputError) as caught:
        _read(tempature=1, streaming=True, region_name="us-east-1")
    for said in ("Did you mean 'temperature'?", "streaming cannot be", "platform=Bedrock(region"):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tool", "Did you mean 'tools'"),
        ("stream_mode", "goes into model_kwargs"),
        ("output_format", "or give response_format to a call"),
        ("functions", "give tools to bind_tools"),
    ],
)
def test_no_name_is_proposed_that_is_not_the_users(name: str, said: str) -> None:
    """LangChain and the package pass some for themselves."""
    with pytest.raises(InvalidInputError, match=said):
        _read(**{name: "x"})


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("tokens_per_minute", "many", "give 1 or more"),
        ("requests_per_minute", 0, "give 1 or more"),
        ("max_retries", -1, "0 or more"),
        ("max_retries", 1.5, "no whole number"),
    ],
)
def test_a_field_that_was_changed_later_is_checked_by_the_call(
    name: str, given: Any, said: str
) -> None:
    """`model_copy` and assignments of pydantic check nothing."""
    with pytest.raises(ConfigurationError, match=said):
        MODEL.model_copy(update={name: given}).invoke("Go.")


def test_raw_fields_may_be_taken_away_again() -> None:
    """None stands for none of them."""
    bare = MODEL.model_copy(update={"model_kwargs": None})
    read = read_options(bare, {"model_kwargs": {"a": 1}}, stop=None, stream=False)
    assert read.request.model_kwargs == {"a": 1}
    assert read_options(bare, {}, stop=None, stream=False).request.model_kwargs == {}


@pytest.mark.parametrize("given", ["100", 1.5, True])
def test_a_limit_is_a_number(given: Any) -> None:
    """Whether an answer is streamed internally depends on it, before anything is sent."""
    with pytest.raises(InvalidInputError, match="max_tokens is a number"):
        _read(max_tokens=given)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("temperature", "hot", "a number, not 'hot'"),
        ("top_p", True, "a number, not True"),
        ("top_k", 1.5, "a whole number, not 1.5"),
        ("context_1m", "no", "True or False, not 'no'"),
        ("fine_grained_tool_streaming", 0, "True or False, not 0"),
        ("parallel_tool_calls", "false", "True or False, not 'false'"),
        ("strict", "", "True or False, not ''"),
        ("user_id", 7, "a text, not a int"),
        ("context_management", [1], "the API's dict, not a list"),
    ],
)
def test_an_argument_of_another_kind_is_refused(name: str, given: Any, said: str) -> None:
    """A call's arguments are checked as the constructor's are, before anything is sent."""
    with pytest.raises(InvalidInputError, match=f"{name} is {said}"):
        _read(**{name: given})


@pytest.mark.parametrize("given", ["2", -1, True])
def test_retries_of_a_call_are_a_number(given: Any) -> None:
    """It would be an error of Python's after the first failure, else."""
    with pytest.raises(ConfigurationError, match="max_retries"):
        _read(max_retries=given)
