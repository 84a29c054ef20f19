"""`ChatClaudeCloud.list_models`: what the account can call, as the clouds say.

In: a model's platforms. Out: plain data. The work is done by `control_plane.listing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from langchain_claude_cloud.control_plane.available_models import AvailableModel
    from langchain_claude_cloud.routing.routes import Route


class ModelListing:
    """What a model can tell of the other models of its platforms."""

    if TYPE_CHECKING:
        model: str
        default_headers: dict[str, str] | None
        max_retries: int
        timeout: float | dict[str, float] | None
        http_client: httpx.Client | None
        http_async_client: httpx.AsyncClient | None

        def _routes_for(self, model: str, headers: Mapping[str, str]) -> tuple[Route, ...]:
            """Return the routes of a call."""

    def list_models(self) -> tuple[AvailableModel, ...]:
        """Return the Claude models that the model's platforms list, newest first.

        Amazon Bedrock is asked by ListFoundationModels and ListInferenceProfiles, as the
        account and region that calls go to: what has an inference profile there may be
        called, given access to the model. Vertex AI is asked for Anthropic's models in Model
        Garden: what it has published, whether or not the project has enabled it.

        Returns:
            What each platform lists, in the platforms' order.

        Raises:
            PermissionDeniedError: The identity may not list; the message names the permission.
            ClaudeCloudError: Another refusal, or a control plane was not reached.
        """
        from langchain_claude_cloud.control_plane import listing  # noqa: PLC0415 - needs httpx

        return listing.list_models(
            self._routes_for(self.model, self.default_headers or {}),
            max_retries=self.max_retries,
            timeout=self.timeout,
            client=self.http_client,
        )

    async def alist_models(self) -> tuple[AvailableModel, ...]:
        """Do what `list_models` does, on an event loop, asking all platforms at once.

        Raises:
            ClaudeCloudError: See `list_models`.
        """
        from langchain_claude_cloud.control_plane import listing  # noqa: PLC0415 - needs httpx

        return await listing.alist_models(
            self._routes_for(self.model, self.default_headers or {}),
            max_retries=self.max_retries,
            timeout=self.timeout,
            client=self.http_async_client,
        )
