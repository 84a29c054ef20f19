"""Lists the models that a cloud has.

`ask_for_models` is a generator: it yields requests, is sent the answer of each (or has its
error raised), and returns what was made of the answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from langchain_claude_cloud.catalogue.bedrock import id_in_arn
from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests
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

_DATED = re.compile(r"\d{8}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableModel:
    """A Claude model that a cloud lists.

    Attributes:
        cloud: Which cloud lists it.
        region: Where it was asked: a region, ``us``, ``eu`` or ``global``.
        id: The cloud's exact id, without an inference profile's prefix.
        name: The catalogue's name, which works on either cloud; None for a model that this
            version of the package does not know (and which works all the same).
        status: The cloud's own word, in lower case: ``active`` or ``legacy`` on Bedrock; a
            launch stage such as ``ga`` or ``public_preview`` on Vertex AI; empty if it has
            none.
        end_of_life: The cloud's own date (ISO), or None.
        on_demand: Whether the bare id answers; on Bedrock most models answer to an inference
            profile only. None if the cloud does not say.
        inference_profiles: Ids of Bedrock's own profiles for the model, such as
            ``us.anthropic.claude-sonnet-5-5``.
        application_profiles: ARNs of the account's profiles for it.
        input_modalities: What goes in, in lower case, as far as the cloud says.
        streaming: Whether it streams, as far as the cloud says.
    """

    cloud: Cloud
    region: str
    id: str
    name: str | None = None
    status: str = ""
    end_of_life: str | None = None
    on_demand: bool | None = None
    inference_profiles: tuple[str, ...] = ()
    application_profiles: tuple[str, ...] = ()
    input_modalities: tuple[str, ...] = ()
    streaming: bool | None = None

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Everything that may be given as ``model`` for it here, the bare id first."""
        bare = () if self.on_demand is False else (self.id,)
        return (*bare, *self.inference_profiles, *self.application_profiles)


Models = tuple[AvailableModel, ...]


def ask_for_models(route: Route) -> Generator[OutgoingRequest, JsonObject, Models]:
    """Ask for the models that a route's cloud lists, newest first.

    Raises:
        ClaudeCloudError: A request's error, or an answer that is not of the documented form.
    """
    return _of_bedrock(route) if isinstance(route.config, Bedrock) else _of_vertex(route)


def _of_bedrock(route: Route) -> Generator[OutgoingRequest, JsonObject, Models]:
    base_url = requests.bedrock_address(route)
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


def read_bedrock(
    region: str, summaries: Iterable[JsonObject], profiles: Iterable[JsonObject]
) -> list[AvailableModel]:
    """Return the models of a region of Bedrock.

    Args:
        region: The region.
        summaries: ``modelSummaries`` of ListFoundationModels.
        profiles: ``inferenceProfileSummaries`` of ListInferenceProfiles, of both types. A
            profile may lead to a model that the region itself does not list.
    """
    models = {str(each["modelId"]): _of_summary(region, each) for each in summaries}
    for each in profiles:
        for base_id in bases_of_profile(each):
            listed = models.get(base_id) or AvailableModel(
                cloud="bedrock",
                region=region,
                id=base_id,
                name=_name(base_id),
                status=str(each.get("status") or "").lower(),
                on_demand=False,
            )
            models[base_id] = _with_profile(listed, each)
    return list(models.values())


def _of_summary(region: str, summary: JsonObject) -> AvailableModel:
    lifecycle = summary.get("modelLifecycle") or {}
    model_id = str(summary["modelId"])
    kinds = summary.get("inferenceTypesSupported")
    return AvailableModel(
        cloud="bedrock",
        region=region,
        id=model_id,
        name=_name(model_id),
        status=str(lifecycle.get("status") or "").lower(),
        end_of_life=_date(lifecycle.get("endOfLifeTime")),
        on_demand=None if kinds is None else "ON_DEMAND" in kinds,
        input_modalities=tuple(str(one).lower() for one in summary.get("inputModalities") or ()),
        streaming=summary.get("responseStreamingSupported"),
    )


def bases_of_profile(profile: JsonObject) -> tuple[str, ...]:
    """Return the base ids of Claude models that an inference profile leads to."""
    arns = (str(model.get("modelArn") or "") for model in profile.get("models") or ())
    named = (id_in_arn(arn) for arn in arns)
    return tuple(dict.fromkeys(found[1] for found in named if found))


def _with_profile(model: AvailableModel, profile: JsonObject) -> AvailableModel:
    if profile.get("type") == "APPLICATION":
        arn = str(profile["inferenceProfileArn"])
        return replace(model, application_profiles=(*model.application_profiles, arn))
    identifier = str(profile["inferenceProfileId"])
    return replace(model, inference_profiles=(*model.inference_profiles, identifier))


def read_vertex(region: str, entries: Iterable[JsonObject]) -> list[AvailableModel]:
    """Return the models of Vertex AI's Model Garden.

    Args:
        region: Where it was asked.
        entries: ``publisherModels`` of publishers.models.list.
    """
    models: dict[str, AvailableModel] = {}
    for each in entries:
        name, version = str(each["name"]).rpartition("/")[2], str(each.get("versionId") or "")
        # Dated models are called by their date; the others have a version that is no date.
        dated = _DATED.fullmatch(version) and "@" not in name
        model_id = f"{name}@{version}" if dated else name
        row = find(model_id)
        if row is not None and row.vertex_id == name:
            model_id = name
        models.setdefault(
            model_id,
            AvailableModel(
                cloud="vertex",
                region=region,
                id=model_id,
                name=row.name if row else None,
                status=str(each.get("launchStage") or "").lower(),
            ),
        )
    return list(models.values())


def _name(model_id: str) -> str | None:
    row = find(model_id)
    return row.name if row else None


def _date(value: object) -> str | None:
    """Return the day of a timestamp, which AWS sends as text; None for what is none."""
    found = re.match(r"\d{4}-\d\d-\d\d", value) if isinstance(value, str) else None
    return found[0] if found else None


def newest_first(models: Iterable[AvailableModel]) -> tuple[AvailableModel, ...]:
    """Return models by their release, those first that the catalogue does not know."""
    return tuple(sorted(models, key=_released, reverse=True))


def _released(model: AvailableModel) -> str:
    row = find(model.id)
    return row.released if row else "9999"
