"""What the user says about a cloud: where to ask, and as whom."""

from langchain_claude_cloud.config.platforms import Bedrock, Vertex

__all__ = ["Bedrock", "Vertex"]
