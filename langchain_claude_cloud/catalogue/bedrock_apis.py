"""Bedrock's APIs: the address, signature and settings of each.

The rows are in ``models.json``, with their evidence. An API that is like one of these is a row
there, its name in `errors.types`, and a field of `Bedrock` for each setting that it alone has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, NamedTuple

from langchain_claude_cloud.catalogue.models import bedrock_api_rows
from langchain_claude_cloud.errors.types import BedrockApiName, Framing, JsonObject, Operation

_VERSION: Final = re.compile(r"-v\d+(:\d+)?$")
_DATE: Final = re.compile(r"-\d{8}$")


class HeaderSetting(NamedTuple):
    """A setting that an API needs as a header.

    Attributes:
        header: The header's name.
        variable: The environment variable that stands in for the setting.
    """

    header: str
    variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockApi:
    """An API of Bedrock: where it is, how it is signed for, and the form of its requests.

    Attributes:
        host: The first label of the host name.
        signing_name: The service in the signature's scope.
        framing: How it frames a stream.
        paths: The path of each operation, with ``{model}`` to fill in where the model is in it.
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
        headers: The settings that it alone has, and that it needs.
        lacks: The settings of InvokeModel that it does not have.
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
    headers: Mapping[str, HeaderSetting] = field(default_factory=dict)
    lacks: Sequence[str] = ()

    def is_invoke_model(self, operation: Operation) -> bool:
        """Whether an operation has InvokeModel's form: the model in the URL, not in the body."""
        return "{model}" in self.paths[operation]

    def name_of(self, model_id: str) -> str:
        """Return what the API calls a model."""
        if self.model_ids == "profile":
            return model_id
        name = _VERSION.sub("", model_id)
        return _DATE.sub("", name) if self.model_ids == "short" else name.removeprefix("anthropic.")


@cache
def bedrock_apis() -> Mapping[BedrockApiName, BedrockApi]:
    """Return Bedrock's APIs by the names that users give them."""
    return {name: _read(row["endpoint"]) for name, row in bedrock_api_rows().items()}


def _read(row: JsonObject) -> BedrockApi:
    headers = {name: HeaderSetting(**told) for name, told in row.get("headers", {}).items()}
    return BedrockApi(**{**row, "headers": headers})
