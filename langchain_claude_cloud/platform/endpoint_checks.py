"""Refuses regions and addresses that would send credentials elsewhere."""

from __future__ import annotations

from langchain_claude_cloud.config.shapes import REGION, url_problem
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud


def check_region(region: str, *, platform: Cloud) -> str:
    """Return a region that may become part of a host name.

    Raises:
        ConfigurationError: It is not a DNS label, and would send credentials elsewhere.
    """
    if not REGION.fullmatch(region):
        raise ConfigurationError(
            f"{region!r} is not a region: it must be lower-case letters, digits and hyphens.",
            platform=platform,
            region=region,
        )
    return region


def check_base_url(url: str, *, platform: Cloud) -> str:
    """Return a base URL without its trailing slash.

    Raises:
        ConfigurationError: It is not an https URL (http is for loopback only), or carries
            a user, a query or a fragment.
    """
    problem = url_problem(url)
    if problem is None:
        return url.rstrip("/")
    raise ConfigurationError(f"base_url of {platform} {problem}.", platform=platform)
