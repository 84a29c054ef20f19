"""No secret leaves a model by anything that users do with it: shown, stored, traced, logged."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from canaries import canary, everything_logged, jwt_canary, seen_of, shown
from clouds import MODEL
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_core.tracers.langchain import LangChainTracer

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError
from langchain_claude_cloud.testing import CloudEmulator

HEADER, CLIENT_HEADER, JWT = canary(), canary(), jwt_canary()
HEADERS = {
    "x-api-key": HEADER, "cookie": HEADER, "x-passphrase": HEADER, "session": HEADER,
    "x-goog-iap-jwt-assertion": JWT, "x-who": JWT, "x-on-behalf-of": f"Bearer {HEADER}",
    "x-team": "search",
}  # fmt: skip
KINDS = (
    "vertex token",
    "vertex key contents",
    "vertex key file",
    "bedrock keys",
    "bedrock session",
    "bedrock api key",
    "model api key",
    "environment",
)


@tool
def lookup(city: str) -> str:
    """Look a city up."""
    return city


@pytest.fixture(params=KINDS)
def planted(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[ChatClaudeCloud, list[str]]]:
    """A model whose every credential is a canary that its emulator accepts, and the canaries."""
    with CloudEmulator() as emulator, httpx.Client(headers={"x-own": CLIENT_HEADER}) as client:
        if request.param.startswith("vertex key"):
            platform, secrets = _plant_key(emulator, request.param, tmp_path, monkeypatch)
            fields: dict[str, Any] = {}
        else:
            platform, fields, secrets = _plant(emulator, request.param, monkeypatch)
        model = ChatClaudeCloud(
            model=MODEL,
            platform=platform,
            max_tokens=50,
            max_retries=0,
            default_headers=HEADERS,
            http_client=client,
            **fields,
        )
        yield model, [*secrets, HEADER, JWT, CLIENT_HEADER]


def _plant_key(
    emulator: CloudEmulator, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Vertex, list[str]]:
    """Return a platform with a service account's key, and what of the key is secret."""
    info = emulator.service_account_info()
    secrets = [*info["private_key"].splitlines()[1:4], info["private_key_id"]]
    place = {"project": emulator.project, "region": "us-east5", "base_url": f"{emulator.url}/v1"}
    if kind == "vertex key contents":
        return Vertex(credentials_info=info, **place), secrets
    (folder / "key.json").write_text(json.dumps(info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))
    return Vertex(**place), secrets


def _plant(
    emulator: CloudEmulator, kind: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Vertex | Bedrock, dict[str, Any], list[str]]:
    if kind == "vertex token":
        token = emulator.issue_token()
        return emulator.vertex(access_token=token), {}, [token]
    key = emulator.issue_aws_key(3600 if kind == "bedrock session" else None)
    if kind == "bedrock api key":
        return emulator.bedrock(api_key=emulator.bedrock_api_key), {}, [emulator.bedrock_api_key]
    if kind == "model api key":
        platform = Bedrock(region=emulator.region, base_url=emulator.url)
        return platform, {"api_key": emulator.bedrock_api_key}, [emulator.bedrock_api_key]
    if kind == "environment":
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", emulator.bedrock_api_key)
        platform = Bedrock(region=emulator.region, base_url=emulator.url)
        return platform, {}, [emulator.bedrock_api_key]
    names = {
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "session_token": key.session_token,
    }
    given = {name: value for name, value in names.items() if value}
    return emulator.bedrock(**given), {}, list(given.values())


class Watcher(BaseCallbackHandler):
    """Keeps all that callbacks are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        """Record every ``on_...``, whichever there are."""
        found = super().__getattribute__(name)
        if not name.startswith("on_"):
            return found

        def record(*args: Any, **kwargs: Any) -> None:
            self.told.append(f"{name} {args!r} {kwargs!r}")

        return record


class TraceServer:
    """Stands in for LangSmith's client: keeps the runs that it would send."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def create_run(self, *args: Any, **kwargs: Any) -> None:
        """Keep a run that starts."""
        self.runs.append(repr((args, kwargs)))

    def update_run(self, *args: Any, **kwargs: Any) -> None:
        """Keep a run that ends."""
        self.runs.append(repr((args, kwargs)))

    def flush(self) -> None:
        """Do nothing: runs are kept at once."""


def as_shown(model: Any) -> dict[str, object]:
    """Return what a model shows of itself without being called."""
    return {
        "repr": repr(model), "str": str(model), "format": f"{model}", "dumps": dumps(model),
        "dumpd": dumpd(model), "model_dump": model.model_dump(), "pretty": dumps(model, pretty=True),
        "schema": model.get_input_schema(), "graph": model.get_graph().to_json(),
    }  # fmt: skip


