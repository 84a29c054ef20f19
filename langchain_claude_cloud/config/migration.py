"""What the arguments of other LangChain classes for Claude are called here.

The error for an unknown argument and the migration page read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

PEERS: Final[Mapping[str, str]] = {
    "A": "ChatAnthropic",
    "V": "ChatAnthropicVertex",
    "B": "ChatBedrock",
    "C": "ChatBedrockConverse",
    "D": "ChatAnthropicBedrock",
}
"""The classes that the table knows, by the letter that it names them with."""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """What one argument of a peer is here.

    Attributes:
        peers: The classes that have it, by their letters in `PEERS`.
        field: What it is called here; None for what has no equivalent.
        owner: Who has it here: the model, or a platform.
        why: What is different, or why it has no equivalent.
    """

    peers: str
    field: str | None
    owner: Literal["model", "Vertex", "Bedrock"] | None
    why: str = ""

    def here(self) -> str | None:
        """Return how it is written here, or None."""
        if self.field is None or self.owner == "model":
            return self.field and f"{self.field}=..."
        return f"platform={self.owner}({self.field}=...)"


EQUIVALENTS: Final[Mapping[str, Equivalent]] = {
    "access_token": Equivalent("V", "access_token", "Vertex"),
    "additional_headers": Equivalent("V", "default_headers", "model"),
    "additional_model_request_fields": Equivalent(
        "C", "model_kwargs", "model", "fields of the Messages API, sent as they are"
    ),
    "additional_model_response_field_paths": Equivalent(
        "C", None, None, "all fields of the answer are in response_metadata"
    ),
    "anthropic_api_key": Equivalent(
        "AD",
        None,
        None,
        "Anthropic's own API is not a platform here: Vertex and Bedrock have their own credentials",
    ),
    "anthropic_api_url": Equivalent(
        "AD",
        "base_url",
        "model",
        "the address of the one platform; Vertex and Bedrock take one each",
    ),
    "anthropic_proxy": Equivalent(
        "AD", None, None, "set HTTPS_PROXY, or give http_client and http_async_client"
    ),
    "api_endpoint": Equivalent("V", "base_url", "Vertex", "the address alone"),
    "api_key": Equivalent("ABCD", "api_key", "model"),
    "api_transport": Equivalent("V", None, None, "requests go over HTTP"),
    "async_client": Equivalent("V", "http_async_client", "model"),
    "async_http_client": Equivalent("V", "http_async_client", "model"),
    "audio_timestamp": Equivalent("V", None, None, "Claude does not take it"),
    "aws_access_key_id": Equivalent("BCD", "access_key_id", "Bedrock"),
    "aws_secret_access_key": Equivalent("BCD", "secret_access_key", "Bedrock"),
    "aws_session_token": Equivalent("BCD", "session_token", "Bedrock"),
    "base_model": Equivalent("BC", "base_model", "Bedrock"),
    "base_model_id": Equivalent("BC", "base_model", "Bedrock"),
    "base_url": Equivalent("AVCD", "base_url", "model"),
    "bedrock_api_key": Equivalent("BC", "api_key", "Bedrock"),
    "bedrock_client": Equivalent(
        "BC", "session", "Bedrock", "a boto3.Session in place of a client"
    ),
    "beta_use_converse_api": Equivalent(
        "B", None, None, "InvokeModel is called, which takes the whole Messages API"
    ),
    "betas": Equivalent("AD", "betas", "model"),
    "cache": Equivalent("AVBCD", "cache", "model"),
    "callbacks": Equivalent("AVBCD", "callbacks", "model"),
    "client": Equivalent(
        "VBC",
        None,
        None,
        "give http_client, an httpx.Client, or Bedrock(session=...), a boto3.Session",
    ),
    "client_cert_source": Equivalent(
        "V", None, None, "give http_client and http_async_client, made with the certificate"
    ),
    "client_options": Equivalent("V", "base_url", "Vertex", "the address alone"),
    "client_preview": Equivalent("V", None, None, "there is one client"),
    "config": Equivalent(
        "BC", None, None, "timeout, max_retries, http_client and http_async_client take its place"
    ),
    "container": Equivalent("AD", None, None, "neither cloud runs code in containers"),
    "context_management": Equivalent("AD", "context_management", "model"),
    "credentials": Equivalent("V", "credentials", "Vertex"),
    "credentials_profile_name": Equivalent("BC", "profile", "Bedrock"),
    "custom_get_token_ids": Equivalent("AVBCD", "custom_get_token_ids", "model"),
    "default_headers": Equivalent("ACD", "default_headers", "model"),
    "default_metadata": Equivalent("V", "default_headers", "model"),
    "default_request_timeout": Equivalent("AD", "timeout", "model"),
    "disable_streaming": Equivalent("AVBCD", "disable_streaming", "model"),
    "effort": Equivalent("AD", "effort", "model"),
    "endpoint_url": Equivalent("BC", "base_url", "Bedrock"),
    "endpoint_version": Equivalent("V", None, None, "the version is part of base_url"),
    "frequency_penalty": Equivalent("V", None, None, "Claude does not take it"),
    "full_model_name": Equivalent("V", "model", "model"),
    "guard_last_turn_only": Equivalent("C", "guard_last_turn_only", "Bedrock"),
    "guardrail_config": Equivalent("CD", "guardrail", "Bedrock"),
    "guardrails": Equivalent("BCD", "guardrail", "Bedrock"),
    "http_client": Equivalent("V", "http_client", "model"),
    "include_thoughts": Equivalent("V", "thinking", "model", "it has no effect there"),
    "inference_geo": Equivalent(
        "AD", "residency", "model", "where requests may be answered, checked before they are sent"
    ),
    "location": Equivalent("V", "region", "Vertex"),
    "max_output_tokens": Equivalent("V", "max_tokens", "model"),
    "max_retries": Equivalent("AVBCD", "max_retries", "model"),
    "max_tokens": Equivalent("AVBCD", "max_tokens", "model"),
    "max_tokens_to_sample": Equivalent("AD", "max_tokens", "model"),
    "mcp_servers": Equivalent(
        "AD",
        None,
        None,
        "neither cloud asks MCP servers; langchain-mcp-adapters makes their tools yours",
    ),
    "metadata": Equivalent("AVBCD", "metadata", "model"),
    "model": Equivalent("AVBCD", "model", "model"),
    "model_id": Equivalent("BC", "model", "model"),
    "model_kwargs": Equivalent("AVBD", "model_kwargs", "model"),
    "model_name": Equivalent("AVD", "model", "model"),
    "n": Equivalent("V", None, None, "an answer a call; use batch for more"),
    "name": Equivalent("AVBCD", "name", "model"),
    "output_config": Equivalent(
        "ACD",
        "effort",
        "model",
        "its effort; its format comes from with_structured_output or response_format",
    ),
    "output_version": Equivalent("AVBCD", "output_version", "model"),
    "performance_config": Equivalent("C", "latency", "Bedrock", '"optimized" or "standard"'),
    "presence_penalty": Equivalent("V", None, None, "Claude does not take it"),
    "profile": Equivalent("AVBCD", "profile", "model"),
    "project": Equivalent("V", "project", "Vertex"),
    "project_id": Equivalent("V", "project", "Vertex"),
    "provider": Equivalent("BC", "base_model", "Bedrock", "only an ARN needs it"),
    "provider_stop_reason_key_map": Equivalent(
        "B", None, None, "InvokeModel has one form of stop reason"
    ),
    "provider_stop_sequence_key_name_map": Equivalent(
        "B", None, None, "InvokeModel has one form of stop reason"
    ),
    "rate_limiter": Equivalent("AVBCD", "rate_limiter", "model"),
    "raw_blocks": Equivalent("C", None, None, "messages take the place of raw blocks"),
    "reasoning_effort": Equivalent(
        "ACD", "effort", "model", "ChatAnthropic asks for summarized thinking with it"
    ),
    "region": Equivalent("B", "region", "Bedrock"),
    "region_name": Equivalent("BCD", "region", "Bedrock"),
    "request_metadata": Equivalent("BC", "request_metadata", "Bedrock"),
    "request_parallelism": Equivalent(
        "V", None, None, "give max_concurrency in the config of batch or abatch"
    ),
    "response_modalities": Equivalent("V", None, None, "Claude does not take it"),
    "reuse_last_container": Equivalent("AD", None, None, "neither cloud runs code in containers"),
    "safety_settings": Equivalent("V", None, None, "Claude does not take it"),
    "seed": Equivalent("V", None, None, "Claude does not take it"),
    "service_tier": Equivalent("BC", "service_tier", "Bedrock"),
    "stop": Equivalent("AVBCD", "stop_sequences", "model"),
    "stop_sequences": Equivalent("AVBCD", "stop_sequences", "model"),
    "stream_usage": Equivalent("AVD", "stream_usage", "model"),
    "streaming": Equivalent("AVBCD", "streaming", "model"),
    "supports_tool_choice_values": Equivalent(
        "C", None, None, "the catalogue says what each model takes"
    ),
    "system": Equivalent("C", None, None, "give a SystemMessage"),
    "system_prompt_with_tools": Equivalent("B", None, None, "give a SystemMessage"),
    "tags": Equivalent("AVBCD", "tags", "model"),
    "temperature": Equivalent("AVBCD", "temperature", "model"),
    "thinking": Equivalent("AD", "thinking", "model"),
    "thinking_budget": Equivalent(
        "V", "thinking", "model", "a number is the budget; it has no effect there"
    ),
    "timeout": Equivalent("AVBCD", "timeout", "model"),
    "top_k": Equivalent("AVD", "top_k", "model"),
    "top_p": Equivalent("AVCD", "top_p", "model"),
    "transport": Equivalent("V", None, None, "requests go over HTTP"),
    "tuned_model_name": Equivalent("V", None, None, "tuned models are not Claude's"),
    "user_profile_id": Equivalent(
        "AD",
        None,
        None,
        "user profiles are of Anthropic's own API; user_id goes into the request's metadata",
    ),
    "verbose": Equivalent("AVBCD", "verbose", "model"),
    "wait_exponential_kwargs": Equivalent(
        "V", "max_retries", "model", "waits have full jitter, or are as long as the cloud asks"
    ),
}
"""Every argument of the peers, by its name: langchain-anthropic 1.7, langchain-aws 1.9 and
langchain-google-vertexai 3.2."""


def advice(owner: str, name: str, fields: Iterable[str]) -> str | None:
    """Return what to write here in place of a peer's argument; None for an argument of none.

    Args:
        owner: The class that was given it: the model, ``Vertex`` or ``Bedrock``.
        name: The argument.
        fields: What that class has.
    """
    known = EQUIVALENTS.get(name)
    if known is None:
        return None
    more = f" ({known.why})" if known.why else ""
    if known.field is None:
        return f"It has no equivalent here: {known.why}."
    of_platform = owner in ("Vertex", "Bedrock")
    if known.field in fields and (of_platform or known.owner == "model"):
        return f"Did you mean {known.field!r}?{more}"
    if of_platform and known.owner == "model":
        return f"Here it is {known.field}=... of the model, not of the platform.{more}"
    return f"Here it is {known.here()}.{more}"
