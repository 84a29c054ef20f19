"""Keeps the clouds' libraries from logging credentials."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_TALKATIVE: Final = (
    "botocore.auth",  # the canonical request, with the session token
    "botocore.credentials",  # why a role was not assumed, as STS put it
    "botocore.endpoint",  # requests to STS with all headers, a web identity's token
    "botocore.httpsession",  # the proxy's URL, with its password
    "botocore.parsers",  # replies of STS and SSO: the new keys
    "google.auth.transport.requests",  # signed assertions, bearer tokens
)
"""Loggers of the clouds' libraries that write credentials, most of them at DEBUG (botocore
1.44, google-auth 2.62)."""

_is_quiet: ContextVar[bool] = ContextVar("langchain_claude_cloud_is_quiet", default=False)


def _drop_credentials(record: logging.LogRecord) -> bool:
    """Take what a library logs of a credential request out, or out of it: a log filter."""
    if not _is_quiet.get():
        return True
    record.exc_info = record.exc_text = None
    return record.levelno >= logging.WARNING


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the clouds' libraries from logging the credentials that they fetch for us.

    What the same libraries log about anything else, or in another thread, is left as it is.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_drop_credentials)  # adds it once
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)
