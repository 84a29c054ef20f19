"""The command ``demo``: an agent's loop on both clouds, one of its calls cut off.

In: which clouds, and whether the real ones. Out: what happened, as it happens, and a
`CommandError` if a step did not do what it should. Offline, the emulator answers from a
script, in each cloud's own framing; live, a small ``max_tokens`` cuts the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    ToolMessage,
)
from rich.console import Console

from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli import demo_script as script
from langchain_claude_cloud.cli.common import CloudName, CommandError, Target
from langchain_claude_cloud.cli.demo_view import Step, View
from langchain_claude_cloud.cli.demo_wire import Wire
from langchain_claude_cloud.config import Bedrock, Vertex

_MOST_STEPS = 10
_ROOM = 8_000
"""Tokens for an answer that is not to be cut."""
_LIVE_CUT = 500
"""Tokens for the answer that is to be cut; the file alone needs about three times as many."""
_LARGEST_CUT = 2_000


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
    view = View(console)
    for cloud in clouds:
        with _stage(cloud, target, live=live) as (platform, wire):
            model = ChatClaudeCloud(
                model=target.model_name, platform=platform, effort="low" if live else None
            )
            view.introduce(platform, model.model, script.task(live=live), live=live)
            steps = Agent(model, wire, view, live=live).run()
            view.print_costs(steps)
    view.conclude()


@contextmanager
def _stage(
    cloud: CloudName, target: Target, *, live: bool
) -> Iterator[tuple[Vertex | Bedrock, Wire]]:
    """Give the platform to ask, and the view of what is sent to it."""
    if live:
        config = target.config(cloud)
        yield config, Wire(config, target.model_name)
        return
    try:
        from langchain_claude_cloud.testing import CloudEmulator  # noqa: PLC0415  # an extra

        with CloudEmulator(event_delay=script.EVENT_DELAY) as emulator:
            script.write(emulator)
            made = emulator.bedrock() if cloud is CloudName.BEDROCK else emulator.vertex()
            yield made, Wire(made, target.model_name, emulator)
    except ImportError as error:
        raise CommandError(str(error)) from error


class Agent:
    """The loop: ask, run the calls that are whole, answer those that are not with an error.

    Args:
        model: Whom to ask.
        wire: What was sent.
        view: Where it is shown.
        live: Whether a small ``max_tokens`` must provoke the cut.
    """

    def __init__(self, model: ChatClaudeCloud, wire: Wire, view: View, *, live: bool) -> None:
        self._workspace = script.Workspace()
        self._model = model.bind_tools(self._workspace.tools)
        self._wire = wire
        self._view = view
        self._cut_at = _LIVE_CUT if live else _ROOM
        self._broken: InvalidToolCall | None = None
        self._messages: list[BaseMessage] = [HumanMessage(script.task(live=live))]
        self.steps: list[Step] = []

    def run(self) -> list[Step]:
        """Run until the model has no more calls.

        Returns:
            The steps.

        Raises:
            CommandError: A step did not do what it should.
        """
        for _ in range(_MOST_STEPS):
            answer = self._ask()
            if self._needs_more_room(answer):
                self._cut_at *= 2
                continue
            self._messages.append(answer)
            results = self._run_calls(answer)
            if not results:
                self._check_end(answer)
                return self.steps
            self._messages += results
        raise CommandError(f"The model was not done after {_MOST_STEPS} steps.")

    def _ask(self) -> AIMessage:
        to_be_cut = self._broken is None and self._workspace.has_weather
        chunks = self._model.stream(self._messages, max_tokens=self._cut_at if to_be_cut else _ROOM)
        self.steps.append(self._view.watch(f"Step {len(self.steps) + 1}", chunks))
        last = self._messages[-1]
        if self._broken is not None and isinstance(last, ToolMessage) and last.status == "error":
            self._check_wire(self._broken)
        return self.steps[-1].answer

    def _needs_more_room(self, answer: AIMessage) -> bool:
        """Whether an answer was cut before it came to a call: then it is asked for again."""
        cut = answer.response_metadata.get("stop_reason") == "max_tokens"
        if not cut or answer.invalid_tool_calls:
            return False
        if self._cut_at >= _LARGEST_CUT:
            raise CommandError(
                f"The model wrote no call within {self._cut_at} tokens, so none could be cut."
            )
        self._view.note("cut before the call began; asked again with more room")
        return True

    def _run_calls(self, answer: AIMessage) -> list[ToolMessage]:
        """Run the whole calls; refuse the one that is not."""
        results = [self._workspace.execute(call) for call in answer.tool_calls]
        for result in results:
            self._view.note(f"{result.name} was run: {result.text}")
        for broken in answer.invalid_tool_calls:
            self._check_cut(answer, broken)
            self._view.show_cut(broken)
            self._broken = broken
            results.append(_refusal(broken))
        return results

    def _check_cut(self, answer: AIMessage, broken: InvalidToolCall) -> None:
        whole = [block for block in answer.content_blocks if block["type"] == "tool_call"]
        named = [call["id"] for call in [*answer.tool_calls, *whole]]
        _require(
            answer.response_metadata.get("stop_reason") == "max_tokens",
            f"a call is invalid, but not because of max_tokens: {broken['error']}",
        )
        _require(broken["id"] not in named, "the cut call passes for a whole one")
        _require(not self._workspace.files, "a file was written although the call was cut")
        _require(self.steps[-1].grew, "the arguments did not grow while they streamed")

    def _check_wire(self, broken: InvalidToolCall) -> None:
        """Show, and check, how the cut call went back to the model."""
        call, result = self._wire.pair(self._messages, broken["id"] or "")
        self._view.show_wire(call, result)
        _require(
            call.get("input") == {"INVALID_JSON": broken["args"]},
            "the cut call went back as something else than its raw text",
        )
        _require(result.get("is_error") is True, "its result was not marked as an error")

    def _check_end(self, answer: AIMessage) -> None:
        files = self._workspace.files
        _require(self._workspace.has_weather, "the weather was not looked up")
        _require(self._broken is not None, "no call was cut off")
        _require(bool(files), "the second attempt wrote no file")
        _require(bool(answer.text), "the last answer has no text")
        sizes = [f"{path}, {len(content)} characters" for path, content in files.items()]
        self._view.note(f"written once, whole: {'; '.join(sizes)}")


def _refusal(broken: InvalidToolCall) -> ToolMessage:
    return ToolMessage(
        f"Not run: {broken['error']}. Nothing was written. Send the whole call again.",
        tool_call_id=broken["id"] or "",
        name=broken["name"],
        status="error",
    )


def _require(condition: bool, complaint: str) -> None:  # noqa: FBT001  # as `assert` is
    if not condition:
        raise CommandError(f"The demo failed: {complaint}.")
