"""Cloud Storage's JSON API, as google-cloud-storage calls it: credentials and permissions first."""

from __future__ import annotations

from urllib.parse import unquote

from langchain_claude_cloud.testing.server import google, google_data, vertex
from langchain_claude_cloud.testing.server.buckets import PATH, Buckets
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, Refusal, cloud_refusal


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request for Cloud Storage."""
    try:
        _check(state, request)
        return buckets_of(state).serve(request)
    except Refusal as refused:
        return google_data.error_response(refused)


def buckets_of(state: State) -> Buckets:
    """Return the emulator's buckets, made when they are first needed."""
    if state.batches.buckets is None:
        state.batches.buckets = Buckets()
    return state.batches.buckets


def _check(state: State, request: Incoming) -> None:
    """Refuse a request without credentials, permission, or a bucket that exists."""
    vertex.check_credentials(state, request)
    found = PATH.fullmatch(request.raw_path)
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
