"""The record of a finished input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

from langchain_core.messages import AIMessage, BaseMessage

from langchain_claude_cloud.batch.identifiers import ANYTHING, messages_as_data
from langchain_claude_cloud.errors.types import JsonObject

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata

COLUMNS = ("message", "parsed", "usage", "error")
"""The columns of a record in a table, beside its id."""

_RAW_KEYS = {"raw", "parsed", "parsing_error"}


@dataclass(frozen=True, slots=True)
class Record:
    """One finished input.

    Attributes:
        id: The input's id.
        message: The answer, as `langchain_core.messages.messages_from_dict` reads it.
        parsed: What the runnable returned in place of a message, as JSON.
        usage: The tokens of its calls.
        error: Why there is no answer: ``type``, ``text`` and ``request_id``.
        input_hash: Tells whether a later run has another input with this id.
    """

    id: str | int
    message: JsonObject | None = None
    parsed: object = None
    usage: UsageMetadata | None = None
    error: JsonObject | None = None
    input_hash: str | None = None

    def as_dict(self) -> JsonObject:
        """Return the record as JSON data."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def as_columns(self) -> dict[str, str | None]:
        """Return all but the id as JSON texts, for tables."""
        data = self.as_dict()
        return {name: None if data[name] is None else dump(data[name]) for name in COLUMNS}


def record_of_output(identifier: str | int, output: object, usage: UsageMetadata | None) -> Record:
    """Return the record of what a runnable returned: a message, a value, or an agent's state."""
    if isinstance(output, BaseMessage):
        return Record(identifier, _data(output), usage=usage)
    if isinstance(output, Mapping) and output.keys() == _RAW_KEYS:
        problem = output["parsing_error"]
        return Record(
            identifier,
            _data(output["raw"]),
            _plain(output["parsed"]),
            usage,
            None if problem is None else _describe(problem),
        )
    if isinstance(output, Mapping) and _last_answer(output) is not None:
        parsed = _plain(output.get("structured_response"))
        return Record(identifier, _data(_last_answer(output)), parsed, usage)
    return Record(identifier, None, _plain(output), usage)


def record_of_error(identifier: str | int, error: Exception, usage: UsageMetadata | None) -> Record:
    """Return the record of a failure, with what of an answer the exception carries."""
    partial = getattr(error, "message", None) or getattr(error, "partial_message", None)
    message = _data(partial) if isinstance(partial, BaseMessage) else None
    return Record(identifier, message, usage=usage, error=_describe(error))


def dump(value: object) -> str:
    """Return JSON that any encoder of UTF-8 takes."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which a model may write
        return json.dumps(value)
    return text


def _last_answer(state: Mapping[str, object]) -> BaseMessage | None:
    """Return the answer in the state of an agent."""
    messages = state.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return last if isinstance(last, AIMessage) else None


def _describe(error: BaseException) -> JsonObject:
    request_id = getattr(error, "request_id", None)
    return {"type": type(error).__name__, "text": str(error), "request_id": request_id}


def _data(message: object) -> JsonObject | None:
    if not isinstance(message, BaseMessage):
        return None
    return cast("JsonObject", _plain(message))


def _plain(value: object) -> object:
    """Return a value as JSON data; what is no data, as its text."""
    value = messages_as_data(value)
    try:
        return ANYTHING.dump_python(value, mode="json")
    except ValueError:
        return json.loads(json.dumps(value, default=str))
