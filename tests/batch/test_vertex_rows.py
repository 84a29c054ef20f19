"""Rows of Vertex AI's batch prediction jobs become answers and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langchain_claude_cloud.batch.jobs.vertex_rows import read_row

MESSAGE = {"type": "message", "role": "assistant", "content": []}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def row(**columns: Any) -> bytes:
    """Return a row of record 7."""
    return json.dumps({"custom_id": "record-7", "request": {}, **columns}).encode()


@pytest.mark.parametrize(
    "columns",
    [
        {"response": MESSAGE, "status": ""},
        {"response": json.dumps(MESSAGE), "status": None},
        {"response": MESSAGE},
        {"response": {"status_code": 200, "body": MESSAGE}},
    ],
)
def test_an_answer(columns: dict[str, Any]) -> None:
    """As JSON, or as the text that a column of strings has."""
    answer = read_row(row(**columns))
    assert (answer.number, answer.status, answer.body) == (7, 200, MESSAGE)


@pytest.mark.parametrize(
    ("columns", "status", "said"),
    [
        ({"response": {}, "status": f"Bad Request: {json.dumps(ERROR)}"}, 529, "Overloaded"),
        ({"response": ERROR, "status": ""}, 529, "Overloaded"),
        ({"response": {}, "status": json.dumps({"error": {"code": 8, "message": "Quota"}})}, 429, "Quota"),
        ({"response": {}, "status": json.dumps({"error": {"code": 404, "message": "No"}})}, 404, "No"),
        ({"response": None, "status": "Bad Request: no"}, 400, "Bad Request: no"),
        ({"response": {}, "status": "Something {odd}"}, 500, "Something {odd}"),
        ({"response": {}, "status": ""}, 500, "neither a response nor a status"),
        ({"error": {"code": 3, "message": "Odd"}}, 400, "Odd"),
        ({"error": {"code": 14, "message": "Later"}, "response": {}}, 503, "Later"),
        ({"status": {"code": 7, "message": "Forbidden"}}, 403, "Forbidden"),
        ({"response": {}, "status": json.dumps({"error": {"code": 1, "message": "x"}})}, 500, "x"),
    ],
)  # fmt: skip
def test_a_failed_row(columns: dict[str, Any], status: int, said: str) -> None:
    """The status says whether another try may help; the body what was wrong."""
    answer = read_row(row(**columns))
    assert answer.status == status
    assert said in json.dumps(answer.body)


def test_a_row_of_an_errors_file() -> None:
    """Its record is one level down."""
    error = {"code": 13, "message": "Internal error"}
    line = json.dumps({"instance": {"custom_id": "record-2", "request": {}}, "error": error})
    answer = read_row(line.encode())
    assert (answer.number, answer.status) == (2, 500)


@pytest.mark.parametrize("line", [b"", b"{", b"{}", b'{"custom_id": "mine", "response": {}}'])
def test_a_damaged_row(line: bytes) -> None:
    """It is no answer of ours."""
    with pytest.raises(ValueError):  # noqa: PT011  of json, or of an id
        read_row(line)
