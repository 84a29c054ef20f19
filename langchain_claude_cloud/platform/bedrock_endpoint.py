"""Bedrock's hosts by region and partition, and the addresses that AWS's configuration names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import botocore.session


# (region prefix, suffix, dual-stack suffix): botocore's partitions.json.
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("", "amazonaws.com", "api.aws"),
)


def default_base_url(
    region: str, *, host: str = "bedrock-runtime", fips: bool = False, dual_stack: bool = False
) -> str:
    """Return AWS's own address for a region.

    Args:
        region: The region.
        host: The first label of the host name.
        fips: Whether the endpoint's cryptography must be FIPS 140 validated.
        dual_stack: Whether the endpoint must have an IPv6 address too.

    Returns:
        The URL, without a path.
    """
    suffix, dual = next(
        (suffix, dual) for prefix, suffix, dual in _PARTITIONS if region.startswith(prefix)
    )
    label = f"{host}-fips" if fips else host
    return f"https://{label}.{region}.{dual if dual_stack else suffix}"


def configured_base_url(session: botocore.session.Session, host: str) -> str | None:
    """Return the address that a session's profile names for Bedrock, if it does.

    ``endpoint_url`` of the API's service (``bedrock_runtime``) in the profile's ``services``
    section, else the profile's own; not where ``ignore_configured_endpoint_urls`` is on. Reads
    files.

    Args:
        session: A botocore session.
        host: The first label of the API's own host name.
    """
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    service = services.get(host.replace("-", "_")) or {}
    return service.get("endpoint_url") or profile.get("endpoint_url")


def flag(name: str) -> bool:
    """Whether an AWS environment variable says ``true``."""
    return os.environ.get(name, "").strip().lower() == "true"
