"""Authenticates requests to Bedrock: by a signature, by an API key, or not at all.

Requests without a signature are for a gateway that signs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import SecretStr

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ConfigurationError,
)
from langchain_claude_cloud.platform.aws_auth import AwsIdentity
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings
from langchain_claude_cloud.platform.locks import shared_lock
from langchain_claude_cloud.platform.sigv4 import AwsKeys

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
        self._lock = shared_lock()

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
