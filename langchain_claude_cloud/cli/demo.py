"""The command ``demo``: an agent's loop on both clouds, one of its calls cut off.

Offline, the emulator answers from a script, in each cloud's own framing. Live, a small
``max_tokens`` cuts the call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    ToolCall,
    ToolMessage,
)
from langchain_core.tools import BaseTool, tool
from rich.console import Console
from rich.text import Text

from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.common import (
    CLOUD_NAMES,
    CloudName,
    CommandError,
    Target,
    describe_usage,
)
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.routing.routes import make_routes
from langchain_claude_cloud.testing.blocks import text, tool_use
from langchain_claude_cloud.testing.emulator import CloudEmulator

Turns = Callable[[Sequence[BaseMessage]], Iterable[JsonObject]]
"""Returns the ``messages`` of the request that was made from a conversation."""

_TASK: Final = (
    "Look up the weather in Lisbon with get_weather, and nothing else at first. When you have it, "
    "write a packing list of at least 40 lines to packing.md with one call of write_file. If a "
    "call of yours was not run, send it again. At last say in one sentence what you did."
)
_FRAMING: Final = {
    "vertex": "server-sent events, a bearer token",
    "bedrock": "binary event stream, SigV4 signatures",
}
_MOST_STEPS: Final = 10
_ROOM: Final = 8_000
"""Tokens for an answer that is not to be cut."""
_LIVE_CUT: Final = 500
"""Tokens for the answer that is to be cut; the file alone needs about three times as many."""
_LARGEST_CUT: Final = 2_000
_EVENT_DELAY: Final = 0.012
"""Seconds between two events of the emulator's streams: about as fast as a fast model."""


def run_demo(
    console: Console, clouds: Sequence[CloudName], target: Target, *, live: bool = False
) -> None:
    """Run the demo on one cloud after the other.

    Args:
        console: Where it is shown.
        clouds: Which clouds.
        target: Which model.
        live: Whether to ask the real clouds, with the caller's credentials.

    Raises:
        CommandError: A step did not do what it should.
        ClaudeCloudError: A cloud refused.
    """
    for cloud in clouds:
        console.rule(f"{CLOUD_NAMES[cloud.value]}: {target.model_name}")
        console.print(f"{'live' if live else 'the emulator'}; {_FRAMING[cloud.value]}\n{_TASK}\n")
        if live:
            _run_live(console, cloud, target)
        else:
            _run_offline(console, cloud, target)
    console.print("All steps did what they should.", style="green")


def _run_live(console: Console, cloud: CloudName, target: Target) -> None:
    config = target.config(cloud)
    (route,) = make_routes([config], target.model_name)

    def turns(messages: Sequence[BaseMessage]) -> Iterable[JsonObject]:
        resolved = route.resolve_in(route.known_region)
        built: list[JsonObject] = build_request(messages, RequestOptions(), resolved).body[
            "messages"
        ]
        return built

    model = ChatClaudeCloud(model=target.model_name, platform=config, effort="low")
    Agent(console, model, turns, cut_at=_LIVE_CUT).run()


def _run_offline(console: Console, cloud: CloudName, target: Target) -> None:
    try:
        with CloudEmulator(event_delay=_EVENT_DELAY) as emulator:
            write_script(emulator)
            made = emulator.bedrock() if cloud is CloudName.BEDROCK else emulator.vertex()
            model = ChatClaudeCloud(model=target.model_name, platform=made)
            Agent(console, model, lambda _: emulator.requests[-1].body["messages"]).run()
    except ImportError as error:
        raise CommandError(str(error)) from error


def write_script(emulator: CloudEmulator) -> None:
    """Queue the emulator's answers for one run of the demo."""
    things = ("jacket", "walking shoes", "sunglasses", "umbrella", "transit card", "plug adapter")
    lines = "\n".join(f"{number}. {thing}" for number, thing in enumerate(things, 1))
    file = tool_use("write_file", {"path": "packing.md", "content": f"# Lisbon\n\n{lines}\n"})
    emulator.reply(text("First the weather."), tool_use("get_weather", {"city": "Lisbon"}))
    emulator.fault(text("Windy. I write the list."), file, max_tokens_in_call=True)
    emulator.reply(text("That call was cut off. I send it again, whole."), file)
    emulator.reply(text("I looked up the weather in Lisbon and wrote a list to packing.md."))


