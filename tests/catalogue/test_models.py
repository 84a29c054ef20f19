"""The catalogue: ids per cloud, profiles, capabilities, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import time
import warnings
from importlib import resources
from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types.model import Model
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import model_profile as core_profile

from langchain_claude_cloud import Bedrock
from langchain_claude_cloud.catalogue import models, resolution
from langchain_claude_cloud.catalogue.models import Capabilities, ModelInfo
from langchain_claude_cloud.catalogue.resolution import (
    INFERENCE_PROFILES,
    lies_within,
    region_geography,
    resolve,
)
from langchain_claude_cloud.chat_models.fields import model_profile
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud

ROWS = {row.name: row for row in models.all_models()}
SONNET_4_5 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NAMED_ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET_4_5}"
PROVISIONED_ARN = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/x1"
NEWEST_SONNET = "claude-sonnet-5-5"
UNNAMED = "a model that its ARN does not name"
NAMELESS_ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_is_complete(row: ModelInfo) -> None:
    """A row has ids of the clouds' shapes, limits and known prefixes."""
    assert row.name.startswith("claude-")
    assert row.family in row.name
    assert re.fullmatch(r"202\d-\d\d-\d\d", row.released)
    assert row.vertex_id is None or row.vertex_id.partition("@")[0] == row.name
    assert row.bedrock_id is not None
    assert resolution.cloud_of(row.bedrock_id) == "bedrock"
    assert set(row.bedrock_prefixes) <= set(INFERENCE_PROFILES)
    assert row.context_window in {200_000, 1_000_000}
    assert 4096 <= row.max_output_tokens <= 128_000
    assert row.status in {"active", "deprecated", "retired"}


@pytest.mark.parametrize("row", models.catalogue_file()["models"], ids=lambda row: row["name"])
def test_every_row_says_where_it_comes_from(row: dict[str, Any]) -> None:
    """And how sure that is."""
    generations = models.catalogue_file()["generations"]
    facts, layer = [*row["evidence"]], row
    while parent := layer.get("generation") or layer.get("extends"):
        layer = generations[parent]
        facts += layer["evidence"]
    assert len(facts) >= 4
    assert any(re.search(r"\b(high|medium|low)\b", fact) for fact in facts)


@pytest.mark.parametrize("cloud", get_args(Cloud))
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_capabilities_are_of_the_declared_types(row: ModelInfo, cloud: Cloud) -> None:
    """What the JSON says about a model fits the types that the request stage relies on."""
    takes = row.capabilities(cloud)
    assert takes.fine_grained_tools in {"field", "beta", "none"}
    assert takes.context_1m in {"standard", "beta", "none"}
    assert takes.thinking_default in {"off", "on", "always"}
    assert takes.thinking_types <= {"enabled", "adaptive", "disabled", "between_tools"}
    assert set(takes.effort_levels) <= {"low", "medium", "high", "xhigh", "max"}
    assert (takes.effort_default in takes.effort_levels) == bool(takes.effort_levels)
    for field, kind in get_type_hints(Capabilities).items():
        if kind is bool:
            assert isinstance(getattr(takes, field), bool), field


def test_the_json_holds_no_key_that_nothing_reads() -> None:
    """A misspelt capability in the JSON would otherwise be ignored in silence."""
    text = (
        resources.files("langchain_claude_cloud.catalogue")
        .joinpath("models.json")
        .read_text("utf-8")
    )
    data = json.loads(text)
    capabilities = {field.name for field in dataclasses.fields(Capabilities)}
    layers = [*data["generations"].values(), *data["models"], data["stand_in"]]
    known = {field.name for field in dataclasses.fields(ModelInfo)} | {"capabilities", "evidence"}
    for layer in layers:
        assert set(layer) <= known | {"extends", "generation"}
        for part in ("capabilities", "vertex", "bedrock"):
            assert set(layer.get(part, {})) <= capabilities
    assert {row["generation"] for row in data["models"]} <= set(data["generations"])


def test_every_model_of_the_first_party_sdk_is_there() -> None:
    """The names that the Anthropic SDK lists all resolve to a row of their own family."""
    names = get_args(get_args(Model)[0])
    assert len(names) > 15
    for name in names:
        assert resolve(name, "vertex").known, name
        assert resolve(name, "bedrock").info.family in name


