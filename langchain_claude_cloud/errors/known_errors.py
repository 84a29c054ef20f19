"""What the clouds are known to say, what it means, and what to do about it.

``docs/errors.md`` is made from this table. Where the texts were seen is said beside them: by the
name of a repository's issue, or of the vendor's page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.errors.error_types import ErrorKind
from langchain_claude_cloud.errors.parsing import NOT_JSON
from langchain_claude_cloud.errors.types import Cloud

REFUSALS: Final[frozenset[ErrorKind]] = frozenset(
    ("authentication", "permission", "not_found", "invalid", "too_large")
)
"""Kinds of error that a text may explain further; a throttle or an outage explains itself."""

_INVALID: Final[frozenset[ErrorKind]] = frozenset(("invalid", "too_large"))
_DENIED: Final[frozenset[ErrorKind]] = frozenset(("authentication", "permission"))
_THROTTLED: Final[frozenset[ErrorKind]] = frozenset(("rate_limit",))

CLOCK: Final = (
    r"Signature expired|Signature not yet current|RequestTimeTooSkewed|RequestInTheFuture"
    r"|RequestExpired|short-lived token.{0,40}reasonable timeframe|Token used too (?:early|late)"
)
"""What AWS, its STS and Google's token endpoint say to a signature from another time."""


@dataclass(frozen=True, slots=True)
class KnownError:
    """One thing that a cloud says.

    Attributes:
        says: The cloud's words, shortened, for the documentation.
        pattern: What is searched for in the message, the error's type and its reasons.
        meaning: What it means, for the documentation.
        hint: What to do. Named groups of the pattern and the facts about the call may be used.
        cloud: The cloud that says it; None for both.
        kind: What it is, where the status says otherwise.
        only: The kinds of error, by status and type, that the text is looked for in.
    """

    says: str
    pattern: re.Pattern[str]
    meaning: str
    hint: str
    cloud: Cloud | None = None
    kind: ErrorKind | None = None
    only: frozenset[ErrorKind] = REFUSALS


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_FIRST = (
    KnownError(
        "Signature expired; Token used too early",
        _text(CLOCK),
        "This machine's clock is wrong.",
        "{clock}",
        kind="authentication",
    ),
    KnownError(
        "Prompt is too long; input length and `max_tokens` exceed context limit",
        _text(
            r"prompt is too long"
            r"|input length and `?max_tokens`? exceed context limit"
            r"|input is too long"
            r"|too many total text bytes"
            r"|number of input tokens exceeds"
            # One way only to match each word: two would take time by the fourth power.
            r"|exceed(?:s|ed|ing)? (?:[\w'\N{RIGHT SINGLE QUOTATION MARK}]+ ){0,4}"
            r"context (?:limit|window|length)"
            r"|maximum context length"
        ),
        "The prompt, or the prompt and `max_tokens` together, do not fit into the context window.",
        "Shorten the history or the files, or choose a larger context window.",
        kind="overflow",
        only=_INVALID,
    ),
    KnownError(
        "request payload size exceeds the limit",
        _text(r"(?:payload|body|request) (?:size|is too large)"),
        "The request's body is larger than the cloud takes.",
        "A request may have {most} MB: send smaller or fewer files.",
        kind="too_large",
        only=_INVALID,
    ),
    KnownError(
        "(a web page, or text that is not JSON)",
        _text(f"^{NOT_JSON}$"),
        "A proxy, firewall or gateway answered before the cloud did.",
        "The answer comes from a proxy, firewall or gateway on the way, not from {label}. Check "
        "HTTPS_PROXY, NO_PROXY and `base_url`, and have the network let the cloud's host through.",
    ),
)

