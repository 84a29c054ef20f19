"""A demanded residency holds for ARNs of every kind and whatever is asked: else nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.testing import CloudEmulator

ACCOUNT: Final = "123456789012"
HAIKU: Final = "anthropic.claude-haiku-4-5-20251001-v1:0"

IMAGE: Final[list[str | dict[str, Any]]] = [
    {"type": "image", "url": "https://images.example.com/a.png"}
]


async def _stream(llm: ChatClaudeCloud) -> None:
    async for _ in llm.astream("Hello"):
        pass


ASKED: Final[dict[str, Callable[[ChatClaudeCloud], object]]] = {
    "invoke": lambda llm: llm.invoke("Hello"),
    "ainvoke": lambda llm: asyncio.run(llm.ainvoke("Hello")),
    "stream": lambda llm: list(llm.stream("Hello")),
    "astream": lambda llm: asyncio.run(_stream(llm)),
    "batch": lambda llm: llm.batch(["Hello", "Hi"]),
    "count": lambda llm: llm.count_tokens([("human", "Hello")]),
    "acount": lambda llm: asyncio.run(llm.acount_tokens([("human", "Hello")])),
    "media": lambda llm: llm.invoke([HumanMessage(IMAGE)]),
}


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """An emulator that knows no profile, so that asking what one stands for is refused."""
    MEMORY.reset()
    with CloudEmulator() as emulator:
        yield emulator
    MEMORY.reset()


def arn(kind: str, name: str = "a1b2c3d4e5f6", region: str = "eu-west-1") -> str:
    """Return an ARN of an account."""
    return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{name}"


def fetched(url: str) -> bytes:
    """Refuse to fetch: nothing may be, before it is known where the answer comes from."""
    raise AssertionError(url)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "settings", [{}, {"base_model": "claude-haiku-4-5"}], ids=["plain", "base_model"]
)
def test_what_nobody_can_look_up_is_not_asked(
    emulator: CloudEmulator, asked: str, settings: dict[str, Any]
) -> None:
    """The permission that is missing is named; `base_model` says which model, not where."""
    llm = ChatClaudeCloud(
        model=arn("application-inference-profile"),
        platform=emulator.bedrock(region="eu-west-1", **settings),
        residency="eu",
        url_fetcher=fetched,
    )
    with pytest.raises(ConfigurationError, match="bedrock:GetInferenceProfile"):
        ASKED[asked](llm)
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("model", "outside"),
    [
        (arn("application-inference-profile", region="us-east-1"), "ARN"),
        (arn("provisioned-model", region="us-east-1"), "ARN"),
        (arn("custom-model-deployment", region="eu-west-2"), "ARN"),
        (arn("imported-model", region="us-west-2"), "ARN"),
        (arn("prompt-router", region="ap-northeast-1"), "ARN"),
        (arn("inference-profile", f"eu.{HAIKU}", "us-east-1"), "ARN"),
        (arn("inference-profile", f"us.{HAIKU}"), "inference profile"),
        (arn("inference-profile", f"global.{HAIKU}"), "inference profile"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}", "ARN"),
        (f"arn:aws:bedrock:::foundation-model/{HAIKU}", "ARN"),
        (arn("some-new-kind"), "where its requests go"),
    ],
)
def test_an_arn_that_leads_outside_is_refused_by_the_constructor(model: str, outside: str) -> None:
    """Its own region counts, and an ARN of a kind that tells nothing is not trusted."""
    with pytest.raises(ConfigurationError, match=outside):
        ChatClaudeCloud(model=model, platform=Bedrock(region="eu-west-1"), residency="eu")


@pytest.mark.parametrize(
    "model",
    [
        arn("imported-model"),
        arn("custom-model", f"{HAIKU}/a1b2c3d4e5f6"),
        arn("inference-profile", f"eu.{HAIKU}"),
        f"arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}",
    ],
)
def test_an_arn_that_stays_inside_is_taken(model: str) -> None:
    """A model of one's own answers where it is."""
    assert ChatClaudeCloud(model=model, platform=Bedrock(region="eu-west-1"), residency="eu")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", False),
        ("https://vpce-1-x.bedrock-runtime.us-west-2.vpce.amazonaws.com", False),
        ("https://abc.execute-api.ap-northeast-1.amazonaws.com/prod", False),
        ("https://us-east5-aiplatform.googleapis.com/v1", False),
        ("https://aiplatform.us.rep.googleapis.com", False),
        ("https://aiplatform.googleapis.com/v1", False),
        ("https://bedrock-runtime-fips.eu-west-1.amazonaws.com", True),
        ("https://europe-west4-aiplatform.googleapis.com/v1", True),
        ("https://aiplatform.eu.rep.googleapis.com", True),
        ("https://gateway.example.com/us", True),
    ],
)
def test_an_address_of_a_cloud_lies_inside_too(address: str, inside: bool) -> None:  # noqa: FBT001  a row
    """Whatever region is given beside it; a gateway's own name says nothing."""
    platform = (
        Vertex(project="p", region="europe-west1", base_url=address)
        if "google" in address
        else Bedrock(region="eu-west-1", base_url=address)
    )
    with nullcontext() if inside else pytest.raises(ConfigurationError, match="base_url"):
        ChatClaudeCloud(model="claude-haiku-4-5", platform=platform, residency="eu")


@pytest.mark.parametrize("way", ASKED)
def test_an_address_of_the_aws_configuration_lies_inside_too(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known at the first call only: nothing is fetched or sent."""
    file = tmp_path / "config"
    file.write_text(
        "[profile far]\nregion = eu-west-1\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
        "endpoint_url = https://bedrock-runtime.us-east-1.amazonaws.com\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    llm = ChatClaudeCloud(
        model="claude-haiku-4-5",
        platform=Bedrock(profile="far"),
        residency="eu",
        max_tokens=10,
        url_fetcher=fetched,
    )
    with pytest.raises(ConfigurationError, match=r"us-east-1 \(base_url"):
        ASKED[way](llm)


def test_without_a_residency_nothing_is_refused(emulator: CloudEmulator) -> None:
    """What cannot be looked up is asked all the same."""
    llm = ChatClaudeCloud(
        model=arn("some-new-kind"), platform=emulator.bedrock(region="eu-west-1"), max_retries=0
    )
    assert llm.profile


@pytest.mark.parametrize("name", ["anthropic.claude:1", "anthropic.claude-haiku-4-5-20251001-v1:0"])
def test_a_router_that_is_called_like_a_model_is_looked_up(
    emulator: CloudEmulator, name: str
) -> None:
    """AWS's default router has a model's name, and leads to profiles that nothing tells."""
    llm = ChatClaudeCloud(
        model=arn("default-prompt-router", name),
        platform=emulator.bedrock(region="eu-west-1"),
        residency="eu",
    )
    with pytest.raises(ConfigurationError, match="bedrock:GetPromptRouter"):
        llm.invoke("Hello")
    assert emulator.requests == []
