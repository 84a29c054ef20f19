"""Reads the arguments of a tool call while they are written."""

from __future__ import annotations

import re
from math import isinf
from typing import Final, NamedTuple, TypeAlias, cast

from jiter import from_json

from langchain_claude_cloud.errors.types import JsonObject

_Container: TypeAlias = "dict[str, object] | list[object]"

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_STRING_RUN: Final = re.compile(
    r'(?:[^"\\\x00-\x1f\ud800-\udfff]++'
    r'|\\["\\/bfnrt]'
    r"|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
"""Whole characters and whole escapes of a string; a surrogate pair is one escape.

The group is not possessive: in Python 3.11.2 such a group keeps half of what did not match.
"""
_CUT_ESCAPE: Final = re.compile(r"\\.{0,10}", re.DOTALL)
_SCALAR_RUN: Final = re.compile(r"[0-9A-Za-z+.-]{0,4301}+")
"""jiter refuses integers with more than 4,300 digits."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DEEPEST: Final = 200
"""jiter refuses to nest deeper."""
_VALUE: Final = '"{[-0123456789tfn'
"""What a value may begin with."""

_UNSHOWN: Final = object()
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TextChange(NamedTuple):
    """Text that was added to a string in JSON.

    Attributes:
        path: Where the string is, as a JSON path: ``$.content``, ``$.files[0]['a name']``.
        text: What was added at its end.
    """

    path: str
    text: str


class PartialJsonReader:
    """Follows the arguments of one call.

    What it shows only grows: a string that is still open is there as far as it has been
    written, an escape that is cut waits for its rest, and a number at the very end is
    provisional. At the first character that cannot be, it keeps what it has.

    Attributes:
        args: The arguments so far. Their finished parts are shared with what was shown before.
        changes: What the last fragment added to strings.
        length: How many characters it was given.
    """

    def __init__(self) -> None:
        self.args: JsonObject = {}
        self.changes: list[TextChange] = []
        self.length = 0
        self._held = ""  # an escape or a scalar that is cut
        # What may come outside of strings; nothing after the end or an error. Only a value may
        # begin with a brace.
        self._next = "{"
        # What is open, from the outside in, and the key that is open in each. The outermost list
        # is that of the JSON text itself.
        self._containers: list[_Container] = [[]]
        self._keys = [""]
        self._string: str | None = None  # the text of the key or string that is open
        self._value: object = _UNSHOWN  # the string or number that is open

    def feed(self, fragment: str) -> JsonObject:
        """Take the next fragment, of any size, cut anywhere; return the arguments so far."""
        self.length += len(fragment)
        self.changes = []
        if fragment and self._next:
            text, self._held, at = self._held + fragment, "", 0
            try:
                while at < len(text):
                    read = self._read_structure if self._string is None else self._read_string
                    at = read(text, at)
            except ValueError:
                self._next = ""
            self.args = self._known()
        return self.args

    def _known(self) -> JsonObject:
        """Return the arguments so far; only what is still open is copied."""
        child = self._value
        for container, key in zip(self._containers[::-1], self._keys[::-1], strict=True):
            shown = container.copy()
            if child is not _UNSHOWN:
                _put(shown, key, child)
            child = shown
        return cast("list[JsonObject]", child)[0] if child else {}

    def _read_structure(self, text: str, at: int) -> int:
        """Read white space, and a scalar or one character between values; return where it ends.

        Raises:
            ValueError: There is what cannot be.
        """
        at = _end(_SPACE, text, at)
        character = text[at : at + 1]
        if character not in self._next or len(self._containers) > _DEEPEST + 1:
            raise ValueError(character)
        match character:
            case "":
                return at
            case '"':
                self._string = ""
                self._value = "" if "{" in self._next else _UNSHOWN
            case "{" | "[":
                self._containers.append({} if character == "{" else [])
                self._keys.append("")
                self._next = '"}' if character == "{" else _VALUE + "]"
            case "}" | "]":
                self._keys.pop()
                self._add(self._containers.pop())
            case ",":
                self._next = '"' if isinstance(self._containers[-1], dict) else _VALUE
            case ":":
                self._next = _VALUE
            case _:
                return self._read_scalar(text, at)
        return at + 1

    def _add(self, value: object) -> None:
        """Put a whole value where it belongs."""
        container = self._containers[-1]
        _put(container, self._keys[-1], value)
        self._next = ",}" if isinstance(container, dict) else ",]"
        if len(self._containers) == 1:
            self._next = ""
        self._value = _UNSHOWN

    def _read_string(self, text: str, at: int) -> int:
        """Read a key, or a string that is a value."""
        end = _end(_STRING_RUN, text, at)
        added = text[at:end]
        if "\\" in added:
            added = str(from_json(f'"{added}"'.encode()))
        whole = self._string = f"{self._string}{added}"
        if added and "{" in self._next:
            self._value = whole
            self.changes.append(TextChange(self._path(), added))
        if text[end : end + 1] != '"':
            # It may be the beginning of an escape, which waits for its rest.
            self._held = text[end:]
            if self._held and not _CUT_ESCAPE.fullmatch(self._held):
                raise ValueError(self._held)
            return len(text)
        self._string = None
        if "{" in self._next:
            self._add(whole)
        elif whole in self._containers[-1]:
            raise ValueError(whole)
        else:
            self._keys[-1] = whole
            self._next = ":"
        return end + 1

    def _path(self) -> str:
        """Return the JSON path (RFC 9535) of the value that is open."""
        path = "$"
        for container, key in zip(self._containers[1:], self._keys[1:], strict=True):
            if isinstance(container, list):
                path += f"[{len(container)}]"
            elif _PLAIN_KEY.fullmatch(key):
                path += f".{key}"
            else:
                quoted = key.replace("\\", "\\\\").replace("'", "\\'")
                path += f"['{quoted}']"
        return path

    def _read_scalar(self, text: str, at: int) -> int:
        end = _end(_SCALAR_RUN, text, at)
        self._value = _UNSHOWN
        if end < len(text):
            self._add(_scalar(text[at:end]))
        else:
            # It may go on: the number that it is so far is provisional.
            self._held = text[at:]
            number = _NUMBER.match(self._held)
            self._value = _scalar(number[0]) if number else _UNSHOWN
        return end


class Readers(dict[int, PartialJsonReader | None]):
    """What has read the open calls of a chunk, by position; no part of what it says.

    A reader goes on with the first chunk that is merged from its chunk. Others, perhaps of another
    thread, read from the beginning.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict)

    __hash__ = None  # nothing keeps it by its value


def _end(run: re.Pattern[str], text: str, at: int) -> int:
    """Return where a run that may be empty ends."""
    found = run.match(text, at)
    return found.end() if found else at


def _put(container: _Container, key: str, value: object) -> None:
    if isinstance(container, dict):
        container[key] = value
    else:
        container.append(value)


def _scalar(token: str) -> object:
    """Return a literal or a finite number; raise a `ValueError` if it is none."""
    value: object = from_json(token.encode(), allow_inf_nan=False)
    if isinstance(value, float) and isinf(value):
        raise ValueError(token)
    return value
