"""Reads the arguments of a tool call while they are written."""

from __future__ import annotations

import re
from copy import copy
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
_LONGEST_ESCAPE: Final = len(r"\ud83d\ude00")
_SCALAR_RUN: Final = re.compile(r"[0-9A-Za-z+.-]*+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS: Final[dict[str, object]] = {"true": True, "false": False, "null": None}

_SHOWN_DIGITS: Final = 40
"""A number that is still open is shown up to this length, for its text is read anew each
time."""
_DEEPEST: Final = 200
"""jiter refuses to nest deeper."""

# What may come next outside of strings.
_ROOT: Final = frozenset("{")
_KEY: Final = frozenset('"')
_FIRST_KEY: Final = frozenset('"}')
_COLON: Final = frozenset(":")
_VALUE: Final = frozenset('"{[-0123456789tfn')
_FIRST_ITEM: Final = _VALUE | {"]"}
_AFTER_MEMBER: Final = frozenset(",}")
_AFTER_ITEM: Final = frozenset(",]")
_NOTHING_MORE: Final[frozenset[str]] = frozenset()

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
        length: How many characters it was given.
        changes: What the last fragment added to strings.
    """

    def __init__(self) -> None:
        self.length = 0
        self.changes: list[TextChange] = []
        self._raw: list[str] = []
        self._held = ""
        self._stuck = False
        # Unbound, lest every parser be a cycle that keeps its text until the next collection.
        self._read = PartialJsonReader._structure
        self._next = _ROOT
        self._containers: list[_Container] = []
        self._keys: list[str] = []
        self._text = ""  # of the string, key or scalar that is open
        self._open: object = _UNSHOWN
        self._root: JsonObject = {}
        self._shown: JsonObject | None = self._root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartialJsonReader) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]  # a reader changes as it reads

    @property
    def raw(self) -> str:
        """The text so far."""
        return "".join(self._raw)

    def feed(self, fragment: str) -> JsonObject:
        """Take the next fragment, of any size, cut anywhere.

        Returns:
            The arguments so far: a dict of its own, whose finished parts are shared with
            what earlier calls returned.
        """
        self._raw.append(fragment)
        self.length += len(fragment)
        self.changes = []
        if not self._stuck:
            self._go_on(self._held + fragment)
        return self.args

    def copy(self) -> PartialJsonReader:
        """Return a reader that continues from here and leaves this one as it is."""
        twin = copy(self)
        twin._raw = self._raw.copy()  # noqa: SLF001 - of the same class
        twin._containers = [container.copy() for container in self._containers]  # noqa: SLF001
        twin._keys = self._keys.copy()  # noqa: SLF001
        return twin

    @property
    def args(self) -> JsonObject:
        """The arguments so far; only what is still open is copied."""
        if self._shown is None:
            child = self._open
            for container, key in zip(self._containers[::-1], self._keys[::-1], strict=True):
                shown = container.copy()
                if child is not _UNSHOWN:
                    _put(shown, key, child)
                child = shown
            self._shown = child if isinstance(child, dict) else self._root
        return self._shown

    def _go_on(self, text: str) -> None:
        self._held = ""
        self._shown = None
        at = 0
        while at < len(text):
            at = self._read(self, text, at)
            if at < 0:
                self._stuck = True
                return

    def _structure(self, text: str, at: int) -> int:
        """Read white space and one character between values."""
        at = _end(_SPACE, text, at)
        if at == len(text):
            return at
        character = text[at]
        if character not in self._next:
            return -1
        match character:
            case '"':
                self._open = "" if self._in_value else _UNSHOWN
                self._read = PartialJsonReader._string
            case "{" | "[":
                self._containers.append({} if character == "{" else [])
                self._keys.append("")
                self._next = _FIRST_KEY if character == "{" else _FIRST_ITEM
            case "}" | "]":
                self._keys.pop()
                self._add(self._containers.pop())
            case ",":
                self._next = _KEY if isinstance(self._containers[-1], dict) else _VALUE
            case ":":
                self._next = _VALUE
            case _:
                self._read = PartialJsonReader._scalar
                return at
        return at + 1 if len(self._containers) <= _DEEPEST else -1

    def _add(self, value: object) -> None:
        """Put a whole value where it belongs."""
        if self._containers:
            self._next = _put(self._containers[-1], self._keys[-1], value)
        else:
            self._root = cast("JsonObject", value)
            self._next = _NOTHING_MORE
        self._open = _UNSHOWN
        self._read = PartialJsonReader._structure

    @property
    def _in_value(self) -> bool:
        return self._next is not _KEY and self._next is not _FIRST_KEY

    def _string(self, text: str, at: int) -> int:
        """Read a key, or a string that is a value."""
        end = _end(_STRING_RUN, text, at)
        added = _unescaped(text[at:end])
        self._text = f"{self._text}{added}"
        if added and self._in_value:
            self._open = self._text
            self.changes.append(TextChange(self._path(), added))
        if end == len(text):
            return end
        if text[end] != '"':
            # It may be the beginning of an escape, which waits for its rest.
            self._held = text[end:]
            may_go_on = text[end] == "\\" and len(self._held) < _LONGEST_ESCAPE
            return len(text) if may_go_on else -1
        whole, self._text = self._text, ""
        if self._in_value:
            self._add(whole)
        elif whole in self._containers[-1]:
            return -1
        else:
            self._keys[-1] = whole
            self._next = _COLON
            self._read = PartialJsonReader._structure
        return end + 1

    def _path(self) -> str:
        """Return the JSON path of the value that is open."""
        steps = (
            _step(key) if isinstance(container, dict) else f"[{len(container)}]"
            for container, key in zip(self._containers, self._keys, strict=True)
        )
        return "$" + "".join(steps)

    def _scalar(self, text: str, at: int) -> int:
        end = _end(_SCALAR_RUN, text, at)
        self._text += text[at:end]
        if end == len(text):
            # It may go on: the number that it is so far is provisional.
            whole = _NUMBER.match(self._text) if len(self._text) <= _SHOWN_DIGITS else None
            self._open = _value(whole[0]) if whole else self._open
            return end
        self._open = _value(self._text)
        self._text = ""
        if self._open is _UNSHOWN:
            return -1
        self._add(self._open)
        return end


def _end(run: re.Pattern[str], text: str, at: int) -> int:
    """Return where a run that may be empty ends."""
    found = run.match(text, at)
    return found.end() if found else at


def _put(container: _Container, key: str, value: object) -> frozenset[str]:
    """Put a value into a dict or a list; return what may follow it there."""
    if isinstance(container, dict):
        container[key] = value
        return _AFTER_MEMBER
    container.append(value)
    return _AFTER_ITEM


def _step(key: str) -> str:
    """Return a key as a step of a JSON path (RFC 9535)."""
    if _PLAIN_KEY.fullmatch(key):
        return f".{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"


def _unescaped(run: str) -> str:
    """Return the text that a run of a string stands for."""
    if "\\" not in run:
        return run
    return str(from_json(f'"{run}"'.encode()))


def _value(token: str) -> object:
    """Return a literal or a number, or `_UNSHOWN` if it is none."""
    if token in _LITERALS:
        return _LITERALS[token]
    if not _NUMBER.fullmatch(token):
        return _UNSHOWN
    try:
        value: object = from_json(token.encode())
    except ValueError:  # too long
        return _UNSHOWN
    return _UNSHOWN if isinstance(value, float) and isinf(value) else value
