"""Google access tokens, from real token endpoints on loopback."""

from __future__ import annotations

import base64
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from credential_servers import (
    Reply,
    Request,
    Server,
    Tokens,
    claims,
    in_threads,
    json_reply,
    service_account,
    serving,
)
from google.auth import credentials as google_credentials
from google.auth import impersonated_credentials
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account as robots
from pydantic import SecretStr

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    LocalLimitError,
)
from langchain_claude_cloud.platform.credentials import BearerToken, explained
from langchain_claude_cloud.platform.google_auth import (
    SCOPES,
    GoogleSource,
    explanation,
    google_source,
    transport,
)
from langchain_claude_cloud.platform.shared_state import shared_lock


@pytest.fixture
def tokens() -> Tokens:
    """What the token endpoint of `endpoint` answers."""
    return Tokens()


@pytest.fixture
def endpoint(tokens: Tokens) -> Iterator[Server]:
    """A token endpoint."""
    with serving(tokens) as server:
        yield server


@pytest.fixture
def key_file(endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account key, named by the environment."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(service_account(endpoint.url)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


def user(endpoint: Server, **more: str) -> user_credentials.Credentials:
    """Return credentials as gcloud's login makes them."""
    return user_credentials.Credentials(
        None,
        refresh_token="refresh",
        token_uri=f"{endpoint.url}/token",
        client_id="c",
        client_secret="s",
        **more,
    )


def test_a_given_token_is_used_as_it_is_and_cannot_be_renewed() -> None:
    """An access token needs nothing; its repr shows no token."""
    source = BearerToken(SecretStr("ya29.secret"))
    assert not source.needs_prepare()
    source.prepare()
    assert source.headers() == {"authorization": "Bearer ya29.secret"}
    assert source.refresh(source.headers()) is False
    assert "secret" not in repr(vars(source))


@pytest.mark.usefixtures("key_file")
def test_a_service_account_key_is_found_and_scoped(endpoint: Server) -> None:
    """The assertion asks for cloud-platform; the key's project is known afterwards."""
    source = google_source()
    assert source.needs_prepare()
    assert source.project is None
    source.prepare()
    assert not source.needs_prepare()
    assert source.headers() == {"authorization": "Bearer token-1"}
    assert source.project == "key-project"
    (request,) = endpoint.requests
    assert claims(request.form["assertion"])["scope"] == " ".join(SCOPES)


@pytest.mark.usefixtures("key_file")
def test_a_key_file_is_read_without_looking_for_the_project() -> None:
    """Where the project is known, the shorter way finds the same credentials."""
    source = google_source(needs_project=False)
    source.prepare()
    assert source.headers() == {"authorization": "Bearer token-1"}


@pytest.mark.usefixtures("key_file")
def test_the_quota_project_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota project travels with the token, as google-auth's apply() has it."""
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
    source = google_source()
    source.prepare()
    assert source.headers()["x-goog-user-project"] == "payer"


@pytest.mark.usefixtures("key_file")
def test_the_default_credentials_are_shared_by_the_process(tokens: Tokens) -> None:
    """A second instance neither reads the key again nor asks for a token."""
    first = google_source()
    first.prepare()
    del first
    second = google_source()
    assert not second.needs_prepare()
    assert tokens.count == 1


def test_another_key_is_another_identity(key_file: Path, endpoint: Server, tokens: Tokens) -> None:
    """A file that changed, and another variable, make another source."""
    google_source().prepare()
    key_file.write_text(json.dumps(service_account(endpoint.url, project_id="second-project")))
    changed = google_source()
    changed.prepare()
    assert changed.project == "second-project"
    assert tokens.count == 2


@pytest.mark.usefixtures("key_file")
def test_fifty_cold_threads_make_one_token_request(tokens: Tokens) -> None:
    """The token endpoint is asked once, and everybody has its token."""
    tokens.delay = 0.1

    def work() -> object:
        source = google_source()
        source.prepare()
        return source.headers()

    assert in_threads(50, work) == [{"authorization": "Bearer token-1"}] * 50
    assert tokens.count == 1


@pytest.mark.usefixtures("key_file")
def test_who_waited_for_a_refusal_shares_it(tokens: Tokens) -> None:
    """Fifty callers do not ask one after the other; a later one asks anew."""
    tokens.delay = 0.2
    tokens.refusal = json_reply({"error": "invalid_grant"}, 400)
    outcomes = in_threads(50, lambda: google_source().prepare())
    assert {type(each) for each in outcomes} == {AuthenticationError}
    assert len(set(map(id, outcomes))) == 50
    assert tokens.count == 1
    tokens.refusal = None
    google_source().prepare()
    assert tokens.count == 2


def test_credentials_of_a_user_are_refreshed(endpoint: Server) -> None:
    """A refresh token is exchanged."""
    source = google_source(user(endpoint, quota_project_id="payer"))
    source.prepare()
    assert source.headers() == {"authorization": "Bearer token-1", "x-goog-user-project": "payer"}
    assert endpoint.requests[0].form["grant_type"] == "refresh_token"


def test_an_unscoped_service_account_is_scoped(endpoint: Server) -> None:
    """Without a scope Google would refuse the token; the caller's object stays unscoped."""
    given = robots.Credentials.from_service_account_info(service_account(endpoint.url))
    source = google_source(given)
    source.prepare()
    assert claims(endpoint.requests[0].form["assertion"])["scope"] == SCOPES[0]
    assert given.scopes is None
    assert given.token is None
    assert source.project == "key-project"


def test_sources_are_shared_by_credentials_object(endpoint: Server, tokens: Tokens) -> None:
    """Two instances with one credentials object share its token, others do not."""
    given = user(endpoint)
    first, second = google_source(given), google_source(given)
    assert first is second
    assert google_source(user(endpoint)) is not first
    in_threads(8, first.prepare)
    assert tokens.count == 1


def test_impersonation(endpoint: Server) -> None:
    """A service account's token is exchanged for another's."""
    given = impersonated_credentials.Credentials(
        source_credentials=user(endpoint),
        target_principal="other@p.iam.gserviceaccount.com",
        target_scopes=[],
        iam_endpoint_override=f"{endpoint.url}/v1/other:generateAccessToken",
    )
    source = google_source(given)
    source.prepare()
    assert source.headers() == {"authorization": "Bearer impersonated-token-2"}
    exchange = endpoint.requests[1]
    assert exchange.headers["authorization"] == "Bearer token-1"
    assert json.loads(exchange.body)["scope"] == list(SCOPES)


@pytest.mark.parametrize("needs_project", [True, False])
def test_workload_identity(
    endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, needs_project: bool
) -> None:
    """A token of another identity provider is exchanged; a known project is not looked up."""
    (tmp_path / "subject").write_text("subject-token")
    path = tmp_path / "wif.json"
    pool = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/p/providers/q"
    path.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": pool,
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{endpoint.url}/v1/token",
                "credential_source": {"file": str(tmp_path / "subject")},
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    # A project look-up would have to go out: nothing answers at the proxy.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    if needs_project:
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "named")
    source = google_source(needs_project=needs_project)
    source.prepare()
    assert source.headers() == {"authorization": "Bearer token-1"}
    assert source.project == ("named" if needs_project else None)
    (request,) = endpoint.requests
    assert request.form["subject_token"] == "subject-token"
    assert request.form["scope"] == SCOPES[0]


