"""Ask Bedrock's control plane what an ARN stands for that does not name its model.

The ARN of an application inference profile, of provisioned throughput or of a prompt router
does not name its model; GetInferenceProfile and its siblings do.
"""

from __future__ import annotations

from collections.abc import Generator

from langchain_claude_cloud.catalogue.bedrock import ArnTarget, Lookup, id_in_arn, region_of
from langchain_claude_cloud.catalogue.models import find
from langchain_claude_cloud.control_plane.requests import bedrock_address, resource
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import Route

UNKNOWN = ArnTarget(None)
"""What an ARN stands for about which nothing could be found out."""


def ask_for_target(
    route: Route, lookup: Lookup
) -> Generator[OutgoingRequest, JsonObject, ArnTarget]:
    """Yield the request, be sent its answer, and return what the ARN stands for.

    Args:
        route: Whose model is an ARN. The platform must have been prepared.
        lookup: How the control plane is asked about it.
    """
    answer = yield resource(bedrock_address(route), lookup.path, route.model)
    return read_target(answer)


def read_target(answer: JsonObject) -> ArnTarget:
    """Return the model that an answer of the control plane names; the oldest of several."""
    models = answer.get("models")
    listed = [*(models if isinstance(models, list) else ()), answer.get("fallbackModel")]
    arns = [each.get("modelArn") for each in listed if isinstance(each, dict)]
    arns += [answer.get("foundationModelArn"), answer.get("modelArn")]
    named = {arn: found[1] for arn in map(str, arns) if (found := id_in_arn(arn))}
    if not named:
        return UNKNOWN
    regions = frozenset(region_of(arn) for arn in named)
    return ArnTarget(min(named.values(), key=_released), regions)


def _released(base_id: str) -> str:
    row = find(base_id)
    return row.released if row else "9999"
