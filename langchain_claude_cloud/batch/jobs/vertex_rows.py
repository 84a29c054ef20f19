"""Reads the output rows of Vertex AI's batch prediction jobs.

A row has the columns of its record, ``response`` and ``status``. Google shows no failed row of
Claude's, nor does anybody else. In Gemini's, ``status`` is empty or says what went wrong, as a text
with Claude's or Google's JSON inside; other models' rows of errors have ``instance`` and ``error``
(https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs#outputconfig).
ruby_llm, which has Claude's batches, looks for a status with a ``message`` and for a ``body`` in
the response, too. All of these are read.
"""

from __future__ import annotations

import json
import re
from typing import Final

from langchain_claude_cloud.batch.jobs.services import Answer
from langchain_claude_cloud.errors import error_from_event
from langchain_claude_cloud.errors.types import JsonObject

_CUSTOM_ID: Final = re.compile(r"record-(\d+)")
_JSON: Final = re.compile(r"\{.*\}", re.DOTALL)
_OK: Final = 200
_SERVER_ERROR: Final = 500
_WORDS: Final = (("bad request", 400), ("invalid", 400), ("resource exhausted", 429))
_CODES: Final = {3: 400, 5: 404, 7: 403, 8: 429, 13: 500, 14: 503, 16: 401}
"""HTTP statuses of the codes of google.rpc.Code."""


def read_row(line: bytes) -> Answer:
    """Return what a row holds.

    Raises:
        ValueError: It is damaged.
    """
    row = json.loads(line)
    if isinstance(row.get("instance"), dict):
        row = {**row["instance"], **row}
    found = _CUSTOM_ID.fullmatch(str(row.get("custom_id")))
    if found is None:
        raise ValueError(row.get("custom_id"))
    response = _loaded(row.get("response"))
    if isinstance(response, dict) and isinstance(response.get("body"), dict):
        response = response["body"]
    problem = row.get("error") or row.get("status") or None
    if isinstance(response, dict) and response.get("type") == "error":
        problem = response
    if problem is None and isinstance(response, dict) and response.get("type") == "message":
        return Answer(int(found[1]), _OK, response)
    status, body = _read_problem(problem)
    return Answer(int(found[1]), status, body)


def _loaded(value: object) -> object:
    """Return the JSON in a text, which is how BigQuery gives a column of strings."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _read_problem(problem: object) -> tuple[int, JsonObject]:
    """Return the HTTP status that a problem stands for, and a body as of a refusal."""
    if isinstance(problem, dict):
        return _read_error(problem, json.dumps(problem))
    text = str(problem or "the row has neither a response nor a status")
    inside = _JSON.search(text)
    given = _loaded(inside[0]) if inside is not None else None
    return _read_error(given if isinstance(given, dict) else {}, text)


def _read_error(error: JsonObject, text: str) -> tuple[int, JsonObject]:
    """Return the status and body of an error that may have its parts one level down."""
    inner = error["error"] if isinstance(error.get("error"), dict) else error
    code = inner.get("code")
    named = None
    if inner.get("type"):
        read = error_from_event({"error": inner}, platform="vertex", model=None, region=None)
        named = read.status_code
    words = next((status for word, status in _WORDS if word in text.lower()), _SERVER_ERROR)
    status = named or (_CODES.get(code, code) if isinstance(code, int) else words)
    valid = 400 <= status < 600  # noqa: PLR2004  HTTP's errors
    if inner.get("message"):
        return (status if valid else _SERVER_ERROR), {"type": "error", "error": inner}
    return (status if valid else _SERVER_ERROR), {"error": {"message": text}}
