"""`list_models()`: what the clouds say they have, through the package's own transport."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from clouds import platform_of

from langchain_claude_cloud import AvailableModel, Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConnectionFailedError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from langchain_claude_cloud.testing import CloudEmulator, text

PROFILES = {"a1b2c3": "claude-haiku-4-5", "future": "claude-sonnet-6"}


@pytest.fixture(scope="module")
def emulator_settings() -> dict[str, Any]:
    """The profiles of an account."""
    return {"application_profiles": PROFILES}


def model_on(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model on a cloud of the emulator, without retries."""
    given = {"model": "claude-sonnet-5-5", "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=platform_of(emulator, cloud), **given)


def by_id(models: tuple[AvailableModel, ...]) -> dict[str, AvailableModel]:
    """Return models by their ids, of which there is one each."""
    found = {model.id: model for model in models}
    assert len(found) == len(models)
    return found


def test_a_bedrock_project_lists_and_answers(emulator: CloudEmulator) -> None:
    """Models, profiles of both kinds, and calls; a project that is none of this region's."""
    region = emulator.region
    for project in ("proj_1", f"arn:aws:bedrock:{region}:123456789012:project/proj_1"):
        platform = emulator.bedrock(project=project)
        llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
        listed = by_id(llm.list_models())
        assert listed["anthropic.claude-haiku-4-5-20251001-v1:0"].application_profiles
        asked = [parse_qs(sent.query) for sent in emulator.control_requests]
        named = [query.get("type") for query in asked if query.get("projectIdentifier")]
        assert ["APPLICATION"] not in named
        assert len(named) >= 2
        assert llm.invoke("Hi").text
        assert [*llm.stream("Hi")]
        emulator.reset()
    elsewhere = {"X-Amzn-Bedrock-ProjectIdentifier": "arn:aws:bedrock:eu-west-9:123456789012:project/p"}  # fmt: skip
    with pytest.raises(InvalidRequestError, match="belong to the Region"):
        model_on(emulator, "bedrock", default_headers=elsewhere).invoke("Hi")


async def test_bedrock_lists_models_with_their_profiles(emulator: CloudEmulator) -> None:
    """Lifecycle, modalities, the region's profiles and the account's own, over several pages."""
    llm = model_on(emulator, "bedrock")
    listed = llm.list_models()
    models = by_id(listed)
    assert models["anthropic.claude-sonnet-5-5"] == AvailableModel(
        cloud="bedrock",
        region=emulator.region,
        id="anthropic.claude-sonnet-5-5",
        name="claude-sonnet-5-5",
        status="active",
        on_demand=False,
        inference_profiles=(
            "global.anthropic.claude-sonnet-5-5",
            "us.anthropic.claude-sonnet-5-5",
        ),
        input_modalities=("text", "image"),
        streaming=True,
    )
    old = models["anthropic.claude-sonnet-4-5-20250929-v1:0"]
    assert (old.status, old.end_of_life) == ("legacy", "2026-11-30")
    bare = models["anthropic.claude-3-haiku-20240307-v1:0"]
    assert bare.on_demand
    assert bare.model_ids == (bare.id,)
    [arn] = models["anthropic.claude-haiku-4-5-20251001-v1:0"].application_profiles
    assert arn.endswith(":application-inference-profile/a1b2c3")
    kinds = [parse_qs(request.query).get("type", [""])[0] for request in emulator.control_requests]
    assert kinds.count("SYSTEM_DEFINED") > 2
    assert kinds.count("APPLICATION") == 1
    assert await llm.alist_models() == listed


def test_a_model_of_tomorrow_is_listed_first(emulator: CloudEmulator) -> None:
    """The catalogue has no name for it; the id may be given as it is."""
    first = model_on(emulator, "bedrock").list_models()[0]
    assert (first.id, first.name, first.on_demand) == ("anthropic.claude-sonnet-6", None, False)
    [arn] = first.model_ids
    assert arn.endswith("/future")


async def test_vertex_lists_what_is_published(emulator: CloudEmulator) -> None:
    """Exact ids, dated where the cloud dates them, asked as the platform's project."""
    llm = model_on(emulator, "vertex")
    listed = llm.list_models()
    models = by_id(listed)
    assert {"claude-sonnet-5-5", "claude-sonnet-4-6", "claude-haiku-4-5@20251001"} <= set(models)
    assert models["claude-fable-5"].status == "public_preview"
    assert models["claude-haiku-4-5@20251001"].name == "claude-haiku-4-5"
    assert len(emulator.control_requests) > 2
    for request in emulator.control_requests:
        assert request.path == "/v1beta1/publishers/anthropic/models"
        assert request.headers["x-goog-user-project"] == emulator.project
    assert await llm.alist_models() == listed


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_every_id_that_is_listed_can_be_called(emulator: CloudEmulator, cloud: str) -> None:
    """`model_ids` go into ``model`` as they are."""
    llm = model_on(emulator, cloud)
    ids = [model_id for model in llm.list_models() for model_id in model.model_ids]
    assert len(ids) > 12
    for model_id in ids:
        assert llm.invoke("Hello", model=model_id, max_tokens=64).text, model_id


def test_an_api_key_may_list_too(emulator: CloudEmulator) -> None:
    """A bearer token instead of a signature."""
    platform = emulator.bedrock(api_key=emulator.bedrock_api_key)
    models = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform).list_models()
    assert models
    [value] = {request.headers["authorization"] for request in emulator.control_requests}
    assert value.startswith("Bearer ")