def _log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what gcloud leaves."""
    folder = tmp_path / "gcloud"
    folder.mkdir()
    login = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
    }
    (folder / "application_default_credentials.json").write_text(json.dumps(login))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")


def test_gclouds_login_is_found_and_goes_through_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login's token endpoint is Google's own: here the proxy on the way to it is shut."""
    _log_in(tmp_path, monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailedError, match="HTTPS_PROXY"):
        google_source().prepare()


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
def test_a_socks_proxy_on_the_way_to_a_token_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a setting to change: no retry helps."""
    _log_in(tmp_path, monkeypatch)
    monkeypatch.setenv("ALL_PROXY", "socks5://user:correct-horse@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"SOCKS proxy.*oauth2\.googleapis") as caught:
        google_source().prepare()
    assert "correct-horse" not in str(caught.value)


def test_the_metadata_server(tmp_path: Path) -> None:
    """On Google Cloud the attached service account is used (in a process of its own: google-auth reads the host at import)."""

    def answer(request: Request) -> Reply:
        flavor = {"metadata-flavor": "Google"}
        if request.path.startswith("/computeMetadata/v1/project/project-id"):
            return Reply(200, b"metadata-project", {**flavor, "content-type": "text/plain"})
        if "/token" in request.path:
            body = {"access_token": "metadata-token", "expires_in": 3600, "token_type": "Bearer"}
            return Reply(200, json.dumps(body).encode(), flavor)
        body = {"scopes": list(SCOPES), "email": "robot@p"}
        return Reply(200, json.dumps(body).encode(), flavor)

    program = (
        "from langchain_claude_cloud.platform.google_auth import google_source\n"
        "source = google_source(); source.prepare(); print(source.project, source.headers())"
    )
    with serving(answer) as server:
        host = server.url.removeprefix("http://")
        environment = {name: value for name, value in os.environ.items() if name != "NO_GCE_CHECK"}
        environment |= {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "HOME": str(tmp_path)}
        done = subprocess.run(  # noqa: S603  our own interpreter
            [sys.executable, "-c", program],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.stdout.strip() == "metadata-project {'authorization': 'Bearer metadata-token'}", (
        done.stderr
    )


@pytest.mark.usefixtures("key_file")
def test_a_token_about_to_expire_is_renewed_by_one_caller(tokens: Tokens) -> None:
    """Within google-auth's 225 s the token still works: one caller renews, the rest go on."""
    tokens.lifetime = 100
    source = google_source()
    source.prepare()
    assert source.needs_prepare()
    tokens.delay = 0.2
    in_threads(10, source.prepare)
    assert tokens.count == 2
    assert source.headers() == {"authorization": "Bearer token-2"}
    assert not source.needs_prepare()


