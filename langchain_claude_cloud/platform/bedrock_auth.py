"""Who asks Bedrock: AWS credentials that sign, an API key, or nobody.

Without a signature a request goes to a gateway that signs it itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
)
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsSource
from langchain_claude_cloud.platform.aws_sources import AWS_SOURCES
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock_api_key import BedrockApiKey
from langchain_claude_cloud.platform.bedrock_settings import BedrockSettings
from langchain_claude_cloud.platform.sigv4 import AwsKeys, SigV4Signer, keys_of

_EXPIRED_TYPES: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}
)
_EXPIRED: Final = re.compile(r"security token .*\b(?:expired|invalid)\b", re.IGNORECASE)


class BedrockAuth:
    """What signs the requests of one Bedrock endpoint.

    Args:
        settings: The endpoint's settings.

    Raises:
        ConfigurationError: Half a key pair is given.
    """

    def __init__(self, settings: BedrockSettings) -> None:
        self._region = settings.region
        self._identity = _identity(settings)
        is_key = self._identity is None and not settings.unsigned
        self._api_key = BedrockApiKey(settings.api_key) if is_key and settings.api_key else None
        self._source: AwsSource | None = None
        self._signers: dict[str, SigV4Signer] = {}

    @property
    def reads_files(self) -> bool:
        """Whether AWS's configuration files are read, for the keys in them."""
        return self._identity is not None and self._identity.keys is None

    def configuration(self) -> AwsSource:
        """Return what reads AWS's configuration, for the region and the like."""
        return AWS_SOURCES.get(self._identity or AwsIdentity(region=self._region))

    def start(self, region: str, signing_name: str) -> None:
        """Make ready to sign for a region; this may import botocore."""
        self._region = region
        if self._identity is not None:
            self._signers[""] = SigV4Signer(region, signing_name)
            self._source = self.configuration()

    def needs_prepare(self) -> bool:
        """Whether credentials are missing, or to be renewed."""
        held = self._source or self._api_key
        return held is not None and held.needs_prepare()

    def prepare(self) -> None:
        """Find the credentials. Blocks."""
        held = self._source or self._api_key
        if held is not None:
            held.prepare()

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Find the credentials anew. Blocks; False if they are the user's own."""
        if self._api_key is not None:
            return self._api_key.refresh(used)
        if self._source is None:
            return False
        return self._source.refresh(keys_of(used, self._source.keys()))

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the signature's headers, or the bearer token of an API key.

        Raises:
            AuthenticationError: Nothing is prepared yet.
        """
        if self._api_key is not None:
            return self._api_key.headers()
        if self._identity is None:
            return {}
        if self._source is None:
            raise AuthenticationError(
                "No AWS credentials are loaded yet: prepare() comes before sign().",
                platform="bedrock",
                region=self._region,
            )
        return self._signer(request.signing_name).sign(request, self._source.keys())

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help."""
        if not isinstance(error, AuthenticationError):
            return False
        if self._api_key is not None:
            return self._api_key.is_renewable
        return error.error_type in _EXPIRED_TYPES or bool(_EXPIRED.search(str(error)))

    def secrets(self) -> list[str | None]:
        """Return what must not be shown, as far as it is known."""
        if self._api_key is not None:
            return self._api_key.secrets()
        if self._source is None:
            return []
        keys = self._source.keys()
        return [keys.access_key_id, keys.secret_access_key, keys.session_token]

    def _signer(self, signing_name: str) -> SigV4Signer:
        if signing_name not in self._signers:
            self._signers[signing_name] = SigV4Signer(str(self._region), signing_name)
        return self._signers[signing_name]


def _identity(settings: BedrockSettings) -> AwsIdentity | None:
    """Return who signs, or None where an API key stands for the identity, or nobody signs."""
    keys = _explicit_keys(settings)
    own = (keys, settings.session, settings.profile, settings.role_arn)
    if settings.unsigned:
        return None
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
