"""Bad input is a clear error before anything is sent, that names the field and the way out."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    RequestTooLargeError,
)
from langchain_claude_cloud.testing import CloudEmulator

MODEL = "claude-sonnet-5-5"
SECRET = "canary-2f9c71d4"


def _keys() -> Bedrock:
    return Bedrock(region="us-east-1", access_key_id="AKIA", secret_access_key="s")


CONSTRUCTORS: dict[str, tuple[Callable[[], object], str]] = {
    "an unknown argument": (
        lambda: ChatClaudeCloud(model=MODEL, platform="vertex", temprature=0),  # type: ignore[call-arg]
        r"temprature.*temperature",
    ),
    "an unknown platform": (
        lambda: ChatClaudeCloud(model=MODEL, platform="azure"),  # type: ignore[arg-type]
        r"platform 'azure'.*vertex.*bedrock",
    ),
    "no platform": (lambda: ChatClaudeCloud(model=MODEL), r"CLAUDE_CODE_USE_VERTEX=1"),
    "an empty list of platforms": (
        lambda: ChatClaudeCloud(model=MODEL, platform=[]),
        r"empty list",
    ),
    "no model": (lambda: ChatClaudeCloud(platform="vertex"), r"model is empty.*ANTHROPIC_MODEL"),  # type: ignore[arg-type]
    "an empty model": (lambda: ChatClaudeCloud(model=" ", platform=Vertex()), r"model"),
    "a model with dots": (lambda: ChatClaudeCloud(model="../x", platform=Vertex()), r"model"),
    "a model with a slash": (
        lambda: ChatClaudeCloud(model="claude-x/../../y", platform=Vertex()),
        r"model",
    ),
    "a model with a semicolon": (
        lambda: ChatClaudeCloud(model="claude-sonnet-5-5;v=1", platform=_keys()),
        r"model",
    ),
    "an id of the other cloud": (
        lambda: ChatClaudeCloud(model="claude-sonnet-4-5@20250929", platform=_keys()),
        r"anthropic\.claude-sonnet-4-5-20250929-v1:0",
    ),
    "an exact id beside another cloud": (
        lambda: ChatClaudeCloud(model="claude-sonnet-4-5@20250929", platform=[Vertex(), _keys()]),
        r"plain name",
    ),
    "a profile the model lacks": (
        lambda: ChatClaudeCloud(
            model="claude-fable-5-1", platform=Bedrock(region="eu-west-1", inference_profile="eu")
        ),
        r"inference profile 'eu'.*global",
    ),
    "half a key pair": (
        lambda: Bedrock(region="us-east-1", access_key_id=SECRET),
        r"access_key_id needs secret_access_key",
    ),
    "two identities": (
        lambda: Bedrock(api_key=SECRET, profile="work"),
        r"explicit credentials conflict",
    ),
    "an api_key beside explicit credentials": (
        lambda: ChatClaudeCloud(
            model=MODEL, platform=Vertex(access_token=SECRET), api_key="another"
        ),
        r"already has access_token",
    ),
    "an api_key for two platforms": (
        lambda: ChatClaudeCloud(model=MODEL, platform=[Vertex(), _keys()], api_key=SECRET),
        r"each platform its own",
    ),
    "an address without TLS": (
        lambda: Vertex(base_url="http://gateway.example.com"),
        r"https://",
    ),
    "a route outside the residency": (
        lambda: ChatClaudeCloud(model=MODEL, platform=Vertex(region="global"), residency="eu"),
        r"residency='eu'.*region",
    ),
    "a timeout that is no time": (
        lambda: ChatClaudeCloud(model=MODEL, platform=Vertex(), timeout=-1),
        r"timeout",
    ),
    "an unknown timeout": (
        lambda: ChatClaudeCloud(model=MODEL, platform=Vertex(), timeout={"reed": 3}),
        r"reed",
    ),
    "negative retries": (
        lambda: ChatClaudeCloud(model=MODEL, platform=Vertex(), max_retries=-1),
        r"max_retries",
    ),
    "a header with a line break": (
        lambda: ChatClaudeCloud(
            model=MODEL, platform=Vertex(), default_headers={"x": "a\r\nauthorization: b"}
        ).invoke("Hi"),
        r"header",
    ),
}


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_a_constructor_refuses_with_the_field_and_the_way_out(case: str) -> None:
    """The error is a `ConfigurationError` and a `ValueError`, and shows no secret."""
    make, expected = CONSTRUCTORS[case]
    with pytest.raises(ValueError, match=f"(?s){expected}") as caught:
        make()
    assert isinstance(caught.value, ClaudeCloudError)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


CUT = {"name": "f", "args": '{"a', "id": "t1", "error": "cut", "type": "invalid_tool_call"}
CALL = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "t1"}])


def _image(size: int) -> dict[str, Any]:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * size).decode()
    return {"type": "image", "base64": data, "mime_type": "image/png"}


MESSAGES: dict[str, tuple[list[BaseMessage], str]] = {
    "a result without its call": ([HumanMessage("x"), ToolMessage("r", tool_call_id="t9")], "t9"),
    "a call without its result": ([HumanMessage("x"), CALL, HumanMessage("y")], "t1"),
    "audio": (
        [HumanMessage([{"type": "audio", "base64": "AA==", "mime_type": "audio/wav"}])],
        "audio",
    ),
    "a file of a bucket": (
        [HumanMessage([{"type": "image", "url": "gs://bucket/a.png"}])],
        "gs://",
    ),
    "an image that is too large": ([HumanMessage([_image(5_000_000)])], "image"),
    "an image that is none": (
        [HumanMessage([{"type": "image", "base64": "aGk=", "mime_type": "image/tiff"}])],
        "tiff",
    ),
    "no message at all": ([], "message"),
    "an empty message": ([HumanMessage("")], "empty"),
    "a prefill": ([HumanMessage("x"), AIMessage("Sure,")], "prefill"),
}


@pytest.mark.parametrize("case", MESSAGES)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_message_that_no_cloud_takes_is_refused_here(
    emulator: CloudEmulator, cloud: str, case: str
) -> None:
    """Nothing is sent, and the error says which message, block or id it is about."""
    messages, expected = MESSAGES[case]
    model = ChatClaudeCloud(model=MODEL, platform=getattr(emulator, cloud)())
    with pytest.raises(InvalidInputError, match=expected):
        model.invoke(messages)
    with pytest.raises(InvalidInputError, match=expected):
        list(model.stream(messages))
    assert emulator.requests == []


ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown argument": ({"temprature": 1}, r"temprature.*temperature"),
    "a choice of no tool": (
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": "g"},
        "g",
    ),
    "thinking that the model lacks": (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "adaptive",
    ),
    "an effort that does not exist": ({"effort": "huge"}, "low"),
    "a tool of the server that this cloud lacks": (
        {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        "code_execution",
    ),
    "a raw field for messages": ({"model_kwargs": {"messages": []}}, "model_kwargs"),
    "a limit that is no number": ({"max_tokens": "100"}, "max_tokens is a number.*'100'"),
    "a value that JSON lacks": ({"model_kwargs": {"x": float("nan")}}, "JSON"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_an_argument_that_no_cloud_takes_is_refused_here(
    emulator: CloudEmulator, cloud: str, case: str
) -> None:
    """At call time as in the constructor."""
    arguments, expected = ARGUMENTS[case]
    model = ChatClaudeCloud(model=MODEL, platform=getattr(emulator, cloud)())
    with pytest.raises(InvalidInputError, match=f"(?s){expected}"):
        model.invoke("Hi", **arguments)
    assert emulator.requests == []


@pytest.mark.parametrize(("cloud", "limit"), [("vertex", "30,000,000"), ("bedrock", "20,000,000")])
def test_a_body_over_the_limit_is_refused_here(
    emulator: CloudEmulator, cloud: str, limit: str
) -> None:
    """Each cloud has its own limit; the error names it."""
    model = ChatClaudeCloud(model=MODEL, platform=getattr(emulator, cloud)())
    with pytest.raises(RequestTooLargeError, match=limit):
        model.invoke("x" * 30_000_000)
    assert emulator.requests == []


def test_no_project_is_an_error_that_lists_the_ways() -> None:
    """Credentials that know no project leave nothing to put into the URL."""
    model = ChatClaudeCloud(model=MODEL, platform=Vertex(access_token="t"))
    with pytest.raises(ConfigurationError, match="ANTHROPIC_VERTEX_PROJECT_ID"):
        model.invoke("Hi")


def test_no_region_is_an_error_and_never_a_silent_default() -> None:
    """Bedrock has no region of its own to fall back to."""
    platform = Bedrock(access_key_id="AKIA", secret_access_key="s")
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        ChatClaudeCloud(model=MODEL, platform=platform).invoke("Hi")


@pytest.mark.parametrize("platform", [Vertex(project="p"), Bedrock(region="us-east-1")])
def test_no_credentials_is_an_error_that_lists_the_ways(platform: Vertex | Bedrock) -> None:
    """Neither cloud's chain finds anything here; that fails before any request."""
    with pytest.raises(AuthenticationError, match=r"gcloud|AWS_BEARER_TOKEN_BEDROCK"):
        ChatClaudeCloud(model=MODEL, platform=platform, max_retries=0).invoke("Hi")


