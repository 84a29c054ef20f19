"""The user's settings for a cloud: project, region, credentials and the like."""

from langchain_claude_cloud.config.bedrock import Bedrock
from langchain_claude_cloud.config.vertex import Vertex

__all__ = ["Bedrock", "Vertex"]
