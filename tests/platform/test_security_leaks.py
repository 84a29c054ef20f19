"""No credential shows in an error, a log or a warning, whatever goes wrong and whoever echoes it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from canaries import canary, everything_logged, seen_of, shown
from credential_servers import Reply, Request, Sts, json_reply, service_account, serving
from environment import Loopback
from http_fakes import Exchange, Server
from langchain_core.messages import HumanMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError

HEADER = canary()
TOKEN, API_KEY = canary("ya29."), canary("ABSK")
KEY_ID, SECRET, SESSION = canary("AKIA"), canary(), canary("FwoG")
PLANTED = [TOKEN, API_KEY, KEY_ID, SECRET, SESSION, HEADER]


def _vertex(url: str) -> Vertex:
    return Vertex(project="p", access_token=TOKEN, base_url=f"{url}/v1")


def _keys(url: str) -> Bedrock:
    return Bedrock(
        region="us-east-1", access_key_id=KEY_ID, secret_access_key=SECRET,
        session_token=SESSION, base_url=url,
    )  # fmt: skip


def _api_key(url: str) -> Bedrock:
    return Bedrock(region="us-east-1", api_key=API_KEY, base_url=url)


PLATFORMS: dict[str, Callable[[str], Any]] = {
    "vertex": _vertex, "bedrock keys": _keys, "bedrock api key": _api_key,
}  # fmt: skip


def model_on(platform: Any, **fields: Any) -> ChatClaudeCloud:
    """Return a model with a credential among its headers too."""
    return ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform, max_tokens=10, max_retries=0, timeout=5,
        default_headers={"x-api-key": HEADER, "x-team": "search"}, **fields,
    )  # fmt: skip


async def _astream(model: ChatClaudeCloud) -> None:
    async for _ in model.astream("Hi"):
        pass


WAYS: dict[str, Callable[[ChatClaudeCloud], Any]] = {
    "invoke": lambda model: model.invoke("Hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Hi")),
    "stream": lambda model: list(model.stream("Hi")),
    "astream": lambda model: asyncio.run(_astream(model)),
}


def failed(
    model: ChatClaudeCloud, way: str = "invoke"
) -> tuple[ClaudeCloudError, dict[str, object]]:
    """Return a call's error and everything that shows of the call."""
    with everything_logged() as lines, pytest.raises(ClaudeCloudError) as caught:
        WAYS[way](model)
    return caught.value, {**seen_of(caught.value), "log": "\n".join(lines), "model": repr(model)}


async def _json(exchange: Exchange, status: int) -> None:
    headers = exchange.headers
    body = {"error": {"type": "e", "message": f"Got {headers}", "status": "X"}, "headers": headers}
    await exchange.reply(status, json.dumps(body).encode(), {"x-amzn-errortype": "EchoException"})


async def _lines(exchange: Exchange, status: int) -> None:
    lines = "\n".join(f"{name}:{value}" for name, value in exchange.headers.items())
    message = f"The request signature does not match. The Canonical String was '{lines}'"
    await exchange.reply(status, json.dumps({"message": message}).encode())


async def _page(exchange: Exchange, status: int) -> None:
    rows = "".join(f"<p>{name}: {value}</p>" for name, value in exchange.headers.items())
    await exchange.reply(status, f"<html>{rows}".encode())


ECHOES: dict[str, tuple[Any, int]] = {
    "400 json": (_json, 400), "401 page": (_page, 401), "403 lines": (_lines, 403),
    "404 json": (_json, 404), "429 page": (_page, 429), "500 lines": (_lines, 500),
    "529 json": (_json, 529),
}  # fmt: skip


@pytest.mark.parametrize("way", ["invoke", "astream"])
@pytest.mark.parametrize("cloud", PLATFORMS)
@pytest.mark.parametrize("case", ECHOES)
def test_a_refusal_that_echoes_the_request_shows_no_credential(
    case: str, cloud: str, way: str
) -> None:
    """Gateways and debugging endpoints do; AWS quotes the canonical request."""
    echo, status = ECHOES[case]
    with Server(lambda exchange: echo(exchange, status)) as server:
        url = server.url.removesuffix("/v1/messages")
        error, seen = failed(model_on(PLATFORMS[cloud](url)), way)
        assert error.status_code == status
        assert server.requests[0].headers["x-api-key"] == HEADER
    assert shown(seen, PLANTED) == []
    assert "[redacted]" in (error.body or "")


