"""What the user says about a cloud: where to ask, and as whom.

In: constructor arguments and, when they are needed, environment variables. Out: the plain
settings that `langchain_claude_cloud.platform` works with. Nothing here reads a file,
imports a cloud's library or touches the network.

How secrets are kept out of dumps and pickles is in `langchain_claude_cloud.config.base`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SecretStr, StrictBool, field_validator

from langchain_claude_cloud.catalogue.arns import region_of, split_arn
from langchain_claude_cloud.catalogue.names import vertex_region_variables
from langchain_claude_cloud.config.base import CloudConfig
from langchain_claude_cloud.config.checks import (
    check_headers,
    check_request_metadata,
    from_environment,
    read_guardrail,
    refusal,
)
from langchain_claude_cloud.errors.types import Cloud

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.bedrock import BedrockSettings
    from langchain_claude_cloud.platform.vertex import VertexSettings

__all__ = ["Bedrock", "Vertex"]


class Vertex(CloudConfig):
    """Claude on Google Cloud's Vertex AI.

    What is left out is looked up when it is needed; Application Default Credentials are
    read at the first call.

    Args:
        project: The Google Cloud project. Otherwise ``ANTHROPIC_VERTEX_PROJECT_ID``,
            ``GOOGLE_CLOUD_PROJECT``, ``GCLOUD_PROJECT``, or the credentials' own.
        region: ``global``, ``us``, ``eu`` or a region such as ``europe-west1``. Otherwise
            ``VERTEX_REGION_<MODEL>``, ``CLOUD_ML_REGION``, or ``global``.
        credentials: A `google.auth.credentials.Credentials`.
        access_token: A bearer token, used as it is and never renewed.
        base_url: Another address than Google's, such as a gateway's. Otherwise
            ``ANTHROPIC_VERTEX_BASE_URL``.
        anthropic_version: The API version in the body.
        count_tokens_region: The region that counts tokens; not every region does.
        quota_project: The project that quota and billing go to.
        request_type: ``dedicated`` for provisioned throughput only, ``shared`` to bypass it.
    """

    project: str | None = None
    region: str | None = None
    credentials: object | None = Field(default=None, exclude=True, repr=False)
    access_token: SecretStr | None = None
    base_url: str | None = None
    anthropic_version: str = "vertex-2023-10-16"
    count_tokens_region: str | None = None
    quota_project: str | None = None
    request_type: Literal["dedicated", "shared"] | None = None

    cloud: ClassVar[Cloud] = "vertex"
    _secret_variables: ClassVar[Mapping[str, str]] = {"access_token": "VERTEX_ACCESS_TOKEN"}
    _object_fields: ClassVar[tuple[str, ...]] = ("credentials",)

    def effective_project(self) -> str | None:
        """Return the project as far as arguments and environment tell it."""
        names = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
        return self.project or from_environment("Vertex", "project", names)

    def region_for(self, model: str) -> str:
        """Return the region that a model is asked in."""
        names = (*vertex_region_variables(model), "CLOUD_ML_REGION")
        return self.region or from_environment("Vertex", "region", names) or "global"

    def effective_base_url(self) -> str | None:
        """Return the address to use instead of Google's, without a slash at its end."""
        names = ("ANTHROPIC_VERTEX_BASE_URL",)
        url = self.base_url or from_environment("Vertex", "base_url", names)
        return url.rstrip("/") if url else None

    def to_settings(
        self, model: str, default_headers: Mapping[str, str] | None = None
    ) -> VertexSettings:
        """Return what the platform needs to ask a model.

        Args:
            model: The model's name, for its region.
            default_headers: Headers to send besides the platform's own.

        Raises:
            ConfigurationError: A variable or header is malformed, or this is a copy that
                lost a secret.
        """
        from langchain_claude_cloud.platform.vertex import (  # noqa: PLC0415  the platform stage is needed at the first call only
            VertexSettings,
        )

        return VertexSettings(
            project=self.effective_project(),
            region=self.region_for(model),
            credentials=self._object("credentials"),
            access_token=self._secret("access_token"),
            base_url=self.effective_base_url(),
            anthropic_version=self.anthropic_version,
            count_tokens_region=self.count_tokens_region,
            quota_project=self.quota_project,
            request_type=self.request_type,
            extra_headers=check_headers("Vertex", default_headers),
        )

    @field_validator("credentials")
    @classmethod
    def _check_credentials(cls, credentials: object) -> object:
        if isinstance(credentials, str | bytes | Mapping | os.PathLike):
            raise refusal(
                "Vertex",
                "credentials is a google.auth credentials object. For a key file set "
                "GOOGLE_APPLICATION_CREDENTIALS, or load it with google.auth.",
            )
        return credentials

    def _refuse_contradictions(self) -> None:
        if self._has("credentials") and self._has("access_token"):
            raise refusal(
                "Vertex", "explicit credentials conflict: give either credentials or access_token."
            )


