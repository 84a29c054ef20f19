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
from dataclasses import asdict
from secrets import token_bytes
from urllib.parse import unquote

from langchain_claude_cloud.errors.types import JsonObject, Operation
from langchain_claude_cloud.testing.call import Call, Target
from langchain_claude_cloud.testing.model_rules import ModelRules, rules_for
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.reply.ids import make_id, make_uuid
from langchain_claude_cloud.testing.server.sigv4 import (
    Authorization,
    SignatureProblem,
    scope_of,
    verify,
)
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.validation.fields import Field, obj, one_of
from langchain_claude_cloud.testing.wire import (
    Incoming,
    Outgoing,
    Refusal,
    cloud_refusal,
    validation_error,
)

_PATH = re.compile(
    r"/model/(?P<model>[^/]+)/(?P<operation>invoke|invoke-with-response-stream|count-tokens)"
)
_OPERATIONS: dict[str, Operation] = {
    "invoke": "invoke",
    "invoke-with-response-stream": "stream",
    "count-tokens": "count_tokens",
}
MAX_BODY = 20_000_000
"""As Claude's documentation has it; botocore's model allows 25 MB."""
_SUFFIX = ":http://internal.amazon.com/coral/com.amazon.bedrock/"
_REGION = re.compile(
    r"(?:af|ap|ca|cn|eu|eu-isoe|eusc-de|il|me|mx|sa|us|us-gov|us-iso[bf]?)"
    r"-(?:central|east|west|(?:north|south)(?:east|west)?)-\d+"
)
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
_ENDED = (
    "This model version has reached the end of its life. Please refer to the AWS documentation "
    "for more details."
)
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


def target_of(request: Incoming) -> Target | None:
    """Return what a request asks for, or None for a path that bedrock-runtime does not have."""
    match = _PATH.fullmatch(request.raw_path)
    if match is None:
        return None
    return Target(
        cloud="bedrock",
        operation=_OPERATIONS[match["operation"]],
        model=unquote(match["model"]),
        region=scope_of(request)[1],
    )


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
            raise cloud_refusal(
                403,
                "Authentication failed: Please make sure your API Key is valid.",
                "AccessDeniedException",
            )
        return
    if not value:
        raise cloud_refusal(
            403, "Missing Authentication Token", "MissingAuthenticationTokenException"
        )
    try:
        authorization = Authorization(value)
        secret = _secret_for(state, request, authorization)
        verify(request, authorization, secret, service=service)
    except SignatureProblem as problem:
        raise cloud_refusal(403, problem.message, problem.kind) from None


def _secret_for(state: State, request: Incoming, authorization: Authorization) -> str:
    if not _REGION.fullmatch(authorization.region):
        raise SignatureProblem(
            "InvalidSignatureException", "Credential should be scoped to a valid region."
        )
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


def call_of(state: State, target: Target, request: Incoming, body: JsonObject) -> Call:
    """Return the call of an authenticated request.

    Raises:
        Refusal: Unknown model, a bad header, on-demand use of a model that needs a profile, a
            body too large.
    """
    rules = rules_of(state, target)
    check_project(request.header("x-amzn-bedrock-projectidentifier"), target.model, target.region)
    _check_headers(request)
    if len(request.body) > MAX_BODY:
        raise validation_error("Input is too long for requested model.")
    if target.operation == "count_tokens":
        if rules.version >= _PROFILES_ONLY:
            raise validation_error("The provided model doesn't support counting tokens.")
        body = _counted_body(target, body)
    body = _without_guardrail(request, body)
    version = str(body.get("anthropic_version"))
    return Call(**asdict(target), rules=rules, body=body, betas=_betas(body), version=version)