@pytest.mark.parametrize(
    ("name", "vertex", "bedrock"),
    [
        ("claude-3-haiku", "claude-3-haiku@20240307", "us.anthropic.claude-3-haiku-20240307-v1:0"),
        ("claude-3-opus", "claude-3-opus@20240229", "us.anthropic.claude-3-opus-20240229-v1:0"),
        (
            "claude-3-5-sonnet",
            "claude-3-5-sonnet@20240620",
            "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
        ),
        (
            "claude-3-5-sonnet-v2",
            "claude-3-5-sonnet-v2@20241022",
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
        (
            "claude-3-5-haiku",
            "claude-3-5-haiku@20241022",
            "us.anthropic.claude-3-5-haiku-20241022-v1:0",
        ),
        (
            "claude-3-7-sonnet",
            "claude-3-7-sonnet@20250219",
            "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        ),
        (
            "claude-sonnet-4",
            "claude-sonnet-4@20250514",
            "global.anthropic.claude-sonnet-4-20250514-v1:0",
        ),
        ("claude-opus-4", "claude-opus-4@20250514", "us.anthropic.claude-opus-4-20250514-v1:0"),
        (
            "claude-opus-4-1",
            "claude-opus-4-1@20250805",
            "us.anthropic.claude-opus-4-1-20250805-v1:0",
        ),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929", f"global.{SONNET_4_5}"),
        (
            "claude-haiku-4-5",
            "claude-haiku-4-5@20251001",
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        (
            "claude-opus-4-5",
            "claude-opus-4-5@20251101",
            "global.anthropic.claude-opus-4-5-20251101-v1:0",
        ),
        ("claude-opus-4-6", "claude-opus-4-6", "global.anthropic.claude-opus-4-6-v1"),
        ("claude-sonnet-4-6", "claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6"),
        ("claude-opus-4-8", "claude-opus-4-8", "global.anthropic.claude-opus-4-8"),
        ("claude-haiku-5-5", "claude-haiku-5-5", "global.anthropic.claude-haiku-5-5"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5"),
        ("claude-fable-5-2", "claude-fable-5-2", "global.anthropic.claude-fable-5-2"),
        ("claude-mythos-5-1", "claude-mythos-5-1", "anthropic.claude-mythos-5-1"),
        # First-party ids with a date, and aliases.
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929", f"global.{SONNET_4_5}"),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4-5@20250929", f"global.{SONNET_4_5}"),
        ("claude-opus-4-0", "claude-opus-4@20250514", "us.anthropic.claude-opus-4-20250514-v1:0"),
        (
            "claude-3-5-sonnet-20241022",
            "claude-3-5-sonnet-v2@20241022",
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
        (
            "claude-3-5-sonnet-latest",
            "claude-3-5-sonnet-v2@20241022",
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
        (
            "claude-3-5-sonnet-20240620",
            "claude-3-5-sonnet@20240620",
            "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
        ),
        (
            "claude-sonnet-4-5-20250929-v1:0",  # an id of Bedrock without what goes before it
            "claude-sonnet-4-5@20250929",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_a_name_becomes_the_id_of_each_cloud(name: str, vertex: str, bedrock: str) -> None:
    """One name works on both clouds."""
    there = resolve(name, "vertex")
    assert (there.model_id, there.known, there.inference_profile) == (vertex, True, None)
    assert there.base_id == vertex.partition("@")[0]
    here = resolve(name, "bedrock", region="us-east-1")
    assert (here.model_id, here.known) == (bedrock, True)
    assert here.base_id == bedrock.removeprefix("us.").removeprefix("global.")
    assert here.info is there.info


@pytest.mark.parametrize(
    ("model", "row", "base"),
    [
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20990101", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-opus-5@default", "claude-opus-5", "claude-opus-5"),
        ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-v2", "claude-3-5-sonnet-v2"),
        ("claude-3-5-sonnet@20240620", "claude-3-5-sonnet", "claude-3-5-sonnet"),
    ],
)
def test_a_vertex_id_is_sent_as_it_is(model: str, row: str, base: str) -> None:
    """Whatever date an exact id has, it reaches the URL unchanged and finds its row."""
    resolved = resolve(model, "vertex")
    assert (resolved.model_id, resolved.info.name, resolved.base_id) == (model, row, base)
    assert resolved.known


@pytest.mark.parametrize(
    ("model", "row", "prefix", "base"),
    [
        (f"us.{SONNET_4_5}", "claude-sonnet-4-5", "us", SONNET_4_5),
        (f"us-gov.{SONNET_4_5}", "claude-sonnet-4-5", "us-gov", SONNET_4_5),
        (f"sa.{SONNET_4_5}", "claude-sonnet-4-5", "sa", SONNET_4_5),
        (
            "global.anthropic.claude-sonnet-4-5-20991231-v3:0",
            "claude-sonnet-4-5",
            "global",
            "anthropic.claude-sonnet-4-5-20991231-v3:0",
        ),
        (
            "anthropic.claude-3-haiku-20240307-v1:0:200k",
            "claude-3-haiku",
            None,
            "anthropic.claude-3-haiku-20240307-v1:0:200k",
        ),
        (
            "anthropic.claude-haiku-4-5",
            "claude-haiku-4-5",
            None,
            "anthropic.claude-haiku-4-5",
        ),
        (
            "apac.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "claude-3-5-sonnet-v2",
            "apac",
            "anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
    ],
)
def test_a_bedrock_id_with_a_prefix_or_another_version_is_sent_as_it_is(
    model: str, row: str, prefix: str | None, base: str
) -> None:
    """An exact id is not rewritten, and its row is found whatever its version."""
    resolved = resolve(model, "bedrock", region="eu-west-1")
    assert resolved.model_id == model
    assert (resolved.info.name, resolved.known) == (row, True)
    assert (resolved.inference_profile, resolved.base_id) == (prefix, base)


def test_a_prefix_that_is_there_is_kept_whatever_profile_is_asked_for() -> None:
    """What the user wrote into the id wins."""
    resolved = resolve(f"us.{SONNET_4_5}", "bedrock", inference_profile="eu")
    assert (resolved.model_id, resolved.inference_profile) == (f"us.{SONNET_4_5}", "us")


def test_a_known_base_id_gets_the_profile_since_it_does_not_answer_without() -> None:
    """On-demand throughput is refused for a bare id; None still asks for it bare."""
    assert resolve(SONNET_4_5, "bedrock").model_id == f"global.{SONNET_4_5}"
    assert resolve(SONNET_4_5, "bedrock", inference_profile=None).model_id == SONNET_4_5


@pytest.mark.parametrize(
    ("model", "cloud", "model_id", "row"),
    [
        ("claude-opus-9", "vertex", "claude-opus-9", "claude-opus-5-5"),
        ("claude-opus-9", "bedrock", "global.anthropic.claude-opus-9", "claude-opus-5-5"),
        ("claude-haiku-7@20300101", "vertex", "claude-haiku-7@20300101", "claude-haiku-5-5"),
        (
            "eu.anthropic.claude-sonnet-9-20300101-v1:0",
            "bedrock",
            "eu.anthropic.claude-sonnet-9-20300101-v1:0",
            "claude-sonnet-5-5",
        ),
        ("anthropic.claude-sonnet-9", "bedrock", "anthropic.claude-sonnet-9", "claude-sonnet-5-5"),
        ("claude-saga-1", "vertex", "claude-saga-1", models.all_models()[0].name),
    ],
)
def test_a_model_released_tomorrow_works(model: str, cloud: Cloud, model_id: str, row: str) -> None:
    """An unknown model is sent on, with the newest row of its family standing in."""
    resolved = resolve(model, cloud)
    assert (resolved.model_id, resolved.info.name, resolved.known) == (model_id, row, False)
    assert resolved.capabilities == ROWS[row].capabilities(cloud)


def test_a_new_date_of_a_known_model_keeps_that_models_capabilities() -> None:
    """A bare name with an unknown date is sent as it is, but is no unknown model."""
    resolved = resolve("claude-opus-4-6-20270101", "vertex")
    assert resolved.model_id == "claude-opus-4-6-20270101"
    assert (resolved.info.name, resolved.known) == ("claude-opus-4-6", True)


@pytest.mark.parametrize(
    ("profile", "region", "expected"),
    [
        ("auto", None, "global.anthropic.claude-saga-1"),
        ("auto", "us-gov-west-1", "us-gov.anthropic.claude-saga-1"),
        ("eu", "eu-west-1", "eu.anthropic.claude-saga-1"),
        (None, "eu-west-1", "anthropic.claude-saga-1"),
    ],
)
def test_the_profile_of_an_unknown_name(
    profile: str | None, region: str | None, expected: str
) -> None:
    """What the catalogue cannot check is taken as asked for."""
    resolved = resolve("claude-saga-1", "bedrock", region=region, inference_profile=profile)
    assert resolved.model_id == expected


def test_an_unknown_base_id_takes_an_explicit_profile() -> None:
    """``auto`` leaves an unknown exact id alone, an explicit profile is added."""
    resolved = resolve("anthropic.claude-saga-1", "bedrock", inference_profile="jp")
    assert resolved.model_id == "jp.anthropic.claude-saga-1"


@pytest.mark.parametrize(
    ("model", "region", "expected"),
    [
        ("claude-sonnet-4-5", "us-east-1", "global"),
        ("claude-sonnet-4-5", None, "global"),
        ("claude-sonnet-4-5", "us-gov-west-1", "us-gov"),
        ("claude-haiku-4-5", "us-gov-west-1", None),
        ("claude-opus-4-1", "us-west-2", "us"),
        ("claude-opus-4-1", "eu-west-1", None),
        ("claude-opus-4-1", None, None),
        ("claude-3-7-sonnet", "eu-central-1", "eu"),
        ("claude-3-7-sonnet", "ap-northeast-1", "apac"),
        ("claude-3-7-sonnet", "ap-southeast-2", "apac"),
        ("claude-3-7-sonnet", "ca-central-1", None),
        ("claude-3-7-sonnet", "eu-west-2", None),
    ],
)
def test_auto_takes_global_else_the_geography_else_the_bare_id(
    model: str, region: str | None, expected: str | None
) -> None:
    """The choice follows what the model has and where the region lies."""
    resolved = resolve(model, "bedrock", region=region)
    assert resolved.inference_profile == expected
    assert resolved.model_id.startswith(f"{expected}." if expected else "anthropic.")


def test_a_profile_that_the_model_lacks_is_refused_with_those_it_has() -> None:
    """The way out is in the message."""
    with pytest.raises(ConfigurationError, match="it has: global, us, eu, jp, au, us-gov"):
        resolve("claude-sonnet-4-5", "bedrock", inference_profile="in")
    with pytest.raises(ConfigurationError, match="it has: none"):
        resolve("claude-mythos-5", "bedrock", inference_profile="us")
    with pytest.raises(ConfigurationError, match=r"inference_profile: Input should be .*'global'"):
        Bedrock(inference_profile="mars")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arn", "base_model", "row", "base", "known", "prefix"),
    [
        (NAMED_ARN, None, "claude-sonnet-4-5", SONNET_4_5, True, "us"),
        (NAMED_ARN, "claude-opus-5", "claude-sonnet-4-5", SONNET_4_5, True, "us"),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
            None,
            "claude-3-haiku",
            "anthropic.claude-3-haiku-20240307-v1:0",
            True,
            None,
        ),
        (NAMELESS_ARN, "claude-sonnet-4-5", "claude-sonnet-4-5", SONNET_4_5, True, None),
        (NAMELESS_ARN, f"eu.{SONNET_4_5}", "claude-sonnet-4-5", SONNET_4_5, True, None),
        (NAMELESS_ARN, "claude-sonnet-4-5@20250929", "claude-sonnet-4-5", SONNET_4_5, True, None),
        (NAMELESS_ARN, NAMED_ARN, "claude-sonnet-4-5", SONNET_4_5, True, None),
        (NAMELESS_ARN, "claude-sonnet-6", NEWEST_SONNET, "anthropic.claude-sonnet-6", False, None),
        (NAMELESS_ARN, None, UNNAMED, NAMELESS_ARN, False, None),
        (PROVISIONED_ARN, None, UNNAMED, PROVISIONED_ARN, False, None),
        (
            "arn:aws:bedrock:us-east-1:123456789012:custom-model/anthropic.claude-3-haiku-20240307-v1:0/a1b2",
            None,
            "claude-3-haiku",
            "anthropic.claude-3-haiku-20240307-v1:0",
            True,
            None,
        ),
        (
            "arn:aws:bedrock:us-east-1:999999999999:inference-profile/us.anthropic.claude-opus-9",
            None,
            "claude-opus-5-5",
            "anthropic.claude-opus-9",
            False,
            "us",
        ),
    ],
)
def test_an_arn_is_sent_as_it_is(
    arn: str, base_model: str | None, row: str, base: str, *, known: bool, prefix: str | None
) -> None:
    """An ARN keeps region and account; its model is read from it, hinted, or stood in for."""
    resolved = resolve(arn, "bedrock", region="ap-south-1", base_model=base_model)
    assert resolved.model_id == arn
    assert (resolved.info.name, resolved.known) == (row, known)
    assert (resolved.base_id, resolved.inference_profile) == (base, prefix)


def test_a_base_model_that_nobody_knows_is_refused() -> None:
    """A typing error in the hint does not turn into another model's capabilities."""
    with pytest.raises(ConfigurationError, match=r"base_model 'claude-sonet-4-5'.*sonnet-4-5'"):
        resolve(NAMELESS_ARN, "bedrock", base_model="claude-sonet-4-5")
    for text in ("my sonnet thing", "bedrock/claude-haiku-4-5", "opus/../x"):
        with pytest.raises(ConfigurationError, match=f"base_model '{text}'"):
            resolve(NAMELESS_ARN, "bedrock", base_model=text)


@pytest.mark.parametrize(
    ("model", "cloud", "right"),
    [
        ("claude-sonnet-4-5@20250929", "bedrock", SONNET_4_5),
        (f"us.{SONNET_4_5}", "vertex", "claude-sonnet-4-5@20250929"),
        (NAMED_ARN, "vertex", "claude-sonnet-4-5@20250929"),
        (NAMELESS_ARN, "vertex", "catalogue name"),
        ("claude-saga-1@20300101", "bedrock", "catalogue name"),
    ],
)
def test_an_id_of_the_other_cloud_is_refused_with_the_right_one(
    model: str, cloud: Cloud, right: str
) -> None:
    """A mixed-up id never reaches a URL."""
    with pytest.raises(ConfigurationError, match=re.escape(right)) as caught:
        resolve(model, cloud)
    assert caught.value.platform == cloud


@pytest.mark.parametrize("cloud", get_args(Cloud))
@pytest.mark.parametrize(
    "model",
    [
        "",
        " ",
        ".",
        "..",
        "claude-..-opus",
        "../claude-opus-5",
        "claude-opus-5/../../x",
        "publishers/google/models/claude-opus-5",
        "projects/p/locations/us-east5/publishers/anthropic/models/claude-opus-5",
        "publishers/anthropic/models/../claude-opus-5",
        "claude-opus-5;x",
        "claude-opus-5?x=1",
        "claude-opus-5#x",
        "claude-opus-5%2F..",
        "claude-opus-5\\x",
        "claude-opus-5:rawPredict/../x",
        "claude opus 5",
        "claude-opus-5\n",
        "claude-opus-5\r\nx: y",
        "claude-opus-5\x00",
        "claude-öpus-5",
        "claude-opus-5@",
        "@20250101",
        "claude-opus-5@a@b",
        "anthropic.",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/../x",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile//x",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/./x",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x/",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/",
        "arn:aws:s3:::bucket/key",
        "arn:aws:bedrock:us-east-1:123456789012:",
        "arn:aws:bedrock",
        "arn:aws:bedrock:us-east-1:\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10\uff11\uff12:inference-profile/x",
        "claude-" + "x" * 2048,
    ],
)
def test_what_could_change_the_path_is_refused(model: str, cloud: Cloud) -> None:
    """The error names the field and the way out, and stays short."""
    with pytest.raises(ConfigurationError, match=r"^model .*claude-sonnet-5-5") as caught:
        resolve(model, cloud)
    assert len(str(caught.value)) < 600


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="claude-opus5.:/@;%? \n"),
        st.text(alphabet="anthropic.claude:/0v").map("us.anthropic.claude-".__add__),
        st.text(alphabet="abc./:-%").map(
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/".__add__
        ),
        st.sampled_from(sorted(ROWS)).flatmap(lambda name: st.text(max_size=9).map(name.__add__)),
    ),
    st.sampled_from(get_args(Cloud)),
    st.sampled_from(["auto", None, *INFERENCE_PROFILES]),
)
def test_any_text_is_a_model_or_refused(model: str, cloud: Cloud, profile: str | None) -> None:
    """No text gets a path trick through, and none raises anything else."""
    try:
        resolved = resolve(model, cloud, region="eu-west-1", inference_profile=profile)
    except ConfigurationError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._:@/-]+", resolved.model_id)
    assert ".." not in resolved.model_id
    assert "/" not in resolved.model_id or resolved.model_id.startswith("arn:")
    assert all(part.strip(".") for part in resolved.model_id.split("/"))
    assert ("@" in resolved.model_id) <= (cloud == "vertex")


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("sonnet-4-5", "claude-sonnet-4-5"),
        ("opus", None),
        ("gpt-4o", None),
        ("claude-", None),
        ("claude--5", None),
        ("Claude-Opus-5", "claude-opus-5"),
    ],
)
def test_what_is_no_claude_name_is_refused_with_the_nearest(model: str, names: str | None) -> None:
    """A name without ``claude-`` is a mistake, and the message offers a name."""
    for cloud in get_args(Cloud):
        with pytest.raises(ConfigurationError, match=names or "is not a Claude model's name"):
            resolve(model, cloud)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("vertex_ai/claude-sonnet-5-5", "Here it is 'claude-sonnet-5-5'"),
        ("bedrock/us.anthropic.claude-sonnet-5-5", "Here it is 'claude-sonnet-5-5'"),
        ("anthropic/claude-opus-5-latest", "Here it is 'claude-opus-5'"),
        (
            "projects/p/locations/us/publishers/anthropic/models/claude-sonnet-5-5",
            r"'claude-sonnet-5-5'.*Vertex\(project=..., region=...\)",
        ),
    ],
)
def test_the_name_in_another_packages_form_is_found(model: str, says: str) -> None:
    """Routers put the cloud in front; Google's full name holds project and region."""
    for cloud in get_args(Cloud):
        with pytest.raises(ConfigurationError, match=says):
            resolve(model, cloud)