_BOTH = (
    KnownError(
        "Unexpected value(s) `...` for the `anthropic-beta` header",
        _text(r"Unexpected value\(s\) (?P<beta>.+?) for the `anthropic-beta` header"),
        "The model does not know a beta on this cloud.",
        "Take {beta} out of `betas`: this model does not know it on {label}.",
    ),
    KnownError(
        "invalid beta flag",
        _text(r"invalid beta flag"),
        "The model does not know one of the betas on this cloud, which does not say which.",
        "One of the betas sent (`betas`, in the body's `anthropic_beta`) is not known to "
        "{model} on {label}: take out those that it does not need.",
    ),
    KnownError(
        "not allowed from unsupported countries, regions, or territories",
        _text(r"unsupported countries, regions|User location is not supported"),
        "Anthropic does not serve the place that the request comes from.",
        "Send the request from a country where Anthropic serves its models.",
        kind="permission",
    ),
    KnownError(
        "marked by provider as Legacy; has reached the end of its life",
        _text(r"marked by provider as Legacy|end of its life"),
        "The model is being retired, or is gone.",
        "Choose a newer model: this one is being retired.",
        kind="not_found",
    ),
    KnownError(
        "doesn't support counting tokens",
        _text(r"support(?:s|ed)? (?:for )?(?:counting tokens|token counting)"),
        "The cloud does not count tokens for this model or profile.",
        "Count with another model of the family, or with its bare foundation model id.",
    ),
    KnownError(
        "Extra inputs are not permitted",
        _text(r"Extra inputs are not permitted"),
        "The model does not take a field of the request on this cloud.",
        "This model does not take that field on {label}: leave the field out.",
    ),
)