async def _echo_with_200(exchange: Exchange) -> None:
    await exchange.reply(200, json.dumps({"headers": exchange.headers}).encode())


async def _echo_as_head(exchange: Exchange) -> None:
    await exchange.send(f"authorization: {exchange.headers['authorization']}\r\n\r\n".encode())


async def _echo_as_event(exchange: Exchange) -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": str(exchange.headers)}}
    await exchange.stream(b"data: " + json.dumps(error).encode() + b"\n\n")


async def _echo_as_place(exchange: Exchange) -> None:
    secret = exchange.headers["authorization"].split()[-1]
    await exchange.reply(
        307, b"", {"location": f"https://user:{secret}@evil.test/{secret}?{secret}"}
    )


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke"])
@pytest.mark.parametrize("cloud", PLATFORMS)
@pytest.mark.parametrize("echo", [_echo_with_200, _echo_as_head, _echo_as_event, _echo_as_place])
def test_an_answer_that_echoes_the_credentials_shows_none(echo: Any, cloud: str, way: str) -> None:
    """A stranger in the cloud's place may put them anywhere."""
    with Server(echo) as server:
        url = server.url.removesuffix("/v1/messages")
        _, seen = failed(model_on(PLATFORMS[cloud](url)), way)
    del seen["locals"]
    # httpcore logs the head of a malformed response at DEBUG: that is the peer's text.
    seen.pop("log")
    assert shown(seen, PLANTED) == []


@pytest.fixture(scope="module")
def certificates() -> ssl.SSLContext:
    """What httpx would read for each client, in 30 ms."""
    return ssl.create_default_context()


