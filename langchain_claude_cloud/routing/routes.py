"""Finds the endpoints that a call may go to from a model's fields.

A route is one platform with one model on it. This module finds the model's id there, and checks
that the route lies inside the demanded residency. `langchain_claude_cloud.calls.retries` chooses
among several routes.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from langchain_claude_cloud.catalogue import bedrock, resolution
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.config.checks import expand_alias
from langchain_claude_cloud.errors import ConfigurationError, types
from langchain_claude_cloud.errors.redaction import SafeHeaders, reveal

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.base import Platform

_RESIDENT: Final = frozenset({"eu", "jp", "au"})
"""Geographies whose users should know when a request may leave them."""

_OF_REQUEST: Final = frozenset(
    {"base_model", "guardrail", "guard_last_turn_only", "latency", "trace", "request_metadata"}
)
_NO_IDENTITY: Final = _OF_REQUEST | {"region", "project", "base_url", "role_session_name"}
"""Settings that do not say whose quota and whose permissions a request uses, or are in a place with
what the environment says."""

_SURROUNDINGS: Final = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_QUOTA_PROJECT"),
    *("VERTEX_ACCESS_TOKEN", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK"),
    *("AWS_ROLE_ARN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    "ANTHROPIC_AWS_WORKSPACE_ID",
)
"""Environment variables that say who asks, where the user gave no credentials."""


@dataclass(frozen=True)
class Route:
    """One platform, asked for one model.

    Attributes:
        config: What the user said about the platform.
        model: The model as the user names it.
        residency: The geography that nothing may leave, or None.
        default_headers: Headers besides the platform's own.
    """

    config: Vertex | Bedrock
    model: str
    residency: str | None = None
    # What a user sends may be secret, and error trackers store what the frames of a call show.
    default_headers: types.Headers = field(default_factory=dict, repr=False)
    _resolved: dict[Hashable, resolution.ResolvedModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def platform(self) -> Platform:
        """The platform, made on first use; that reads no file and no network."""
        # Imported by the first call, not with the model.
        from langchain_claude_cloud.platform.bedrock import BedrockPlatform  # noqa: PLC0415
        from langchain_claude_cloud.platform.vertex import VertexPlatform  # noqa: PLC0415

        if isinstance(self.config, Vertex):
            return VertexPlatform(self.config, self.model, self.default_headers)
        return BedrockPlatform(self.config, self.model, self.default_headers)

    def resolved(self) -> resolution.ResolvedModel:
        """Return the model on this platform. The platform must have been prepared.

        Raises:
            ConfigurationError: Something is outside the residency.
        """
        return self.resolve_in(self.platform.region)

    @cached_property
    def place(self) -> Hashable:
        """What tells the endpoints of a process apart: they fail each for itself.

        Quotas belong to a project or an account, a region, a model and a kind of capacity;
        permissions to an identity. Secrets are in it as hashes alone.
        """
        config = self.config
        project = config.effective_project() if isinstance(config, Vertex) else config.project
        given = [value for name, value in config if name not in _NO_IDENTITY]
        given += [SecretStr(os.environ.get(name, "")) for name in _SURROUNDINGS]
        headers = SafeHeaders(self.default_headers)
        given += [
            SecretStr(f"{name}:{reveal(headers)[name]}")
            for name, value in sorted(headers.items(), key=str)
            if isinstance(value, SecretStr) or str(name).lower() in types.QUOTA_HEADERS
        ]
        address = (self.known_region, config.effective_base_url(), self.model)
        return (config.cloud, project, *address, tuple(map(_mark, given)))

    @cached_property
    def known_region(self) -> str | None:
        """The region as far as arguments and environment tell it, when it is first asked for."""
        if isinstance(self.config, Vertex):
            return self.config.region_for(self.model)
        return self.config.effective_region()

    def resolve_in(
        self, region: str | None, target: bedrock.ArnTarget | None = None
    ) -> resolution.ResolvedModel:
        """Resolve the model for a region, None while only a profile's file would tell it.

        Args:
            region: The region.
            target: What the model stands for, if it is an ARN and that is known.

        Raises:
            ConfigurationError: The model id is no good here, or something lies outside the
                residency.
        """
        if (region, target) not in self._resolved:
            self._resolved[region, target] = self._resolve(region, target)
        return self._resolved[region, target]

    def _resolve(
        self, region: str | None, target: bedrock.ArnTarget | None
    ) -> resolution.ResolvedModel:
        config = self.config
        if isinstance(config, Vertex):
            resolved = resolution.resolve(self.model, "vertex")
        else:
            config.check_project(self.model, region)
            resolved = resolution.resolve(
                self.model,
                "bedrock",
                region=region,
                inference_profile=self._profile_for(config, region),
                base_model=(target.base_id if target else None) or config.base_model,
                api=config.api,
            )
        if region is not None and self.residency is not None:
            self._check_residency(resolved, region)
        return resolved

    @cached_property
    def lookup(self) -> bedrock.Lookup | None:
        """How to find out what the model's ARN stands for; None if there is no need.

        Where a residency is demanded, ``base_model`` does not do: it says which model answers,
        not where.
        """
        if not isinstance(self.config, Bedrock) or not self.model.startswith("arn:"):
            return None
        if self.config.base_model and self.residency is None:
            return None
        return bedrock.lookup_of(self.model)

    def check_target(self, target: bedrock.ArnTarget) -> None:
        """Refuse an ARN that leads elsewhere than it may.

        Raises:
            ConfigurationError: It does, or nothing tells where it leads.
        """
        if self.residency is None:
            return
        if target.base_id is None and self.lookup is not None:
            raise self._outside(
                f"what {self.model} stands for could not be found out. Allow the identity "
                f"{self.lookup.permission}, or give the model by an id that names it"
            )
        for region in sorted(target.regions):
            what = f"{self.model} may be served in {region or 'any region of the world'}, which"
            self._refuse_outside(what, _geography("bedrock", region))

    def global_routing(self, region: str | None) -> str | None:
        """Return a notice for a region whose requests may be served elsewhere; None if not so."""
        if region is None or self.residency is not None or self.config.cloud == "vertex":
            return None
        geography = resolution.region_geography(self.config.cloud, region)
        if geography not in _RESIDENT or self.resolve_in(region).inference_profile != "global":
            return None
        return (
            f"Requests from {region} use the global inference profile and may be served outside "
            f'{geography}. Set residency="{geography}" to keep them inside.'
        )

    def _profile_for(self, config: Bedrock, region: str | None) -> str | None:
        """Choose the region's own geography, not ``global``, where a residency is demanded."""
        if bedrock.bedrock_apis()[config.api].model_ids != "profile":
            return None
        if config.inference_profile != "auto" or self.residency is None or region is None:
            return config.inference_profile
        geography = resolution.region_geography("bedrock", region)
        with suppress(ConfigurationError):
            resolution.resolve(self.model, "bedrock", region=region, inference_profile=geography)
            return geography
        return None

    def _check_residency(self, resolved: resolution.ResolvedModel, region: str) -> None:
        config, model = self.config, self.model
        self._refuse_outside(f"the region {region}", _geography(config.cloud, region))
        if resolved.inference_profile is not None:
            self._refuse_outside("the inference profile", resolved.inference_profile)
        if isinstance(config, Bedrock) and bedrock.bedrock_apis()[config.api].may_answer_anywhere:
            self._refuse_outside(f"api={config.api!r}, which may answer anywhere,", None)
        if isinstance(config, Vertex) and (counting := config.count_tokens_region):
            self._refuse_outside("count_tokens_region", _geography("vertex", counting))
        self.check_address(config.effective_base_url() or "")
        if model.startswith("arn:"):
            geography = _geography("bedrock", bedrock.region_of(model))
            self._refuse_outside("the ARN's region", geography)
            if not bedrock.tells_where_it_leads(model):
                what = f"{model}, which does not say where its requests go,"
                self._refuse_outside(what, None)

    def check_address(self, url: str) -> None:
        """Refuse an address that names another geography; a configuration file may have it.

        Raises:
            ConfigurationError: It does.
        """
        cloud = self.config.cloud
        if self.residency is not None and (named := resolution.region_in_address(cloud, url)):
            what = f"the address in {named} (base_url, or the environment's or AWS profile's)"
            self._refuse_outside(what, _geography(cloud, named))

    def _refuse_outside(self, what: str, geography: str | None) -> None:
        """Refuse something whose geography is not in the demanded residency."""
        if not resolution.lies_within(geography, self.residency or ""):
            raise self._outside(
                f"{what} is outside ({geography or 'elsewhere'}). Choose a region, multi-region, "
                "inference profile, api or model id that stays inside"
            )

    def _outside(self, what: str) -> ConfigurationError:
        text = f"residency={self.residency!r} is set, but {what}, or leave out residency."
        return ConfigurationError(
            text, platform=self.config.cloud, model=self.model, region=self.known_region
        )


