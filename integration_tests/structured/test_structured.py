"""Structured output: whole or an error, streamed as it is written, by text or by tool."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypedDict, is_typeddict

import pydantic.v1
import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.chat_models.structured_output import StructuredOutputError
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text, tool_use


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str = ""
    rating: int = Field(default=5, ge=1)


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    punchline: str


WHOLE = (
    '{"setup": "Why do cats sit on keyboards?", "punchline": "They like the mouse.", "rating": 7}'
)
VALUE = {"setup": "Why do cats sit on keyboards?", "punchline": "They like the mouse.", "rating": 7}
METHODS = ["json_schema", "function_calling", "json_mode"]


@pytest.fixture(params=["vertex", "bedrock"])
def chat(request: pytest.FixtureRequest, emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model that takes both ways of structured output."""
    platform = getattr(emulator, request.param)()
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_tokens=1000)


def _script(
    emulator: CloudEmulator, method: str, raw: str, name: str = "Joke", **rest: Any
) -> None:
    """Let the next reply hold a raw value, in small pieces, as the method asks for it."""
    if method == "function_calling":
        ended = rest.get("stop_reason") != "max_tokens"
        emulator.reply(raw_tool_use(name, raw, ended=ended), chunk=6, **rest)
    else:
        emulator.reply(text(raw), chunk=6, **rest)


@pytest.mark.parametrize("method", METHODS)
def test_a_dict_grows_while_it_is_written(
    emulator: CloudEmulator, chat: ChatClaudeCloud, method: Any
) -> None:
    """Values only get longer, and the last one is the whole."""
    _script(emulator, method, WHOLE)
    schema = {**Joke.model_json_schema(), "title": "Joke"}
    values: list[Any] = list(chat.with_structured_output(schema, method=method).stream("A joke."))
    assert len(values) > 4
    setups = [value.get("setup", "") for value in values]
    assert all(later.startswith(earlier) for earlier, later in pairwise(setups))
    assert values[-1] == VALUE


@pytest.mark.parametrize("method", METHODS)
async def test_a_pydantic_object_streams_as_soon_as_it_validates(
    emulator: CloudEmulator, chat: ChatClaudeCloud, method: Any
) -> None:
    """Every value is an instance; what does not validate yet is held back."""
    _script(emulator, method, WHOLE)
    structured = chat.with_structured_output(Joke, method=method)
    values = [value async for value in structured.astream("A joke.")]
    assert all(isinstance(value, Joke) for value in values)
    assert len(values) > 2
    assert values[-1] == Joke(**VALUE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("raw", "stop_reason", "why"),
    [
        (WHOLE[:40], "max_tokens", "max_tokens"),
        (WHOLE, "max_tokens", "max_tokens"),
        (WHOLE, "refusal", "refused"),
        ('{"setup": 1}', None, "setup"),
        ('{"setup": "x", "rating": 0}', None, "rating"),
        ('{"setup": "x"} and more', None, "trailing"),
    ],
)
def test_a_reply_that_is_cut_refused_or_wrong_is_an_error_that_carries_it(
    emulator: CloudEmulator,
    chat: ChatClaudeCloud,
    method: Any,
    raw: str,
    stop_reason: Any,
    why: str,
) -> None:
    """Never a partial result: not from invoke, not as the end of a stream."""
    structured = chat.with_structured_output(Joke, method=method)
    for _ in range(2):
        _script(emulator, method, raw, stop_reason=stop_reason)
    # The API has no way to send malformed arguments in a message that is not streamed.
    asked = {"max_tokens": 30_000} if why == "trailing" else {}
    with pytest.raises(StructuredOutputError, match=why) as caught:
        structured.invoke("A joke.", **asked)
    assert isinstance(caught.value.message, AIMessage)
    with pytest.raises(StructuredOutputError, match=why):
        list(structured.stream("A joke."))


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="a reply without a call is None, one that was cut is parsed as far as it goes",
)
def test_a_reply_with_nothing_in_it_is_an_error(
    emulator: CloudEmulator, chat: ChatClaudeCloud
) -> None:
    """The peer returns None; here the caller learns it."""
    emulator.reply(text("I would rather not."))
    structured = chat.with_structured_output(Joke, method="function_calling")
    with pytest.raises(StructuredOutputError, match=r"does not fit.*did not call a tool"):
        structured.invoke("A joke.")


