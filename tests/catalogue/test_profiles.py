"""`llm.profile`: LangChain's keys, for every model, by whatever id it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import get_args, get_type_hints

import pytest
from langchain_core.language_models import ModelProfile, model_profile

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.catalogue.models import ModelInfo, all_models
from langchain_claude_cloud.catalogue.resolution import INFERENCE_PROFILES
from langchain_claude_cloud.errors.types import Cloud

KNOWN_KEYS = get_type_hints(ModelProfile)
ALWAYS = set(KNOWN_KEYS) - {
    "last_updated",
    "mid_conversation_tools",
    "reasoning_effort_levels",
    "reasoning_effort_default",
}
"""What every model of the catalogue says something about."""

ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"


def forms(row: ModelInfo, cloud: Cloud) -> Iterator[str]:
    """Yield every way to name a model on a cloud."""
    yield from (row.name, *row.aliases)
    if cloud == "vertex":
        if row.vertex_id:
            yield from (row.vertex_id, f"{row.name}@20991231")
        return
    assert row.bedrock_id
    yield row.bedrock_id
    for prefix in INFERENCE_PROFILES:
        yield f"{prefix}.{row.bedrock_id}"
    yield f"{ACCOUNT}:inference-profile/us.{row.bedrock_id}"
    yield f"arn:aws:bedrock:us-east-1::foundation-model/{row.bedrock_id}"
    yield f"{ACCOUNT}:custom-model/{row.bedrock_id}/a1b2c3d4e5f6"


def profile_of(model: str, cloud: Cloud, **settings: str) -> ModelProfile:
    """Return a model's profile, and see to it that core has no complaint about it."""
    platform: Vertex | Bedrock = (
        Vertex(project="p") if cloud == "vertex" else Bedrock(region="us-east-1", **settings)  # type: ignore[arg-type]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile = ChatClaudeCloud(model=model, platform=platform).profile
        assert profile is not None
        model_profile._warn_unknown_profile_keys(profile)
    return profile


@pytest.mark.parametrize("cloud", get_args(Cloud))
@pytest.mark.parametrize("row", all_models(), ids=lambda row: row.name)
def test_every_id_of_a_model_has_the_models_profile(row: ModelInfo, cloud: Cloud) -> None:
    """By name, alias, exact id, prefixed id or ARN it is the same model."""
    named = profile_of(row.name, cloud)
    assert set(named) >= ALWAYS
    assert named["name"] == row.name
    assert named["max_input_tokens"] == row.context_window
    assert named["max_output_tokens"] == row.max_output_tokens
    for key, value in named.items():
        kind = KNOWN_KEYS[key]
        assert type(value) is (kind if isinstance(kind, type) else list), key
    for form in forms(row, cloud):
        assert profile_of(form, cloud) == named, form


@pytest.mark.parametrize(
    ("model", "cloud", "like"),
    [
        ("claude-sonnet-6", "vertex", "claude-sonnet-5-5"),
        ("claude-sonnet-6@20270101", "vertex", "claude-sonnet-5-5"),
        ("claude-opus-9-1", "bedrock", "claude-opus-5-5"),
        ("eu.anthropic.claude-haiku-7-20270101-v1:0", "bedrock", "claude-haiku-5-5"),
        (f"{ACCOUNT}:inference-profile/us.anthropic.claude-opus-9", "bedrock", "claude-opus-5-5"),
    ],
)
def test_a_model_of_tomorrow_has_its_familys_profile(model: str, cloud: Cloud, like: str) -> None:
    """Under its own name, and without a date or status that nobody knows."""
    profile, known = profile_of(model, cloud), profile_of(like, cloud)
    assert profile["name"] == model
    assert {**profile, "name": like} == {
        key: value for key, value in known.items() if key not in ("release_date", "status")
    }


def test_a_base_model_gives_an_arn_its_profile() -> None:
    """Nothing is asked for: the hint is enough."""
    arn = f"{ACCOUNT}:application-inference-profile/a1b2c3"
    hinted = profile_of(arn, "bedrock", base_model="claude-haiku-4-5")
    assert hinted == profile_of("claude-haiku-4-5", "bedrock")
    assert profile_of(arn, "bedrock")["max_output_tokens"] == hinted["max_output_tokens"]
    assert profile_of(arn, "bedrock")["name"] == arn


def test_several_platforms_have_what_all_of_them_have() -> None:
    """The smaller limit, the capability that every cloud has; what differs otherwise is left out."""
    both = [Vertex(project="p"), Bedrock(region="us-east-1")]
    for row in all_models():
        common = ChatClaudeCloud(model=row.name, platform=both).profile
        clouds = [profile_of(row.name, "vertex"), profile_of(row.name, "bedrock")]
        assert common is not None
        for key, value in common.items():
            theirs = [profile[key] for profile in clouds]  # type: ignore[literal-required]
            is_bool = isinstance(value, bool)
            assert value == (all(theirs) if is_bool else theirs[0]), (row.name, key)
    differing = ChatClaudeCloud(model="claude-opus-4-7", platform=both).profile
    assert differing is not None
    assert differing["structured_output"] is False
    assert profile_of("claude-opus-4-7", "vertex")["structured_output"] is True
