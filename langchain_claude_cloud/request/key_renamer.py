"""Gives the streamed arguments of a tool its own property keys, where others were sent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.request.property_keys import KeyNames, Place


@dataclass(slots=True)
class _Container:
    """An object or a list that is open while arguments are read."""

    place: Place
    is_object: bool
    is_key: bool
    key: str = ""
    index: int = 0


_MARK: Final = re.compile(r'[{}\[\]:,"]')
_STRING_END: Final = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LONGEST_KEY: Final = 1_000
"""Characters of a key, with escapes."""


@dataclass(slots=True)
class KeyRenamer:
    """Gives streamed JSON arguments the tool's own keys, fragment by fragment.

    A key is held back until it is whole; everything else passes at once. What is no JSON
    passes as it is.

    Attributes:
        names: What the tool's keys are called.
    """

    names: KeyNames
    _open: list[_Container] = field(default_factory=list)
    _held: str = ""
    _in_string: bool = False

    def feed(self, fragment: str) -> str:
        """Take a fragment of the text, return what can be passed on."""
        text, self._held = self._held + fragment, ""
        passed: list[str] = []
        position = 0
        while position < len(text):
            step = self._string if self._in_string else self._structure
            position = step(text, position, passed)
        return "".join(passed)

    def _string(self, text: str, start: int, passed: list[str]) -> int:
        """Pass on the inside of a string that is a value; return where to go on."""
        end = _string_end(text, start)
        self._in_string = end < 0
        if end < 0:
            # An escape that is cut in two must not hide the end of the string.
            end = len(text) - _cut_escape(text)
            self._held = text[end:]
            passed.append(text[start:end])
            return len(text)
        passed.append(text[start:end])
        return end

    def _structure(self, text: str, start: int, passed: list[str]) -> int:
        """Pass on what is between strings, and a key; return where to go on."""
        found = _MARK.search(text, start)
        if found is None:
            passed.append(text[start:])
            return len(text)
        passed.append(text[start : found.start()])
        if found[0] != '"' or not self._open or not self._open[-1].is_key:
            passed.append(found[0])
            self._follow(found[0])
            return found.end()
        end = _string_end(text, found.end())
        if end < 0 and len(text) - found.start() > _LONGEST_KEY:
            self._open[-1].is_key = False  # no key of a tool, and not to be held back for ever
            return found.start()
        if end < 0:
            self._held = text[found.start() :]
            return len(text)
        passed.append(self._key(text[found.start() : end]))
        return end

    def close(self) -> str:
        """Return what is still held back."""
        held, self._held = self._held, ""
        return held

    def _key(self, text: str) -> str:
        """Return a key under its own name."""
        container = self._open[-1]
        container.is_key = False
        try:
            key = json.loads(text)
        except ValueError:
            return text
        container.key = self.names.own_key(container.place, key)
        return text if container.key == key else json.dumps(container.key, ensure_ascii=False)

    def _follow(self, mark: str) -> None:
        """Follow the structure of the text."""
        if mark == '"':
            self._in_string = True
        elif mark in "{[":
            is_object = mark == "{"
            self._open.append(_Container(self._place(), is_object, is_object))
        elif not self._open:
            return
        elif mark in "}]":
            self._open.pop()
        elif mark == ",":
            container = self._open[-1]
            container.index += 1
            container.is_key = container.is_object

    def _place(self) -> Place:
        """Return the place of the value that begins."""
        if not self._open:
            return self.names.root()
        container = self._open[-1]
        if container.is_object:
            return self.names.within(container.place, container.key)
        return self.names.item(container.place, container.index)


def _string_end(text: str, start: int) -> int:
    """Return where a string ends whose inside begins at a place, behind its quote; -1 if open."""
    end = _STRING_END.match(text, start)
    return end.end() if end else -1


def _cut_escape(text: str) -> int:
    """Return 1 if a text ends within an escape, else 0."""
    return (len(text) - len(text.rstrip("\\"))) % 2
