"""Real texts of both clouds: the class that each becomes, and advice that fits its words.

Each is a body that a cloud, or something before it, was seen to answer with: from the recordings,
from issues of public repositories, or from the vendors' pages.
"""

from __future__ import annotations

import json
import pickle
from typing import Final, NamedTuple

import pytest

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ContextOverflowError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    error_from_response,
)
from langchain_claude_cloud.errors.explanation import known_errors
from langchain_claude_cloud.errors.types import Cloud

IAM: Final = ("Allow the identity", "Grant the caller", "bedrock:Invoke", "aiplatform.user")
"""What advises a permission, which most refusals here are not about."""

USER: Final = "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: "
INVOKE: Final = "bedrock:InvokeModelWithResponseStream"
GLOBAL_ARN: Final = "arn:aws:bedrock:::foundation-model/anthropic.claude-opus-4-6-v1"
OHIO_ARN: Final = "arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-opus-4-6-v1"
PUBLISHER: Final = "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-5"


class Seen(NamedTuple):
    """A body, and what should come of it."""

    platform: Cloud
    status: int
    body: str | bytes
    expected: type[ClaudeCloudError]
    says: tuple[str, ...]
    name: str = ""
    advises_iam: bool = False
    model: str = "us.anthropic.claude-opus-4-6-v1"


def aws(
    status: int,
    message: str,
    expected: type[ClaudeCloudError],
    *says: str,
    name: str = "ValidationException",
    advises_iam: bool = False,
    model: str = "us.anthropic.claude-opus-4-6-v1",
) -> Seen:
    """Return what Bedrock was seen to say."""
    body = json.dumps({"message": message})
    return Seen("bedrock", status, body, expected, says, name, advises_iam, model)


def google(
    status: int,
    code: str,
    message: str,
    expected: type[ClaudeCloudError],
    *says: str,
    reason: str = "",
    advises_iam: bool = False,
) -> Seen:
    """Return what Vertex AI's front end was seen to say."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    error = {"code": status, "message": message, "status": code}
    body = json.dumps([{"error": error | ({"details": details} if reason else {})}])
    return Seen("vertex", status, body, expected, says, "", advises_iam, "claude-sonnet-5")


def claude(
    platform: Cloud,
    status: int,
    kind: str,
    message: str,
    expected: type[ClaudeCloudError],
    *says: str,
) -> Seen:
    """Return what the model's own server was seen to say."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}})
    return Seen(platform, status, body, expected, says)


