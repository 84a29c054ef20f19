"""How users write it: never run, checked by mypy and pyright, strictly, in `make check`.

A line that must not pass says so: a comment that ignores nothing is an error, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.chat_models import Effort, ModelArguments, TimeoutLimits
from langchain_claude_cloud.errors import ClaudeCloudError, RateLimitError
from langchain_claude_cloud.testing import CloudEmulator, text


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return city


class Joke(BaseModel):
    """A joke."""

    setup: str


on_vertex = ChatClaudeCloud(
    model="claude-sonnet-5-5", platform=Vertex(project="my-project", region="global")
)
on_bedrock = ChatClaudeCloud(model="claude-sonnet-5-5", platform=Bedrock(region="us-east-1"))
by_name = ChatClaudeCloud(model="claude-sonnet-5-5", platform="vertex", max_tokens=1000)
failover = ChatClaudeCloud(
    model="claude-sonnet-5-5",
    platform=[Bedrock(region="us-east-1"), Bedrock(region="us-west-2"), Vertex()],
    stop_sequences=["END"],
    timeout={"connect": 3.0, "idle": 60.0},
    thinking="adaptive",
)

level: Effort = "high"
limits: TimeoutLimits = {"connect": 3.0, "total": 90.0}
by_other_names = ChatClaudeCloud(
    model_name="sonnet", platform="bedrock", stop=["END"], effort=level, timeout=limits, api_key="k"
)
given: ModelArguments = {"model": "opus", "platform": [Bedrock(), Vertex()], "thinking": 2000}
from_settings = ChatClaudeCloud(**given)
ChatClaudeCloud(model="sonnet", effort="hihg")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatClaudeCloud(model="sonnet", timeout={"conect": 3.0})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatClaudeCloud(model="sonnet", max_token=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

answer: AIMessage = on_vertex.invoke("Hi")
chunks: Iterator[AIMessageChunk] = on_bedrock.stream("Hi")
later: AsyncIterator[AIMessageChunk] = on_bedrock.astream("Hi")
with_tools = on_vertex.bind_tools([get_weather], tool_choice="any", parallel_tool_calls=False)
called: AIMessage = with_tools.invoke("Weather in Rome?")
structured = on_vertex.with_structured_output(Joke, include_raw=True)
tokens: int = on_vertex.count_tokens("Hi", tools=[get_weather])

try:
    by_name.invoke("Hi")
except RateLimitError as error:
    wait: float | None = error.retry_after
except ClaudeCloudError as error:
    where: str | None = error.region

with CloudEmulator() as emulator:
    emulator.reply(text("Hello"))
    ChatClaudeCloud(model="claude-sonnet-5-5", platform=emulator.bedrock()).invoke("Hi")
