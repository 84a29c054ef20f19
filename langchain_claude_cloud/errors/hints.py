"""Write an error's message: what the cloud said, about which model and where, and what to do.

The hint is chosen by the cloud's text where that is specific, else by the kind of error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.errors.classification import is_hopeless
from langchain_claude_cloud.errors.error_types import ErrorKind
from langchain_claude_cloud.errors.parsing import ParsedError
from langchain_claude_cloud.errors.types import LABELS, Cloud

# What AWS, its STS and Google's token endpoint say to a signature from another time.
_CLOCK: Final = (
    r"Signature expired|Signature not yet current|RequestTimeTooSkewed|RequestInTheFuture"
    r"|RequestExpired|short-lived token.{0,40}reasonable timeframe|Token used too (?:early|late)"
)
_WORTH_SAYING: Final = 60.0

# A hint for a text (or a machine-readable reason), on one cloud or on both (None).
_BY_TEXT: tuple[tuple[str, Cloud | None, str], ...] = (
    (
        r"Unexpected value\(s\) (?P<beta>.+?) for the `anthropic-beta` header",
        None,
        "Take {beta} out of `betas`: this model does not know it on {label}.",
    ),
    (
        r"invalid beta flag",
        None,
        (
            "One of the betas sent (`betas`, in the body's `anthropic_beta`) is not known to "
            "{model} on {label}: take out those that it does not need."
        ),
    ),
    (
        r"on-demand throughput",
        "bedrock",
        (
            "This model is served through inference profiles only: leave "
            '`inference_profile="auto"`, or name a profile such as global.{bare}, us.{bare} or '
            "eu.{bare}, or the ARN of one that contains it."
        ),
    ),
    (
        r"model identifier is invalid|Could not resolve the foundation model",
        "bedrock",
        (
            "Check the id {model} and whether {region} has it: an inference profile's prefix "
            "(global., us., eu., ...) must belong to the region's geography."
        ),
    ),
    (
        r"is not allowed to use Publisher Model",
        "vertex",
        (
            "Enable the model for this project in Model Garden "
            "(https://console.cloud.google.com/vertex-ai/model-garden)."
        ),
    ),
    (
        r"SERVICE_DISABLED|has not been used in project",
        "vertex",
        "Enable the API: gcloud services enable aiplatform.googleapis.com.",
    ),
    (r"BILLING_DISABLED", "vertex", "Enable billing for the project."),
    (
        r"ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficient authentication scopes",
        "vertex",
        "The access token lacks the scope https://www.googleapis.com/auth/cloud-platform.",
    ),
    (
        r"CONSUMER_INVALID|USER_PROJECT_DENIED",
        "vertex",
        (
            "Check `project` (it must be the project's id) and `quota_project`, and that the "
            "caller may use them (aiplatform.endpoints.predict, serviceusage.services.use)."
        ),
    ),
    (_CLOCK, None, "{clock}"),
    (
        r"signature we calculated does not match|SignatureDoesNotMatch",
        "bedrock",
        (
            "Check the secret access key, and that no proxy changes the host, the path or "
            "x-amz-* headers."
        ),
    ),
    (
        r"\bexpired\b.*|ExpiredToken",
        "bedrock",
        (
            "Renew the credentials (aws sso login, a new session token, a new API key) or use "
            "`profile` or `role_arn`, which renew themselves."
        ),
    ),
    (
        r"security token included in the request is invalid",
        "bedrock",
        "The access key does not exist, or its session token is missing or of another key.",
    ),
    (
        r"marked by provider as Legacy|end of its life",
        None,
        "Choose a newer model: this one is being retired.",
    ),
    (
        r"support(?:s|ed)? (?:for )?(?:counting tokens|token counting)",
        None,
        "Count with another model of the family, or with its bare foundation model id.",
    ),
    (
        r"Extra inputs are not permitted",
        None,
        "This model does not take that field on {label}: leave the field out.",
    ),
)

_BY_KIND: Mapping[tuple[Cloud | None, ErrorKind], str] = {
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
    ("bedrock", "rate_limit"): (
        "See Service Quotas for Amazon Bedrock in {region}; "
        '`inference_profile="global"` spreads requests over all regions and has quotas of '
        "its own."
    ),
    ("vertex", "too_large"): "A request may have 30 MB: send smaller or fewer files.",
    ("bedrock", "too_large"): "A request may have 20 MB: send smaller or fewer files.",
    (None, "overflow"): "Shorten the history or the files, or choose a larger context window.",
    (None, "overloaded"): (
        "The model has no capacity at the moment: try again later, or give `platform` a list "
        "of regions or clouds to fail over to."
    ),
    (None, "server"): "The fault is the cloud's: try again.",
    (None, "timeout"): "The model took too long: try again, stream, or ask for fewer tokens.",
}


def describe(
    parsed: ParsedError,
    kind: ErrorKind,
    *,
    platform: Cloud,
    model: str | None,
    region: str | None,
) -> str:
    """Return the exception's message: where, what the cloud said, and the hint."""
    facts = {
        "label": LABELS[platform],
        "model": model or "the model",
        "bare": _without_profile(model or "the model"),
        "region": region or "in use",
        "elsewhere": _elsewhere(region),
        "clock": clock_hint(parsed.clock_skew),
    }
    said = parsed.message.rstrip()
    # A full stop after an address would become part of the link.
    said += "" if said.endswith((".", "!", "?")) or "://" in said.split(" ")[-1] else "."
    hint = _hint(parsed, kind, platform, facts)
    return " ".join(part for part in (f"{_where(parsed, facts)}: {said}", hint) if part)


