"""Bedrock's control plane: foundation models, inference profiles, what an ARN stands for.

The models are those of an account of November 2026, written apart from the package's catalogue.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing import wire
from langchain_claude_cloud.testing.model_rules import rules_for
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_uuid
from langchain_claude_cloud.testing.server import bedrock
from langchain_claude_cloud.testing.server.sigv4 import scope_of
from langchain_claude_cloud.testing.server.state import State

ACCOUNT: Final = "123456789012"
_MODELS: Final = (
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6-v1",
    "claude-sonnet-4-6",
    "claude-opus-4-5-20251101-v1:0",
    "claude-haiku-4-5-20251001-v1:0",
    "claude-sonnet-4-5-20250929-v1:0",
    "claude-3-haiku-20240307-v1:0",
    "claude-3-haiku-20240307-v1:0:200k",
)
_LEGACY: Final[Mapping[str, str]] = {
    "claude-sonnet-4-5-20250929-v1:0": "2026-11-30T00:00:00Z",
    "claude-3-haiku-20240307-v1:0": "2026-12-31T00:00:00Z",
    "claude-3-haiku-20240307-v1:0:200k": "2026-12-31T00:00:00Z",
}
_GEOGRAPHIES: Final = (
    ("us-gov-", {"us-gov"}),
    ("us-", {"us", "global"}),
    ("eu-", {"eu", "global"}),
    ("ap-northeast-", {"jp", "apac", "global"}),
    ("ap-southeast-2", {"au", "apac", "global"}),
    ("ap-south-", {"in", "apac", "global"}),
    ("ap-", {"apac", "global"}),
    ("", {"global"}),
)
_PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    "/foundation-models": frozenset(
        {
            *("byProvider", "byCustomizationType", "byOutputModality", "byInferenceType"),
            "projectIdentifier",
        }
    ),
    "/logging/modelinvocations": frozenset(),
    "/inference-profiles": frozenset({"maxResults", "nextToken", "type", "projectIdentifier"}),
}
_PROFILE: Final = re.compile(r"/inference-profiles/(?P<id>[^/]+)")
_PROVISIONED: Final = re.compile(r"/provisioned-model-throughput/(?P<id>[^/]+)")
_LONGEST_PAGE: Final = 7
"""AWS may send fewer than were asked for: clients must look at the token."""


def is_control(request: wire.Incoming) -> bool:
    """Whether a request is one of the control plane's that are served here."""
    path = request.raw_path
    known = path in _PARAMETERS or _PROFILE.fullmatch(path) or _PROVISIONED.fullmatch(path)
    return request.method == "GET" and bool(known)


def serve(state: State, request: wire.Incoming) -> wire.Outgoing:
    """Answer a request of the control plane.

    Raises:
        Refusal: No good signature or key, an unknown parameter, or nothing of that name.
    """
    bedrock.check_credentials(state, request)
    region = scope_of(request)[1] or state.settings.region
    query = _query(request)
    for pattern, read in ((_PROFILE, _profile), (_PROVISIONED, _provisioned)):
        found = pattern.fullmatch(request.raw_path)
        if found is not None:
            return answer(request, read(state, region, unquote(found["id"])))
    if request.raw_path == "/logging/modelinvocations":
        return answer(request, _logging() if state.settings.activity_logging else {})
    named = "application-inference-profile" if query.get("type") == "APPLICATION" else ""
    arn = f"arn:aws:bedrock:{region}:{ACCOUNT}:{named}/any" if named else ""
    bedrock.check_project(query.get("projectIdentifier"), arn, region)
    if request.raw_path == "/foundation-models":
        return answer(request, _foundation_models(region, query))
    return answer(request, _profiles(state, region, query))


def answer(request: wire.Incoming, body: JsonObject) -> wire.Outgoing:
    """Return JSON, with the request's id."""
    seed = f"{request.method} {request.raw_path}?{request.query}".encode() + request.body
    headers = {"content-type": "application/json", "x-amzn-requestid": make_uuid(seed)}
    return wire.Outgoing(200, headers, dumps(body).encode())


def _query(request: wire.Incoming) -> dict[str, str]:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    known = _PARAMETERS.get(request.raw_path, frozenset())
    for name, _ in pairs:
        if name not in known:
            raise wire.validation_error(f"Unknown query parameter: {name}")
    return dict(pairs)


def _logging() -> JsonObject:
    watch = {
        "logGroupName": "/bedrock/invocations",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/bedrock-logs",
    }
    return {"loggingConfig": {"cloudWatchConfig": watch, "textDataDeliveryEnabled": True}}


def _foundation_models(region: str, query: Mapping[str, str]) -> JsonObject:
    provider = query.get("byProvider", "anthropic")
    if not re.fullmatch(r"[A-Za-z0-9- ]{1,63}", provider):
        raise wire.validation_error("Value at 'byProvider' failed to satisfy constraint")
    wanted = query.get("byInferenceType")
    listed = [_summary(region, model) for model in _MODELS]
    kept = [each for each in listed if wanted is None or wanted in each["inferenceTypesSupported"]]
    return {"modelSummaries": kept if provider.lower() == "anthropic" else []}