@pytest.mark.parametrize("is_own", [False, True], ids=["ours", "a client that follows"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("cloud", ["vertex", "bedrock keys"])
def test_no_credential_goes_along_a_redirect(
    cloud: str,
    status: int,
    is_own: bool,  # noqa: FBT001  a table
    certificates: ssl.SSLContext,
) -> None:
    """Neither to another host nor to another path: the second request is never made."""
    with Server(_refuse) as other:

        async def redirect(exchange: Exchange) -> None:
            location = other.url if exchange.number % 2 else "/elsewhere"
            await exchange.reply(status, b"", {"location": location})

        following: Any = {"follow_redirects": True, "verify": certificates}
        with Server(redirect) as server, httpx.Client(**following) as client:
            # Each way has an event loop of its own, and a connection belongs to one.
            unkept = httpx.Limits(max_keepalive_connections=0)
            own = httpx.AsyncClient(**following, limits=unkept)
            clients = {"http_client": client, "http_async_client": own} if is_own else {}
            url = server.url.removesuffix("/v1/messages")
            model = model_on(PLATFORMS[cloud](url), **clients)
            for way in WAYS:
                error, seen = failed(model, way)
                assert "redirect" in str(error)
                del seen["locals"]
                assert shown(seen, PLANTED) == []
            assert len(server.requests) == len(WAYS)
            asyncio.run(own.aclose())
        assert other.requests == []


async def _hang_up(exchange: Exchange) -> None:
    await exchange.hang_up()


async def _cut(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.chunk(b'data: {"type": "message_start", "message": {"content": []}}\n\n')
    await exchange.hang_up()


async def _stall(exchange: Exchange) -> None:
    await exchange.wait_for_hang_up()


async def _refuse(exchange: Exchange) -> None:
    await exchange.reply(401, b'{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}')


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cloud", PLATFORMS)
@pytest.mark.parametrize("handler", [_hang_up, _cut, _stall, _refuse])
def test_a_failure_shows_no_credential(handler: Any, cloud: str, way: str) -> None:
    """Error trackers collect local variables: those of the package's frames have none either."""
    with Server(handler) as server:
        url = server.url.removesuffix("/v1/messages")
        model = model_on(PLATFORMS[cloud](url)).model_copy(
            update={"timeout": 0.2, "default_headers": None}
        )
        _, seen = failed(model, way)
    assert shown(seen, PLANTED) == []


@pytest.mark.parametrize("cloud", PLATFORMS)
def test_an_unreachable_endpoint_shows_no_credential(cloud: str) -> None:
    """Refused connections, and TLS where there is none."""
    with Server(_refuse) as server:
        urls = [
            "http://127.0.0.1:9",
            server.url.replace("http:", "https:").removesuffix("/v1/messages"),
        ]
        for url in urls:
            quick = {"default_headers": None, "timeout": {"connect": 0.3, "start": 1.0}}
            _, seen = failed(model_on(PLATFORMS[cloud](url)).model_copy(update=quick))
            assert shown(seen, PLANTED) == []


# Where credentials come from


@contextmanager
def _sts(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Request], Reply]) -> Iterator[None]:
    with serving(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield


def _echo(request: Request) -> Reply:
    lines = " ".join(f"{name}:{value}" for name, value in request.headers.items())
    error = f"<Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>{lines}</Message></Error>"
    return Reply(
        403, f"<ErrorResponse>{error}</ErrorResponse>".encode(), {"content-type": "text/xml"}
    )


def _assumed(role: str) -> Bedrock:
    return Bedrock(
        region="us-east-1", access_key_id=KEY_ID, secret_access_key=SECRET, session_token=SESSION,
        role_arn=f"arn:aws:iam::123456789012:role/{role}", base_url="http://127.0.0.1:9",
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer", [Sts(), Sts(refusal="AccessDenied"), _echo], ids=["ok", "no", "echo"]
)
def test_assuming_a_role_shows_no_credential(
    answer: Callable[[Request], Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library logs requests to STS and its replies at DEBUG, new keys included."""
    with _sts(monkeypatch, answer):
        _, seen = failed(model_on(_assumed("r")))
    del seen["locals"]
    issued = ["<SecretAccessKey>secret1", "<SessionToken>session1"]
    assert shown(seen, [*PLANTED, *issued]) == []


@pytest.mark.parametrize("refusal", [None, "AccessDenied"])
def test_a_web_identity_shows_no_token(
    refusal: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on EKS: the pod's token goes to STS in a form."""
    token = canary("eyJhbGciOiJSUzI1NiJ9.")
    (tmp_path / "token").write_text(token)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    with _sts(monkeypatch, Sts(refusal=refusal)):
        platform = Bedrock(region="us-east-1", base_url="http://127.0.0.1:9")
        _, seen = failed(model_on(platform).model_copy(update={"default_headers": None}))
    assert shown(seen, [token, "<SecretAccessKey>secret1"]) == []


class GoogleEndpoint:
    """A token endpoint that remembers the assertions, and echoes them when it refuses."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.issued = canary("ya29.")
        self.assertions: list[str] = []

    def __call__(self, request: Request) -> Reply:
        """Answer a request for a token."""
        self.assertions.append(request.form["assertion"])
        if self.refuses:
            text = f"Bad {request.body.decode()} {request.form}"
            return json_reply({"error": "invalid_grant", "error_description": text}, 400)
        return json_reply({"access_token": self.issued, "expires_in": 3600})


@pytest.mark.parametrize("refuses", [False, True])
def test_a_service_account_shows_neither_key_nor_assertion_nor_token(
    refuses: bool,  # noqa: FBT001  a table
) -> None:
    """google-auth logs requests and replies at DEBUG, and its errors hold the whole reply."""
    from google.oauth2 import service_account as google  # noqa: PLC0415  as users import it

    endpoint = GoogleEndpoint(refuses=refuses)
    with serving(endpoint) as server:
        info = service_account(server.url)
        load: Any = google.Credentials.from_service_account_info
        platform = Vertex(project="p", credentials=load(info), base_url="http://127.0.0.1:9")
        _, seen = failed(model_on(platform).model_copy(update={"default_headers": None}))
    key_lines = info["private_key"].splitlines()[1:4]
    assert endpoint.assertions
    seen.pop("locals")
    assert shown(seen, [*key_lines, *endpoint.assertions, endpoint.issued]) == []


@pytest.mark.parametrize(
    "form",
    [
        "http://user:{}@127.0.0.1:9",
        "http://user:{}@[bad",
        "user:{}@127.0.0.1:9",
        "socks5://user:{}@127.0.0.1:9",
        "ftp://user:{}@127.0.0.1:9",
        "http://user:{}@127.0.0.1:99999",
    ],
)
@pytest.mark.parametrize("what", ["model", "google", "aws"])
def test_a_proxys_password_does_not_show(
    form: str, what: str, monkeypatch: pytest.MonkeyPatch, loopback: Loopback
) -> None:
    """Neither in our errors nor in what the clouds' libraries say about proxies."""
    from google.oauth2 import service_account as google  # noqa: PLC0415  as users import it

    password = canary().translate({ord(letter): None for letter in "+/="})
    monkeypatch.setenv("HTTPS_PROXY", form.format(password))
    load: Any = google.Credentials.from_service_account_info
    platforms: dict[str, Callable[[], Any]] = {
        "model": lambda: Vertex(project="p", access_token=TOKEN),
        "google": lambda: Vertex(
            project="p", credentials=load(service_account("https://token.test"))
        ),
        "aws": lambda: _assumed("r").model_copy(update={"base_url": None}),
    }
    _, seen = failed(model_on(platforms[what]()))
    assert shown(seen, [password]) == []
    if what == "aws":  # botocore takes the scheme of a proxy that it does not know for its host
        assert set(loopback.refused) <= {form.partition(":")[0]}
        loopback.refused.clear()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Vertex(access_token=f"{TOKEN}\n"),
        lambda: Vertex(credentials_info=SECRET),
        lambda: Vertex(credentials=SECRET),
        lambda: Vertex(acess_token=TOKEN),  # type: ignore[call-arg]  # a typo
        lambda: Bedrock(region="us-east-1", secret_access_key=SECRET),
        lambda: Bedrock(region="us-east-1", api_key=f"{API_KEY} "),
        lambda: Bedrock(region="us-east-1", session=SECRET),
        lambda: Bedrock(region="us-east-1", aws_secret_access_key=SECRET),  # type: ignore[call-arg]
        lambda: ChatClaudeCloud(model="", platform="vertex", api_key=TOKEN),
    ],
)
def test_a_refused_constructor_shows_no_credential(make: Callable[[], object]) -> None:
    """Neither its error nor its frames, which error trackers store."""
    with pytest.raises(ClaudeCloudError) as caught:
        make()
    assert shown(seen_of(caught.value), PLANTED) == []


@pytest.mark.parametrize(
    "name",
    [
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ],
)
def test_a_refused_variable_shows_no_credential(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the wrong variable, or with a line break, is in no frame either."""
    monkeypatch.setenv(name, f"https://u:{SECRET}@host/\n")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    is_google = name.startswith("GOOGLE")
    platform = Vertex(project="p") if is_google else Bedrock(region="us-east-1")
    with pytest.raises(ClaudeCloudError) as caught:
        ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_retries=0).invoke("Hi")
    assert shown(seen_of(caught.value), PLANTED) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model, own: model.invoke("Hi", max_tokens="x", **own), "max_tokens"),
        (lambda model, own: list(model.bind(**own).stream("Hi", betas=5)), "betas"),
        (lambda model, own: model.invoke("Hi", model="", **own), "model"),
        (lambda model, _: model.invoke("Hi", default_headers={"x-key": f"{HEADER}\n"}), "x-key"),
        (lambda model, own: model.invoke("Hi", model_kwargs={"a": object()}, **own), "JSON"),
        (lambda model, _: model.list_models(), "not reached"),
    ],
)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock api key"])
def test_a_refused_call_shows_no_credential(
    cloud: str, call: Callable[[ChatClaudeCloud, dict[str, Any]], object], said: str
) -> None:
    """A header that ends in a line break, or another mistake beside good headers."""
    model = model_on(PLATFORMS[cloud]("http://127.0.0.1:9"))
    with pytest.raises(ClaudeCloudError, match=said) as caught:
        call(model, {"default_headers": {"x-session": HEADER}})
    assert shown(seen_of(caught.value), PLANTED) == []


def _refused(_: str, *, key: str) -> bytes:
    raise OSError(f"refused {key[:0]}")


@pytest.mark.parametrize("what", ["api_key", "url_fetcher"])
def test_a_function_of_the_users_shows_no_secret_that_it_holds(what: str) -> None:
    """The text of a `functools.partial` has its arguments."""
    image = [{"type": "image", "url": "https://a.test/p.png"}]
    function: dict[str, Any] = {what: partial(_refused, key=SECRET)}
    if what == "api_key":
        model = model_on(Bedrock(region=None, **function))
    else:
        model = model_on(_vertex("http://127.0.0.1:9"), **function)
    with pytest.raises(ClaudeCloudError) as caught:
        model.invoke([HumanMessage(image)])  # type: ignore[arg-type]  # content is invariant
    assert shown(seen_of(caught.value), PLANTED) == []
