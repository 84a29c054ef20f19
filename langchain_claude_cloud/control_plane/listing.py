"""A model's routes in, the models that their clouds list out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests as control_plane
from langchain_claude_cloud.control_plane.available_models import (
    AvailableModel,
    newest_first,
    read_bedrock,
    read_vertex,
)
from langchain_claude_cloud.control_plane.client import (
    Asking,
    Outcome,
    Questions,
    aask,
    ask,
    bedrock_address,
    expect,
)
from langchain_claude_cloud.control_plane.requests import ControlPlane
from langchain_claude_cloud.errors import PermissionDeniedError, ServerError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform import http
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import RetryPolicy, Timeouts

if TYPE_CHECKING:
    import httpx

    from langchain_claude_cloud.routing.routes import Route

_SUBJECT: Final = "the list of models"
_MOST_PAGES: Final = 100
_NEEDS: Final = {
    "bedrock": ("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles"),
    "vertex": ("serviceusage.services.use on the project (role Service Usage Consumer)",),
}
_HINTS: Final = {
    "bedrock": "",
    "vertex": "The API aiplatform.googleapis.com must be enabled for it, too.",
}

Timeout = float | Mapping[str, float] | None


def list_models(
    routes: Sequence[Route], *, max_retries: int, timeout: Timeout, client: httpx.Client | None
) -> tuple[AvailableModel, ...]:
    """Return the models that the routes' clouds list, in the routes' order, newest first.

    Args:
        routes: Each endpoint is asked.
        max_retries: How often a failed request is sent again at most.
        timeout: As the model's field.
        client: The caller's own client.

    Raises:
        ClaudeCloudError: A control plane refused, or was not reached.
    """
    lists = []
    for route in routes:
        http.prepare(route.platform)
        lists.append(ask(_asking(route, max_retries, timeout), _questions(route), client))
    return _joined(lists)


async def alist_models(
    routes: Sequence[Route],
    *,
    max_retries: int,
    timeout: Timeout,  # noqa: ASYNC109  the model's field, which has several parts
    client: httpx.AsyncClient | None,
) -> tuple[AvailableModel, ...]:
    """Do what `list_models` does, on an event loop, asking all endpoints at once.

    Raises:
        ClaudeCloudError: See `list_models`.
    """

    async def of_route(route: Route) -> tuple[AvailableModel, ...]:
        await http.aprepare(route.platform)
        return await aask(_asking(route, max_retries, timeout), _questions(route), client)

    # All are waited for: a failure leaves nothing running behind.
    lists = await asyncio.gather(*map(of_route, routes), return_exceptions=True)
    for each in lists:
        if isinstance(each, BaseException):
            raise each
    return _joined([each for each in lists if not isinstance(each, BaseException)])


def _joined(lists: Iterable[tuple[AvailableModel, ...]]) -> tuple[AvailableModel, ...]:
    return tuple(dict.fromkeys(model for models in lists for model in models))


def _asking(route: Route, max_retries: int, timeout: Timeout) -> Asking:
    cloud = route.config.cloud
    return Asking(
        route,
        ControlPlane(route.platform, _NEEDS[cloud], _HINTS[cloud]),
        Timeouts.for_cloud(cloud, timeout),
        RetryPolicy(max_retries),
        _SUBJECT,
    )


def _questions(route: Route) -> Questions[tuple[AvailableModel, ...]]:
    return _of_bedrock(route) if isinstance(route.config, Bedrock) else _of_vertex(route)


def _of_bedrock(route: Route) -> Questions[tuple[AvailableModel, ...]]:
    base_url = bedrock_address(route)
    project = route.config.project if isinstance(route.config, Bedrock) else None
    summaries = expect((yield control_plane.foundation_models(base_url, project)))
    profiles: list[JsonObject] = []
    for kind in ("SYSTEM_DEFINED", "APPLICATION"):

        def page(token: str | None, kind: str = kind) -> OutgoingRequest:
            return control_plane.inference_profiles(base_url, kind, token, project)

        profiles += yield from _pages(route, page, "inferenceProfileSummaries", "nextToken", None)
    listed = summaries.get("modelSummaries") or ()
    return _read(route, lambda: read_bedrock(route.platform.region, listed, profiles))


def _of_vertex(route: Route) -> Questions[tuple[AvailableModel, ...]]:
    first = yield control_plane.publisher_models(route.platform, None, billed=True)
    # User credentials need a project to be named; a service account may not be allowed to.
    billed = not (isinstance(first, PermissionDeniedError) and _is_about_project(first))
    if not billed:
        first = yield control_plane.publisher_models(route.platform, None, billed=False)

    def page(token: str | None) -> OutgoingRequest:
        return control_plane.publisher_models(route.platform, token, billed=billed)

    entries = yield from _pages(route, page, "publisherModels", "nextPageToken", first)
    return _read(route, lambda: read_vertex(route.platform.region, entries))


def _read(route: Route, read: Callable[[], list[AvailableModel]]) -> tuple[AvailableModel, ...]:
    """Read what was listed.

    Raises:
        ServerError: It is not of the documented form.
    """
    try:
        return newest_first(read())
    except (KeyError, TypeError, AttributeError) as error:
        raise _problem(route, repr(error)) from error


def _problem(route: Route, what: str) -> ServerError:
    return ServerError(
        f"The list of models is not of the documented form ({what}). Is something between here "
        "and the cloud answering in its place?",
        platform=route.config.cloud,
        model=_SUBJECT,
        region=route.platform.region,
    )


def _is_about_project(error: PermissionDeniedError) -> bool:
    text = error.body or str(error)
    return any(word in text for word in ("USER_PROJECT_DENIED", "serviceusage"))


def _pages(
    route: Route,
    page: Callable[[str | None], OutgoingRequest],
    items: str,
    next_token: str,
    first: Outcome,
) -> Questions[list[JsonObject]]:
    """Ask for one page after another and return their items.

    Args:
        route: Who is asked.
        page: Makes the request of a page from its token.
        items: The key of the items.
        next_token: The key of the following page's token.
        first: What became of the first page's request, if it was sent already.

    Raises:
        ServerError: The pages do not end, or are not of the documented form.
    """
    answer = expect(first if first is not None else (yield page(None)))
    found: list[JsonObject] = []
    for _ in range(_MOST_PAGES):
        listed = answer.get(items) or []
        if not isinstance(listed, list):
            raise _problem(route, f"{items} is no list")
        found += listed
        token = answer.get(next_token)
        if not token:
            return found
        answer = expect((yield page(str(token))))
    raise _problem(route, f"after {_MOST_PAGES} pages it has still another token")