class Agent:
    """The loop: ask, run the calls that are whole, answer those that are not with an error.

    Args:
        console: Where it is shown.
        model: Whom to ask.
        turns: How the conversation went to the model.
        cut_at: A ``max_tokens`` that provokes the cut.
    """

    def __init__(
        self, console: Console, model: ChatClaudeCloud, turns: Turns, cut_at: int = _ROOM
    ) -> None:
        self._console, self._turns, self._cut_at = console, turns, cut_at
        self._files: dict[str, str] = {}
        self._cities: list[str] = []
        self._tools = {one.name: one for one in self._make_tools()}
        self._model = model.bind_tools(list(self._tools.values()))
        self._messages: list[BaseMessage] = [HumanMessage(_TASK)]
        self._broken: InvalidToolCall | None = None
        self._pieces = 0

    def _make_tools(self) -> list[BaseTool]:
        @tool
        def get_weather(city: str) -> str:
            """Look up the weather forecast for a city."""
            self._cities.append(city)
            return f"{city}: 17 to 24 degrees, windy, showers on the second day."

        @tool
        def write_file(path: str, content: str) -> str:
            """Write a file, replacing what was there."""
            self._files[path] = content
            return f"wrote {len(content)} characters to {path}"

        return [get_weather, write_file]

    def run(self) -> None:
        """Run until the model has no more calls.

        Raises:
            CommandError: A step did not do what it should.
        """
        for step in range(1, _MOST_STEPS + 1):
            self._say(f"Step {step}", "bold")
            answer = self._ask()
            if self._needs_more_room(answer):
                continue
            self._messages.append(answer)
            results = [self._execute(call) for call in answer.tool_calls]
            results += [self._refuse(answer, broken) for broken in answer.invalid_tool_calls]
            if not results:
                return self._check_end(answer)
            self._messages += results
        raise CommandError(f"The model was not done after {_MOST_STEPS} steps.")

    def _say(self, line: str, style: str = "dim") -> None:
        self._console.print(Text(line, style))

    def _ask(self) -> AIMessage:
        to_be_cut = self._broken is None and bool(self._cities)
        limit = self._cut_at if to_be_cut else _ROOM
        answer: AIMessage | None = None
        column = self._pieces = 0
        for chunk in self._model.stream(self._messages, max_tokens=limit):
            answer = chunk if answer is None else answer + chunk  # type: ignore[assignment]  # chunks add up to a chunk
            for piece in (chunk.text, *_arguments(chunk)):
                if column + len(piece) > self._console.width:
                    self._console.print()
                    column = 0
                self._console.out(piece, end="", highlight=False)
                column += len(piece)
            self._pieces += any(_arguments(chunk))
        _require(answer is not None, "an answer had no chunks")
        return self._end_of_step(answer or AIMessage(""))

    def _end_of_step(self, answer: AIMessage) -> AIMessage:
        self._console.print()
        if self._pieces:
            self._say(f"arguments came in {self._pieces} pieces", "cyan")
        self._say(describe_usage(answer))
        last = self._messages[-1]
        if self._broken and isinstance(last, ToolMessage) and last.status == "error":
            self._check_wire(self._broken)
        return answer

    def _needs_more_room(self, answer: AIMessage) -> bool:
        """Whether an answer was cut before it came to a call: then it is asked for again."""
        cut = answer.response_metadata.get("stop_reason") == "max_tokens"
        if not cut or answer.invalid_tool_calls:
            return False
        _require(self._cut_at < _LARGEST_CUT, f"no call was begun within {self._cut_at} tokens")
        self._cut_at *= 2
        self._say("cut before the call began; asked again with more room")
        return True

    def _execute(self, call: ToolCall) -> ToolMessage:
        _require(call["name"] in self._tools, f"there is no tool {call['name']}")
        result: ToolMessage = self._tools[call["name"]].invoke(call)
        self._say(f"{result.name} was run: {result.text}", "green")
        return result

    def _refuse(self, answer: AIMessage, broken: InvalidToolCall) -> ToolMessage:
        """Show and check a call that is not whole, and answer it with an error."""
        reason = answer.response_metadata.get("stop_reason")
        whole = [block for block in answer.content_blocks if block["type"] == "tool_call"]
        named = [call["id"] for call in (*answer.tool_calls, *whole)]
        _require(
            reason == "max_tokens",
            f"a call is invalid, but not because of max_tokens: {broken['error']}",
        )
        _require(broken["id"] not in named, "the cut call passes for a whole one")
        _require(not self._files, "a file was written although the call was cut")
        _require(self._pieces > 1, "the arguments did not grow while they streamed")
        self._broken = broken
        self._say(f"{broken['name']} was cut off and not run: {broken['error']}", "red")
        return ToolMessage(
            f"Not run: {broken['error']}. Nothing was written. Send the whole call again.",
            tool_call_id=broken["id"] or "",
            name=broken["name"],
            status="error",
        )

    def _check_wire(self, broken: InvalidToolCall) -> None:
        """Show, and check, how the cut call went back to the model."""
        turns = [turn["content"] for turn in self._turns(self._messages)]
        blocks = [block for content in turns if isinstance(content, list) for block in content]
        sent = [b for b in blocks if broken["id"] in (b.get("id"), b.get("tool_use_id"))]
        for block in sent:
            self._say(f"sent back: {json.dumps(block, ensure_ascii=False)}", "yellow")
        found: dict[str, JsonObject] = {block["type"]: block for block in sent}
        raw = {"INVALID_JSON": broken["args"]}
        same = found.get("tool_use", {}).get("input") == raw
        _require(same, "the cut call went back as something else than its raw text")
        is_error = found.get("tool_result", {}).get("is_error") is True
        _require(is_error, "its result was not marked as an error")

    def _check_end(self, answer: AIMessage) -> None:
        _require(bool(self._cities), "the weather was not looked up")
        _require(self._broken is not None, "no call was cut off")
        _require(bool(self._files), "the second attempt wrote no file")
        _require(bool(answer.text), "the last answer has no text")


def _arguments(chunk: BaseMessage) -> list[str]:
    """Return the pieces of tool calls in a chunk, as they came."""
    pieces = getattr(chunk, "tool_call_chunks", [])
    return [f"\n{piece['name']} " if piece["name"] else piece["args"] or "" for piece in pieces]


def _require(condition: bool, complaint: str) -> None:  # noqa: FBT001  # as `assert` is
    if not condition:
        raise CommandError(f"The demo failed: {complaint}.")
