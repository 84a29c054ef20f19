"""Removes credentials, accounts and projects from a recording."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from langchain_claude_cloud.errors.redaction import redact

PROJECT: Final = "recorded-project"
ACCOUNT: Final = "123456789012"
_PREFIX: Final = "scrubbed-"

_SUBSTITUTIONS: Final = (
    # Who asked, in a refusal of AWS: account, role and session.
    (
        re.compile(r"(arn:aws[\w-]*:(?:iam|sts)::)\d{12}:[^\s\"']+"),
        rf"\g<1>{ACCOUNT}:user/recorded",
    ),
    (re.compile(r"(arn:aws[\w-]*:[\w-]*:[\w-]*:)\d{12}(?=:)"), rf"\g<1>{ACCOUNT}"),
    (re.compile(r"(\baccount(?: id)?:? )\d{12}\b", re.IGNORECASE), rf"\g<1>{ACCOUNT}"),
    (re.compile(r"(\bprojects?[/ ]+[`'\"]?)\d{6,}\b", re.IGNORECASE), rf"\g<1>{PROJECT}"),
    (re.compile(r"(\bprojects/)[\w:.-]+"), rf"\g<1>{PROJECT}"),
    (re.compile(r"\breq_[\w-]{8,}"), "req_recorded"),
)
_OPAQUE: Final = {"signature", "encrypted_content", "encrypted_index", "encrypted_stdout"}
"""Fields whose values only the cloud reads: signatures of thinking and the like."""


def scrub(value: object, projects: frozenset[str] = frozenset()) -> object:
    """Return JSON without credentials, account, project, request ids and signatures.

    A signature becomes the same short name wherever it stands, so that an answer and the
    request that sends it back still fit. What is scrubbed already stays as it is.

    Args:
        value: Any JSON.
        projects: Ids of Google projects, which are taken out wherever they stand.
    """
    if isinstance(value, dict):
        return scrub_fields(value, projects)
    if isinstance(value, list):
        return [scrub(each, projects) for each in value]
    return scrub_text(value, projects) if isinstance(value, str) else value


def scrub_fields(owner: Mapping[str, object], projects: frozenset[str]) -> dict[str, object]:
    """Do what `scrub` does with a JSON object."""
    return {name: _field(owner, name, projects) for name in owner}


def scrub_text(text: str, projects: frozenset[str] = frozenset()) -> str:
    """Return a text without credentials, account, project and request ids."""
    for project in projects:
        text = re.sub(rf"(?<![\w-]){re.escape(project)}(?![\w-])", PROJECT, text)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    return redact(text)


def short_name(secret: str) -> str:
    """Return what stands for a signature."""
    if not secret or secret.startswith(_PREFIX):
        return secret
    return _PREFIX + hashlib.sha256(secret.encode()).hexdigest()[:12]


def _field(owner: Mapping[str, object], name: str, projects: frozenset[str]) -> object:
    value = owner[name]
    hidden = name in _OPAQUE or (name == "data" and owner.get("type") == "redacted_thinking")
    if hidden and isinstance(value, str):
        return short_name(value)
    return scrub(value, projects)