# Explicit denies: amazon-bedrock-copilot-chat#396, sample-badgers#33, positron#10683,
# aws-control-tower-customizations#211. Marketplace: claude-code#9681, opensre#1811. The use-case
# form: truefoundry/models#934. API keys: open-science#53. Regions: earendil-works/pi#3487.
_BEDROCK = (
    KnownError(
        "data retention mode 'default' is not available for this model",
        _text(r"data retention mode '[^']{0,40}' is not available for this model"),
        "The model is served only to accounts that chose another data retention mode, per region.",
        "Set the account's data retention mode for {region} to one that the model takes "
        "(PutAccountDataRetention; mind what is then kept and shared), or choose another model.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "Model use case details have not been submitted for this account",
        _text(r"use[- ]case (?:details|form)|filled out the .{0,40}form"),
        "Nobody has filled in Anthropic's form for first-time users in this account.",
        "Fill in Anthropic's use case form once for the account or its organization (Bedrock "
        "console, Model catalog), and try again after 15 minutes.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "Operation not allowed",
        _text(r"^(?:ValidationException: )?Operation not allowed\.?$"),
        "AWS has not released the account for Bedrock's models, as happens to new accounts.",
        "AWS holds this account back, in this region or as a whole: ask AWS Support to release it "
        "for Amazon Bedrock.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "Your account is not authorized to invoke this API operation; Account is suspended",
        _text(
            r"Your account is not authorized to (?:invoke this API operation|use )"
            r"|Account is (?:in a )?suspended"
        ),
        "AWS has not released the account for this operation, or has suspended it.",
        "AWS holds this account back: ask AWS Support to release it for Amazon Bedrock.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT",
        _text(r"INVALID_PAYMENT_INSTRUMENT|valid payment instrument"),
        "The model is sold through AWS Marketplace, and the account has no valid way to pay.",
        "Add a valid payment method to the AWS account that pays (Billing console), then wait some "
        "minutes.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "not authorized to perform the required AWS Marketplace actions",
        _text(r"aws-marketplace:|AWS Marketplace (?:actions|subscription)|subscription being "),
        "The account has no Marketplace subscription to the model yet, and the caller may not make "
        "one.",
        "Subscribe the account to the model once: somebody with aws-marketplace:Subscribe and "
        "aws-marketplace:ViewSubscriptions opens it in the Bedrock console or calls it; then wait "
        "some minutes.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "does not have an agreement to this model",
        _text(r"does not have an agreement"),
        "The model's terms have not been accepted in this account.",
        "Accept the model's agreement once in the Bedrock console (Model catalog).",
        "bedrock",
        "permission",
    ),
    KnownError(
        "on resource: arn:aws:bedrock:::foundation-model/... with an explicit deny",
        _text(
            r"resource: arn:aws[a-z-]*:bedrock:::\S+ with an explicit deny in an? "
            r"(?P<policy>[a-z -]{1,40}policy|permissions boundary)"
        ),
        "A policy denies what has no region in its ARN, which is how the global inference profile "
        "asks. No allow overrides a deny.",
        "The {policy} denies the global inference profile, whose resource names no region, and no "
        'allow overrides that: use a profile of a geography (inference_profile="us", "eu", ...) '
        "whose regions the policy leaves open, or have Bedrock excepted from the deny.",
        "bedrock",
    ),
    KnownError(
        "on resource: arn:aws:bedrock:<region>:... with an explicit deny in a ... policy",
        _text(
            r"resource: arn:aws[a-z-]*:bedrock:(?P<place>[a-z0-9-]+):\S+ with an explicit deny in "
            r"an? (?P<policy>[a-z -]{1,40}policy|permissions boundary)"
        ),
        "A policy denies Bedrock in a region that the inference profile may route to. No allow "
        "overrides a deny.",
        "The {policy} denies it in {place}, where the request may be routed, and no allow "
        "overrides that: choose a region or inference profile that stays where the policy leaves "
        "it open, or have Bedrock excepted from the deny.",
        "bedrock",
    ),
    KnownError(
        "with an explicit deny in a ... policy",
        _text(r"explicit deny in an? (?P<policy>[a-z -]{1,40}policy|permissions boundary)"),
        "A policy denies the call. No allow overrides a deny.",
        "The {policy} denies it, and no allow overrides that: have its administrator change or "
        "except it.",
        "bedrock",
    ),
    KnownError(
        "because no service control policy allows the ... action",
        _text(
            r"because no (?P<policy>service control policy|resource control policy"
            r"|VPC endpoint policy|permissions boundary|session policy)"
            r" allows the (?P<action>[\w-]+:\w+) action"
        ),
        "A policy that limits the identity's own does not list the action.",
        "The {policy} must list {action}: what the identity's own policies allow is not enough.",
        "bedrock",
    ),
    KnownError(
        "is not authorized to perform: bedrock:CallWithBearerToken",
        _text(r"bedrock:CallWithBearerToken"),
        "The identity behind the Bedrock API key may not use API keys.",
        "Allow the identity behind the API key bedrock:CallWithBearerToken.",
        "bedrock",
        "permission",
    ),
    KnownError(
        "User: ... is not authorized to perform: bedrock:ApplyGuardrail on resource: ...",
        _text(
            r"is not authorized to perform: (?P<action>(?!bedrock:Invoke)[\w-]+:\w+)"
            r"(?: on resource: (?P<resource>arn:[^\s\"]+))?"
        ),
        "The identity's policies do not allow an action that the request needs beside the call: "
        "for a guardrail, an encryption key or the counting of tokens.",
        "Allow the identity {action} on {resource}.",
        "bedrock",
    ),
    KnownError(
        "User: ... is not authorized to perform: bedrock:InvokeModel on resource: ...",
        _text(
            r"is not authorized to perform: (?P<action>[\w-]+:\w+)"
            r"(?: on resource: (?P<resource>arn:[^\s\"]+))?"
        ),
        "The identity's policies do not allow the action.",
        "Allow the identity {action} on {resource}; an inference profile takes it on the profile "
        "and on the model in all regions that it routes to.",
        "bedrock",
    ),
    KnownError(
        "You don't have access to the model with the specified model ID",
        _text(r"You don't have access to the model"),
        "The account has not been given the model in this region.",
        "Get access to {model} for the account in the Bedrock console, in {region} and in the "
        "regions that its inference profile routes to.",
        "bedrock",
    ),
    KnownError(
        "Invalid API Key format: Must start with pre-defined prefix",
        _text(
            r"Invalid API Key format|API key is (?:not )?valid|Bearer Token has expired"
            r"|API key (?:has|is) expired"
        ),
        "The Bedrock API key is cut, expired, of another region or of another vendor.",
        "The Bedrock API key is not accepted: give the whole key (ABSK... or bedrock-api-key-...), "
        "made for {region} and not expired, as `api_key` or in AWS_BEARER_TOKEN_BEDROCK.",
        "bedrock",
        "authentication",
    ),
    KnownError(
        "Credential should be scoped to a valid region; ... to correct service",
        _text(r"Credential should be scoped to (?:a valid region|correct service)"),
        "The request was signed for another region or service than the address belongs to.",
        "The request is signed for Amazon Bedrock in {region}, and its address is another region's "
        "or service's: make `region` and `base_url` (or AWS_ENDPOINT_URL_BEDROCK_RUNTIME) name the "
        "same one.",
        "bedrock",
        "authentication",
    ),
    KnownError(
        "The request signature we calculated does not match",
        _text(r"signature we calculated does not match|SignatureDoesNotMatch"),
        "The secret key is wrong, or something on the way changed the request.",
        "Check the secret access key, and that no proxy changes the host, the path or x-amz-* "
        "headers.",
        "bedrock",
    ),
    KnownError(
        "The security token included in the request is expired",
        _text(r"\bexpired\b|ExpiredToken"),
        "The session's keys or token have run out.",
        "Renew the credentials (aws sso login, a new session token, a new API key) or use "
        "`profile` or `role_arn`, which renew themselves.",
        "bedrock",
        "authentication",
        _DENIED | _INVALID,
    ),
    KnownError(
        "The security token included in the request is invalid",
        _text(r"security token included in the request is invalid"),
        "AWS does not know the access key, or the session token is not the key's.",
        "The access key does not exist, its session token is missing or of another key, or the "
        "region {region} is not enabled for the account.",
        "bedrock",
        "authentication",
    ),
    KnownError(
        "with on-demand throughput isn't supported",
        _text(r"on-demand throughput"),
        "The model is served through inference profiles only.",
        "This model is served through inference profiles only: leave "
        '`inference_profile="auto"`, or name a profile such as global.{bare}, us.{bare} or '
        "eu.{bare}, or the ARN of one that contains it.",
        "bedrock",
    ),
    KnownError(
        "The provided model identifier is invalid",
        _text(
            r"model identifier is invalid|model is not supported in this region"
            r"|Could not resolve the foundation model"
        ),
        "Bedrock has no such model or inference profile in this region.",
        "Check the id {model} and whether {region} has it: an inference profile's prefix "
        "(global., us., eu., ...) must belong to the region's geography.",
        "bedrock",
        "not_found",
    ),
    KnownError(
        "UnknownOperationException (with HTTP 200)",
        _text(r"^UnknownOperationException$"),
        "The address is not of Bedrock's runtime, or the path is wrong.",
        "The address does not know this operation: choose another `api` of Bedrock ('invoke' is "
        "everywhere); `base_url` must be the runtime's (https://bedrock-runtime.<region>"
        ".amazonaws.com), mantle's for api='mantle', or a gateway's that serves their paths.",
        "bedrock",
    ),
    KnownError(
        "Too many tokens, please wait before trying again",
        _text(r"too many tokens"),
        "The quota of tokens is used up. Bedrock counts a request's input and its `max_tokens` "
        "when it starts.",
        "Bedrock counts the input and the whole `max_tokens` of a request when it starts: set a "
        "lower `max_tokens`, or have the tokens-per-minute quota of {region} raised (Service "
        "Quotas). {spread}",
        "bedrock",
        only=_THROTTLED,
    ),
)

