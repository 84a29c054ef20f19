"""A token endpoint on loopback: real HTTP, for real google-auth and botocore clients."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Reply:
    """What a client gets."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A loopback server that answers with ``answer`` and keeps what it was sent."""

    answer: Callable[[Request], Reply]
    url: str = ""
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[Server]:
    """Serve on a free loopback port until the block ends."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            server.requests.append(request)
            reply = server.answer(request)
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@dataclass
class Tokens:
    """Answers as Google's token endpoints do: a new token each time.

    Attributes:
        lifetime: Seconds that a token lasts.
        delay: Seconds that an answer takes.
        refusal: What to answer instead of a token.
        same: Whether every token is the same one, as the metadata server's cached one is.
    """

    lifetime: int = 3600
    delay: float = 0.0
    refusal: Reply | None = None
    same: bool = False
    count: int = 0

    def __call__(self, request: Request) -> Reply:
        """Answer one token request."""
        self.count += 1
        time.sleep(self.delay)
        if self.refusal is not None:
            return self.refusal
        token = "token-1" if self.same else f"token-{self.count}"
        if request.path.endswith(":generateAccessToken"):
            expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
            return json_reply({"accessToken": f"impersonated-{token}", "expireTime": expires})
        return json_reply(
            {
                "access_token": token,
                "expires_in": self.lifetime,
                "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }
        )


def json_reply(body: object, status: int = 200) -> Reply:
    """Return a JSON reply."""
    return Reply(status, json.dumps(body).encode())


@cache
def private_key() -> str:
    """Return a new private key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def service_account(token_uri: str, **more: object) -> dict[str, Any]:
    """Return a service account key whose tokens come from ``token_uri``."""
    return {
        "type": "service_account",
        "project_id": "key-project",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "robot@key-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{token_uri}/token",
        **more,
    }


def claims(assertion: str) -> dict[str, Any]:
    """Return the claims of a JWT, unverified."""
    payload = assertion.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return decoded


@dataclass
class Sts:
    """Answers as AWS STS does: new temporary keys each time.

    Attributes:
        lifetime: Seconds that keys last.
        refusal: An error code to answer instead.
        status: The status of the refusal.
    """

    lifetime: int = 3600
    delay: float = 0.0
    refusal: str | None = None
    status: int = 403
    count: int = 0

    def __call__(self, request: Request) -> Reply:
        """Answer one AssumeRole or AssumeRoleWithWebIdentity request."""
        self.count += 1
        time.sleep(self.delay)
        if self.refusal:
            error = f"<Error><Type>Sender</Type><Code>{self.refusal}</Code><Message>no</Message></Error>"
            body = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
            return Reply(self.status, body.encode(), {"content-type": "text/xml"})
        action = request.form["Action"]
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
        body = (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<Credentials><AccessKeyId>ASIA{self.count}</AccessKeyId>"
            f"<SecretAccessKey>secret{self.count}</SecretAccessKey>"
            f"<SessionToken>session{self.count}</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials>"
            "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>"
            "<AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"
            f"</{action}Result></{action}Response>"
        )
        return Reply(200, body.encode(), {"content-type": "text/xml"})


def in_threads(count: int, work: Callable[[], object]) -> list[object]:
    """Run ``work`` in many threads at once, and return what each returned or raised."""
    barrier = threading.Barrier(count)
    results: list[object] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001  the test looks at it
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
