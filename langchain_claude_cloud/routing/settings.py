"""Makes a platform's plain settings from the user's `Vertex` or `Bedrock`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from langchain_claude_cloud.catalogue.bedrock import region_of, split_arn
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.config.checks import check_headers, refusal
from langchain_claude_cloud.platform.bedrock_endpoint import BedrockSettings
from langchain_claude_cloud.platform.vertex import VertexSettings


def vertex_settings(
    config: Vertex, model: str, default_headers: Mapping[str, str] | None = None
) -> VertexSettings:
    """Return what the platform needs to ask a model on Vertex AI.

    Args:
        config: What the user set.
        model: The model's name, for its region.
        default_headers: Headers to send besides the platform's own.

    Raises:
        ConfigurationError: A variable or header is malformed, or the config is a copy that
            lost a secret.
    """
    decided = {
        "project": config.effective_project(),
        "region": config.region_for(model),
        "credentials": config.given_object("credentials"),
        "access_token": config.secret("access_token"),
        "credentials_info": config.effective_credentials_info(),
        "base_url": config.effective_base_url(),
        "extra_headers": check_headers("Vertex", default_headers),
    }
    return VertexSettings(**_same_fields(config, VertexSettings) | decided)


def bedrock_settings(
    config: Bedrock, default_headers: Mapping[str, str] | None = None, *, model: str = ""
) -> BedrockSettings:
    """Return what the platform needs to ask a model on Bedrock.

    Args:
        config: What the user set.
        default_headers: Headers to send besides the platform's own.
        model: The model's name, whose region stands in for a missing one if it is an ARN.

    Raises:
        ConfigurationError: A variable or header is malformed, or the config is a copy that
            lost a secret.
    """
    decided = {
        "region": config.effective_region(),
        "arn_region": (region_of(model) or None) if split_arn(model) else None,
        "access_key_id": config.secret("access_key_id"),
        "secret_access_key": config.secret("secret_access_key"),
        "session_token": config.effective_session_token(),
        "api_key": config.effective_api_key(),
        "session": config.given_object("session"),
        "base_url": config.effective_base_url(),
        "api_headers": config.api_headers(),
        "extra_headers": check_headers("Bedrock", default_headers),
    }
    if config.unsigned and not decided["base_url"]:
        raise refusal("Bedrock", "unsigned requests need base_url: AWS itself refuses them.")
    return BedrockSettings(**_same_fields(config, BedrockSettings) | decided)


def _same_fields(
    config: Vertex | Bedrock, settings: type[VertexSettings | BedrockSettings]
) -> dict[str, Any]:
    """Return what goes from the user to the platform under one name."""
    shared = type(config).model_fields.keys() & {field.name for field in fields(settings)}
    values = {name: getattr(config, name) for name in shared}
    # Mappings are copied: the caller's own may be changed later.
    return {name: dict(v) if isinstance(v, dict) else v for name, v in values.items()}
