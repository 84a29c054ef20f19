"""What many prompts would take, before any is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.batch import estimate as module
from langchain_claude_cloud.batch.estimate import Prices, estimate
from langchain_claude_cloud.errors import ConfigurationError

TABLE = Prices(Decimal(10), Decimal(100))


def model(*platforms: Vertex | Bedrock) -> ChatClaudeCloud:
    """Return a model; it needs no credentials."""
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=list(platforms))


def test_quotas_are_counted_as_the_first_cloud_does() -> None:
    """Bedrock takes five tokens of its quota for one of an answer, Vertex AI one."""
    rows = [[HumanMessage("word " * 800)]] * 100
    vertex, bedrock = Vertex(project="some-project"), Bedrock(region="us-east-1")
    for platforms, weight in (((vertex, bedrock), 1), ((bedrock, vertex), 5)):
        found = estimate(
            model(*platforms), rows, answer_tokens=10, tokens_per_minute=1000, prices=TABLE
        )
        assert found.cloud == platforms[0].cloud
        assert found.quota_tokens == found.input_tokens + weight * 1000
        assert found.live_seconds == pytest.approx(found.quota_tokens * 60 / 1000)


def test_tools_are_part_of_each_prompt() -> None:
    """As are the schemas of structured output."""
    bare = model(Vertex(project="some-project"))
    tool = {"name": "f", "description": "long " * 500, "input_schema": {"type": "object"}}
    plain, bound = (
        estimate(one, ["Hi"] * 3, prices=TABLE) for one in (bare, bare.bind_tools([tool]))
    )
    assert bound.input_tokens > plain.input_tokens + 3 * 500
    assert bound.live_dollars is not None
    assert bound.batch_dollars == bound.live_dollars / 2


def test_jobs_are_split_by_records_and_by_size() -> None:
    """By the limits of the cloud's jobs."""
    found = module.Estimate("vertex", "m", inputs=100_001, bytes=256_000_001 * 3)
    module._count_jobs(found)
    assert found.jobs == 4
    found = module.Estimate("bedrock", "m", inputs=99)
    module._count_jobs(found)
    assert (found.jobs, found.fewest) == (None, 100)


def test_an_unknown_price_is_said() -> None:
    """Rather than taken for nothing."""
    unknown = ChatClaudeCloud(model="claude-unheard-of-9", platform=Vertex(project="some-project"))
    found = estimate(unknown, ["Hi"])
    assert (found.live_dollars, found.batch_dollars) == (None, None)
    with pytest.raises(ConfigurationError, match="tokens_per_minute"):
        estimate(unknown, ["Hi"], tokens_per_minute=0)
