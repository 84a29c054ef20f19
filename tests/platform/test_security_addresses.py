"""Names decide on nothing but their own place in the URL, and headers on nothing but themselves."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from canaries import canary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError, InvalidInputError
from langchain_claude_cloud.errors.redaction import reveal
from langchain_claude_cloud.platform.bedrock import BedrockPlatform
from langchain_claude_cloud.platform.vertex import VertexPlatform

REFUSALS = (ConfigurationError, InvalidInputError)
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

TRICKS = [
    "..", "../x", "a/../b", "a/..", "%2f", "a%2fb", "a%252fb", "?x=1", "a?b", "#x", "a#b", "@evil.com",
    "a@evil.com", "evil.com\\", "a\\b", "\uff0e\uff0e/", "\u2025", "\u2215", "\uff0f", "\uff20evil.com",
    "us-east-1.evil.com/", "us-east-1.evil.com", "us-east-1:443@evil.com", "us-east-1#", " us-east-1",
    "us-east-1 ", "us-east-1\n", "us-east-1\r\nhost: evil.com", "us-east-1\t", "us-east-1\0", "//evil.com",
    "http://evil.com", "-", "us-\u0435ast-1", "US-EAST-1", "us\u3002evil", "localhost", "127.0.0.1", "[::1]",
    "a;b", "a:b", "a&b", "a=b", "a+b", "a,b", "\u202e", "", " ", "\ud800",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(TRICKS),
    st.text(max_size=24),
    st.text(st.sampled_from("ab1-._:@/\\?#% \n\u2215"), max_size=16),
    st.builds("us-east-1{}".format, st.sampled_from(TRICKS)),
    st.builds("claude-sonnet-4-6{}".format, st.sampled_from(TRICKS)),
    st.builds("anthropic.claude-sonnet-4-6{}".format, st.sampled_from(TRICKS)),
)
OPERATIONS = st.sampled_from(["invoke", "stream", "count_tokens"])
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

VERTEX_PATH = re.compile(
    r"/v1/projects/[A-Za-z0-9._:-]+/locations/[a-z0-9-]+/publishers/anthropic/models/"
    r"[A-Za-z0-9._@-]+:(rawPredict|streamRawPredict)"
)
BEDROCK_PATH = re.compile(
    r"/model/[A-Za-z0-9._%-]+/(invoke|invoke-with-response-stream|count-tokens)"
)


def check_url(url: str, host: str, path: re.Pattern[str]) -> None:
    """Check that a URL leads to a host, by two parsers, and has exactly a shape of path."""
    parts, parsed = urlsplit(url), httpx.URL(url)
    assert (parts.scheme, parts.hostname, parts.username) == ("https", host, None)
    assert (parsed.scheme, parsed.host, parsed.userinfo) == ("https", host, b"")
    assert (parts.query, parts.fragment) == ("", "")
    assert path.fullmatch(parts.path), parts.path
    # What the client sends is what was checked: it neither normalizes nor decodes.
    assert unquote(parsed.raw_path.decode()) == unquote(parts.path)
    assert ".." not in unquote(parts.path)


@QUICK
@given(project=TEXTS, region=TEXTS, model=TEXTS, operation=OPERATIONS)
@pytest.mark.parametrize("which", ["project", "region", "model"])
def test_no_text_leads_vertex_elsewhere(
    which: str, project: str, region: str, model: str, operation: Any
) -> None:
    """It is refused before anything is sent, or it is one segment of the right path."""
    given_texts = {"project": project, "region": region, "model": model}
    fields = {"project": "my-project", "region": "us-east5", "model": "claude-x"}
    fields |= {which: given_texts[which]}
    model_id = fields.pop("model")
    try:
        platform = VertexPlatform(Vertex(**fields), model_id)  # type: ignore[arg-type]
        url = platform.endpoint(model_id, operation)
    except REFUSALS:
        return
    region = platform.count_tokens_region if operation == "count_tokens" else fields["region"]
    host = (
        "aiplatform.googleapis.com" if region == "global" else f"{region}-aiplatform.googleapis.com"
    )
    check_url(
        url,
        f"aiplatform.{region}.rep.googleapis.com" if region in ("us", "eu") else host,
        VERTEX_PATH,
    )


@QUICK
@given(region=TEXTS, model=TEXTS, operation=OPERATIONS)
@pytest.mark.parametrize("which", ["region", "model"])
def test_no_text_leads_bedrock_elsewhere(
    which: str, region: str, model: str, operation: Any
) -> None:
    """The model's id is one segment, percent-encoded as a whole."""
    asked = region if which == "region" else "us-east-1"
    model_id = model if which == "model" else ARN
    try:
        url = BedrockPlatform(Bedrock(region=asked)).endpoint(model_id, operation)
    except REFUSALS:
        return
    host = urlsplit(url).hostname or ""
    assert re.fullmatch(rf"bedrock-runtime\.{re.escape(asked)}\.[a-z.-]+", host)
    check_url(url, host, BEDROCK_PATH)
    assert unquote(urlsplit(url).path.split("/")[2]) == model_id


