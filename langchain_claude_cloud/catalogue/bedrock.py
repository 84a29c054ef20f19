"""Bedrock's APIs, and the ARNs of its resources.

The rows of the APIs are in ``models.json``, with their evidence: the address, signature and
settings of each. An API that is like one of these is a row there, its name in `errors.types`, and a
field of `Bedrock` for each setting that it alone has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from langchain_claude_cloud.catalogue.models import BEDROCK_ID, catalogue_file
from langchain_claude_cloud.errors.types import BedrockApiName, Framing, Operation

_ARN = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:(?:\d{12})?:([a-z-]+)/"
    r"([A-Za-z0-9][A-Za-z0-9._:-]*(?:/[A-Za-z0-9][A-Za-z0-9._:-]*)*)",
    re.ASCII,
)
"""The region is empty in what a global inference profile leads to."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How the control plane is asked what an ARN stands for.

    Attributes:
        path: What comes before the percent-encoded ARN in the URL's path.
        permission: The IAM action that the question takes.
    """

    path: str
    permission: str


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


def claude_id_in(text: str) -> tuple[str | None, str] | None:
    """Return the inference profile's prefix and the base id in an id of Bedrock's or in an ARN.

    A custom model's ARN names what it was made from, before a slash and its own id. The ARN of
    AWS's own router ends with "anthropic.claude:1", which is no model.
    """
    kind, resource = split_arn(text) or ("", text)
    if kind not in ("", "foundation-model", "custom-model", "inference-profile"):
        return None
    named = BEDROCK_ID.fullmatch(resource.partition("/")[0])
    return (named[1], named[2]) if named else None


def lookup_of(arn: str) -> Lookup | None:
    """Return how to find out what an ARN stands for; None if it says so, or nothing can."""
    kind, _ = split_arn(arn) or ("", "")
    row = catalogue_file()["arn_lookups"].get(kind)
    return Lookup(**row) if row and not claude_id_in(arn) else None


def tells_where_it_leads(arn: str) -> bool:
    """Whether an ARN says where requests may be answered, or the control plane can be asked.

    A model that an account made or took in answers in its own region.
    """
    kind, _ = split_arn(arn) or ("", "")
    return kind in catalogue_file()["arn_lookups"] or claude_id_in(arn) is not None


def region_of(arn: str) -> str:
    """Return the region in an ARN; empty if it has none."""
    return arn.split(":")[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockApi:
    """An API of Bedrock: where it is, how it is signed for, and the form of its requests.

    Attributes:
        host: The first label of the host name.
        signing_name: The service in the signature's scope.
        framing: How it frames a stream.
        paths: The path of each operation, with ``{model}`` to fill in where the model is in it, as
            it is for operations of InvokeModel's form; others have it in the body.
        base_path: What the vendor's clients count as a part of the address, and this package
            does not.
        base_url_variables: Environment variables with another address, the first that is set
            counts.
        aws_variable: AWS's own variable for that, if it has one.
        api_key_variable: The environment variable with an API key.
        has_dual_stack_only: Whether its hosts are those with IPv6 addresses only.
        has_fips: Whether it has endpoints with FIPS 140 validated cryptography.
        model_ids: Whether models are named by inference ``profile``, by their ``short`` id on
            Bedrock, or as ``anthropic`` names them.
        may_answer_anywhere: Whether nothing says where it answers.
        headers: The settings that it alone has and needs as headers: the name of each one's
            header, and the environment variable that stands in for it.
        lacks: The settings of other APIs that it does not have.
    """

    host: str
    signing_name: str
    framing: Framing
    paths: Mapping[Operation, str]
    base_url_variables: Sequence[str]
    base_path: str = ""
    aws_variable: str | None = None
    api_key_variable: str = "AWS_BEARER_TOKEN_BEDROCK"
    has_dual_stack_only: bool = False
    has_fips: bool = True
    model_ids: Literal["profile", "short", "anthropic"] = "profile"
    may_answer_anywhere: bool = False
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lacks: Sequence[str] = ()

    def name_of(self, model_id: str) -> str:
        """Return what the API calls a model."""
        if self.model_ids == "profile":
            return model_id
        name = re.sub(r"-v\d+(:\d+)?$", "", model_id)
        is_short = self.model_ids == "short"
        return re.sub(r"-\d{8}$", "", name) if is_short else name.removeprefix("anthropic.")


@cache
def bedrock_apis() -> Mapping[BedrockApiName, BedrockApi]:
    """Return Bedrock's APIs by the names that users give them."""
    rows = catalogue_file()["bedrock_apis"].items()
    return {name: BedrockApi(**row["endpoint"]) for name, row in rows}
