"""The settings of a Bedrock endpoint, and its hosts by region and partition."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from langchain_claude_cloud.errors.types import BedrockApiName

if TYPE_CHECKING:
    import botocore.session


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockSettings:
    """What has been decided about a Bedrock endpoint.

    Attributes:
        region: The region that is called; None: the profile's or session's.
        arn_region: The region inside the model's ARN, for want of any other.
        api: Which of Bedrock's APIs is called.
        profile: A profile of the AWS configuration files.
        access_key_id: An explicit access key, with its secret.
        secret_access_key: The secret.
        session_token: The token of temporary keys.
        api_key: A Bedrock API key, or a function that returns one; explicit keys, a session, a
            profile and a role go first.
        unsigned: Whether requests go without a signature or key, to a gateway that signs.
        session: A boto3 or botocore session.
        role_arn: A role to assume.
        external_id: The role's external id.
        role_session_name: The name of the role's session.
        base_url: Another address.
        guardrail: ``guardrailIdentifier`` and ``guardrailVersion``, and ``tagSuffix`` where only
            tagged parts of the input are to be checked.
        service_tier: ``priority``, ``default``, ``flex`` or ``reserved``.
        latency: ``standard`` or ``optimized``.
        trace: ``ENABLED``, ``DISABLED`` or ``ENABLED_FULL``; True is ``ENABLED``.
        project: The id or ARN of a Bedrock project.
        request_metadata: Names and values for the invocation log.
        api_headers: Headers that the API needs: Claude Platform on AWS, a workspace.
        anthropic_version: The API version, sent in the body.
        extra_headers: More headers for every request.
    """

    region: str | None = None
    arn_region: str | None = None
    api: BedrockApiName = "invoke"
    profile: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    api_key: SecretStr | Callable[[], str] | None = None
    unsigned: bool = False
    session: object | None = field(default=None, repr=False)
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    base_url: str | None = None
    guardrail: Mapping[str, str] | None = None
    service_tier: str | None = None
    latency: str | None = None
    trace: str | bool | None = None
    project: str | None = None
    request_metadata: Mapping[str, str] | None = None
    api_headers: Mapping[str, str] = field(default_factory=dict)
    anthropic_version: str = "bedrock-2023-05-31"
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


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
