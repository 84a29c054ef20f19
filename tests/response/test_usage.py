"""Usage as LangChain counts it, folded from the reports of a stream."""

from __future__ import annotations

import pytest
from answers import chunks, finish, start, text


def _usage(first: dict[str, object], last: dict[str, object]) -> dict[str, object]:
    ending = finish()
    ending[0]["usage"] = last
    events = [start(usage=first), *text(0, "Hi"), *ending]
    return dict(chunks(events)[-1].usage_metadata)


@pytest.mark.parametrize(
    ("later", "unsplit"),
    [
        ({"cache_creation_input_tokens": 3337}, 269),
        ({"cache_creation_input_tokens": 3068}, 0),
        ({}, 0),
    ],
)
def test_the_later_total_of_cache_writes_counts(later: dict[str, int], unsplit: int) -> None:
    """What its split by time to live does not explain is a write of unknown time to live."""
    split = {"ephemeral_5m_input_tokens": 3068, "ephemeral_1h_input_tokens": 0}
    first = {
        "input_tokens": 11,
        "output_tokens": 1,
        "cache_read_input_tokens": 6284,
        "cache_creation_input_tokens": 3068,
        "cache_creation": split,
    }
    found = _usage(first, {"output_tokens": 5, **later})
    assert found["input_tokens"] == 11 + 6284 + 3068 + unsplit
    details = found["input_token_details"]
    assert details == {"cache_read": 6284, "cache_creation": unsplit, **split}


def test_a_split_without_a_total_is_the_total() -> None:
    """Gateways may leave the sum out."""
    first = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_creation": {"ephemeral_1h_input_tokens": 7},
    }
    assert _usage(first, {"output_tokens": 5})["input_tokens"] == 8


def test_a_split_of_more_than_the_later_total_says_nothing() -> None:
    """The details never add up to more than the prompt."""
    first = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    }
    found = _usage(first, {"output_tokens": 5, "cache_creation_input_tokens": 5})
    assert found["input_tokens"] == 15
    assert found["input_token_details"] == {"cache_read": 0, "cache_creation": 5}