class Bedrock(CloudConfig):
    """Claude on Amazon Bedrock, by InvokeModel.

    Without credentials here, ``AWS_BEARER_TOKEN_BEDROCK`` is used if it is set, else
    boto3's chain, at the first call.

    Args:
        region: Otherwise ``AWS_REGION``, ``AWS_DEFAULT_REGION``, or the profile's.
        profile: A profile of the AWS configuration files.
        access_key_id: With ``secret_access_key``, an explicit identity.
        secret_access_key: See ``access_key_id``.
        session_token: Goes with temporary keys.
        api_key: A Bedrock API key.
        session: A `boto3.Session`.
        role_arn: A role to assume with the other credentials.
        external_id: Goes with ``role_arn``.
        role_session_name: Goes with ``role_arn``.
        base_url: Another address than AWS's. Otherwise ``ANTHROPIC_BEDROCK_BASE_URL``,
            ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME`` or ``AWS_ENDPOINT_URL``.
        inference_profile: ``auto`` (global if the model has it, else the region's
            geography, else the bare id), a geography, or None for the bare id.
        base_model: The model behind an application inference profile.
        guardrail: ``guardrailIdentifier`` and ``guardrailVersion``, or ``"id:version"``.
        service_tier: What the request competes as.
        latency: ``optimized`` for latency-optimized inference.
        trace: Whether the guardrail's trace comes back; ``enabled_full`` for all of it.
        project: The Bedrock project that requests belong to, by its id or ARN; otherwise the
            account's default project.
        request_metadata: Keys and values for the invocation log.
        anthropic_version: The API version in the body.
    """

    region: str | None = None
    profile: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    api_key: SecretStr | None = None
    session: object | None = Field(default=None, exclude=True, repr=False)
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    base_url: str | None = None
    inference_profile: (
        Literal["auto", "global", "us", "eu", "jp", "apac", "au", "in", "us-gov"] | None
    ) = "auto"
    base_model: str | None = None
    guardrail: dict[str, str] | None = None
    service_tier: Literal["priority", "default", "flex", "reserved"] | None = None
    latency: Literal["standard", "optimized"] | None = None
    trace: StrictBool | Literal["enabled", "disabled", "enabled_full"] | None = None
    project: str | None = None
    request_metadata: dict[str, str] | None = None
    anthropic_version: str = "bedrock-2023-05-31"

    cloud: ClassVar[Cloud] = "bedrock"
    _secret_variables: ClassVar[Mapping[str, str]] = {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "api_key": "AWS_BEARER_TOKEN_BEDROCK",
    }
    _object_fields: ClassVar[tuple[str, ...]] = ("session",)

    def effective_region(self) -> str | None:
        """Return the region as far as arguments and environment tell it.

        None leaves it to the profile or the session, at the first call.
        """
        names = ("AWS_REGION", "AWS_DEFAULT_REGION")
        return self.region or from_environment("Bedrock", "region", names)

    def effective_base_url(self) -> str | None:
        """Return the address to use instead of AWS's, without a slash at its end."""
        names = ["ANTHROPIC_BEDROCK_BASE_URL"]
        # botocore knows this switch for its own two variables.
        if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
            names += ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"]
        url = self.base_url or from_environment("Bedrock", "base_url", names)
        return url.rstrip("/") if url else None

    def to_settings(self, default_headers: Mapping[str, str] | None = None) -> BedrockSettings:
        """Return what the platform needs to ask any model.

        Args:
            default_headers: Headers to send besides the platform's own.

        Raises:
            ConfigurationError: A variable or header is malformed, or this is a copy that
                lost a secret.
        """
        from langchain_claude_cloud.platform.bedrock import (  # noqa: PLC0415  the platform stage is needed at the first call only
            BedrockSettings,
        )

        return BedrockSettings(
            region=self.effective_region(),
            profile=self.profile,
            access_key_id=self._secret("access_key_id"),
            secret_access_key=self._secret("secret_access_key"),
            session_token=self._effective_session_token(),
            api_key=self._effective_api_key(),
            session=self._object("session"),
            role_arn=self.role_arn,
            external_id=self.external_id,
            role_session_name=self.role_session_name,
            base_url=self.effective_base_url(),
            guardrail=dict(self.guardrail) if self.guardrail else None,
            service_tier=self.service_tier,
            latency=self.latency,
            trace=self.trace,
            project=self.project,
            request_metadata=dict(self.request_metadata) if self.request_metadata else None,
            anthropic_version=self.anthropic_version,
            extra_headers=check_headers("Bedrock", default_headers),
        )

    def check_project(self, model: str, region: str | None) -> None:
        """Check that a project can be used for a model (botocore's model of InvokeModel).

        Args:
            model: A model's id or ARN.
            region: The region that is called, as far as it is known.

        Raises:
            ConfigurationError: The project is of another region, or the ARN is of a kind that
                only the default project has.
        """
        project = self.project or "default"
        if project.rpartition("/")[2] == "default":
            return
        if project.startswith("arn:") and region not in (None, region_of(project)):
            raise refusal(
                "Bedrock",
                f"project {project} is in another region than {region}, which is called. Give a "
                "project of that region.",
            )
        kind = (split_arn(model) or ("foundation-model",))[0]
        if kind not in ("foundation-model", "inference-profile"):
            raise refusal(
                "Bedrock",
                f"project {project} cannot be used with {model}: only foundation models and "
                "system-defined inference profiles take a project. Leave out project, or name "
                "the model itself.",
            )

    def _effective_session_token(self) -> SecretStr | None:
        token = self._secret("session_token")
        if token is None and self.access_key_id is None and "access_key_id" in self._withheld:
            # The keys come from the environment now, and its three variables belong together.
            text = from_environment("Bedrock", "session_token", ("AWS_SESSION_TOKEN",))
            return SecretStr(text) if text else None
        return token

    def _effective_api_key(self) -> SecretStr | None:
        if self._identities() or self.role_arn:
            return self._secret("api_key")
        text = from_environment("Bedrock", "api_key", ("AWS_BEARER_TOKEN_BEDROCK",))
        return SecretStr(text) if text else None

    def _identities(self) -> list[str]:
        """Return which kinds of explicit credentials there are."""
        keys = self._has("access_key_id", "secret_access_key", "session_token")
        others = [name for name in ("profile", "api_key", "session") if self._has(name)]
        return [*(["access_key_id"] if keys else []), *others]

    @field_validator("guardrail", mode="before")
    @classmethod
    def _read_guardrail(cls, value: object) -> object:
        return read_guardrail(value)

    @field_validator("request_metadata")
    @classmethod
    def _check_request_metadata(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        return check_request_metadata(value)

    @field_validator("session")
    @classmethod
    def _check_session(cls, session: object) -> object:
        if session is not None and not callable(getattr(session, "get_credentials", None)):
            raise ValueError("it is a boto3.Session, or another object with get_credentials()")
        return session

    def _refuse_contradictions(self) -> None:
        for name, partner in (
            ("access_key_id", "secret_access_key"),
            ("secret_access_key", "access_key_id"),
            ("session_token", "access_key_id"),
            ("external_id", "role_arn"),
            ("role_session_name", "role_arn"),
        ):
            if self._has(name) and not self._has(partner):
                raise refusal("Bedrock", f"{name} needs {partner}, which is missing.")
        identities = [*self._identities(), *(["role_arn"] if self.role_arn else [])]
        if len(self._identities()) > 1 or {"api_key", "role_arn"} <= set(identities):
            raise refusal(
                "Bedrock",
                f"explicit credentials conflict: {' and '.join(identities)}. Give one identity: "
                "access_key_id with secret_access_key, profile, session or api_key; role_arn goes "
                "with each of them but api_key.",
            )
