"""Claude on Google Cloud Vertex AI, through ``rawPredict``.

The model is in the URL, ``anthropic_version`` in the body, betas are in a header (a body field
alone does not switch them on: litellm#22321), streams are SSE.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from langchain_claude_cloud import errors
from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.catalogue.resolution import region_geography
from langchain_claude_cloud.config import Vertex
from langchain_claude_cloud.config.checks import check_text
from langchain_claude_cloud.errors import types
from langchain_claude_cloud.platform import base, credentials, google_auth

# Dots in a row are in neither, and a gateway may climb by them.
_MODEL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_@-]|\.(?!\.))*")


def count_tokens_region(region: str) -> str:
    """Return the region that counts tokens for a region.

    Tokens are counted in few regions, and not at ``global`` (404). The choice stays in the
    geography; a region whose geography has none (Japan, Australia, the United Kingdom, ...)
    stands for itself, so that a prompt never leaves it silently.

    Args:
        region: The region that answers messages.

    Returns:
        The region to put into the token counting URL.
    """
    counting: str = catalogue_file()["count_tokens_regions"].get(region.partition("-")[0], region)
    home = region_geography("vertex", region)
    stays = region == "global" or region_geography("vertex", counting) == home
    return counting if stays else region


class VertexPlatform(base.Platform):
    """A Vertex AI endpoint.

    Args:
        config: What the user set.
        model: The model's name, for its region.
        extra_headers: Headers to send besides the platform's own.

    Attributes:
        count_tokens_region: The region that counts tokens.
        max_body_bytes: 30 MB, as documented for Claude on Vertex AI.
    """

    name = "vertex"
    framing: types.Framing = "sse"
    max_body_bytes = 30_000_000

    def __init__(
        self, config: Vertex, model: str = "", extra_headers: types.Headers | None = None
    ) -> None:
        super().__init__(config, extra_headers)
        self._config = config
        self._project = config.effective_project()
        self.region = config.region_for(model)
        self.count_tokens_region = config.count_tokens_region or count_tokens_region(self.region)
        url = config.effective_base_url()
        # ANTHROPIC_VERTEX_BASE_URL ends with the version or with a gateway's own path, and is
        # then taken as it is; a bare host means Google's path below it.
        self._base_url = f"{url}/v1" if url and not urlsplit(url).path else url

    def __repr__(self) -> str:
        return f"VertexPlatform(project={self._project!r}, region={self.region!r})"

    def prepare(self) -> None:
        """Load the credentials, fetch a token, and make sure of the project. Blocks."""
        super().prepare()
        if self._project is None:
            self._own_project()

    def _find_credentials(self) -> credentials.CredentialSource:
        token = self._config.given("access_token")
        if isinstance(token, SecretStr):
            return credentials.BearerToken(token)
        given = self._config.given("credentials") or self._config.effective_credentials_info()
        if type(given).__name__ == "AnonymousCredentials":  # google-auth's: a gateway has its own
            return credentials.CredentialSource()
        return google_auth.google_source(given, needs_project=self._project is None)

    def endpoint(self, model_id: str, operation: types.Operation) -> str:
        """Return the URL of an operation.

        Raises:
            InvalidInputError: ``model_id`` is not one path segment.
            ConfigurationError: The project is not known, which `prepare` finds, or it is none.
        """
        if not _MODEL_ID.fullmatch(model_id):
            text = f"{model_id!r} is no model id of Vertex AI, such as claude-sonnet-4-5@20250929."
            raise self.error(errors.InvalidInputError, text, model_id)
        project = self._project or self._own_project()
        counts = operation == "count_tokens"
        region = self.count_tokens_region if counts else self.region
        target = "count-tokens" if counts else model_id
        verb = "streamRawPredict" if operation == "stream" else "rawPredict"
        return (
            f"{self._base_url or default_base_url(region)}/projects/"
            f"{quote(project, safe=':')}/locations/{region}"
            f"/publishers/anthropic/models/{target}:{verb}"
        )

    def rewrite(
        self, body: types.JsonObject, betas: list[str], *, model_id: str, operation: types.Operation
    ) -> tuple[types.JsonObject, types.Headers]:
        """Return Vertex AI's form of a Messages body, and the headers that go with it."""
        rewritten: types.JsonObject = {"anthropic_version": self._config.anthropic_version, **body}
        if operation == "stream":
            rewritten["stream"] = True
        if operation == "count_tokens":
            # "claude-sonnet-4-6@default is not supported for token counting": litellm#25798.
            rewritten["model"] = model_id.partition("@")[0]
            # Messages need it, and token counting refuses it: claude-code#12429.
            betas = [beta for beta in betas if beta != "web-search-2025-03-05"]
        kind = self._config.request_type
        own = {types.REQUEST_TYPE_HEADER: kind} if kind else {}
        return rewritten, self._headers(betas, own)

    def sign(self, request: base.OutgoingRequest) -> dict[str, str]:  # noqa: ARG002  the protocol's
        """Return the bearer token, and the quota project if there is one."""
        headers = self._loaded().headers()
        if self._config.quota_project:
            headers[types.QUOTA_PROJECT_HEADER] = self._config.quota_project
        return headers

    def is_expired(self, error: errors.ClaudeCloudError) -> bool:
        """Whether the token was refused: a 401."""
        return error.status_code == HTTPStatus.UNAUTHORIZED

    def _own_project(self) -> str:
        """Return the project that was set since, or the credentials' own."""
        source = self._credentials
        own = source.project if isinstance(source, google_auth.GoogleSource) else None
        project = self._config.effective_project() or own
        if project is None:
            ways = "pass `project`, or set ANTHROPIC_VERTEX_PROJECT_ID or GOOGLE_CLOUD_PROJECT"
            text = f"Vertex AI needs a project, and the credentials name none: {ways}."
            raise self.error(errors.ConfigurationError, text)
        # A key file may say anything.
        check_text("Vertex", "project", project, "what the credentials say")
        return project


def default_base_url(region: str) -> str:
    """Return Google's own address for a region, version included.

    The multi-regions have hosts of their own; ``us-aiplatform.googleapis.com`` answers
    "Invalid hostname" (vercel/ai#14634).
    """
    hosts = {"global": "aiplatform", "us": "aiplatform.us.rep", "eu": "aiplatform.eu.rep"}
    return f"https://{hosts.get(region, f'{region}-aiplatform')}.googleapis.com/v1"
