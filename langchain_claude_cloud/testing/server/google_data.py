"""What Cloud Storage and BigQuery share: uploads in pieces, the shape of answers and errors."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from urllib.parse import parse_qsl

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.reply.framing import dumps
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

JSON = {"content-type": "application/json; charset=UTF-8"}

_REASONS = {401: "authError", 403: "forbidden", 404: "notFound", 409: "duplicate"}


def error_response(refused: Refusal) -> Outgoing:
    """Return an error as the older JSON APIs of Google word it, with a reason."""
    reason = _REASONS.get(refused.status, "invalid")
    detail = {"message": refused.message, "domain": "global", "reason": reason}
    error = {"code": refused.status, "message": refused.message, "errors": [detail]}
    return Outgoing(refused.status, JSON, dumps({"error": error}).encode())


def answer(value: JsonObject, status: int = HTTPStatus.OK) -> Outgoing:
    """Return JSON."""
    return Outgoing(status, JSON, dumps(value).encode())


def query_of(request: Incoming) -> dict[str, str]:
    """Return the parameters of a query string."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def parts_of(request: Incoming) -> tuple[bytes, bytes]:
    """Return the two parts of a ``multipart/related`` upload: metadata and content.

    Raises:
        Refusal: The body has not two parts.
    """
    kind = (request.header("content-type") or "").encode()
    message = BytesParser(policy=HTTP).parsebytes(
        b"content-type: " + kind + b"\r\n\r\n" + request.body
    )
    parts = [each.get_payload(decode=True) for each in message.walk() if not each.is_multipart()]
    if len(parts) != 2 or not all(isinstance(each, bytes) for each in parts):  # noqa: PLR2004
        raise cloud_refusal(400, "Multipart must have two parts: metadata and media.")
    return bytes(parts[0]), bytes(parts[1])