@pytest.mark.usefixtures("key_file")
def test_others_go_on_with_a_token_that_is_about_to_expire(tokens: Tokens) -> None:
    """Who does not renew it does not wait for who does."""
    tokens.lifetime = 100
    source = google_source()
    source.prepare()
    tokens.delay = 0.3
    renewing = threading.Thread(target=source.prepare)
    renewing.start()
    while tokens.count < 2:
        time.sleep(0.01)
    source.prepare()
    assert source.headers() == {"authorization": "Bearer token-1"}
    renewing.join()
    assert source.headers() == {"authorization": "Bearer token-2"}


@pytest.mark.usefixtures("key_file")
def test_no_frame_of_a_failed_renewal_holds_the_reply(tokens: Tokens) -> None:
    """Error trackers store the frames of libraries too."""
    tokens.refusal = json_reply({"error": "invalid_grant", "id": "of-the-reply"}, 400)
    with pytest.raises(AuthenticationError) as caught:
        google_source().prepare()
    _, *frames = traceback.walk_tb(caught.value.__traceback__)
    assert frames
    assert "of-the-reply" not in repr([frame.f_locals for frame, _ in frames])


def test_an_error_leads_to_no_exception_of_a_library(tokens: Tokens, endpoint: Server) -> None:
    """Those hold the key or what was sent, in attributes and frames."""
    tokens.refusal = json_reply({"error": "invalid_grant"}, 400)
    with pytest.raises(AuthenticationError) as caught:
        google_source(SecretStr(json.dumps(service_account(endpoint.url)))).prepare()
    assert caught.value.__context__ is None


@pytest.mark.usefixtures("key_file")
def test_a_failed_early_renewal_keeps_the_token(tokens: Tokens) -> None:
    """While the old token works, a token endpoint that refuses does no harm."""
    tokens.lifetime = 100
    source = google_source()
    source.prepare()
    tokens.refusal = json_reply({"error": "invalid_grant"}, 400)
    source.prepare()
    assert tokens.count == 2
    assert source.headers() == {"authorization": "Bearer token-1"}
    assert not source.needs_prepare()


@pytest.mark.usefixtures("key_file")
def test_a_refused_token_is_renewed_once_for_all(tokens: Tokens) -> None:
    """Twenty requests refused with one token lead to one token request."""
    source = google_source()
    source.prepare()
    used = source.headers()
    tokens.delay = 0.05
    assert in_threads(20, lambda: source.refresh(used)) == [True] * 20
    assert tokens.count == 2
    assert source.refresh({"authorization": "Bearer older"}) is True
    assert tokens.count == 2


@pytest.mark.usefixtures("key_file")
def test_a_renewal_that_gives_the_same_token_is_no_renewal(tokens: Tokens) -> None:
    """Sending again with the token that was refused has no chance."""
    tokens.same = True
    source = google_source()
    source.prepare()
    assert source.refresh(source.headers()) is False
    assert tokens.count == 2


def test_a_refused_key_is_read_again(key_file: Path, endpoint: Server, tokens: Tokens) -> None:
    """After a refusal the same source reads the file that was put in place."""
    tokens.refusal = json_reply({"error": "invalid_grant", "error_description": "Invalid JWT"}, 400)
    source = google_source()
    with pytest.raises(AuthenticationError, match=r"invalid_grant.*GOOGLE_APPLICATION_CREDENTIALS"):
        source.prepare()
    tokens.refusal = None
    key_file.write_text(json.dumps(service_account(endpoint.url, project_id="second-project")))
    source.prepare()
    assert source.project == "second-project"


@pytest.mark.usefixtures("key_file")
def test_a_token_endpoint_that_is_down_is_a_connection_error(tokens: Tokens) -> None:
    """After google-auth's own retries a 503 is something to try again later."""
    tokens.refusal = json_reply({"error": "unavailable"}, 503)
    with pytest.raises(ConnectionFailedError) as caught:
        google_source().prepare()
    assert caught.value.is_retryable
    assert caught.value.platform == "vertex"


def test_a_token_endpoint_that_is_not_there_is_a_connection_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens; the library's own exceptions do not leak."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(service_account("http://127.0.0.1:9")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ConnectionFailedError):
        google_source().prepare()


