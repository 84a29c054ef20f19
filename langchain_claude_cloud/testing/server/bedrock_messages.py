"""The Messages API on AWS: on ``bedrock-runtime``, on ``bedrock-mantle``, on Claude Platform.

The first two have the same path on hosts of their own, and the emulator has one address. So what
tells them apart here is the ``Host`` header if it names one of them, else the service that the
request is signed for. With a bearer key and neither, it is the model's id: only mantle takes short
ones, without a profile's prefix. Claude Platform on AWS has a path of its own.

Facts: AWS's pages on the Messages API and on Claude Platform, and measurements of 2026. Where it is
not documented how these endpoints word a refusal, AWS's form is used for credentials, Claude's for
the rest. Assumed is what Claude Platform says of a missing or unknown workspace.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Final

from langchain_claude_cloud.catalogue.bedrock import BedrockApi, bedrock_apis
from langchain_claude_cloud.errors.types import BedrockApiName, JsonObject, Operation
from langchain_claude_cloud.testing.call import Call, Target
from langchain_claude_cloud.testing.model_rules import ModelRules, rules_for
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_uuid
from langchain_claude_cloud.testing.server import bedrock
from langchain_claude_cloud.testing.server.sigv4 import scope_of
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_APIS: Final[dict[BedrockApiName, BedrockApi]] = {
    name: api for name, api in bedrock_apis().items() if name != "invoke"
}
PATH: Final = "/anthropic/v1/messages"
PLATFORM_PATH: Final = "/v1/messages"
_HOST: Final = re.compile(
    rf"(?P<name>{'|'.join(api.host for api in _APIS.values())})(?:-fips)?"
    r"\.(?P<region>[a-z0-9-]+)\."
)
_BY_HOST: Final = {api.host: name for name, api in _APIS.items()}
_BY_SERVICE: Final = {api.signing_name: name for name, api in _APIS.items()}
_VERSIONS: Final = frozenset({"2023-06-01", "2026-10-21"})
_NEW_VERSION: Final = "2026-10-21"
_SHORT_ID: Final = re.compile(r"anthropic\.claude-[a-z0-9-]+")
_DATED: Final = re.compile(r"-\d{8}|-v\d+(:\d+)?$")
_ANTHROPICS_ID: Final = re.compile(r"claude-[a-z0-9-]+")
_FIRST_ON_MANTLE: Final = (4, 5)


def target_of(request: Incoming, body: object) -> Target | None:
    """Return which of the APIs is called, and for which model; None for another path."""
    path = request.raw_path.removesuffix("/count_tokens")
    if path not in (PATH, PLATFORM_PATH):
        return None
    given = body if isinstance(body, dict) else {}
    model = given.get("model")
    model = model if isinstance(model, str) else ""
    operation: Operation = "stream" if given.get("stream") is True else "invoke"
    if request.raw_path != path:
        operation = "count_tokens"
    api, region = _endpoint(request)
    target = Target(cloud="bedrock", operation=operation, model=model, region=region)
    if path == PLATFORM_PATH:
        # The path is Anthropic's own too, with a key in x-api-key: that is no cloud of AWS's.
        is_platform = api == "claude-platform" or request.header("anthropic-workspace-id")
        return replace(target, api="claude-platform") if is_platform else None
    if api not in ("messages", "mantle"):
        api = "mantle" if _SHORT_ID.fullmatch(model) else "messages"
    return replace(target, api=api)


def _endpoint(request: Incoming) -> tuple[BedrockApiName | None, str | None]:
    """Return the API and region that the host names, else those that the signature names."""
    if (host := _HOST.match(request.header("host") or "")) is not None:
        return _BY_HOST[host["name"]], host["region"]
    service, region = scope_of(request)
    return _BY_SERVICE.get(service), region


def unknown_operation(request: Incoming) -> Outgoing:
    """Return what the runtime answers for a path that it does not have: a success, in form."""
    body = {
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0",
    }
    headers = {"content-type": "application/json", "x-amzn-requestid": make_uuid(request.body)}
    return Outgoing(200, headers, dumps(body).encode())


def check_credentials(state: State, request: Incoming, api: BedrockApiName) -> None:
    """Refuse a request without a good signature or key.

    Raises:
        Refusal: 403 with the exception's name; 400 for two credentials at once.
    """
    key = request.header("x-api-key")
    if key is not None and request.header("authorization"):
        raise Refusal(400, "Cannot provide both x-api-key and Authorization headers.")
    if key is not None:
        headers = (*request.headers, ("authorization", f"Bearer {key}"))
        request = replace(request, headers=headers)
    keys = {state.platform_api_key} if api == "claude-platform" else state.api_keys
    try:
        bedrock.check_credentials(state, request, _APIS[api].signing_name, keys)
    except Refusal as refusal:
        if api == "mantle" and "correct service" in refusal.message:  # measured, litellm#31476
            raise cloud_refusal(401, refusal.message, refusal.kind) from None
        raise


def call_of(state: State, target: Target, request: Incoming, body: JsonObject) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: A wrong version, an unknown model or workspace, or a body too large.
    """
    if target.api == "claude-platform":
        _check_workspace(state, request)
    if "model" not in body:
        raise Refusal(400, "model: Field required")
    rules = _rules(state, target)
    version = _version(request, rules, is_runtime=target.api == "messages")
    if len(request.body) > bedrock.MAX_BODY:
        raise Refusal(413, "Request exceeds the maximum size", kind="request_too_large")
    if target.api == "messages":
        _check_metadata(body)
    betas = request.betas
    return Call(**asdict(target), rules=rules, body=body, betas=betas, version=version)


def _check_workspace(state: State, request: Incoming) -> None:
    workspace = request.header("anthropic-workspace-id")
    if workspace is None:
        raise Refusal(400, "anthropic-workspace-id: header is required")
    if workspace != state.settings.workspace:
        raise Refusal(404, f"workspace: {workspace}", kind="not_found_error")


def _rules(state: State, target: Target) -> ModelRules:
    if target.api == "messages":
        return bedrock.rules_of(state, target)
    if target.api == "mantle":
        return _on_mantle(target.model)
    rules = rules_for(target.model)
    if rules is None or not _ANTHROPICS_ID.fullmatch(target.model):
        raise Refusal(404, f"model: {target.model}", kind="not_found_error")
    return rules


def _version(request: Incoming, rules: ModelRules, *, is_runtime: bool) -> str:
    version = request.header("anthropic-version")
    if version is None:
        raise Refusal(400, "anthropic-version: header is required")
    # The SDK's clients for the others send the new version for every model.
    if version not in _VERSIONS or (version == _NEW_VERSION and rules.legacy and is_runtime):
        raise Refusal(400, f'anthropic-version: "{version}" is not a valid version')
    return version


def _on_mantle(model: str) -> ModelRules:
    rules = rules_for(model.removeprefix("anthropic."))
    is_short = _SHORT_ID.fullmatch(model) and not _DATED.search(model)
    if rules is None or not is_short or rules.version < _FIRST_ON_MANTLE:
        raise Refusal(404, f"model: {model}", kind="not_found_error")
    return rules


def _check_metadata(body: JsonObject) -> None:
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and re.search(r"[{}\"']", user):
        raise Refusal(400, "Request metadata contains a value that violates the regular expression")
