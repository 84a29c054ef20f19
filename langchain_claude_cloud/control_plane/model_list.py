"""Ask the clouds which models they list.

Each function is a generator: it yields requests, is sent the answer of each (or has its error
raised), and returns what was made of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Final

from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests
from langchain_claude_cloud.control_plane.available_models import (
    AvailableModel,
    newest_first,
    read_bedrock,
    read_vertex,
)
from langchain_claude_cloud.control_plane.requests import bedrock_address
from langchain_claude_cloud.errors import PermissionDeniedError, ServerError
from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import Route

SUBJECT: Final = "the list of models"
"""What is asked about, for errors."""

PERMISSIONS: Final[Mapping[Cloud, tuple[str, ...]]] = {
    "bedrock": ("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles"),
    "vertex": ("serviceusage.services.use on the project (role Service Usage Consumer)",),
}
"""What the identity must be allowed."""

HINTS: Final[Mapping[Cloud, str]] = {
    "bedrock": "",
    "vertex": "The API aiplatform.googleapis.com must be enabled for it, too.",
}
"""What else a refusal advises."""

_MOST_PAGES: Final = 100

Models = tuple[AvailableModel, ...]


def ask_for_models(route: Route) -> Generator[OutgoingRequest, JsonObject, Models]:
    """Ask for the models that a route's cloud lists, newest first.

    Raises:
        ClaudeCloudError: A request's error, or an answer that is not of the documented form.
    """
    return _of_bedrock(route) if isinstance(route.config, Bedrock) else _of_vertex(route)


def _of_bedrock(route: Route) -> Generator[OutgoingRequest, JsonObject, Models]:
    base_url = bedrock_address(route)
    project = route.config.project if isinstance(route.config, Bedrock) else None
    summaries = yield requests.foundation_models(base_url, project)
    profiles: list[JsonObject] = []
    for kind in ("SYSTEM_DEFINED", "APPLICATION"):

        def page(token: str | None, kind: str = kind) -> OutgoingRequest:
            return requests.inference_profiles(base_url, kind, token, project)

        profiles += yield from _pages(route, page, "inferenceProfileSummaries", "nextToken", None)
    listed = summaries.get("modelSummaries") or ()
    return _read(route, lambda: read_bedrock(route.platform.region, listed, profiles))


def _of_vertex(route: Route) -> Generator[OutgoingRequest, JsonObject, Models]:
    # User credentials need a project to be named; a service account may not be allowed to.
    billed = True
    try:
        first = yield requests.publisher_models(route.platform, None, billed=True)
    except PermissionDeniedError as error:
        if not _is_about_project(error):
            raise
        billed = False
        first = yield requests.publisher_models(route.platform, None, billed=False)

    def page(token: str | None) -> OutgoingRequest:
        return requests.publisher_models(route.platform, token, billed=billed)

    entries = yield from _pages(route, page, "publisherModels", "nextPageToken", first)
    return _read(route, lambda: read_vertex(route.platform.region, entries))


def _read(route: Route, read: Callable[[], list[AvailableModel]]) -> Models:
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
        f"The list of models is not of the documented form ({what}). Perhaps a proxy or a "
        "gateway answered instead of the cloud.",
        platform=route.config.cloud,
        model=SUBJECT,
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
    first: JsonObject | None,
) -> Generator[OutgoingRequest, JsonObject, list[JsonObject]]:
    """Ask for one page after another and return their items.

    Args:
        route: Who is asked.
        page: Makes the request of a page from its token.
        items: The key of the items.
        next_token: The key of the following page's token.
        first: The first page, if it was asked for already.

    Raises:
        ServerError: The pages do not end, or are not of the documented form.
    """
    answer = first if first is not None else (yield page(None))
    found: list[JsonObject] = []
    for _ in range(_MOST_PAGES):
        listed = answer.get(items) or []
        if not isinstance(listed, list):
            raise _problem(route, f"{items} is no list")
        found += listed
        token = answer.get(next_token)
        if not token:
            return found
        answer = yield page(str(token))
    raise _problem(route, f"after {_MOST_PAGES} pages it has still another token")
