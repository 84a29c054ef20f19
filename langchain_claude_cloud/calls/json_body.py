"""JSON bodies: written for a request, and read from a response that was not streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from jiter import from_json

from langchain_claude_cloud.errors import ClaudeCloudError, InvalidInputError, ServerError
from langchain_claude_cloud.errors.redaction import redact
from langchain_claude_cloud.errors.types import LABELS, JsonObject

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.base import Platform
    from langchain_claude_cloud.platform.http.sending import HttpResponse
    from langchain_claude_cloud.response.message import ResponseSource

T = TypeVar("T")

_SHOWN_BYTES: Final = 4096
_NOT_AN_ANSWER: Final = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
    RecursionError,
)


def dump_json(body: JsonObject) -> bytes:
    """Serialize a request's body.

    Raises:
        InvalidInputError: It holds something that JSON cannot, such as NaN.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8, but JSON can escape it.
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        reason: object = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        reason = error
    raise InvalidInputError(
        f"The request cannot be written as JSON: {reason}. Look at tool arguments and "
        "model_kwargs for values that are not strings, numbers, booleans, lists or dicts."
    )


def read_json(
    response: HttpResponse,
    platform: Platform,
    source: ResponseSource,
    read: Callable[[JsonObject], T],
) -> T:
    """Return what is read from the body of a response.

    Args:
        response: The response, whose status says that it is an answer.
        platform: Reads the error that it may be all the same.
        source: Where it comes from.
        read: Reads it; may raise what the wrong kind of data makes Python raise.

    Raises:
        ClaudeCloudError: The error that the body holds in spite of the status.
        ServerError: It is not of the documented form.
    """
    problem: ClaudeCloudError
    try:
        body = _load(response.body)
        if not _holds_error(body):
            if not isinstance(body, dict):
                raise TypeError("not a JSON object")
            return read(body)
        problem = platform.read_error(
            response.status, response.headers, response.body, model=source.model
        )
    except _NOT_AN_ANSWER as cause:
        problem = ServerError(
            f"The answer of {LABELS[platform.name]} ({source.model}, region {source.region}) is "
            f"not of the documented form ({type(cause).__name__}: {str(cause)[:200]}). Perhaps a "
            "proxy or a gateway answered instead of the cloud. Check base_url and HTTPS_PROXY.",
            platform=platform.name,
            model=source.model,
            region=source.region,
            status_code=response.status,
            request_id=source.request_id,
            body=redact(response.body[:_SHOWN_BYTES].decode("utf-8", "replace")),
        )
    raise problem


def _load(content: bytes) -> object:
    try:
        return from_json(content)
    except ValueError:
        return json.loads(content)


def _holds_error(body: object) -> bool:
    """Whether a body is an error, in the form of any of the clouds and in spite of its status."""
    found = body[0] if isinstance(body, list) and body else body
    if not isinstance(found, dict) or "content" in found:
        return False
    is_named = isinstance(found.get("error"), dict | str) or "__type" in found
    return is_named or found.get("type") == "error" or isinstance(found.get("Output"), dict)
