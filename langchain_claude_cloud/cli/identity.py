"""Describes whose credentials are used for a cloud, without showing a secret."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from pydantic import SecretStr

from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors.redaction import shown_path

_SHORT_TERM: Final = "bedrock-api-key-"
_GOOGLE_KINDS: Final = {
    "service_account": "service account key",
    "authorized_user": "user credentials of gcloud",
    "external_account": "workload identity federation",
    "external_account_authorized_user": "workforce identity federation",
    "impersonated_service_account": "impersonated service account",
    "gdch_service_account": "service account of Google Distributed Cloud",
}
_AWS_KINDS: Final = (
    ("AWS_BEARER_TOKEN_BEDROCK", "Bedrock API key"),
    ("AWS_ACCESS_KEY_ID", "AWS key pair"),
    ("AWS_PROFILE", "AWS profile"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "web identity (such as a Kubernetes service account)"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "role of the container"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "role of the container"),
)
"""In botocore's order: a key pair comes before AWS_PROFILE (botocore/credentials.py, 1.44)."""


def describe(config: Vertex | Bedrock) -> tuple[str, str]:
    """Return the kind of credentials that would be used, and where they come from."""
    return _google() if isinstance(config, Vertex) else _aws(config)


def who(config: Vertex | Bedrock) -> str | None:
    """Return whose credentials are used, once they were loaded; None where nothing tells.

    An access key's id is masked, and never more than that of it is shown.
    """
    return _google_account() if isinstance(config, Vertex) else _aws_account(config)


def until(config: Vertex | Bedrock) -> str | None:
    """Return when the credentials end that nothing renews, once they were loaded.

    None where they do not end, or are renewed.
    """
    if not isinstance(config, Bedrock):
        return None
    if config.profile is None and config.access_key_id is None:
        given = config.api_key
        if given is not None and not isinstance(given, SecretStr):
            return None  # a function, which is asked again and again
        key = given.get_secret_value() if given else os.environ.get("AWS_BEARER_TOKEN_BEDROCK")
        if key:
            return _end_of_key(key)
        if os.environ.get("AWS_SESSION_TOKEN"):
            return os.environ.get("AWS_CREDENTIAL_EXPIRATION") or "some hours after it was made"
    return "some hours after it was made" if config.session_token else None


def _end_of_key(key: str) -> str | None:
    """Return when a short-term key of Bedrock ends: it is a signed URL, which says so."""
    try:
        address = base64.b64decode(key.removeprefix(_SHORT_TERM) + "==").decode("ascii")
        query = parse_qs(address.partition("?")[2])
        made = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        end = made + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    except (KeyError, ValueError, OverflowError):
        return None
    return f"{end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _google_account() -> str | None:
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    path = Path(named) if named else _gcloud_folder() / "application_default_credentials.json"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(given, dict):
        return None
    url = str(given.get("service_account_impersonation_url", ""))
    target = url.rpartition("/")[2].partition(":")[0]
    return given.get("client_email") or target or given.get("account") or None


def _aws_account(config: Bedrock) -> str | None:
    if os.environ.get("AWS_BEARER_TOKEN_BEDROCK") and config.profile is None:
        return "Bedrock API key"
    import botocore.session  # noqa: PLC0415  # takes long, and only this command needs it here
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # the same

    try:
        found = botocore.session.Session(profile=config.profile).get_credentials()
        if found is None:
            return None
        key = found.get_frozen_credentials().access_key or ""
    except BotoCoreError:
        return None
    number = getattr(found, "account_id", None)
    account = f" of account {number}" if number else ""
    kind = "temporary key" if key.startswith("ASIA") else "key"
    return f"{kind} {key[:4]}...{key[-4:]}{account}, found by {found.method}"


def _google() -> tuple[str, str]:
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        shown = shown_path(named) or "(not a path)"
        return _google_kind(Path(named)), f"GOOGLE_APPLICATION_CREDENTIALS={shown}"
    path = _gcloud_folder() / "application_default_credentials.json"
    if path.is_file():
        return _google_kind(path), f"gcloud auth application-default login ({path})"
    return "service account of this machine", "the metadata server, if there is one"


def _gcloud_folder() -> Path:
    """Return gcloud's folder, as google-auth finds it (google/auth/_cloud_sdk.py)."""
    given = os.environ.get("CLOUDSDK_CONFIG")
    if given:
        return Path(given)
    if os.name == "nt":
        return Path(os.environ.get("APPDATA", "C:\\")) / "gcloud"
    return Path("~/.config/gcloud").expanduser()


def _google_kind(path: Path) -> str:
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("type")
    except (OSError, ValueError, AttributeError):
        return "a file that cannot be read"
    return _GOOGLE_KINDS.get(kind, "a file of an unknown type")


def _aws(config: Bedrock) -> tuple[str, str]:
    if config.profile is not None:
        return "AWS profile", f"--profile {config.profile}"
    for name, kind in _AWS_KINDS:
        value = os.environ.get(name)
        if value:
            return kind, f"AWS_PROFILE={value}" if name == "AWS_PROFILE" else name
    for name, default in (
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        ("AWS_CONFIG_FILE", "~/.aws/config"),
    ):
        path = Path(os.environ.get(name, default)).expanduser()
        if path.is_file():
            return "default profile of the AWS files", str(path)
    return "role of this machine", "the instance's metadata service, if there is one"
