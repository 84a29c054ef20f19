"""A Bedrock endpoint, whichever of its APIs is called."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import quote

from langchain_claude_cloud.catalogue.bedrock import bedrock_apis
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
)
from langchain_claude_cloud.errors.types import (
    Framing,
    JsonObject,
    Operation,
)
from langchain_claude_cloud.platform.aws_auth import AWS_SOURCES, AwsIdentity, AwsSource
from langchain_claude_cloud.platform.base import (
    CloudPlatform,
    OutgoingRequest,
    check_base_url,
    check_region,
)
from langchain_claude_cloud.platform.bedrock_auth import BedrockApiKey, identity_of
from langchain_claude_cloud.platform.bedrock_bodies import (
    rewrite_for_invoke_model,
    rewrite_for_messages,
)
from langchain_claude_cloud.platform.bedrock_endpoint import (
    BedrockSettings,
    configured_base_url,
    default_base_url,
    flag,
)
from langchain_claude_cloud.platform.locks import shared_lock
from langchain_claude_cloud.platform.sigv4 import keys_of, sign_request

# Dots in a row are in no id, and a gateway that decodes the path would climb by them.
_MODEL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_:/-]|\.(?!\.))*")


_EXPIRED_TYPES: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}
)
_OWN_SERVICES: Final = frozenset({"bedrock", "bedrock-mantle"})
_OTHER_SERVICE: Final = re.compile(r"scoped to correct service: '([a-z-]+)'")
"""How a refusal names the service to sign for (mantle: BerriAI/litellm#31476). It is believed for
Bedrock's own names alone: a gateway must not get a signature for another service of AWS."""

_EXPIRED: Final = re.compile(r"security token .*\b(?:expired|invalid)\b", re.IGNORECASE)


class BedrockPlatform(CloudPlatform):
    """A Bedrock endpoint: implements `langchain_claude_cloud.platform.base.Platform`.

    Args:
        settings: The endpoint's settings.

    Attributes:
        region: The region that is called; empty until `prepare` found the profile's.
        framing: How the API frames a stream.
        ca_bundle: The ``ca_bundle`` of the profile or session, known after `prepare`.
        max_body_bytes: 20 MB, as documented for Claude on Bedrock.

    Raises:
        ConfigurationError: The region or base URL cannot be one, or half a key pair is given.
    """

    max_body_bytes: Final = 20_000_000

    def __init__(self, settings: BedrockSettings) -> None:
        super().__init__("bedrock", settings.extra_headers)
        self._settings = settings
        self._api = bedrock_apis()[settings.api]
        self.region = check_region(settings.region, platform="bedrock") if settings.region else ""
        self._base_url = (
            check_base_url(settings.base_url, platform="bedrock") if settings.base_url else None
        )
        self._identity = identity_of(settings)
        # AWS's configuration files are read for the keys in them.
        self._reads_files = self._identity is not None and self._identity.keys is None
        is_key = self._identity is None and not settings.unsigned
        self._credentials: AwsSource | BedrockApiKey | None = (
            BedrockApiKey(settings.api_key) if is_key and settings.api_key else None
        )
        self._service = self._named_service = self._api.signing_name
        self.framing: Framing = self._api.framing
        self.ca_bundle: str | None = None
        self._is_started = False
        self._starting = shared_lock()

    def __repr__(self) -> str:
        return f"BedrockPlatform(region={self.region!r})"

    def needs_prepare(self) -> bool:
        """Whether the region or the credentials are missing, or the latter are to be renewed."""
        credentials = self._credentials
        return not self._is_started or (credentials is not None and credentials.needs_prepare())

    def prepare(self) -> None:
        """Find the region and the credentials. Blocks.

        Raises:
            AuthenticationError: There are no usable credentials.
            ConfigurationError: There is no region, or the profile is unknown.
            ConnectionFailedError: A credential service cannot be reached.
        """
        with self._starting:
            if not self._is_started:
                self._start()
        if self._credentials is not None:
            self._credentials.prepare()

    def _start(self) -> None:
        # Without an identity the configuration still names the region and the like.
        source = AWS_SOURCES.get(self._identity or AwsIdentity(region=self._settings.region))
        if not self.region:
            self.region = _find_region(source, self._settings.arn_region)
        if self._base_url is None:
            self._base_url = self._default_base_url(source)
        if self._reads_files:
            bundle = source.setting("ca_bundle")
            self.ca_bundle = str(bundle) if bundle else None
        if self._identity is not None:
            importlib.import_module("botocore.auth")  # here, as `sign` may run on an event loop
            self._credentials = source
        self._is_started = True

    def _default_base_url(self, configuration: AwsSource | None = None) -> str:
        fips, dual_stack = flag("AWS_USE_FIPS_ENDPOINT"), flag("AWS_USE_DUALSTACK_ENDPOINT")
        if configuration is not None and self._reads_files:
            # A configuration file may ask for them too; it is read for its keys anyway.
            fips = fips or configuration.setting("use_fips_endpoint") is True
            dual_stack = dual_stack or configuration.setting("use_dualstack_endpoint") is True
            if configured := configuration.read(partial(configured_base_url, host=self._api.host)):
                return check_base_url(configured, platform="bedrock")
        if fips and not self._api.has_fips:
            raise _no_fips(self._settings.api, self._api.host)
        dual_stack = dual_stack or self._api.has_dual_stack_only
        return default_base_url(self.region, host=self._api.host, fips=fips, dual_stack=dual_stack)

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Find the credentials anew. Blocks; False if they are the user's own."""
        if self._named_service != self._service:
            self._service = self._named_service
            return True
        if isinstance(self._credentials, AwsSource):
            return self._credentials.refresh(keys_of(used, self._credentials.keys()))
        return self._credentials is not None and self._credentials.refresh(used)

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
                region=self.region,
            )
        if self._base_url is None and not self.region:
            raise _no_region()
        base = self._base_url or self._default_base_url()
        return base + self._api.paths[operation].format(model=quote(model_id, safe=""))

    def rewrite(
        self, body: JsonObject, betas: Sequence[str], *, model_id: str, operation: Operation
    ) -> tuple[JsonObject, dict[str, str]]:
        """Return the API's form of a Messages body, and the headers that go with it."""
        if self._api.is_invoke_model(operation):
            rewritten, headers = rewrite_for_invoke_model(self._settings, body, betas, operation)
        else:
            name = self._api.name_of(model_id)
            rewritten, headers = rewrite_for_messages(self._settings, body, betas, name, operation)
        return rewritten, {**headers, **self._settings.api_headers, **self._extra_headers}

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the signature's headers, or the bearer token of an API key.

        Raises:
            AuthenticationError: Nothing is prepared yet.
        """
        if isinstance(self._credentials, BedrockApiKey):
            return self._credentials.headers()
        if self._identity is None:
            return {}
        if self._credentials is None:
            raise AuthenticationError(
                "No AWS credentials are loaded yet: prepare() comes before sign().",
                platform="bedrock",
                region=self.region,
            )
        service = request.signing_name or self._service
        return sign_request(request, self._credentials.keys(), self.region, service)

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help.

        Or whether they signed for another service than the refusal names, which is noted, and
        which `refresh` then takes.
        """
        if not isinstance(error, AuthenticationError):
            return False
        if isinstance(self._credentials, BedrockApiKey):
            return self._credentials.is_renewable
        named = _OTHER_SERVICE.search(str(error))
        if named is not None and {named[1], self._service} <= _OWN_SERVICES:
            self._named_service = named[1]
            return self._named_service != self._service
        return error.error_type in _EXPIRED_TYPES or bool(_EXPIRED.search(str(error)))

    def _secrets(self) -> list[str | None]:
        secrets: list[str | None] = []
        with suppress(AuthenticationError):  # none are loaded yet
            secrets += self._credentials.secrets() if self._credentials is not None else []
        return secrets


def _find_region(source: AwsSource, arn_region: str | None) -> str:
    found = (
        source.setting("region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or arn_region
    )
    if not found:
        raise _no_region()
    return check_region(str(found), platform="bedrock")


def _no_fips(api: str, host: str) -> ConfigurationError:
    return ConfigurationError(
        "AWS_USE_FIPS_ENDPOINT or the profile asks for a FIPS endpoint, and none is documented "
        f"for {host} (api={api!r}). Use api='invoke' or 'messages', which have one, or pass the "
        "address of an endpoint as `base_url`.",
        platform="bedrock",
    )


def _no_region() -> ConfigurationError:
    return ConfigurationError(
        "Amazon Bedrock needs a region: pass `region`, set AWS_REGION, or give the profile one.",
        platform="bedrock",
    )