@tool
def lookup(city: str) -> str:
    """Look a city up."""
    return city


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse",
    defect="the caller's last message is changed, and stop sequences stick to the model",
)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_call_changes_nothing_of_its_caller(emulator: CloudEmulator, cloud: str) -> None:
    """Messages, tools, dicts and the model are after a call as they were before."""
    raw_tool = {
        "name": "f",
        "description": "d",
        "input_schema": {"type": "object", "properties": {}},
    }
    messages: list[BaseMessage] = [
        HumanMessage([{"type": "text", "text": "Hi ", "cache_control": {"type": "ephemeral"}}]),
        AIMessage(
            [
                {"type": "text", "text": "Hm "},
                {"type": "tool_use", "id": "t 1", "name": "f", "input": {}},
            ],
            tool_calls=[{"name": "f", "args": {"a": [1]}, "id": "t 1"}],
            invalid_tool_calls=[{**CUT, "id": "t2"}],  # type: ignore[typeddict-item]
            response_metadata={"model_provider": "anthropic"},
        ),
        ToolMessage([{"type": "text", "text": "ok"}], tool_call_id="t 1"),
    ]
    arguments: dict[str, Any] = {
        "tools": [raw_tool, lookup],
        "stop": ["END"],
        "model_kwargs": {"metadata": {"user_id": "u"}},
        "betas": [],
    }
    model = ChatClaudeCloud(
        model="claude-opus-4-8", platform=getattr(emulator, cloud)(), prompt_caching=True
    )
    before = copy.deepcopy(messages), json.dumps(raw_tool), lookup.args, repr(model)
    model.invoke(messages, **arguments)
    list(model.stream(messages, **arguments))
    assert (messages, json.dumps(raw_tool), lookup.args, repr(model)) == before
    assert arguments["stop"] == ["END"]
    assert arguments["model_kwargs"] == {"metadata": {"user_id": "u"}}


