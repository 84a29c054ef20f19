"""Looking for secrets in what comes out of the package."""

from __future__ import annotations

import base64
import io
import logging
import pickle
import secrets
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus


def canary(prefix: str = "canary") -> str:
    """Return a secret that occurs nowhere else, with characters that URLs must escape."""
    return f"{prefix}-{secrets.token_hex(12)}+/{secrets.token_hex(4)}=="


def jwt_canary() -> str:
    """Return what looks like a JWT, whatever header it is put into."""
    return f"eyJhbGciOiJSUzI1NiJ9.{secrets.token_urlsafe(20)}.{secrets.token_urlsafe(20)}"


_SHORTEST = 6


def disguises(secret: str) -> set[bytes]:
    """Return a secret as it is, escaped for a URL or for JSON, in hexadecimal and in base64."""
    raw = secret.encode()
    # Whatever stands before it, one of three alignments holds; the ends depend on neighbours.
    aligned = [base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)]
    safe = [base64.urlsafe_b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)]
    escaped = {
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        secret.replace("/", "\\/"),
    }
    forms = {raw, raw.hex().encode(), *aligned, *safe, *(text.encode() for text in escaped)}
    return {form for form in forms if len(form) >= _SHORTEST}


def shown(outputs: dict[str, object], planted: Iterable[str]) -> list[str]:
    """Return the names of the outputs in which a planted secret shows."""
    forms = [form for secret in planted for form in disguises(secret)]
    return [name for name, output in outputs.items() if _holds(output, forms)]


def _holds(output: object, forms: list[bytes]) -> bool:
    data = output if isinstance(output, bytes) else str(output).encode("utf-8", "replace")
    return any(form in data for form in forms)


def seen_of(error: BaseException) -> dict[str, object]:
    """Return everything that an exception shows: its chain, attributes, notes and pickle."""
    seen: dict[str, object] = {}
    link: BaseException | None = error
    while link is not None:
        seen |= {
            f"str of {type(link).__name__}": str(link),
            f"repr of {type(link).__name__}": repr(link),
            f"attributes of {type(link).__name__}": repr(vars(link)),
            f"notes of {type(link).__name__}": repr(getattr(link, "__notes__", ())),
        }
        link = _next(link)
    seen["traceback"] = "".join(traceback.format_exception(error))
    seen["pickle"] = pickle.dumps(error)
    seen["locals"] = _locals(error)
    return seen


def _next(error: BaseException) -> BaseException | None:
    """Return the reason of an exception, also one that a traceback does not show."""
    return error.__cause__ or error.__context__


def _locals(error: BaseException) -> str:
    """Return the local variables of the package's frames, as error trackers collect them."""
    text = io.StringIO()
    link: BaseException | None = error
    while link is not None:
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "/langchain_claude_cloud/" in frame.f_code.co_filename:
                shown_there = {name: _shown_as(value) for name, value in frame.f_locals.items()}
                text.write(f"{frame.f_code.co_name}: {shown_there}\n")
        link = _next(link)
    return text.getvalue()


def _shown_as(value: object) -> str:
    try:
        # Sentry stores what a mapping holds, whatever its own `repr` shows.
        return repr(dict(value) if isinstance(value, Mapping) else value)
    except AttributeError:  # an object whose construction failed, as of httpx's Proxy
        return ""


class _Records(logging.Handler):
    """Keeps all that a log record carries, the fields that only some formatters show too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = dict(vars(record))
        if record.exc_info:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        self.lines.append(f"{record.name}: {record.getMessage()} {fields}")


LOGGERS = ("", "asyncio", "botocore", "google", "httpcore", "httpx", "langchain_claude_cloud")
"""Loggers that somebody who looks for a bug turns to DEBUG."""


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Turn all logging to DEBUG, and give what is logged and warned about."""
    handler = _Records()
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield handler.lines
        handler.lines += [str(warning.message) for warning in caught]
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
