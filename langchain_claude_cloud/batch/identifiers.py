"""Remembers which inputs a run has seen and which are answered, in constant memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict
from langchain_core.prompt_values import PromptValue
from pydantic import TypeAdapter

_DIGITS = 32

ANYTHING: TypeAdapter[object] = TypeAdapter(Any)
"""Turns models, dataclasses, dates and the like into JSON data."""


def hash_of(value: object) -> str:
    """Return an id that is the same for equal inputs, in any process.

    Raises:
        ValueError: The input holds something that is no data.
    """
    plain = ANYTHING.dump_python(messages_as_data(value), mode="json")
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def messages_as_data(value: object) -> object:
    """Return a value with its messages as data."""
    if isinstance(value, PromptValue):
        value = value.to_messages()
    if isinstance(value, BaseMessage):
        return message_to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): messages_as_data(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [messages_as_data(item) for item in value]
    return value


class Identifiers:
    """Ids and what is known of them, in a temporary database that spills to the disk."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, row INT) WITHOUT ROWID")
        self._database.execute("CREATE TABLE done (id TEXT PRIMARY KEY, hash TEXT) WITHOUT ROWID")

    def add(self, identifier: str | int, row: int) -> int | None:
        """Note an input.

        Returns:
            None; the row of an earlier input if that has the same id.
        """
        added = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", (str(identifier), row)
        )
        if added.rowcount:
            return None
        query = "SELECT row FROM seen WHERE id = ?"
        earlier: int = self._database.execute(query, (str(identifier),)).fetchone()[0]
        return earlier

    def finish(self, identifier: str | int, input_hash: str | None = None) -> None:
        """Note that an input needs no answer any more."""
        row = (str(identifier), input_hash)
        self._database.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", row)

    def is_finished(self, identifier: str | int) -> bool:
        """Tell whether an input needs no answer any more."""
        query = "SELECT 1 FROM done WHERE id = ?"
        return self._database.execute(query, (str(identifier),)).fetchone() is not None

    def is_changed(self, identifier: str | int, input_hash: str | None) -> bool:
        """Tell whether the finished input with this id is known to have been another one."""
        query = "SELECT 1 FROM done WHERE id = ? AND hash <> ?"
        return self._database.execute(query, (str(identifier), input_hash)).fetchone() is not None

    def close(self) -> None:
        """Delete the database."""
        self._database.close()
