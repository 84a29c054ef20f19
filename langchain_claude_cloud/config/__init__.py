"""What the user says about a cloud: where to ask, and as whom."""

from langchain_claude_cloud.config.bedrock import Bedrock
from langchain_claude_cloud.config.vertex import Vertex

__all__ = ["Bedrock", "Vertex"]
