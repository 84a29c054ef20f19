"""Cloud Storage's JSON API, as google-cloud-storage calls it: credentials and permissions first.

gcp-storage-emulator does the rest: buckets, uploads in one piece and in many, downloads of ranges,
lists. The bodies of errors, which it leaves out, are here.
"""

from __future__ import annotations

import re
import threading
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote, unquote

from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import Router
from gcp_storage_emulator.storage import Storage

from langchain_claude_cloud.testing.server import google, vertex
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal

_PATH: Final = re.compile(
    r"/(?P<kind>upload/|download/)?storage/v1/b(?:/(?P<bucket>[^/]+))?(?:/o(?:/(?P<object>.+))?)?"
)
"""The paths of the JSON API."""


class Buckets:
    """The buckets of an emulator, in memory; the server's thread and those of jobs use them."""

    def __init__(self) -> None:
        self.storage: Any = Storage(use_memory_fs=True)
        self._lock = threading.RLock()

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
            with self._lock:
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
        with self._lock:
            Router(exchange).handle(request.method)
        body = exchange.wfile.getvalue()
        if exchange.status == HTTPStatus.NOT_FOUND and not body:
            found = _PATH.fullmatch(request.raw_path)
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


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request for Cloud Storage."""
    try:
        _check(state, request)
        return buckets_of(state).serve(request)
    except Refusal as refused:
        return google.error_response(refused)


def buckets_of(state: State) -> Buckets:
    """Return the emulator's buckets, made when they are first needed."""
    if state.batches.buckets is None:
        state.batches.buckets = Buckets()
    return state.batches.buckets


def _check(state: State, request: Incoming) -> None:
    """Refuse a request without credentials, permission, or a bucket that exists."""
    vertex.check_credentials(state, request)
    found = _PATH.fullmatch(request.raw_path)
    if found is None or found["bucket"] is None:
        return
    bucket, name = unquote(found["bucket"]), unquote(found["object"] or "")
    permission = _permission(request.method, writes=found["kind"] == "upload/", name=name)
    google.check_permission(state, permission, f"the Google Cloud Storage bucket {bucket}")
    if not buckets_of(state).has(bucket):
        raise cloud_refusal(404, "The specified bucket does not exist.")


def _permission(method: str, *, writes: bool, name: str) -> str:
    if writes:
        return "storage.objects.create"
    if method == "DELETE":
        return "storage.objects.delete"
    return "storage.objects.get" if name else "storage.objects.list"