def test_claude_codes_context_suffix_is_explained() -> None:
    """``ANTHROPIC_MODEL`` may hold ``[1m]``, which is an argument here."""
    with pytest.raises(ConfigurationError, match="context_1m=True"):
        resolve("claude-sonnet-4-5[1m]", "bedrock")


def test_an_arn_that_names_no_model_gets_what_every_served_model_takes() -> None:
    """No limit above any of theirs, and nothing of its own accord that one of them refuses."""
    stand_in = resolve(NAMELESS_ARN, "bedrock")
    served = [row for row in ROWS.values() if row.status != "retired" and row.bedrock_id]
    assert len(served) > 10
    assert stand_in.info.characters_per_token == min(row.characters_per_token for row in served)
    assert stand_in.info.max_output_tokens == min(row.max_output_tokens for row in served)
    assert stand_in.info.context_window == min(row.context_window for row in served)
    for field in dataclasses.fields(Capabilities):
        value = getattr(stand_in.capabilities, field.name)
        if isinstance(value, bool):
            taken = all(getattr(row.bedrock, field.name) for row in served)
            assert value == taken, f"update stand_in in models.json: {field.name}"
    common = frozenset.intersection(*(row.bedrock.server_tools for row in served))
    assert stand_in.capabilities.server_tools == common
    assert stand_in.capabilities.image_input
    assert not stand_in.capabilities.sampling
    assert all(row.bedrock.thinking_types <= stand_in.capabilities.thinking_types for row in served)
    assert not model_profile(stand_in).keys() & {"release_date", "status"}
    assert model_profile(stand_in)["name"] == NAMELESS_ARN


