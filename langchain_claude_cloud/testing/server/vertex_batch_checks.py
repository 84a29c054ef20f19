"""Judges the body of a request for a batch prediction job, as Vertex AI does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.server import google
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import cloud_refusal

_FIELDS: Final = frozenset(
    {"displayName", "model", "inputConfig", "outputConfig", "labels", "encryptionSpec"}
    | {"serviceAccount", "modelParameters"}
)
_MODEL: Final = re.compile(r"publishers/anthropic/models/[a-z0-9.@-]+")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}")
_KEY: Final = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_EMAIL: Final = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+")
_GCS: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]+(/.*)?")
_BIGQUERY: Final = re.compile(r"bq://[^.]+\.[^.]+\.[^.]+")
_LONGEST_NAME: Final = 128
_MOST_LABELS: Final = 64


def check_job(state: State, body: object) -> None:
    """Refuse a job that the API does not take.

    Raises:
        Refusal: 400, which names the field; 403 for a service account that may not be used.
    """
    if not isinstance(body, dict):
        raise cloud_refusal(400, "Invalid JSON payload received.")
    for name in body:
        if name not in _FIELDS:
            raise cloud_refusal(
                400,
                f'Invalid JSON payload received. Unknown name "{name}" at '
                "'batch_prediction_job': Cannot find field.",
            )
    _check_text(body, "displayName", re.compile(f".{{1,{_LONGEST_NAME}}}", re.DOTALL))
    _check_text(body, "model", _MODEL)
    _check_place(body, "inputConfig", "instancesFormat", _SOURCES)
    _check_place(body, "outputConfig", "predictionsFormat", _DESTINATIONS)
    _check_labels(body.get("labels", {}))
    if "encryptionSpec" in body:
        _check_text(body["encryptionSpec"], "kmsKeyName", _KEY)
    if "serviceAccount" in body:
        _check_text(body, "serviceAccount", _EMAIL)
        google.check_permission(
            state, "iam.serviceAccounts.actAs", f"the service account {body['serviceAccount']}"
        )


_Place = tuple[str, str, re.Pattern[str]]
_SOURCES: Final[Mapping[str, _Place]] = {
    "jsonl": ("gcsSource", "uris", _GCS),
    "bigquery": ("bigquerySource", "inputUri", _BIGQUERY),
}
_DESTINATIONS: Final[Mapping[str, _Place]] = {
    "jsonl": ("gcsDestination", "outputUriPrefix", _GCS),
    "bigquery": ("bigqueryDestination", "outputUri", _BIGQUERY),
}


def _check_text(values: object, name: str, form: re.Pattern[str]) -> None:
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, str) or not form.fullmatch(value):
        raise cloud_refusal(400, f"Invalid value for {name}: {value!r}.")


def _check_place(
    body: JsonObject, config: str, format_name: str, known: Mapping[str, _Place]
) -> None:
    given = body.get(config)
    if not isinstance(given, dict) or given.get(format_name) not in known:
        raise cloud_refusal(
            400, f"{config}.{format_name} must be one of {sorted(known)} for this model."
        )
    where, name, form = known[given[format_name]]
    if given.keys() != {format_name, where}:
        raise cloud_refusal(400, f"{config} must have {where} for {given[format_name]}.")
    value = given[where].get(name) if isinstance(given[where], dict) else None
    for each in value if isinstance(value, list) and value else [value]:
        _check_text({name: each}, name, form)


def _check_labels(labels: object) -> None:
    if not isinstance(labels, dict) or len(labels) > _MOST_LABELS:
        raise cloud_refusal(400, f"At most {_MOST_LABELS} labels are allowed.")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(str(value)):
            raise cloud_refusal(400, f"Invalid label: {name}: {value}.")