@QUICK
@given(TEXTS)
def test_no_text_for_a_field_of_the_public_classes_leads_elsewhere(text: str) -> None:
    """Constructors refuse it, or the first call would, before it sends anything."""
    makers: list[Any] = [
        lambda: ChatClaudeCloud(model=text, platform=Vertex(project="p")),
        lambda: ChatClaudeCloud(model=text, platform=Bedrock(region="us-east-1", api_key="k" * 9)),
        lambda: ChatClaudeCloud(model="claude-sonnet-4-6", platform=Vertex(project=text)),
        lambda: ChatClaudeCloud(
            model="claude-sonnet-4-6", platform=Vertex(project="p", region=text)
        ),
        lambda: ChatClaudeCloud(
            model="claude-sonnet-4-6", platform=Bedrock(region=text, api_key="k" * 9)
        ),
    ]
    for make in makers:
        try:
            model = make()
            (route,) = model._routes_for(model.model, {})
            if route.config.cloud == "bedrock":
                route.platform.prepare()
            url = route.platform.endpoint(route.resolved().model_id, "invoke")
        except REFUSALS:
            continue
        host = urlsplit(url).hostname or ""
        assert host.endswith((".googleapis.com", ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu",
                              "aiplatform.googleapis.com", ".sc2s.sgov.gov", ".c2s.ic.gov",
                              ".csp.hci.ic.gov", ".cloud.adc-e.uk"))  # fmt: skip
        check_url(url, host, VERTEX_PATH if "aiplatform" in host else BEDROCK_PATH)


def test_an_arn_is_one_segment() -> None:
    """Its slash and colons are encoded, and it does not choose the host."""
    url = BedrockPlatform(Bedrock(region="eu-west-1")).endpoint(ARN, "invoke")
    assert (
        url == f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{quote(ARN, safe='')}/invoke"
    )


@QUICK
@given(
    st.one_of(
        st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
                  st.sampled_from(["localhost", "127.0.0.1", "evil.com", "[::1]", "localhost@evil.com",
                                   "127.0.0.1.evil.com", "127.1", "0", "2130706433", "localhost.",
                                   "localhost%00.evil.com", "localhost\\@evil.com", "\u2113ocalhost"]),
                  st.sampled_from(["", ":80", ":x", "/", "/v1", "@evil.com", "#@evil.com", "?@evil.com",
                                   "\\@evil.com", ":80@evil.com", "\t@evil.com", "/../..", "%2f@evil.com"])),
        st.text(max_size=30).map("http://{}".format),
    )
)  # fmt: skip
def test_plain_http_stays_on_this_machine(url: str) -> None:
    """Whatever passes as an address is https, or loopback for every parser that reads it."""
    for make in (Vertex, Bedrock):
        try:
            accepted = make(base_url=url).effective_base_url()
        except ConfigurationError:
            continue
        assert accepted is not None
        try:
            parsed = httpx.URL(accepted)
        except httpx.InvalidURL:
            assert accepted.lower().startswith("https://")  # which the first call refuses
            continue
        assert parsed.userinfo == b""
        if parsed.scheme != "https":
            assert re.fullmatch(r"localhost|127(\.\d+){3}|::1", parsed.host), url
        assert parsed.host == (urlsplit(accepted).hostname or "")


