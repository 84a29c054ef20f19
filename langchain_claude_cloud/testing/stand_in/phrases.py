"""Finds the things that a prompt names: numbers, quotations, names of places and people.

In: a prompt. Out: phrases in their order, letters untouched.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z?)?\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w|-\d)")
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|\u201c([^\u201d\n]+)\u201d|\u2018([^\u2019\n]+)\u2019|\u300c([^\u300d\n]+)\u300d"
    r"|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)"
)
_FILE = re.compile(r"(?<![\w@/])[\w./-]*\w\.[A-Za-z]{1,4}\b(?!\.\w)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\w")
_URL = re.compile(r"https?://[^\s\"'<>)]+")
_LINK = re.compile(r",? (?:and|&|or)(?: in| for| at)? ")
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")
_STARTER_WORDS = """
a add an and are ask buy call can check compare compute could create do does fetch find for get give
hello hey hi how i in is it let list look make my now please read run say search send show
summarize tell that the then there this translate use using was what when where which who why
will with would write you
"""
_STARTERS = frozenset(_STARTER_WORDS.split())
_REGION_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Phrases:
    """What a prompt names.

    Attributes:
        text: The prompt.
        numbers: The numbers in it, dates left out.
        quoted: What stands in quotation marks.
        names: Capitalized phrases such as ``San Francisco, CA``.
        lists: Names that stand in a row (``Paris and London``), two or more.
        dates: ISO dates.
        files: File names.
        emails: E-mail addresses.
        urls: Web addresses.
    """

    text: str
    numbers: tuple[float | int, ...]
    quoted: tuple[str, ...]
    names: tuple[str, ...]
    lists: tuple[str, ...]
    dates: tuple[str, ...]
    files: tuple[str, ...]
    emails: tuple[str, ...]
    urls: tuple[str, ...]


def find_phrases(text: str) -> Phrases:
    """Return what a prompt names."""
    runs = _runs(text)
    undated = _DATE.sub(" ", text)
    return Phrases(
        text=text,
        numbers=tuple(_number(match.group()) for match in _NUMBER.finditer(undated)),
        quoted=tuple(next(filter(None, match.groups())) for match in _QUOTED.finditer(text)),
        names=tuple(text[start:end] for start, end in runs),
        lists=_listed(text, runs),
        dates=tuple(_DATE.findall(text)),
        files=tuple(_FILE.findall(text)),
        emails=tuple(_EMAIL.findall(text)),
        urls=tuple(_URL.findall(text)),
    )


def _number(text: str) -> float | int:
    plain = text.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _runs(text: str) -> list[tuple[int, int]]:
    """Spans of consecutive capitalized words, without the word that starts a sentence."""
    runs: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if not match.group()[0].isupper() or _is_starter(text, match):
            continue
        start, end = match.span()
        if runs and text[runs[-1][1] : start] in {" ", ", "}:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs[1:] if len(runs) > 1 and _only_starts(text, runs[0]) else runs


def _only_starts(text: str, run: tuple[int, int]) -> bool:
    """Whether a run is one word that is large only because the text starts with it."""
    first = not text[: run[0]].strip() and " " not in text[run[0] : run[1]]
    return (
        first
        and re.match(r" [a-z]", text[run[1] :]) is not None
        and not _LINK.match(text[run[1] :])
    )


def _is_starter(text: str, match: re.Match[str]) -> bool:
    if match.group().lower() not in _STARTERS:
        return False
    before = text[: match.start()].rstrip(" \"'(")
    return not before or before[-1] in ".!?:\n" or match.group() == "I"


def _listed(text: str, runs: list[tuple[int, int]]) -> tuple[str, ...]:
    listed: list[str] = []
    for (start, end), (next_start, next_end) in itertools.pairwise(runs):
        if _LINK.fullmatch(text[end:next_start]):
            first = _split(text[start:end])
            listed += [part for part in first if part not in listed]
            listed += [text[next_start:next_end]]
    return tuple(listed)


def _split(run: str) -> list[str]:
    """Split ``Paris, London`` but not ``Boston, MA``."""
    parts: list[str] = []
    for part in run.split(", "):
        if parts and part.isupper() and len(part) <= _REGION_LETTERS:
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return parts