# Organization policies and VPC-SC: docs.cloud.google.com and python-aiplatform#5132. Regions:
# hermes-agent#32678. Model Garden: uni-api#41.
_VERTEX = (
    KnownError(
        "UnknownOperationException, or Google's page for an unknown path",
        _text(r"^UnknownOperationException$|requested URL \S+ was not found on this server"),
        "The address is not of Vertex AI, or the path is wrong.",
        "The address does not know this operation: `base_url` must be that of Vertex AI "
        "(https://<region>-aiplatform.googleapis.com/v1), or a gateway's that serves its paths; "
        "leave it out for Google's own address.",
        "vertex",
    ),
    KnownError(
        "Organization Policy constraint constraints/vertexai.allowedPartnerModelFeatures",
        _text(r"constraints/vertexai\.allowedPartnerModelFeatures"),
        "The organization's policy does not list a feature, such as structured output.",
        "The organization's policy constraints/vertexai.allowedPartnerModelFeatures does not list "
        "this feature for the model: have its administrator add it, or do without the feature.",
        "vertex",
        "invalid",
    ),
    KnownError(
        "Organization Policy constraint constraints/vertexai.allowedModels",
        _text(r"constraints/(?P<constraint>vertexai\.\w+)"),
        "The organization's policy does not list the model.",
        "The organization's policy constraints/{constraint} does not list {model}: have its "
        "administrator add it (publishers/anthropic/models/...), or choose a model that is listed.",
        "vertex",
        "permission",
    ),
    KnownError(
        "Organization Policy constraint constraints/gcp.resourceLocations",
        _text(r"constraints/(?P<constraint>(?:\w+\.)?\w+)"),
        "A policy of the organization forbids the region, the service or something else about the "
        "call. No role lifts that.",
        "The organization's policy constraints/{constraint} forbids the call: have its "
        "administrator say what it leaves open, such as another `region`, or except the project.",
        "vertex",
        "permission",
    ),
    KnownError(
        "The aiplatform.googleapis.com API requires a quota project, which is not set by default",
        _text(r"requires a quota project"),
        "User credentials name no project of their own.",
        "Set `quota_project`, or run gcloud auth application-default set-quota-project.",
        "vertex",
        "permission",
    ),
    KnownError(
        "... denied ... due to deny policy",
        _text(r"deny policy|DENY_POLICY"),
        "An IAM deny policy takes the permission away. No role gives it back.",
        "An IAM deny policy denies it, and no role overrides that: have its administrator except "
        "the caller.",
        "vertex",
        "permission",
    ),
    KnownError(
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: ...",
        _text(r"vpcServiceControlsUniqueIdentifier|^SECURITY_POLICY_VIOLATED$"),
        "A VPC Service Controls perimeter blocks the request. No role lifts that.",
        "A VPC Service Controls perimeter blocks the request: give the identifier to whoever "
        "administers it, for an ingress or egress rule or an access level, or send from inside.",
        "vertex",
        "permission",
    ),
    KnownError(
        "Request is prohibited by organization's policy",
        _text(r"prohibited by organization's policy"),
        "A policy of the organization blocks the request.",
        "Have the organization's administrator say which policy blocks it, and except it.",
        "vertex",
        "permission",
    ),
    KnownError(
        "requires data sharing to be enabled for publisher",
        _text(r"requires data sharing to be enabled"),
        "The model is served only to projects that share data with its publisher.",
        "Accept data sharing with the publisher for this project, on the model's page in Model "
        "Garden, or choose a model that needs none.",
        "vertex",
        "permission",
    ),
    KnownError(
        "Publisher Model ... is not servable in region global",
        _text(r"is not servable in region (?P<place>[\w-]+)"),
        "The model is not served in this region.",
        'Ask in a region that serves {model}, other than {place}: `region="global"`, "us" or "eu", '
        "or one that its page in Model Garden lists.",
        "vertex",
        "not_found",
    ),
    KnownError(
        "Project ... is not allowed to use Publisher Model ...",
        _text(r"is not allowed to use Publisher Model"),
        "The model has not been enabled for the project.",
        "Enable the model for this project in Model Garden "
        "(https://console.cloud.google.com/vertex-ai/model-garden).",
        "vertex",
        "permission",
    ),
    KnownError(
        "Permission 'aiplatform.endpoints.predict' denied on resource ...",
        _text(r"Permission '(?P<permission>[\w.]+)' denied"),
        "The caller lacks a permission on the project.",
        "Grant the caller the permission {permission} (role Vertex AI User, "
        "roles/aiplatform.user, has those that Claude needs) on the project.",
        "vertex",
    ),
    KnownError(
        "Vertex AI API has not been used in project ... (SERVICE_DISABLED)",
        _text(r"SERVICE_DISABLED|has not been used in project"),
        "The API is not enabled in the project.",
        "Enable the API: gcloud services enable aiplatform.googleapis.com.",
        "vertex",
        "permission",
    ),
    KnownError(
        "This API method requires billing to be enabled (BILLING_DISABLED)",
        _text(r"BILLING_DISABLED|requires billing to be enabled"),
        "The project has no billing account.",
        "Enable billing for the project.",
        "vertex",
        "permission",
    ),
    KnownError(
        "Consumer ... has been suspended (CONSUMER_SUSPENDED)",
        _text(r"CONSUMER_SUSPENDED|has been suspended"),
        "Google has suspended the project.",
        "Ask Google Cloud's support why the project is suspended.",
        "vertex",
    ),
    KnownError(
        "Request had insufficient authentication scopes",
        _text(r"ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficient authentication scopes"),
        "The access token is not for the cloud's APIs.",
        "The access token lacks the scope https://www.googleapis.com/auth/cloud-platform.",
        "vertex",
    ),
    KnownError(
        "Permission denied on resource project ... (CONSUMER_INVALID)",
        _text(r"CONSUMER_INVALID|USER_PROJECT_DENIED"),
        "The project, or the project that pays for the quota, does not exist or is not the "
        "caller's.",
        "Check `project` (it must be the project's id) and `quota_project`, and that the "
        "caller may use them (aiplatform.endpoints.predict, serviceusage.services.use).",
        "vertex",
    ),
    KnownError(
        "Invalid hostname",
        _text(r"^Invalid hostname"),
        "The address is not one that Vertex AI has for the region.",
        "Leave out `base_url`, or give an address that serves the region {region}.",
        "vertex",
        "not_found",
    ),
    KnownError(
        "Quota exceeded for .../online_prediction_input_tokens_per_minute_per_base_model",
        _text(r"\b(?P<metric>\w*(?:input|output)_tokens_per_\w+)"),
        "The quota of tokens is used up, not that of requests.",
        "The quota {metric} counts tokens, not requests: send shorter prompts or cache them, ask "
        "for fewer tokens, or have that quota raised (IAM & Admin > Quotas); {elsewhere}",
        "vertex",
        only=_THROTTLED,
    ),
    KnownError(
        "... has not accepted the terms of service",
        _text(r"not accepted .{0,40}terms"),
        "The model's terms have not been accepted for the project.",
        "Accept the terms on the model's page in Model Garden, as an owner of the project.",
        "vertex",
        "permission",
    ),
)

