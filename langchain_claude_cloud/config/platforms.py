"""`Vertex` and `Bedrock`: the region, credentials and other settings for Claude on each cloud.

Nothing here reads a file, imports a cloud's library or touches the network.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, ClassVar, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StrictBool, field_serializer

from langchain_claude_cloud.catalogue.bedrock import bedrock_apis, region_of, split_arn
from langchain_claude_cloud.catalogue.resolution import vertex_region_variables
from langchain_claude_cloud.config import base, checks
from langchain_claude_cloud.errors.types import BedrockApiName, Cloud, InferenceProfile

_GUARDRAIL = {
    "guardrailIdentifier": r"(?:arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/)?[a-z0-9]+",
    "guardrailVersion": r"[1-9][0-9]{0,7}|DRAFT",
    "tagSuffix": r"[A-Za-z0-9]{1,20}",
}
_PARTNERS: Final[Mapping[str, str]] = {
    "access_key_id": "secret_access_key",
    **dict.fromkeys(("secret_access_key", "session_token"), "access_key_id"),
    **dict.fromkeys(("external_id", "role_session_name"), "role_arn"),
}
"""The settings of `Bedrock` that need another one."""

_NO_KEY_FILE = "it is the contents of a key file, as a mapping or as JSON, with a field named type"
# The header X-Amzn-Bedrock-Request-Metadata (botocore's model of bedrock-runtime).
_LONGEST_METADATA = 8500
_HIDDEN: Final = Field(exclude=True, repr=False)


def _check_credentials(credentials: object) -> object:
    if isinstance(credentials, str | bytes | Mapping | os.PathLike):
        ways = "Set GOOGLE_APPLICATION_CREDENTIALS to a key file's path, or pass credentials_info."
        raise checks.refusal("Vertex", f"credentials is a google.auth credentials object. {ways}")
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
    raise ValueError(_NO_KEY_FILE)


class Vertex(base.CloudConfig):
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
    credentials: Annotated[object | None, AfterValidator(_check_credentials), _HIDDEN] = None
    access_token: SecretStr | None = None
    credentials_info: Annotated[SecretStr | None, BeforeValidator(_read_credentials_info)] = None
    base_url: str | None = None
    anthropic_version: str = "vertex-2023-10-16"
    count_tokens_region: str | None = None
    quota_project: str | None = None
    request_type: Literal["dedicated", "shared"] | None = None

    cloud: ClassVar[Cloud] = "vertex"
    _secrets: ClassVar[Mapping[str, str | None]] = {
        "access_token": "VERTEX_ACCESS_TOKEN",
        "credentials_info": "VERTEX_CREDENTIALS_INFO",
        "credentials": None,
    }

    def effective_project(self) -> str | None:
        """Return the project as far as arguments and environment tell it."""
        names = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
        return self._effective("project", *names)

    def region_for(self, model: str) -> str:
        """Return the region that a model is asked in.

        Raises:
            ConfigurationError: It does not have the throughput that is asked for.
        """
        region = self._named_region(model) or "global"
        if self.request_type == "dedicated" and region in ("global", "us", "eu"):
            lacks = f"{region!r} has no provisioned throughput (request_type='dedicated')"
            raise self._refusal(f"{lacks}. Give the region that it was bought in.")
        return region

    def pinned(self, model: str) -> Vertex:
        """Return a copy that keeps the project and region, whatever becomes of the environment."""
        return self._pinned(project=self.effective_project(), region=self._named_region(model))

    def _named_region(self, model: str) -> str | None:
        return self._effective("region", *vertex_region_variables(model), "CLOUD_ML_REGION")

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
        with suppress(ValueError):
            return _read_credentials_info(given)
        raise self._refusal(f"VERTEX_CREDENTIALS_INFO (for credentials_info): {_NO_KEY_FILE}.")

    def _refuse_contradictions(self) -> None:
        given = self._names_to_withhold()
        if len(given) > 1:
            raise self._refusal(f"explicit credentials conflict: {' and '.join(given)}. Give one.")
        if self.region is not None:
            self.region_for("")


def _read_guardrail(value: object) -> object:
    """Return a guardrail as the mapping that the API names, from that or ``id:version``."""
    if isinstance(value, str):
        name, _, number = value.rpartition(":")
        value = {"guardrailIdentifier": name, "guardrailVersion": number}
    if not isinstance(value, Mapping):
        return value
    given = {str(name): str(part) for name, part in value.items()}
    if {"guardrailIdentifier", "guardrailVersion"} <= given.keys() <= _GUARDRAIL.keys() and all(
        re.fullmatch(_GUARDRAIL[name], part) for name, part in given.items()
    ):
        return given
    raise ValueError(
        "give 'id:version', or a mapping with guardrailIdentifier (an id or ARN), guardrailVersion "
        "(a number or DRAFT) and perhaps tagSuffix (1 to 20 letters and digits); trace is a field "
        "of its own"
    )


def _check_metadata(value: dict[str, str] | None) -> dict[str, str] | None:
    """Return request metadata that fits into its header."""
    if value is not None and len(json.dumps(value)) > _LONGEST_METADATA:
        raise ValueError(f"as JSON it may have {_LONGEST_METADATA} characters, and has more")
    return value


def _check_session(session: object) -> object:
    if session is not None and not callable(getattr(session, "get_credentials", None)):
        raise ValueError("it is a boto3.Session, or another object with get_credentials()")
    return session


class Bedrock(base.CloudConfig):
    """Claude on Amazon Bedrock.

    Without credentials here, ``AWS_BEARER_TOKEN_BEDROCK`` is used if it is set, else
    boto3's chain, at the first call.

    Args:
        region: Default: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the region of the profile, or of
            the model's ARN.
        api: ``invoke`` for InvokeModel; ``messages`` for the Messages API on ``bedrock-runtime``,
            ``mantle`` for the Messages API on ``bedrock-mantle``. The latter two have not been
            tried on a live endpoint yet, and do not support guardrails and the other header
            settings of InvokeModel. ``claude-platform`` is Claude Platform on AWS, which Anthropic
            runs: experimental.
        profile: A profile of the AWS configuration files.
        access_key_id: An explicit key pair, with ``secret_access_key``.
        secret_access_key: See ``access_key_id``.
        session_token: The token of temporary keys.
        api_key: A Bedrock API key; or a function that returns one. It is called again after some
            minutes, and if the key is refused.
        unsigned: Whether requests go without a signature or key, to a gateway at ``base_url``
            that signs them.
        session: A `boto3.Session`.
        role_arn: The ARN of a role to assume with the other credentials.
        external_id: Goes with ``role_arn``.
        role_session_name: Goes with ``role_arn``.
        base_url: An address in place of AWS's. Default: ``ANTHROPIC_BEDROCK_BASE_URL``,
            ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME`` or ``AWS_ENDPOINT_URL``; for mantle
            ``ANTHROPIC_BEDROCK_MANTLE_BASE_URL`` before them, and
            ``AWS_ENDPOINT_URL_BEDROCK_MANTLE`` in place of the runtime's.
        inference_profile: ``auto`` (global if the model has it, else the region's
            geography, else the bare id), a geography, or None for the bare id.
        base_model: The model that an application inference profile stands for.
        guardrail: ``guardrailIdentifier`` and ``guardrailVersion``, or ``"id:version"``;
            ``tagSuffix`` limits the check to tagged parts of the input.
        service_tier: The service tier of the requests, such as ``priority`` or ``flex``.
        latency: ``optimized`` for latency-optimized inference.
        guard_last_turn_only: Whether the guardrail checks only the last turn, not the whole prompt.
            ``guard_content`` blocks always mark single texts.
        trace: Whether answers contain the guardrail's trace; ``enabled_full`` for all of it.
        project: The id or ARN of the Bedrock project of the requests. Default: the account's
            default project.
        request_metadata: Keys and values for the invocation log.
        workspace: The id of a workspace, only for ``claude-platform``. Default:
            ``ANTHROPIC_AWS_WORKSPACE_ID``.
        anthropic_version: The API version in the body.
    """

    region: str | None = None
    profile: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    api_key: SecretStr | Callable[[], str] | None = Field(default=None, repr=False)
    unsigned: StrictBool = False
    session: Annotated[object | None, AfterValidator(_check_session), _HIDDEN] = None
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    base_url: str | None = None
    api: BedrockApiName = "invoke"
    inference_profile: Literal["auto"] | InferenceProfile | None = "auto"
    base_model: str | None = None
    guardrail: Annotated[dict[str, str] | None, BeforeValidator(_read_guardrail)] = None
    guard_last_turn_only: bool = False
    service_tier: Literal["priority", "default", "flex", "reserved"] | None = None
    latency: Literal["standard", "optimized"] | None = None
    trace: StrictBool | Literal["enabled", "disabled", "enabled_full"] | None = None
    project: str | None = None
    request_metadata: Annotated[dict[str, str] | None, AfterValidator(_check_metadata)] = None
    workspace: str | None = None
    anthropic_version: str = "bedrock-2023-05-31"

    cloud: ClassVar[Cloud] = "bedrock"
    _secrets: ClassVar[Mapping[str, str | None]] = {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "api_key": "AWS_BEARER_TOKEN_BEDROCK",
        "session": None,
    }

    def effective_region(self) -> str | None:
        """Return the region as far as arguments and environment tell it.

        None leaves it to the profile or the session, at the first call.
        """
        return self._effective("region", "AWS_REGION", "AWS_DEFAULT_REGION")

    def pinned(self, model: str) -> Bedrock:  # noqa: ARG002  as Vertex, whose region is the model's
        """Return a copy that keeps the region and API key, whatever becomes of the environment."""
        is_free = not (self.unsigned or self._identities() or self.role_arn)
        key = self.effective_api_key() if is_free else None
        return self._pinned(region=self.effective_region(), api_key=key)

    def effective_base_url(self) -> str | None:
        """Return the address to use instead of AWS's, without a slash at its end."""
        api = bedrock_apis()[self.api]
        names = list(api.base_url_variables)
        # botocore knows this switch for its own variables.
        ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
        if api.aws_variable is not None and not ignored:
            names += [api.aws_variable, "AWS_ENDPOINT_URL"]
        url = self._effective("base_url", *names)
        return url.rstrip("/").removesuffix(api.base_path).rstrip("/") if url else None

    def api_headers(self) -> dict[str, str]:
        """Return the headers that the API needs, from the arguments or the environment.

        Raises:
            ConfigurationError: One is missing.
        """
        headers = {}
        for name, (header, variable) in bedrock_apis()[self.api].headers.items():
            value = self._effective(name, variable)
            if not value:
                raise self._refusal(f"api={self.api!r} needs {name}: pass it, or set {variable}.")
            headers[header] = value
        return headers

    def through(self, api: BedrockApiName) -> Bedrock:
        """Return a copy that calls another of Bedrock's APIs, without the settings it lacks."""
        return self.model_copy(update={**dict.fromkeys(bedrock_apis()[api].lacks), "api": api})

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
            raise self._refusal(f"{project} is in another region than {region}. Change one.")
        kind = (split_arn(model) or ("foundation-model",))[0]
        if kind not in ("foundation-model", "inference-profile"):
            limits = "only foundation models and AWS's inference profiles take one. Leave it out."
            raise self._refusal(f"project {project} cannot be used with {model}: {limits}")

    def effective_session_token(self) -> SecretStr | None:
        """Return the session token, from the environment if the keys are from there."""
        token = cast("SecretStr | None", self.given("session_token"))
        if token is None and self.access_key_id is None and "access_key_id" in self._withheld:
            # The keys come from the environment now, and its three variables belong together.
            return self._from_environment("session_token", "AWS_SESSION_TOKEN")
        return token

    def effective_api_key(self) -> SecretStr | Callable[[], str] | None:
        """Return the API key, from the environment if no other identity is given."""
        if self.unsigned:
            return None
        if self._identities() or self.role_arn:
            return cast("SecretStr | Callable[[], str] | None", self.given("api_key"))
        # A secret of one service is never shown to another.
        return self._from_environment("api_key", bedrock_apis()[self.api].api_key_variable)

    def _identities(self) -> list[str]:
        """Return which kinds of explicit credentials there are."""
        keys = self._has("access_key_id", "secret_access_key", "session_token")
        others = [name for name in ("profile", "api_key", "session") if self._has(name)]
        return [*(["access_key_id"] if keys else []), *others]

    @field_serializer("api_key")
    def _hide_api_key(self, api_key: object) -> None:
        del api_key  # a function cannot be serialized; no secret is, whatever it is

    def _refuse_contradictions(self) -> None:
        for name, partner in _PARTNERS.items():
            if self._has(name) and not self._has(partner):
                raise self._refusal(f"{name} needs {partner}, which is missing.")
        self._refuse_what_the_api_lacks()
        self.api_headers()
        given = self._identities()
        identities = [*given, *(["role_arn"] if self.role_arn else [])]
        if len(given) > 1 or ("api_key" in given and self.role_arn):
            ways = (
                "Give one: keys, profile, session or api_key; role_arn goes with all but api_key."
            )
            raise self._refusal(
                f"explicit credentials conflict: {' and '.join(identities)}. {ways}"
            )
        if self.unsigned and identities:
            raise self._refusal(f"unsigned requests have no identity: leave out {identities[0]}.")

    def _refuse_what_the_api_lacks(self) -> None:
        api = bedrock_apis()[self.api]
        lacking = [name for name in api.lacks if getattr(self, name) not in (None, "auto")]
        if lacking:
            having = (n for n, one in bedrock_apis().items() if not {*lacking} & {*one.lacks})
            told = f"{' and '.join(lacking)} cannot be used with api={self.api!r}, which ignores it"
            raise self._refusal(f"{told}. Leave it out, or use api={next(having, 'invoke')!r}.")
