"""A Bedrock endpoint, whichever of its APIs is called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

from langchain_claude_cloud.catalogue.bedrock_apis import bedrock_apis
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
)
from langchain_claude_cloud.errors.types import (
    Cloud,
    Framing,
    JsonObject,
    Operation,
)
from langchain_claude_cloud.platform import bedrock_invoke, bedrock_messages
from langchain_claude_cloud.platform.aws_auth import AwsSource
from langchain_claude_cloud.platform.base import (
    OutgoingRequest,
    check_base_url,
    check_region,
    credentials_in,
    read_refusal,
)
from langchain_claude_cloud.platform.bedrock_auth import BedrockAuth
from langchain_claude_cloud.platform.bedrock_endpoint import (
    BedrockSettings,
    configured_base_url,
    default_base_url,
    flag,
)
from langchain_claude_cloud.platform.locks import SharedLock

# Dots in a row are in no id, and a gateway that decodes the path would climb by them.
_MODEL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_:/-]|\.(?!\.))*")


class BedrockPlatform:
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

    name: Final[Cloud] = "bedrock"
    max_body_bytes: Final = 20_000_000

    def __init__(self, settings: BedrockSettings) -> None:
        self._settings = settings
        self._api = bedrock_apis()[settings.api]
        self.region = check_region(settings.region, platform="bedrock") if settings.region else ""
        self._base_url = (
            check_base_url(settings.base_url, platform="bedrock") if settings.base_url else None
        )
        self._auth = BedrockAuth(settings)
        self.framing: Framing = self._api.framing
        self.ca_bundle: str | None = None
        self._started = self._ready = False
        self._starting = SharedLock()

    def __repr__(self) -> str:
        return f"BedrockPlatform(region={self.region!r})"

    def __deepcopy__(self, memo: dict[int, object]) -> BedrockPlatform:
        """Return itself: settings do not change, and credentials are shared."""
        return self

    def needs_prepare(self) -> bool:
        """Whether the region or the credentials are missing, or the latter are to be renewed."""
        return not self._ready or self._auth.needs_prepare()

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
        self._auth.prepare()
        self._ready = True

    def _start(self) -> None:
        configuration = self._auth.configuration()
        if not self.region:
            self.region = _find_region(configuration, self._settings.arn_region)
        if self._base_url is None:
            self._base_url = self._default_base_url(configuration)
        if self._auth.reads_files:
            bundle = configuration.setting("ca_bundle")
            self.ca_bundle = str(bundle) if bundle else None
        self._auth.start(self.region, self._api.signing_name)
        self._started = True

    def _default_base_url(self, configuration: AwsSource | None = None) -> str:
        fips, dual_stack = flag("AWS_USE_FIPS_ENDPOINT"), flag("AWS_USE_DUALSTACK_ENDPOINT")
        if configuration is not None and self._auth.reads_files:
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
        return self._auth.refresh(used)

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
            rewritten, headers = bedrock_invoke.rewrite(self._settings, body, betas, operation)
        else:
            name = self._api.name_of(model_id)
            rewritten, headers = bedrock_messages.rewrite(
                self._settings, body, betas, name, operation
            )
        extra = {name.lower(): value for name, value in self._settings.extra_headers.items()}
        return rewritten, {**headers, **self._settings.api_headers, **extra}

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the signature's headers, or the bearer token of an API key."""
        return self._auth.sign(request)

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help."""
        return self._auth.is_expired(error)

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> ClaudeCloudError:
        """Turn a refusal into an exception."""
        return read_refusal(self, status, headers, body, model=model, secrets=self._secrets())

    def _secrets(self) -> list[str | None]:
        secrets = credentials_in(self._settings.extra_headers)
        return [*secrets, *(self._auth.secrets() if self._ready else ())]


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