def test_missing_credentials_list_the_ways() -> None:
    """No file, no login, no metadata server: what to do."""
    with pytest.raises(AuthenticationError) as caught:
        google_source().prepare()
    for way in (
        "gcloud auth application-default login",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "access_token",
    ):
        assert way in str(caught.value)


@pytest.mark.parametrize("text", ["not json", "{}", '{"type": "service_account"}'])
@pytest.mark.parametrize("needs_project", [True, False])
def test_a_broken_key_file_is_an_authentication_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, needs_project: bool
) -> None:
    """The message comes from google-auth, the class from us."""
    path = tmp_path / "key.json"
    path.write_text(text)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(AuthenticationError):
        google_source(needs_project=needs_project).prepare()


def test_credentials_of_another_kind_are_refused() -> None:
    """A string is not a credentials object; its value is not shown."""
    source = GoogleSource("ya29.secret")
    with pytest.raises(ConfigurationError, match="access_token") as caught:
        source.prepare()
    assert "secret" not in str(caught.value)


def test_headers_before_prepare_are_an_error() -> None:
    """Signing first is the caller's mistake, and says so."""
    with pytest.raises(AuthenticationError, match="loaded"):
        GoogleSource(None).headers()


def test_a_forked_child_finds_locks_open() -> None:
    """A lock that a thread of the parent held is not shut for ever in the child."""
    lock = shared_lock()
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if lock.acquire(blocking=False) else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


KEY_TEXT = json.dumps(
    {"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\ncanary"}
)


@pytest.mark.parametrize(
    "value",
    [
        KEY_TEXT,
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n",
        base64.b64encode(KEY_TEXT.encode()).decode(),
        "canary" * 2_000,
        f"'{KEY_TEXT}'",
        "ya29.canary-0123456789abcdef",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary",
    ],
)
@pytest.mark.parametrize("needs_project", [True, False])
def test_a_key_in_place_of_its_path_is_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch, *, needs_project: bool
) -> None:
    """google-auth would quote it whole; what is wanted instead is said."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", value)
    with pytest.raises(AuthenticationError, match="must be the path") as caught:
        google_source(needs_project=needs_project).prepare()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert "canary" not in shown
    assert value[:20] not in shown
    assert "credentials_info" in str(caught.value)


def test_a_key_file_that_may_not_be_read_is_named() -> None:
    """As in a container that runs as another user: it is no refusal of Google's."""
    expected = r"No usable Google credentials: Permission denied: /keys/key\.json"
    with pytest.raises(AuthenticationError, match=expected), explained(explanation):
        raise PermissionError(13, "Permission denied", "/keys/key.json")


def test_a_missing_key_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a path is shown, so that a typo is found."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/keys/typo.json")
    with pytest.raises(AuthenticationError, match=r"/keys/typo\.json, which is no file"):
        google_source().prepare()


def test_the_contents_of_a_key_file_are_credentials(endpoint: Server, tokens: Tokens) -> None:
    """The same contents are one identity for the process, and find their project."""
    info = SecretStr(json.dumps(service_account(endpoint.url)))
    source = google_source(info)
    source.prepare()
    assert source.project == "key-project"
    assert source.headers()["authorization"].startswith("Bearer ")
    same = google_source(SecretStr(info.get_secret_value()))
    assert same is source
    assert not same.needs_prepare()
    assert tokens.count == 1


class Failing(google_credentials.Credentials):
    """Credentials of a user's own that fail in their own way."""

    def __init__(self, error: Exception, *, late: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.error, self.late = error, late

    def refresh(self, request: object) -> None:  # noqa: ARG002  the base's name
        """Fail, or give a token."""
        if not self.late:
            raise self.error
        self.token = "t"

    def apply(self, headers: dict[str, str], token: str | None = None) -> None:  # noqa: ARG002  the base's
        """Fail."""
        raise self.error


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("vault is sealed"), AuthenticationError),
        (AssertionError("no"), AuthenticationError),
        (KeyError("k"), AuthenticationError),
        (OSError(errno.EMFILE, "Too many open files"), LocalLimitError),
    ],
)
def test_credentials_that_raise_what_they_like_are_an_error_of_ours(
    error: Exception, expected: type[ClaudeCloudError], *, late: bool
) -> None:
    """An agent catches our errors, and another route may answer, but for a limit here."""
    source = google_source(Failing(error, late=late))
    if late:
        source.prepare()
    with pytest.raises(expected):
        source.headers() if late else source.prepare()


def test_a_token_endpoint_that_trickles_is_given_up() -> None:
    """A timeout for each read would never end: the request as a whole has one."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                while not stop.wait(0.02):
                    connection.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/token"
            with (
                pytest.raises(ConnectionFailedError, match="no answer within"),
                transport(0.3) as request,
                explained(explanation),
            ):
                request(url, method="POST")
        finally:
            stop.set()
            thread.join()
