"""The stand-in model: follows tools, schemas and limits, the same way every time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_client import WEATHER, Client, ask, folded_input, tool_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.testing.stand_in.arguments import minimal_instance

MAGIC = {
    "name": "magic_function",
    "description": "Apply a magic function to an input.",
    "input_schema": {
        "type": "object",
        "properties": {
            "input": {"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000}
        },
        "required": ["input"],
    },
}
ADDER = {
    "name": "my_adder_tool",
    "description": "Takes two integers, a and b, and returns their sum.",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}
NO_ARGUMENTS = {
    "name": "magic_function_no_args",
    "description": "Calculate a magic function.",
    "input_schema": {"type": "object", "properties": {}},
}
CUSTOMER = {
    "name": "unicode_customer",
    "description": "Tool for creating a customer with a Unicode name.",
    "input_schema": {
        "type": "object",
        "properties": {"customer_name": {"type": "string"}, "description": {"type": "string"}},
        "required": ["customer_name", "description"],
    },
}
ANY = {"type": "any"}


def message(client: Client, body: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the message of a non-streaming call on Vertex."""
    response = client.vertex(body, **options)
    assert response.status_code == 200, response.text
    received: dict[str, Any] = response.json()
    return received


def words(answer: dict[str, Any]) -> str:
    """Return a message's text."""
    return "".join(b["text"] for b in answer["content"] if b["type"] == "text")


@pytest.mark.parametrize(
    ("tool", "question", "choice", "arguments"),
    [
        (MAGIC, "What is the value of magic_function(3)? Use the tool.", ANY, {"input": 3}),
        (MAGIC, "Hello!", ANY, {"input": 1}),
        (NO_ARGUMENTS, "What is the value of magic_function_no_args()? Use the tool.", ANY, {}),
        (ADDER, "What is 3 + 4", ANY, {"a": 3, "b": 4}),
        (WEATHER, "Weather in 'Paris', please", None, {"location": "Paris"}),
        (WEATHER, 'weather in "\u00d6rebro" please', None, {"location": "\u00d6rebro"}),
        (WEATHER, "What is the weather?", None, {"location": "example location"}),
        (
            CUSTOMER,
            "Create a customer named '\u4f60\u597d\u554a\u96c6\u56e2' (Hello Group)",
            ANY,
            {
                "customer_name": "\u4f60\u597d\u554a\u96c6\u56e2",
                "description": "example description",
            },
        ),
    ],
)
def test_calls_the_tool_with_arguments_from_the_prompt(
    client: Client, tool: dict[str, Any], question: str, choice: Any, arguments: dict[str, Any]
) -> None:
    """Whole and streamed, on both clouds, the same arguments."""
    body = ask(question, tools=[tool], **({"tool_choice": choice} if choice else {}))
    answer = message(client, body)
    assert answer["stop_reason"] == "tool_use"
    assert [(c["name"], c["input"]) for c in tool_calls(answer)] == [(tool["name"], arguments)]
    for events in (client.vertex_events(body), client.bedrock_events(body)):
        assert json.loads(folded_input(events) or "{}") == arguments
        assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_calls_in_parallel_when_asked_for_two(client: Client) -> None:
    """Two tools that are named are two calls, unless parallel calls are off."""
    both = ask("Call get_weather for Rome, then magic_function(7)", tools=[WEATHER, MAGIC])
    calls = tool_calls(message(client, both))
    assert [c["name"] for c in calls] == ["get_weather", "magic_function"]
    assert len({c["id"] for c in calls}) == 2
    single = {**both, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert len(tool_calls(message(client, single))) == 1


@pytest.mark.parametrize(
    ("question", "choice"),
    [
        ("Hello", None),
        ("What is the weather in Rome?", {"type": "none"}),
        ("Tell me a story", None),
    ],
)
def test_answers_in_words_when_no_tool_is_asked_for(
    client: Client, question: str, choice: Any
) -> None:
    """Auto is not any, and none is none."""
    body = ask(question, tools=[WEATHER], **({"tool_choice": choice} if choice else {}))
    answer = message(client, body)
    assert tool_calls(answer) == []
    assert words(answer).strip()
    assert answer["stop_reason"] == "end_turn"


def test_named_choice_beats_the_prompt(client: Client) -> None:
    """The tool that is forced is called, whatever was asked."""
    body = ask(
        "weather in Rome?",
        tools=[WEATHER, MAGIC],
        tool_choice={"type": "tool", "name": "magic_function"},
    )
    assert [c["name"] for c in tool_calls(message(client, body))] == ["magic_function"]


def converse(
    client: Client, question: str, results: list[dict[str, Any]], **fields: Any
) -> list[dict[str, Any]]:
    """Run the loop of an agent with canned results; return the model's messages."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    said = []
    for result in [*results, {}]:
        answer = message(client, {"max_tokens": 500, "messages": messages, **fields})
        said.append(answer)
        calls = tool_calls(answer)
        if not calls:
            break
        answers = [{"type": "tool_result", "tool_use_id": c["id"], **result} for c in calls]
        messages += [
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": answers},
        ]
    return said


def test_agent_loop_ends_with_the_result(client: Client) -> None:
    """After the result there are words that contain it."""
    said = converse(
        client, "weather in Rome?", [{"content": "It's sunny, 31 \u00b0C."}], tools=[WEATHER]
    )
    assert len(said) == 2
    assert "It's sunny, 31 \u00b0C." in words(said[-1])


def test_a_failed_call_is_tried_once_more(client: Client) -> None:
    """As a model does; then it gives up."""
    failure = {"content": "invalid JSON", "is_error": True}
    said = converse(client, "weather in Rome?", [failure, {"content": "sunny"}], tools=[WEATHER])
    assert [len(tool_calls(m)) for m in said] == [1, 1, 0]
    gave_up = converse(client, "weather in Rome?", [failure, failure], tools=[WEATHER])
    assert [len(tool_calls(m)) for m in gave_up] == [1, 1, 0]


def test_structured_output_validates(client: Client) -> None:
    """Enums, references, nesting: the text fits the schema, without what is optional."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["setup", "mood", "author", "ratings", "kind"],
        "properties": {
            "setup": {"type": "string"},
            "punchline": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "mood": {"enum": ["happy", "sad"]},
            "author": {"$ref": "#/$defs/Author"},
            "ratings": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "kind": {"const": "joke"},
        },
        "$defs": {
            "Author": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "born": {"type": "string", "format": "date"},
                },
                "required": ["name", "born"],
            }
        },
    }
    config = {"format": {"type": "json_schema", "schema": schema}}
    said = json.loads(
        words(message(client, ask("A joke by 'Jane', rated 4", output_config=config)))
    )
    assert said == {
        "setup": "Jane",
        "mood": "happy",
        "author": {"name": "example name", "born": "2026-01-15"},
        "ratings": [4],
        "kind": "joke",
    }