def test_nearest_names_come_best_first() -> None:
    """A typing error finds the model that was meant."""
    assert resolution.nearest_names("claude-sonet-4-5")[0] == "claude-sonnet-4-5"
    assert resolution.nearest_names("claude-3.5-sonnet")[0] == "claude-3-5-sonnet"
    assert resolution.nearest_names("zzz") == ()


@pytest.mark.parametrize("text", ["sonnet", "Sonnet", "claude-sonnet", "sonnnet", "claude sonet"])
def test_a_family_alone_is_answered_with_its_newest_model_first(text: str) -> None:
    """Who writes no version wants the newest, not what happens to be spelled most alike."""
    assert resolution.nearest_names(text)[0] == NEWEST_SONNET


def test_the_newest_of_equally_similar_names_goes_first() -> None:
    """A version that does not exist is as far from the oldest as from the newest."""
    suggested = resolution.nearest_names("sonnet-7")
    assert suggested[0] == "claude-sonnet-5"
    dates = [ROWS[name].released for name in suggested[:2]]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("cloud", get_args(Cloud))
def test_a_refusal_suggests_the_newest_of_the_family_first(cloud: Cloud) -> None:
    """What a user reads after ``model="sonnet"``."""
    with pytest.raises(ConfigurationError, match=rf"Did you mean '{NEWEST_SONNET}'"):
        resolve("sonnet", cloud)


