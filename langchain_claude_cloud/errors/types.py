"""Names for the shapes that travel between modules.

JSON is typed here, in one place, instead of with a bare ``Any`` in every signature:
the Messages API grows fields all the time, and what the package does not know it
passes through untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import SecretStr

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object as parsed or about to be serialized."""

Headers: TypeAlias = Mapping[str, str | SecretStr]
"""Header names to values; a credential stays hidden until the request is sent."""

Cloud: TypeAlias = Literal["vertex", "bedrock"]
"""Which cloud serves the model."""

BedrockApiName: TypeAlias = Literal["invoke", "messages", "mantle", "claude-platform"]
"""Which of Bedrock's APIs is called."""

InferenceProfile: TypeAlias = Literal["global", "us", "eu", "jp", "apac", "au", "in", "us-gov"]
"""The prefixes of Bedrock's system-defined inference profiles that may be asked for."""

LABELS: Final[Mapping[Cloud, str]] = {"vertex": "Vertex AI", "bedrock": "Amazon Bedrock"}
"""What the clouds are called in messages."""

Operation: TypeAlias = Literal["invoke", "stream", "count_tokens"]
"""What is asked of the model's endpoint."""

Framing: TypeAlias = Literal["sse", "event-stream"]
"""How a cloud frames the events of a stream."""

STRUCTURED_OUTPUT_TOOL: Final = "answer_as_structured_output"
"""The name of the tool that stands in for ``output_config.format`` where that is refused. Its
call is the answer, and comes out as the text that the format would have given: an agent would
look for a tool of this name, and ask again for ever."""

SERVICE_TIER_HEADER: Final = "x-amzn-bedrock-service-tier"
"""What asks Bedrock for a service tier, and tells which one served the request."""

LATENCY_HEADER: Final = "x-amzn-bedrock-performanceconfig-latency"
"""The same for the latency."""

PROJECT_HEADER: Final = "x-amzn-bedrock-projectidentifier"
"""Names the Bedrock project of a request."""

QUOTA_PROJECT_HEADER: Final = "x-goog-user-project"
"""Names the project whose quota a request to Google uses."""

REQUEST_TYPE_HEADER: Final = "x-vertex-ai-llm-request-type"
"""Says which throughput a request to Vertex AI uses."""

QUOTA_HEADERS: Final = frozenset(
    (QUOTA_PROJECT_HEADER, REQUEST_TYPE_HEADER, PROJECT_HEADER, SERVICE_TIER_HEADER)
) | {"anthropic-workspace-id"}
"""Headers that say whose quota a request uses, where the user gave them and not the setting."""

REQUEST_ID_HEADERS: Final = ("x-amzn-requestid", "request-id", "x-request-id")
"""Where an answer may name its request, the cloud's own name for it first."""
