"""InvokeModel and its siblings: paths, SigV4 or bearer keys, inference profiles, error headers.

A refusal has the exception's name in ``x-amzn-ErrorType``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import unquote

from langchain_claude_cloud.errors.types import BedrockApiName, JsonObject, Operation
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.model_rules import (
    ModelRules,
    bedrock_profiles,
    rules_for,
)
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_id, make_uuid
from langchain_claude_cloud.testing.server.sigv4 import Authorization, SignatureProblem, verify
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.validation.fields import Field, obj, one_of
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal

_PATH = re.compile(
    r"/model/(?P<model>[^/]+)/(?P<operation>invoke|invoke-with-response-stream|count-tokens)"
)
_OPERATIONS: dict[str, Operation] = {
    "invoke": "invoke",
    "invoke-with-response-stream": "stream",
    "count-tokens": "count_tokens",
}
MAX_BODY = 25_000_000
_SUFFIX = ":http://internal.amazon.com/coral/com.amazon.bedrock/"
_PREFIXES = ("global", "us-gov", "us", "eu", "jp", "apac", "au", "in")
_ARN = re.compile(
    r"arn:aws(?:-[a-z-]+)?:bedrock:[a-z0-9-]+:\d*:"
    r"(?P<kind>inference-profile|application-inference-profile|provisioned-model|foundation-model)"
    r"/(?P<id>.+)"
)
_PROJECT = re.compile(
    r"(?:arn:aws(?:-[a-z-]+)?:bedrock:(?P<region>[0-9a-z-]{1,20}):[0-9]{12}:project/)?"
    r"(?P<id>[a-zA-Z0-9_-]+)"
)
_PROFILES_ONLY = (4, 7)
"""From here on models are served through inference profiles only, and CountTokens has none."""
_FALLBACK_MODEL = "claude-sonnet-5-5"
_EXCEPTIONS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
# AWS's list of InvokeModel, and what was measured on the newer models.
BETAS = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dev-full-thinking-2025-05-14",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "output-128k-2025-02-19",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    }
)


@dataclass(frozen=True, slots=True)
class BedrockTarget:
    """What a request asks: model, operation, the region signed for, and Bedrock's API."""

    model: str
    operation: Operation
    region: str | None = None
    api: BedrockApiName = "invoke"


def target_of(request: Incoming) -> BedrockTarget | None:
    """Return what a path names, or None for a path that bedrock-runtime does not have."""
    match = _PATH.fullmatch(request.raw_path)
    if match is None:
        return None
    target = BedrockTarget(unquote(match["model"]), _OPERATIONS[match["operation"]])
    try:
        region = Authorization(request.header("authorization") or "").region
    except SignatureProblem:
        return target
    return replace(target, region=region)


def check_credentials(
    state: State, request: Incoming, service: str = "bedrock", keys: Collection[str] | None = None
) -> None:
    """Refuse a request without a good signature for a service, or one of the keys, Bedrock's own.

    Raises:
        Refusal: 403, with the exception's name.
    """
    value = request.header("authorization") or ""
    if value.startswith("Bearer "):
        if value.removeprefix("Bearer ") not in (state.api_keys if keys is None else keys):
            raise _denied(
                "AccessDeniedException",
                "Authentication failed: Please make sure your API Key is valid.",
            )
        return
    if not value:
        raise _denied("MissingAuthenticationTokenException", "Missing Authentication Token")
    try:
        authorization = Authorization(value)
        secret = _secret_for(state, request, authorization)
        verify(request, authorization, secret, service=service)
    except SignatureProblem as problem:
        raise _denied(problem.kind, problem.message) from None


