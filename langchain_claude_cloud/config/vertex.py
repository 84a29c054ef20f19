"""`Vertex`: the project, region, credentials and other settings for Claude on Vertex AI.

Nothing here reads a file, imports a cloud's library or touches the network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from langchain_claude_cloud.catalogue.resolution import vertex_region_variables
from langchain_claude_cloud.config.base import CloudConfig
from langchain_claude_cloud.config.checks import refusal
from langchain_claude_cloud.errors.types import Cloud


def _check_credentials(credentials: object) -> object:
    if isinstance(credentials, str | bytes | Mapping | os.PathLike):
        raise refusal(
            "Vertex",
            "credentials is a google.auth credentials object. For a key file set "
            "GOOGLE_APPLICATION_CREDENTIALS to its path, or pass its contents as "
            "credentials_info.",
        )
    return credentials


def _read_credentials_info(value: object) -> SecretStr | None:
    """Return the contents of a Google key file as JSON, from that or a mapping."""
    given = value.get_secret_value() if isinstance(value, SecretStr) else value
    if given is None:
        return None
    with suppress(ValueError, TypeError, RecursionError):
        info = json.loads(given) if isinstance(given, str | bytes) else given
        if isinstance(info, Mapping) and isinstance(info.get("type"), str):
            return SecretStr(json.dumps(dict(info)))
    raise ValueError(
        "it is the contents of a key file, as a mapping or as JSON, with a field named type"
    )


class Vertex(CloudConfig):
    """Claude on Google Cloud's Vertex AI.

    Application Default Credentials are read at the first call.

    Args:
        project: The Google Cloud project. Default: ``ANTHROPIC_VERTEX_PROJECT_ID``,
            ``GOOGLE_CLOUD_PROJECT``, ``GCLOUD_PROJECT``, or the credentials' own.
        region: ``global``, ``us``, ``eu`` or a region such as ``europe-west1``. Default:
            ``VERTEX_REGION_<MODEL>``, ``CLOUD_ML_REGION``, or ``global``.
        credentials: A `google.auth.credentials.Credentials`.
        access_token: A bearer token, used as it is and never renewed.
        credentials_info: The contents of a key file, as a mapping or as JSON.
        base_url: An address in place of Google's, such as a gateway. Default:
            ``ANTHROPIC_VERTEX_BASE_URL``.
        anthropic_version: The API version in the body.
        count_tokens_region: The region in which tokens are counted; not every region counts.
        quota_project: The project whose quota is used, and which is billed.
        request_type: ``dedicated`` for provisioned throughput only, ``shared`` to bypass it.
    """

    project: str | None = None
    region: str | None = None
    credentials: Annotated[object | None, AfterValidator(_check_credentials)] = Field(
        default=None, exclude=True, repr=False
    )
    access_token: SecretStr | None = None
    credentials_info: Annotated[SecretStr | None, BeforeValidator(_read_credentials_info)] = None
    base_url: str | None = None
    anthropic_version: str = "vertex-2023-10-16"
    count_tokens_region: str | None = None
    quota_project: str | None = None
    request_type: Literal["dedicated", "shared"] | None = None

    cloud: ClassVar[Cloud] = "vertex"
    _secret_variables: ClassVar[Mapping[str, str]] = {
        "access_token": "VERTEX_ACCESS_TOKEN",
        "credentials_info": "VERTEX_CREDENTIALS_INFO",
    }
    _object_fields: ClassVar[tuple[str, ...]] = ("credentials",)

    def effective_project(self) -> str | None:
        """Return the project as far as arguments and environment tell it."""
        names = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
        return self._effective("project", *names)

    def region_for(self, model: str) -> str:
        """Return the region that a model is asked in.

        Raises:
            ConfigurationError: It does not have the throughput that is asked for.
        """
        names = (*vertex_region_variables(model), "CLOUD_ML_REGION")
        region = self._effective("region", *names) or "global"
        if self.request_type == "dedicated" and region == "global":
            raise self._refusal(
                "request_type='dedicated' asks for provisioned throughput, which the global "
                "endpoint does not have. Give the region that the throughput was bought in.",
            )
        return region

    def effective_base_url(self) -> str | None:
        """Return the address to use instead of Google's, without a slash at its end."""
        url = self._effective("base_url", "ANTHROPIC_VERTEX_BASE_URL")
        return url.rstrip("/") if url else None

    def effective_credentials_info(self) -> SecretStr | None:
        """Return the contents of a key file, from the environment if this copy lost them.

        Raises:
            ConfigurationError: They are not there, or are not what a key file holds.
        """
        given = self.given("credentials_info")
        try:
            return _read_credentials_info(given)
        except ValueError as error:
            problem = str(error)
        raise self._refusal(f"VERTEX_CREDENTIALS_INFO (for credentials_info): {problem}.")

    def _refuse_contradictions(self) -> None:
        given = [name for name in self._names_of_secrets() if self._has(name)]
        if len(given) > 1:
            raise self._refusal(
                f"explicit credentials conflict: {' and '.join(given)}. Give one of them."
            )
        if self.region is not None:
            self.region_for("")
