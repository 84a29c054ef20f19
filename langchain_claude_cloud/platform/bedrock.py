"""Claude on Amazon Bedrock, whichever of its APIs is called.

InvokeModel and its siblings on ``bedrock-runtime`` have the model in the URL,
``anthropic_version`` and ``anthropic_beta`` in the body, and what else there is to set in headers.
Bodies, versions and betas of the Messages API (on ``bedrock-runtime``, ``bedrock-mantle`` and
Claude Platform) are those of Anthropic's own API.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html;
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html;
https://docs.aws.amazon.com/claude-platform/latest/userguide/making-requests.html
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import SecretStr

from langchain_claude_cloud import errors
from langchain_claude_cloud.catalogue.bedrock import bedrock_apis, region_of
from langchain_claude_cloud.catalogue.models import catalogue_file
from langchain_claude_cloud.config import Bedrock
from langchain_claude_cloud.config.checks import check_text, refusal
from langchain_claude_cloud.errors import types
from langchain_claude_cloud.platform import credentials as shared
from langchain_claude_cloud.platform.aws_auth import AwsIdentity, AwsKeys, AwsSource, aws_source
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform

if TYPE_CHECKING:
    import botocore.session

# Dots in a row are in no id, and a gateway that decodes the path would climb by them.
_MODEL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_:/-]|\.(?!\.))*")

_EXPIRED_TYPES: Final = ("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException")
_OTHER_SERVICE: Final = re.compile(r"scoped to correct service: '([a-z-]+)'")
"""How a refusal names the service to sign for (mantle: BerriAI/litellm#31476). It is believed for
Bedrock's own names alone: a gateway must not get a signature for another service of AWS."""

_EXPIRED: Final = re.compile(r"security token .*\b(?:expired|invalid)\b", re.IGNORECASE)

_SIGNATURE: Final = ("authorization", "x-amz-date", "x-amz-security-token")
_CONFIGURED: Final = "what the AWS configuration says"
_JSON: Final = {"accept": "application/json"}
_EVENT_STREAM: Final = {
    "accept": "application/vnd.amazon.eventstream",
    "x-amzn-bedrock-accept": "application/json",
}


def credentials_of(config: Bedrock) -> AwsIdentity | SecretStr | Callable[[], str] | None:
    """Return who signs; or an API key, or a function that returns one; None: a gateway signs.

    Raises:
        ConfigurationError: The config is a copy that lost a secret.
    """
    api_key = config.effective_api_key()
    if config.unsigned or api_key is not None:
        return api_key
    names = ("access_key_id", "secret_access_key")
    given: list[Any] = [*map(config.given, names), config.effective_session_token()]
    # Opened inside the call below: as a variable here an error tracker would store them.
    opened = (secret and secret.get_secret_value() for secret in given)
    return AwsIdentity(
        keys=AwsKeys(*opened) if given[0] else None,
        profile=config.profile,
        session=config.given("session"),
        role_arn=config.role_arn,
        external_id=config.external_id,
        role_session_name=config.role_session_name,
        region=config.effective_region(),
    )


class BedrockPlatform(Platform):
    """A Bedrock endpoint.

    Args:
        config: What the user set.
        model: The model's name, whose region stands in for a missing one if it is an ARN.
        extra_headers: Headers to send besides the platform's own.

    Attributes:
        region: The region that is called; empty until `prepare` found the profile's.
        ca_bundle: The ``ca_bundle`` of the profile or session, known after `prepare`.
        max_body_bytes: 20 MB, as documented for Claude on Bedrock.
    """

    name = "bedrock"
    max_body_bytes = 20_000_000

    def __init__(
        self, config: Bedrock, model: str = "", extra_headers: types.Headers | None = None
    ) -> None:
        super().__init__(config, extra_headers)
        self._config = config
        self._api = bedrock_apis()[config.api]
        self._service = self._named_service = self._api.signing_name
        self._arn_region = region_of(model) if model.startswith("arn:") else ""
        self._base_url = config.effective_base_url()
        if config.unsigned and self._base_url is None:
            raise refusal("Bedrock", "unsigned requests need base_url: AWS itself refuses them.")
        self._api_headers = config.api_headers()
        self.region = config.effective_region() or ""
        self.framing = self._api.framing
        given = credentials_of(config)
        # Without an identity the configuration still names the region.
        self._identity = given if isinstance(given, AwsIdentity) else AwsIdentity()
        self._keyless: shared.CredentialSource | None = None
        if callable(given):  # asked for a key once for all calls, whatever their headers
            self._keyless = shared.shared_source(id(given), partial(shared.BearerToken, given))
        elif not isinstance(given, AwsIdentity):
            self._keyless = shared.BearerToken(given) if given else shared.CredentialSource()

    def __repr__(self) -> str:
        return f"BedrockPlatform(region={self.region!r})"

    def _find_credentials(self) -> shared.CredentialSource:
        source = aws_source(self._identity)
        if not self.region:
            self.region = self._find_region(source)
        # AWS's configuration files are read for the keys in them.
        files = source if self._keyless is None and self._identity.keys is None else None
        bundle = files and files.setting("ca_bundle")
        self.ca_bundle = str(bundle) if bundle else None
        if self._base_url is None:
            self._base_url = self._default_base_url(files)
        if self._keyless is not None:
            return self._keyless
        importlib.import_module("botocore.auth")  # here, as `sign` may run on an event loop
        return source

    def _find_region(self, source: AwsSource) -> str:
        # botocore reads AWS_DEFAULT_REGION alone, and AWS_REGION may have been set meanwhile.
        found = self._config.effective_region() or source.setting("region") or self._arn_region
        if not found:
            raise _no_region()
        found = str(found)
        check_text("Bedrock", "region", found, _CONFIGURED)  # credentials would go to another host
        return found

    def _default_base_url(self, files: AwsSource | None = None) -> str:
        fips, dual_stack = flag("AWS_USE_FIPS_ENDPOINT"), flag("AWS_USE_DUALSTACK_ENDPOINT")
        if files is not None:
            # A configuration file may ask for them too; it is read for its keys anyway.
            fips = fips or files.setting("use_fips_endpoint") is True
            dual_stack = dual_stack or files.setting("use_dualstack_endpoint") is True
            if configured := files.read(partial(configured_base_url, host=self._api.host)):
                check_text("Bedrock", "base_url", configured, _CONFIGURED)
                return configured.rstrip("/")
        if fips and not self._api.has_fips:
            text = (
                "AWS_USE_FIPS_ENDPOINT or the profile asks for a FIPS endpoint, and none is known "
                f"for {self._api.host}. Use api='invoke' or 'messages', or pass its `base_url`."
            )
            raise self.error(errors.ConfigurationError, text)
        dual_stack = dual_stack or self._api.has_dual_stack_only
        return default_base_url(self.region, host=self._api.host, fips=fips, dual_stack=dual_stack)

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Find the credentials anew. Blocks; False if they are the user's own."""
        self._service, first = self._named_service, self._api.signing_name
        if self._service != first and f"/{first}/aws4_request" in used.get("authorization", ""):
            return True  # signed before the service was known
        return super().refresh(used)

    def endpoint(self, model_id: str, operation: types.Operation) -> str:
        """Return the URL of an operation; the id or ARN is percent-encoded as a whole.

        Raises:
            InvalidInputError: ``model_id`` has characters that no id or ARN has.
            ConfigurationError: The region is not known; `prepare` finds it.
        """
        if not _MODEL_ID.fullmatch(model_id):
            text = f"{model_id!r} is not a model id, inference profile or ARN of Amazon Bedrock."
            raise self.error(errors.InvalidInputError, text, model_id)
        if self._base_url is None and not self.region:
            raise _no_region()
        base = self._base_url or self._default_base_url()
        return base + self._api.paths[operation].format(model=quote(model_id, safe=""))

    def rewrite(
        self, body: types.JsonObject, betas: list[str], *, model_id: str, operation: types.Operation
    ) -> tuple[types.JsonObject, types.Headers]:
        """Return the API's form of a Messages body, and the headers that go with it."""
        config = self._config
        if "{model}" in self._api.paths[operation]:
            versioned: types.JsonObject = {"anthropic_version": config.anthropic_version, **body}
            if betas:
                versioned["anthropic_beta"] = [*betas]
            if operation == "count_tokens":
                return _wrap_for_counting(versioned), self._headers([], _JSON)
            if config.guardrail and "tagSuffix" in config.guardrail:
                suffix = {"tagSuffix": config.guardrail["tagSuffix"]}
                versioned.setdefault("amazon-bedrock-guardrailConfig", suffix)
            accept = _EVENT_STREAM if operation == "stream" else _JSON
            return versioned, self._headers([], {**accept, **_option_headers(config)})
        named: types.JsonObject = {"model": self._api.name_of(model_id), **body}
        named.pop("anthropic_version", None)
        if operation == "stream":
            named["stream"] = True
        # The default of the settings is one of InvokeModel's bodies.
        version = config.anthropic_version
        version = "2023-06-01" if version.startswith("bedrock-") else version
        own = {**_JSON, "anthropic-version": version, **self._api_headers}
        return named, self._headers(betas, own)

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the headers of a signature (Version 4), or the bearer token of an API key.

        Only ``host``, ``content-type`` and ``x-amz*`` headers are signed: a proxy may change the
        others. Hashing the body takes about 0.8 ms a megabyte.

        Raises:
            AuthenticationError: Nothing is prepared yet.
        """
        source = self._loaded()
        if not isinstance(source, AwsSource):
            return source.headers()
        from botocore import auth, awsrequest, credentials  # noqa: PLC0415  costs 110 ms: on first use

        signed = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in request.headers.items()
            if name.lower() in ("content-type", "host") or name.lower().startswith("x-amz")
        }
        to_sign = awsrequest.AWSRequest(request.method, request.url, signed, request.content)
        service = request.signing_name or self._service
        keys = source.keys()
        with shared.quiet_libraries():  # botocore logs what it signs, with the session token
            frozen = credentials.ReadOnlyCredentials(*astuple(keys))
            auth.SigV4Auth(frozen, service, self.region).add_auth(to_sign)
        return {name: str(to_sign.headers[name]) for name in _SIGNATURE if name in to_sign.headers}

    def is_expired(self, error: errors.ClaudeCloudError) -> bool:
        """Whether the keys ran out or were replaced, which finding them anew may help.

        Or whether they signed for another service than the refusal names, which is noted, and
        which `refresh` then takes.
        """
        if not isinstance(error, errors.AuthenticationError):
            return False
        if isinstance(self._credentials, shared.BearerToken):
            return True  # if a function gives the key, as `refresh` finds out
        named = _OTHER_SERVICE.search(str(error))
        if named is not None and {named[1], self._service} <= {"bedrock", "bedrock-mantle"}:
            self._named_service = named[1]
            return True
        return error.error_type in _EXPIRED_TYPES or bool(_EXPIRED.search(str(error)))


def _wrap_for_counting(body: types.JsonObject) -> types.JsonObject:
    # CountTokens takes a whole InvokeModel body, in which max_tokens is required.
    whole = json.dumps({"max_tokens": 1, **body}, ensure_ascii=False, separators=(",", ":"))
    return {"input": {"invokeModel": {"body": base64.b64encode(whole.encode()).decode()}}}


def _option_headers(config: Bedrock) -> dict[str, str]:
    guardrail, metadata = config.guardrail or {}, config.request_metadata
    trace: str | bool | None = config.trace
    if isinstance(trace, bool):
        trace = "ENABLED" if trace else "DISABLED"
    options = {
        "x-amzn-bedrock-guardrailidentifier": guardrail.get("guardrailIdentifier"),
        "x-amzn-bedrock-guardrailversion": guardrail.get("guardrailVersion"),
        "x-amzn-bedrock-trace": trace and trace.upper(),
        types.SERVICE_TIER_HEADER: config.service_tier,
        types.LATENCY_HEADER: config.latency,
        types.PROJECT_HEADER: config.project,
        # ASCII by escaping: a header has no other characters.
        "x-amzn-bedrock-request-metadata": metadata and json.dumps(metadata, separators=(",", ":")),
    }
    return {name: value for name, value in options.items() if isinstance(value, str) and value}


def _no_region() -> errors.ConfigurationError:
    text = "Amazon Bedrock needs a region: pass `region`, set AWS_REGION, or give the profile one."
    return errors.ConfigurationError(text, platform="bedrock")


def default_base_url(
    region: str, *, host: str = "bedrock-runtime", fips: bool = False, dual_stack: bool = False
) -> str:
    """Return AWS's own address for a region.

    Args:
        region: The region.
        host: The first label of the host name.
        fips: Whether the endpoint's cryptography must be FIPS 140 validated.
        dual_stack: Whether the endpoint must have an IPv6 address too.

    Returns:
        The URL, without a path.
    """
    partitions = catalogue_file()["aws_partitions"]
    suffixes = next(told for start, told in partitions.items() if region.startswith(start))
    label = f"{host}-fips" if fips else host
    return f"https://{label}.{region}.{suffixes['dual_stack' if dual_stack else 'plain']}"


def configured_base_url(session: botocore.session.Session, host: str) -> str | None:
    """Return the address that a session's profile names for Bedrock, if it does.

    ``endpoint_url`` of the API's service (``bedrock_runtime``) in the profile's ``services``
    section, else the profile's own; not where ``ignore_configured_endpoint_urls`` is on. Reads
    files.

    Args:
        session: A botocore session.
        host: The first label of the API's own host name.
    """
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    service = services.get(host.replace("-", "_")) or {}
    return service.get("endpoint_url") or profile.get("endpoint_url")


def flag(name: str) -> bool:
    """Whether an AWS environment variable says ``true``."""
    return os.environ.get(name, "").strip().lower() == "true"