DENIED: Final = "AccessDeniedException"
SEEN: Final = (
    # Bedrock: about the account.
    aws(400, "data retention mode 'default' is not available for this model", PermissionDeniedError, "PutAccountDataRetention"),
    aws(400, "You have not filled out the required use-case form for this model. Complete the form at https://x.console.aws.amazon.com/bedrock/ before requesting access.", PermissionDeniedError, "use case form"),
    aws(400, "The model returned the following errors: You have not filled out the required use-case form for this model.", PermissionDeniedError, "use case form"),
    aws(404, "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model. If you have already filled out the form, try again in 15 minutes.", PermissionDeniedError, "use case form", "15 minutes", name="ResourceNotFoundException"),
    claude("vertex", 400, "invalid_request_error", "tools.0.custom: Circular reference detected in schema definitions", InvalidRequestError, "Leave out `strict`"),
    claude("bedrock", 400, "invalid_request_error", "Schemas contains too many optional parameters (59), which would make grammar compilation inefficient.", InvalidRequestError, "Leave out `strict`"),
    aws(400, "Operation not allowed", PermissionDeniedError, "AWS Support"),
    aws(400, "Your account has been suspended", PermissionDeniedError, "AWS Support"),
    aws(403, "Account 111122223333 is currently blocked from using Bedrock.", PermissionDeniedError, "AWS Support", name=DENIED),
    aws(400, "Access to this model is not available for channel program accounts. Reach out to your AWS Solution Provider or AWS Distributor for more information.", PermissionDeniedError, "Distributor"),
    aws(400, "This model requires data sharing to be enabled for publisher anthropic.", PermissionDeniedError, "PutAccountDataRetention"),
    aws(403, "The AWS Access Key Id needs a subscription for the service", PermissionDeniedError, "AWS Support", name="SubscriptionRequiredException"),
    aws(400, "This action is not supported for the account due to regulatory restrictions", PermissionDeniedError, "not the request"),
    aws(400, "Anthropic models are not available in your country", PermissionDeniedError, "country where"),
    aws(400, "Access to this model is blocked by your organization's AI opt-out policy", PermissionDeniedError, "not the request"),
    aws(400, "Your AWS account is not subscribed to this model.", PermissionDeniedError, "not the request"),
    aws(400, "Zero data retention is not supported for this model", PermissionDeniedError, "PutAccountDataRetention"),
    aws(400, "This model isn't available in region us-east-1.", NotFoundError, "geography"),
    claude("bedrock", 400, "invalid_request_error", "This organization has been disabled.", PermissionDeniedError, "not the request"),
    claude("vertex", 400, "invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.", PermissionDeniedError, "another account"),
    claude("vertex", 400, "invalid_request_error", "messages.0.content: this account, it says", InvalidRequestError),
    claude("vertex", 400, "budget_exceeded", "Budget has been exceeded! Current cost: 2.1, Max budget: 2.0", PermissionDeniedError, "another account"),
    google(400, "INVALID_ARGUMENT", "The project p is not allowed to use this model", PermissionDeniedError, "not the request"),
    google(400, "INVALID_ARGUMENT", "Location us-east5 is not supported", NotFoundError, "another region"),
    google(400, "INVALID_ARGUMENT", f"Publisher Model {PUBLISHER} is not supported in region us-east5.", NotFoundError, "other than us-east5"),
    aws(400, "Project p is not allowlisted for this model", PermissionDeniedError, "account team"),
    aws(407, "Proxy Authentication Required", PermissionDeniedError, "HTTPS_PROXY"),
    aws(400, "1 validation error detected: Value at 'modelId' failed to satisfy constraint: Member must satisfy regular expression pattern", NotFoundError, "Check the id"),
    aws(400, "The guardrail identifier or version provided in the request does not exist.", NotFoundError, "DRAFT"),
    claude("bedrock", 400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", PermissionDeniedError, "credit"),
    google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", AuthenticationError, "gcloud auth"),
    google(400, "INVALID_ARGUMENT", "Unsupported region for Vertex AI, select from asia-east1", NotFoundError, "`region`"),
    google(403, "PERMISSION_DENIED", "Permission denied on 'locations/me-central2' (or it may not exist).", NotFoundError, "`region`"),
    google(403, "PERMISSION_DENIED", "Permission denied on resource project my-project.", PermissionDeniedError, "Check `project`", advises_iam=True),
    google(403, "PERMISSION_DENIED", "Project 'projects/p' not found or deleted.", PermissionDeniedError, "Check `project`", advises_iam=True),
    google(429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput.", RateLimitError, "request_type"),
    aws(400, "request payload size exceeds the limit: 20971520", RequestTooLargeError, "20 MB"),
    Seen("vertex", 413, "<html><title>Error 413 (Request Entity Too Large)!!1</title></html>", RequestTooLargeError, ("30 MB",)),
    Seen("vertex", 403, "<html><title>Error 403 (Forbidden)!!1</title></html>", PermissionDeniedError, ("country and network",)),
    aws(400, "Access to Bedrock models is not allowed for this account. Please contact AWS Customer Support with a request for access.", PermissionDeniedError, "AWS Support"),
    aws(429, "Too many tokens, please wait before trying again.", RateLimitError, "if the model has one", name="ThrottlingException", model="us.anthropic.claude-opus-4-1-20250805-v1:0"),
    aws(403, "Your account is not authorized to invoke this API operation.", PermissionDeniedError, "AWS Support", name=DENIED),
    aws(400, "Access to Anthropic models is not allowed from unsupported countries, regions, or territories. Please refer to https://www.anthropic.com/supported-countries for more information.", PermissionDeniedError, "country"),
    aws(403, "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model. Your AWS Marketplace subscription for this model cannot be completed at this time.", PermissionDeniedError, "aws-marketplace:Subscribe", "some minutes", name=DENIED),
    aws(403, "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided. Your AWS Marketplace subscription for this model cannot be completed at this time.", PermissionDeniedError, "payment method", name=DENIED),
    aws(403, "Your account does not have an agreement to this model.", PermissionDeniedError, "agreement", name=DENIED),
    aws(403, "You don't have access to the model with the specified model ID.", PermissionDeniedError, "Bedrock console", name=DENIED),
    aws(403, "Model access is denied due to Model access denied due to subscription being expired.", PermissionDeniedError, "Subscribe the account", name=DENIED),
    aws(403, "Account is in a suspended state", PermissionDeniedError, "AWS Support", name=DENIED),
    # Bedrock: policies.
    aws(403, f"{USER}bedrock:ApplyGuardrail on resource: arn:aws:bedrock:us-east-1:1:guardrail/abc because no identity-based policy allows the bedrock:ApplyGuardrail action", PermissionDeniedError, "Allow the identity bedrock:ApplyGuardrail on arn:aws:bedrock:us-east-1:1:guardrail/abc.", name=DENIED, advises_iam=True),
    aws(403, f"{USER}{INVOKE} on resource: {GLOBAL_ARN} with an explicit deny in a service control policy: arn:aws:organizations::0:policy/o-1/service_control_policy/p-1", PermissionDeniedError, "service control policy", "no allow overrides", 'inference_profile="us"', name=DENIED),
    aws(403, f"{USER}{INVOKE} on resource: {GLOBAL_ARN} with an explicit deny in an identity-based policy", PermissionDeniedError, "identity-based policy", 'inference_profile="us"', name=DENIED),
    aws(403, f"{USER}bedrock:InvokeModel on resource: {OHIO_ARN} with an explicit deny in a service control policy", PermissionDeniedError, "us-east-2", "no allow overrides", name=DENIED),
    aws(403, f"{USER}bedrock:InvokeModel with an explicit deny in a permissions boundary", PermissionDeniedError, "permissions boundary", name=DENIED),
    aws(403, f"{USER}bedrock:InvokeModel on resource: {OHIO_ARN} because no VPC endpoint policy allows the bedrock:InvokeModel action", PermissionDeniedError, "The VPC endpoint policy must list bedrock:InvokeModel", name=DENIED, advises_iam=True),
    aws(403, f"{USER}{INVOKE} on resource: {OHIO_ARN} because no identity-based policy allows the {INVOKE} action", PermissionDeniedError, f"Allow the identity {INVOKE} on {OHIO_ARN}", name=DENIED, advises_iam=True),
    aws(403, f"{USER}bedrock:CallWithBearerToken because no identity-based policy allows the bedrock:CallWithBearerToken action", PermissionDeniedError, "behind the API key", name=DENIED, advises_iam=True),
    # Bedrock: credentials.
    aws(403, "Invalid API Key format: Must start with pre-defined prefix", AuthenticationError, "AWS_BEARER_TOKEN_BEDROCK", name=DENIED),
    Seen("bedrock", 403, '{"Message":"Authentication failed: Please make sure your API Key is valid."}', AuthenticationError, ("eu-west-1", "AWS_BEARER_TOKEN_BEDROCK")),
    aws(403, "Bearer token is malformed", AuthenticationError, "API key", name=DENIED),
    aws(403, "Bearer Token has expired", AuthenticationError, "API key", name=DENIED),
    aws(403, "Credential should be scoped to a valid region.", AuthenticationError, "`base_url`", "eu-west-1", name="InvalidSignatureException"),
    aws(403, "The security token included in the request is expired", AuthenticationError, "Renew", name="ExpiredTokenException"),
    aws(403, "The security token included in the request is invalid.", AuthenticationError, "not enabled for the account", name="UnrecognizedClientException"),
    aws(403, "The request signature we calculated does not match the signature you provided.", AuthenticationError, "secret access key", name="InvalidSignatureException"),
    aws(403, "Signature expired: 20261127T070000Z is now earlier than 20261127T071000Z", AuthenticationError, "clock", name="InvalidSignatureException"),
    aws(403, "Credential should be scoped to correct service: 'bedrock'.", AuthenticationError, "`base_url`", name="InvalidSignatureException"),
    # Bedrock: models and places.
    aws(400, "Invocation of model ID anthropic.claude-opus-4-6-v1 with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN of an inference profile that contains this model.", InvalidRequestError, "global.anthropic.claude-opus-4-6-v1"),
    aws(400, "The model ID or ARN us.anthropic.claude-x does not exist", NotFoundError, "geography"),
    aws(400, "The provided model identifier is invalid.", NotFoundError, "geography"),
    aws(404, "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days. Please upgrade to an active model on Amazon Bedrock", NotFoundError, "newer model", name="ResourceNotFoundException"),
    aws(404, "This model version has reached the end of its life. Please refer to the AWS documentation for more details.", NotFoundError, "newer model", name="ResourceNotFoundException"),
    aws(400, "The provided model doesn't support counting tokens.", InvalidRequestError, "bare foundation model id"),
    Seen("bedrock", 200, '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}', NotFoundError, ("`base_url`", "404")),
    Seen("vertex", 200, '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}', NotFoundError, ("`base_url`", "aiplatform.googleapis.com")),
    Seen("vertex", 404, '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}', NotFoundError, ("`base_url`", "aiplatform.googleapis.com")),
    Seen("vertex", 404, "<html><title>Error 404 (Not Found)!!1</title><p>The requested URL <code>/v2/projects/p</code> was not found on this server. <ins>That is all we know.</ins></html>", NotFoundError, ("`base_url`",)),
    aws(400, "This model version has reached the end of its life.", NotFoundError, "newer model"),
    aws(400, "The model is not supported in this region", NotFoundError, "geography"),
    google(400, "FAILED_PRECONDITION", "Precondition check failed.", PermissionDeniedError, "not the request"),
    google(400, "FAILED_PRECONDITION", "Project p has not accepted the terms of service for the publisher model.", PermissionDeniedError, "terms of service"),
    # Bedrock: throttles and limits.
    aws(429, "Too many tokens, please wait before trying again.", RateLimitError, "`max_tokens`", 'inference_profile="global"', name="ThrottlingException"),
    aws(429, "Too many tokens, please wait before trying again.", RateLimitError, "`max_tokens`", "list of regions", name="ThrottlingException", model="global.anthropic.claude-opus-4-6-v1"),
    aws(429, "Too many requests, please wait before trying again.", RateLimitError, "Service Quotas", "list of regions", name="ThrottlingException", model="global.anthropic.claude-opus-4-6-v1"),
    aws(503, "Too many connections, please wait before trying again.", ServerError, "try again", name="ServiceUnavailableException"),
    aws(400, "Input is too long for requested model.", ContextOverflowError, "Shorten"),
    claude("bedrock", 400, "invalid_request_error", "invalid beta flag", InvalidRequestError, "`betas`"),
    aws(400, 'The model returned the following errors: {"type":"error","error":{"type":"invalid_request_error","message":"tools.0.custom.defer_loading: Extra inputs are not permitted"}}', InvalidRequestError, "leave the field out"),
    Seen("bedrock", 404, '{"detail":"Not Found"}', NotFoundError, ("proxy, firewall or gateway",)),
    aws(400, 'litellm.BadRequestError: BedrockException - {"message":"The provided model identifier is invalid."}. Received Model Group=claude\nAvailable Model Group Fallbacks=None', NotFoundError, ": The provided model identifier is invalid. ", "Check the id"),
    aws(400, 'litellm.BadRequestError: VertexAIException BadRequestError - b\'{\\n  "error": {\\n    "code": 400,\\n    "message": "Location us-east5 isn\\\'t \\\\"one\\\\"",\\n    "status": "INVALID_ARGUMENT"\\n  }\\n}\\n\'  -', InvalidRequestError, ": Location us-east5 isn't \"one\"."),
    aws(400, 'litellm.BadRequestError: AnthropicException - {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}', PermissionDeniedError, "credit"),
    aws(400, 'litellm.ContextWindowExceededError: litellm.BadRequestError: BedrockException: Context Window Error - {"message":"Input is too long for requested model."}', ContextOverflowError, ": Input is too long for requested model. Shorten"),
    Seen("vertex", 412, '{"status":"failure","message":"Portkey Error: Usage limit exceeded. Error code: 04"}', PermissionDeniedError, ("another account",)),
    Seen("vertex", 402, '{"error":{"message":"Insufficient funds","type":"insufficient_funds"}}', PermissionDeniedError, ("add credit",)),
    # Vertex AI: about the project.
    google(400, "FAILED_PRECONDITION", f"Publisher Model {PUBLISHER} is not servable in region global.", NotFoundError, "other than global"),
    google(400, "FAILED_PRECONDITION", f"Project `p` is not allowed to use Publisher Model `{PUBLISHER}`", PermissionDeniedError, "Model Garden"),
    google(400, "FAILED_PRECONDITION", f"Publisher Model {PUBLISHER} requires data sharing to be enabled for publisher anthropic.", PermissionDeniedError, "data sharing", "Model Garden"),
    google(400, "FAILED_PRECONDITION", "Organization Policy constraint constraints/vertexai.allowedModels violated for projects/p attempting to use a disallowed Gen AI model claude-sonnet-5.", PermissionDeniedError, "constraints/vertexai.allowedModels"),
    google(400, "FAILED_PRECONDITION", "Organization Policy constraint constraints/vertexai.allowedPartnerModelFeatures violated: publishers/anthropic/models/claude-sonnet-5:structured_outputs", InvalidRequestError, "allowedPartnerModelFeatures"),
    google(400, "FAILED_PRECONDITION", "Organization Policy constraint constraints/gcp.resourceLocations violated for projects/p", PermissionDeniedError, "constraints/gcp.resourceLocations forbids", "`region`"),
    google(403, "PERMISSION_DENIED", "Operation denied by org policy: [constraints/gcp.restrictServiceUsage]", PermissionDeniedError, "constraints/gcp.restrictServiceUsage forbids"),
    google(403, "PERMISSION_DENIED", "Your application is authenticating by using local Application Default Credentials. The aiplatform.googleapis.com API requires a quota project, which is not set by default.", PermissionDeniedError, "set-quota-project"),
    google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on resource due to deny policy.", PermissionDeniedError, "no role overrides"),
    google(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: HICD57WF", PermissionDeniedError, "VPC Service Controls", reason="SECURITY_POLICY_VIOLATED"),
    google(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy.", PermissionDeniedError, "organization"),
    google(400, "FAILED_PRECONDITION", "User location is not supported for the API use.", PermissionDeniedError, "country"),
    google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/p' (or it may not exist).", PermissionDeniedError, "aiplatform.endpoints.predict", reason="IAM_PERMISSION_DENIED", advises_iam=True),
    google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.computeTokens' denied on resource '//aiplatform.googleapis.com/projects/p' (or it may not exist).", PermissionDeniedError, "aiplatform.endpoints.computeTokens", reason="IAM_PERMISSION_DENIED", advises_iam=True),
    google(403, "PERMISSION_DENIED", "Vertex AI API has not been used in project 1 before or it is disabled.", PermissionDeniedError, "gcloud services enable", reason="SERVICE_DISABLED"),
    google(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.", PermissionDeniedError, "billing", reason="BILLING_DISABLED"),
    google(403, "PERMISSION_DENIED", "Consumer 'projects/p' has been suspended.", PermissionDeniedError, "suspended", reason="CONSUMER_SUSPENDED"),
    google(403, "PERMISSION_DENIED", "Permission denied on resource project p.", PermissionDeniedError, "`project`", reason="CONSUMER_INVALID"),
    google(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", PermissionDeniedError, "auth/cloud-platform", reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.", AuthenticationError, "gcloud auth", reason="ACCESS_TOKEN_EXPIRED"),
    google(404, "NOT_FOUND", f"Publisher Model `{PUBLISHER}` was not found or your project does not have access to it.", NotFoundError, "Model Garden", "eu-west-1"),
    google(400, "INVALID_ARGUMENT", "Invalid hostname for Vertex AI", NotFoundError, "`base_url`"),
    # Vertex AI: throttles and limits.
    google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model with base model: anthropic-claude-opus-4.", RateLimitError, "online_prediction_input_tokens_per_minute_per_base_model", "counts tokens"),
    claude("vertex", 429, "rate_limit_error", "You have reached your spend limit.", RateLimitError, "Not retried", "IAM & Admin > Quotas"),
    google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: anthropic-claude-3-7-sonnet.", RateLimitError, "online_prediction_requests_per_base_model"),
    google(499, "CANCELLED", "The operation was cancelled.", ServerError, "try again"),
    claude("vertex", 413, "invalid_request_error", "Prompt is too long", ContextOverflowError, "Shorten"),
    claude("vertex", 400, "invalid_request_error", "Unexpected value(s) `oauth-2025-04-20` for the `anthropic-beta` header.", InvalidRequestError, "Take `oauth-2025-04-20`"),
    claude("vertex", 200, "overloaded_error", "Overloaded", OverloadedError, "529"),
    Seen("vertex", 400, '{"error":{"code":400,"message":"{\\"type\\":\\"error\\",\\"error\\":{\\"type\\":\\"invalid_request_error\\",\\"message\\":\\"prompt is too long: 9 tokens\\"}}","status":"INVALID_ARGUMENT"}}', ContextOverflowError, (": prompt is too long: 9 tokens.",)),
    Seen("vertex", 502, '{"detail":"Upstream failed: {\\"error\\":{\\"code\\":429,\\"message\\":\\"Resource exhausted\\",\\"status\\":\\"RESOURCE_EXHAUSTED\\"}}"}', RateLimitError, (": Resource exhausted.",)),
    # Before the cloud.
    Seen("vertex", 403, b"<html><head><title>Access Denied by ZProxy</title></head></html>", PermissionDeniedError, ("Access Denied by ZProxy", "HTTPS_PROXY")),
    Seen("bedrock", 403, b"<html><head><title>403 Forbidden</title></head></html>", PermissionDeniedError, ("not from Amazon Bedrock", "`base_url`")),
    Seen("bedrock", 403, b"RBAC: access denied", PermissionDeniedError, ("HTTPS_PROXY",)),
    Seen("vertex", 413, b"<html><title>413 Request Entity Too Large</title></html>", RequestTooLargeError, ("proxy",)),
)  # fmt: skip


def error_of(seen: Seen) -> ClaudeCloudError:
    """Return what a body becomes."""
    body = seen.body if isinstance(seen.body, bytes) else seen.body.encode()
    headers = {"x-amzn-ErrorType": seen.name} if seen.name else {}
    return error_from_response(
        seen.status, headers, body, platform=seen.platform, model=seen.model, region="eu-west-1"
    )


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: str(seen.body)[:70])
def test_a_real_text_becomes_the_right_error_with_the_right_advice(seen: Seen) -> None:
    """The class lets failover decide; the advice is about what the text says, and only that."""
    error = error_of(seen)
    text = str(error)
    assert type(error) is seen.expected, text
    for part in seen.says:
        assert part in text
    hint = text.replace(json.loads(seen.body).get("message", "") if seen.name else "", "")
    if not seen.advises_iam and isinstance(error, PermissionDeniedError | AuthenticationError):
        assert not [words for words in IAM if words in hint], hint


def test_every_known_text_was_seen() -> None:
    """No row of the table is there without a body that it explains."""
    explained = {id(error_of(seen).args[0].known) for seen in SEEN}
    unseen = [known.says for known in known_errors().errors if id(known) not in explained]
    assert unseen == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "messages.0.content: 'Operation not allowed' is not a block"),
        (400, 'messages.0: {"error": {"type": "overloaded_error", "message": "x"}} is no block'),
        (400, "tools.0.description: may not say UnknownOperationException"),
        (400, "messages.3.content.0.text: 'Your account is not authorized to use this' is refused"),
        (400, "system.0.text: The security token included in the request is expired"),
        (400, "tools.0.custom.description: 'prompt is too long' is not allowed"),
        (
            400,
            "messages.0: the word API_KEY_INVALID, or 'The provided model identifier is invalid'",
        ),
    ],
)
def test_a_text_that_only_quotes_another_is_taken_for_what_it_is(status: int, message: str) -> None:
    """What the caller wrote may stand in a refusal, and explains nothing."""
    error = error_of(aws(status, message, InvalidRequestError))
    assert type(error) is InvalidRequestError
    assert message.split(":", maxsplit=1)[0] in str(error)


def test_an_explanation_is_written_when_it_is_shown_and_survives_a_pickle() -> None:
    """An error that is retried costs no text; one that crosses a process keeps its own."""
    error = error_of(SEEN[0])
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert str(copied) == str(error)
    assert repr(error) == f"PermissionDeniedError({str(error)!r})"


@pytest.mark.parametrize(("status", "shown"), [(404, True), (403, False), (429, False)])
def test_a_note_about_the_model_is_shown_where_it_was_not_found(
    status: int, *, shown: bool
) -> None:
    """A name that the catalogue does not have explains why a cloud does not have it either."""
    note = "claude-sonet is not in the catalogue."
    error = error_from_response(
        status,
        {},
        b"{}",
        platform="vertex",
        model="m",
        region="r",
        note_if_not_found=lambda model: f"About {model}: {note}",
    )
    assert (f"About m: {note}" in str(error)) is shown
