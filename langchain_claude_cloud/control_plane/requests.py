"""Makes the requests that ask a cloud which models there are and what an ARN stands for.

They are sent as the platform's own identity. A refusal says which permission is missing.

Amazon Bedrock: ListFoundationModels, ListInferenceProfiles, GetInferenceProfile and the like,
on the host ``bedrock``, signed as ``bedrock`` as InvokeModel is (botocore's model of
``bedrock``, 2023-04-20). Vertex AI: publishers.models.list, which only ``v1beta1`` has
(https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list; ``v1``
answers 404: OmniRoute#11998). Its path names no project, so user credentials need the header
``x-goog-user-project`` (bifrost#4106).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from langchain_claude_cloud.config.checks import from_environment
from langchain_claude_cloud.errors import ClaudeCloudError, NotFoundError, PermissionDeniedError
from langchain_claude_cloud.errors.types import LABELS
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.bedrock import default_base_url, flag
from langchain_claude_cloud.routing.routes import Route

_RUNTIME = "bedrock-runtime"
SIGNING_NAME: Final = "bedrock"
"""What requests to Bedrock's control plane are signed for; it is also the name of its host."""

# An AWS host of the runtime, of any partition: its sibling is the control plane.
_AWS_RUNTIME = re.compile(rf"https://{_RUNTIME}(-fips)?\.[a-z0-9-]+\.(?!vpce\.)[a-z0-9.-]+")
# The name of a private endpoint says nothing of the control plane's; nor does mantle's.
_NO_SIBLING = re.compile(rf"https://([^/]*\.{_RUNTIME}(-fips)?\.[^/]*vpce|bedrock-mantle)\.[^/]+")


def explain_refusal(
    error: ClaudeCloudError, platform: Platform, permissions: Sequence[str], hint: str = ""
) -> None:
    """Say which permission is missing; what a model's refusal advises would mislead here.

    Args:
        error: What the control plane answered. Its message is replaced where it is a refusal.
        platform: Who was asked.
        permissions: What the identity must be allowed.
        hint: What else to do about a refusal.
    """
    parsed = getattr(error.args[0] if error.args else None, "parsed", None)
    if parsed is None or not isinstance(error, PermissionDeniedError | NotFoundError):
        return
    answer = " ".join(str(part) for part in (error.status_code, error.error_type) if part)
    where = f"{LABELS[platform.name]}'s control plane refused (region {platform.region}, {answer})"
    remedy = f"Allow the identity {' and '.join(permissions)}. {hint}".rstrip()
    error.args = (f"{where}: {parsed.message.rstrip('. ')}. {remedy}",)


def bedrock_address(route: Route) -> str:
    """Return where the control plane of a Bedrock route is. The platform must be prepared.

    ``AWS_ENDPOINT_URL_BEDROCK`` says so, as for botocore. An address that was chosen for the
    runtime is good for both if it is a gateway's; of AWS's own hosts the sibling is taken,
    with its partition, FIPS and dual stack.

    Raises:
        ConfigurationError: The environment names an address that is not an https URL.
    """
    platform = route.platform
    chosen, follows = _addresses(given=route.config.base_url is not None)
    if chosen:
        return chosen.rstrip("/")
    endpoint = platform.endpoint("anthropic.claude", "invoke")
    runtime = endpoint.partition("/model/")[0].partition("/anthropic/v1/")[0]
    if _AWS_RUNTIME.fullmatch(runtime):
        return runtime.replace(_RUNTIME, SIGNING_NAME, 1)
    if follows and not _NO_SIBLING.fullmatch(runtime):
        return runtime
    return default_base_url(
        platform.region,
        host=SIGNING_NAME,
        fips=flag("AWS_USE_FIPS_ENDPOINT"),
        dual_stack=flag("AWS_USE_DUALSTACK_ENDPOINT"),
    )


def _addresses(*, given: bool) -> tuple[str | None, bool]:
    """Return the address that the environment names, and whether the runtime's will do."""
    if flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None, True
    own = given or bool(os.environ.get("ANTHROPIC_BEDROCK_BASE_URL"))
    # That variable is of the runtime alone; the other of every service of AWS.
    elsewhere = not own and bool(os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"))
    names = ("AWS_ENDPOINT_URL_BEDROCK", *(("AWS_ENDPOINT_URL",) if elsewhere else ()))
    return from_environment("Bedrock", "base_url", names), not elsewhere


def of_version_1_beta(url: str) -> str:
    """Return a URL of Google's with the version that has more; a gateway's own path stays."""
    return url.replace("/v1/projects/", "/v1beta1/projects/", 1)


def get(url: str, **query: str | None) -> OutgoingRequest:
    """Return a request that reads something."""
    given = {name: value for name, value in query.items() if value}
    # Percent-encoded as the signature wants it: a plus would be signed as one.
    text = f"?{urlencode(given, quote_via=quote, safe='')}" if given else ""
    return OutgoingRequest("GET", f"{url}{text}", {"accept": "application/json"})
