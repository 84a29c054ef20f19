"""Ask a cloud whether it keeps a log of requests and answers, and where.

Amazon Bedrock: GetModelInvocationLoggingConfiguration, a setting of the region. Vertex AI:
publishers.models.fetchPublisherModelConfig, which only ``v1beta1`` has, a setting of the model
(https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/projects.locations.publishers.models/fetchPublisherModelConfig).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.control_plane.requests import bedrock_address, get, of_version_1_beta
from langchain_claude_cloud.errors import NotFoundError
from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import Route

SUBJECT: Final = "the logging of requests"
"""What is asked about, for errors."""

PERMISSIONS: Final[Mapping[Cloud, tuple[str, ...]]] = {
    "bedrock": ("bedrock:GetModelInvocationLoggingConfiguration",),
    "vertex": ("to read a model's configuration (a role such as roles/aiplatform.user)",),
}
"""What the identity must be allowed."""


@dataclass(frozen=True, slots=True)
class ActivityLogging:
    """Whether a cloud keeps requests and answers.

    Attributes:
        is_on: Whether it does.
        destinations: Where to, as the cloud names it.
    """

    is_on: bool
    destinations: tuple[str, ...] = ()


def ask_about_logging(route: Route) -> Generator[OutgoingRequest, JsonObject, ActivityLogging]:
    """Ask whether requests to a route's model are kept.

    Raises:
        ClaudeCloudError: A request's error.
    """
    return _of_bedrock(route) if isinstance(route.config, Bedrock) else _of_vertex(route)


def _of_bedrock(route: Route) -> Generator[OutgoingRequest, JsonObject, ActivityLogging]:
    answer = yield get(f"{bedrock_address(route)}/logging/modelinvocations")
    config = answer.get("loggingConfig")
    if not isinstance(config, dict):
        return ActivityLogging(is_on=False)
    group = (config.get("cloudWatchConfig") or {}).get("logGroupName")
    bucket = (config.get("s3Config") or {}).get("bucketName")
    names = (f"log group {group}" if group else "", f"bucket {bucket}" if bucket else "")
    is_on = config.get("textDataDeliveryEnabled") is not False
    return ActivityLogging(is_on, tuple(filter(None, names)))


def _of_vertex(route: Route) -> Generator[OutgoingRequest, JsonObject, ActivityLogging]:
    resolved = route.resolved()
    url = of_version_1_beta(route.platform.endpoint(resolved.base_id, "invoke"))
    model = url.removesuffix(":rawPredict")
    try:
        answer = yield get(f"{model}:fetchPublisherModelConfig")
    except NotFoundError:
        return ActivityLogging(is_on=False)  # nobody has set one
    config = answer.get("loggingConfig")
    config = config if isinstance(config, dict) else {}
    table = (config.get("bigqueryDestination") or {}).get("outputUri")
    return ActivityLogging(config.get("enabled") is True, (str(table),) if table else ())
