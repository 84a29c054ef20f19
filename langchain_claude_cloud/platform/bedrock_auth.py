"""Who asks Bedrock: AWS credentials that sign, an API key, or nobody.

Without a signature a request goes to a gateway that signs it itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import SecretStr

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
)
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsSource
from langchain_claude_cloud.platform.aws_sources import AWS_SOURCES
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings
from langchain_claude_cloud.platform.locks import SharedLock
from langchain_claude_cloud.platform.sigv4 import AwsKeys, SigV4Signer, keys_of

_ASKED_AGAIN_SECONDS: Final = 300.0


class BedrockApiKey:
    """A Bedrock API key, sent as a bearer token.

    Args:
        given: The key, or a function that returns it. The function is called before the first
            request, again after five minutes, and when the cloud refuses the key.
    """

    def __init__(self, given: SecretStr | Callable[[], str]) -> None:
        self._provider = None if isinstance(given, SecretStr) else given
        self._key = given.get_secret_value() if isinstance(given, SecretStr) else None
        self._due = 0.0
        self._lock = SharedLock()

    @property
    def is_renewable(self) -> bool:
        """Whether a function gives the key."""
        return self._provider is not None

    def needs_prepare(self) -> bool:
        """Whether the function is to be asked."""
        return self._provider is not None and (self._key is None or time.monotonic() >= self._due)

    def prepare(self) -> None:
        """Ask the function, if it is time. Blocks as long as the function does.

        Raises:
            AuthenticationError: It failed, or returned no key.
        """
        with self._lock:
            if self.needs_prepare():
                self._ask()

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key.

        Raises:
            AuthenticationError: `prepare` was not called.
        """
        if self._key is None:
            raise AuthenticationError("The Bedrock API key is not loaded yet.", platform="bedrock")
        return {"authorization": f"Bearer {self._key}"}

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Ask the function after a key was refused; return whether the key is another now."""
        with self._lock:
            if self._provider is not None and self.headers().items() <= used.items():
                self._ask()
            return not self.headers().items() <= used.items()

    def secrets(self) -> list[str | None]:
        """Return the key."""
        return [self._key]

    def _ask(self) -> None:
        if self._provider is None:
            return
        try:
            key: object = self._provider()
        except Exception as error:  # noqa: BLE001  the function is the user's
            raise AuthenticationError(
                f"The function given as `api_key` failed ({type(error).__name__}).",
                platform="bedrock",
            ) from None
        if not isinstance(key, str) or not key.strip() or not key.isprintable():
            raise AuthenticationError(
                "The function given as `api_key` returned no key: it must return text.",
                platform="bedrock",
            )
        self._key, self._due = key.strip(), time.monotonic() + _ASKED_AGAIN_SECONDS


_EXPIRED_TYPES: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"}
)
_OWN_SERVICES: Final = frozenset({"bedrock", "bedrock-mantle"})
_OTHER_SERVICE: Final = re.compile(r"scoped to correct service: '([a-z-]+)'")
"""How a refusal names the service to sign for (mantle: BerriAI/litellm#31476). It is believed for
Bedrock's own names alone: a gateway must not get a signature for another service of AWS."""

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
        self._identity = identity_of(settings)
        is_key = self._identity is None and not settings.unsigned
        self._api_key = BedrockApiKey(settings.api_key) if is_key and settings.api_key else None
        self._source: AwsSource | None = None
        self._signers: dict[str, SigV4Signer] = {}
        self._service = self._named_service = ""

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
            self._service = signing_name
            self._signer(signing_name)  # here, as `sign` may run on an event loop
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
        if self._named_service not in ("", self._service):
            self._service = self._named_service
            return True
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
        return self._signer(request.signing_name or self._service).sign(
            request, self._source.keys()
        )

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help.

        Or whether they signed for another service than the refusal names, which is noted, and
        which `refresh` then takes.
        """
        if not isinstance(error, AuthenticationError):
            return False
        if self._api_key is not None:
            return self._api_key.is_renewable
        named = _OTHER_SERVICE.search(str(error))
        if named is not None and {named[1], self._service} <= _OWN_SERVICES:
            self._named_service = named[1]
            return self._named_service != self._service
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


def identity_of(settings: BedrockSettings) -> AwsIdentity | None:
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
