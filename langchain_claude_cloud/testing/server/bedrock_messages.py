"""Bedrock's Messages API, on ``bedrock-runtime`` and on ``bedrock-mantle``.

Both have the same path on hosts of their own, and the emulator has one address. So what tells
them apart here is the ``Host`` header if it names one of them, else the service that the request
is signed for. With a bearer key and neither, it is the model's id: only mantle takes short ones,
without a profile's prefix.

Facts: AWS's page on the Messages API and measurements of September 2026. How these endpoints word
their own refusals is not documented: AWS's form is used for credentials, Claude's for the rest.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from langchain_claude_cloud.errors.types import BedrockApiName, JsonObject
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_uuid
from langchain_claude_cloud.testing.server import bedrock
from langchain_claude_cloud.testing.server.call import Call
from langchain_claude_cloud.testing.server.model_rules import ModelRules, rules_for
from langchain_claude_cloud.testing.server.sigv4 import Authorization, SignatureProblem
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.server.wire import Incoming, Outgoing, Refusal

PATH: Final = "/anthropic/v1/messages"
SERVICES: Final[dict[BedrockApiName, str]] = {"messages": "bedrock", "mantle": "bedrock-mantle"}
_HOST: Final = re.compile(r"bedrock-(?P<name>runtime|mantle)(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")
_VERSIONS: Final = frozenset({"2023-06-01", "2026-10-21"})
_NEW_VERSION: Final = "2026-10-21"
_SHORT_ID: Final = re.compile(r"anthropic\.claude-[a-z0-9-]+")
_DATED: Final = re.compile(r"-\d{8}|-v\d+(:\d+)?$")
_FIRST_ON_MANTLE: Final = (4, 5)
# LiteLLM's table of October 2026, and what was measured of the fallback credit.
_FALLBACK_CREDIT: Final = frozenset({"fallback-credit-2026-06-01", "fallback-credit-2026-07-01"})
_MANTLE_BETAS: Final = (
    bedrock.BETAS | {"structured-outputs-2025-11-13", "web-search-2025-03-05"}
) - {"mid-conversation-output-config-2026-07-01", "mid-conversation-tool-changes-2026-07-01"}


def target_of(request: Incoming, body: object) -> bedrock.BedrockTarget | None:
    """Return which of the two APIs is called, and for which model; None for another path."""
    if request.raw_path not in (PATH, f"{PATH}/count_tokens"):
        return None
    given = body if isinstance(body, dict) else {}
    model = given.get("model")
    model = model if isinstance(model, str) else ""
    streams = given.get("stream") is True
    target = bedrock.BedrockTarget(model, "stream" if streams else "invoke")
    if request.raw_path != PATH:
        target = replace(target, operation="count_tokens")
    host = _HOST.match(request.header("host") or "")
    service, region = _scope(request)
    if host is not None:
        name = host["name"]
        region = host["region"]
    elif service:
        name = "mantle" if service == "bedrock-mantle" else "runtime"
    else:
        name = "mantle" if _SHORT_ID.fullmatch(model) else "runtime"
    return replace(target, region=region, api="mantle" if name == "mantle" else "messages")


def _scope(request: Incoming) -> tuple[str, str | None]:
    try:
        authorization = Authorization(request.header("authorization") or "")
    except SignatureProblem:
        return "", None
    return authorization.service, authorization.region


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
    bedrock.check_credentials(state, request, SERVICES[api])


def call_of(
    state: State, target: bedrock.BedrockTarget, request: Incoming, body: JsonObject
) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: A wrong version, an unknown model, or a body too large.
    """
    if "model" not in body:
        raise Refusal(400, "model: Field required")
    on_mantle = target.api == "mantle"
    rules = _on_mantle(target.model) if on_mantle else bedrock.rules_of(state, target)
    version = _version(request, rules, on_mantle=on_mantle)
    if len(request.body) > bedrock.MAX_BODY:
        raise Refusal(413, "Request exceeds the maximum size", kind="request_too_large")
    if not on_mantle:
        _check_metadata(body)
    return Call(
        cloud="bedrock",
        operation=target.operation,
        model_id=target.model,
        rules=rules,
        region=target.region,
        body=body,
        betas=_betas(request),
        api=target.api,
        version=version,
    )


def _version(request: Incoming, rules: ModelRules, *, on_mantle: bool) -> str:
    version = request.header("anthropic-version")
    if version is None:
        raise Refusal(400, "anthropic-version: header is required")
    # The SDK's client for mantle sends the new version for every model.
    if version not in _VERSIONS or (version == _NEW_VERSION and rules.legacy and not on_mantle):
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


def _betas(request: Incoming) -> frozenset[str]:
    values = [value for name, value in request.headers if name == "anthropic-beta"]
    return frozenset(beta.strip() for beta in ",".join(values).split(",") if beta.strip())


def check_betas(call: Call) -> None:
    """Refuse betas that the API does not take.

    Raises:
        Refusal: 400; mantle names them, the runtime does not.
    """
    if call.api == "mantle":
        wrong = "`, `".join(sorted(call.betas - _MANTLE_BETAS))
        if wrong:
            raise Refusal(
                400,
                f"Unexpected value(s) `{wrong}` for the `anthropic-beta` header. Please consult "
                "our documentation at docs.anthropic.com or try again without the header.",
            )
    elif call.betas - bedrock.BETAS - _FALLBACK_CREDIT:
        raise Refusal(400, "invalid beta flag")
