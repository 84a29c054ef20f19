"""The names that a model goes by: aliases, resource names, and the one that traces know."""

from __future__ import annotations

import pytest

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.catalogue.models import all_models, find
from langchain_claude_cloud.catalogue.resolution import catalogue_name, resolve
from langchain_claude_cloud.chat_models.fields import model_profile
from langchain_claude_cloud.config.checks import expand_alias
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud

ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of Claude Code's names a model."""
    for name in ("OPUS_MODEL", "SONNET_MODEL", "HAIKU_MODEL"):
        monkeypatch.delenv(f"ANTHROPIC_DEFAULT_{name}", raising=False)
    monkeypatch.delenv("ANTHROPIC_SMALL_FAST_MODEL", raising=False)


@pytest.mark.parametrize(
    ("alias", "model"),
    [
        ("opus", "claude-opus-5-5"),
        ("sonnet", "claude-sonnet-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("small", "claude-haiku-5-5"),
        ("claude-opus-5", "claude-opus-5"),
        ("opus-5", "opus-5"),
    ],
)
def test_an_alias_stands_for_the_newest_of_its_family(alias: str, model: str) -> None:
    """Any other name is left as it is."""
    assert expand_alias(alias) == model


@pytest.mark.parametrize(
    ("variable", "alias"),
    [
        ("ANTHROPIC_DEFAULT_OPUS_MODEL", "opus"),
        ("ANTHROPIC_DEFAULT_SONNET_MODEL", "sonnet"),
        ("ANTHROPIC_DEFAULT_HAIKU_MODEL", "haiku"),
        ("ANTHROPIC_DEFAULT_HAIKU_MODEL", "small"),
        ("ANTHROPIC_SMALL_FAST_MODEL", "small"),
    ],
)
def test_the_environment_names_an_aliass_model(
    variable: str, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for Claude Code: with a catalogue name, or an exact id of a cloud."""
    monkeypatch.setenv(variable, "us.anthropic.claude-opus-4-6-v1")
    llm = ChatClaudeCloud(model=alias, platform=Bedrock(region="us-east-1"))
    assert llm._get_ls_params()["ls_model_name"] == "claude-opus-4-6"
    monkeypatch.setenv(variable, alias)
    assert expand_alias(alias).startswith("claude-")


def test_an_aliass_exact_id_tells_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform is given: the model that the alias stands for says which."""
    monkeypatch.setenv("ANTHROPIC_DEFAULT_OPUS_MODEL", "claude-opus-4-5@20251101")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "p")
    llm = ChatClaudeCloud(model="opus")
    assert [route.config.cloud for route in llm._routes_for("opus", {})] == ["vertex"]


@pytest.mark.parametrize(
    "model", ["claude-opus-4-5@20251101", "claude-sonnet-5-5", "claude-opus-9"]
)
def test_a_publishers_resource_name_is_a_model_of_vertex(model: str) -> None:
    """As Google's consoles and samples write it."""
    resource = f"publishers/anthropic/models/{model}"
    assert resolve(resource, "vertex").model_id == resolve(model, "vertex").model_id
    llm = ChatClaudeCloud(model=resource, platform=Vertex(project="p"))
    assert llm.profile == ChatClaudeCloud(model=model, platform=Vertex(project="p")).profile
    with pytest.raises(ConfigurationError, match="is an id of Vertex AI"):
        resolve(resource, "bedrock")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        (f"{ACCOUNT}:inference-profile/us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        (f"{ACCOUNT}:application-inference-profile/a1b2", None),
        ("claude-opus-9", None),
    ],
)
def test_traces_get_the_catalogues_name(model: str, name: str | None) -> None:
    """Price tables know a model by it; what the catalogue lacks keeps the name it was given."""
    assert catalogue_name(model) == name
    cloud = (
        Bedrock(region="us-east-1") if "anthropic" in model or ":" in model else Vertex(project="p")
    )
    llm = ChatClaudeCloud(model=model, platform=cloud)
    assert llm._get_ls_params()["ls_model_name"] == (name or model)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Vertex(region="us-east-1"), "is a region of AWS.*us-east5"),
        (lambda: Vertex(region="ap-southeast-2"), "is a region of AWS"),
        (lambda: Vertex(count_tokens_region="us-gov-west-1"), "is a region of AWS"),
        (lambda: Bedrock(region="us-east1"), "is a region of Google Cloud.*us-east-1"),
        (lambda: Bedrock(region="europe-west4"), "is a region of Google Cloud"),
        (lambda: Vertex(region="eusc-de-east-1"), "is a region of AWS"),
        (lambda: Vertex(region="Global"), "region such as 'us-east5'"),
        (lambda: Vertex(region="jp"), "'global', 'us' and 'eu'"),
        (lambda: Vertex(region="us-east5-a"), "is a zone"),
        (lambda: Bedrock(region="us-east-1a"), "is a zone"),
        (lambda: Bedrock(region="us-east-1-lax-1a"), "is a zone"),
        (lambda: Vertex(region="us-east-1a"), "is a zone"),
        (lambda: Vertex(region="us-west-2-lax-1a"), "is a zone"),
        (lambda: Bedrock(region="us-east5-a"), "is a zone"),
        (lambda: Bedrock(region="europe-west1-b"), "is a zone"),
        (lambda: Bedrock(region="eu"), "as inference_profile"),
        (lambda: Bedrock(region="global"), "as inference_profile"),
        (lambda: Bedrock(region="US-EAST-1"), "region such as 'us-east-1'"),
        (lambda: Vertex(request_type="dedicated", region="global"), "provisioned throughput"),
        (lambda: Vertex(request_type="dedicated", region="eu"), "provisioned throughput"),
        (
            lambda: ChatClaudeCloud(
                model="claude-opus-5", platform=Vertex(project="p", request_type="dedicated")
            ),
            "provisioned throughput",
        ),
    ],
)
def test_a_region_that_cannot_be_meant_is_refused(
    make: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other cloud's spelling would only fail to resolve; the error says which is which."""
    monkeypatch.delenv("CLOUD_ML_REGION", raising=False)
    assert callable(make)
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_a_region_of_the_environment_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named."""
    monkeypatch.setenv("AWS_REGION", "us-central1")
    with pytest.raises(ConfigurationError, match=r"AWS_REGION .*region of Google Cloud"):
        ChatClaudeCloud(model="claude-opus-5", platform=Bedrock())


@pytest.mark.parametrize(
    ("name", "cloud", "status", "until"),
    [
        ("claude-opus-4-5", "vertex", "deprecated", "2027-01-22"),
        ("claude-opus-4-1", "bedrock", "deprecated", "2027-01-08"),
        ("claude-opus-4-1", "vertex", "deprecated", None),
        ("claude-sonnet-4", "bedrock", "deprecated", None),
        ("claude-opus-4", "bedrock", "retired", None),
        ("claude-3-5-haiku", "vertex", "retired", "2026-07-05"),
        ("claude-3-7-sonnet", "vertex", "retired", None),
        ("claude-3-7-sonnet", "bedrock", "deprecated", None),
        ("claude-sonnet-4-5", "bedrock", "deprecated", "2027-04-08"),
        ("claude-sonnet-4-5", "vertex", "deprecated", "2026-11-30"),
        ("claude-opus-5-5", "bedrock", "active", "2027-09-22"),
    ],
)
def test_a_model_lives_as_long_as_its_cloud_says(
    name: str, cloud: Cloud, status: str, until: str | None
) -> None:
    """Where a cloud says nothing, Anthropic's dates stand in, and the source tells which."""
    row = find(name)
    assert row is not None
    told = row.lifecycle(cloud)
    assert told.status == status
    assert until is None or told.until == until
    assert told.source
    profile = model_profile(resolve(name, cloud))
    assert profile["status"] == ("active" if status == "active" else "deprecated")


def test_each_lifecycle_of_a_cloud_has_a_source_and_a_date() -> None:
    """A date without a source is a rumour."""
    told = [one for row in all_models() for one in row.lifecycles.values()]
    assert told
    for one in told:
        assert one.status in ("active", "deprecated", "retired")
        assert len(one.source) > 3
        assert one.until is None or one.until > "2025"