def test_each_platform_is_asked_and_the_same_one_shown_once(emulator: CloudEmulator) -> None:
    """In the platforms' order, each with its own region's profiles."""
    platforms = [
        emulator.bedrock(region="eu-west-1"),
        emulator.vertex(),
        emulator.bedrock(region="eu-west-1"),
    ]
    models = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platforms).list_models()
    assert list(dict.fromkeys((model.cloud, model.region) for model in models)) == [
        ("bedrock", "eu-west-1"),
        ("vertex", "global"),
    ]
    assert len({(model.cloud, model.id) for model in models}) == len(models)
    prefixes = {name.partition(".")[0] for model in models for name in model.inference_profiles}
    assert prefixes == {"eu", "global"}


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 401, "error_type": "UnrecognizedClientException"}, AuthenticationError),
        ({"status": 403}, PermissionDeniedError),
        ({"status": 400}, InvalidRequestError),
        ({"status": 429}, RateLimitError),
        ({"status": 500}, ServerError),
        ({"disconnect": True}, ConnectionFailedError),
    ],
)
async def test_failures_are_errors_of_the_package(
    emulator: CloudEmulator, cloud: str, fault: dict[str, Any], kind: type[ClaudeCloudError]
) -> None:
    """The same tree, on both paths, with the platform and region."""
    llm = model_on(emulator, cloud)
    emulator.fault(operation="control", times=None, **fault)
    with pytest.raises(kind) as caught:
        llm.list_models()
    with pytest.raises(kind):
        await llm.alist_models()
    assert caught.value.platform == cloud
    assert caught.value.region
    emulator.reset()


@pytest.mark.parametrize(
    ("cloud", "permission"),
    [
        ("bedrock", "bedrock:ListFoundationModels and bedrock:ListInferenceProfiles"),
        ("vertex", "serviceusage.services.use"),
    ],
)
def test_a_missing_permission_is_named(
    emulator: CloudEmulator, cloud: str, permission: str
) -> None:
    """Not the one that calls need."""
    emulator.fault(status=403, operation="control", platform=cloud)  # type: ignore[arg-type]
    with pytest.raises(PermissionDeniedError, match=permission) as caught:
        model_on(emulator, cloud).list_models()
    assert "InvokeModel" not in str(caught.value)
    assert "endpoints.predict" not in str(caught.value)


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
async def test_a_throttled_request_is_sent_again(emulator: CloudEmulator, cloud: str) -> None:
    """As often as the model's own requests are."""
    llm = model_on(emulator, cloud, max_retries=1)
    for _ in range(2):
        emulator.fault(status=429, retry_after=0, operation="control")
        models = llm.list_models() if _ else await llm.alist_models()
        assert models


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
async def test_the_time_of_a_listing_is_that_of_all_its_requests(cloud: str) -> None:
    """A server that says nothing, and one that asks for a wait which there is no time for."""

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    given = {"access_token": "t", "project": "p"} if cloud == "vertex" else {"api_key": "k"}
    kind = Vertex if cloud == "vertex" else Bedrock
    region = "us-east5" if cloud == "vertex" else "us-east-1"
    llm = ChatClaudeCloud(
        model="claude-sonnet-5-5",
        platform=kind(base_url=url, region=region, **given),
        timeout={"total": 0.3},
    )
    async with asyncio.timeout(10):
        with pytest.raises(RequestTimeoutError, match=r"0\.3 s"):
            await llm.alist_models()
        with pytest.raises(RequestTimeoutError, match=r"0\.3 s"):
            await asyncio.to_thread(llm.list_models)
    server.close()