def test_nothing_that_a_model_shows_of_itself_has_a_secret(
    planted: tuple[ChatClaudeCloud, list[str]],
) -> None:
    """Alone, with something bound to it, in a chain, in an agent, among alternatives."""
    model, secrets = planted
    bound = model.bind(default_headers={"authorization": HEADER}, stop=["x"])
    seen = {
        **{f"model {name}": value for name, value in as_shown(model).items()},
        **{f"bound {name}": value for name, value in as_shown(bound).items()},
        "json": model.model_dump_json(),
        "parameters": model._identifying_params,
        "invocation": model._get_invocation_params(default_headers={"x-api-key": HEADER}),
        "cache key": model._get_llm_string(default_headers={"x-api-key": HEADER}),
        "tracing": model._get_ls_params(),
        "pickle": pickle.dumps(model),
        "pickle of a copy": pickle.dumps(copy.deepcopy(model)),
        "pickle of a bound one": pickle.dumps(bound),
        "copy": repr(model.model_copy(update={"default_headers": {"x-api-key": HEADER}})),
        "tools": dumps(model.bind_tools([lookup])),
        "structured": repr(model.with_structured_output({"title": "T", "type": "object"})),
        "pickle of it": pickle.dumps(
            model.with_structured_output({"title": "T", "type": "object"})
        ),
        "chain": repr(ChatPromptTemplate.from_template("{x}") | model),
        "chain dump": dumps(ChatPromptTemplate.from_template("{x}") | model),
        "fallbacks": repr(model.with_fallbacks([model])),
        "retry": repr(model.with_retry()),
        "agent": repr(create_agent(model, [lookup])),
        "platforms": repr([route.config for route in model._routes_for(MODEL, {})]),
        "routes": repr([route.platform for route in model._routes_for(MODEL, {})]),
    }
    assert shown(seen, secrets) == []
    assert "search" in repr(model), "a header that is no credential is shown"


def test_a_loaded_copy_says_which_header_it_lacks(
    planted: tuple[ChatClaudeCloud, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never sends the mask, and nothing else in its place."""
    model, secrets = planted
    config = model._routes_for(MODEL, {})[0].config
    has_contents = "credentials_info" in config.model_fields_set
    names = {"vertex": ["VERTEX_ACCESS_TOKEN"], "bedrock": ["AWS_BEARER_TOKEN_BEDROCK"]}
    for name in names[config.cloud]:
        monkeypatch.setenv(name, secrets[0])
    for part in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(part, secrets[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load(
            dumpd(model),
            valid_namespaces=["langchain_claude_cloud"],
            allowed_objects=[ChatClaudeCloud, Vertex, Bedrock],
        )
    for copied in (pickle.loads(pickle.dumps(model)), loaded):  # noqa: S301  our own bytes
        with pytest.raises(ConfigurationError, match=r"x-api-key.*default_headers"):
            copied.invoke("Hi")
        if has_contents:
            with pytest.raises(ConfigurationError, match="credentials_info"):
                copied.invoke("Hi", default_headers=dict.fromkeys(copied.default_headers, "x"))


async def _events(model: Any, version: Any, config: Any) -> list[Any]:
    stream = model.astream_events("Hi", version=version, config=config)
    if version == "v3":
        return [event async for event in await stream]
    return [event async for event in stream]


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda model, config: model.invoke("Hi", config),
    "stream": lambda model, config: list(model.stream("Hi", config)),
    "batch": lambda model, config: model.batch(["Hi", "Ho"], config),
    "ainvoke": lambda model, config: asyncio.run(model.ainvoke("Hi", config)),
    "events v1": lambda model, config: asyncio.run(_events(model, "v1", config)),
    "events v2": lambda model, config: asyncio.run(_events(model, "v2", config)),
    "events v3": lambda model, config: asyncio.run(_events(model, "v3", config)),
    "count": lambda model, _: model.count_tokens("Hi"),
    "bound": lambda model, config: model.bind(default_headers={"x-api-key": HEADER}).invoke(
        "Hi", config
    ),
    "tools": lambda model, config: model.bind_tools([lookup]).invoke("Hi", config),
    "agent": lambda model, config: create_agent(model, [lookup]).invoke(
        {"messages": [HumanMessage("Hi")]}, config
    ),
}


def test_no_call_gives_a_secret_away(
    planted: tuple[ChatClaudeCloud, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Outputs, callbacks, LangSmith's runs, logs of all libraries at DEBUG, warnings, stdout."""
    model, secrets = planted
    for name, call in CALLS.items():
        watcher, traces = Watcher(), TraceServer()
        tracer = LangChainTracer(client=traces)  # type: ignore[arg-type]  # what it uses of one
        with everything_logged() as lines:
            output = call(model, {"callbacks": [watcher, tracer]})
        tracer.wait_for_futures()
        seen: dict[str, object] = {
            "output": repr(output), "told": watcher.told, "runs": traces.runs,
            "runs in memory": [json.dumps(str(run)) for run in tracer.run_map.values()],
            "log": lines, "printed": capsys.readouterr(),
        }  # fmt: skip
        assert shown(seen, secrets) == [], name
        assert output
        assert name == "count" or watcher.told


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 529])
def test_no_refusal_gives_a_secret_away(status: int) -> None:
    """Callbacks and traces are told of errors too."""
    with CloudEmulator() as emulator:
        token = emulator.issue_token()
        model = ChatClaudeCloud(
            model=MODEL,
            platform=emulator.vertex(access_token=token),
            max_retries=0,
            default_headers=HEADERS,
        )
        emulator.fault(status=status)
        watcher, traces = Watcher(), TraceServer()
        tracer = LangChainTracer(client=traces)  # type: ignore[arg-type]  # as above
        bare = model.model_copy(update={"default_headers": None})
        with everything_logged() as lines, pytest.raises(ClaudeCloudError) as caught:
            model.invoke("Hi", {"callbacks": [watcher, tracer]})
        emulator.fault(status=status)
        with pytest.raises(ClaudeCloudError) as of_call:
            bare.invoke("Hi", default_headers=HEADERS)
        tracer.wait_for_futures()
    seen = {"told": watcher.told, "runs": traces.runs, "log": lines, **seen_of(caught.value)}
    assert shown(seen, [token, HEADER, JWT]) == []
    assert shown(seen_of(of_call.value), [token, HEADER, JWT]) == []