def _without_guardrail(request: Incoming, body: JsonObject) -> JsonObject:
    """Return the body as Claude gets it, without the settings of the guardrail.

    AWS's reference of InvokeModel says what goes together.

    Raises:
        Refusal: A guardrail without its version, or settings without a guardrail.
    """
    named = request.header("x-amzn-bedrock-guardrailidentifier")
    if named and not request.header("x-amzn-bedrock-guardrailversion"):
        raise validation_error(
            "The guardrailVersion is required when guardrailIdentifier is provided."
        )
    if _GUARDRAIL_CONFIG not in body:
        return body
    if not named:
        raise validation_error(
            f"A guardrailIdentifier is required when {_GUARDRAIL_CONFIG} is provided."
        )
    obj(_GUARDRAIL_FIELDS)(_GUARDRAIL_CONFIG, body[_GUARDRAIL_CONFIG])
    return {name: value for name, value in body.items() if name != _GUARDRAIL_CONFIG}


_HEADERS = {
    "trace": ("ENABLED", "DISABLED", "ENABLED_FULL"),
    "performanceconfig-latency": ("standard", "optimized"),
    "service-tier": ("priority", "default", "flex", "reserved"),
}
"""botocore's model of InvokeModel, 1.44."""


def _check_headers(request: Incoming) -> None:
    for name, known in _HEADERS.items():
        value = request.header(f"x-amzn-bedrock-{name}")
        if value not in (None, *known):
            raise validation_error(
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(known)}]"
            )


def _tag_suffix(path: str, value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9]{1,20}", value):
        raise validation_error(f"{path}: the suffix of a tag has 1 to 20 letters and digits.")


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
        raise validation_error("Value at 'projectIdentifier' failed to satisfy constraint")
    if region and found["region"] not in (None, region):
        raise validation_error("The project must belong to the Region of the request.")
    arn = _ARN.fullmatch(model)
    plain = arn is None or arn["kind"] in ("foundation-model", "inference-profile")
    if found["id"] != "default" and not plain:
        raise validation_error(
            "Application inference profiles do not support non-default projects."
        )


def _betas(body: JsonObject) -> frozenset[str]:
    betas = body.get("anthropic_beta")
    if betas is None:
        return frozenset()
    if not isinstance(betas, list) or not all(isinstance(beta, str) for beta in betas):
        raise Refusal(400, "anthropic_beta: Input should be a valid list")
    return frozenset(betas)


def _counted_body(target: Target, body: JsonObject) -> JsonObject:
    if target.model.startswith(tuple(f"{prefix}." for prefix in _PREFIXES)):
        raise validation_error("The provided model doesn't support counting tokens.")
    source = body.get("input")
    wrapped = source.get("invokeModel") if isinstance(source, dict) else None
    encoded = wrapped.get("body") if isinstance(wrapped, dict) else None
    if not isinstance(encoded, str):
        raise validation_error("The emulator counts `input.invokeModel.body` only.")
    try:
        inner = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise validation_error(
            "Malformed input request, please reformat your input and try again."
        ) from None
    if not isinstance(inner, dict):
        raise validation_error("Malformed input request, please reformat your input and try again.")
    return inner


def rules_of(state: State, target: Target) -> ModelRules:
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
    if rules.is_retired("bedrock"):
        raise cloud_refusal(404, _ENDED, "ResourceNotFoundException")
    known = rules.bedrock_prefixes
    if prefix is not None and known and prefix not in known:
        return _unknown()
    counting = target.operation == "count_tokens"
    if prefix is None and arn is None and rules.version >= (4, 0) and not counting:
        raise validation_error(
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
    raise validation_error("The provided model identifier is invalid.")


def error_response(refusal: Refusal, *, legacy: bool) -> Outgoing:
    """Return a refusal: AWS's ``message``, or Claude's own shape from the newer models."""
    status = refusal.status
    by_claude = refusal.source == "claude"
    exception = _EXCEPTIONS.get(status, "ModelErrorException") if by_claude else refusal.kind
    exception = exception or _EXCEPTIONS.get(status, "InternalServerException")
    seed = token_bytes()  # two refusals of one request are two requests
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