def _secret_for(state: State, request: Incoming, authorization: Authorization) -> str:
    key = state.aws_keys.get(authorization.key)
    if key is None or request.header("x-amz-security-token") != key.session_token:
        raise SignatureProblem(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    if key.expires is not None and key.expires <= time.time():
        raise SignatureProblem(
            "ExpiredTokenException", "The security token included in the request is expired"
        )
    return key.secret_access_key


def _denied(kind: str, message: str) -> Refusal:
    return Refusal(403, message, kind=kind, source="cloud")


def call_of(state: State, target: BedrockTarget, request: Incoming, body: JsonObject) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: Unknown model, on-demand use of a model that needs a profile, a body too
            large.
    """
    rules = rules_of(state, target)
    check_project(request.header("x-amzn-bedrock-projectidentifier"), target.model, target.region)
    if len(request.body) > MAX_BODY:
        raise _invalid("Input is too long for requested model.")
    if target.operation == "count_tokens":
        if rules.version >= _PROFILES_ONLY:
            raise _invalid("The provided model doesn't support counting tokens.")
        body = _counted_body(target, body)
    body = _without_guardrail(request, body)
    return Call(
        cloud="bedrock",
        operation=target.operation,
        model_id=target.model,
        rules=rules,
        region=target.region,
        body=body,
        betas=_betas(body),
        version=str(body.get("anthropic_version")),
    )


def _without_guardrail(request: Incoming, body: JsonObject) -> JsonObject:
    """Return the body as Claude gets it, without the settings of the guardrail.

    AWS's reference of InvokeModel says what goes together.

    Raises:
        Refusal: A guardrail without its version, or settings without a guardrail.
    """
    named = request.header("x-amzn-bedrock-guardrailidentifier")
    if named and not request.header("x-amzn-bedrock-guardrailversion"):
        raise _invalid("The guardrailVersion is required when guardrailIdentifier is provided.")
    if _GUARDRAIL_CONFIG not in body:
        return body
    if not named:
        raise _invalid(f"A guardrailIdentifier is required when {_GUARDRAIL_CONFIG} is provided.")
    obj(_GUARDRAIL_FIELDS)(_GUARDRAIL_CONFIG, body[_GUARDRAIL_CONFIG])
    return {name: value for name, value in body.items() if name != _GUARDRAIL_CONFIG}


def _tag_suffix(path: str, value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9]{1,20}", value):
        raise _invalid(f"{path}: the suffix of a tag has 1 to 20 letters and digits.")


_GUARDRAIL_CONFIG = "amazon-bedrock-guardrailConfig"
_GUARDRAIL_FIELDS = {
    "tagSuffix": Field(_tag_suffix),
    "streamProcessingMode": Field(one_of("SYNCHRONOUS", "ASYNCHRONOUS")),
}


def check_project(project: str | None, model: str, region: str | None) -> None:
    """Refuse a project that is malformed, of another region, or not for this kind of model.

    Raises:
        Refusal: 400, as botocore's model of InvokeModel describes.
    """
    if project is None:
        return
    found = _PROJECT.fullmatch(project)
    if not found:
        raise _invalid("Value at 'projectIdentifier' failed to satisfy constraint")
    if region and found["region"] not in (None, region):
        raise _invalid("The project must belong to the Region of the request.")
    arn = _ARN.fullmatch(model)
    plain = arn is None or arn["kind"] in ("foundation-model", "inference-profile")
    if found["id"] != "default" and not plain:
        raise _invalid("Application inference profiles do not support non-default projects.")


def check_betas(call: Call) -> None:
    """Refuse betas that InvokeModel does not take; the model answers, not the front end.

    Raises:
        Refusal: 400, without the name of the beta.
    """
    if call.betas - BETAS:
        flag = "invalid beta flag"
        legacy = f"The model returned the following errors: {flag}"
        raise Refusal(400, legacy if call.rules.legacy else flag)


def _betas(body: JsonObject) -> frozenset[str]:
    betas = body.get("anthropic_beta")
    if betas is None:
        return frozenset()
    if not isinstance(betas, list) or not all(isinstance(beta, str) for beta in betas):
        raise Refusal(400, "anthropic_beta: Input should be a valid list")
    return frozenset(betas)


def _counted_body(target: BedrockTarget, body: JsonObject) -> JsonObject:
    if target.model.startswith(tuple(f"{prefix}." for prefix in _PREFIXES)):
        raise _invalid("The provided model doesn't support counting tokens.")
    source = body.get("input")
    wrapped = source.get("invokeModel") if isinstance(source, dict) else None
    encoded = wrapped.get("body") if isinstance(wrapped, dict) else None
    if not isinstance(encoded, str):
        raise _invalid("The emulator counts `input.invokeModel.body` only.")
    try:
        inner = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise _invalid(
            "Malformed input request, please reformat your input and try again."
        ) from None
    if not isinstance(inner, dict):
        raise _invalid("Malformed input request, please reformat your input and try again.")
    return inner


def rules_of(state: State, target: BedrockTarget) -> ModelRules:
    """Return the rules of the model that the runtime is asked for.

    Raises:
        Refusal: It is unknown, or needs an inference profile.
    """
    arn = _ARN.fullmatch(target.model)
    model, prefix = _split(arn["id"] if arn else target.model)
    if arn and not model.startswith("anthropic."):
        profiled = state.settings.application_profiles.get(model, _FALLBACK_MODEL)
        return rules_for(profiled) or _unknown()
    rules = rules_for(model.removeprefix("anthropic."))
    if rules is None or not model.startswith("anthropic.") or not _has_bedrock_form(model, rules):
        return _unknown()
    profiles = bedrock_profiles(rules)
    if prefix is not None and profiles is not None and prefix not in profiles:
        return _unknown()
    counting = target.operation == "count_tokens"
    if prefix is None and arn is None and rules.version >= (4, 0) and not counting:
        raise _invalid(
            f"Invocation of model ID {target.model} with on-demand throughput isn\u2019t "
            "supported. Retry your request with the ID or ARN of an inference profile that "
            "contains this model."
        )
    return rules


def _split(model: str) -> tuple[str, str | None]:
    for prefix in _PREFIXES:
        if model.startswith(f"{prefix}."):
            return model.removeprefix(f"{prefix}."), prefix
    return model, None


def _has_bedrock_form(model: str, rules: ModelRules) -> bool:
    """Whether an id ends as AWS writes it: dated up to 4.5, ``-v1`` for Opus 4.6, else bare."""
    if rules.version <= (4, 5):
        return re.search(r"-\d{8}-v\d+:\d+$", model) is not None
    if (rules.family, rules.version) == ("opus", (4, 6)):
        return model.endswith("-v1")
    return re.search(r"-v\d+(:\d+)?$|@|-\d{8}$", model) is None or rules.version > (5, 9)


def _unknown() -> ModelRules:
    raise _invalid("The provided model identifier is invalid.")


def _invalid(message: str) -> Refusal:
    return Refusal(400, message, kind="ValidationException", source="cloud")


def error_response(refusal: Refusal, request: Incoming, *, legacy: bool) -> Outgoing:
    """Return a refusal: AWS's ``message``, or Claude's own shape from the newer models."""
    status = refusal.status
    by_claude = refusal.source == "claude"
    exception = _EXCEPTIONS.get(status, "ModelErrorException") if by_claude else refusal.kind
    exception = exception or _EXCEPTIONS.get(status, "InternalServerException")
    seed = request.body + refusal.message.encode()
    body: JsonObject = {"message": refusal.message}
    if by_claude and not legacy:
        error = {"type": refusal.kind, "message": refusal.message}
        body = {"type": "error", "error": error, "request_id": make_id("req", "bedrock", seed)}
    headers = {
        "content-type": "application/json",
        "x-amzn-errortype": exception + _SUFFIX,
        "x-amzn-requestid": make_uuid(seed),
        **refusal.headers,
    }
    return Outgoing(status, headers, dumps(body).encode(), delay=refusal.delay)