@pytest.mark.parametrize(
    ("model", "cloud"),
    [
        ("claude-sonnet-4-5@20250929", "vertex"),
        (SONNET_4_5, "bedrock"),
        (f"us-gov.{SONNET_4_5}", "bedrock"),
        (NAMELESS_ARN, "bedrock"),
        ("claude-sonnet-4-5", None),
        ("anything", None),
    ],
)
def test_the_shape_of_an_id_tells_its_cloud(model: str, cloud: Cloud | None) -> None:
    """A plain name belongs to both clouds, an exact id to one."""
    assert resolution.cloud_of(model) == cloud


NEWEST = ["claude-fable-5", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5"]


@pytest.mark.parametrize(
    ("field", "cloud", "value", "names"),
    [
        ("fine_grained_tools", "vertex", "field", list(ROWS)),
        ("fine_grained_tools", "bedrock", "field", ["claude-opus-4-6", "claude-sonnet-4-6"]),
        ("fine_grained_tools", "bedrock", "field", NEWEST),
        ("fine_grained_tools", "bedrock", "beta", ["claude-opus-4-1", "claude-haiku-4-5"]),
        ("fine_grained_tools", "bedrock", "beta", ["claude-sonnet-4", "claude-opus-4"]),
        ("fine_grained_tools", "bedrock", "none", ["claude-3-haiku", "claude-3-7-sonnet"]),
        ("context_1m", "bedrock", "beta", ["claude-sonnet-4", "claude-sonnet-4-5"]),
        ("context_1m", "vertex", "standard", ["claude-sonnet-4-6", "claude-opus-4-6", *NEWEST]),
        ("context_1m", "vertex", "none", ["claude-haiku-4-5", "claude-opus-4-5"]),
        ("sampling", "vertex", True, ["claude-opus-4-6", "claude-sonnet-4-5"]),
        ("sampling", "bedrock", False, ["claude-opus-4-7", "claude-opus-4-8", *NEWEST]),
        ("forced_tool_choice", "vertex", True, ["claude-opus-5", "claude-fable-5"]),
        ("forced_tool_choice", "vertex", False, ["claude-opus-5-5", "claude-sonnet-5-5"]),
        ("forced_tool_choice", "bedrock", False, ["claude-fable-5-1", "claude-fable-5-2"]),
        ("structured_output", "bedrock", True, ["claude-sonnet-4-5", "claude-opus-4-6"]),
        ("structured_output", "bedrock", False, ["claude-opus-4-7", "claude-opus-4-1"]),
        ("structured_output", "bedrock", True, NEWEST),
        ("structured_output", "vertex", True, ["claude-opus-4-7", *NEWEST]),
        ("strict_tools", "vertex", False, ["claude-3-7-sonnet"]),
        ("automatic_caching", "bedrock", False, ["claude-opus-4-6", "claude-sonnet-4-5"]),
        ("automatic_caching", "bedrock", True, NEWEST),
        ("automatic_caching", "vertex", True, ["claude-opus-4-1", *NEWEST]),
        ("thinking_default", "vertex", "always", ["claude-opus-5-5", "claude-fable-5-2"]),
        ("thinking_default", "vertex", "on", ["claude-sonnet-5", "claude-opus-5"]),
        ("thinking_default", "vertex", "off", ["claude-opus-4-8", "claude-sonnet-4-5"]),
        ("effort_default", "vertex", "medium", ["claude-opus-5-5", "claude-haiku-5-5"]),
        ("effort_default", "vertex", None, ["claude-sonnet-4-5", "claude-opus-4-1"]),
        ("effort_levels", "bedrock", ("low", "medium", "high"), ["claude-opus-4-5"]),
        ("effort_levels", "vertex", ("low", "medium", "high", "max"), ["claude-opus-4-6"]),
        ("mid_conversation_system", "vertex", True, ["claude-opus-4-8", "claude-sonnet-5-5"]),
        ("mid_conversation_system", "bedrock", True, ["claude-opus-4-8", "claude-sonnet-5-5"]),
        ("mid_conversation_system", "bedrock", False, ["claude-sonnet-5", "claude-opus-4-7"]),
        ("mid_conversation_system", "vertex", False, ["claude-sonnet-5"]),
        ("sampling_pair", "vertex", True, ["claude-3-haiku", "claude-opus-4", "claude-sonnet-4"]),
        ("sampling_pair", "bedrock", False, ["claude-opus-4-1", "claude-haiku-4-5", *NEWEST]),
        ("tool_search_without_beta", "bedrock", False, ["claude-haiku-4-5", "claude-opus-4-6"]),
        ("tool_search_without_beta", "bedrock", True, ["claude-opus-4-7", *NEWEST]),
        ("tool_search_without_beta", "vertex", True, ["claude-haiku-4-5", *NEWEST]),
        (
            "highest_effort_without_thinking",
            "bedrock",
            "high",
            ["claude-haiku-5-5", "claude-opus-5", "claude-sonnet-5-5"],
        ),
        ("highest_effort_without_thinking", "vertex", None, ["claude-opus-4-8"]),
        ("prefill", "vertex", True, ["claude-sonnet-4-5"]),
        ("prefill", "vertex", False, ["claude-sonnet-4-6", *NEWEST]),
        ("pdf_input", "vertex", False, ["claude-3-haiku"]),
        ("thinking_types", "vertex", {"enabled", "disabled"}, ["claude-sonnet-4-5"]),
        ("thinking_types", "vertex", {"enabled", "adaptive", "disabled"}, ["claude-opus-4-6"]),
        ("thinking_types", "vertex", {"adaptive", "disabled"}, ["claude-opus-4-7"]),
        ("thinking_types", "bedrock", {"adaptive", "between_tools"}, ["claude-sonnet-5-5"]),
        ("thinking_types", "vertex", {"adaptive"}, ["claude-opus-5-5", "claude-mythos-5-2"]),
        ("server_tools", "vertex", {"web_search_20250305", "tool_search_tool_"}, NEWEST),
        ("server_tools", "bedrock", {"tool_search_tool_"}, ["claude-haiku-4-5", *NEWEST]),
        ("server_tools", "bedrock", set(), ["claude-opus-4-1"]),
    ],
)
def test_capabilities(field: str, cloud: Cloud, value: object, names: list[str]) -> None:
    """What the request stage decides on, model by model."""
    found = {name: getattr(ROWS[name].capabilities(cloud), field) for name in names}
    assert found == dict.fromkeys(names, value)


@pytest.mark.parametrize("cloud", get_args(Cloud))
@pytest.mark.parametrize("name", ROWS)
def test_profiles_hold_only_keys_that_core_knows(name: str, cloud: Cloud) -> None:
    """langchain-core warns about any other key, and nothing is left undefined."""
    facts = model_profile(resolve(name, cloud))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        core_profile._warn_unknown_profile_keys(facts)  # type: ignore[arg-type]
    assert facts["tool_calling"] is True
    assert None not in facts.values()
    takes = ROWS[name].capabilities(cloud)
    assert facts["temperature"] == takes.sampling
    assert facts["tool_choice"] == takes.forced_tool_choice
    assert facts["structured_output"] == takes.structured_output
    assert facts.get("reasoning_effort_levels", []) == list(takes.effort_levels)
    assert facts["max_output_tokens"] == ROWS[name].max_output_tokens


@pytest.mark.parametrize(
    ("cloud", "region", "geography"),
    [
        ("bedrock", "us-east-1", "us"),
        ("bedrock", "us-gov-east-1", "us-gov"),
        ("bedrock", "eu-central-1", "eu"),
        ("bedrock", "eu-west-2", None),
        ("bedrock", "eu-central-2", None),
        ("bedrock", "ap-northeast-1", "jp"),
        ("bedrock", "ap-northeast-2", "apac"),
        ("bedrock", "ap-northeast-3", "jp"),
        ("bedrock", "ap-southeast-2", "au"),
        ("bedrock", "ap-southeast-4", "au"),
        ("bedrock", "ap-southeast-1", "apac"),
        ("bedrock", "ap-south-2", "in"),
        ("bedrock", "ca-central-1", None),
        ("bedrock", "sa-east-1", None),
        ("vertex", "global", None),
        ("vertex", "us", "us"),
        ("vertex", "eu", "eu"),
        ("vertex", "us-east5", "us"),
        ("vertex", "europe-west1", "eu"),
        ("vertex", "europe-west2", None),
        ("vertex", "europe-west6", None),
        ("vertex", "asia-northeast1", "jp"),
        ("vertex", "asia-northeast3", "apac"),
        ("vertex", "australia-southeast1", "au"),
        ("vertex", "asia-south1", "in"),
        ("vertex", "asia-southeast1", "apac"),
        ("vertex", "northamerica-northeast1", None),
    ],
)
def test_regions_lie_in_geographies(cloud: Cloud, region: str, geography: str | None) -> None:
    """A promise about residency rests on this table: London and Zurich are not in the EU."""
    assert region_geography(cloud, region) == geography


def test_a_geography_may_be_part_of_another() -> None:
    """Japan lies within Asia-Pacific, and never the other way round."""
    assert lies_within("jp", "apac")
    assert lies_within("eu", "eu")
    assert not lies_within("apac", "jp")
    assert not lies_within(None, "eu")
    assert not lies_within("global", "us")


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("claude-3-5-haiku", ["VERTEX_REGION_CLAUDE_3_5_HAIKU"]),
        ("claude-3-5-haiku@20241022", ["VERTEX_REGION_CLAUDE_3_5_HAIKU"]),
        (
            "claude-sonnet-4-6",
            ["VERTEX_REGION_CLAUDE_SONNET_4_6", "VERTEX_REGION_CLAUDE_4_6_SONNET"],
        ),
        ("claude-haiku-4-5", ["VERTEX_REGION_CLAUDE_HAIKU_4_5"]),
        ("claude-opus-5", ["VERTEX_REGION_CLAUDE_OPUS_5", "VERTEX_REGION_CLAUDE_5_OPUS"]),
        ("claude-opus-4", ["VERTEX_REGION_CLAUDE_OPUS_4", "VERTEX_REGION_CLAUDE_4_0_OPUS"]),
        (
            "claude-3-5-sonnet-v2",
            ["VERTEX_REGION_CLAUDE_3_5_SONNET_V2", "VERTEX_REGION_CLAUDE_3_5_SONNET"],
        ),
        ("claude-saga-1.5", ["VERTEX_REGION_CLAUDE_SAGA_1_5"]),
    ],
)
def test_the_region_variables_of_a_model(name: str, variables: list[str]) -> None:
    """Both spellings that are in use are looked up, the model's own order first."""
    found = resolution.vertex_region_variables(name)
    assert found[0] == variables[0]
    assert set(variables) <= set(found)