@pytest.mark.parametrize("reply", ["I would rather not.", '{"setup": "Wh', "", "\n"])
def test_an_answer_that_is_no_json_is_an_error_that_speaks_of_no_tool(
    emulator: CloudEmulator, chat: ChatClaudeCloud, reply: str
) -> None:
    """There was none: the API's own format was asked for."""
    emulator.reply(text(reply))
    schema = {"title": "Joke", "type": "object", "properties": {"setup": {"type": "string"}}}
    with pytest.raises(StructuredOutputError, match=r"(?s)text(?!.*tool)"):
        chat.with_structured_output(schema, method="json_schema").invoke("A joke.")


@pytest.mark.parametrize("method", METHODS)
def test_the_raw_message_comes_along_on_request(
    emulator: CloudEmulator, chat: ChatClaudeCloud, method: Any
) -> None:
    """`include_raw` gives the message, the value, and the error in place of raising it."""
    structured = chat.with_structured_output(Joke, method=method, include_raw=True)
    _script(emulator, method, WHOLE)
    good: Any = structured.invoke("A joke.")
    assert good["parsed"] == Joke(**VALUE)
    assert good["raw"].usage_metadata
    assert good["parsing_error"] is None
    _script(emulator, method, WHOLE[:30], stop_reason="max_tokens")
    cut: Any = structured.invoke("A joke.")
    assert cut["parsed"] is None
    assert isinstance(cut["parsing_error"], StructuredOutputError)


def test_a_typed_dict_gives_a_dict(emulator: CloudEmulator, chat: ChatClaudeCloud) -> None:
    """Its schema goes to the API; the value is not validated again."""
    emulator.reply(text('{"setup": "a", "punchline": "b"}'))
    assert chat.with_structured_output(JokeDict).invoke("A joke.") == {
        "setup": "a",
        "punchline": "b",
    }
    sent = emulator.requests[-1].body["output_config"]["format"]
    assert sent["schema"]["additionalProperties"] is False


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex, ChatBedrock",
    defect="strict is ignored for dicts, ignored altogether, or a TypeError",
)
def test_strict_reaches_the_tool(emulator: CloudEmulator, chat: ChatClaudeCloud) -> None:
    """And the tool is the one that must be called, once."""
    emulator.reply(tool_use("Joke", VALUE))
    chat.with_structured_output(Joke, method="function_calling", strict=True).invoke("A joke.")
    body = emulator.requests[-1].body
    assert body["tools"][0]["strict"] is True
    assert body["tool_choice"] == {
        "type": "tool",
        "name": "Joke",
        "disable_parallel_tool_use": True,
    }


def test_an_unknown_method_is_refused(chat: ChatClaudeCloud) -> None:
    """With the names that there are."""
    with pytest.raises(ValueError, match="json_schema"):
        chat.with_structured_output(Joke, method="grammar")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "meant"), [("metod", "method"), ("include_row", "include_raw")])
def test_a_misspelt_argument_is_refused(chat: ChatClaudeCloud, name: str, meant: str) -> None:
    """At once, and not with the first call."""
    with pytest.raises(InvalidInputError, match=f"'{name}'.*'{meant}'"):
        chat.with_structured_output(Joke, **{name: True})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "cloud", "native"),
    [("claude-opus-4-8", "vertex", True), ("claude-opus-4-1", "vertex", False)],
)
def test_the_method_is_the_one_that_works(
    emulator: CloudEmulator, model: str, cloud: str, native: Any
) -> None:
    """The catalogue knows which model takes native structured output on which cloud."""
    chosen = ChatClaudeCloud(
        model=model,
        platform=getattr(emulator, cloud)(region="us-east5" if not native else "global"),
        max_tokens=500,
    )
    emulator.reply(text(WHOLE) if native else tool_use("Joke", VALUE))
    assert chosen.with_structured_output(Joke).invoke("A joke.") == Joke(**VALUE)
    assert ("output_config" in emulator.requests[-1].body) is native


class JokeV1(pydantic.v1.BaseModel):
    """A joke."""

    setup: str
    punchline: str = ""


