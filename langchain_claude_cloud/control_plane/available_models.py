"""Lists the models that a cloud has, and finds the model that an ARN stands for.

`ask_for_models` and `ask_for_target` are generators: they yield requests, are sent the answer of
each (or have its error raised), and return what was made of the answers.

The ARN of an application inference profile, of provisioned throughput or of a prompt router
does not name its model; GetInferenceProfile and its siblings do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote, unquote

from langchain_claude_cloud.catalogue.bedrock import ArnTarget, Lookup, claude_id_in, region_of
from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.catalogue.resolution import catalogue_name
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane import requests
from langchain_claude_cloud.errors import NotFoundError, PermissionDeniedError
from langchain_claude_cloud.errors.types import QUOTA_PROJECT_HEADER, Cloud, JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import Route

SUBJECT: Final = "the list of models"
"""What is asked about, for errors."""

PERMISSIONS: Final[Mapping[Cloud, tuple[str, ...]]] = {
    "bedrock": ("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles"),
    "vertex": (
        "serviceusage.services.use on the project (role Service Usage Consumer)",
        "the use of the API aiplatform.googleapis.com, which must be enabled there",
    ),
}
"""What the identity must be allowed."""

_MOST_PAGES: Final = 100

UNKNOWN: Final = ArnTarget(None)
"""What an ARN stands for about which nothing could be found out."""


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
T = TypeVar("T")
Questions: TypeAlias = Generator[OutgoingRequest, JsonObject, T]
"""Yields requests, is sent the answer of each (or has its error raised), and returns the result."""


def ask_for_models(route: Route) -> Questions[Models]:
    """Ask for the models that a route's cloud lists, newest first.

    Raises:
        ClaudeCloudError: A request's error.
        ValueError: An answer is not of the documented form; or what else that makes Python raise.
    """
    ask = _of_bedrock if isinstance(route.config, Bedrock) else _of_vertex
    found = yield from ask(route)
    return tuple(sorted(found, key=lambda model: _released(model.id), reverse=True))


def _of_bedrock(route: Route) -> Questions[list[AvailableModel]]:
    url, project = requests.bedrock_address(route), route.config.project
    models = partial(requests.get, f"{url}/foundation-models", byProvider="anthropic")
    summaries = yield models(projectIdentifier=project)
    # Without a type only the first come. Application profiles belong to no project, and a request
    # for them that names one is refused.
    listing = partial(requests.get, f"{url}/inference-profiles", maxResults="1000")
    of_system = partial(listing, type="SYSTEM_DEFINED", projectIdentifier=project)
    profiles: list[JsonObject] = []
    for page in (of_system, partial(listing, type="APPLICATION")):
        profiles += yield from _pages(page, "nextToken", "inferenceProfileSummaries", "nextToken")
    listed = summaries.get("modelSummaries") or ()
    return read_bedrock(route.platform.region, listed, profiles)


def _of_vertex(route: Route) -> Questions[list[AvailableModel]]:
    # A gateway's own path is taken as it is; Google's version is swapped.
    url = requests.of_version_1_beta(route.platform.endpoint("claude", "invoke"))
    base, _, path = url.partition("/projects/")
    headers = {QUOTA_PROJECT_HEADER: unquote(path.partition("/")[0])}

    def page(**token: str | None) -> OutgoingRequest:
        models = f"{base}/publishers/anthropic/models"
        # Vertex AI refuses more than 300 a page (measured by others).
        request = requests.get(models, pageSize="100", listAllVersions="true", **token)
        return request.with_headers(headers)

    # User credentials need a project to be named, whose quota is used (a quota project of the
    # credentials goes before it); a service account may not be allowed to.
    names = ("pageToken", "publisherModels", "nextPageToken")
    try:
        listed = yield from _pages(page, *names)
    except PermissionDeniedError as error:
        if not re.search("USER_PROJECT_DENIED|serviceusage", error.body or str(error)):
            raise
        headers.clear()
        listed = yield from _pages(page, *names)
    return read_vertex(route.platform.region, listed)


def _pages(
    page: Callable[..., OutgoingRequest], token_name: str, items: str, next_token: str
) -> Questions[list[JsonObject]]:
    """Ask for one page after another and return their items.

    Args:
        page: Makes the request of a page.
        token_name: Its argument that takes the page's token.
        items: The key of the items.
        next_token: The key of the following page's token.

    Raises:
        ValueError: The pages do not end.
    """
    found: list[JsonObject] = []
    token: str | None = None
    for _ in range(_MOST_PAGES):
        answer = yield page(**{token_name: token})
        found += answer.get(items) or []
        token = answer.get(next_token)
        if not token:
            return found
    raise ValueError(f"after {_MOST_PAGES} pages it has still another token")


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
    listed = partial(AvailableModel, cloud="bedrock", region=region)
    models: dict[str, AvailableModel] = {}
    for each in summaries:
        lifecycle, kinds = each.get("modelLifecycle") or {}, each.get("inferenceTypesSupported")
        model_id = str(each["modelId"])
        models[model_id] = listed(
            id=model_id,
            name=catalogue_name(model_id),
            status=str(lifecycle.get("status") or "").lower(),
            end_of_life=_date(lifecycle.get("endOfLifeTime")),
            on_demand=None if kinds is None else "ON_DEMAND" in kinds,
            input_modalities=tuple(str(one).lower() for one in each.get("inputModalities") or ()),
            streaming=each.get("responseStreamingSupported"),
        )
    for each in profiles:
        status = str(each.get("status") or "").lower()
        arns = (str(model.get("modelArn") or "") for model in each.get("models") or ())
        for base_id in dict.fromkeys(found[1] for found in map(claude_id_in, arns) if found):
            model = models.get(base_id) or listed(
                id=base_id, name=catalogue_name(base_id), status=status, on_demand=False
            )
            models[base_id] = _with_profile(model, each)
    return list(models.values())


def _with_profile(model: AvailableModel, profile: JsonObject) -> AvailableModel:
    if profile.get("type") == "APPLICATION":
        arns = (*model.application_profiles, str(profile["inferenceProfileArn"]))
        return replace(model, application_profiles=arns)
    ids = (*model.inference_profiles, str(profile["inferenceProfileId"]))
    return replace(model, inference_profiles=ids)


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
        dated = re.fullmatch(r"\d{8}", version, re.ASCII) and "@" not in name
        model_id = f"{name}@{version}" if dated else name
        row = find(model_id)
        model = AvailableModel(
            cloud="vertex",
            region=region,
            id=name if row and row.vertex_id == name else model_id,
            name=row.name if row else None,
            status=str(each.get("launchStage") or "").lower(),
        )
        models.setdefault(model.id, model)
    return list(models.values())


def _date(value: object) -> str | None:
    """Return the day of a timestamp, which AWS sends as text; None for what is none."""
    found = re.match(r"\d{4}-\d\d-\d\d", value) if isinstance(value, str) else None
    return found[0] if found else None


def ask_for_target(route: Route, lookup: Lookup) -> Questions[ArnTarget]:
    """Ask what the ARN stands for that is a route's model.

    Args:
        route: The platform must have been prepared.
        lookup: How the control plane is asked about it.

    Raises:
        NotFoundError: It stands for none of Claude's models.
    """
    address = f"{requests.bedrock_address(route)}/{lookup.path}/{quote(route.model, safe='')}"
    target = read_target((yield requests.get(address)))
    if target is UNKNOWN:
        raise NotFoundError("it does not stand for a known Claude model", status_code=404)
    return target


def read_target(answer: JsonObject) -> ArnTarget:
    """Return the model that an answer of the control plane names; the oldest of several."""
    models = answer.get("models")
    listed = [answer, answer.get("fallbackModel"), *(models if isinstance(models, list) else ())]
    keys = ("modelArn", "foundationModelArn")
    arns = [str(each.get(key)) for each in listed if isinstance(each, dict) for key in keys]
    named = {arn: found[1] for arn in arns if (found := claude_id_in(arn))}
    if not named:
        return UNKNOWN
    regions = frozenset(region_of(arn) for arn in named)
    return ArnTarget(min(named.values(), key=_released), regions)


def _released(base_id: str) -> str:
    """Return when a model was released; one that the catalogue does not know is newer."""
    row = find(base_id)
    return row.released if row else "9999"
