"""The chat model's own behaviour: what it is to LangChain, before anything is sent."""

from __future__ import annotations

import pytest

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.chat_models import ModelArguments
from langchain_claude_cloud.errors import ConfigurationError

MODEL = "claude-sonnet-5-5"


def _vertex() -> Vertex:
    return Vertex(project="p", access_token="t")


def test_langchain_knows_it_as_claude() -> None:
    """Middleware, cost tables and translators key on these names."""
    model = ChatClaudeCloud(model=MODEL, platform=_vertex(), max_tokens=10, temperature=0.5)
    assert model._llm_type == "anthropic-chat"
    params = model._get_ls_params(stop=["x"])
    assert params == {
        "ls_provider": "anthropic",
        "ls_model_name": MODEL,
        "ls_model_type": "chat",
        "ls_temperature": 0.5,
        "ls_max_tokens": 10,
        "ls_stop": ["x"],
    }


def test_names_and_the_environment_choose_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name, a switch, or the shape of the model's id; a name in a list as well."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert isinstance(ChatClaudeCloud(model=MODEL, platform="vertex").platform, Vertex)
    bare = ChatClaudeCloud(model="us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert isinstance(bare.platform, Bedrock)
    both = ChatClaudeCloud(model=MODEL, platform=["bedrock", "vertex"])
    assert both.platform == [Bedrock(), Vertex()]
    monkeypatch.setenv("CLAUDE_CODE_USE_VERTEX", "1")
    assert isinstance(ChatClaudeCloud(model=MODEL).platform, Vertex)
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    with pytest.raises(ValueError, match="unset one"):
        ChatClaudeCloud(model=MODEL)
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-opus-4-8")
    assert ChatClaudeCloud(platform="vertex").model == "claude-opus-4-8"


def test_its_repr_begins_with_what_tells_models_apart() -> None:
    """LangChain adds the profile and the versions of packages to each; they come last."""
    shown = repr(ChatClaudeCloud(model="claude-sonnet-5-5", platform=Bedrock(region="us-east-1")))
    assert shown.startswith("ChatClaudeCloud(model='claude-sonnet-5-5', platform=Bedrock(")


def test_the_profile_is_what_all_routes_have() -> None:
    """The smaller window, and only the capabilities that each cloud offers."""
    vertex = ChatClaudeCloud(model="claude-opus-4-8", platform=_vertex()).profile
    bedrock = ChatClaudeCloud(model="claude-opus-4-8", platform=Bedrock(region="us-east-1")).profile
    both = ChatClaudeCloud(
        model="claude-opus-4-8", platform=[_vertex(), Bedrock(region="us-east-1")]
    ).profile
    assert vertex is not None
    assert bedrock is not None
    assert both is not None
    assert both["max_input_tokens"] == 1_000_000
    assert both["structured_output"] is (
        vertex["structured_output"] and bedrock["structured_output"]
    )


@pytest.mark.parametrize("region", ["eu-central-1", "eu-west-1"])
def test_residency_takes_the_profile_of_the_geography(region: str) -> None:
    """Not `global`, which may be served anywhere."""
    free = ChatClaudeCloud(model=MODEL, platform=Bedrock(region=region))
    kept = ChatClaudeCloud(model=MODEL, platform=Bedrock(region=region), residency="eu")
    (route,) = free._routes_for(MODEL, {})
    assert route.resolve_in(region).model_id == f"global.anthropic.{MODEL}"
    (route,) = kept._routes_for(MODEL, {})
    assert route.resolve_in(region).model_id == f"eu.anthropic.{MODEL}"


def test_global_routing_from_a_guarded_region_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever chose Frankfurt should know that `global` leaves it."""
    MEMORY.reset()
    for _ in range(3):
        ChatClaudeCloud(model=MODEL, platform=Bedrock(region="eu-central-1"))
    assert [
        record.getMessage() for record in caplog.records if "residency" in record.getMessage()
    ] == [record.getMessage() for record in caplog.records]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_model_released_tomorrow_works(cloud: str) -> None:
    """An unknown name of a known family is sent, with the newest row's capabilities."""
    platform = _vertex() if cloud == "vertex" else Bedrock(region="us-east-1")
    model = ChatClaudeCloud(model="claude-sonnet-9", platform=platform)
    (route,) = model._routes_for("claude-sonnet-9", {})
    resolved = route.resolve_in("us-east-1")
    assert resolved.model_id.endswith("claude-sonnet-9")
    assert resolved.known is False
    assert resolved.info.family == "sonnet"


def test_type_checkers_see_the_arguments_that_there_are() -> None:
    """The fields, and their other names; pydantic checks them at run time, not this class."""
    fields = set(ChatClaudeCloud.model_fields) | {"model_name", "stop"}
    assert set(ModelArguments.__annotations__) == fields


def test_a_tuple_of_platforms_is_identified_like_a_list() -> None:
    """`model_copy` takes one without a check; callbacks are told the clouds, not the configs."""
    model = ChatClaudeCloud(model=MODEL, platform=_vertex())
    several = model.model_copy(update={"platform": (Bedrock(), _vertex())})
    assert several._identifying_params["platforms"] == ["bedrock", "vertex"]


@pytest.mark.parametrize("name", ["EU", "europe", "de", "eu-west-1", "global", ""])
def test_a_residency_that_is_no_geography_is_refused_as_such(name: str) -> None:
    """It said that each region lay outside."""
    with pytest.raises(ConfigurationError, match=r"is no geography. There are us, eu, jp, "):
        ChatClaudeCloud(model=MODEL, platform=Bedrock(region="eu-west-1"), residency=name)
