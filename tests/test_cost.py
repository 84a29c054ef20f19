"""What calls cost: prices of the cloud, the profile and the caches that were used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.cost import CostCallback, cost_of
from langchain_claude_cloud.testing import CloudEmulator, text

MILLION = 1_000_000
UNPRICED = {"claude-mythos-preview", "claude-mythos-5", "claude-mythos-5-1", "claude-sonnet-5"}
"""What genai-prices 0.2.3 has no price for, on one of the clouds at least."""


def answer(platform: str, *, details: dict[str, int] | None = None, **metadata: Any) -> AIMessage:
    """Return an answer to a prompt of a million tokens, with as many in the answer."""
    return AIMessage(
        "Hello.",
        usage_metadata={
            "input_tokens": MILLION,
            "output_tokens": MILLION,
            "total_tokens": 2 * MILLION,
            "input_token_details": details or {},  # type: ignore[typeddict-item]
        },
        response_metadata={
            "platform": platform,
            "model_name": "claude-sonnet-5-5",
            "region": "global" if platform == "vertex" else "us-east-1",
            **metadata,
        },
    )


def test_input_and_output_have_prices_of_their_own() -> None:
    """The list price of Sonnet 5.5: 2 dollars in, 10 out, a million tokens each."""
    cost = cost_of(answer("vertex"))
    assert cost is not None
    assert (cost.input, cost.output, cost.total) == (Decimal(2), Decimal(10), Decimal(12))
    assert cost.notes == ()
    assert str(cost) == "$12.0000"


@pytest.mark.parametrize(("profile", "total"), [("global", "12"), ("eu", "13.2"), (None, "13.2")])
def test_on_bedrock_the_inference_profile_decides(profile: str | None, total: str) -> None:
    """Geographic profiles and single regions cost ten percent more."""
    cost = cost_of(answer("bedrock", inference_profile=profile))
    assert cost is not None
    assert cost.total == Decimal(total)


@pytest.mark.parametrize(
    ("options", "usage", "factor"),
    [
        ({"api": "messages"}, {}, "1"),
        ({"api": "mantle"}, {}, "1.1"),
        ({"api": "claude-platform"}, {}, "1"),
        ({"api": "claude-platform"}, {"inference_geo": "us"}, "1.1"),
    ],
)
def test_each_of_bedrocks_apis_has_its_price(
    options: dict[str, Any], usage: dict[str, Any], factor: str
) -> None:
    """A single region costs more; Claude Platform has Anthropic's price, and one for the US."""
    with CloudEmulator() as emulator:
        emulator.reply(text("Hello."), usage={"input_tokens": MILLION, **usage})
        model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.bedrock(**options))
        answered = model.invoke("Hi.", model_kwargs=usage)
    cost = cost_of(answered)
    assert cost is not None
    assert cost.input == 2 * Decimal(factor)
    assert answered.response_metadata["model_id"] == emulator.requests[0].model


@pytest.mark.parametrize(
    ("details", "price"),
    [
        ({"cache_read": MILLION}, "0.1"),
        ({"cache_creation": MILLION}, "2.5"),
        ({"ephemeral_5m_input_tokens": MILLION}, "2.5"),
        ({"ephemeral_1h_input_tokens": MILLION}, "4"),
        ({"cache_creation": 0, "ephemeral_1h_input_tokens": MILLION // 2}, "3"),
    ],
)
def test_caches_have_prices_of_their_own(details: dict[str, int], price: str) -> None:
    """Reads are cheap; writes cost more, and for an hour still more."""
    cost = cost_of(answer("vertex", details=details))
    assert cost is not None
    assert cost.input == Decimal(price)


def test_what_the_table_cannot_tell_is_said() -> None:
    """A regional endpoint of Vertex AI, and an unusual tier."""
    regional = cost_of(answer("vertex", region="eu"))
    tier = cost_of(answer("bedrock", inference_profile="global", service_tier="flex"))
    assert regional is not None
    assert tier is not None
    assert "10 % more" in regional.notes[0]
    assert "'flex'" in tier.notes[0]
    assert (regional + tier).notes == (*regional.notes, *tier.notes)


@pytest.mark.parametrize("platform", ["vertex", "bedrock"])
def test_the_table_knows_the_active_models(platform: str) -> None:
    """Each model of the catalogue that the cloud serves has a price."""
    missing = {
        row.name
        for row in all_models()
        if row.status == "active"
        and (row.vertex_id if platform == "vertex" else row.bedrock_id)
        and cost_of(answer(platform, model_name=row.name, inference_profile="global")) is None
    }
    assert missing <= UNPRICED


def test_an_unknown_model_has_no_price() -> None:
    """None, rather than a guess; no usage, no price either."""
    assert cost_of(answer("vertex", model_name="claude-quince-9")) is None
    assert cost_of(AIMessage("Hello.")) is None


def test_a_callback_adds_up_a_run() -> None:
    """From many threads, on both clouds; what has no price is counted apart."""
    total = CostCallback()
    with CloudEmulator() as emulator:
        emulator.reply(text("Hello."), times=None)
        models = [
            ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform)
            for platform in (emulator.vertex(), emulator.bedrock())
        ]
        with ThreadPoolExecutor(4) as threads:
            answers = list(
                threads.map(
                    lambda number: models[number % 2].invoke("Hi.", {"callbacks": [total]}),
                    range(8),
                )
            )
    costs = [cost_of(one) for one in answers]
    assert total.cost.total == sum(cost.total for cost in costs if cost)
    assert (total.calls, total.unknown) == (8, 0)
