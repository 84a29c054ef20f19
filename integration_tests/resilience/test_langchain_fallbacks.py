"""A model with langchain's fallbacks binds, streams and answers like the model itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clouds import make_model
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_claude_cloud.testing import CloudEmulator, text, tool_use


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return location


class Weather(BaseModel):
    """The weather."""

    location: str


def test_fallbacks_bind_tools_and_answer_in_turn(emulator: CloudEmulator, cloud: str) -> None:
    """The first model fails for good, the second one calls the tool; streams do the same."""
    first = make_model(emulator, cloud, model="claude-sonnet-4-5", max_retries=0)
    second = make_model(emulator, cloud, model="claude-sonnet-4-6")
    bound: Any = first.with_fallbacks([second]).bind_tools([get_weather])
    for _ in range(2):
        emulator.fault(status=400)
        emulator.reply(tool_use("get_weather", {"location": "Paris"}))
    assert bound.invoke("Weather?").tool_calls[0]["args"] == {"location": "Paris"}
    chunks = list(bound.stream("Weather?"))
    assert (chunks[0] + chunks[1:]).tool_calls[0]["args"] == {"location": "Paris"}


def test_fallbacks_have_structured_output_and_counts(emulator: CloudEmulator, cloud: str) -> None:
    """The other methods come through as well."""
    first, second = make_model(emulator, cloud), make_model(emulator, cloud)
    model: Any = first.with_fallbacks([second])
    emulator.reply(text('{"location": "Paris"}'))
    asked = model.with_structured_output(Weather, method="json_schema")
    assert asked.invoke("Weather?") == Weather(location="Paris")
    assert model.get_num_tokens("How many?") > 0


class _Collector(BaseCallbackHandler):
    """Keeps what the end of a call says."""

    def __init__(self) -> None:
        self.ends: list[LLMResult] = []

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Keep the result."""
        del kwargs
        self.ends.append(response)


def test_the_raw_usage_is_in_the_output_of_a_call(emulator: CloudEmulator, cloud: str) -> None:
    """Tracers read cache writes from there; the message is the same as before."""
    split = {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50}
    usage = {"cache_creation_input_tokens": 200, "cache_creation": split}
    emulator.reply("Hi.", usage=usage)
    collector = _Collector()
    message = make_model(emulator, cloud).invoke("Hi", config={"callbacks": [collector]})
    (result,) = collector.ends
    assert result.llm_output is not None
    assert result.llm_output["usage"]["cache_creation_input_tokens"] == 200
    assert result.llm_output["model_name"] == message.response_metadata["model_name"]
    assert list(message.response_metadata)[:2] == ["model_provider", "model_name"]
    assert message.usage_metadata is not None
    details: Mapping[str, object] = message.usage_metadata["input_token_details"]
    assert details["ephemeral_5m_input_tokens"] == 150