def test_json_asked_for_in_words(client: Client) -> None:
    """JSON mode: the keys that the prompt names."""
    question = "Tell me a joke. Return the result as a JSON with 'setup' and 'punchline' keys."
    assert set(json.loads(words(message(client, ask(question))))) == {"setup", "punchline"}


def test_stop_sequences(client: Client) -> None:
    """The text ends before the match, which is named."""
    answer = message(client, ask("hi", stop_sequences=["You"]))
    assert words(answer) == "I am the stand-in for Claude. "
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "You")


def test_max_tokens_cuts_text(client: Client) -> None:
    """Text is cut, and its block ends."""
    body = ask("hi", max_tokens=2)
    answer = message(client, body)
    assert (words(answer), answer["stop_reason"]) == ("I am the", "max_tokens")
    kinds = [event["type"] for event in client.vertex_events(body)]
    assert kinds.count("content_block_stop") == 1


def test_max_tokens_cuts_a_tool_call(client: Client) -> None:
    """As recorded: half the JSON, no end of the block, stop reason max_tokens."""
    body = ask("weather in Rome?", tools=[WEATHER], tool_choice=ANY, max_tokens=3)
    for events in (client.vertex_events(body), client.bedrock_events(body)):
        assert folded_input(events) == '{"location":'
        kinds = [event["type"] for event in events]
        assert "content_block_stop" not in kinds
        assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    whole = message(client, body)
    assert (whole["stop_reason"], tool_calls(whole)[0]["input"]) == ("max_tokens", {})