def is_clock_skew(text: str) -> bool:
    """Whether a parsed says that a signature or token comes from another time."""
    return re.search(_CLOCK, text) is not None


def clock_hint(skew: float | None = None) -> str:
    """Return what to do about a clock that is wrong.

    Args:
        skew: By how many seconds this machine's clock is ahead of the cloud's, if known.
    """
    hint = "The signature's time is too far from the cloud's: set this machine's clock (NTP)"
    if skew is None or abs(skew) < _WORTH_SAYING:
        return f"{hint}."
    direction = "ahead of" if skew > 0 else "behind"
    return f"{hint}, which is {abs(skew):,.0f} s {direction} the cloud's."


def _where(parsed: ParsedError, facts: Mapping[str, str]) -> str:
    answer = " ".join(str(part) for part in (parsed.status, parsed.error_type) if part)
    request = f", request id {parsed.request_id}" if parsed.request_id else ""
    return (
        f"{facts['label']} refused {facts['model']} (region {facts['region']}, "
        f"{answer or 'no status'}{request})"
    )


def _hint(parsed: ParsedError, kind: ErrorKind, platform: Cloud, facts: Mapping[str, str]) -> str:
    if is_hopeless(parsed, kind):
        waiting = "Not retried: a quota (zero in a new project) or spending limit must be raised."
        return f"{waiting} {_BY_KIND[platform, kind].format_map(facts)}"
    text = " ".join((parsed.error_type or "", *sorted(parsed.reasons), parsed.message))
    for pattern, cloud, hint in _BY_TEXT:
        found = re.search(pattern, text) if cloud in (None, platform) else None
        if found and _fits(kind):
            return hint.format_map({**facts, **found.groupdict()})
    general = _BY_KIND.get((platform, kind)) or _BY_KIND.get((None, kind), "")
    return general.format_map(facts)


def _fits(kind: ErrorKind) -> bool:
    # A text explains a parsed of this request; a throttle or an outage explains itself.
    return kind not in ("rate_limit", "server", "overloaded", "timeout", "overflow")


def _elsewhere(region: str | None) -> str:
    if region == "global":
        return 'the "us" and "eu" endpoints have quotas apart from those of the `global` endpoint.'
    return 'the `global` endpoint (`region="global"`) has quotas of its own.'


def _without_profile(model: str) -> str:
    return re.sub(r"^[a-z-]+\.(?=anthropic\.)", "", model)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The message of an error, written when it is shown: most errors are retried unseen."""

    parsed: ParsedError
    kind: ErrorKind
    platform: Cloud
    model: str | None
    region: str | None

    def __str__(self) -> str:
        return describe(
            self.parsed, self.kind, platform=self.platform, model=self.model, region=self.region
        )

    def __repr__(self) -> str:
        return repr(str(self))
