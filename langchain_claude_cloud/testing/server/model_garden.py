"""Vertex AI's Model Garden: publishers.models.list, which only ``v1beta1`` has.

The models are those of November 2026, written apart from the package's catalogue.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.server import vertex
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_MODELS: Final = (
    ("claude-fable-5-1", "default", "GA"),
    ("claude-opus-5-5", "default", "GA"),
    ("claude-sonnet-5-5", "default", "GA"),
    ("claude-haiku-5-5", "default", "GA"),
    ("claude-opus-5", "default", "GA"),
    ("claude-sonnet-5", "default", "GA"),
    ("claude-fable-5", "default", "PUBLIC_PREVIEW"),
    ("claude-opus-4-8", "default", "GA"),
    ("claude-opus-4-7", "default", "GA"),
    ("claude-opus-4-6", "default", "GA"),
    ("claude-sonnet-4-6", "20260217", "GA"),
    ("claude-opus-4-5", "20251101", "GA"),
    ("claude-haiku-4-5", "20251001", "GA"),
    ("claude-sonnet-4-5", "20250929", "GA"),
)
_PATH: Final = re.compile(r"/v1beta1/publishers/(?P<publisher>[a-z0-9-]+)/models")
_CONFIG: Final = re.compile(
    r"/v1beta1/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/[^/:]+"
    r":fetchPublisherModelConfig"
)
_PARAMETERS: Final = frozenset(
    {
        "filter",
        "languageCode",
        "listAllVersions",
        "orderBy",
        "pageSize",
        "pageToken",
        "view",
    }
)
_MOST: Final = 300
"""Items a page that may be asked for; 301 is a 400 (measured by others)."""
_LONGEST_PAGE: Final = 6
"""Google may send fewer than were asked for: clients must look at the token."""


def is_listing(request: Incoming) -> bool:
    """Whether a request is for a publisher's list of models, or a model's configuration."""
    known = _PATH.fullmatch(request.raw_path) or _CONFIG.fullmatch(request.raw_path)
    return request.method == "GET" and known is not None


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request for the list.

    Raises:
        Refusal: No good token, or an unknown or bad parameter.
    """
    vertex.check_credentials(state, request)
    if _CONFIG.fullmatch(request.raw_path):
        return _json(_logging(state) if state.settings.activity_logging else {})
    query = _query(request)
    found = _PATH.fullmatch(request.raw_path)
    ours = found is not None and found["publisher"] == "anthropic"
    entries = [_entry(*model) for model in _MODELS] if ours else []
    start = _start(query.get("pageToken"))
    end = start + min(_size(query), _LONGEST_PAGE)
    page: JsonObject = {"publisherModels": entries[start:end]}
    page |= {"nextPageToken": _token(end)} if end < len(entries) else {}
    return _json(page)


def _logging(state: State) -> JsonObject:
    table = {"outputUri": f"bq://{state.settings.project}.claude.requests"}
    return {"loggingConfig": {"enabled": True, "samplingRate": 1.0, "bigqueryDestination": table}}


def _json(body: JsonObject) -> Outgoing:
    headers = {"content-type": "application/json; charset=UTF-8"}
    return Outgoing(200, headers, dumps(body).encode())


def _entry(name: str, version: str, stage: str) -> JsonObject:
    return {
        "name": f"publishers/anthropic/models/{name}",
        "versionId": version,
        "openSourceCategory": "PROPRIETARY",
        "launchStage": stage,
        "publisherModelTemplate": "projects/{user-project}/locations/{location}/publishers/"
        f"anthropic/models/{name}@{version}",
    }


def _query(request: Incoming) -> Mapping[str, str]:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    for name, _ in pairs:
        if name not in _PARAMETERS:
            raise _invalid(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query '
                f"parameter. Field '{name}' could not be found in request message."
            )
    return dict(pairs)


def _size(query: Mapping[str, str]) -> int:
    text = query.get("pageSize", "50")
    if not (text.isdecimal() and int(text) <= _MOST):
        raise _invalid(f"page_size must be between 0 and {_MOST}.")
    return int(text) or 50


def _token(place: int) -> str:
    return base64.b64encode(f"models/{place}?".encode()).decode()


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.b64decode(token, validate=True).decode()
        return int(text.removeprefix("models/").removesuffix("?"))
    except (ValueError, binascii.Error):
        raise _invalid("Invalid page token.") from None


def _invalid(message: str) -> Refusal:
    return cloud_refusal(400, message, "INVALID_ARGUMENT")