def _geography(cloud: types.Cloud, region: str) -> str | None:
    return resolution.region_geography(cloud, region) if region else "global"


class _Object:
    """Stands for an object, and is equal to what stands for the same one.

    The address alone would not do: another object may be there later.
    """

    def __init__(self, given: object) -> None:
        self._address = id(given)
        try:
            self._get: Callable[[], object] = weakref.ref(given)
        except TypeError:  # of a class with slots
            self._get = lambda: given

    def __eq__(self, other: object) -> bool:
        is_alike = isinstance(other, _Object) and self._get() is other._get() is not None
        return self is other or is_alike

    def __hash__(self) -> int:
        return self._address


def _mark(value: object) -> Hashable:
    """Return what stands for a value, and holds no secret."""
    if isinstance(value, SecretStr):
        return sha256(value.get_secret_value().encode("utf-8", "surrogatepass")).digest()
    return value if value is None or isinstance(value, str | bool) else _Object(value)


def make_routes(
    platforms: Sequence[Vertex | Bedrock],
    model: str,
    *,
    residency: str | None = None,
    default_headers: types.Headers | None = None,
) -> tuple[Route, ...]:
    """Return a route for each platform, in their order, after checking the model on each.

    Raises:
        ConfigurationError: The model id does not work on a platform, or a route lies outside the
            residency.
    """
    if not model.strip():
        raise ConfigurationError("model is empty: name one, or set ANTHROPIC_MODEL.")
    model = expand_alias(model)
    if residency not in (None, *resolution.INFERENCE_PROFILES[1:]):  # all but global
        given = ", ".join(resolution.INFERENCE_PROFILES[1:])
        raise ConfigurationError(f"residency={residency!r} is no geography. There are {given}.")
    clouds = {config.cloud for config in platforms}
    if len(clouds) > 1 and resolution.cloud_of(model) is not None:
        raise ConfigurationError(
            f"model {model!r} is an exact id of one cloud, but the platforms are on "
            f"{' and '.join(sorted(clouds))}. Use the model's plain name, which each resolves."
        )
    headers = SafeHeaders(default_headers or {})
    routes = tuple(Route(config, model, residency, headers) for config in platforms)
    for route in routes:
        route.resolve_in(route.known_region)
    return routes
