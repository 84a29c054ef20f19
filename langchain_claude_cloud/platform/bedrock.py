"""Claude on Amazon Bedrock, through InvokeModel.

In: a Messages API body. Out: the URL, body and headers that Bedrock takes, and what its
refusals mean. The model is in the URL, ``anthropic_version`` and ``anthropic_beta`` are in
the body, streams are AWS event-stream frames.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import SecretStr

from langchain_claude_cloud.catalogue.names import unknown_model_note
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    error_from_response,
)
from langchain_claude_cloud.errors.redaction import is_credential
from langchain_claude_cloud.errors.types import Cloud, Framing, JsonObject, Operation
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsSource
from langchain_claude_cloud.platform.aws_sources import AWS_SOURCES
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock_endpoint import (
    INVOKE_MODEL,
    Service,
    configured_base_url,
    default_base_url,
    flag,
)
from langchain_claude_cloud.platform.echoed_secrets import without_secrets
from langchain_claude_cloud.platform.endpoint_checks import check_base_url, check_region
from langchain_claude_cloud.platform.locks import SharedLock
from langchain_claude_cloud.platform.sigv4 import AwsKeys, SigV4Signer, keys_of

# Dots in a row are in no id, and a gateway that decodes the path would climb by them.
_MODEL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_:/-]|\.(?!\.))*")

_GUARDRAIL_HEADERS = {
    "guardrailIdentifier": "x-amzn-bedrock-guardrailidentifier",
    "identifier": "x-amzn-bedrock-guardrailidentifier",
    "id": "x-amzn-bedrock-guardrailidentifier",
    "guardrailVersion": "x-amzn-bedrock-guardrailversion",
    "version": "x-amzn-bedrock-guardrailversion",
    "trace": "x-amzn-bedrock-trace",
}

_EXPIRED_TYPES = frozenset({"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"})
_EXPIRED = re.compile(r"security token .*\b(?:expired|invalid)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockSettings:
    """What has been decided about a Bedrock endpoint.

    Attributes:
        region: The region that is called; None: the profile's or session's. The region
            inside an ARN never chooses the host: a profile's ARN may be used from others.
        profile: A profile of the AWS configuration files.
        access_key_id: An explicit access key, with its secret.
        secret_access_key: The secret.
        session_token: The token of temporary keys.
        api_key: A Bedrock API key; explicit keys, a session, a profile and a role go first.
        session: A boto3 or botocore session.
        role_arn: A role to assume.
        external_id: The role's external id.
        role_session_name: The name of the role's session.
        base_url: Another address.
        guardrail: ``identifier``, ``version`` and ``trace``, or AWS's ``guardrailIdentifier``
            and ``guardrailVersion``.
        service_tier: ``priority``, ``default``, ``flex`` or ``reserved``.
        latency: ``standard`` or ``optimized``.
        trace: ``ENABLED``, ``DISABLED`` or ``ENABLED_FULL``; True is ``ENABLED``.
        project: The id or ARN of a Bedrock project.
        request_metadata: Names and values for the invocation log.
        anthropic_version: The API version, sent in the body.
        extra_headers: More headers for every request.
    """

    region: str | None = None
    profile: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    api_key: SecretStr | None = None
    session: object | None = field(default=None, repr=False)
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    base_url: str | None = None
    guardrail: Mapping[str, str] | None = None
    service_tier: str | None = None
    latency: str | None = None
    trace: str | bool | None = None
    project: str | None = None
    request_metadata: Mapping[str, str] | None = None
    anthropic_version: str = "bedrock-2023-05-31"
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class BedrockPlatform:
    """A Bedrock endpoint: implements `langchain_claude_cloud.platform.base.Platform`.

    Args:
        settings: The endpoint's settings.
        service: Which of Bedrock's APIs is called.

    Raises:
        ConfigurationError: The region or base URL cannot be one, half a key pair is
            given, or the guardrail has an unknown key.
    """

    def __init__(self, settings: BedrockSettings, service: Service = INVOKE_MODEL) -> None:
        self._settings = settings
        self._service = service
        self._region = check_region(settings.region, platform="bedrock") if settings.region else ""
        self._base_url = (
            check_base_url(settings.base_url, platform="bedrock") if settings.base_url else None
        )
        self._identity = _identity(settings)
        self._api_key = settings.api_key if self._identity is None else None
        self._source: AwsSource | None = None
        self._ca_bundle: str | None = None
        self._signer: SigV4Signer | None = None
        self._option_headers = _option_headers(settings)
        self._started = self._ready = False
        self._starting = SharedLock()

    def __repr__(self) -> str:
        return f"BedrockPlatform(region={self._region!r})"

    def __deepcopy__(self, memo: dict[int, object]) -> BedrockPlatform:
        """Return itself: settings do not change, and credentials are shared."""
        return self

    @property
    def name(self) -> Cloud:
        """Return ``bedrock``."""
        return "bedrock"

    @property
    def region(self) -> str:
        """Return the region that is called; empty until `prepare` found the profile's."""
        return self._region

    @property
    def framing(self) -> Framing:
        """Return ``event-stream``."""
        return "event-stream"

    @property
    def ca_bundle(self) -> str | None:
        """Return the ``ca_bundle`` of the profile or session, known after `prepare`."""
        return self._ca_bundle

    @property
    def max_body_bytes(self) -> int:
        """Return 20 MB, as documented for Claude on Bedrock."""
        return 20_000_000

    def needs_prepare(self) -> bool:
        """Whether the region or the credentials are missing, or the latter are to be renewed."""
        return not self._ready or (self._source is not None and self._source.needs_prepare())

    def prepare(self) -> None:
        """Find the region and the credentials. Blocks.

        Raises:
            AuthenticationError: There are no usable credentials.
            ConfigurationError: There is no region, or the profile is unknown.
            ConnectionFailedError: A credential service cannot be reached.
        """
        with self._starting:
            if not self._started:
                self._start()
        if self._source is not None:
            self._source.prepare()
        self._ready = True

    def _start(self) -> None:
        identity = self._identity or AwsIdentity(region=self._settings.region)
        source = AWS_SOURCES.get(identity)
        self._region = self._region or _find_region(source)
        if self._base_url is None:
            self._base_url = self._default_base_url(source)
        if self._reads_files:
            self._ca_bundle = _text(source.setting("ca_bundle"))
        if self._api_key is None:
            self._source = source
            self._signer = SigV4Signer(self._region, self._service.signing_name)
        self._started = True

    @property
    def _reads_files(self) -> bool:
        """Whether AWS's configuration files are read, for the keys in them."""
        return self._identity is not None and self._identity.keys is None

    def _default_base_url(self, source: AwsSource) -> str:
        fips, dual_stack = flag("AWS_USE_FIPS_ENDPOINT"), flag("AWS_USE_DUALSTACK_ENDPOINT")
        if self._reads_files:
            # A configuration file may ask for them too; it is read for its keys anyway.
            fips = fips or source.setting("use_fips_endpoint") is True
            dual_stack = dual_stack or source.setting("use_dualstack_endpoint") is True
            if configured := source.read(configured_base_url):
                return check_base_url(configured, platform="bedrock")
        return default_base_url(
            self._region, host=self._service.host, fips=fips, dual_stack=dual_stack
        )

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Find the credentials anew. Blocks; False if they are the user's own."""
        if self._source is None:
            return False
        return self._source.refresh(keys_of(used, self._source.keys()))

    def endpoint(self, model_id: str, operation: Operation) -> str:
        """Return the URL of an operation; the id or ARN is percent-encoded as a whole.

        Raises:
            InvalidInputError: ``model_id`` has characters that no id or ARN has.
            ConfigurationError: The region is not known; `prepare` finds it.
        """
        if not _MODEL_ID.fullmatch(model_id):
            raise InvalidInputError(
                f"{model_id!r} is not a model id, inference profile or ARN of Amazon Bedrock.",
                platform="bedrock",
                model=model_id,
                region=self._region,
            )
        if self._base_url is None and not self._region:
            raise _no_region()
        base = self._base_url or default_base_url(
            self._region,
            host=self._service.host,
            fips=flag("AWS_USE_FIPS_ENDPOINT"),
            dual_stack=flag("AWS_USE_DUALSTACK_ENDPOINT"),
        )
        model, verb = quote(model_id, safe=""), self._service.verbs[operation]
        return base + self._service.path.format(model=model, verb=verb)

    def rewrite(
        self,
        body: JsonObject,
        betas: Sequence[str],
        *,
        model_id: str,  # noqa: ARG002  the protocol's; here the model is in the URL alone
        operation: Operation,
    ) -> tuple[JsonObject, dict[str, str]]:
        """Return Bedrock's form of a Messages body, and the headers that go with it."""
        rewritten: JsonObject = {"anthropic_version": self._settings.anthropic_version, **body}
        rewritten.pop("model", None)
        rewritten.pop("stream", None)
        in_body = rewritten.pop("anthropic_beta", None)
        also = in_body if isinstance(in_body, list) else []
        if listed := list(dict.fromkeys([*betas, *also])):
            rewritten["anthropic_beta"] = listed
        headers = {"content-type": "application/json", "accept": "application/json"}
        extra = {name.lower(): value for name, value in self._settings.extra_headers.items()}
        if operation == "count_tokens":
            return _wrap_for_counting(rewritten), headers | extra
        if operation == "stream":
            headers["accept"] = "application/vnd.amazon.eventstream"
            headers["x-amzn-bedrock-accept"] = "application/json"
        return rewritten, headers | self._option_headers | extra

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the signature's headers, or the bearer token of an API key."""
        if self._api_key is not None:
            return {"authorization": f"Bearer {self._api_key.get_secret_value()}"}
        if self._signer is None or self._source is None:
            raise AuthenticationError(
                "No AWS credentials are loaded yet: prepare() comes before sign().",
                platform="bedrock",
                region=self._region,
            )
        return self._signer.sign(request, self._source.keys())

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help."""
        if not isinstance(error, AuthenticationError):
            return False
        return error.error_type in _EXPIRED_TYPES or bool(_EXPIRED.search(str(error)))

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> ClaudeCloudError:
        """Turn a refusal into an exception."""
        return error_from_response(
            status,
            headers,
            without_secrets(body, self._secrets()),
            platform="bedrock",
            model=model,
            region=self._region,
            note_if_not_found=unknown_model_note(model),
        )

    def _secrets(self) -> list[str | None]:
        extra = self._settings.extra_headers
        secrets: list[str | None] = [v for name, v in extra.items() if is_credential(name, v)]
        if self._api_key is not None:
            secrets.append(self._api_key.get_secret_value())
        if self._source is not None and self._ready:
            keys = self._source.keys()
            secrets += [keys.access_key_id, keys.secret_access_key, keys.session_token]
        return secrets


def _identity(settings: BedrockSettings) -> AwsIdentity | None:
    """Return who signs, or None where an API key stands for the identity."""
    keys = _explicit_keys(settings)
    own = (keys, settings.session, settings.profile, settings.role_arn)
    if settings.api_key is not None and not any(part is not None for part in own):
        return None
    return AwsIdentity(
        keys=keys,
        profile=settings.profile,
        session=settings.session,
        role_arn=settings.role_arn,
        external_id=settings.external_id,
        role_session_name=settings.role_session_name,
        region=settings.region,
    )


def _explicit_keys(settings: BedrockSettings) -> AwsKeys | None:
    key, secret, token = settings.access_key_id, settings.secret_access_key, settings.session_token
    if key is None and secret is None and token is None:
        return None
    if key is None or secret is None:
        raise ConfigurationError(
            "Explicit AWS credentials need both `access_key_id` and `secret_access_key`.",
            platform="bedrock",
            region=settings.region,
        )
    return AwsKeys(
        key.get_secret_value(),
        secret.get_secret_value(),
        token.get_secret_value() if token else None,
    )


def _option_headers(settings: BedrockSettings) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, value in (settings.guardrail or {}).items():
        if key not in _GUARDRAIL_HEADERS:
            raise ConfigurationError(
                f"`guardrail` has an unknown key {key!r}: it takes identifier, version, trace.",
                platform="bedrock",
            )
        headers[_GUARDRAIL_HEADERS[key]] = _trace(value) if key == "trace" else str(value)
    if settings.trace is not None:
        headers["x-amzn-bedrock-trace"] = _trace(settings.trace)
    if settings.service_tier:
        headers["x-amzn-bedrock-service-tier"] = settings.service_tier
    if settings.latency:
        headers["x-amzn-bedrock-performanceconfig-latency"] = settings.latency
    if settings.project:
        headers["x-amzn-bedrock-projectidentifier"] = settings.project
    if settings.request_metadata:
        # ASCII by escaping: a header has no other characters.
        headers["x-amzn-bedrock-request-metadata"] = json.dumps(
            dict(settings.request_metadata), separators=(",", ":")
        )
    return headers


def _trace(value: str | bool) -> str:  # noqa: FBT001  a setting's value, not a switch
    if isinstance(value, bool):
        return "ENABLED" if value else "DISABLED"
    return value.upper()


def _wrap_for_counting(body: JsonObject) -> JsonObject:
    # CountTokens takes a whole InvokeModel body, in which max_tokens is required.
    whole = json.dumps({"max_tokens": 1, **body}, ensure_ascii=False, separators=(",", ":"))
    return {"input": {"invokeModel": {"body": base64.b64encode(whole.encode()).decode()}}}


def _find_region(source: AwsSource) -> str:
    found = (
        source.setting("region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )
    if not found:
        raise _no_region()
    return check_region(str(found), platform="bedrock")


def _text(value: object) -> str | None:
    return str(value) if value else None


def _no_region() -> ConfigurationError:
    return ConfigurationError(
        "Amazon Bedrock needs a region: pass `region`, set AWS_REGION, or give the profile one.",
        platform="bedrock",
    )
