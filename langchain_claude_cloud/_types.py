"""Names for the shapes that travel between modules.

JSON is typed here, in one place, instead of with a bare ``Any`` in every signature:
the Messages API grows fields all the time, and what the package does not know it
passes through untouched.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object as parsed or about to be serialized."""

Cloud: TypeAlias = Literal["vertex", "bedrock"]
"""Which cloud serves the model."""

Operation: TypeAlias = Literal["invoke", "stream", "count_tokens"]
"""What is asked of the model's endpoint."""

Framing: TypeAlias = Literal["sse", "event-stream"]
"""How a cloud frames the events of a stream."""