INJECTIONS = [
    "a\r\nauthorization: b",
    "a\nb",
    "a\rb",
    "a\0b",
    "\u00e9",
    "\u4e2d",
    "a\x7fb",
    "\u010a",
]
_MODEL: Any = {"model": "claude-sonnet-4-6", "max_retries": 0, "timeout": 1}


def _vertex(**fields: Any) -> Vertex:
    return Vertex(
        **{"project": "p", "access_token": "t" * 9, "base_url": "http://127.0.0.1:9", **fields}
    )


def _bedrock(**fields: Any) -> Bedrock:
    given = {"region": "us-east-1", "api_key": "k" * 9, "base_url": "http://127.0.0.1:9", **fields}
    return Bedrock(**{name: value for name, value in given.items() if value is not None})


def _keys(**fields: Any) -> Bedrock:
    keys = {"access_key_id": "AKIA1234", "secret_access_key": "s" * 9, **fields}
    return _bedrock(api_key=None, **keys)


HEADERS: dict[str, Any] = {
    "a header's value": lambda text: ChatClaudeCloud(**_MODEL, platform=_vertex(), default_headers={"x": text}),
    "a header's name": lambda text: ChatClaudeCloud(**_MODEL, platform=_vertex(), default_headers={text: "x"}),
    "a beta on Vertex": lambda text: ChatClaudeCloud(**_MODEL, platform=_vertex(), betas=[text]),
    "a token": lambda text: ChatClaudeCloud(**_MODEL, platform=_vertex(access_token=text)),
    "a quota project": lambda text: ChatClaudeCloud(**_MODEL, platform=_vertex(quota_project=text)),
    "an api key": lambda text: ChatClaudeCloud(**_MODEL, platform=_bedrock(api_key=text)),
    "a session token": lambda text: ChatClaudeCloud(**_MODEL, platform=_keys(session_token=text)),
    "a key id": lambda text: ChatClaudeCloud(**_MODEL, platform=_keys(access_key_id=text)),
    "a guardrail": lambda text: ChatClaudeCloud(**_MODEL, platform=_bedrock(guardrail=f"{text}:1")),
    "a guardrail's version": lambda text: ChatClaudeCloud(**_MODEL, platform=_bedrock(guardrail=f"a:{text}")),
}  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("place", HEADERS)
def test_no_value_smuggles_in_a_header(place: str, text: str) -> None:
    """It is refused by name before anything is sent, and not shown where it is a secret."""
    secret = canary()
    with pytest.raises(ConfigurationError) as caught:
        HEADERS[place](f"{secret}{text}").invoke("Hi")
    if place in ("a token", "an api key", "a session token", "a key id", "a header's value"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_goes_into_a_header_as_json_is_escaped(text: str) -> None:
    """Request metadata may have any letters; the header is ASCII without line breaks."""
    config = _bedrock(request_metadata={text: text})
    _, headers = BedrockPlatform(config).rewrite(
        {"messages": []}, [], model_id="m", operation="invoke"
    )
    value = reveal(headers)["x-amzn-bedrock-request-metadata"]
    assert value.isascii()
    assert value.replace(" ", "").isprintable()


@QUICK
@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_any_headers_are_sent_whole_or_refused(headers: dict[str, str]) -> None:
    """Nothing but an error of ours comes of any headers; port 9 answers nobody."""
    with pytest.raises(ClaudeCloudError):
        ChatClaudeCloud(**_MODEL, platform=_vertex(), default_headers=headers).invoke("Hi")
