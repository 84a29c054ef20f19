"""An ARN that names no model: what it stands for is found out at the first call, not before."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from clouds import platform_of

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.calls.executors import arun, run
from langchain_claude_cloud.calls.lookup import find_arn_target
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.steps import Clients
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.control_plane.available_models import read_target
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.timeouts import prepare
from langchain_claude_cloud.routing.routes import Route, make_routes
from langchain_claude_cloud.testing import CloudEmulator

FRESH = [f"profile{number}" for number in range(200)]
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
_unused = itertools.count()


@pytest.fixture(scope="module")
def emulator_settings() -> dict[str, Any]:
    """Many profiles: what was learned stays for the process."""
    return {"application_profiles": dict.fromkeys(FRESH, "claude-haiku-4-5")}


@pytest.fixture
def arn() -> str:
    """An ARN that nobody has asked about."""
    return arn_of(FRESH[next(_unused)])


def arn_of(name: str, kind: str = "application-inference-profile") -> str:
    """Return an ARN of the emulated account."""
    return f"arn:aws:bedrock:us-east-1:123456789012:{kind}/{name}"


def route_to(emulator: CloudEmulator, model: str, **settings: Any) -> Route:
    """Return a route that is ready to be asked."""
    [route] = make_routes([emulator.bedrock(**settings)], model)
    prepare(route.platform)
    return route


def find(route: Route, client: httpx.Client | None = None) -> None:
    """Find out what a route's ARN stands for."""
    if route.lookup is not None:
        run(find_arn_target(route, route.lookup), Clients(client=client))


async def afind(route: Route) -> None:
    """Find it out on an event loop."""
    if route.lookup is not None:
        await arun(find_arn_target(route, route.lookup), Clients())


def resolved(route: Route) -> ResolvedModel:
    """Return the model of a route, as far as it is known."""
    return route.resolve_in(route.platform.region, MEMORY.arns.get(route.place))


def make(emulator: CloudEmulator, model: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model on the emulated Bedrock."""
    platform = platform_of(emulator, "bedrock")
    return ChatClaudeCloud(model=model, platform=platform, max_retries=0, **fields)


def notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said about models that could not be found out."""
    return [text for text in caplog.messages if "base_model" in text]


# The inquiry itself


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="a model behind an ARN loses its profile and its limits, or crashes",
)
def test_the_control_plane_is_asked_once(emulator: CloudEmulator, arn: str) -> None:
    """Then the model is known, for every route of the process; counting has its base id."""
    route = route_to(emulator, arn)
    assert emulator.control_requests == []
    find(route)
    [asked] = emulator.control_requests
    assert asked.path == f"/inference-profiles/{arn.replace(':', '%3A').replace('/', '%2F')}"
    model = resolved(route)
    assert (model.info.name, model.known) == ("claude-haiku-4-5", True)
    assert (model.model_id, model.base_id) == (arn, HAIKU)
    find(route)
    find(route_to(emulator, arn))
    assert len(emulator.control_requests) == 1


@pytest.mark.parametrize("kind", ["provisioned-model", "application-inference-profile"])
async def test_an_event_loop_asks_the_same(emulator: CloudEmulator, kind: str) -> None:
    """By the operation that knows the kind of ARN."""
    route = route_to(emulator, arn_of(FRESH[next(_unused)], kind))
    await afind(route)
    assert resolved(route).base_id == HAIKU
    assert len(emulator.control_requests) == 1


async def test_tasks_that_wait_share_one_question(emulator: CloudEmulator, arn: str) -> None:
    """And the loop goes on meanwhile; who is cancelled leaves the answer to the others."""
    emulator.fault(status=503, delay_start=0.3, operation="control")
    routes = [route_to(emulator, arn) for _ in range(30)]
    tasks = [asyncio.create_task(afind(route)) for route in routes]
    ticks = 0
    await asyncio.sleep(0.02)
    tasks[0].cancel()
    while not tasks[1].done():
        await asyncio.sleep(0.01)
        ticks += 1
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[0].cancelled()
    assert ticks > 5
    assert len(emulator.control_requests) == 1


