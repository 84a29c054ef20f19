"""What one place learns belongs to its identity: keys, credentials and sessions tell places apart."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import pytest

from langchain_claude_cloud import Bedrock, Vertex
from langchain_claude_cloud.routing.routes import Route

KEYS = {"access_key_id": "AKIA0", "secret_access_key": "secret-0", "session_token": "session-0"}


def _place(platform: Vertex | Bedrock) -> Any:
    return Route(platform, "claude-sonnet-4-6").place


class Credentials:
    """Stands for an object of google-auth or boto3."""

    def get_credentials(self) -> None:
        """Have none."""


class Slotted:
    """An object that nothing can refer to weakly."""

    __slots__ = ()

    def get_credentials(self) -> None:
        """Have none."""


@dataclass(frozen=True)
class Equal(Credentials):
    """An object that is equal to another identity's."""


@dataclass
class Unhashable(Credentials):
    """An object that compares by value, and has no hash."""


def test_the_same_keys_are_one_place() -> None:
    """Whichever object holds them."""
    first = _place(Bedrock(region="us-east-1", **KEYS))
    assert first == _place(Bedrock(region="us-east-1", **KEYS))
    assert hash(first) == hash(_place(Bedrock(region="us-east-1", **KEYS)))


@pytest.mark.parametrize("name", KEYS)
def test_other_keys_are_another_place(name: str) -> None:
    """Each part of them counts, and none is in the place as it is."""
    first = _place(Bedrock(region="us-east-1", **KEYS))
    assert first != _place(Bedrock(region="us-east-1", **{**KEYS, name: "AKIA-other"}))
    assert "secret-0" not in repr(first)
    assert "session-0" not in repr(first)


@pytest.mark.parametrize("kind", [Credentials, Slotted, Equal, Unhashable])
def test_objects_are_told_apart_by_what_they_are(kind: Any) -> None:
    """The same object is one place, another is another."""
    given, other = kind(), kind()
    place = _place(Vertex(project="p", credentials=given))
    assert place == _place(Vertex(project="p", credentials=given))
    assert place != _place(Vertex(project="p", credentials=other))
    session = _place(Bedrock(region="us-east-1", session=given))
    assert session == _place(Bedrock(region="us-east-1", session=given))
    assert session != _place(Bedrock(region="us-east-1", session=other))


def test_an_address_that_is_used_again_is_another_place() -> None:
    """Credentials that are gone leave nothing to those that come to lie where they were."""
    places = {}
    for number in range(200):
        given = Credentials()
        place = _place(Vertex(project="p", credentials=given))
        assert place not in places, "what another identity learned"
        places[place] = number
        del given, place
        gc.collect(0)
    assert len(places) == 200


def test_a_place_keeps_no_credentials_alive() -> None:
    """What is learned of them stays; they do not."""
    gone: list[bool] = []

    class Noted(Credentials):
        def __del__(self) -> None:
            gone.append(True)

    place = _place(Vertex(project="p", credentials=Noted()))
    gc.collect()
    assert gone
    assert place == place  # noqa: PLR0124  an entry of a table is still found


def test_keys_of_a_gateway_are_told_apart() -> None:
    """Each key has limits of its own; other headers, such as a request's id, say nothing of it."""

    def place(**headers: str) -> Any:
        return Route(Vertex(project="p"), "claude-sonnet-4-6", default_headers=headers).place

    assert place(x_api_key="canary-1") == place(x_api_key="canary-1", x_request="2")
    assert place(x_api_key="canary-1") != place(x_api_key="canary-2")
    assert "canary" not in repr(place(x_api_key="canary-1"))


@pytest.mark.parametrize(
    "name", ["x-goog-user-project", "X-Vertex-AI-LLM-Request-Type", "Anthropic-Workspace-Id"]
)
def test_headers_that_choose_a_quota_are_told_apart(name: str) -> None:
    """Other integrations have no setting for it, and their users give the header."""

    def place(value: str) -> Any:
        headers = {name: value}
        return Route(Vertex(project="p"), "claude-sonnet-4-6", default_headers=headers).place

    assert place("one") == place("one") != place("two")


def test_where_tokens_are_counted_is_told_apart() -> None:
    """A region that does not count says nothing of another."""
    assert _place(Vertex(project="p")) != _place(Vertex(project="p", count_tokens_region="eu"))


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        (Vertex(project="p"), "GOOGLE_APPLICATION_CREDENTIALS"),
        (Vertex(project="p"), "CLOUDSDK_CONFIG"),
        (Bedrock(region="us-east-1"), "AWS_CONFIG_FILE"),
        (Bedrock(region="us-east-1"), "AWS_PROFILE"),
        (Bedrock(region="us-east-1"), "AWS_ACCESS_KEY_ID"),
        (Bedrock(region="us-east-1"), "AWS_BEARER_TOKEN_BEDROCK"),
    ],
)
def test_the_environments_identity_counts(
    platform: Vertex | Bedrock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that were made under different settings of it have different permissions."""
    first = _place(platform)
    monkeypatch.setenv(name, "canary")
    assert _place(platform) != first
    assert "canary" not in repr(_place(platform))