PLATFORMS: dict[str, Callable[[], Vertex | Bedrock]] = {
    "token": lambda: Vertex(project="p", access_token=SECRET),
    "keys": lambda: Bedrock(
        region="us-east-1", access_key_id=SECRET, secret_access_key=SECRET, session_token=SECRET
    ),
    "api key": lambda: Bedrock(region="us-east-1", api_key=SECRET),
}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
@pytest.mark.parametrize("kind", [*PLATFORMS, "the model's api_key"])
def test_no_secret_shows_in_anything_that_leaves_a_model(kind: str) -> None:
    """Not in a repr, a dump, a pickle or a trace; and a copy without it says what it lacks."""
    if kind in PLATFORMS:
        model = ChatClaudeCloud(model=MODEL, platform=PLATFORMS[kind]())
    else:
        model = ChatClaudeCloud(model=MODEL, platform=Bedrock(region="us-east-1"), api_key=SECRET)
    outputs = [
        repr(model),
        str(model),
        dumps(model),
        str(dumpd(model)),
        str(model.model_dump()),
        str(model._identifying_params),
        str(model._get_invocation_params()),
        model._get_llm_string(),
        pickle.dumps(model).decode("latin-1"),
    ]
    assert not [output for output in outputs if SECRET in output]
    pickled = pickle.loads(pickle.dumps(model))  # noqa: S301 - own bytes
    loaded = load(
        dumpd(model), valid_namespaces=["langchain_claude_cloud"], allowed_objects=_OBJECTS
    )
    for copied in (pickled, loaded):
        with pytest.raises(ClaudeCloudError, match=r"VERTEX_ACCESS_TOKEN|AWS_"):
            copied.invoke("Hi")


_OBJECTS = [ChatClaudeCloud, Vertex, Bedrock]


def test_copies_in_the_process_keep_their_secrets(emulator: CloudEmulator) -> None:
    """`copy`, `deepcopy`, `model_copy` and `bind` give working models."""
    model = ChatClaudeCloud(model=MODEL, platform=emulator.bedrock())
    for copied in (
        copy.copy(model),
        copy.deepcopy(model),
        model.model_copy(),
        model.bind(stop=["x"]),
    ):
        assert copied.invoke("Hi").text
    changed = model.model_copy(update={"model": "claude-opus-4-8"})
    assert changed.invoke("Hi").response_metadata["model_name"].endswith("opus-4-8")