SCHEMAS: dict[str, Any] = {
    "pydantic": Joke,
    "pydantic of version 1": JokeV1,
    "typed dict": JokeDict,
    "JSON schema": {**Joke.model_json_schema(), "title": "Joke"},
}
SETUPS: dict[str, dict[str, Any]] = {
    "plain": {"model": "claude-sonnet-4-6"},
    "thinking": {
        "model": "claude-sonnet-4-6",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    "adaptive thinking": {"model": "claude-opus-4-6", "thinking": {"type": "adaptive"}},
    "thinks by default, refuses a forced tool": {"model": "claude-sonnet-5-5"},
    "native only on Google's cloud": {"model": "claude-opus-4-8"},
    "no native output": {"model": "claude-sonnet-4"},
}


def _is_whole(value: Any, schema: Any) -> bool:
    if isinstance(schema, type) and not is_typeddict(schema):
        return isinstance(value, schema)
    return isinstance(value, dict) and isinstance(value["setup"], str)


def _structured(emulator: CloudEmulator, cloud: str, setup: str, kind: str, **more: Any) -> Any:
    region = {"region": "us-east5"} if cloud == "vertex" else {}
    old = setup == "no native output"
    platform = getattr(emulator, cloud)(**(region if old else {}))
    model = ChatClaudeCloud(platform=platform, max_tokens=4000, max_retries=0, **SETUPS[setup])
    return model.with_structured_output(SCHEMAS[kind], **more)


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock",
    defect="method and strict are swallowed, and a forced tool meets thinking: 400",
)
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_kind_of_schema_works_by_every_method_on_every_model(
    emulator: CloudEmulator, cloud: str, kind: str, method: Any, setup: str
) -> None:
    """Strict or not, with the raw message or without; each request is one the cloud takes."""
    for strict, include_raw in ((None, False), (True, True)):
        more = {"method": method, "strict": strict, "include_raw": include_raw}
        found = _structured(emulator, cloud, setup, kind, **more).invoke("A joke.")
        if include_raw:
            assert found["parsing_error"] is None
            assert isinstance(found["raw"], AIMessage)
            found = found["parsed"]
        assert _is_whole(found, SCHEMAS[kind])
        assert emulator.requests[-1].status == 200


# What is asked for differs by setup, as the test above shows for each schema; what is made of
# the answer differs by schema: the ways are taken with each schema, and on each setup.
@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex, ChatBedrock",
    defect="method and strict are swallowed, and a forced tool meets thinking: 400",
)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kind", "setup"),
    [*((kind, "plain") for kind in SCHEMAS), *(("pydantic", setup) for setup in [*SETUPS][1:])],
)
async def test_every_way_of_asking_gives_a_whole_value_in_the_end(
    emulator: CloudEmulator, cloud: str, kind: str, method: Any, setup: str
) -> None:
    """Streams and event loops, the raw message along with it too."""
    asked = _structured(emulator, cloud, setup, kind, method=method)
    assert _is_whole(list(asked.stream("A joke."))[-1], SCHEMAS[kind])
    assert _is_whole(await asked.ainvoke("A joke."), SCHEMAS[kind])
    values = [value async for value in asked.astream("A joke.")]
    assert _is_whole(values[-1], SCHEMAS[kind])
    raw = _structured(emulator, cloud, setup, kind, method=method, include_raw=True)
    parts = [part async for part in raw.astream("A joke.")]
    assert _is_whole(next(p["parsed"] for p in reversed(parts) if p.get("parsed")), SCHEMAS[kind])
    assert any("raw" in part for part in parts)


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="a reply without a call is None, one that was cut is parsed as far as it goes",
)
@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal", "model_context_window_exceeded"])
async def test_a_cut_or_refused_reply_is_never_a_result(
    emulator: CloudEmulator, cloud: str, kind: str, method: Any, stop_reason: str
) -> None:
    """Whatever the schema, and however it is asked for; with `include_raw` it is told there."""
    asked = _structured(emulator, cloud, "plain", kind, method=method)
    raw = _structured(emulator, cloud, "plain", kind, method=method, include_raw=True)
    _script(emulator, method, WHOLE, name=_name(kind), stop_reason=stop_reason, times=5)
    for way in (asked.invoke, lambda text: list(asked.stream(text))):
        with pytest.raises(StructuredOutputError) as caught:
            way("A joke.")
        assert caught.value.message.response_metadata["stop_reason"] == stop_reason
    with pytest.raises(StructuredOutputError):
        await asked.ainvoke("A joke.")
    with pytest.raises(StructuredOutputError):
        _ = [value async for value in asked.astream("A joke.")]
    told = raw.invoke("A joke.")
    assert told["parsed"] is None
    assert isinstance(told["parsing_error"], StructuredOutputError)
    assert told["parsing_error"].message == told["raw"]


def _name(kind: str) -> str:
    schema = SCHEMAS[kind]
    return str(schema["title"] if isinstance(schema, dict) else schema.__name__)
