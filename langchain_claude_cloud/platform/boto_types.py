"""The part of botocore's and boto3's objects that is used here, as types.

botocore itself is imported on first use only, and a user may give a session of another make.
"""

from __future__ import annotations

from typing import Protocol


class BotoCredentials(Protocol):
    """The part of botocore's credentials that is used here."""

    def get_frozen_credentials(self) -> FrozenCredentials | None:
        """Return one consistent set, renewed if that is due (which blocks)."""


class FrozenCredentials(Protocol):
    """botocore's ``ReadOnlyCredentials``."""

    @property
    def access_key(self) -> str | None:
        """The access key's id."""

    @property
    def secret_key(self) -> str | None:
        """The secret."""

    @property
    def token(self) -> str | None:
        """The session token."""


class BotoSession(Protocol):
    """What a boto3 and a botocore session have in common."""

    def get_credentials(self) -> BotoCredentials | None:
        """Return the session's credentials, or None."""