def _summary(region: str, model: str) -> JsonObject:
    lifecycle: JsonObject = {"status": "LEGACY" if model in _LEGACY else "ACTIVE"}
    if model in _LEGACY:
        lifecycle["endOfLifeTime"] = _LEGACY[model]
    kinds = ["INFERENCE_PROFILE"] if _prefixes(model) else ["ON_DEMAND"]
    return {
        "modelArn": _foundation_arn(region, f"anthropic.{model}"),
        "modelId": f"anthropic.{model}",
        "modelName": model.split("-v", maxsplit=1)[0].replace("-", " ").title()[:20],
        "providerName": "Anthropic",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["PROVISIONED"] if model.endswith("k") else kinds,
        "modelLifecycle": lifecycle,
    }


def _prefixes(model: str) -> frozenset[str]:
    rules = rules_for(model)
    # Before Claude 4 models are served on demand, and their profiles are not listed any more.
    if rules is None or rules.version < (4, 0):
        return frozenset()
    return rules.bedrock_prefixes


def _foundation_arn(region: str, model_id: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def _system_profiles(region: str) -> list[JsonObject]:
    near = next(near for start, near in _GEOGRAPHIES if region.startswith(start))
    return [
        _profile_of(region, f"{prefix}.anthropic.{model}", "SYSTEM_DEFINED", f"anthropic.{model}")
        for model in _MODELS
        for prefix in sorted(_prefixes(model) & near)
    ]


def _application_profiles(state: State, region: str) -> list[JsonObject]:
    return [
        _profile_of(region, identifier, "APPLICATION", _model_id(name))
        for identifier, name in state.settings.application_profiles.items()
    ]


def _profile_of(region: str, identifier: str, kind: str, model_id: str) -> JsonObject:
    resource = "inference-profile" if kind == "SYSTEM_DEFINED" else "application-inference-profile"
    return {
        "inferenceProfileName": identifier[:64],
        "inferenceProfileArn": f"arn:aws:bedrock:{region}:{ACCOUNT}:{resource}/{identifier}",
        "inferenceProfileId": identifier,
        "models": [{"modelArn": _foundation_arn(region, model_id)}],
        "status": "ACTIVE",
        "type": kind,
    }


def _model_id(name: str) -> str:
    """Return AWS's id of a model that a test names without its date and version."""
    known = (model for model in _MODELS if model == name or model.startswith(f"{name}-20"))
    versioned = f"{name}-v1"
    return f"anthropic.{next(known, versioned if versioned in _MODELS else name)}"


def _profiles(state: State, region: str, query: Mapping[str, str]) -> JsonObject:
    makers: dict[str, Callable[[], list[JsonObject]]] = {
        "SYSTEM_DEFINED": lambda: _system_profiles(region),
        "APPLICATION": lambda: _application_profiles(state, region),
    }
    kind = query.get("type", "SYSTEM_DEFINED")
    if kind not in makers:
        raise wire.validation_error(
            f"Value '{kind}' at 'type' failed to satisfy constraint: {list(makers)}"
        )
    wanted = query.get("maxResults", "100")
    if not (wanted.isdecimal() and 1 <= int(wanted) <= 1000):  # noqa: PLR2004  AWS's bounds
        raise wire.validation_error(
            "Value at 'maxResults' failed to satisfy constraint: between 1 and 1000"
        )
    profiles, start = makers[kind](), _start(kind, query.get("nextToken"))
    end = start + min(int(wanted), _LONGEST_PAGE)
    page: JsonObject = {"inferenceProfileSummaries": profiles[start:end]}
    return page | ({"nextToken": _token(kind, end)} if end < len(profiles) else {})


def _token(kind: str, place: int) -> str:
    return base64.b64encode(f"{kind}+{place}/".encode()).decode()


def _start(kind: str, token: str | None) -> int:
    if token is None:
        return 0
    try:
        of_kind, _, place = base64.b64decode(token, validate=True).decode().partition("+")
        start = int(place.removesuffix("/"))
    except (ValueError, binascii.Error):
        raise wire.validation_error("The provided nextToken is invalid.") from None
    if of_kind != kind:
        raise wire.validation_error("The provided nextToken is invalid.")
    return start


def _profile(state: State, region: str, identifier: str) -> JsonObject:
    for each in (*_system_profiles(region), *_application_profiles(state, region)):
        suffix = each["inferenceProfileArn"].rpartition(":")[2]
        if identifier == each["inferenceProfileId"] or identifier.endswith(f":{suffix}"):
            return each
    raise _unknown(identifier)


def _provisioned(state: State, region: str, identifier: str) -> JsonObject:
    name = identifier.rpartition("/")[2]
    model = state.settings.application_profiles.get(name)
    if model is None:
        raise _unknown(identifier)
    arn = f"arn:aws:bedrock:{region}:{ACCOUNT}:provisioned-model/{name}"
    foundation = _foundation_arn(region, _model_id(model))
    return {
        "provisionedModelArn": arn,
        "provisionedModelName": name,
        "modelArn": foundation,
        "desiredModelArn": foundation,
        "foundationModelArn": foundation,
        "modelUnits": 1,
        "desiredModelUnits": 1,
        "status": "InService",
    }


def _unknown(identifier: str) -> wire.Refusal:
    message = f"The requested resource is not found: {identifier}"
    return wire.cloud_refusal(404, message, "ResourceNotFoundException")
