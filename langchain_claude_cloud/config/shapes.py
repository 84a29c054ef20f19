"""What a region, a project and an address look like, whoever names them.

They become parts of a URL that credentials are sent to, so the clouds' files and libraries are held
to the same shapes as the user.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""A label of a host name: anything else could send credentials elsewhere."""

PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9:-]|\.(?!\.))*")
"""A project's id or number of Google Cloud. Dots in a row could climb out of a URL's path."""


_NO_ADDRESS = "is not an address such as 'https://gateway.example.com'"


def url_problem(text: str) -> str | None:
    """Return why a text is no base URL to send credentials to, or None."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return _NO_ADDRESS
    if not url.hostname or not text.isprintable() or re.search(r"[\s\\]", text):
        return _NO_ADDRESS
    if url.username is not None or url.password is not None or "?" in text or "#" in text:
        return "must have no user name, password, query or fragment in it"
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
        return (
            "must start with https://, since credentials travel with each request; "
            "http:// is for 127.0.0.0/8, ::1 and localhost only"
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