def test_threads_that_wait_share_one_question(emulator: CloudEmulator, arn: str) -> None:
    """However many come at once."""
    routes = [route_to(emulator, arn) for _ in range(8)]
    barrier = threading.Barrier(8)

    def find_at_once(route: Route) -> str:
        barrier.wait()
        find(route)
        return resolved(route).base_id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(find_at_once, routes)) == {HAIKU}
    assert len(emulator.control_requests) == 1


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-5-5",
        f"us.{HAIKU}",
        arn_of(f"us.{HAIKU}", "inference-profile"),
        f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}",
        arn_of(f"{HAIKU}/a1b2c3d4e5f6", "custom-model"),
        arn_of("a1b2c3d4e5f6", "imported-model"),
        "arn:aws:bedrock:eu-west-1:999999999999:inference-profile/eu.anthropic.claude-opus-9",
    ],
)
async def test_what_says_its_model_is_not_asked_about(emulator: CloudEmulator, model: str) -> None:
    """Names, ids, ARNs with a name in them, of whatever account; nor what nobody could tell."""
    route = route_to(emulator, model)
    find(route)
    await afind(route)
    assert emulator.control_requests == []


async def test_a_hint_spares_the_question(emulator: CloudEmulator, arn: str) -> None:
    """``base_model`` is believed."""
    route = route_to(emulator, arn, base_model="claude-opus-4-6")
    find(route)
    await afind(route)
    assert resolved(route).info.name == "claude-opus-4-6"
    assert emulator.control_requests == []


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 404}, {"status": 429}, {"disconnect": True}]
)
async def test_without_an_answer_the_call_goes_on(
    emulator: CloudEmulator, arn: str, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    """With what all models take, one notice that names the ways out, and no question a call."""
    emulator.fault(operation="control", **fault)
    route = route_to(emulator, arn)
    with caplog.at_level(logging.WARNING, "langchain_claude_cloud"):
        find(route)
        find(route)
        await afind(route)
    assert not resolved(route).known
    assert resolved(route).info.max_output_tokens == 64_000
    assert len(emulator.control_requests) == 1
    [notice] = notices(caplog)
    assert arn in notice
    assert "bedrock:GetInferenceProfile" in notice


def test_what_may_pass_is_tried_again_later(emulator: CloudEmulator, arn: str) -> None:
    """And what was found out is asked about again the next day."""
    now = [1000.0]
    MEMORY.reset(lambda: now[0])
    emulator.fault(status=503, operation="control")
    route = route_to(emulator, arn)
    find(route)
    assert not resolved(route).known
    now[0] += HOUR
    find(route)
    assert resolved(route).base_id == HAIKU
    find(route)
    assert len(emulator.control_requests) == 2
    now[0] += 24 * HOUR
    find(route)
    assert len(emulator.control_requests) == 3


@pytest.mark.parametrize(
    ("answer", "base_id"),
    [
        ({"models": [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"}]}, HAIKU),
        ({"models": [{"modelArn": f"arn:aws:bedrock:::foundation-model/{HAIKU}"}]}, HAIKU),
        ({"foundationModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"}, HAIKU),
        ({"modelArn": arn_of(f"{HAIKU}/a1b2c3d4e5f6", "custom-model")}, HAIKU),
        (
            {
                "models": [
                    {
                        "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-9"
                    },
                    {"modelArn": arn_of(f"us.{HAIKU}", "inference-profile")},
                ],
                "fallbackModel": {
                    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5"
                },
            },
            HAIKU,
        ),
        (
            {"models": [{"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-1"}]},
            None,
        ),
        ({"models": ["x"], "fallbackModel": 7, "modelArn": None}, None),
        ({}, None),
    ],
)
def test_the_oldest_of_the_named_models_counts(answer: dict[str, Any], base_id: str | None) -> None:
    """A prompt router may choose any of several: what the oldest takes, all take."""
    assert read_target(answer).base_id == base_id


def answering(*regions: str) -> httpx.MockTransport:
    """Return a control plane whose profile leads to a model in some regions."""
    models = [{"modelArn": f"arn:aws:bedrock:{each}::foundation-model/{HAIKU}"} for each in regions]
    return httpx.MockTransport(lambda _: httpx.Response(200, json={"models": models}))


@pytest.mark.parametrize(
    ("regions", "outside"),
    [
        (("eu-west-1", "eu-central-1"), None),
        (("eu-west-1", "us-east-1"), "us-east-1"),
        (("eu-west-1", "eu-west-2"), "eu-west-2"),
        (("", "eu-west-1"), "any region"),
    ],
)
async def test_residency_holds_for_what_an_arn_leads_to(
    emulator: CloudEmulator, regions: tuple[str, ...], outside: str | None
) -> None:
    """The account's own profile may route to all the world: nothing is sent there then."""
    arn = arn_of(FRESH[next(_unused)]).replace("us-east-1", "eu-west-1")
    platform = emulator.bedrock(region="eu-west-1")
    [route] = make_routes([platform], arn, residency="eu")
    prepare(route.platform)
    with httpx.Client(transport=answering(*regions)) as client:
        for _ in range(2):
            if outside is None:
                find(route, client)
                await afind(route)
            else:
                with pytest.raises(ConfigurationError, match=outside):
                    find(route, client)
                with pytest.raises(ConfigurationError, match=outside):
                    await afind(route)
    assert resolved(route).base_id == HAIKU


def test_a_profile_of_another_vendors_model_is_said_to_be_one(
    emulator: CloudEmulator, arn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller's own client is used; the call goes on, to fail where it is wrong."""
    nova = {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"models": [nova]}))
    with httpx.Client(transport=transport) as client:
        find(route_to(emulator, arn), client)
    [notice] = notices(caplog)
    assert "does not stand for a known Claude model" in notice
    assert emulator.control_requests == []


# Calls


def test_a_constructor_asks_nothing(emulator: CloudEmulator, arn: str) -> None:
    """Nor do its profile, its copies, and its counting of nothing."""
    llm = make(emulator, arn)
    assert llm.profile is not None
    assert llm.model_copy().bind(max_tokens=5)
    assert llm.count_tokens([]) == 0
    assert emulator.control_requests == []


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="a model behind an ARN loses its profile and its limits, or crashes",
)
def test_a_call_takes_the_models_own_limit(emulator: CloudEmulator, arn: str) -> None:
    """One question before the first request, none before the second."""
    llm = make(emulator, arn)
    for _ in range(2):
        assert llm.invoke("Hello").text
    assert len(emulator.control_requests) == 1
    assert emulator.requests[0].model == arn
    # This model is refused the field, and takes the beta: only who knows it sends that.
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    assert list(llm.bind_tools([tool]).stream("Hello"))
    assert "fine-grained-tool-streaming-2025-05-14" in emulator.requests[-1].body["anthropic_beta"]


async def test_an_async_call_does_too(emulator: CloudEmulator, arn: str) -> None:
    """However many begin at once."""
    llm = make(emulator, arn)
    answers = await asyncio.gather(*(llm.ainvoke("Hello") for _ in range(20)))
    assert all(answer.text for answer in answers)
    assert len(emulator.control_requests) == 1
    assert {request.body["max_tokens"] for request in emulator.requests} == {64_000}


async def test_tokens_are_counted_with_the_model_behind_the_arn(
    emulator: CloudEmulator, arn: str
) -> None:
    """Bedrock counts for foundation models, not for profiles."""
    llm = make(emulator, arn)
    assert llm.count_tokens("a " * 50) > 10
    assert await llm.acount_tokens("a " * 50) > 10
    assert {request.model for request in emulator.requests} == {HAIKU}
    assert len(emulator.control_requests) == 1


@pytest.mark.parametrize("fault", [{"status": 403}, {"disconnect": True}])
async def test_a_call_does_not_fail_for_want_of_the_answer(
    emulator: CloudEmulator, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    """Text, tools and streams work, with one notice.

    The fault lasts: aiohttp sends a GET again where a connection that it had kept is closed.
    """
    emulator.fault(operation="control", times=None, **fault)
    for call in ("invoke", "ainvoke"):
        llm = make(emulator, arn_of(FRESH[next(_unused)]))
        answer = llm.invoke("Hello") if call == "invoke" else await llm.ainvoke("Hello")
        assert answer.text
        assert list(llm.stream("Hello"))
    emulator.reset()
    assert len(notices(caplog)) == 2
