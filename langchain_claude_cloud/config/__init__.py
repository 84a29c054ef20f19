"""The user's settings for a cloud: project, region, credentials and the like."""

from langchain_claude_cloud.config.platforms import Bedrock, Vertex

__all__ = ["Bedrock", "Vertex"]
