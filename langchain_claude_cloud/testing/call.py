"""A model request: what its address names, and what its headers and its body ask for."""

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
from langchain_claude_cloud.testing.wire import Incoming, ReceivedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the address of a model request names.

    Attributes:
        cloud: Whose endpoint it is.
        operation: What is asked.
        model: The model's id as it stood in the URL, or in the body where the URL has none.
        region: Where it is served; None if unknown.
        project: The Google project; None on Bedrock.
        api: Which of Bedrock's APIs it is.
    """

    cloud: Cloud
    operation: Operation
    model: str
    region: str | None = None
    project: str | None = None
    api: BedrockApiName = "invoke"

    def received(self, request: Incoming, body: object) -> ReceivedRequest:
        """Return what a test is shown of a request."""
        return ReceivedRequest(
            platform=self.cloud,
            operation=self.operation,
            model=self.model,
            region=self.region,
            project=self.project,
            headers=dict(request.headers),
            body=body if isinstance(body, dict) else {},
            raw=request.body,
            path=request.raw_path,
            api=self.api if self.cloud == "bedrock" else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Target):
    """A model request whose headers were read, but whose body is not validated yet.

    Attributes:
        rules: What the model takes.
        body: The Messages API body.
        betas: Betas that are in force.
        binds_thinking: Whether thinking blocks are bound to what stands before them.
        version: The API version, from header or body.
    """

    rules: ModelRules
    body: JsonObject
    betas: frozenset[str] = frozenset()
    binds_thinking: bool = False
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
        named = f"{self.cloud}:{self.model}:{text}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()
