"""A model request whose address and headers were read, but whose body is not validated yet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from langchain_claude_cloud.errors.types import (
    BedrockApiName,
    Cloud,
    Framing,
    JsonObject,
    Operation,
)
from langchain_claude_cloud.testing.model_rules import ModelRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model request.

    Attributes:
        cloud: Whose endpoint it came to.
        operation: What is asked.
        model_id: The model's id as it stood in the URL, or in the body of the Messages API.
        rules: What the model takes.
        region: Where it is served.
        body: The Messages API body.
        betas: Betas that are in force.
        binds_thinking: Whether thinking blocks are bound to what stands before them.
        api: Which of Bedrock's APIs was called.
        version: The API version, from header or body.
    """

    cloud: Cloud
    operation: Operation
    model_id: str
    rules: ModelRules
    region: str | None
    body: JsonObject
    betas: frozenset[str] = frozenset()
    binds_thinking: bool = False
    api: BedrockApiName = "invoke"
    version: str = ""

    @property
    def is_invoke_model(self) -> bool:
        """Whether it came to Bedrock's InvokeModel or CountTokens."""
        return self.cloud == "bedrock" and self.api == "invoke"

    @property
    def framing(self) -> Framing:
        """How its answer is streamed."""
        return "event-stream" if self.is_invoke_model else "sse"

    @property
    def seed(self) -> bytes:
        """Bytes that stand for the request's content."""
        text = json.dumps(self.body, sort_keys=True, ensure_ascii=False)
        named = f"{self.cloud}:{self.model_id}:{text}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()
