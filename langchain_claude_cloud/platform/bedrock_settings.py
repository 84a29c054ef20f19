"""What has been decided about a Bedrock endpoint before it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from langchain_claude_cloud.errors.types import BedrockApiName


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockSettings:
    """What has been decided about a Bedrock endpoint.

    Attributes:
        region: The region that is called; None: the profile's or session's.
        arn_region: The region inside the model's ARN, for want of any other.
        api: Which of Bedrock's APIs is called: ``invoke``, ``messages`` or ``mantle``.
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
        workspace: The workspace of Claude Platform on AWS.
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
    workspace: str | None = None
    anthropic_version: str = "bedrock-2023-05-31"
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
