"""Converts requests to their recorded form, and compares them.

A request is recorded as if it had gone to the cloud's own address, whatever gateway or emulator it
went through, and without what changes from one run to the next: signatures, dates, tokens.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import SequenceMatcher, unified_diff
from typing import Final
from urllib.parse import unquote, urlsplit

from vcr.request import Request

from langchain_claude_cloud.catalogue.bedrock import bedrock_apis
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform import bedrock, vertex
from langchain_claude_cloud.testing.recording.scrubbing import PROJECT, scrub, scrub_text
from langchain_claude_cloud.testing.recording.yaml_file import to_yaml

_VERTEX: Final = re.compile(
    r"/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/publishers/anthropic/models/"
    r"[^/]+:(?:streamRawPredict|rawPredict)$"
)
_VERTEX_MODELS: Final = re.compile(r"/v1(?:beta1)?/publishers/anthropic/models(?:/[^/]+)?$")
_BEDROCK: Final = re.compile(
    r"/model/[^/]+/(?:invoke|invoke-with-response-stream|count-tokens)$"
    r"|(?:/anthropic)?/v1/messages(?:/count_tokens)?$"
    r"|/foundation-models(?:/[^/]+)?$|/inference-profiles(?:/[^/]+)?$"
)
_HOST: Final = re.compile(
    r"(?P<label>bedrock|bedrock-runtime|bedrock-mantle|aws-external-anthropic)(?:-fips)?"
    r"\.(?P<region>[a-z0-9-]+)\."
)
_SCOPE: Final = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_KEPT: Final = re.compile(r"anthropic-(?:beta|version)|x-amzn-bedrock-(?!accept).*|x-vertex-ai-.*")
_REGION: Final = re.compile(r"https://(?P<label>bedrock|aws)[a-z-]*\.(?P<region>[a-z0-9-]+)\.")
_LOCATION: Final = re.compile(r"/locations/(?P<region>[^/]+)/")


class RecordedRequest(Request):  # type: ignore[misc]  # vcrpy has no types
    """A request as it is recorded and compared: scrubbed, at the cloud's own address."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: object) -> None:
        super().__init__(method, url, json.dumps(body, sort_keys=True), dict(headers))
        self.plain: JsonObject = {"method": method, "url": url}
        if headers:
            self.plain["headers"] = dict(headers)
        if body is not None:
            self.plain["body"] = body

    def text(self) -> str:
        """Return the request as it stands in a recording."""
        return to_yaml(self.plain)

    def without(self, paths: Iterable[str]) -> RecordedRequest:
        """Return a copy without what is at some paths, such as ``body.system``."""
        plain = copy.deepcopy(self.plain)
        for path in paths:
            _remove(plain, path.split("."))
        return RecordedRequest(
            self.method, plain["url"], plain.get("headers", {}), plain.get("body")
        )


def recorded(request: Request, projects: set[str]) -> RecordedRequest | None:
    """Return what is recorded of a request; None for one that is not made to Claude.

    Args:
        request: Any HTTP request.
        projects: The Google projects that were seen; one that the request names is added.
    """
    if isinstance(request, RecordedRequest):
        return request
    parts = urlsplit(request.uri)
    address = _vertex(parts.path, projects) or _bedrock(parts.path, parts.netloc, request)
    if address is None:
        return None
    known = frozenset(projects)
    headers = {
        name.lower(): scrub_text(_text(value), known)
        for name, value in request.headers.items()
        if _KEPT.fullmatch(name.lower())
    }
    query = f"?{parts.query}" if parts.query else ""
    url = scrub_text(address + query, known)
    body = scrub(_body(request), known)
    return RecordedRequest(request.method, url, dict(sorted(headers.items())), body)


def regions(requests: list[RecordedRequest]) -> dict[str, str]:
    """Return the environment variables of the regions that requests went to, the first of each."""
    found: dict[str, str] = {}
    for url in (request.plain["url"] for request in requests):
        if at := _REGION.match(url):
            found.setdefault("AWS_REGION", at["region"])
        elif (at := _LOCATION.search(url)) and "count-tokens" not in url:
            found.setdefault("CLOUD_ML_REGION", at["region"])
    return found


def closest(wanted: RecordedRequest, candidates: list[RecordedRequest]) -> RecordedRequest:
    """Return the most similar one of several requests."""
    text = wanted.text()
    return max(candidates, key=lambda each: SequenceMatcher(None, each.text(), text).quick_ratio())


def difference(old: RecordedRequest, new: RecordedRequest) -> str:
    """Return what differs: the names of the fields, then the lines."""
    names = ", ".join(_changed(old.plain, new.plain, ""))
    lines = unified_diff(
        old.text().splitlines(), new.text().splitlines(), "recorded", "now", lineterm=""
    )
    return "\n".join([f"changed: {names}", *lines])


def _remove(owner: object, path: Sequence[str]) -> None:
    """Take out what is at a path of keys and indices; ``*`` stands for every index."""
    key, *rest = path
    keys: list[str | int] = [key] if isinstance(owner, dict) and key in owner else []
    if isinstance(owner, list):
        keys = [n for n in range(len(owner)) if key in ("*", str(n))]
    for each in reversed(keys):
        if rest:
            _remove(owner[each], rest)  # type: ignore[index]  # a key of this owner
        else:
            del owner[each]  # type: ignore[attr-defined]  # the same


def _changed(old: object, new: object, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _changed(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _changed(*pair, f"{path}[{number}]")
    elif old != new:
        yield path


def _vertex(path: str, projects: set[str]) -> str | None:
    if found := _VERTEX.search(path):
        project = unquote(found["project"])
        if project != PROJECT:
            projects.add(project)
        base = vertex.default_base_url(found["region"])
        return base + found[0].replace(f"/{found['project']}/", f"/{PROJECT}/", 1)
    listing = _VERTEX_MODELS.search(path)
    return f"https://aiplatform.googleapis.com{listing[0]}" if listing else None


def _bedrock(path: str, host: str, request: Request) -> str | None:
    found = _BEDROCK.search(path)
    if found is None:
        return None
    scope = _SCOPE.search(_text(request.headers.get("authorization", "")))
    named = _HOST.match(host)
    region = named["region"] if named else scope["region"] if scope else "us-east-1"
    label = named["label"] if named else scope["service"] if scope else "bedrock"
    if label == "bedrock" and request.method == "POST":
        label = "bedrock-runtime"
    dual_stack = any(
        api.host == label and api.has_dual_stack_only for api in bedrock_apis().values()
    )
    base = bedrock.default_base_url(region, host=label, dual_stack=dual_stack)
    return base + unquote(found[0])


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body(request: Request) -> object:
    content = request.body_bytes
    with suppress(ValueError, TypeError):
        return _counted(json.loads(content)) if content else None
    return None


def _counted(body: object) -> object:
    """Show the body that CountTokens takes in base64."""
    with suppress(KeyError, TypeError, binascii.Error, ValueError):
        inner = body["input"]["invokeModel"]["body"]  # type: ignore[index]  # what lacks it is suppressed
        return {"input": {"invokeModel": {"body": json.loads(base64.b64decode(inner))}}}
    return body
