"""How many inputs are under way, and how fast they are begun."""

from __future__ import annotations

from langchain_claude_cloud.batch.concurrency import FIRST, MOST, ConcurrencyLimit


def test_the_limit_grows_one_by_one_while_it_is_reached() -> None:
    """An answer while there was room says nothing about the limit; there is a bound."""
    limit = ConcurrencyLimit("auto")
    limit.answered(FIRST - 1)
    assert limit.limit == FIRST
    limit.answered(FIRST)
    assert limit.limit == FIRST + 1
    for _ in range(2 * MOST):
        limit.answered(limit.limit)
    assert limit.limit == MOST


def test_the_limit_is_halved_once_for_those_that_began_before() -> None:
    """Many calls are refused for one reason; those that wait for a retry leave room for others."""
    limit = ConcurrencyLimit("auto")
    for _ in range(3 * FIRST):
        limit.answered(limit.limit)
    limit.throttled(0.0, 1.0)
    limit.throttled(0.5, 1.1)
    assert limit.limit == 2 * FIRST
    limit.throttled(1.2, 1.3)
    assert limit.limit == FIRST
    for began in range(2, 20):
        limit.throttled(began, began)
    assert limit.limit == FIRST


def test_a_number_stays() -> None:
    """The caller knows."""
    limit = ConcurrencyLimit(3)
    limit.throttled(0.0, 1.0)
    limit.answered(3)
    assert limit.limit == 3
