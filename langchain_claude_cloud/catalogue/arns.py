"""Parses Bedrock's ARNs, and says how to look up those that do not name a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.catalogue.models import BEDROCK_ID

_ARN = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:(?:\d{12})?:([a-z-]+)/([A-Za-z0-9][A-Za-z0-9._:/-]*)",
    re.ASCII,
)
"""The region is empty in what a global inference profile leads to."""


_IN_ITS_REGION = frozenset(("foundation-model", "custom-model", "imported-model"))
_NAMED = frozenset(("foundation-model", "custom-model", "inference-profile"))
"""Kinds of resources whose ARN names a model; AWS's own router is called "anthropic.claude:1"."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How the control plane is asked what an ARN stands for.

    Attributes:
        path: What comes before the percent-encoded ARN in the URL's path.
        permission: The IAM action that the question takes.
    """

    path: str
    permission: str


LOOKUPS: Final[Mapping[str, Lookup]] = {
    "application-inference-profile": Lookup("inference-profiles", "bedrock:GetInferenceProfile"),
    "inference-profile": Lookup("inference-profiles", "bedrock:GetInferenceProfile"),
    "provisioned-model": Lookup(
        "provisioned-model-throughput", "bedrock:GetProvisionedModelThroughput"
    ),
    "custom-model-deployment": Lookup(
        "model-customization/custom-model-deployments", "bedrock:GetCustomModelDeployment"
    ),
    "prompt-router": Lookup("prompt-routers", "bedrock:GetPromptRouter"),
    "default-prompt-router": Lookup("prompt-routers", "bedrock:GetPromptRouter"),
}
"""By the ARN's kind of resource (botocore's model of ``bedrock``, 2023-04-20). An imported
model is not Anthropic's; a foundation model and a custom model are named in their ARNs."""


@dataclass(frozen=True, slots=True)
class ArnTarget:
    """What an ARN stands for.

    Attributes:
        base_id: The id of the model; None where that could not be found out.
        regions: Where requests may be served; an empty one stands for anywhere.
    """

    base_id: str | None
    regions: frozenset[str] = frozenset()


def split_arn(text: str) -> tuple[str, str] | None:
    """Return an ARN's kind of resource and what follows it; None for what is no ARN of Bedrock."""
    found = _ARN.fullmatch(text)
    return (found[1], found[2]) if found else None


def id_in_arn(text: str) -> tuple[str | None, str] | None:
    """Return the inference profile's prefix and the base id of the model that an ARN names.

    A custom model's ARN names what it was made from, before a slash and its own id.
    """
    parts = split_arn(text)
    if parts is None or parts[0] not in _NAMED:
        return None
    named = BEDROCK_ID.fullmatch(parts[1].partition("/")[0])
    return (named[1], named[2]) if named else None


def lookup_of(text: str) -> Lookup | None:
    """Return how to find out what an ARN stands for; None if it says so, or nothing can."""
    parts = split_arn(text)
    if parts is None or id_in_arn(text) is not None:
        return None
    return LOOKUPS.get(parts[0])


def tells_where_it_leads(arn: str) -> bool:
    """Whether an ARN says where requests may be answered, or the control plane can be asked.

    A model that an account made or took in answers in its own region.
    """
    parts = split_arn(arn)
    if parts is None:
        return False
    return parts[0] in _IN_ITS_REGION or parts[0] in LOOKUPS or id_in_arn(arn) is not None


def region_of(arn: str) -> str:
    """Return the region in an ARN; empty if it has none."""
    return arn.split(":")[3]
