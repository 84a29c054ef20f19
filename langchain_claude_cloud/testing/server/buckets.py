"""The buckets of an emulated Cloud Storage, by gcp-storage-emulator.

That package does the JSON API: buckets, uploads in one piece and in many, downloads of ranges,
lists. The bodies of errors, which it leaves out, are here.
"""

from __future__ import annotations

import re
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote, unquote

from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import Router
from gcp_storage_emulator.storage import Storage

from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

PATH: Final = re.compile(
    r"/(?P<kind>upload/|download/)?storage/v1/b(?:/(?P<bucket>[^/]+))?(?:/o(?:/(?P<object>.+))?)?"
)
"""The paths of the JSON API."""


class Buckets:
    """The buckets of an emulator, in memory."""

    def __init__(self) -> None:
        self.storage: Any = Storage(use_memory_fs=True)

    def create(self, name: str) -> None:
        """Create an empty bucket."""
        create_bucket(name, self.storage)

    def has(self, name: str) -> bool:
        """Whether there is such a bucket."""
        return name in self.storage.buckets

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's content.

        Raises:
            Refusal: There is no such object.
        """
        try:
            content: bytes = self.storage.get_file(bucket, name, show_error=False)
        except Exception:  # noqa: BLE001  # its own NotFound, which is no class of ours
            raise _no_object(bucket, name) from None
        return content

    def write(self, bucket: str, name: str, content: bytes, *, host: str) -> None:
        """Write an object whole; the host stands in its links."""
        query = f"uploadType=media&name={quote(name, safe='')}"
        headers = (
            ("content-length", str(len(content))),
            ("host", host),
            ("content-type", "application/octet-stream"),
        )
        path = f"/upload/storage/v1/b/{quote(bucket)}/o"
        self.serve(Incoming("POST", path, query, headers, content))

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the names of a bucket's objects."""
        known = self.storage.objects.get(bucket, {})
        return sorted(name for name in known if name.startswith(prefix))

    def serve(self, request: Incoming) -> Outgoing:
        """Answer a request of the JSON API.

        Raises:
            Refusal: There is no such object.
        """
        exchange = _Exchange(request, self.storage)
        Router(exchange).handle(request.method)
        body = exchange.wfile.getvalue()
        if exchange.status == HTTPStatus.NOT_FOUND and not body:
            found = PATH.fullmatch(request.raw_path)
            bucket, name = (
                unquote(found[key] or "") if found else "" for key in ("bucket", "object")
            )
            raise _no_object(bucket, name)
        return Outgoing(exchange.status, exchange.sent, body)


def _no_object(bucket: str, name: str) -> Refusal:
    return cloud_refusal(404, f"No such object: {bucket}/{name}")


class _Exchange:
    """The part of `http.server.BaseHTTPRequestHandler` that gcp-storage-emulator uses."""

    def __init__(self, request: Incoming, storage: object) -> None:
        self.storage = storage
        self.path = f"{request.raw_path}?{request.query}" if request.query else request.raw_path
        self.headers = Message()
        for name, value in request.headers:
            self.headers[name] = value
        self.rfile, self.wfile = BytesIO(request.body), BytesIO()
        self.server = SimpleNamespace(server_address=("127.0.0.1", 0))
        self.status = 0
        self.sent: dict[str, str] = {}

    def send_response(self, status: int, _phrase: str) -> None:
        """Note the status."""
        self.status = int(status)

    def send_header(self, name: str, value: str) -> None:
        """Note a header."""
        self.sent[name.lower()] = value

    def end_headers(self) -> None:
        """Do nothing: the headers are kept apart."""