def test_thinking_is_signed_and_checked(client: Client) -> None:
    """A block that comes back unchanged is taken, a changed one refused."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = ask("Hello there", max_tokens=3000, thinking=thinking)
    answer = message(client, body)
    block = answer["content"][0]
    assert block["type"] == "thinking"
    assert "Hello there" in block["thinking"]
    assert answer["usage"]["output_tokens_details"]["thinking_tokens"] > 0
    later = [
        *body["messages"],
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "Go on"},
    ]
    assert client.vertex({**body, "messages": later}).status_code == 200
    answer["content"][0]["thinking"] += " (edited)"
    refused = client.vertex({**body, "messages": later})
    assert "cannot be modified" in refused.json()["error"]["message"]


def test_newer_models_think_by_default_and_hide_it(client: Client) -> None:
    """An empty thinking block with a signature comes first, streamed as one delta."""
    answer = message(client, ask("Hello"), model="claude-sonnet-5-5")
    assert answer["content"][0]["thinking"] == ""
    assert answer["content"][0]["signature"]
    events = client.vertex_events(ask("Hello"), model="claude-sonnet-5-5")
    deltas = [
        e["delta"]["type"] for e in events if e["type"] == "content_block_delta" and e["index"] == 0
    ]
    assert deltas == ["signature_delta"]
    shown = ask("Hello", thinking={"type": "adaptive", "display": "summarized"})
    assert message(client, shown, model="claude-opus-4-8")["content"][0]["thinking"]
    off = ask("Hello", thinking={"type": "between_tools"})
    assert message(client, off, model="claude-sonnet-5-5")["content"][0]["type"] == "text"


def test_prefill_is_continued(client: Client) -> None:
    """The answer goes on from the assistant's words instead of repeating them."""
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "I am the"}]
    said = words(message(client, {"max_tokens": 50, "messages": turns}))
    assert said == ' stand-in for Claude. You wrote: "Hello"'


def test_the_same_request_gives_the_same_bytes(client: Client) -> None:
    """Also on another emulator: ids and pieces follow from the content."""
    body = ask("weather in Rome?", tools=[WEATHER])
    first, second = (client.vertex({**body, "stream": True}).content for _ in range(2))
    assert first == second
    other = client.vertex({**ask("weather in Oslo?", tools=[WEATHER]), "stream": True}).content
    assert first != other


def test_ids_look_like_the_clouds(client: Client) -> None:
    """`msg_vrtx_01` and 22 characters; `toolu_bdrk_` on Bedrock."""
    body = ask("weather in Rome?", tools=[WEATHER])
    google = message(client, body)
    aws = client.bedrock(body).json()
    assert (google["id"][:11], len(google["id"])) == ("msg_vrtx_01", 33)
    assert aws["id"].startswith("msg_bdrk_01")
    assert tool_calls(google)[0]["id"].startswith("toolu_vrtx_01")
    assert tool_calls(aws)[0]["id"].startswith("toolu_bdrk_01")


JSON_SCHEMAS = st.recursive(
    st.one_of(
        st.just({"type": "string"}),
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(
            lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
            st.integers(-99, 99),
            st.integers(0, 9),
        ),
        st.builds(
            lambda values: {"enum": values},
            st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True),
        ),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda item, n: {"type": "array", "items": item, "minItems": n},
            inner,
            st.integers(0, 3),
        ),
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
            },
            st.dictionaries(st.text("abcxyz_", min_size=1, max_size=6), inner, max_size=4),
        ),
        st.builds(lambda part: {"anyOf": [part, {"type": "null"}]}, inner),
    ),
    max_leaves=8,
)


def fits(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value fits one of the schemas above."""
    if "anyOf" in schema:
        return any(fits(part, value) for part in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "object":
        named = schema["properties"]
        return set(value) == set(schema["required"]) and all(
            fits(named[k], v) for k, v in value.items()
        )
    if kind == "array":
        return len(value) >= schema["minItems"] and all(fits(schema["items"], v) for v in value)
    if kind == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    return isinstance(value, {"string": str, "boolean": bool, "null": type(None)}[kind])


@settings(max_examples=150, deadline=None)
@given(JSON_SCHEMAS, st.text(max_size=60))
def test_filled_values_fit_their_schema(schema: dict[str, Any], prompt: str) -> None:
    """Whatever the prompt says."""
    assert fits(schema, minimal_instance(schema, prompt))