# Google's code for all that is wrong with a project's state, where its text is not known.
_LAST = (
    KnownError(
        "FAILED_PRECONDITION",
        _text(r"^FAILED_PRECONDITION$"),
        "A state of the project or its organization forbids the request.",
        "This is about the project or its organization, not the request: change there what the "
        "message names, or use another project, region or cloud.",
        "vertex",
        "permission",
    ),
)

KNOWN_ERRORS: Final[tuple[KnownError, ...]] = (*_FIRST, *_BEDROCK, *_VERTEX, *_BOTH, *_LAST)
"""The table, most exact first within a cloud."""

HINTS_BY_KIND: Final[Mapping[tuple[Cloud | None, ErrorKind], str]] = {
    ("vertex", "authentication"): (
        "The Google credentials are missing, expired or not accepted: run `gcloud auth "
        "application-default login`, point GOOGLE_APPLICATION_CREDENTIALS at a key, or pass "
        "a fresh `access_token`."
    ),
    ("vertex", "permission"): (
        "Grant the caller the permission aiplatform.endpoints.predict (role Vertex AI User, "
        "roles/aiplatform.user) on the project, and enable the model in Model Garden."
    ),
    ("vertex", "not_found"): (
        "Enable {model} for the project in Model Garden, and check that it is served in the "
        'region {region}: newer models are served only at `region="global"`, "us" or "eu".'
    ),
    ("vertex", "rate_limit"): (
        "See the project's quotas (IAM & Admin > Quotas, "
        "online_prediction_requests_per_base_model); {elsewhere}"
    ),
    ("bedrock", "authentication"): (
        "The AWS credentials are missing, expired or not accepted: check `profile`, the keys "
        "or `api_key` (AWS_BEARER_TOKEN_BEDROCK)."
    ),
    ("bedrock", "permission"): (
        "Allow the identity bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on "
        "the model and on the inference profile (all its regions), and get access to the "
        "model in the Bedrock console."
    ),
    ("bedrock", "not_found"): (
        "Get access to {model} in the Bedrock console, and check that the region {region} "
        "serves it."
    ),
    ("bedrock", "rate_limit"): "See Service Quotas for Amazon Bedrock in {region}; {spread}",
    (None, "too_large"): "A request may have {most} MB: send smaller or fewer files.",
    (None, "overflow"): "Shorten the history or the files, or choose a larger context window.",
    (None, "overloaded"): (
        "The model has no capacity at the moment: try again later, or give `platform` a list "
        "of regions or clouds to fail over to."
    ),
    (None, "server"): "The fault is the cloud's: try again.",
    (None, "timeout"): "The model took too long: try again, stream, or ask for fewer tokens.",
}
"""What to do about an error whose text tells nothing more."""