def test_a_wait_that_a_listing_has_no_time_for_ends_it(emulator: CloudEmulator) -> None:
    """The refusal is raised at once."""
    emulator.fault(status=429, retry_after=30, operation="control")
    llm = model_on(emulator, "bedrock", max_retries=2, timeout={"total": 20.0})
    with pytest.raises(RateLimitError):
        llm.list_models()
    assert len(emulator.control_requests) == 1


def test_an_identity_without_use_of_the_project_asks_without_it(emulator: CloudEmulator) -> None:
    """A service account may list, but not bill a project: the header is left out then."""
    emulator.fault(
        status=403,
        error_type="PERMISSION_DENIED",
        message="Caller does not have required permission to use project p. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role.",
        operation="control",
    )
    assert model_on(emulator, "vertex").list_models()
    first, *others = emulator.control_requests
    assert "x-goog-user-project" in first.headers
    assert others
    assert not any("x-goog-user-project" in request.headers for request in others)


def test_the_credentials_own_quota_project_stays(emulator: CloudEmulator) -> None:
    """What the user says is billed is billed."""
    platform = emulator.vertex(quota_project="billed-here")
    ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform).list_models()
    names = {request.headers["x-goog-user-project"] for request in emulator.control_requests}
    assert names == {"billed-here"}


async def test_the_event_loop_goes_on_while_a_cloud_thinks(emulator: CloudEmulator) -> None:
    """Nothing blocks, and several platforms are asked at once."""
    emulator.fault(status=500, delay_start=0.4, operation="control", times=2)
    platforms = [emulator.vertex(), emulator.bedrock()]
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platforms, max_retries=0)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    started = time.monotonic()
    with pytest.raises(ServerError):
        await llm.alist_models()
    ticking.cancel()
    assert ticks > 2
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in</html>",
        b"[]",
        b'{"modelSummaries": [{}], "publisherModels": [{}]}',
        b'{"modelSummaries": ["x"], "publisherModels": ["x"]}',
        b'{"modelSummaries": 1, "publisherModels": 1}',
        b'{"modelSummaries": [], "inferenceProfileSummaries": 1, "publisherModels": {"a": 1}}',
    ],
)
async def test_an_answer_of_another_form_is_an_error(
    emulator: CloudEmulator, cloud: str, body: bytes
) -> None:
    """A proxy's own page is no list of models. The caller's own clients are used, too."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=body)

    transport = httpx.MockTransport(answer)
    with httpx.Client(transport=transport) as client:
        async with httpx.AsyncClient(transport=transport) as other:
            llm = model_on(emulator, cloud, http_client=client, http_async_client=other)
            with pytest.raises(ServerError, match="documented form"):
                llm.list_models()
            with pytest.raises(ServerError, match="documented form"):
                await llm.alist_models()
    assert len(asked) >= 2
    assert emulator.control_requests == []


def test_pages_without_end_end(emulator: CloudEmulator) -> None:
    """A token that never goes away does not keep the caller for ever."""
    page = json.dumps({"publisherModels": [], "nextPageToken": "again"}).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=page))
    with httpx.Client(transport=transport) as client:
        llm = model_on(emulator, "vertex", http_client=client)
        with pytest.raises(ServerError, match="another token") as caught:
            llm.list_models()
    assert (caught.value.platform, caught.value.region) == ("vertex", "global")


def test_listing_leaves_the_script_of_model_requests_alone(emulator: CloudEmulator) -> None:
    """A reply that a test queued is for a call."""
    llm = model_on(emulator, "bedrock")
    emulator.reply(text("Here."))
    llm.list_models()
    assert llm.invoke("Where?").text == "Here."
    assert len(emulator.requests) == 1