def test_the_catalogue_is_read_once_and_quickly() -> None:
    """The second look costs nothing, and reading it afresh takes a fraction of a second."""
    assert models.all_models() is models.all_models()
    models.all_models.cache_clear()
    started = time.process_time()
    models.all_models()
    assert time.process_time() - started < 0.5


def test_importing_the_module_reads_no_file() -> None:
    """The catalogue is read at the first question, not at import."""
    code = (
        "from langchain_claude_cloud.catalogue import models, resolution;"
        "assert models.all_models.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  our own interpreter


@pytest.mark.parametrize(
    ("model", "note"),
    [
        ("claude-sonet-4-5", "did you mean claude-sonnet-4-5"),
        ("us.anthropic.claude-sonet-4-5", "did you mean claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", ""),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("us.anthropic.claude-opus-4-5", "as anthropic.claude-opus-4-5-20251101-v1:0."),
        ("claude-opus-4.5", "did you mean claude-opus-4-5"),
        ("zzz", "zzz is not in the catalogue."),
        ("claude-3-opus@20240229", "claude-3-opus is retired; claude-opus-5-5 is newer."),
        ("us.anthropic.claude-3-opus-20240229-v1:0", "claude-3-opus is retired; claude-opus-5-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", ""),  # which Bedrock serves on
    ],
)
def test_a_model_that_the_catalogue_lacks_is_said_to_be_missing(model: str, note: str) -> None:
    """It goes out as it is, since it may be newer; where it is not found, this is the reason."""
    assert resolution.unknown_model_note(model) == note or (
        note and note in resolution.unknown_model_note(model)
    )
